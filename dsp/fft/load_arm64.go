//go:build !purego

package fft

//go:noescape
func loadNEON(dstRe, dstIm, srcRe, srcIm *float32, places *int32, quads int)

func init() {
	vector.load = func(dstRe, dstIm, srcRe, srcIm []float32, places []int32) {
		checkLoad(dstRe, dstIm, srcRe, srcIm, places)
		loadNEON(&dstRe[0], &dstIm[0], &srcRe[0], &srcIm[0], &places[0], len(places)/4)
	}
}
