package fft

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// noise returns n Gaussian values.
func noise(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// relative returns the RMS of got - want over the RMS of want.
func relative(re, im []float32, want []complex128) float64 {
	var diff, sum float64
	for i, w := range want {
		d := complex(float64(re[i]), float64(im[i])) - w
		diff += real(d)*real(d) + imag(d)*imag(d)
		sum += real(w)*real(w) + imag(w)*imag(w)
	}
	return math.Sqrt(diff / sum)
}

// each runs the test on every kernel set and length.
func each(t *testing.T, largest int, test func(t *testing.T, k *kernel, n int)) {
	for _, k := range kernels {
		for n := 2; n <= largest; n *= 2 {
			t.Run(fmt.Sprintf("%s/%d", k.name, n), func(t *testing.T) { test(t, k, n) })
		}
	}
}

func wide(re, im []float32) []complex128 {
	x := make([]complex128, len(re))
	for i := range x {
		x[i] = complex(float64(re[i]), float64(im[i]))
	}
	return x
}

const tolerance = 1e-6 // relative RMS against float64

func TestForwardAgainstGonum(t *testing.T) {
	each(t, 1<<17, func(t *testing.T, k *kernel, n int) {
		p := newPlan(n, k)
		re, im := noise(n, 1), noise(n, 2)
		x := wide(re, im)
		want := fourier.NewCmplxFFT(n).Coefficients(nil, x)
		gotRe, gotIm := make([]float32, n), make([]float32, n)
		p.Forward(gotRe, gotIm, re, im)
		if got := relative(gotRe, gotIm, want); !(got <= tolerance) {
			t.Errorf("got relative RMS error %.3g, want at most %g", got, tolerance)
		}
		if got := relative(re, im, x); got != 0 {
			t.Error("Forward changed its input")
		}
		// A second run on the same plan must not depend on the first one's scratch.
		p.Forward(gotRe, gotIm, re, im)
		if got := relative(gotRe, gotIm, want); !(got <= tolerance) {
			t.Errorf("second run: got relative RMS error %.3g, want at most %g", got, tolerance)
		}
	})
}

func TestInverse(t *testing.T) {
	each(t, 1<<15, func(t *testing.T, k *kernel, n int) {
		p := newPlan(n, k)
		re, im := noise(n, 3), noise(n, 4)
		x := wide(re, im)
		fr, fi, gr, gi := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		p.Forward(fr, fi, re, im)
		p.Inverse(gr, gi, fr, fi)
		for i := range x {
			x[i] *= complex(float64(n), 0)
		}
		if got := relative(gr, gi, x); !(got <= tolerance) {
			t.Errorf("got relative RMS error %.3g after forward and inverse, want at most %g", got, tolerance)
		}
	})
}

func TestRealAgainstGonum(t *testing.T) {
	each(t, 1<<17, func(t *testing.T, k *kernel, n int) {
		p := newReal(n, k)
		x := noise(n, 5)
		x64 := make([]float64, n)
		for i, v := range x {
			x64[i] = float64(v)
		}
		want := fourier.NewFFT(n).Coefficients(nil, x64)
		re, im := make([]float32, n/2+1), make([]float32, n/2+1)
		p.Forward(re, im, x)
		if got := relative(re, im, want); !(got <= tolerance) {
			t.Errorf("got relative RMS error %.3g, want at most %g", got, tolerance)
		}
		if im[0] != 0 || im[n/2] != 0 {
			t.Errorf("got imaginary parts %g and %g at the ends, want 0", im[0], im[n/2])
		}
		power := make([]float32, n/2+1)
		p.Power(power, x)
		wantPower := make([]complex128, n/2+1)
		for i, v := range want {
			wantPower[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
		}
		if got := relative(power, make([]float32, n/2+1), wantPower); !(got <= 2*tolerance) {
			t.Errorf("got relative RMS error %.3g of the power, want at most %g", got, 2*tolerance)
		}
		back := make([]float32, n)
		p.Inverse(back, re, im)
		scaled := make([]complex128, n)
		for i, v := range x64 {
			scaled[i] = complex(v*float64(n), 0)
		}
		if got := relative(back, make([]float32, n), scaled); !(got <= tolerance) {
			t.Errorf("got relative RMS error %.3g after forward and inverse, want at most %g", got, tolerance)
		}
	})
}

func TestLaws(t *testing.T) {
	each(t, 1<<13, func(t *testing.T, k *kernel, n int) {
		p := newPlan(n, k)
		forward := func(x []complex128) []complex128 {
			re, im := make([]float32, n), make([]float32, n)
			for i, v := range x {
				re[i], im[i] = float32(real(v)), float32(imag(v))
			}
			fr, fi := make([]float32, n), make([]float32, n)
			p.Forward(fr, fi, re, im)
			return wide(fr, fi)
		}
		expect := func(law string, got, want []complex128) {
			t.Helper()
			var diff, sum float64
			for i := range got {
				diff += math.Pow(cmplx.Abs(got[i]-want[i]), 2)
				sum += math.Pow(cmplx.Abs(want[i]), 2)
			}
			if rms := math.Sqrt(diff / sum); !(rms <= 2*tolerance) {
				t.Errorf("%s: got relative RMS difference %.3g, want at most %g", law, rms, 2*tolerance)
			}
		}
		x, y := wide(noise(n, 6), noise(n, 7)), wide(noise(n, 8), noise(n, 9))
		fx, fy := forward(x), forward(y)

		mix, fmix := make([]complex128, n), make([]complex128, n)
		for i := range mix {
			mix[i], fmix[i] = x[i]*(2-1i)+y[i]*0.5, fx[i]*(2-1i)+fy[i]*0.5
		}
		expect("linearity", forward(mix), fmix)

		var ex, ef float64
		for i := range x {
			ex += real(x[i] * cmplx.Conj(x[i]))
			ef += real(fx[i] * cmplx.Conj(fx[i]))
		}
		if r := ef / ex / float64(n); math.Abs(r-1) > 2*tolerance {
			t.Errorf("Parseval: got energy ratio %.9g, want 1", r)
		}

		shift := n/3 + 1
		late, flate := make([]complex128, n), make([]complex128, n)
		for i := range late {
			late[(i+shift)%n] = x[i]
			flate[i] = fx[i] * cmplx.Rect(1, -2*math.Pi*float64(i*shift%n)/float64(n))
		}
		expect("shift", forward(late), flate)

		at := n - 1 - n/5
		impulse, want := make([]complex128, n), make([]complex128, n)
		impulse[at] = 1
		for i := range want {
			want[i] = cmplx.Rect(1, -2*math.Pi*float64(i*at%n)/float64(n))
		}
		expect("impulse", forward(impulse), want)
	})
}

func TestBadLength(t *testing.T) {
	for _, n := range []int{-4, 0, 1, 3, 12, 1000} {
		for name, f := range map[string]func(){"New": func() { New(n) }, "NewReal": func() { NewReal(n) }} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s(%d) did not panic", name, n)
					}
				}()
				f()
			}()
		}
	}
}

func TestAllocations(t *testing.T) {
	each(t, 1<<13, func(t *testing.T, k *kernel, n int) {
		p, r := newPlan(n, k), newReal(n, k)
		a, b, c, d := noise(n+1, 1), noise(n+1, 2), noise(n+1, 3), noise(n+1, 4)
		got := testing.AllocsPerRun(10, func() {
			p.Forward(a, b, c, d)
			p.Inverse(c, d, a, b)
			r.Forward(a, b, c)
			r.Inverse(c, a, b)
			r.Power(a, c)
		})
		if got != 0 {
			t.Errorf("got %g allocations per run, want 0", got)
		}
	})
}

func BenchmarkForward(b *testing.B) {
	for _, k := range kernels {
		for n := 256; n <= 65536; n *= 4 {
			b.Run(fmt.Sprintf("%s/%d", k.name, n), func(b *testing.B) {
				p := newPlan(n, k)
				re, im, dr, di := noise(n, 1), noise(n, 2), make([]float32, n), make([]float32, n)
				b.SetBytes(int64(8 * n))
				for b.Loop() {
					p.Forward(dr, di, re, im)
				}
			})
		}
	}
}

func BenchmarkReal(b *testing.B) {
	for _, k := range kernels {
		for n := 256; n <= 65536; n *= 4 {
			b.Run(fmt.Sprintf("%s/%d", k.name, n), func(b *testing.B) {
				p := newReal(n, k)
				x, dr, di := noise(n, 1), make([]float32, n/2+1), make([]float32, n/2+1)
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					p.Forward(dr, di, x)
				}
			})
		}
	}
}
