package export

import (
	"fmt"

	"github.com/boombuler/barcode/qr"
)

// code draws a QR code as rectangles, side mm wide with its quiet zone, with its upper left corner at x, y. Medium error
// correction: paper gets creases.
func (p paper) code(content string, x, y, side float64) error {
	c, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("QR code: %w", err)
	}
	n := c.Bounds().Dx()
	const quiet = 4 // modules, ISO/IEC 18004
	m := side / float64(n+2*quiet)
	p.SetFillColor(0, 0, 0)
	for row := range n {
		for col := 0; col < n; {
			run := 0
			for col+run < n && dark(c.At(col+run, row).RGBA()) {
				run++
			}
			if run > 0 { // modules of a row that touch are one rectangle: no hairlines between them
				p.Rect(x+(quiet+float64(col))*m, y+(quiet+float64(row))*m, float64(run)*m, m*1.02, "F")
			}
			col += max(run, 1)
		}
	}
	return nil
}

func dark(r, g, b, _ uint32) bool { return r+g+b < 3*0x8000 }

// groups parts base32 for people who type it.
func groups(s string) string {
	out := ""
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			out += " "
		}
		out += string(r)
	}
	return out
}
