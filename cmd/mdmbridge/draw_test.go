package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// draw makes the picture of rows {devices, MB, ms}: two curves over a logarithmic axis, with their figures as text.
func draw(rows [][3]float64) []byte {
	const w, h, left, top, height = 720, 340, 70.0, 40.0, 220.0
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img" aria-label="memory and pass of the bridge over devices">`+"\n", w, h)
	b.WriteString(`<style>text{fill:#1b1f24}.g{stroke:#c8ccd1}.m{stroke:#0b5fa5;fill:none;stroke-width:2}.p{stroke:#a5530b;fill:none;stroke-width:2;stroke-dasharray:6 4}` +
		`@media(prefers-color-scheme:dark){text{fill:#e6e8eb}.g{stroke:#444a52}.m{stroke:#6db3f2}.p{stroke:#f2a66d}}</style>` + "\n")
	fmt.Fprintf(&b, `<text x="%g" y="24">mdmbridge, 100 rooms: peak memory (MB, full line) and longest pass (ms, dashed)</text>`+"\n", left)
	x := func(n float64) float64 { return left + (math.Log10(n)-2)*(w-left-60)/2 }
	y := func(v float64) float64 { return top + height*(1-v/80) }
	for _, v := range []float64{0, 20, 40, 60, 80} {
		fmt.Fprintf(&b, `<line class="g" x1="%g" x2="%d" y1="%.1f" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end">%g</text>`+"\n", left, w-40, y(v), y(v), left-8, y(v)+4, v)
	}
	for k, class := range []string{"m", "p"} {
		var pts []string
		for _, r := range rows {
			pts = append(pts, fmt.Sprintf("%.1f,%.1f", x(r[0]), y(min(r[k+1], 80))))
		}
		fmt.Fprintf(&b, `<polyline class="%s" points="%s"/>`+"\n", class, strings.Join(pts, " "))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle">%g</text><text x="%.1f" y="%g" text-anchor="middle">%.0f MB · %.1f ms</text>`+"\n",
			x(r[0]), top+height+22, r[0], x(r[0]), top+height+42, r[1], r[2])
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g">devices (synthetic, answering at once)</text></svg>`+"\n", left, top+height+66)
	return b.Bytes()
}

func TestDraw(t *testing.T) {
	if b := draw([][3]float64{{100, 30, 0.1}, {10000, 60, 8}}); !bytes.Contains(b, []byte("60 MB · 8.0 ms")) || !bytes.HasSuffix(b, []byte("</svg>\n")) {
		t.Errorf("%s", b)
	}
}
