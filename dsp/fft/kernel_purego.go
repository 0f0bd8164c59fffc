//go:build purego

package fft

var fastest = &plain
