package siggen

import (
	"math"
	"math/rand/v2"
)

// Bits returns n random bits.
func Bits(r *rand.Rand, n int) []bool {
	b := make([]bool, n)
	for i := range b {
		b[i] = r.IntN(2) == 1
	}
	return b
}

// Smoothed returns the value, -1…1, at time t (in symbols from the first bit's beginning) of bits sent as ±1
// through a Gaussian filter of bandwidth-time product bt. The first and the last bit go on for ever.
func Smoothed(bits []bool, t, bt float64) float64 {
	sigma := math.Sqrt(math.Ln2) / (2 * math.Pi * bt) // in symbols
	reach := int(math.Ceil(4*sigma)) + 1
	at := func(i int) float64 {
		if bits[max(0, min(len(bits)-1, i))] {
			return 1
		}
		return -1
	}
	i := int(math.Floor(t))
	v := at(i - reach)
	for k := i - reach + 1; k <= i+reach; k++ {
		if step := at(k) - at(k-1); step != 0 {
			v += step / 2 * (1 + math.Erf((t-float64(k))/(sigma*math.Sqrt2)))
		}
	}
	return v
}
