//go:build !purego

package fft

var kernels = []*kernel{&vector, &plain}
