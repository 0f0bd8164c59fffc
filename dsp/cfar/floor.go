package cfar

import (
	"fmt"
	"slices"
)

// layout is the neighbourhood of a cell: ref reference cells, half of them on each side, guard cells between.
// Near the edges the cells missing on one side are taken from the other, so that their number never changes.
type layout struct{ guard, ref int }

func (l layout) check(dst, psd []float32) {
	if len(dst) < len(psd) || len(psd) < l.Span() {
		panic(fmt.Sprintf("cfar: floor of %d cells into %d, want at least %d and room for all", len(psd), len(dst), l.Span()))
	}
}

// Span returns the least number of cells a spectrum must have: ref + 2·guard + 1.
func (l layout) Span() int { return l.ref + 2*l.guard + 1 }

// Ref returns the number of reference cells.
func (l layout) Ref() int { return l.ref }

// cells returns the left reference cells [a, b) and the right ones [c, d) of cell i out of n.
func (l layout) cells(i, n int) (a, b, c, d int) {
	b, c = max(0, i-l.guard), min(n, i+l.guard+1)
	left := min(l.ref/2, b)
	right := min(l.ref-left, n-c)
	left = l.ref - right
	return b - left, b, c, c + right
}

func newLayout(guard, ref int) layout {
	if guard < 0 || ref < 2 || ref%2 != 0 {
		panic(fmt.Sprintf("cfar: %d guard and %d reference cells, want guard ≥ 0 and an even number of references", guard, ref))
	}
	return layout{guard, ref}
}

// CA estimates the floor as the mean of the reference cells.
type CA struct {
	layout
}

// NewCA returns an estimator with guard cells left out on each side of the cell and ref reference cells in all,
// half of them on each side. It panics unless guard ≥ 0 and ref is even and at least 2.
func NewCA(guard, ref int) *CA { return &CA{newLayout(guard, ref)} }

// Floor writes the noise estimate of every cell of psd into dst. It panics when psd has fewer than Span cells or
// dst is shorter than psd; dst must not overlap psd.
func (c *CA) Floor(dst, psd []float32) {
	c.check(dst, psd)
	for i := range psd {
		a, b, e, d := c.cells(i, len(psd))
		sum := 0.0
		for _, v := range psd[a:b] {
			sum += float64(v)
		}
		for _, v := range psd[e:d] {
			sum += float64(v)
		}
		dst[i] = float32(sum / float64(c.ref))
	}
}

// OS estimates the floor as the k-th smallest of the reference cells, which neighbours on the air do not lift.
type OS struct {
	layout
	k    int
	sort []float32
}

// NewOS returns an estimator like NewCA that takes the k-th smallest, k from 1 (3/4 of ref is usual). It panics
// unless 1 ≤ k ≤ ref.
func NewOS(guard, ref, k int) *OS {
	l := newLayout(guard, ref)
	if k < 1 || k > ref {
		panic(fmt.Sprintf("cfar: cell %d of %d", k, ref))
	}
	return &OS{layout: l, k: k, sort: make([]float32, 0, ref)}
}

// K returns which cell is taken, counted from 1 for the smallest.
func (o *OS) K() int { return o.k }

// Floor writes the noise estimate of every cell of psd into dst; see CA.Floor.
func (o *OS) Floor(dst, psd []float32) {
	o.check(dst, psd)
	for i := range psd {
		a, b, c, d := o.cells(i, len(psd))
		s := append(append(o.sort[:0], psd[a:b]...), psd[c:d]...)
		slices.Sort(s)
		dst[i] = s[o.k-1]
	}
}
