package iqfile

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/tphakala/simd/f32"
	"github.com/tphakala/simd/i8"
)

// decode converts b, which holds len(dst) samples, and returns the index of the first that is not finite or
// -1. It may change b.
func (e Encoding) decode(dst []complex64, b []byte) (bad int) {
	if len(dst) == 0 {
		return -1
	}
	switch e {
	case CU8:
		decodeU8(dst, b)
	case CS8:
		i8.Dequantize(parts(dst), signed(b), 1.0/128, 0)
	case CS16:
		for i := range dst {
			u := binary.LittleEndian.Uint32(b[4*i:])
			dst[i] = complex(float32(int16(u))*(1.0/(1<<15)), float32(int16(u>>16))*(1.0/(1<<15)))
		}
	case CF32:
		const exponents = 0x7f800000<<32 | 0x7f800000
		for i := range dst {
			u := binary.LittleEndian.Uint64(b[8*i:])
			if x := u & exponents; x>>32 == 0x7f800000 || uint32(x) == 0x7f800000 {
				return i
			}
			dst[i] = complex(math.Float32frombits(uint32(u)), math.Float32frombits(uint32(u>>32)))
		}
	}
	return -1
}

// decodeU8 maps b to (b - 127.5)/127.5. The middle lies between two codes and the vector kernel's zero is a
// whole number, so it is computed as (2 (b - 128) + 1)/255, where only the last step rounds. It goes over
// pieces that stay in the first cache.
func decodeU8(dst []complex64, b []byte) {
	const piece = 1024
	for len(dst) > 0 {
		n := min(len(dst), piece)
		x, codes := parts(dst[:n]), b[:2*n]
		flipSigns(codes)
		i8.Dequantize(x, signed(codes), 2, 0)
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

func signed(b []byte) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(&b[0])), len(b))
}
