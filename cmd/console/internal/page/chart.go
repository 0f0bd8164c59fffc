package page

import (
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/finding"
)

// viridis in eleven stops (matplotlib's map of that name, public domain): even in brightness, and readable for
// people who do not tell red from green.
var viridis = [...]color.RGBA{
	{68, 1, 84, 255}, {72, 36, 117, 255}, {65, 68, 135, 255}, {53, 95, 141, 255}, {42, 120, 142, 255}, {33, 145, 140, 255},
	{34, 168, 132, 255}, {68, 191, 112, 255}, {122, 209, 81, 255}, {189, 223, 38, 255}, {253, 231, 37, 255},
}

// palette has viridis in 1…255; 0 is transparent: nothing was told.
var palette = func() color.Palette {
	p := color.Palette{color.RGBA{}}
	for i := 1; i < 256; i++ {
		x := float64(i-1) / 254 * float64(len(viridis)-1)
		k := min(int(x), len(viridis)-2)
		f := x - float64(k)
		a, b := viridis[k], viridis[k+1]
		mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + f*(float64(b)-float64(a)))) }
		p = append(p, color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255})
	}
	return p
}()

// writeScale writes the colour scale, from quiet to loud, one pixel high.
func writeScale(w io.Writer) error {
	img := image.NewPaletted(image.Rect(0, 0, 255, 1), palette)
	for x := range 255 {
		img.SetColorIndex(x, 0, uint8(x+1))
	}
	return png.Encode(w, img)
}

// span of levels, dB.
type span struct{ Lo, Hi float64 }

// spanOf returns the range of the bands in rows, widened to multiples of 5 dB and to at least 10 dB.
func spanOf(rows []fleet.Row, bands int) span {
	s := span{math.Inf(1), math.Inf(-1)}
	for _, r := range rows {
		for _, v := range r.Bands[:bands] {
			if v := float64(v); !math.IsNaN(v) {
				s.Lo, s.Hi = min(s.Lo, v), max(s.Hi, v)
			}
		}
	}
	if s.Lo > s.Hi {
		return span{-100, -90}
	}
	s.Lo, s.Hi = 5*math.Floor(s.Lo/5), 5*math.Ceil(s.Hi/5)
	if s.Hi-s.Lo < 10 {
		s.Hi = s.Lo + 10
	}
	return s
}

// writeBands draws the band history: a row of pixels for each band, the first at the top, a column for each step
// of time, the newest at the right. Where more than one row falls into a column the highest level counts; where
// none does the column stays empty.
func writeBands(w io.Writer, t fleet.Track, over time.Duration) error {
	const columns = 900
	n := max(len(t.Bands), 1)
	width := max(1, min(columns, int(over/fleet.RowEvery)))
	img := image.NewPaletted(image.Rect(0, 0, width, n), palette)
	if len(t.Rows) > 0 {
		s := spanOf(t.Rows, len(t.Bands))
		newest := t.Rows[len(t.Rows)-1].At
		step := over / time.Duration(width)
		for _, r := range t.Rows {
			x := width - 1 - int(newest.Sub(r.At)/step)
			if x < 0 {
				continue
			}
			for y := range t.Bands {
				v := float64(r.Bands[y])
				if math.IsNaN(v) {
					continue
				}
				i := uint8(1 + math.Round(254*min(max((v-s.Lo)/(s.Hi-s.Lo), 0), 1)))
				img.SetColorIndex(x, y, max(i, img.ColorIndexAt(x, y)))
			}
		}
	}
	return png.Encode(w, img)
}

// thirdsSVG draws the third-octaves: a bar for now, a field behind it from the day's lowest to its highest.
// Colours come from the style sheet by class.
func thirdsSVG(lang string, ls []fleet.Levelling, title string) template.HTML {
	if len(ls) == 0 {
		return ""
	}
	const w, h, left, top, bottom = 640, 260, 48, 12, 34
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, l := range ls {
		lo, hi = min(lo, l.Min, l.Now), max(hi, l.Max, l.Now)
	}
	lo, hi = 10*math.Floor(lo/10)-10, 10*math.Ceil(hi/10)
	if hi-lo < 20 {
		hi = lo + 20
	}
	y := func(db float64) float64 { return top + (hi-db)/(hi-lo)*(h-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, w, h, template.HTMLEscapeString(title))
	step := 10.0
	if hi-lo > 60 {
		step = 20
	}
	for db := lo; db <= hi; db += step {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, w-4, y(db), y(db), left-6, y(db)+4, number(lang, 0, db))
	}
	fmt.Fprintf(&b, `<text class="tick" x="4" y="%d">dB</text>`, h-14)
	each := float64(w-left-8) / float64(len(ls))
	for i, l := range ls {
		x := left + 4 + each*float64(i)
		if l.Max >= l.Min {
			fmt.Fprintf(&b, `<rect class="range" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>`, x+each*0.1, y(l.Max), each*0.8, max(2, y(l.Min)-y(l.Max)))
		}
		if !math.IsNaN(l.Now) {
			fmt.Fprintf(&b, `<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"/>`, x+each*0.28, y(l.Now), each*0.44, max(1, y(lo)-y(l.Now)))
		}
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x+each/2, h-14, template.HTMLEscapeString(short(finding.Hertz(lang, l.Hz))))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// short makes "12,50 kHz" small enough for the axis: "12,5 k".
func short(hz string) string {
	num, unit := hz, ""
	if i := strings.IndexFunc(hz, unicode.IsSpace); i >= 0 {
		num, unit = hz[:i], strings.TrimSuffix(strings.TrimFunc(hz[i:], unicode.IsSpace), "Hz")
	}
	if i := strings.IndexAny(num, ",."); i >= 0 {
		if len(num) > i+2 && i > 1 {
			num = num[:i+2] // 15,87 as 15,8: the table has it in full
		}
		num = strings.TrimRight(strings.TrimRight(num, "0"), ",.")
	}
	return strings.TrimSpace(num + "\u00a0" + unit)
}

// piece is one state on the timeline.
type piece struct {
	X, W  float64 // of 1000
	State string
}

// pieces lays the steps out from the first to end, oldest first.
func pieces(steps []store.Step, end time.Time) []piece {
	if len(steps) == 0 {
		return nil
	}
	first := steps[0].At
	all := end.Sub(first)
	if all <= 0 {
		all, end = time.Second, first.Add(time.Second)
	}
	var out []piece
	for i, s := range steps {
		until := end
		if i+1 < len(steps) {
			until = steps[i+1].At
		}
		x := 1000 * float64(s.At.Sub(first)) / float64(all)
		w := 1000 * float64(until.Sub(s.At)) / float64(all)
		if w < 0 {
			w = 0
		}
		out = append(out, piece{min(max(x, 0), 1000), min(max(w, 3), 1000), s.State})
	}
	return out
}

func timelineSVG(steps []store.Step, end time.Time, title string) template.HTML {
	ps := pieces(steps, end)
	if len(ps) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="timeline" viewBox="0 0 1000 28" preserveAspectRatio="none" role="img" aria-label="%s">`, template.HTMLEscapeString(title))
	for _, p := range ps {
		fmt.Fprintf(&b, `<rect class="st st-%s" x="%.1f" y="0" width="%.1f" height="28"/>`, template.HTMLEscapeString(p.State), p.X, p.W)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
