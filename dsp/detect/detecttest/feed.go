package detecttest

import (
	"math/rand/v2"

	"subrosa/dsp/detect"
)

// cut returns the length of the next block, at least 1, when left samples are left.
type cut func(left int) int

func whole(left int) int { return left }

func every(n int) cut { return func(left int) int { return min(n, left) } }

// random cuts into blocks of 1 to 6000 samples, small ones as often as large ones.
func random(seed uint64) cut {
	r := rand.New(rand.NewPCG(seed, 1))
	sizes := []int{3, 40, 500, 6000}
	return func(left int) int { return min(left, 1+r.IntN(sizes[r.IntN(len(sizes))])) }
}

// feed hands x to d in blocks, without ending the stream.
func feed[S detect.Sample](dst []detect.Detection, d detect.Detector[S], at int64, x []S, c cut) []detect.Detection {
	for len(x) > 0 {
		n := c(len(x))
		dst = d.Detect(dst, at, x[:n])
		at, x = at+int64(n), x[n:]
	}
	return dst
}

// collect hands x to d in blocks, ends the stream and returns all findings.
func collect[S detect.Sample](d detect.Detector[S], at int64, x []S, c cut) []detect.Detection {
	return d.Detect(feed(nil, d, at, x, c), at+int64(len(x)), nil)
}
