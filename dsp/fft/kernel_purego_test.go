//go:build purego

package fft

var kernels = []*kernel{&plain}
