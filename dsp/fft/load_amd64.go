//go:build !purego

package fft

import "golang.org/x/sys/cpu"

//go:noescape
func loadAVX(dstRe, dstIm, srcRe, srcIm *float32, places *int32, quads int)

func init() {
	if cpu.X86.HasAVX {
		vector.load = func(dstRe, dstIm, srcRe, srcIm []float32, places []int32) {
			checkLoad(dstRe, dstIm, srcRe, srcIm, places)
			loadAVX(&dstRe[0], &dstIm[0], &srcRe[0], &srcIm[0], &places[0], len(places)/4)
		}
	}
}
