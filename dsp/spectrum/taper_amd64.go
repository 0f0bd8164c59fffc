//go:build !purego

package spectrum

import "golang.org/x/sys/cpu"

//go:noescape
func taperAVX2(re, im *float32, x *complex64, win *float32, blocks int)

func init() {
	if cpu.X86.HasAVX2 {
		taperBlocks = taperAVX2
	}
}
