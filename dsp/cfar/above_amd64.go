//go:build !purego

package cfar

import "golang.org/x/sys/cpu"

//go:noescape
func aboveAVX2(x, limit *float32, blocks int) bool

func init() {
	if cpu.X86.HasAVX2 {
		aboveBlocks = aboveAVX2
	}
}
