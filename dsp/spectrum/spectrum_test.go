package spectrum

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	"subrosa/dsp/iq"
	"subrosa/dsp/window"
)

var windows = []struct {
	name string
	make func(int) []float32
}{{"rect", window.Rect}, {"hann", window.Hann}, {"blackman", window.Blackman}, {"blackman-harris", window.BlackmanHarris}}

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol }

func TestToneReadsFullScale(t *testing.T) {
	for _, win := range windows {
		for _, n := range []int{64, 256, 1024, 4096} {
			w := NewWelch(n, n/2, win.make(n))
			s := NewSTFT(n, n/2, win.make(n))
			for _, bin := range []int{8, n/4 + 1, n/2 - 8} {
				x, y := make([]complex64, n), make([]float32, n)
				for i := range x {
					phase := 2 * math.Pi * float64(bin*i%n) / float64(n)
					x[i] = complex64(cmplx.Rect(1, phase+0.3))
					y[i] = float32(math.Cos(phase + 1.1))
				}
				p := make([]float32, n)
				w.Power(p, x)
				if !near(float64(p[bin]), 1, 1e-5) || slices.Max(p) != p[bin] {
					t.Errorf("Welch %s %d: got %g in bin %d, maximum %g, want 1 there", win.name, n, p[bin], bin, slices.Max(p))
				}
				if mirror := p[n-bin]; mirror > 1e-9 {
					t.Errorf("Welch %s %d: got %g at the negative of bin %d, want nothing", win.name, n, mirror, bin)
				}
				q := make([]float32, n/2+1)
				s.Power(q, y)
				if !near(float64(q[bin]), 1, 1e-5) || slices.Max(q) != q[bin] {
					t.Errorf("STFT %s %d: got %g in bin %d, maximum %g, want 1 there", win.name, n, q[bin], bin, slices.Max(q))
				}
			}
		}
	}
}

func TestConstantReadsFullScale(t *testing.T) {
	const n = 256
	s, q := NewSTFT(n, n, window.Hann(n)), make([]float32, n/2+1)
	x := make([]float32, n)
	for i := range x {
		x[i] = -1
	}
	s.Power(q, x)
	if !near(float64(q[0]), 1, 1e-6) {
		t.Errorf("constant: got %g, want 1", q[0])
	}
	for i := range x {
		x[i] = float32(1 - 2*(i%2))
	}
	s.Power(q, x)
	if !near(float64(q[n/2]), 1, 1e-6) {
		t.Errorf("half the rate: got %g, want 1", q[n/2])
	}
}

// The mean noise reading is that of the package comment.
func TestNoiseDensity(t *testing.T) {
	const n, frames, sigma = 512, 400, 0.1
	r := rand.New(rand.NewPCG(1, 2))
	for _, win := range windows {
		taper := win.make(n)
		w, s := NewWelch(n, n, taper), NewSTFT(n, n, taper)
		wa, sa := NewAverage(n, frames), NewAverage(n/2+1, frames)
		x, y, p, q := make([]complex64, n), make([]float32, n), make([]float32, n), make([]float32, n/2+1)
		var wm, sm []float32
		for range frames {
			for i := range x {
				x[i] = complex(float32(r.NormFloat64()*sigma/math.Sqrt2), float32(r.NormFloat64()*sigma/math.Sqrt2))
				y[i] = float32(r.NormFloat64() * sigma)
			}
			w.Power(p, x)
			s.Power(q, y)
			wm, sm = wa.Add(p), sa.Add(q)
		}
		mean := func(v []float32) float64 {
			sum := 0.0
			for _, u := range v {
				sum += float64(u)
			}
			return sum / float64(len(v))
		}
		want := sigma * sigma * window.ENBW(taper) / n
		if got := mean(wm) / want; !near(got, 1, 0.02) {
			t.Errorf("%s: got %.4f of the noise expected in complex bins, want 1", win.name, got)
		}
		if got := mean(sm[2:n/2-1]) / (4 * want); !near(got, 1, 0.02) {
			t.Errorf("%s: got %.4f of the noise expected in real bins, want 1", win.name, got)
		}
	}
}

func TestPowerLeavesInput(t *testing.T) {
	const n = 128
	x, y := make([]complex64, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = complex(float32(i), 1), float32(i)
	}
	x0, y0 := slices.Clone(x), slices.Clone(y)
	NewWelch(n, n, window.Hann(n)).Power(make([]float32, n), x)
	NewSTFT(n, n, window.Hann(n)).Power(make([]float32, n/2+1), y)
	if !slices.Equal(x, x0) || !slices.Equal(y, y0) {
		t.Error("Power changed its input")
	}
}

func TestShiftAndBinHz(t *testing.T) {
	const n, rate = 8, 2.4e6
	hz := make([]float32, n)
	for i := range hz {
		hz[i] = float32(BinHz(i, n, rate))
	}
	want := []float32{-1.2e6, -0.9e6, -0.6e6, -0.3e6, 0, 0.3e6, 0.6e6, 0.9e6}
	got := make([]float32, n)
	Shift(got, hz)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	Shift(got, got)
	if !slices.Equal(got, hz) {
		t.Errorf("shifted twice in place: got %v, want %v", got, hz)
	}
}

func TestAverage(t *testing.T) {
	a := NewAverage(2, 3)
	for round := range 2 {
		base := float32(10 * round)
		for i := range 3 {
			got := a.Add([]float32{base + float32(i), 6})
			if i < 2 && (got != nil || a.Len() != i+1) {
				t.Fatalf("after %d: got %v (%d), want nothing yet", i+1, got, a.Len())
			}
			if i == 2 && !slices.Equal(got, []float32{base + 1, 6}) {
				t.Fatalf("got %v, want the mean of three", got)
			}
		}
	}
	a.Add([]float32{1e9, 1e9})
	a.Reset()
	if a.Add([]float32{3, 3}); a.Len() != 1 {
		t.Errorf("after Reset: got %d, want 1", a.Len())
	}
	a.Add([]float32{3, 3})
	if got := a.Add([]float32{3, 3}); !slices.Equal(got, []float32{3, 3}) {
		t.Errorf("after Reset: got %v, want nothing of what came before", got)
	}
}

func TestPanics(t *testing.T) {
	odd := 3
	for name, f := range map[string]func(){
		"window length": func() { NewWelch(64, 32, window.Hann(63)) },
		"hop 0":         func() { NewSTFT(64, 0, window.Hann(64)) },
		"not 2^k":       func() { NewSTFT(48, 24, window.Hann(48)) },
		"zero window":   func() { NewWelch(64, 32, make([]float32, 64)) },
		"framer":        func() { NewFramer[float32](0, 1) },
		"framer hop":    func() { NewFramer[float32](1, 0) },
		"average":       func() { NewAverage(4, 0) },
		"odd shift":     func() { Shift(make([]float32, odd), make([]float32, odd)) },
		"short frame":   func() { NewWelch(64, 32, window.Hann(64)).Power(make([]float32, 64), make([]complex64, 63)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestAllocations(t *testing.T) {
	const n = 1024
	w, s, a := NewWelch(n, n/2, window.Hann(n)), NewSTFT(n, n/2, window.Hann(n)), NewAverage(n, 2)
	p, x, y := make([]float32, n), make([]complex64, n), make([]float32, n)
	got := testing.AllocsPerRun(10, func() {
		w.Power(p, x)
		a.Add(p)
		s.Power(p, y)
		Shift(p, p)
	})
	if got != 0 {
		t.Errorf("got %g allocations per run, want 0", got)
	}
}

func BenchmarkWelch(b *testing.B) {
	for _, n := range []int{1024, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, p, x := NewWelch(n, n, window.Hann(n)), make([]float32, n), make([]complex64, n)
			for b.Loop() {
				w.Power(p, x)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "MS/s")
		})
	}
}

// From the receiver's bytes to an averaged spectrum, frames not overlapping.
func BenchmarkBytesToSpectrum(b *testing.B) {
	for _, n := range []int{1024, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, a := NewWelch(n, n, window.Hann(n)), NewAverage(n, 16)
			raw, p, x := make([]byte, 2*n), make([]float32, n), make([]complex64, n)
			for i := range raw {
				raw[i] = byte(i * 197)
			}
			for b.Loop() {
				iq.CU8(x, raw)
				w.Power(p, x)
				a.Add(p)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "MS/s")
		})
	}
}

func BenchmarkSTFT(b *testing.B) {
	for _, n := range []int{1024, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, p, x := NewSTFT(n, n, window.Hann(n)), make([]float32, n/2+1), make([]float32, n)
			for b.Loop() {
				s.Power(p, x)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "MS/s")
		})
	}
}

func TestOrdered(t *testing.T) {
	for _, n := range []int{2, 4, 8, 64, 2048} {
		w := NewWelch(n, n, window.Rect(n))
		x := make([]complex64, n)
		r := rand.New(rand.NewPCG(1, uint64(n)))
		for i := range x {
			x[i] = complex(float32(r.NormFloat64()), float32(r.NormFloat64()))
		}
		want, got := make([]float32, n), make([]float32, n)
		w.Power(got, x)
		Shift(want, got)
		w.Ordered(got, x)
		if !slices.Equal(got, want) {
			t.Errorf("n=%d: got %v, want %v", n, got, want)
		}
	}
}

func TestTaper(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for n := range 40 {
		x, win := make([]complex64, n), make([]float32, n)
		for i := range x {
			x[i], win[i] = complex(r.Float32(), r.Float32()), r.Float32()
		}
		re, im := make([]float32, n+1), make([]float32, n+1)
		re[n], im[n] = 7, 7
		taper(re, im, x, win)
		for i, v := range x {
			if re[i] != real(v)*win[i] || im[i] != imag(v)*win[i] {
				t.Fatalf("n=%d, sample %d: got (%g, %g)", n, i, re[i], im[i])
			}
		}
		if re[n] != 7 || im[n] != 7 {
			t.Fatalf("n=%d: wrote behind the last", n)
		}
	}
}
