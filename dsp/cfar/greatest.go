package cfar

import "fmt"

// GOOS estimates the floor as the greater of two order statistics, one of the reference cells below the cell and
// one of those above it. The edge of a band of noise does not pass for a signal, and with a low rank neither a
// comb of tones lifts the floor nor the next tone hides in it.
type GOOS struct {
	guard, side int
	order       order
	quantile    []float32 // of cells [i, i+side)
}

// NewGOOS returns an estimator with guard cells left out on each side and side reference cells on each side, of
// which it takes the k-th smallest, k from 1. It panics unless guard ≥ 0 and 1 ≤ k ≤ side. The threshold factor
// AlphaOS(side, k, pfa) keeps pfa on the safe side, as the greater of two estimates is never below either.
func NewGOOS(guard, side, k int) *GOOS {
	if guard < 0 || side < 1 || k < 1 || k > side {
		panic(fmt.Sprintf("cfar: greatest of order %d of %d with guard %d", k, side, guard))
	}
	return &GOOS{guard: guard, side: side, order: order{k: k}}
}

// Span returns the least number of cells a spectrum must have.
func (g *GOOS) Span() int { return g.side + g.guard + 1 }

// Floor writes the noise estimate of every cell of psd (powers: not negative) into dst; near an edge only the side that has cells
// counts. It panics when psd has fewer than Span cells or dst is shorter than psd; dst must not overlap psd. It
// allocates on the first call for a longer psd only.
func (g *GOOS) Floor(dst, psd []float32) {
	n, w := len(psd), g.side
	if n < g.Span() || len(dst) < n {
		panic(fmt.Sprintf("cfar: floor of %d cells into %d, want at least %d", n, len(dst), g.Span()))
	}
	if cap(g.quantile) < n {
		g.quantile = make([]float32, n)
	}
	q := g.quantile[:n-w+1]
	g.order.load(psd)
	for j := range w {
		g.order.add(j)
	}
	q[0] = g.order.settle()
	for i := 1; i < len(q); i++ {
		g.order.drop(i - 1)
		g.order.add(i + w - 1)
		q[i] = g.order.settle()
	}
	for i := range n {
		left, right := i-g.guard-w, i+g.guard+1
		switch {
		case left < 0:
			dst[i] = q[min(right, len(q)-1)]
		case right >= len(q):
			dst[i] = q[left]
		default:
			dst[i] = max(q[left], q[right])
		}
	}
}
