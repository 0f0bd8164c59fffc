// Package radio makes synthetic radio signals at complex baseband for tests: noise, carriers, bursts of sensors,
// broadcast stations and hidden microphones, and what receivers add of their own. It says nothing about real
// devices; see package siggen for what a level is and for how far its signals may be trusted.
//
// Makers return a slice of their own at rate samples per second; hz is an offset from the tuned centre and may be
// negative. Levels are in dBFS of mean |x|² while the signal is on.
package radio

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"subrosa/dsp/siggen"
)

func samples(seconds, rate float64) int { return int(math.Round(seconds * rate)) }

// Silence returns zeros.
func Silence(seconds, rate float64) []complex64 { return make([]complex64, samples(seconds, rate)) }

// Add mixes x into dst from sample at on. What lies outside dst is lost.
func Add(dst []complex64, at int, x []complex64) {
	if at < 0 {
		x = x[min(-at, len(x)):]
		at = 0
	}
	for i := range min(len(x), max(0, len(dst)-at)) {
		dst[at+i] += x[i]
	}
}

// LevelDB returns the mean power of x in dBFS over the spans, or over all of x when there are none.
func LevelDB(x []complex64, on ...siggen.Span) float64 {
	if len(on) == 0 {
		on = []siggen.Span{{From: 0, To: len(x)}}
	}
	sum, n := 0.0, 0
	for _, s := range on {
		for _, v := range x[max(0, s.From):min(len(x), s.To)] {
			sum += power(v)
			n++
		}
	}
	return siggen.DB(sum / float64(max(n, 1)))
}

func power(v complex64) float64 {
	return float64(real(v))*float64(real(v)) + float64(imag(v))*float64(imag(v))
}

// SetLevel scales x so that its mean power over the spans (over all of it when there are none) is db dBFS, and
// returns it. A silent x stays silent.
func SetLevel(x []complex64, db float64, on ...siggen.Span) []complex64 {
	have := LevelDB(x, on...)
	if math.IsInf(have, 0) {
		return x
	}
	g := complex(float32(siggen.Amplitude(db-have)), 0)
	for i := range x {
		x[i] *= g
	}
	return x
}

// transform returns the power of each bin of x, which sum up to its mean power, with the offset of each in Hz, in
// ascending order.
func transform(x []complex64, rate float64) (hz, p []float64) {
	m := siggen.FastLength(len(x))
	seq := make([]complex128, m)
	for i, v := range x {
		seq[i] = complex128(v)
	}
	fft := fourier.NewCmplxFFT(m)
	c := fft.Coefficients(nil, seq)
	hz, p = make([]float64, m), make([]float64, m)
	for i := range p {
		k := fft.ShiftIdx(i)
		hz[i] = fft.Freq(k) * rate
		p[i] = (real(c[k])*real(c[k]) + imag(c[k])*imag(c[k])) / float64(m) / float64(len(x))
	}
	return hz, p
}

// BandDB returns the mean power of x between the offsets lo and hi, in dBFS.
func BandDB(x []complex64, rate, lo, hi float64) float64 {
	sum := 0.0
	hz, p := transform(x, rate)
	for i := range p {
		if hz[i] >= lo && hz[i] <= hi {
			sum += p[i]
		}
	}
	return siggen.DB(sum)
}

// OccupiedHz returns the band that holds a share of x's power, as much left out below as above; 0.99 is usual.
func OccupiedHz(x []complex64, rate, share float64) (lo, hi float64) {
	hz, p := transform(x, rate)
	total := 0.0
	for _, v := range p {
		total += v
	}
	at := func(part float64) float64 {
		sum := 0.0
		for i, v := range p {
			if sum += v; sum >= part*total {
				return hz[i]
			}
		}
		return rate / 2
	}
	return at((1 - share) / 2), at((1 + share) / 2)
}

// SNR returns the mean power of signal while it is on over the power of noise in the signal's occupied bandwidth
// (99 %), in dB.
func SNR(signal []complex64, on []siggen.Span, noise []complex64, rate float64) float64 {
	lo, hi := OccupiedHz(signal, rate, 0.99)
	return LevelDB(signal, on...) - BandDB(noise, rate, lo, hi)
}

// Noise returns Gaussian noise of db dBFS over the whole rate.
func Noise(r *rand.Rand, seconds, rate, db float64) []complex64 {
	x := Silence(seconds, rate)
	FillNoise(r, x, db)
	return x
}

// FillNoise overwrites x with Gaussian noise of db dBFS.
func FillNoise(r *rand.Rand, x []complex64, db float64) {
	rms := float32(siggen.Amplitude(db) / math.Sqrt2)
	for i := range x {
		x[i] = complex(rms*float32(r.NormFloat64()), rms*float32(r.NormFloat64()))
	}
}

// Density returns the density, in dBFS/Hz, of noise of db dBFS at a rate.
func Density(db, rate float64) float64 { return db - siggen.DB(rate) }

// Carrier returns an unmodulated carrier that drifts linearly by drift Hz per second.
func Carrier(r *rand.Rand, seconds, rate, db, hz, drift float64) []complex64 {
	return modulate(r, seconds, rate, db, func(t float64) (float64, float64) { return hz + drift*t, 1 })
}

// modulate returns a carrier with the instantaneous frequency and relative amplitude that at gives, t in seconds.
func modulate(r *rand.Rand, seconds, rate, db float64, at func(t float64) (hz, amplitude float64)) []complex64 {
	x := Silence(seconds, rate)
	a, turn := siggen.Amplitude(db), r.Float64()
	for i := range x {
		hz, amplitude := at(float64(i) / rate)
		s, c := math.Sincos(2 * math.Pi * turn)
		x[i] = complex(float32(a*amplitude*c), float32(a*amplitude*s))
		turn += hz / rate
		turn -= math.Floor(turn)
	}
	return x
}
