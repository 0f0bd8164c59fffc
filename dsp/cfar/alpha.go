// Package cfar sets thresholds of a constant false alarm rate over cells of a power spectrum.
//
// A cell is compared with alpha times the noise estimate of its neighbourhood. The thresholds are those for cells
// with the statistics of noise power: exponential for one look (square law), Gamma(M) for the mean of M looks.
// Looks that overlap are not independent: frames of a Hann window at a hop of half their length count as about
// 0.53 looks each at large numbers. A taper also ties neighbouring cells together (Hann: the nearest two), which
// makes the reference cells worth fewer than their number; measure before trusting a Pfa to better than a factor.
package cfar

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
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
	checkLooks(m)
	f := distuv.F{D1: 2 * float64(m), D2: 2 * float64(m) * float64(n)}
	return solve(func(a float64) float64 { return math.Log(f.Survival(a)) }, math.Log(pfa))
}

// AlphaAveragedOS returns the factor on the k-th smallest of n reference cells when every cell is the mean of m
// independent looks. With S and F = 1-S the distribution of such a cell (Gamma of shape m, mean 1) and g_k the
// density of the k-th of n of them,
//
//	pfa = ∫ S(alpha·y) g_k(y) dy,  g_k(y) = k·C(n,k)·F(y)^(k-1)·S(y)^(n-k)·F'(y)
//
// which is integrated numerically over ln y, where the integrand is smooth and falls off on both sides, so that
// the trapezoid rule converges exponentially. For m = 1 this is AlphaOS.
func AlphaAveragedOS(n, k, m int, pfa float64) float64 {
	check(n, k, pfa)
	checkLooks(m)
	y, weight := orderGrid(n, k, float64(m))
	logPfa := func(a float64) float64 {
		sum := 0.0
		for i, w := range weight {
			sum += w * mathext.GammaIncRegComp(float64(m), float64(m)*a*y[i])
		}
		return math.Log(sum)
	}
	return solve(logPfa, math.Log(pfa))
}

// orderGrid returns points y and weights g_k(y)·dy, which sum to 1.
func orderGrid(n, k int, m float64) (y, weight []float64) {
	const steps = 1500
	lgN, _ := math.Lgamma(float64(n) + 1)
	lgK, _ := math.Lgamma(float64(k))
	lgR, _ := math.Lgamma(float64(n-k) + 1)
	lgM, _ := math.Lgamma(m)
	// F(y) ≤ (m·y)^m/m!, so below this y even the smallest of the cells contributes nothing that counts.
	lo := math.Log(1e-18)/(m*float64(k)) - 6/m - 2
	hi := math.Log(60/m + 8)
	h := (hi - lo) / steps
	for i := range steps + 1 {
		u := lo + h*float64(i)
		v := math.Exp(u)
		f, s := mathext.GammaIncReg(m, m*v), mathext.GammaIncRegComp(m, m*v)
		l := lgN - lgK - lgR + m*math.Log(m) - lgM + m*u - m*v
		if k > 1 {
			l += float64(k-1) * math.Log(f)
		}
		if n > k {
			l += float64(n-k) * math.Log(s)
		}
		if w := math.Exp(l) * h; w > 0 {
			y, weight = append(y, v), append(weight, w)
		}
	}
	return y, weight
}

func check(n, k int, pfa float64) {
	if n < 1 || k < 1 || k > n || !(pfa > 0 && pfa < 1) {
		panic(fmt.Sprintf("cfar: cell %d of %d at Pfa %g, want 1 ≤ k ≤ n and 0 < Pfa < 1", k, n, pfa))
	}
}

func checkLooks(m int) {
	if m < 1 {
		panic(fmt.Sprintf("cfar: mean of %d looks, want at least 1", m))
	}
}

// solve returns the a > 0 at which the falling function f takes the value y, by bisection to 1e-12.
func solve(f func(float64) float64, y float64) float64 {
	lo, hi := 0.0, 1.0
	for f(hi) > y {
		lo, hi = hi, 2*hi
	}
	for hi-lo > 1e-12*hi {
		mid := lo + (hi-lo)/2
		if f(mid) > y {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + (hi-lo)/2
}
