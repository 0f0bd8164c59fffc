package correlate

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

func noise(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// direct is the definition, O(n·lags).
func direct(x, y []float32, lags int) []float64 {
	var ex, ey float64
	for i := range x {
		ex += float64(x[i]) * float64(x[i])
		ey += float64(y[i]) * float64(y[i])
	}
	out := make([]float64, 2*lags+1)
	for d := -lags; d <= lags; d++ {
		sum := 0.0
		for i := range y {
			if j := i + d; j >= 0 && j < len(x) {
				sum += float64(x[j]) * float64(y[i])
			}
		}
		out[lags+d] = sum / math.Sqrt(ex*ey)
	}
	return out
}

// whitened is PHAT by gonum in float64, at the same number of points and with the same leak.
func whitened(x, y []float32, lags, points int) []float64 {
	wide := func(x []float32) (out []float64, energy float64) {
		out = make([]float64, points)
		for i, v := range x {
			out[i] = float64(v)
			energy += float64(v) * float64(v)
		}
		return out, energy
	}
	f := fourier.NewFFT(points)
	wx, ex := wide(x)
	wy, ey := wide(y)
	a, b := f.Coefficients(nil, wx), f.Coefficients(nil, wy)
	for i := range a {
		a[i] *= cmplx.Conj(b[i])
		a[i] /= complex(cmplx.Abs(a[i])+1e-6*math.Sqrt(ex*ey), 0)
	}
	seq := f.Sequence(nil, a)
	out := make([]float64, 2*lags+1)
	for d := -lags; d <= lags; d++ {
		out[lags+d] = seq[(d+points)%points] / float64(points)
	}
	return out
}

func TestAgainstDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, lags int }{{2, 0}, {2, 1}, {3, 2}, {100, 99}, {100, 7}, {128, 0}, {1000, 300}, {4096, 4095}} {
		p := New(c.n, c.lags)
		x, y := noise(r, c.n), noise(r, c.n)
		for i := range y {
			y[i] += 0.5 * x[(i+3)%c.n]
		}
		got := make([]float32, 2*c.lags+1)
		p.NCC(got, x, y)
		far(t, fmt.Sprintf("NCC %+v", c), got, direct(x, y, c.lags), 2e-6)
		p.PHAT(got, x, y)
		far(t, fmt.Sprintf("PHAT %+v", c), got, whitened(x, y, c.lags, p.points), 2e-5)
	}
}

func far(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	for i := range got {
		if !(math.Abs(float64(got[i])-want[i]) <= tol) {
			t.Fatalf("%s: place %d: got %g, want %g", what, i, got[i], want[i])
		}
	}
}

// TestTenSeconds: a weak copy among noise is found at its delay, by both.
func TestTenSeconds(t *testing.T) {
	const n, delay, lags = 480_000, 4321, 48_000
	r := rand.New(rand.NewPCG(3, 4))
	y, x := noise(r, n), noise(r, n)
	for i := delay; i < n; i++ {
		x[i] += 0.05 * y[i-delay] // -26 dB
	}
	p, got := New(n, lags), make([]float32, 2*lags+1)
	for name, f := range map[string]func(dst, x, y []float32){"NCC": p.NCC, "PHAT": p.PHAT} {
		f(got, x, y)
		if d, v := Peak(got); math.Abs(d-delay) > 0.5 || v < 0.03 {
			t.Errorf("%s: peak of %g at %g, want it at %d", name, v, d, delay)
		}
	}
}

func TestLaws(t *testing.T) {
	const n, lags = 777, 500
	r := rand.New(rand.NewPCG(5, 6))
	p := New(n, lags)
	x, y := noise(r, n), noise(r, n)
	for name, f := range map[string]func(dst, x, y []float32){"NCC": p.NCC, "PHAT": p.PHAT} {
		ab, ba, louder := make([]float32, 2*lags+1), make([]float32, 2*lags+1), make([]float32, 2*lags+1)
		f(ab, x, y)
		f(ba, y, x)
		for i := range ab {
			if math.Abs(float64(ab[i]-ba[2*lags-i])) > 2e-6 {
				t.Fatalf("%s: exchanging the signals does not mirror the delays: %g, %g", name, ab[i], ba[2*lags-i])
			}
		}
		loud := make([]float32, n)
		for i := range x {
			loud[i] = 1024 * x[i]
		}
		f(louder, loud, y)
		for i := range ab {
			if math.Abs(float64(ab[i]-louder[i])) > 2e-6 {
				t.Fatalf("%s: gain changes %g to %g", name, ab[i], louder[i])
			}
		}
		f(ab, x, x)
		if d, v := Peak(ab); math.Abs(d) > 1e-6 || math.Abs(float64(v)-1) > 1e-3 {
			t.Errorf("%s with itself: peak of %g at %g, want 1 at 0", name, v, d)
		}
		for i, v := range ab {
			if v > 1+1e-5 || v < -1-1e-5 {
				t.Errorf("%s: %g at place %d", name, v, i)
			}
		}
		f(ab, x, make([]float32, n))
		for _, v := range ab {
			if v != 0 {
				t.Fatalf("%s with silence: %g", name, v)
			}
		}
	}
}

func TestPeak(t *testing.T) {
	for _, tt := range []struct {
		r     []float32
		delay float64
		value float32
	}{{nil, 0, 0}, {[]float32{1}, 0, 1}, {[]float32{3, 1, 1}, -1, 3}, {[]float32{0, 1, 3, 1, 0}, 0, 3}, {[]float32{0, 1, 3, 3, 1}, 0.5, 3}} {
		if d, v := Peak(tt.r); d != tt.delay || v != tt.value {
			t.Errorf("%v: got %g at %g, want %g at %g", tt.r, v, d, tt.value, tt.delay)
		}
	}
}

func TestNewPanics(t *testing.T) {
	for _, c := range [][2]int{{1, 0}, {5, 5}, {5, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%d, %d) did not panic", c[0], c[1])
				}
			}()
			New(c[0], c[1])
		}()
	}
}

func TestAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	p, x, y, dst := New(4096, 4095), noise(r, 4096), noise(r, 4096), make([]float32, 8191)
	if got := testing.AllocsPerRun(10, func() { p.NCC(dst, x, y); p.PHAT(dst, x, y) }); got != 0 {
		t.Errorf("got %g allocations per run, want 0", got)
	}
}

func BenchmarkCorrelate(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{4096, 480_000} {
		p, x, y, dst := New(n, n-1), noise(r, n), noise(r, n), make([]float32, 2*n-1)
		b.Run(fmt.Sprintf("NCC/%d", n), func(b *testing.B) {
			for b.Loop() {
				p.NCC(dst, x, y)
			}
		})
		b.Run(fmt.Sprintf("PHAT/%d", n), func(b *testing.B) {
			for b.Loop() {
				p.PHAT(dst, x, y)
			}
		})
	}
}
