// Package iq turns the bytes of radio recordings and receivers into complex samples of full scale 1.
//
//	cu8   offset binary, as RTL-SDR sends it:    (b - 127.5) / 127.5
//	cs8   two's complement, as HackRF sends it:  b / 128
//	cs16  two's complement, little endian:       v / 32768
//	cf32  IEEE 754 float32, little endian:       v
//
// I comes first, then Q. The converters take whole samples only: as many as fit into dst and are complete in
// src, and return that number; bytes beyond are the caller's to keep for the next call.
package iq

import (
	"encoding/binary"
	"math"
)

// CU8 converts unsigned 8-bit samples and returns how many.
func CU8(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/2)
	for i := range n {
		dst[i] = complex((float32(src[2*i])-127.5)/127.5, (float32(src[2*i+1])-127.5)/127.5)
	}
	return n
}

// CS8 converts signed 8-bit samples and returns how many.
func CS8(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/2)
	for i := range n {
		dst[i] = complex(float32(int8(src[2*i]))/128, float32(int8(src[2*i+1]))/128)
	}
	return n
}

// CS16 converts signed 16-bit samples, little endian, and returns how many.
func CS16(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/4)
	for i := range n {
		re, im := int16(binary.LittleEndian.Uint16(src[4*i:])), int16(binary.LittleEndian.Uint16(src[4*i+2:]))
		dst[i] = complex(float32(re)/32768, float32(im)/32768)
	}
	return n
}

// CF32 converts float32 samples, little endian, and returns how many. NaN and infinities pass through: see Finite.
func CF32(dst []complex64, src []byte) int {
	n := min(len(dst), len(src)/8)
	for i := range n {
		re, im := binary.LittleEndian.Uint32(src[8*i:]), binary.LittleEndian.Uint32(src[8*i+4:])
		dst[i] = complex(math.Float32frombits(re), math.Float32frombits(im))
	}
	return n
}

// Deinterleave splits x into its parts: as many as the shortest of the three holds.
func Deinterleave(re, im []float32, x []complex64) {
	n := min(len(re), len(im), len(x))
	for i, v := range x[:n] {
		re[i], im[i] = real(v), imag(v)
	}
}

// Finite reports whether no part of any sample is NaN or infinite.
func Finite(x []complex64) bool {
	for _, v := range x {
		if !(math.Abs(float64(real(v))) <= math.MaxFloat32 && math.Abs(float64(imag(v))) <= math.MaxFloat32) {
			return false
		}
	}
	return true
}
