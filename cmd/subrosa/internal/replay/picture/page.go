package picture

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
)

// MaxPanels is how many channels one page shows.
const MaxPanels = 8

// Panel is one channel's waterfall with what was found in it.
type Panel struct {
	Name       string // of the channel
	Rate       int    // samples per second
	Radio      bool
	Centre     float64 // Hz; 0 when not known
	Seconds    float64
	LoHz, HiHz float64
	Marks      []Mark

	columns, rows int
	grid          []float32
	perColumn     float64 // s
	binHz         float64
}

// Mark is a finding to be framed.
type Mark struct {
	StartS, EndS, LoHz, HiHz float64
	Label                    string
	Alarm                    bool
}

// Page is one picture.
type Page struct {
	Title  string
	Lang   string // "de" or "en"
	Panels []Panel
}

// Sizes in pixels.
const (
	pageWide  = 1280
	left      = 128 // of the plot
	right     = 142
	titleHigh = 54
	plotWide  = pageWide - left - right
	plotHigh  = 500 // of a single panel; several are lower
	above     = 34  // a panel's own line
	below     = 58  // time axis
)

// words of the axes.
var words = map[string]struct{ time, hz, offset, level, rate, centre, unknown, empty string }{
	"de": {"Zeit", "Frequenz", "Abstand zur Mitte", "Pegel je Frequenzstufe, dBFS", "Abtastrate", "Mitte", "Mitte unbekannt", "keine Abtastungen"},
	"en": {"time", "frequency", "offset from centre", "level per bin, dBFS", "sample rate", "centre", "centre unknown", "no samples"},
}

// Encode draws the page and writes it as PNG.
func Encode(w io.Writer, p Page) error {
	b := bufio.NewWriter(w)
	if err := png.Encode(b, p.draw()); err != nil {
		return err
	}
	return b.Flush()
}

func (p Page) draw() *image.RGBA {
	if words[p.Lang].time == "" {
		p.Lang = "de"
	}
	high := plotHigh
	if n := len(p.Panels); n > 1 {
		high = max(200, 760/n)
	}
	img := image.NewRGBA(image.Rect(0, 0, pageWide, titleHigh+len(p.Panels)*(above+high+below)+8))
	draw.Draw(img, img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	title := p.Title
	if most := (pageWide - 2*left) / advance; len([]rune(title)) > most {
		title = string([]rune(title)[:most-1]) + "…"
	}
	text(img, left, 20, title, ink)
	text(img, left+1, 20, title, ink) // a second strike makes it bold
	for i := range p.Panels {
		top := titleHigh + i*(above+high+below) + above
		p.Panels[i].draw(img, image.Rect(left, top, left+plotWide, top+high), p.Lang)
	}
	return img
}

// draw draws the panel with its axes; plot is where the waterfall goes.
func (p *Panel) draw(img *image.RGBA, plot image.Rectangle, lang string) {
	w := words[lang]
	text(img, plot.Min.X, plot.Min.Y-above+4, p.heading(lang), pale)
	db := p.resample(plot.Dx(), plot.Dy())
	lo, hi := limits(db)
	for i, v := range db {
		c := halo
		if !math.IsInf(float64(v), -1) {
			c = scale((float64(v) - lo) / (hi - lo))
		} else if p.Seconds > 0 {
			c = scale(0)
		}
		img.SetRGBA(plot.Min.X+i%plot.Dx(), plot.Min.Y+i/plot.Dx(), c)
	}
	if p.columns == 0 {
		text(img, plot.Min.X+(plot.Dx()-textWidth(w.empty))/2, (plot.Min.Y+plot.Max.Y)/2-capHigh/2, w.empty, paper)
	}
	outline(img, plot.Inset(-1), ink)
	p.timeAxis(img, plot, lang)
	p.hertzAxis(img, plot, lang)
	colourBar(img, plot, lo, hi, lang)
	p.drawMarks(img, plot)
}

func (p *Panel) heading(lang string) string {
	w := words[lang]
	unit, name := hertzUnit(float64(p.Rate))
	s := fmt.Sprintf("%s · %s %s %s", p.Name, w.rate, trimmed(float64(p.Rate)/unit, lang), name)
	switch {
	case p.Radio && p.Centre > 0:
		s += fmt.Sprintf(" · %s %s MHz", w.centre, trimmed(p.Centre/1e6, lang))
	case p.Radio:
		s += " · " + w.unknown
	}
	return s
}

func (p *Panel) timeAxis(img *image.RGBA, plot image.Rectangle, lang string) {
	unit, name := timeUnit(p.Seconds)
	for _, t := range ticks(0, p.Seconds, unit, 10, lang) {
		x := plot.Min.X + int(t.at/p.Seconds*float64(plot.Dx()-1)+0.5)
		fill(img, image.Rect(x, plot.Max.Y+1, x+1, plot.Max.Y+6), ink)
		text(img, x-textWidth(t.label)/2, plot.Max.Y+9, t.label, ink)
	}
	s := words[lang].time + " / " + name
	text(img, plot.Min.X+(plot.Dx()-textWidth(s))/2, plot.Max.Y+31, s, ink)
}

func (p *Panel) hertzAxis(img *image.RGBA, plot image.Rectangle, lang string) {
	unit, name := hertzUnit(math.Max(math.Abs(p.LoHz), math.Abs(p.HiHz)))
	for _, t := range ticks(p.LoHz, p.HiHz, unit, max(4, plot.Dy()/55), lang) {
		y := plot.Max.Y - 1 - int((t.at-p.LoHz)/(p.HiHz-p.LoHz)*float64(plot.Dy()-1)+0.5)
		fill(img, image.Rect(plot.Min.X-6, y, plot.Min.X-1, y+1), ink)
		text(img, plot.Min.X-10-textWidth(t.label), y-capHigh/2, t.label, ink)
	}
	s := words[lang].hz
	if p.Radio && p.Centre == 0 {
		s = words[lang].offset
	}
	s += " / " + name
	textUp(img, 4, (plot.Min.Y+plot.Max.Y)/2+textWidth(s)/2, s, ink)
}

// colourBar draws the scale to the right of the plot.
func colourBar(img *image.RGBA, plot image.Rectangle, lo, hi float64, lang string) {
	bar := image.Rect(plot.Max.X+24, plot.Min.Y, plot.Max.X+42, plot.Max.Y)
	for y := bar.Min.Y; y < bar.Max.Y; y++ {
		fill(img, image.Rect(bar.Min.X, y, bar.Max.X, y+1), scale(float64(bar.Max.Y-1-y)/float64(bar.Dy()-1)))
	}
	outline(img, bar.Inset(-1), ink)
	for _, t := range ticks(lo, hi, 1, max(3, plot.Dy()/70), lang) {
		y := bar.Max.Y - 1 - int((t.at-lo)/(hi-lo)*float64(bar.Dy()-1)+0.5)
		fill(img, image.Rect(bar.Max.X+1, y, bar.Max.X+5, y+1), ink)
		text(img, bar.Max.X+9, y-capHigh/2, t.label, ink)
	}
	s := words[lang].level
	if textWidth(s) > plot.Dy() {
		s = "dBFS"
	}
	textUp(img, pageWide-glyphHigh-6, (plot.Min.Y+plot.Max.Y)/2+textWidth(s)/2, s, ink)
}

func fill(img *image.RGBA, r image.Rectangle, c color.RGBA) {
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// outline draws the edge of r, one pixel wide, inside r.
func outline(img *image.RGBA, r image.Rectangle, c color.RGBA) {
	fill(img, image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+1), c)
	fill(img, image.Rect(r.Min.X, r.Max.Y-1, r.Max.X, r.Max.Y), c)
	fill(img, image.Rect(r.Min.X, r.Min.Y, r.Min.X+1, r.Max.Y), c)
	fill(img, image.Rect(r.Max.X-1, r.Min.Y, r.Max.X, r.Max.Y), c)
}
