package pipe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/cmplx"
	"strings"
	"testing"
	"testing/iotest"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

var format = sdr.Format{Rate: 250_000, Centre: 433.92e6}

// ramp returns samples that can be told apart.
func ramp(n int) []complex64 {
	x := make([]complex64, n)
	for i := range x {
		x[i] = complex(float32(i)/float32(n), -float32(i)/float32(n))
	}
	return x
}

// sent returns what a writer sends for a recording with a gap of 480 samples at half.
func sent(t testing.TB, x []complex64, end bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, format)
	if err != nil {
		t.Fatal(err)
	}
	half := len(x) / 2
	if err := errors.Join(w.Write(0, x[:half]), w.Write(int64(half)+480, x[half:])); err != nil {
		t.Fatal(err)
	}
	if end {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	x := ramp(30_000) // more than a block holds
	whole, cut := sent(t, x, true), sent(t, x, false)
	for _, tt := range []struct {
		name string
		in   func() io.Reader
		want []complex64
		end  error
	}{
		{"whole", func() io.Reader { return bytes.NewReader(whole) }, x, io.EOF},
		{"byte by byte", func() io.Reader { return iotest.OneByteReader(bytes.NewReader(whole)) }, x, io.EOF},
		{"writer died", func() io.Reader { return bytes.NewReader(cut) }, x, io.ErrUnexpectedEOF},
		{"writer died inside a sample", func() io.Reader { return bytes.NewReader(cut[:len(cut)-3]) }, x[:len(x)-1], io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sdrtest.Run(t, func(tb testing.TB) sdr.Source {
				r, err := New(tt.in())
				if err != nil {
					tb.Fatal(err)
				}
				return r
			}, sdrtest.Want{Format: format, Samples: tt.want, Gaps: map[int64]int64{15_000: 480}, End: tt.end})
		})
	}
}

func head(rate uint32, centre float64) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), rate)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(centre))
}

func TestHeaderErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "unexpected EOF"},
		{"sound", []byte("srsound1 and then so on"), `starts with "srsound1"`},
		{"cut", head(250_000, 0)[:15], "unexpected EOF"},
		{"no rate", head(0, 0), "0 samples/s"},
		{"negative centre", head(1, -1), "-1 Hz"},
		{"centre not a number", head(1, math.NaN()), "NaN Hz"},
	} {
		if _, err := New(bytes.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	for _, f := range []sdr.Format{{}, {Rate: 1, Centre: math.Inf(1)}} {
		if _, err := NewWriter(io.Discard, f); err == nil {
			t.Errorf("made a writer of %+v", f)
		}
	}
}

func TestNotFiniteNamesSample(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, format)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(7, []complex64{0, complex(0, float32(math.Inf(-1)))}); err != nil {
		t.Fatal(err)
	}
	r, err := New(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, n, err := r.Read(make([]complex64, 4))
	if n != 1 || !errors.Is(err, sdr.ErrNotFinite) || !strings.Contains(err.Error(), "(frame 8)") {
		t.Errorf("got %d samples, %v, want 1 and %v at 8", n, err, sdr.ErrNotFinite)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sent(f, ramp(20), true))
	f.Add(sent(f, ramp(20), false))
	f.Add(append(head(1, 0), 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff))
	x := make([]complex64, 4096)
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := New(bytes.NewReader(in))
		if err != nil {
			return
		}
		var next int64
		var count int
		for {
			at, n, err := r.Read(x)
			if at < next {
				t.Fatalf("index %d after %d", at, next)
			}
			next, count = at+int64(n), count+n
			for _, v := range x[:n] {
				if cmplx.IsNaN(complex128(v)) || cmplx.IsInf(complex128(v)) {
					t.Fatalf("got %v before sample %d", v, next)
				}
			}
			if err != nil {
				break
			}
			if n == 0 {
				t.Fatal("read nothing, without an error")
			}
		}
		if 8*count > len(in) {
			t.Fatalf("%d samples from %d bytes", count, len(in))
		}
	})
}

func BenchmarkPipe(b *testing.B) {
	var wire bytes.Buffer
	w, err := NewWriter(&wire, format)
	if err != nil {
		b.Fatal(err)
	}
	r, err := New(&wire)
	if err != nil {
		b.Fatal(err)
	}
	x := ramp(4096)
	b.ReportAllocs()
	b.SetBytes(int64(8 * len(x)))
	for at := int64(0); b.Loop(); at += 4096 {
		if err := w.Write(at, x); err != nil {
			b.Fatal(err)
		}
		if _, n, err := r.Read(x); n != 4096 || err != nil {
			b.Fatal(n, err)
		}
	}
}
