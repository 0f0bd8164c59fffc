package cfar

import "fmt"

// OS estimates the floor as the k-th smallest of the reference cells, which neighbours on the air do not lift.
// It is not safe for concurrent use.
type OS struct {
	layout
	order order
}

// NewOS returns an estimator like NewCA that takes the k-th smallest, k from 1 (3/4 of ref is usual). It panics
// unless 1 ≤ k ≤ ref.
func NewOS(guard, ref, k int) *OS {
	l := newLayout(guard, ref)
	if k < 1 || k > ref {
		panic(fmt.Sprintf("cfar: cell %d of %d", k, ref))
	}
	return &OS{layout: l, order: order{k: k}}
}

// K returns which cell is taken, counted from 1 for the smallest.
func (o *OS) K() int { return o.order.k }

// Floor writes the noise estimate of every cell of psd (powers: not negative) into dst; sizes as for CA.Floor. It
// allocates only when psd is longer than ever before.
func (o *OS) Floor(dst, psd []float32) {
	o.check(dst, psd)
	n, h, p := len(psd), o.ref/2, &o.order
	dst = dst[:n]
	p.load(psd)
	a, b, c, d := o.cells(0, n)
	for j := a; j < b; j++ {
		p.add(j)
	}
	for j := c; j < d; j++ {
		p.add(j)
	}
	dst[0] = p.settle()
	first, last := o.guard+h+1, n-o.guard-h // cells that, like the one before, have both halves
	i := 1
	for ; i < min(first, n); i++ {
		a, b, c, d = o.edge(i, a, b, c, d)
		dst[i] = p.settle()
	}
	for ; i < last; i++ {
		left, right := i-o.guard, i+o.guard+1
		p.drop(left - h - 1)
		p.drop(right - 1)
		p.add(left - 1)
		p.add(right + h - 1)
		dst[i] = p.settle()
	}
	if i < n {
		a, b, c, d = o.cells(i-1, n)
	}
	for ; i < n; i++ {
		a, b, c, d = o.edge(i, a, b, c, d)
		dst[i] = p.settle()
	}
}

// edge goes on to cell i when the references of the cell before were [a, b) and [c, d).
func (o *OS) edge(i, a, b, c, d int) (a1, b1, c1, d1 int) {
	a1, b1, c1, d1 = o.cells(i, len(o.order.rank))
	if a1 > a {
		o.order.drop(a)
	}
	if c1 > c && c < d {
		o.order.drop(c)
	}
	if b1 > b {
		o.order.add(b)
	}
	if d1 > d {
		o.order.add(d)
	}
	return a1, b1, c1, d1
}
