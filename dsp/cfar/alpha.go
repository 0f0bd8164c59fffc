// Package cfar sets thresholds of a constant false alarm rate over cells of a power spectrum.
//
// A cell is compared with alpha times the noise estimate of its neighbourhood. The thresholds are those for cells
// with the statistics of noise power: exponential for one look (square law), Gamma(M) for the mean of M looks.
package cfar

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// AlphaCA returns the factor on the mean of n reference cells, single look, for false alarm probability pfa per
// cell: alpha = n(pfa^(-1/n) - 1).
func AlphaCA(n int, pfa float64) float64 {
	check(n, 1, pfa)
	return float64(n) * math.Expm1(-math.Log(pfa)/float64(n))
}

// AlphaOS returns the factor on the k-th smallest of n reference cells (k from 1), single look. It solves
// pfa = Π (n-i)/(n-i+alpha), i = 0 … k-1 (H. Rohling, IEEE Trans. AES 19, 1983).
func AlphaOS(n, k int, pfa float64) float64 {
	check(n, k, pfa)
	logPfa := func(a float64) float64 {
		s := 0.0
		for i := range k {
			s -= math.Log1p(a / float64(n-i))
		}
		return s
	}
	return solve(logPfa, math.Log(pfa))
}

// AlphaAveraged returns the factor on the mean of n reference cells when every cell is itself the mean of m
// independent looks: the ratio is distributed as F(2m, 2mn).
func AlphaAveraged(n, m int, pfa float64) float64 {
	check(n, 1, pfa)
	f := distuv.F{D1: 2 * float64(m), D2: 2 * float64(m) * float64(n)}
	return solve(func(a float64) float64 { return math.Log(f.Survival(a)) }, math.Log(pfa))
}

func check(n, k int, pfa float64) {
	if n < 1 || k < 1 || k > n || !(pfa > 0 && pfa < 1) {
		panic(fmt.Sprintf("cfar: cell %d of %d at Pfa %g, want 1 ≤ k ≤ n and 0 < Pfa < 1", k, n, pfa))
	}
}

// solve returns the a > 0 at which the falling function f takes the value y, by bisection to float64 precision.
func solve(f func(float64) float64, y float64) float64 {
	lo, hi := 0.0, 1.0
	for f(hi) > y {
		lo, hi = hi, 2*hi
	}
	for {
		mid := lo + (hi-lo)/2
		if mid <= lo || mid >= hi {
			return mid
		}
		if f(mid) > y {
			lo = mid
		} else {
			hi = mid
		}
	}
}
