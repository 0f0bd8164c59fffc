package cfar

import (
	"math"
	"math/bits"
)

// order knows the k-th smallest of a set of cells that slides along a spectrum. Every cell is known by its rank in
// the whole spectrum, so that the set is a row of bits and the next larger or smaller cell is the next bit:
//
//	ranks   0 1 2 3 4 5 6 7 8 …
//	set     . x . . x x . . x     at = the rank of the k-th x; below = how many x lie under it
//
// From one cell of the spectrum to the next the set changes by a few members, and at by a few bits.
type order struct {
	k      int
	keys   []uint64 // sorted: power above, place below
	spare  []uint64
	rank   []int32 // by place
	set    []uint64
	at     int32
	below  int
	counts [4][256]int32
}

// load ranks the cells of psd (powers: not negative; a NaN counts as above infinity), equal ones by place, and empties
// the set. It allocates only when psd is longer than ever before.
func (o *order) load(psd []float32) {
	n := len(psd)
	if cap(o.keys) < n {
		o.keys, o.spare, o.rank, o.set = make([]uint64, n), make([]uint64, n), make([]int32, n), make([]uint64, n/64+1)
	}
	o.keys, o.spare, o.rank, o.set = o.keys[:n], o.spare[:n], o.rank[:n], o.set[:n/64+1]
	o.sort(psd)
	for r, key := range o.keys {
		o.rank[uint32(key)] = int32(r)
	}
	clear(o.set)
	o.at, o.below = 0, 0
}

// sort is a radix sort by the bytes of the powers, which order floats that are not negative, lowest byte first.
func (o *order) sort(psd []float32) {
	clear(o.counts[:])
	c0, c1, c2, c3 := &o.counts[0], &o.counts[1], &o.counts[2], &o.counts[3]
	for i, x := range psd {
		b := math.Float32bits(x) &^ (1 << 31)
		o.keys[i] = uint64(b)<<32 | uint64(i)
		c0[b&255]++
		c1[b>>8&255]++
		c2[b>>16&255]++
		c3[b>>24]++
	}
	for digit := range o.counts {
		c, shift := &o.counts[digit], 32+8*digit
		if c[o.keys[0]>>shift&255] == int32(len(psd)) {
			continue // all alike
		}
		sum := int32(0)
		for i, n := range c {
			c[i] = sum
			sum += n
		}
		to := o.spare
		for _, key := range o.keys {
			p := &c[key>>shift&255]
			to[*p] = key
			*p++
		}
		o.keys, o.spare = to, o.keys
	}
}

// less returns 1 if a < b, else 0, without a jump.
func less(a, b int32) int { return int(uint32(a-b) >> 31) }

// add puts the cell at a place into the set, drop takes it out. Until settle is called, at may not be a member.
func (o *order) add(place int) {
	r := o.rank[place]
	o.set[uint32(r)/64] |= 1 << (uint32(r) % 64)
	o.below += less(r, o.at)
}

func (o *order) drop(place int) {
	r := o.rank[place]
	o.set[uint32(r)/64] &^= 1 << (uint32(r) % 64)
	o.below -= less(r, o.at)
}

// settle finds the k-th smallest of the set, which has at least k members, and returns its power.
func (o *order) settle() float32 {
	for o.below >= o.k {
		o.at = o.down(o.at)
		o.below--
	}
	for ; ; o.below++ {
		o.at = o.up(o.at)
		if o.below == o.k-1 {
			return math.Float32frombits(uint32(o.keys[o.at] >> 32))
		}
		o.at++
	}
}

// up returns the first member that is not below r.
func (o *order) up(r int32) int32 {
	i := uint32(r) / 64
	w := o.set[i] >> (uint32(r) % 64) << (uint32(r) % 64)
	for w == 0 {
		i++
		w = o.set[i]
	}
	return int32(i)*64 + int32(bits.TrailingZeros64(w))
}

// down returns the last member below r.
func (o *order) down(r int32) int32 {
	i := uint32(r) / 64
	w := o.set[i] & (1<<(uint32(r)%64) - 1)
	for w == 0 {
		i--
		w = o.set[i]
	}
	return int32(i)*64 + 63 - int32(bits.LeadingZeros64(w))
}
