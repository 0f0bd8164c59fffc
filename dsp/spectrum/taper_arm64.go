//go:build !purego

package spectrum

//go:noescape
func taperNEON(re, im *float32, x *complex64, win *float32, blocks int)

func init() { taperBlocks = taperNEON }
