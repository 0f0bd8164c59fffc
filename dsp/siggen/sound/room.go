package sound

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"subrosa/dsp/siggen"
)

// Room returns the impulse response of a room: the direct sound, then from 2 ms on Gaussian noise that falls by
// 60 dB in rt60 seconds and carries direct (dB) less energy than the direct sound. The model knows no single
// reflections, no air absorption and one decay for all frequencies.
func Room(r *rand.Rand, rate, rt60, direct float64) []float32 {
	h := Silence(math.Max(rt60, 0.003), rate)
	from, energy := samples(0.002, rate), 0.0
	for i := from; i < len(h); i++ {
		v := r.NormFloat64() * math.Pow(10, -3*float64(i)/rate/rt60)
		h[i] = float32(v)
		energy += v * v
	}
	g := float32(siggen.Amplitude(-direct) / math.Sqrt(energy))
	for i := range h {
		h[i] *= g
	}
	h[0] = 1
	return h
}

// Convolve returns x filtered by h, len(x)+len(h)-1 samples.
func Convolve(x, h []float32) []float32 {
	n := len(x) + len(h) - 1
	m := siggen.FastLength(n)
	fft := fourier.NewFFT(m)
	spectrum := func(v []float32) []complex128 {
		seq := make([]float64, m)
		for i, s := range v {
			seq[i] = float64(s)
		}
		return fft.Coefficients(nil, seq)
	}
	a, b := spectrum(x), spectrum(h)
	for i := range a {
		a[i] *= b[i]
	}
	seq := fft.Sequence(nil, a)
	y := make([]float32, n)
	for i := range y {
		y[i] = float32(seq[i] / float64(m))
	}
	return y
}
