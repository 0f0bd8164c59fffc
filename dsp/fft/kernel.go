package fft

// kernel is the arithmetic behind a plan: everything that gains from vector instructions, and nothing else.
// There is one set on tphakala/simd (AVX or NEON, chosen at run time by the processor; only load is our own
// assembly, 50 lines for each) and one in plain Go, which the build tag purego leaves as the only one.
// A set on another foundation has to supply these functions only.
type kernel struct {
	name string

	// load reads rows of eight values at the given places of src, four by four, runs the first radix-4 pass over
	// each four (whose twiddles are all 1), and writes the results to dst one row after the other.
	load func(dstRe, dstIm, srcRe, srcIm []float32, places []int32)

	// stage4 runs one radix-4 decimation-in-time stage in place on whole blocks of 4·span points, with the
	// twiddles w^2j, w^j, w^3j (w = exp(-2πi/4·span)) on the second, third and fourth quarter of a block:
	// the input order is base-2 bit reversed, which swaps the two middle quarters.
	stage4 func(re, im []float32, span int, t *twiddles)

	// stage2 runs one radix-2 stage in place on whole blocks of 2·span points, with w^j (w = exp(-2πi/2·span)).
	stage2 func(re, im []float32, span int, wRe, wIm []float32)

	// unpack turns the transform z of n/2 packed points into bins 1 … n/2-1 of a real input of n points.
	unpack func(dstRe, dstIm, zRe, zIm, wRe, wIm []float32)

	// transpose writes column i of src, rows of len(dst) values, into dst[i].
	transpose func(dst [][]float32, src []float32)

	// power is unpack followed by the squared magnitude.
	power func(dst, zRe, zIm, wRe, wIm []float32)

	// deinterleave splits (a0, b0, a1, b1, …) into a and b.
	deinterleave func(a, b, src []float32)
	// interleave is its inverse.
	interleave func(dst, a, b []float32)
}

// twiddles are the factors of one radix-4 stage, span of each.
type twiddles struct{ re1, im1, re2, im2, re3, im3 []float32 }

// checkLoad panics, as a slice expression would, if a kernel in assembly were to leave the slices. The last
// place is the highest: bit reversal ends with all ones.
func checkLoad(dstRe, dstIm, srcRe, srcIm []float32, places []int32) {
	n, end := len(places)*width, int(places[len(places)-1])+width
	_, _, _, _ = dstRe[:n], dstIm[:n], srcRe[:end], srcIm[:end]
}
