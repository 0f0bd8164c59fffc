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

// settle moves v until it is one of the keys and k-1 are below it. Noise makes the number and the direction of the
// moves unpredictable, so the direction is not a jump but a mask: complementing all keys turns down into up.
func (p *pivot) settle() {
	moves := p.k - 1 - p.rank
	down := int64(moves) >> 63
	if down == 0 {
		moves += 1 - p.held
	} else {
		moves = -moves
	}
	for ; moves > 0; moves-- {
		u := p.v ^ down
		p.v = min(above(p.keys[p.a:p.b], u, down), above(p.keys[p.c:p.d], u, down)) ^ down
	}
	p.rank, p.held = p.k-1, 1
}

// above returns the smallest of the keys, each complemented where mask says so, that is above v.
func above(keys []int64, v, mask int64) int64 {
	m0, m1, m2, m3 := int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64)
	for ; len(keys) >= 4; keys = keys[4:] {
		x0, x1, x2, x3 := keys[0]^mask, keys[1]^mask, keys[2]^mask, keys[3]^mask
		if x0 <= v {
			x0 = math.MaxInt64
		}
		if x1 <= v {
			x1 = math.MaxInt64
		}
		if x2 <= v {
			x2 = math.MaxInt64
		}
		if x3 <= v {
			x3 = math.MaxInt64
		}
		m0, m1, m2, m3 = min(m0, x0), min(m1, x1), min(m2, x2), min(m3, x3)
	}
	for _, x := range keys {
		if x ^= mask; x > v {
			m0 = min(m0, x)
		}
	}
	return min(m0, m1, m2, m3)
}
