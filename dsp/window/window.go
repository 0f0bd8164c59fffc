// Package window makes the tapers that go in front of a transform.
//
// All of them are periodic (DFT-even): the sum over n samples of a window of length n is exactly n times its
// constant term, and neighbouring frames at a hop of n/2 or n/4 add up to a constant. They are cosine sums
//
//	w[i] = Σ (-1)^k a_k cos(2πki/n),  i = 0 … n-1
//
// with the coefficients of Harris, "On the use of windows for harmonic analysis with the discrete Fourier
// transform", Proc. IEEE 66 (1978), table 1.
package window

import (
	"fmt"
	"math"
)

// Hann returns the raised cosine of n samples: ENBW 1.5 bins, highest side lobe -31 dB, falling 18 dB per octave.
func Hann(n int) []float32 { return cosines(n, 0.5, 0.5) }

// Blackman returns the three-term window of n samples: ENBW 1.73 bins, highest side lobe -58 dB.
func Blackman(n int) []float32 { return cosines(n, 0.42, 0.5, 0.08) }

// BlackmanHarris returns the four-term minimum window of n samples: ENBW 2.00 bins, highest side lobe -92 dB.
func BlackmanHarris(n int) []float32 { return cosines(n, 0.35875, 0.48829, 0.14128, 0.01168) }

// Rect returns n ones: ENBW 1 bin, highest side lobe -13 dB.
func Rect(n int) []float32 { return cosines(n, 1) }

// cosines evaluates the cosine sum in float64 and rounds once. It panics when n < 1.
func cosines(n int, a ...float64) []float32 {
	if n < 1 {
		panic(fmt.Sprintf("window: length %d, want 1 or more", n))
	}
	w := make([]float32, n)
	for i := range w {
		sum, sign := 0.0, 1.0
		for k, c := range a {
			// The angle is reduced in integers, so that it is exact for long windows too.
			sum += sign * c * math.Cos(2*math.Pi*float64(k*i%n)/float64(n))
			sign = -sign
		}
		w[i] = float32(sum)
	}
	return w
}

// Power returns the mean of w², by which white noise is scaled in power. It is 0 for an empty window.
func Power(w []float32) float64 {
	if len(w) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range w {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(w))
}

// Gain returns the mean of w, by which the amplitude of a tone on a bin centre is scaled (the coherent gain).
// It is 0 for an empty window.
func Gain(w []float32) float64 {
	if len(w) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range w {
		sum += float64(v)
	}
	return sum / float64(len(w))
}

// ENBW returns the equivalent noise bandwidth in bins: the width of the rectangular filter that would let the
// same noise power through at the same gain for a tone. It is NaN for an empty or zero-mean window.
func ENBW(w []float32) float64 {
	g := Gain(w)
	return Power(w) / (g * g)
}
