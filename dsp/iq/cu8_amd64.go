//go:build !purego

package iq

import "golang.org/x/sys/cpu"

//go:noescape
func offsetAVX2(dst *float32, src *byte, blocks int, scale, shift float32)

func init() {
	if cpu.X86.HasAVX2 {
		offsetBlocks = offsetAVX2
	}
}
