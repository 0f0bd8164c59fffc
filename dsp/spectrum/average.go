package spectrum

import (
	"fmt"

	"github.com/tphakala/simd/f32"
)

// Average is the mean of every k spectra, as in an averaged periodogram.
type Average struct {
	k, have   int
	sum, mean []float32
}

// NewAverage returns an average over k spectra of n bins. It panics unless both are at least 1.
func NewAverage(n, k int) *Average {
	if n < 1 || k < 1 {
		panic(fmt.Sprintf("spectrum: average of %d spectra of %d bins, want both at least 1", k, n))
	}
	return &Average{k: k, sum: make([]float32, n), mean: make([]float32, n)}
}

// Add takes one spectrum. With every k-th it returns the mean of the last k, otherwise nil; the slice is valid
// until the next mean is due.
func (a *Average) Add(p []float32) []float32 {
	f32.Add(a.sum, a.sum, p[:len(a.sum)])
	if a.have++; a.have < a.k {
		return nil
	}
	f32.Scale(a.mean, a.sum, 1/float32(a.k))
	a.Reset()
	return a.mean
}

// Len returns how many spectra have been taken since the last mean.
func (a *Average) Len() int { return a.have }

// Reset drops the spectra taken since the last mean, as after a gap.
func (a *Average) Reset() {
	a.have = 0
	clear(a.sum)
}
