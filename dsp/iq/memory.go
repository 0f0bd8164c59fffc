package iq

import "unsafe"

// This file is the only one that looks at memory as another type.

// floats returns x as (re, im, re, im, …): a complex64 is two float32 in that order (Go specification, "Numeric
// types", and the layout every Go compiler gives it).
func floats(x []complex64) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}

// signed returns b as two's complement.
func signed(b []byte) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}

// little reports whether this machine stores the low byte first, as the formats do.
var little = func() bool { x := uint16(1); return *(*byte)(unsafe.Pointer(&x)) == 1 }()

// shorts returns b as 16-bit integers where this machine can read them in place.
func shorts(b []byte) ([]int16, bool) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !little || uintptr(p)%2 != 0 {
		return nil, false
	}
	return unsafe.Slice((*int16)(p), len(b)/2), true
}

// raw returns the memory of x where this machine stores it as cf32 does.
func raw(x []complex64) ([]byte, bool) {
	if !little {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 8*len(x)), true
}
