// Package siggen holds what makers of test signals share: seeded randomness, decibels and the definition of SNR.
// The signals themselves are made by siggen/sound ([]float32) and siggen/radio ([]complex64).
//
// Everything these packages make is synthetic. They are written from published descriptions, apart from the
// detectors and without their constants; where a description leaves something open (symbol times, the order of
// tones), it is varied at random and the doc comment says that it is our assumption. A figure measured with them
// has to be called synthetic wherever it is shown.
//
// Levels are in dBFS of power. For sound 0 dBFS is the mean power of a sine of amplitude 1 (as in AES17), so
// white noise at 0 dBFS has an RMS value of 1/√2. For radio 0 dBFS is a mean |x|² of 1, a carrier of amplitude 1.
package siggen

import (
	"math"
	"math/rand/v2"
)

// Rand returns the random source of a seed. Equal seeds give equal signals.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) }

// Between returns a value drawn evenly from [lo, hi).
func Between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// Amplitude returns the factor of db decibels on an amplitude, 10^(db/20).
func Amplitude(db float64) float64 { return math.Pow(10, db/20) }

// DB returns a ratio of powers in decibels; 0 gives -Inf.
func DB(power float64) float64 { return 10 * math.Log10(power) }

// Span is a stretch [From, To) of samples.
type Span struct{ From, To int }

// AcousticHz is the width to which the band of a narrower sound is widened before its SNR is taken.
const AcousticHz = 6000.0

// Level returns the level, in dBFS, of a signal that has snr dB over white noise of densityDB dBFS/Hz: the mean
// power while it is on over the power of the noise in the band [lo, hi] widened to at least leastHz.
func Level(snr, densityDB, lo, hi, leastHz float64) float64 {
	return snr + densityDB + DB(math.Max(hi-lo, leastHz))
}

// Widen returns [lo, hi], widened about its centre to at least leastHz and moved into [0, top] if it sticks out.
func Widen(lo, hi, leastHz, top float64) (float64, float64) {
	if d := leastHz - (hi - lo); d > 0 {
		lo, hi = lo-d/2, hi+d/2
	}
	if hi > top {
		lo, hi = lo-(hi-top), top
	}
	if lo < 0 {
		lo, hi = 0, math.Min(top, hi-lo)
	}
	return lo, hi
}

// FastLength returns the least even number of factors 2, 3 and 5 that is at least n, at which a
// transform is quick.
func FastLength(n int) int {
	for m := max(4, n+n%2); ; m += 2 {
		q := m
		for _, p := range []int{2, 3, 5} {
			for q%p == 0 {
				q /= p
			}
		}
		if q == 1 {
			return m
		}
	}
}
