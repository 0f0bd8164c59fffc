// Package eightbit converts the eight-bit samples of receivers, I and Q by turns, to complex numbers of full scale 1.
package eightbit

import (
	"encoding/binary"
	"unsafe"

	"github.com/tphakala/simd/f32"
	"github.com/tphakala/simd/i8"
)

// Signed converts two's complement codes, full scale 128 (HackRF), as many as dst holds: b has two for each.
func Signed(dst []complex64, b []byte) {
	if len(dst) > 0 {
		i8.Dequantize(parts(dst), codes(b[:2*len(dst)]), 1.0/128, 0)
	}
}

// Unsigned converts codes with the middle 127.5 and full scale 127.5 (RTL2832): (b - 127.5)/127.5. It changes b.
//
// The middle lies between two codes and the vector kernel's zero is a whole number, so it is computed as
// (2 (b - 128) + 1)/255, where only the last step rounds. It goes over pieces that stay in the first cache.
func Unsigned(dst []complex64, b []byte) {
	const piece = 1024
	for len(dst) > 0 {
		n := min(len(dst), piece)
		x, c := parts(dst[:n]), b[:2*n]
		flipSigns(c)
		i8.Dequantize(x, codes(c), 2, 0)
		f32.AddScalar(x, x, 1)
		f32.Scale(x, x, 1.0/255)
		dst, b = dst[n:], b[2*n:]
	}
}

// flipSigns subtracts 128 from unsigned codes, which makes them signed ones.
func flipSigns(b []byte) {
	const signs = 0x8080808080808080
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^signs)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= 0x80
	}
}

// parts views complex samples as I, Q, I, Q, …: Go stores the real part first.
func parts(x []complex64) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(&x[0])), 2*len(x))
}

func codes(b []byte) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(&b[0])), len(b))
}
