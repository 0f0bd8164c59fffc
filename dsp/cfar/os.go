package cfar

import (
	"fmt"
	"math"
	"slices"
)

// OS estimates the floor as the k-th smallest of the reference cells, which neighbours on the air do not lift.
// It is not safe for concurrent use.
type OS struct {
	layout
	k          int
	keys, sort []int64
}

// NewOS returns an estimator like NewCA that takes the k-th smallest, k from 1 (3/4 of ref is usual). It panics
// unless 1 ≤ k ≤ ref.
func NewOS(guard, ref, k int) *OS {
	l := newLayout(guard, ref)
	if k < 1 || k > ref {
		panic(fmt.Sprintf("cfar: cell %d of %d", k, ref))
	}
	return &OS{layout: l, k: k, sort: make([]int64, 0, ref)}
}

// K returns which cell is taken, counted from 1 for the smallest.
func (o *OS) K() int { return o.k }

// Floor writes the noise estimate of every cell of psd (powers: not negative) into dst; sizes as for CA.Floor. It
// allocates only when psd is longer than ever before.
//
// From one cell to the next at most two references leave and two come, so the estimate moves by few ranks: the
// rank of the last one is kept up to date, and only when it is no longer k are the cells searched for the next
// larger or smaller one. That is O(ref) now and then instead of a sort for every cell.
func (o *OS) Floor(dst, psd []float32) {
	o.check(dst, psd)
	n, h := len(psd), o.ref/2
	dst = dst[:n]
	p := o.start(psd)
	dst[0] = psd[uint32(p.v)]
	first, last := o.guard+h+1, n-o.guard-h // cells that, like the one before, have both halves
	i := 1
	for ; i < min(first, n); i++ {
		p.edge(o.cells(i, n))
		dst[i] = psd[uint32(p.v)]
	}
	for ; i < last; i++ {
		p.step(i, o.guard, h)
		dst[i] = psd[uint32(p.v)]
	}
	for ; i < n; i++ {
		p.edge(o.cells(i, n))
		dst[i] = psd[uint32(p.v)]
	}
}

// pivot is the k-th smallest of the keys [a, b) and [c, d).
type pivot struct {
	keys       []int64
	a, b, c, d int
	k          int
	v          int64
	rank       int // how many of them are below v
	held       int // 1 if v is one of them
}

// start makes the keys and finds the first cell's pivot by sorting. A key orders cells by power, and equal ones
// by place, so that no two are equal; a NaN comes after infinity.
func (o *OS) start(psd []float32) pivot {
	if cap(o.keys) < len(psd) {
		o.keys = make([]int64, len(psd))
	}
	o.keys = o.keys[:len(psd)]
	for j, x := range psd {
		o.keys[j] = int64(math.Float32bits(x)&^(1<<31))<<32 | int64(j)
	}
	p := pivot{keys: o.keys, k: o.k, rank: o.k - 1, held: 1}
	p.a, p.b, p.c, p.d = o.cells(0, len(psd))
	o.sort = append(append(o.sort[:0], o.keys[p.a:p.b]...), o.keys[p.c:p.d]...)
	slices.Sort(o.sort)
	p.v = o.sort[o.k-1]
	return p
}

// below returns 1 if a < b, else 0, without a jump. Neither is negative.
func below(a, b int64) int { return int(uint64(a-b) >> 63) }

// step goes on to cell i when both it and the one before have h references on each side.
func (p *pivot) step(i, guard, h int) {
	p.b, p.c = i-guard, i+guard+1
	p.a, p.d = p.b-h, p.c+h
	o1, o2, n1, n2 := p.keys[p.a-1], p.keys[p.c-1], p.keys[p.b-1], p.keys[p.d-1]
	p.rank += below(n1, p.v) + below(n2, p.v) - below(o1, p.v) - below(o2, p.v)
	if o1 == p.v || o2 == p.v {
		p.held = 0
	}
	p.settle()
}

// edge goes on to the next cell when its references are [a, b) and [c, d).
func (p *pivot) edge(a, b, c, d int) {
	if a > p.a {
		p.drop(p.keys[p.a])
	}
	if c > p.c && p.c < p.d {
		p.drop(p.keys[p.c])
	}
	if b > p.b {
		p.rank += below(p.keys[p.b], p.v)
	}
	if d > p.d {
		p.rank += below(p.keys[p.d], p.v)
	}
	p.a, p.b, p.c, p.d = a, b, c, d
	p.settle()
}

func (p *pivot) drop(x int64) {
	p.rank -= below(x, p.v)
	if x == p.v {
		p.held = 0
	}
}

// settle moves v until it is one of the keys and k-1 are below it.
func (p *pivot) settle() {
	if p.rank == p.k-1 && p.held == 1 {
		return
	}
	x, y := p.keys[p.a:p.b], p.keys[p.c:p.d]
	for ; p.rank >= p.k; p.rank-- {
		p.v, p.held = max(lower(x, p.v), lower(y, p.v)), 1
	}
	for p.rank < p.k-1 || p.held == 0 {
		p.v = min(higher(x, p.v), higher(y, p.v))
		p.rank += p.held
		p.held = 1
	}
}

// higher returns the smallest key above v, or the greatest int64.
func higher(keys []int64, v int64) int64 {
	m, o := int64(math.MaxInt64), int64(math.MaxInt64)
	for ; len(keys) >= 2; keys = keys[2:] {
		x, y := keys[0], keys[1]
		if x <= v {
			x = math.MaxInt64
		}
		if y <= v {
			y = math.MaxInt64
		}
		m, o = min(m, x), min(o, y)
	}
	for _, x := range keys {
		if x > v {
			m = min(m, x)
		}
	}
	return min(m, o)
}

// lower returns the largest key below v, or -1.
func lower(keys []int64, v int64) int64 {
	m, o := int64(-1), int64(-1)
	for ; len(keys) >= 2; keys = keys[2:] {
		x, y := keys[0], keys[1]
		if x >= v {
			x = -1
		}
		if y >= v {
			y = -1
		}
		m, o = max(m, x), max(o, y)
	}
	for _, x := range keys {
		if x < v {
			m = max(m, x)
		}
	}
	return max(m, o)
}
