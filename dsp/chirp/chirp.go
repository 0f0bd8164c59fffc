// Package chirp is the room unit's own test sound, an exponential sine sweep, and what a microphone makes of it: the
// response in third-octave bands, and whether a band was heard, was not, or was masked by what sounded meanwhile.
//
// The sweep and its inverse filter are those of A. Farina, "Simultaneous measurement of impulse response and distortion
// with a swept-sine technique", AES 108th Convention, Paris 2000. Convolved with the inverse filter, the recording of
// the sweep becomes the impulse response from loudspeaker to microphone; what the loudspeaker distorts arrives before
// it (the k-th harmonic by L·ln k seconds) and does not count as sound of the band that it falls into.
package chirp

import (
	"fmt"
	"math"
)

// Sweep is an exponential sine sweep.
type Sweep struct {
	Rate       int     // samples per second
	LoHz, HiHz float64 // from, to
	Seconds    float64
}

// The limits of a Sweep.
const (
	MinHz      = 20.0
	MaxRate    = 1_000_000
	MinSeconds = 0.5
	MaxSeconds = 2.0
	minOctaves = 2.5  // eight bands, so that enough of them can agree on an arrival
	topShare   = 0.49 // of the rate that a sweep may reach
)

// The fades, half a cosine each: long enough that nothing clicks, short against the sweep's way through a band.
const (
	fadeIn  = 0.010 // s
	fadeOut = 0.005
)

// Check reports what is wrong with a sweep.
func (s Sweep) Check() error {
	switch {
	case s.Rate < 1 || s.Rate > MaxRate:
		return fmt.Errorf("chirp: %d samples/s", s.Rate)
	case !(s.Seconds >= MinSeconds && s.Seconds <= MaxSeconds):
		return fmt.Errorf("chirp: a sweep of %g s, want %g to %g", s.Seconds, MinSeconds, MaxSeconds)
	case !(s.LoHz >= MinHz && s.HiHz <= topShare*float64(s.Rate)*(1+1e-9) && s.HiHz >= s.LoHz*math.Exp2(minOctaves)):
		return fmt.Errorf("chirp: from %g to %g Hz at %d samples/s, want two and a half octaves or more between %g and %g",
			s.LoHz, s.HiHz, s.Rate, MinHz, topShare*float64(s.Rate))
	}
	return nil
}

// N returns the number of samples.
func (s Sweep) N() int { return int(math.Round(s.Seconds * float64(s.Rate))) }

// slope is Farina's L: in so many seconds the frequency grows by a factor of e.
func (s Sweep) slope() float64 { return s.Seconds / math.Log(s.HiHz/s.LoHz) }

// Samples returns the sweep with a peak of 1: 0 dBFS.
func (s Sweep) Samples() []float32 {
	x := make([]float32, s.N())
	l, rate := s.slope(), float64(s.Rate)
	for i := range x {
		t := float64(i) / rate
		x[i] = float32(s.fade(i) * math.Sin(2*math.Pi*s.LoHz*l*math.Expm1(t/l)))
	}
	return x
}

// fade is the envelope at sample i.
func (s Sweep) fade(i int) float64 {
	half := func(t, length float64) float64 {
		if t >= length {
			return 1
		}
		return 0.5 - 0.5*math.Cos(math.Pi*t/length)
	}
	t := float64(i) / float64(s.Rate)
	return half(t, fadeIn) * half(s.Seconds-t, fadeOut)
}

// Inverse returns the inverse filter: the sweep backwards, its amplitude falling by 6 dB an octave, because the sweep's
// power falls by 3 dB an octave with frequency. Sweep and Inverse convolved are a band-limited impulse of gain 1 at
// index N-1.
func (s Sweep) Inverse() []float32 {
	x := s.Samples()
	n, l, rate := len(x), s.slope(), float64(s.Rate)
	y := make([]float32, n)
	for i, v := range x {
		// By stationary phase the spectrum of the sweep is |X(f)|² = rate²·L/(4f).
		hz := s.LoHz * math.Exp(float64(i)/rate/l)
		y[n-1-i] = float32(float64(v) * 4 * hz / (rate * rate * l))
	}
	return y
}
