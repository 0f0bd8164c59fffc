package iqfile

import (
	"bytes"
	"encoding/binary"
	"testing"

	"subrosa/drivers/sdr"
)

func lut(dst []complex64, b []byte, t *[256]float32) {
	for i := range dst {
		dst[i] = complex(t[b[2*i]], t[b[2*i+1]])
	}
}

func BenchmarkLUT(b *testing.B) {
	var t [256]float32
	x := make([]byte, 8192)
	d := make([]complex64, 4096)
	b.SetBytes(8192)
	for b.Loop() {
		lut(d, x, &t)
	}
}
func BenchmarkU8(b *testing.B) {
	x := make([]byte, 8192)
	d := make([]complex64, 4096)
	b.SetBytes(8192)
	for b.Loop() {
		CU8.decode(d, x)
	}
}
func BenchmarkCS16(b *testing.B) {
	x := make([]byte, 8192*2)
	d := make([]complex64, 4096)
	b.SetBytes(8192 * 2)
	for b.Loop() {
		CS16.decode(d, x)
	}
}
func BenchmarkCF32(b *testing.B) {
	x := make([]byte, 8192*4)
	d := make([]complex64, 4096)
	b.SetBytes(8192 * 4)
	for b.Loop() {
		CF32.decode(d, x)
	}
}

var _ = bytes.NewReader
var _ = binary.LittleEndian
var _ sdr.Format
