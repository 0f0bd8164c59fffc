// Package fft is the float32 discrete Fourier transform of powers of two.
//
//	Forward:  X[k] = Σ x[i] exp(-2πi·ik/n)      Inverse:  x[i] = Σ X[k] exp(+2πi·ik/n), not divided by n
//
// Real and imaginary parts lie in slices of their own, which is what vector instructions like. A plan is set up
// once, never allocates afterwards, and is not safe for concurrent use (it owns scratch memory).
package fft

import (
	"fmt"
	"math"
	"math/bits"
)

// Plan transforms n complex points.
type Plan struct {
	n      int
	k      *kernel
	rev    []int32
	stages []stage
}

// stage is one pass over the data; with w4 == nil it is of radix 2.
type stage struct {
	span   int
	w4     *twiddles
	re, im []float32
}

// New returns a plan for n points. It panics unless n is a power of two and at least 2.
func New(n int) *Plan { return newPlan(n, fastest) }

func newPlan(n int, k *kernel) *Plan {
	if n < 2 || n&(n-1) != 0 {
		panic(fmt.Sprintf("fft: %d points, want a power of two, at least 2", n))
	}
	p := &Plan{n: n, k: k, rev: make([]int32, n)}
	shift := 32 - bits.TrailingZeros(uint(n))
	for i := range p.rev {
		p.rev[i] = int32(bits.Reverse32(uint32(i)) >> shift)
	}
	s := 1
	for ; 4*s <= n; s *= 4 {
		t := new(twiddles)
		t.re1, t.im1 = roots(s, 2, 4*s)
		t.re2, t.im2 = roots(s, 1, 4*s)
		t.re3, t.im3 = roots(s, 3, 4*s)
		p.stages = append(p.stages, stage{span: s, w4: t})
	}
	if s < n {
		re, im := roots(s, 1, 2*s)
		p.stages = append(p.stages, stage{span: s, re: re, im: im})
	}
	return p
}

// roots returns exp(-2πi·m·j/n) for j < count, each rounded once from float64.
func roots(count, m, n int) (re, im []float32) {
	re, im = make([]float32, count), make([]float32, count)
	for j := range re {
		s, c := math.Sincos(-2 * math.Pi * float64(m*j) / float64(n))
		re[j], im[j] = float32(c), float32(s)
	}
	return re, im
}

// N returns the number of points.
func (p *Plan) N() int { return p.n }

// Forward transforms src into dst. Each slice holds at least N values; dst must not overlap src.
func (p *Plan) Forward(dstRe, dstIm, srcRe, srcIm []float32) {
	n := p.n
	re, im, xr, xi := dstRe[:n], dstIm[:n], srcRe[:n], srcIm[:n]
	for i, j := range p.rev {
		re[i], im[i] = xr[j], xi[j]
	}
	for i := range p.stages {
		s := &p.stages[i]
		if s.w4 != nil {
			p.k.stage4(re, im, s.span, s.w4)
		} else {
			p.k.stage2(re, im, s.span, s.re, s.im)
		}
	}
}

// Inverse transforms src back into dst without dividing by N: Inverse after Forward gives N times the input.
// The slices are as in Forward.
func (p *Plan) Inverse(dstRe, dstIm, srcRe, srcIm []float32) {
	// Swapping the parts on both sides conjugates twice: swap(F(swap(x))) = conj(F(conj(x))).
	p.Forward(dstIm, dstRe, srcIm, srcRe)
}
