package picture

import (
	"image/color"
	"math"
)

// stops are the colours of the scale, evenly spaced from weak to strong: from night blue over teal to pale gold, of
// steadily growing lightness, so that it also reads in print and for people who do not tell red from green.
var stops = [...][3]float64{
	{0.055, 0.047, 0.145}, {0.150, 0.118, 0.330}, {0.165, 0.235, 0.475}, {0.125, 0.375, 0.525},
	{0.110, 0.510, 0.515}, {0.205, 0.640, 0.445}, {0.475, 0.750, 0.340}, {0.770, 0.835, 0.310}, {0.995, 0.945, 0.640},
}

// scale returns the colour of v, 0…1.
func scale(v float64) color.RGBA {
	v = math.Max(0, math.Min(1, v)) * float64(len(stops)-1)
	i := min(int(v), len(stops)-2)
	f := v - float64(i)
	var c [3]uint8
	for k := range c {
		c[k] = uint8(math.Round(255 * (stops[i][k]*(1-f) + stops[i+1][k]*f)))
	}
	return color.RGBA{c[0], c[1], c[2], 255}
}

// Colours of the page.
var (
	paper  = color.RGBA{0xfb, 0xfa, 0xf8, 255}
	ink    = color.RGBA{0x26, 0x22, 0x2c, 255}
	pale   = color.RGBA{0x7b, 0x75, 0x82, 255}
	halo   = color.RGBA{0x0e, 0x0b, 0x1a, 255}
	plainC = color.RGBA{0xff, 0xff, 0xff, 255}
	rose   = color.RGBA{0xff, 0x5c, 0x8a, 255}
)
