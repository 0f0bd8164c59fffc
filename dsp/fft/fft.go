// Package fft is the float32 discrete Fourier transform of powers of two.
//
//	Forward:  X[k] = Σ x[i] exp(-2πi·ik/n)      Inverse:  x[i] = Σ X[k] exp(+2πi·ik/n), not divided by n
//
// Real and imaginary parts lie in slices of their own, which is what vector instructions like. A plan is set up
// once, never allocates afterwards, and is not safe for concurrent use (it owns scratch memory).
//
// # Method
//
// Decimation in time (Cooley and Tukey 1965) in radix-4 passes, with two changes for the memory. The input is
// read as a matrix of R rows and C columns, in strips of eight columns:
//
//	x[C·r + c] ──rows bit reversed──► strip[r][8] ──length R down the columns──► strip[k][8] ──transpose──► dst
//
// so the bit reversal moves eight values at once instead of one, the short passes run over eight neighbouring
// columns instead of inside one vector register, and a strip (R ≤ 128) stays in the innermost cache. The columns
// land in dst in bit-reversed order of c; the remaining passes, of span R and up, then run in dst, depth first
// in pieces that fit that cache.
package fft

import (
	"fmt"
	"math"
	"math/bits"
)

const (
	width = 8    // columns of a strip
	block = 2048 // points of which all passes are run before going on: 16 KiB of re and im
)

// Plan transforms n complex points.
type Plan struct {
	n int
	k *kernel

	rows   []int32     // where the rows of a strip begin in the input, in the order they are read
	cols   []int32     // where column c goes in the output
	column []stage     // passes down the columns of a strip
	whole  []stage     // passes in the output
	re, im []float32   // one strip
	tRe    [][]float32 // its eight destinations
	tIm    [][]float32
	rev    []int32 // bit reversal of all points, for lengths too short for strips
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
	p := &Plan{n: n, k: k}
	r := columnLength(n)
	if r == 0 {
		p.rev = reversal(n, 1)
		p.whole = stages(1, n, 1)
		return p
	}
	c := n / r
	p.rows, p.cols = reversal(r, c), reversal(c, r)
	p.column, p.whole = stages(4, r, width), stages(r, n, 1) // the first pass is done in loading
	p.re, p.im = strip(r * width)
	p.tRe, p.tIm = make([][]float32, width), make([][]float32, width)
	return p
}

// columnLength returns R, or 0 where strips do not pay.
func columnLength(n int) int {
	switch {
	case n < 128:
		return 0
	case n < 512:
		return 16
	default:
		return 64
	}
}

// strip returns two slices of n floats that do not begin at the same place of a page: equal low address bits
// make a load wait for an unrelated store.
func strip(n int) (re, im []float32) {
	const apart = 16 * 5
	buf := make([]float32, 2*n+apart)
	return buf[:n:n], buf[n+apart:]
}

// reversal returns step times the bit reversal of 0 … n-1.
func reversal(n, step int) []int32 {
	rev := make([]int32, n)
	shift := 32 - bits.TrailingZeros(uint(n))
	for i := range rev {
		rev[i] = int32(bits.Reverse32(uint32(i))>>shift) * int32(step)
	}
	return rev
}

// stages returns the passes that take transforms of length from to length to, when wide transforms lie side by
// side. An odd power of two is made up by one pass of radix 2, the first, whose data are closest together.
func stages(from, to, wide int) []stage {
	var out []stage
	s := from
	if bits.TrailingZeros(uint(to/from))%2 == 1 {
		re, im := roots(s, 1, 2*s, wide)
		out = append(out, stage{span: s * wide, re: re, im: im})
		s *= 2
	}
	for ; s < to; s *= 4 {
		t := new(twiddles)
		t.re1, t.im1 = roots(s, 2, 4*s, wide)
		t.re2, t.im2 = roots(s, 1, 4*s, wide)
		t.re3, t.im3 = roots(s, 3, 4*s, wide)
		out = append(out, stage{span: s * wide, w4: t})
	}
	return out
}

// roots returns exp(-2πi·m·j/n) for j < count, each rounded once from float64 and repeated wide times.
func roots(count, m, n, wide int) (re, im []float32) {
	re, im = make([]float32, 0, count*wide), make([]float32, 0, count*wide)
	for j := range count {
		s, c := math.Sincos(-2 * math.Pi * float64(m*j) / float64(n))
		for range wide {
			re, im = append(re, float32(c)), append(im, float32(s))
		}
	}
	return re, im
}

// N returns the number of points.
func (p *Plan) N() int { return p.n }

// Forward transforms src into dst. Each slice holds at least N values; dst must not overlap src.
func (p *Plan) Forward(dstRe, dstIm, srcRe, srcIm []float32) {
	n := p.n
	re, im, xr, xi := dstRe[:n], dstIm[:n], srcRe[:n], srcIm[:n]
	if p.rev != nil {
		for i, j := range p.rev {
			re[i], im[i] = xr[j], xi[j]
		}
	} else {
		for c := 0; c < len(p.cols); c += width {
			p.strip(re, im, xr, xi, c)
		}
	}
	first := 0
	if n > block {
		for first < len(p.whole) && p.whole[first].points() <= block {
			first++
		}
		for b := 0; b < n; b += block {
			p.k.run(p.whole[:first], re[b:b+block], im[b:b+block])
		}
	}
	p.k.run(p.whole[first:], re, im)
}

// strip transforms the columns c … c+7.
func (p *Plan) strip(re, im, xr, xi []float32, c int) {
	r := len(p.rows)
	p.k.load(p.re, p.im, xr[c:], xi[c:], p.rows)
	p.k.run(p.column, p.re, p.im)
	for i, o := range p.cols[c : c+width] {
		p.tRe[i], p.tIm[i] = re[o:int(o)+r], im[o:int(o)+r]
	}
	p.k.transpose(p.tRe, p.re)
	p.k.transpose(p.tIm, p.im)
}

// points returns how many points a pass combines.
func (s *stage) points() int {
	if s.w4 != nil {
		return 4 * s.span
	}
	return 2 * s.span
}

// run makes the passes over re and im.
func (k *kernel) run(passes []stage, re, im []float32) {
	for i := range passes {
		s := &passes[i]
		if s.w4 != nil {
			k.stage4(re, im, s.span, s.w4)
		} else {
			k.stage2(re, im, s.span, s.re, s.im)
		}
	}
}

// Inverse transforms src back into dst without dividing by N: Inverse after Forward gives N times the input.
// The slices are as in Forward.
func (p *Plan) Inverse(dstRe, dstIm, srcRe, srcIm []float32) {
	// Swapping the parts on both sides conjugates twice: swap(F(swap(x))) = conj(F(conj(x))).
	p.Forward(dstIm, dstRe, srcIm, srcRe)
}
