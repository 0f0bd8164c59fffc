// Package sound makes synthetic sounds for tests: noise, tones, transmissions of data over sound, rooms, and the
// innocent sounds that resemble such transmissions. It says nothing about real devices; see package siggen for
// what a level is and for how far its signals may be trusted.
//
// Makers return a slice of their own at rate samples per second. Rates are real numbers: a sound made at
// Shifted(rate, factor) and played at rate has all its frequencies times factor and all its times over factor,
// which is exactly what a moving source or a clock that runs fast does.
package sound

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"subrosa/dsp/siggen"
)

const speedOfSound = 343.0 // m/s, dry air at 20 °C

// Shifted returns the rate at which a sound has to be made so that, played at rate, it is shifted by factor.
func Shifted(rate, factor float64) float64 { return rate / factor }

// Doppler returns the factor of a source that approaches at v m/s.
func Doppler(v float64) float64 { return speedOfSound / (speedOfSound - v) }

// Skew returns the factor of a clock that is ppm parts per million fast.
func Skew(ppm float64) float64 { return 1 + ppm*1e-6 }

// samples returns how many samples there are in seconds.
func samples(seconds, rate float64) int { return int(math.Round(seconds * rate)) }

// Silence returns n zeros.
func Silence(seconds, rate float64) []float32 { return make([]float32, samples(seconds, rate)) }

// Add mixes x into dst from sample at on. What lies outside dst is lost.
func Add(dst []float32, at int, x []float32) {
	if at < 0 {
		x = x[min(-at, len(x)):]
		at = 0
	}
	for i := range min(len(x), max(0, len(dst)-at)) {
		dst[at+i] += x[i]
	}
}

// Scale multiplies x by a gain in dB and returns it.
func Scale(x []float32, db float64) []float32 {
	g := float32(siggen.Amplitude(db))
	for i := range x {
		x[i] *= g
	}
	return x
}

// LevelDB returns the mean power of x in dBFS over the spans, or over all of x when there are none.
func LevelDB(x []float32, on ...siggen.Span) float64 {
	if len(on) == 0 {
		on = []siggen.Span{{From: 0, To: len(x)}}
	}
	sum, n := 0.0, 0
	for _, s := range on {
		for _, v := range x[max(0, s.From):min(len(x), s.To)] {
			sum += 2 * float64(v) * float64(v)
			n++
		}
	}
	return siggen.DB(sum / float64(max(n, 1)))
}

// SetLevel scales x so that its mean power over the spans (over all of it when there are none) is db dBFS, and
// returns it. A silent x stays silent.
func SetLevel(x []float32, db float64, on ...siggen.Span) []float32 {
	if have := LevelDB(x, on...); !math.IsInf(have, 0) {
		Scale(x, db-have)
	}
	return x
}

// BandDB returns the mean power of x between lo and hi in dBFS.
func BandDB(x []float32, rate, lo, hi float64) float64 {
	m := siggen.FastLength(len(x))
	seq := make([]float64, m)
	for i, v := range x {
		seq[i] = float64(v)
	}
	sum := 0.0
	for k, c := range fourier.NewFFT(m).Coefficients(nil, seq) {
		if hz := float64(k) * rate / float64(m); hz < lo || hz > hi {
			continue
		}
		p := real(c)*real(c) + imag(c)*imag(c)
		if k == 0 || 2*k == m {
			p /= 2
		}
		sum += p
	}
	return siggen.DB(4 * sum / float64(m) / float64(len(x)))
}

// SNR returns the mean power of signal while it is on over the power of noise in the band [lo, hi] widened to
// siggen.AcousticHz, in dB.
func SNR(signal []float32, on []siggen.Span, noise []float32, rate, lo, hi float64) float64 {
	lo, hi = siggen.Widen(lo, hi, siggen.AcousticHz, rate/2)
	return LevelDB(signal, on...) - BandDB(noise, rate, lo, hi)
}

// Clip limits x to ±1, as an overdriven converter does, and returns it.
func Clip(x []float32) []float32 {
	for i, v := range x {
		x[i] = max(-1, min(1, v))
	}
	return x
}

// Quantise rounds x to steps of a converter of that many bits, after adding triangular dither of two steps, and
// returns it. A nil r leaves the dither out.
func Quantise(r *rand.Rand, x []float32, bits int) []float32 {
	step := math.Pow(2, 1-float64(bits))
	for i, v := range x {
		d := 0.0
		if r != nil {
			d = (r.Float64() - r.Float64()) * step
		}
		q := math.Round((float64(v)+d)/step) * step
		x[i] = float32(max(-1, min(1-step, q)))
	}
	return x
}
