//go:build !purego

package iq

//go:noescape
func offsetNEON(dst *float32, src *byte, blocks int, scale, shift float32)

func init() { offsetBlocks = offsetNEON }
