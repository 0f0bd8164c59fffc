package cfar

import "fmt"

// layout is the neighbourhood of a cell: ref reference cells, half of them on each side, guard cells between.
// Near the edges the cells missing on one side are taken from the other, so that their number never changes.
type layout struct{ guard, ref int }

func newLayout(guard, ref int) layout {
	if guard < 0 || ref < 2 || ref%2 != 0 {
		panic(fmt.Sprintf("cfar: %d guard and %d reference cells, want guard ≥ 0 and an even number of references", guard, ref))
	}
	return layout{guard, ref}
}

// Span returns the least number of cells a spectrum must have: ref + 2·guard + 1.
func (l layout) Span() int { return l.ref + 2*l.guard + 1 }

// Ref returns the number of reference cells.
func (l layout) Ref() int { return l.ref }

func (l layout) check(dst, psd []float32) {
	if len(dst) < len(psd) || len(psd) < l.Span() {
		panic(fmt.Sprintf("cfar: floor of %d cells into %d, want at least %d and room for all", len(psd), len(dst), l.Span()))
	}
}

// cells returns the reference cells of cell i out of n: [a, b) on the left, [c, d) on the right. From one cell to
// the next each bound stays or grows by one.
func (l layout) cells(i, n int) (a, b, c, d int) {
	b, c = max(0, i-l.guard), min(n, i+l.guard+1)
	right := min(l.ref-min(l.ref/2, b), n-c)
	return b - (l.ref - right), b, c, c + right
}

// CA estimates the floor as the mean of the reference cells. It is not safe for concurrent use.
type CA struct {
	layout
	sums []float64
}

// NewCA returns an estimator with guard cells left out on each side of the cell and ref reference cells in all,
// half of them on each side. It panics unless guard ≥ 0 and ref is even and at least 2.
func NewCA(guard, ref int) *CA { return &CA{layout: newLayout(guard, ref)} }

// Floor writes the noise estimate of every cell of psd into dst. It panics when psd has fewer than Span cells or
// dst is shorter than psd; dst must not overlap psd. It allocates only when psd is longer than ever before.
func (c *CA) Floor(dst, psd []float32) {
	c.check(dst, psd)
	n, h := len(psd), c.ref/2
	c.window(psd, h)
	scale := 1 / float64(c.ref)
	first, last := c.guard+h, n-c.guard-h // cells with both halves of the neighbourhood
	for i := range psd[:min(first, n)] {
		dst[i] = c.edge(psd, i)
	}
	if first < last {
		left, right, out := c.sums[:last-first], c.sums[first+c.guard+1:], dst[first:last]
		right = right[:len(left)]
		for i, v := range left {
			out[i] = float32((v + right[i]) * scale)
		}
	}
	for i := max(first, last); i < n; i++ {
		dst[i] = c.edge(psd, i)
	}
}

// edge averages the cells one by one.
func (c *CA) edge(psd []float32, i int) float32 {
	a, b, e, d := c.cells(i, len(psd))
	sum := 0.0
	for _, v := range psd[a:b] {
		sum += float64(v)
	}
	for _, v := range psd[e:d] {
		sum += float64(v)
	}
	return float32(sum / float64(c.ref))
}

// window sets sums[j] to the sum of psd[j:j+h]. It goes block by block (van Herk 1992, Gil and Werman 1993): the
// tail of one block plus the head of the next, so nothing is ever subtracted and a strong line, or a NaN, leaves
// no trace outside the windows that hold it.
func (c *CA) window(psd []float32, h int) {
	if cap(c.sums) < len(psd) {
		c.sums = make([]float64, len(psd))
	}
	c.sums = c.sums[:len(psd)]
	for s := 0; s < len(psd); s += h {
		e := min(s+h, len(psd))
		sum := 0.0
		for j := e - 1; j >= s; j-- {
			sum += float64(psd[j])
			c.sums[j] = sum
		}
		if e == len(psd) {
			break
		}
		head, tails := psd[e:], c.sums[s:e]
		sum = 0
		for j, v := range head[:min(h-1, len(head))] {
			sum += float64(v)
			tails[j+1] += sum
		}
	}
}
