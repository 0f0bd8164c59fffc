package speechtest

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// voice is no speech, but has what STOI looks at: a harmonic tone whose bands swell and fade a few times a second, with pauses.
func voice(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	var phase [20]float64
	var depth, rate [20]float64
	for k := range phase {
		phase[k], depth[k], rate[k] = 6*r.Float64(), 6*r.Float64(), 2+5*r.Float64()
	}
	out := make([]float64, n)
	for i := range out {
		t := float64(i) / Rate
		if math.Mod(t, 2) > 1.6 {
			continue
		}
		for k := range phase {
			a := 0.5 + 0.5*math.Sin(2*math.Pi*rate[k]*t+depth[k])
			out[i] += a * a * math.Sin(2*math.Pi*170*float64(k+1)*t+phase[k]) / float64(k+2)
		}
	}
	return out
}

func noisy(x []float64, snr float64) []float64 {
	r := rand.New(rand.NewPCG(3, 4))
	e := 0.0
	for _, v := range x {
		e += v * v
	}
	sd := math.Sqrt(e / float64(len(x)) * math.Pow(10, -snr/10))
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] + sd*r.NormFloat64()
	}
	return out
}

func score(t *testing.T, x, y []float64) float64 {
	t.Helper()
	s, err := STOI(x, y)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestProperties are those that the paper gives the measure.
func TestProperties(t *testing.T) {
	x := voice(1, 6*Rate)
	if s := score(t, x, x); math.Abs(s-1) > 1e-6 {
		t.Errorf("the same: %v, want 1", s)
	}
	louder := make([]float64, len(x))
	for i := range x {
		louder[i] = 3.7 * x[i]
	}
	if a, b := score(t, x, noisy(x, 5)), score(t, x, scaled(noisy(x, 5), 3.7)); math.Abs(a-b) > 1e-4 {
		t.Errorf("a louder receiver changes the score from %v to %v", a, b)
	}
	last := 1.0
	for _, snr := range []float64{30, 15, 5, 0, -5, -10, -20} {
		s := score(t, x, noisy(x, snr))
		if s >= last {
			t.Errorf("at %v dB of signal to noise %v, at more %v: it must fall", snr, s, last)
		}
		last = s
	}
	if last > 0.45 { // the lowest bands of this voice still stand out of white noise
		t.Errorf("at −20 dB still %v", last)
	}
	if s := score(t, x, voice(2, 6*Rate)); s > 0.45 {
		t.Errorf("another voice: %v", s)
	}
	if _, err := STOI(x[:1000], x[:1000]); err == nil {
		t.Error("100 ms have a score")
	}
}

func scaled(x []float64, by float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = by * x[i]
	}
	return out
}

// TestAgainstTheText works the measure out a second time, straight from the paper's equations with a plain Fourier sum in place of
// the transform, and compares.
func TestAgainstTheText(t *testing.T) {
	x := voice(5, 3*Rate/2)
	y := noisy(x, 3)
	a, b := withoutSilence(x, y)
	X, Y := plainBands(a), plainBands(b)
	sum, n := 0.0, 0
	for m := segment - 1; m < len(X); m++ {
		for j := range bands {
			var ea, eb float64
			for k := m - segment + 1; k <= m; k++ {
				ea += X[k][j] * X[k][j]
				eb += Y[k][j] * Y[k][j]
			}
			alpha := math.Sqrt(ea / eb)
			var u, v []float64
			for k := m - segment + 1; k <= m; k++ {
				u = append(u, X[k][j])
				v = append(v, min(alpha*Y[k][j], X[k][j]+math.Pow(10, 15.0/20)*X[k][j]))
			}
			sum += correlation(u, v)
			n++
		}
	}
	if got, want := score(t, x, y), sum/float64(n); math.Abs(got-want) > 1e-5 {
		t.Errorf("STOI %v, by the text %v", got, want)
	}
}

func plainBands(x []float64) (out [][]float64) {
	for at := 0; at+frame < len(x); at += frame / 2 {
		var f []float64
		for j := range bands {
			centre := 150 * math.Pow(2, float64(j)/3)
			lo, hi := math.Round(centre/math.Pow(2, 1.0/6)/Rate*points), math.Round(centre*math.Pow(2, 1.0/6)/Rate*points)
			e := 0.0
			for k := lo; k < hi; k++ {
				var c complex128
				for i := range frame {
					c += complex(x[at+i]*math.Pow(math.Sin(math.Pi*float64(i+1)/(frame+1)), 2), 0) * cmplx.Exp(complex(0, -2*math.Pi*k*float64(i)/points))
				}
				e += real(c)*real(c) + imag(c)*imag(c)
			}
			f = append(f, math.Sqrt(e))
		}
		out = append(out, f)
	}
	return out
}

// TestCompare finds speech that came late, at another rate and with the time stretched in between.
func TestCompare(t *testing.T) {
	x := voice(9, 4*Rate)
	clean := make([]float32, len(x))
	for i := range x {
		clean[i] = float32(x[i])
	}
	late := append(make([]float32, 7777), clean[:15000]...)
	late = append(late, clean[15000-600:]...) // 60 ms are repeated, as a jitter buffer that expands does
	late = append(late, make([]float32, 9000)...)
	s, err := Compare(clean, Rate, late, Rate)
	if err != nil {
		t.Fatal(err)
	}
	if s.STOI < 0.93 || math.Abs(s.Delay-0.7777) > 0.001 || math.Abs(s.Drift-0.06) > 0.005 {
		t.Errorf("%+v, want nearly 1, 0.7777 s and 0.06 s", s)
	}
	other := voice(10, 6*Rate)
	wrong := make([]float32, len(other))
	for i := range other {
		wrong[i] = float32(other[i])
	}
	if s, err := Compare(clean, Rate, wrong, Rate); err != nil || s.STOI > 0.5 {
		t.Errorf("another voice: %+v, %v", s, err)
	}
}

// TestResample: a tone within the band keeps its level, one above it is gone.
func TestResample(t *testing.T) {
	for _, c := range []struct {
		rate int
		hz   float64
		want float64
	}{{48000, 1000, math.Sqrt(0.5)}, {16000, 3500, math.Sqrt(0.5)}, {48000, 6500, 0}, {16000, 7000, 0}} {
		x := make([]float32, c.rate)
		for i := range x {
			x[i] = float32(math.Sin(2 * math.Pi * c.hz * float64(i) / float64(c.rate)))
		}
		e := 0.0
		y := resample(x, c.rate)
		for _, v := range y[1000:9000] {
			e += v * v
		}
		if rms := math.Sqrt(e / 8000); math.Abs(rms-c.want) > 0.01 {
			t.Errorf("%v Hz of %d: rms %v, want %v", c.hz, c.rate, rms, c.want)
		}
	}
}
