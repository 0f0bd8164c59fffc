package display

import _ "embed"

//go:embed glyphs.txt
var glyphs []byte

const (
	dotsWide = 5
	dotsHigh = 9
	lineHigh = dotsHigh + 1
)

var face = faceOf(glyphs)
