// Package iq turns the bytes of radio recordings and receivers into complex samples of full scale 1.
//
//	cu8   offset binary, as RTL-SDR sends it:    (b - 127.5) / 127.5
//	cs8   two's complement, as HackRF sends it:  b / 128
//	cs16  two's complement, little endian:       v / 32768
//	cf32  IEEE 754 float32, little endian:       v
//
// I comes first, then Q. The converters take whole samples only: as many as fit into dst and are complete in
// src, and return that number; bytes beyond are the caller's to keep for the next call. dst must not overlap src.
// cs8, cs16 and cf32 are exact; cu8 is within 2⁻²³ of the formula.
package iq

import (
	"encoding/binary"
	"math"

	"github.com/tphakala/simd/f32"
	"github.com/tphakala/simd/i8"
)

// CU8 converts unsigned 8-bit samples and returns how many.
func CU8(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/2)
	offset(floats(dst[:n]), src[:2*n])
	return n
}

// offsetBlocks converts 16 bytes at a time where this processor has the instructions; nil elsewhere.
var offsetBlocks func(dst *float32, src *byte, blocks int, scale, shift float32)

// offset converts bytes in offset binary: (b - 127.5)/127.5 = s/127.5 + 0.5/127.5 with s = b - 128.
func offset(dst []float32, src []byte) {
	const scale, shift, block = 1 / 127.5, 0.5 / 127.5, 16
	dst = dst[:len(src)]
	if k := len(src) / block; k > 0 && offsetBlocks != nil {
		offsetBlocks(&dst[0], &src[0], k, scale, shift)
		dst, src = dst[k*block:], src[k*block:]
	}
	for i, b := range src {
		s := float32(int(b)-128) * scale // a conversion keeps the product from being fused with the sum
		dst[i] = float32(s) + shift
	}
}

// CS8 converts signed 8-bit samples and returns how many.
func CS8(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/2)
	i8.Dequantize(floats(dst[:n]), signed(src[:2*n]), 1.0/128, 0)
	return n
}

// CS16 converts signed 16-bit samples, little endian, and returns how many.
func CS16(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/4)
	if x, ok := shorts(src[:4*n]); ok {
		f32.Int16ToFloat32Scale(floats(dst[:n]), x, 1.0/32768)
		return n
	}
	src = src[:4*n]
	for i := range dst[:n] {
		v := binary.LittleEndian.Uint32(src[4*i:])
		dst[i] = complex(float32(int16(v))*(1.0/32768), float32(int16(v>>16))*(1.0/32768))
	}
	return n
}

// CF32 converts float32 samples, little endian, and returns how many. NaN and infinities pass through: see Finite.
func CF32(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/8)
	if out, ok := raw(dst[:n]); ok {
		copy(out, src)
		return n
	}
	src = src[:8*n]
	for i := range dst[:n] {
		v := binary.LittleEndian.Uint64(src[8*i:])
		dst[i] = complex(math.Float32frombits(uint32(v)), math.Float32frombits(uint32(v>>32)))
	}
	return n
}

// Deinterleave splits x into its parts: as many as the shortest of the three holds.
func Deinterleave(re, im []float32, x []complex64) {
	f32.Deinterleave2(re, im, floats(x))
}

// Peak returns the greatest magnitude of a part of a sample.
func Peak(x []complex64) float32 { return f32.MaxAbs(floats(x)) }

// Finite reports whether no part of any sample is NaN or infinite.
func Finite(x []complex64) bool {
	// v - v is 0 for a finite v and NaN for any other; a sum of zeros is 0, and one NaN makes it NaN.
	var a, b, c, d float32
	f := floats(x)
	for ; len(f) >= 8; f = f[8:] {
		a += (f[0] - f[0]) + (f[4] - f[4])
		b += (f[1] - f[1]) + (f[5] - f[5])
		c += (f[2] - f[2]) + (f[6] - f[6])
		d += (f[3] - f[3]) + (f[7] - f[7])
	}
	for _, v := range f {
		a += v - v
	}
	return a+b+c+d == 0
}
