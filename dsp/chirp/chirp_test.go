package chirp

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"

	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

var rates = []int{48_000, 96_000, 192_000}

func sweepAt(rate int) Sweep {
	return Sweep{Rate: rate, LoHz: 2000, HiHz: math.Min(0.485*float64(rate), 45_000), Seconds: 1}
}

// TestSweep: peak, ends, and the frequency at each moment, counted by zero crossings.
func TestSweep(t *testing.T) {
	for _, rate := range rates {
		s := sweepAt(rate)
		x := s.Samples()
		if len(x) != rate || math.Abs(float64(x[0])) > 1e-6 || math.Abs(float64(x[len(x)-1])) > 1e-3 {
			t.Errorf("%d: %d samples from %g to %g", rate, len(x), x[0], x[len(x)-1])
		}
		if p := slices.Max(x); p < 0.99 || p > 1 {
			t.Errorf("%d: peak %g", rate, p)
		}
		for _, at := range []float64{0.1, 0.4, 0.7, 0.9} {
			const span = 0.02
			crossings := 0
			for i := int((at - span) * float64(rate)); i < int((at+span)*float64(rate)); i++ {
				if x[i] < 0 != (x[i+1] < 0) {
					crossings++
				}
			}
			got := float64(crossings) / (4 * span)
			want := s.LoHz * math.Pow(s.HiHz/s.LoHz, at)
			if math.Abs(got/want-1) > 0.02 {
				t.Errorf("%d: at %g s %.0f Hz, want %.0f", rate, at, got, want)
			}
		}
	}
}

// TestInverse: sweep and inverse filter convolved are flat between the edges, and compact in time. The convolution is
// not this package's.
func TestInverse(t *testing.T) {
	for _, rate := range rates {
		s := sweepAt(rate)
		h := sound.Convolve(s.Samples(), s.Inverse())
		seq := make([]float64, siggen.FastLength(len(h)))
		for i, v := range h {
			seq[i] = float64(v)
		}
		spectrum := fourier.NewFFT(len(seq)).Coefficients(nil, seq)
		worst := 0.0
		for k, c := range spectrum {
			hz := float64(k) * float64(rate) / float64(len(seq))
			if hz > 1.12*s.LoHz && hz < 0.96*s.HiHz {
				worst = math.Max(worst, math.Abs(20*math.Log10(cmplx.Abs(c))))
			}
			if (hz < 0.8*s.LoHz || hz > 1.05*s.HiHz) && cmplx.Abs(c) > 0.01 {
				t.Fatalf("%d: %.1f dB at %.0f Hz, outside the band", rate, 20*math.Log10(cmplx.Abs(c)), hz)
			}
		}
		if worst > 0.5 {
			t.Errorf("%d: ripple of %.2f dB", rate, worst)
		}
		peak, at, far, all := float32(0), 0, 0.0, 0.0
		for i, v := range h {
			if v > peak {
				peak, at = v, i
			}
		}
		for i, v := range h {
			all += float64(v) * float64(v)
			if d := i - at; d < -rate/100 || d > rate/100 {
				far += float64(v) * float64(v)
			}
		}
		if at != s.N()-1 || far > 1e-4*all {
			t.Errorf("%d: peak at %d of %d, %.1f dB more than 10 ms away", rate, at, s.N(), 10*math.Log10(far/all))
		}
		t.Logf("measured: %d/s: ripple %.2f dB, %.1f dB of the energy more than 10 ms away", rate, worst, 10*math.Log10(far/all))
	}
}

func TestSweepThatCannotBe(t *testing.T) {
	good := sweepAt(48_000)
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Sweep){
		func(s *Sweep) { s.Rate = 0 }, func(s *Sweep) { s.Rate = 2_000_000 }, func(s *Sweep) { s.LoHz = 0 }, func(s *Sweep) { s.HiHz = 24_000 },
		func(s *Sweep) { s.LoHz = 22_000 }, func(s *Sweep) { s.Seconds = 3 }, func(s *Sweep) { s.Seconds = math.NaN() },
		func(s *Sweep) { s.HiHz = math.NaN() }, func(s *Sweep) { s.LoHz = math.Inf(1) },
	} {
		s := good
		change(&s)
		if _, err := NewEar(s, Default); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	if _, err := NewEar(good, Config{}); err == nil {
		t.Error("an empty configuration was accepted")
	}
}
