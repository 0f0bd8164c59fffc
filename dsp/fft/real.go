package fft

import "fmt"

// Real transforms n real points by a complex transform of n/2 and an unpacking pass.
type Real struct {
	n              int
	half           *Plan // nil for n = 2
	wRe, wIm       []float32
	ar, ai, br, bi []float32
}

// NewReal returns a plan for n real points. It panics unless n is a power of two and at least 2.
func NewReal(n int) *Real { return newReal(n, fastest) }

func newReal(n int, k *kernel) *Real {
	if n < 2 || n&(n-1) != 0 {
		panic(fmt.Sprintf("fft: %d real points, want a power of two, at least 2", n))
	}
	h := n / 2
	r := &Real{n: n}
	if h < 2 {
		return r
	}
	r.half = newPlan(h, k)
	wRe, wIm := roots(h, 1, n, 1)
	r.wRe, r.wIm = wRe[1:], wIm[1:]
	buf := make([]float32, 4*h)
	r.ar, r.ai, r.br, r.bi = buf[:h], buf[h:2*h], buf[2*h:3*h], buf[3*h:]
	return r
}

// N returns the number of real points.
func (p *Real) N() int { return p.n }

// Forward transforms n real points of src into n/2+1 bins; those of 0 and n/2 have no imaginary part. src holds
// at least N values, dst at least N/2+1 each; dst must not overlap src.
func (p *Real) Forward(dstRe, dstIm, src []float32) {
	h := p.n / 2
	re, im, x := dstRe[:h+1], dstIm[:h+1], src[:p.n]
	if p.half == nil {
		re[0], re[1], im[0], im[1] = x[0]+x[1], x[0]-x[1], 0, 0
		return
	}
	p.half.k.deinterleave(p.ar, p.ai, x)
	p.half.Forward(p.br, p.bi, p.ar, p.ai)
	p.half.k.unpack(re, im, p.br, p.bi, p.wRe, p.wIm)
	z, y := p.br[0], p.bi[0]
	re[0], im[0], re[h], im[h] = z+y, 0, z-y, 0
}

// Power writes |X|² of the n/2+1 bins of src into dst, without the spectrum itself ever being stored. dst must
// not overlap src.
func (p *Real) Power(dst, src []float32) {
	h := p.n / 2
	d, x := dst[:h+1], src[:p.n]
	if p.half == nil {
		d[0], d[1] = (x[0]+x[1])*(x[0]+x[1]), (x[0]-x[1])*(x[0]-x[1])
		return
	}
	p.half.k.deinterleave(p.ar, p.ai, x)
	p.half.Forward(p.br, p.bi, p.ar, p.ai)
	p.half.k.power(d, p.br, p.bi, p.wRe, p.wIm)
	z, y := p.br[0], p.bi[0]
	d[0], d[h] = (z+y)*(z+y), (z-y)*(z-y)
}

// Inverse transforms n/2+1 bins back into n real points without dividing by N: Inverse after Forward gives N
// times the input. The imaginary parts of bins 0 and n/2 are ignored. dst must not overlap src.
func (p *Real) Inverse(dst, srcRe, srcIm []float32) {
	h := p.n / 2
	x, re, im := dst[:p.n], srcRe[:h+1], srcIm[:h+1]
	if p.half == nil {
		x[0], x[1] = re[0]+re[1], re[0]-re[1]
		return
	}
	// Z[k] = (X[k] + X*[h-k]) + i·exp(+2πik/n)·(X[k] - X*[h-k]): twice the packed transform, which makes up for
	// the inverse of half the length.
	p.ar[0], p.ai[0] = re[0]+re[h], re[0]-re[h]
	for k := 1; k < h; k++ {
		er, ei := re[k]+re[h-k], im[k]-im[h-k]
		dr, di := re[k]-re[h-k], im[k]+im[h-k]
		wr, wi := p.wRe[k-1], -p.wIm[k-1]
		p.ar[k] = er - (wr*di + wi*dr)
		p.ai[k] = ei + (wr*dr - wi*di)
	}
	p.half.Inverse(p.br, p.bi, p.ar, p.ai)
	p.half.k.interleave(x, p.br, p.bi)
}
