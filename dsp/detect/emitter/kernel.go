package emitter

import "github.com/tphakala/simd/f32"

func add(dst, x []float32) { f32.Add(dst, dst, x) }

func scale(dst []float32, by float32) { f32.Scale(dst, dst, by) }

func least(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = min(dst[i], v)
	}
}
