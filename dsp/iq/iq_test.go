package iq

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// format is one kind of bytes with its definition, written out one part at a time.
type format struct {
	name    string
	convert func([]complex64, []byte) int
	size    int // bytes per sample
	part    func(b []byte) float64
	tol     float64
}

var formats = []format{
	{"cu8", CU8, 2, func(b []byte) float64 { return (float64(b[0]) - 127.5) / 127.5 }, 1.2e-7},
	{"cs8", CS8, 2, func(b []byte) float64 { return float64(int8(b[0])) / 128 }, 0},
	{"cs16", CS16, 4, func(b []byte) float64 { return float64(int16(uint16(b[0])|uint16(b[1])<<8)) / 32768 }, 0},
	{"cf32", CF32, 8, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }, 0},
}

// check converts src and compares with the definition, and that nothing beyond is touched.
func check(t *testing.T, f format, src []byte, room int) {
	t.Helper()
	const mark = complex64(12345 + 54321i)
	dst := make([]complex64, room+3)
	for i := range dst {
		dst[i] = mark
	}
	n := f.convert(dst[:room], src)
	if want := min(room, len(src)/f.size); n != want {
		t.Fatalf("%s: got %d samples of %d bytes into %d, want %d", f.name, n, len(src), room, want)
	}
	for i, v := range dst[:n] {
		b := src[i*f.size:]
		re, im := f.part(b), f.part(b[f.size/2:])
		if !same(real(v), re, f.tol) || !same(imag(v), im, f.tol) {
			t.Fatalf("%s: sample %d: got %v, want (%g%+gi)", f.name, i, v, re, im)
		}
	}
	for i, v := range dst[n:] {
		if v != mark {
			t.Fatalf("%s: wrote %v behind the last of %d samples, at %d", f.name, v, n, n+i)
		}
	}
}

func same(got float32, want, tol float64) bool {
	if math.IsNaN(want) {
		return got != got
	}
	return float64(got) == want || math.Abs(float64(got)-want) <= tol
}

func TestFormats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range formats {
		for _, size := range []int{0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 510, 511, 512, 513, 514, 2051, 4099} {
			for _, off := range []int{0, 1, 2, 3} {
				src := make([]byte, off+size)
				for i := range src {
					src[i] = byte(r.Uint32())
				}
				whole := size / f.size
				for _, room := range []int{whole, whole + 5, whole / 2} {
					check(t, f, src[off:], room)
				}
			}
		}
	}
}

func TestEveryByte(t *testing.T) {
	src := make([]byte, 512)
	for i := range src {
		src[i] = byte(i / 2)
	}
	for _, f := range formats {
		check(t, f, src, len(src)/f.size)
	}
}

func TestFullScale(t *testing.T) {
	for _, c := range []struct {
		f    func([]complex64, []byte) int
		src  []byte
		want complex64
	}{
		{CU8, []byte{0, 255}, -1 + 1i},
		{CU8, []byte{127, 128}, complex(float32(-0.5/127.5), float32(0.5/127.5))},
		{CS8, []byte{0x80, 0x7f}, complex(-1, 127.0/128)},
		{CS16, []byte{0, 0x80, 0xff, 0x7f}, complex(-1, 32767.0/32768)},
		{CF32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf}, 1 - 0.5i},
	} {
		var dst [1]complex64
		if n := c.f(dst[:], c.src); n != 1 || math.Abs(float64(real(dst[0]-c.want))) > 1.2e-7 || math.Abs(float64(imag(dst[0]-c.want))) > 1.2e-7 {
			t.Errorf("% x: got %d sample %v, want %v", c.src, n, dst[0], c.want)
		}
	}
}

func TestDeinterleave(t *testing.T) {
	for n := range 70 {
		x := make([]complex64, n)
		for i := range x {
			x[i] = complex(float32(i), float32(-i)-0.5)
		}
		re, im := make([]float32, n+1), make([]float32, n+1)
		re[n], im[n] = 77, 77
		Deinterleave(re, im, x)
		for i, v := range x {
			if re[i] != real(v) || im[i] != imag(v) {
				t.Fatalf("n=%d: sample %d: got (%g, %g), want %v", n, i, re[i], im[i], v)
			}
		}
		if re[n] != 77 || im[n] != 77 {
			t.Fatalf("n=%d: wrote behind the last sample", n)
		}
	}
}

func TestFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for n := range 20 {
		x := make([]complex64, n)
		for i := range x {
			x[i] = complex(math.MaxFloat32, -math.SmallestNonzeroFloat32)
		}
		if !Finite(x) {
			t.Errorf("%d samples of extreme but finite values: got false, want true", n)
		}
		for i := range x {
			for _, bad := range []complex64{complex(inf, 0), complex(0, -inf), complex(nan, 0), complex(0, nan),
				complex(math.Float32frombits(0x7f800001), 0), complex(inf, -inf)} {
				was := x[i]
				x[i] = bad
				if Finite(x) {
					t.Errorf("%d samples with %v at %d: got true, want false", n, bad, i)
				}
				x[i] = was
			}
		}
	}
}

func FuzzFormats(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add([]byte{0, 255, 127, 128, 1}, 2)
	f.Add(make([]byte, 1030), 600)
	f.Fuzz(func(t *testing.T, src []byte, room int) {
		room &= 1023
		for _, fm := range formats {
			check(t, fm, src, room)
		}
	})
}

func TestAllocations(t *testing.T) {
	src, dst, re, im := make([]byte, 8<<10), make([]complex64, 1<<10), make([]float32, 1<<10), make([]float32, 1<<10)
	got := testing.AllocsPerRun(20, func() {
		for _, f := range formats {
			f.convert(dst, src)
		}
		Deinterleave(re, im, dst)
		Finite(dst)
	})
	if got != 0 {
		t.Errorf("got %g allocations per run, want 0", got)
	}
}

func BenchmarkConvert(b *testing.B) {
	const n = 16384
	dst, src := make([]complex64, n), make([]byte, 8*n)
	for _, f := range formats {
		b.Run(f.name, func(b *testing.B) {
			for b.Loop() {
				f.convert(dst, src)
			}
			perSample(b, n)
		})
	}
	re, im := make([]float32, n), make([]float32, n)
	b.Run("deinterleave", func(b *testing.B) {
		for b.Loop() {
			Deinterleave(re, im, dst)
		}
		perSample(b, n)
	})
	b.Run("finite", func(b *testing.B) {
		for b.Loop() {
			Finite(dst)
		}
		perSample(b, n)
	})
}

func perSample(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "MS/s")
}

// TestOffsetIsOne: every byte at every place of a block, and behind the last whole block, gives the same number.
func TestOffsetIsOne(t *testing.T) {
	src := make([]byte, 16+1)
	dst := make([]complex64, 8)
	for b := range 256 {
		for i := range src {
			src[i] = byte(b)
		}
		var one [1]complex64
		CU8(one[:], src[:2])
		CU8(dst, src)
		for i, v := range dst {
			if v != one[0] || real(v) != imag(v) {
				t.Fatalf("byte %d, sample %d: got %v, alone %v", b, i, v, one[0])
			}
		}
	}
}

func TestPeak(t *testing.T) {
	for _, tt := range []struct {
		x    []complex64
		want float32
	}{{nil, 0}, {[]complex64{0.5 - 0.75i, 0.25}, 0.75}, {[]complex64{-2, 1i, 0, 0, 0, 0, 0, 0, 0, 0}, 2}} {
		if got := Peak(tt.x); got != tt.want {
			t.Errorf("%v: got %g, want %g", tt.x, got, tt.want)
		}
	}
}
