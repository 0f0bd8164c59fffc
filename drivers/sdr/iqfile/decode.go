package iqfile

import (
	"encoding/binary"
	"math"

	"subrosa/drivers/internal/eightbit"
)

// decode converts b, which holds len(dst) samples, and returns the index of the first that is not finite or
// -1. It may change b.
func (e Encoding) decode(dst []complex64, b []byte) (bad int) {
	switch e {
	case CU8:
		eightbit.Unsigned(dst, b)
	case CS8:
		eightbit.Signed(dst, b)
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
