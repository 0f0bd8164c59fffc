package sound

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"subrosa/dsp/siggen"
)

// White returns Gaussian white noise of db dBFS over 0…rate/2.
func White(r *rand.Rand, seconds, rate, db float64) []float32 {
	x := Silence(seconds, rate)
	FillWhite(r, x, db)
	return x
}

// FillWhite overwrites x with Gaussian white noise of db dBFS.
func FillWhite(r *rand.Rand, x []float32, db float64) {
	rms := float32(siggen.Amplitude(db) / math.Sqrt2)
	for i := range x {
		x[i] = rms * float32(r.NormFloat64())
	}
}

// Density returns the density, in dBFS/Hz, of white noise of db dBFS at a rate.
func Density(db, rate float64) float64 { return db - siggen.DB(rate/2) }

// Shaped returns Gaussian noise with the amplitude response gain(Hz), and db dBFS in all.
func Shaped(r *rand.Rand, seconds, rate, db float64, gain func(hz float64) float64) []float32 {
	n := samples(seconds, rate)
	if n == 0 {
		return nil
	}
	m := siggen.FastLength(n)
	c := make([]complex128, m/2+1)
	for k := 1; k < m/2; k++ {
		g := gain(float64(k) * rate / float64(m))
		c[k] = complex(g*r.NormFloat64(), g*r.NormFloat64())
	}
	seq := fourier.NewFFT(m).Sequence(nil, c)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(seq[i])
	}
	return SetLevel(x, db)
}

// Pink returns noise falling 3 dB per octave above 10 Hz.
func Pink(r *rand.Rand, seconds, rate, db float64) []float32 {
	return Shaped(r, seconds, rate, db, func(hz float64) float64 { return 1 / math.Sqrt(math.Max(hz, 10)) })
}

// Brown returns noise falling 6 dB per octave above 10 Hz.
func Brown(r *rand.Rand, seconds, rate, db float64) []float32 {
	return Shaped(r, seconds, rate, db, func(hz float64) float64 { return 1 / math.Max(hz, 10) })
}

// Band returns noise of db dBFS between lo and hi, with edges of 100 Hz.
func Band(r *rand.Rand, seconds, rate, db, lo, hi float64) []float32 {
	return Shaped(r, seconds, rate, db, func(hz float64) float64 { return shelf(hz, lo, 100) - shelf(hz, hi, 100) })
}

// shelf rises from 0 to 1 as half a cosine of width w about edge.
func shelf(hz, edge, w float64) float64 {
	t := (hz-edge)/w + 0.5
	return 0.5 - 0.5*math.Cos(math.Pi*max(0, min(1, t)))
}

// Shelf returns noise that ends at edge in a slope of 50 Hz, as sound from a lossy codec does at 16 or 19 kHz.
func Shelf(r *rand.Rand, seconds, rate, db, edge float64) []float32 {
	return Shaped(r, seconds, rate, db, func(hz float64) float64 { return 1 - shelf(hz, edge, 50) })
}

// Microphone returns the own noise of a microphone of 65 dB signal-to-noise ratio that is full scale at 120 dB
// SPL: white noise of -91 dBFS in 20 kHz and the same density's flicker noise below 1 kHz.
func Microphone(r *rand.Rand, seconds, rate float64) []float32 {
	db := -91 - siggen.DB(20000) + siggen.DB(rate/2)
	x := Shaped(r, seconds, rate, db, func(hz float64) float64 { return math.Sqrt(1 + 1000/math.Max(hz, 10)) })
	return x
}
