package cfar

import "math"

// aboveBlocks reports whether any of the first 16·blocks cells may exceed its limit, where this processor has the
// instructions; nil elsewhere.
var aboveBlocks func(x, limit *float32, blocks int) bool

// Above returns the index of the first cell of x over its limit, or len(x). Both are powers, not negative; limit is at
// least as long. A NaN is over nothing.
func Above(x, limit []float32) int {
	const block = 16
	limit = limit[:len(x)]
	i := 0
	if k := len(x) / block; k > 0 && aboveBlocks != nil && !aboveBlocks(&x[0], &limit[0], k) {
		i = k * block
	}
	// Floats that are not negative are in the order of their bits.
	for ; i+4 <= len(x); i += 4 {
		a, b := x[i:i+4:i+4], limit[i:i+4:i+4]
		if (over(a[0], b[0])|over(a[1], b[1])|over(a[2], b[2])|over(a[3], b[3]))>>31 != 0 {
			break
		}
	}
	for ; i < len(x); i++ {
		if x[i] > limit[i] {
			return i
		}
	}
	return len(x)
}

// over returns a number whose top bit is set if x > limit.
func over(x, limit float32) uint32 { return math.Float32bits(limit) - math.Float32bits(x) }
