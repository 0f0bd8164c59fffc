//go:build !purego

package fft

import "github.com/tphakala/simd/f32"

var fastest = &vector

var vector = kernel{
	name: "simd",
	load: loadGo, // replaced where this processor has a better one
	stage4: func(re, im []float32, span int, t *twiddles) {
		f32.ButterflyComplexStage4(re, im, span, t.re1, t.im1, t.re2, t.im2, t.re3, t.im3)
	},
	stage2:       f32.ButterflyComplexStage,
	transpose:    f32.DeinterleaveN,
	unpack:       f32.RealFFTUnpack,
	power:        f32.RealFFTPower,
	deinterleave: f32.Deinterleave2,
	interleave:   f32.Interleave2,
}
