package picture

import (
	_ "embed"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"sync"
)

// glyphs.txt is our own face: a character and, from the top, its rows of 5 dots; two rows below the seventh are for
// descenders.
//
//go:embed glyphs.txt
var glyphSheet string

const (
	dotsWide, dotsHigh = 5, 9
	glyphWide          = 2 * dotsWide // pixels
	glyphHigh          = 2 * dotsHigh
	advance            = glyphWide + 2
	capHigh            = 14
)

// glyphs are the characters as coverage masks of glyphWide × glyphHigh.
var glyphs = sync.OnceValue(func() map[rune]*image.Alpha {
	m := make(map[rune]*image.Alpha)
	for line := range strings.Lines(glyphSheet) {
		f := strings.Fields(line)
		m[[]rune(f[0])[0]] = smooth(f[1:])
	}
	return m
})

// bitmap is a picture of dots.
type bitmap [][]bool

func (b bitmap) at(x, y int) bool { return y >= 0 && y < len(b) && x >= 0 && x < len(b[y]) && b[y][x] }

// smooth draws the rows four times as large, with the corners of diagonals filled, and takes the mean of each 2×2.
func smooth(rows []string) *image.Alpha {
	b := make(bitmap, dotsHigh)
	for y := range b {
		b[y] = make([]bool, dotsWide)
		for x := range b[y] {
			b[y][x] = y < len(rows) && rows[y][x] == '#'
		}
	}
	b = b.twice().twice()
	a := image.NewAlpha(image.Rect(0, 0, glyphWide, glyphHigh))
	for y := range glyphHigh {
		for x := range glyphWide {
			n := 0
			for k := range 4 {
				if b.at(2*x+k%2, 2*y+k/2) {
					n++
				}
			}
			a.SetAlpha(x, y, color.Alpha{uint8(n * 255 / 4)})
		}
	}
	return a
}

// twice doubles a bitmap by the rule of EPX: a new dot takes the value of two equal neighbours that meet at it, unless
// three of the four are equal.
func (b bitmap) twice() bitmap {
	out := make(bitmap, 2*len(b))
	for y := range out {
		out[y] = make([]bool, 2*len(b[0]))
	}
	for y := range b {
		for x := range b[y] {
			up, down, left, right := b.at(x, y-1), b.at(x, y+1), b.at(x-1, y), b.at(x+1, y)
			for k := range 4 {
				v, h, v2, h2 := up, left, down, right
				if k%2 == 1 {
					h, h2 = right, left
				}
				if k/2 == 1 {
					v, v2 = down, up
				}
				out[2*y+k/2][2*x+k%2] = b[y][x]
				if v == h && v != h2 && h != v2 {
					out[2*y+k/2][2*x+k%2] = v
				}
			}
		}
	}
	return out
}

// textWidth returns the width of s in pixels.
func textWidth(s string) int { return max(0, advance*len([]rune(s))-(advance-glyphWide)) }

// text writes s with its upper left corner at x, y.
func text(dst draw.Image, x, y int, s string, c color.Color) {
	src := image.NewUniform(c)
	for _, r := range s {
		g, ok := glyphs()[r]
		if !ok && r != ' ' && r != '\u00a0' {
			g, ok = glyphs()['\ufffd']
		}
		if ok && r != ' ' {
			draw.DrawMask(dst, image.Rect(x, y, x+glyphWide, y+glyphHigh), src, image.Point{}, g, image.Point{}, draw.Over)
		}
		x += advance
	}
}

// textUp writes s upwards, its lower left corner at x, y.
func textUp(dst draw.Image, x, y int, s string, c color.Color) {
	w := textWidth(s)
	flat := image.NewAlpha(image.Rect(0, 0, w, glyphHigh))
	text(flat, 0, 0, s, color.Alpha{255})
	up := image.NewAlpha(image.Rect(0, 0, glyphHigh, w))
	for j := range glyphHigh {
		for i := range w {
			up.SetAlpha(j, w-1-i, flat.AlphaAt(i, j))
		}
	}
	draw.DrawMask(dst, image.Rect(x, y-w, x+glyphHigh, y), image.NewUniform(c), image.Point{}, up, image.Point{}, draw.Over)
}
