//go:build !purego

package cfar

//go:noescape
func aboveNEON(x, limit *float32, blocks int) bool

func init() { aboveBlocks = aboveNEON }
