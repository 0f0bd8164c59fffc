package picture

import (
	"image"
	"math"
)

const (
	leastMark = 9 // pixels, of a frame's sides
	labelHigh = glyphHigh + 4
	maxLabels = 24
)

// drawMarks frames the findings, and labels those for which there is room; an alarm's frame is double and its label
// begins with an exclamation mark, so that colour is not alone.
func (p *Panel) drawMarks(img *image.RGBA, plot image.Rectangle) {
	var taken []image.Rectangle
	for _, m := range p.Marks {
		taken = append(taken, p.frame(m, plot))
	}
	frames := taken
	labels := 0
	for i, m := range p.Marks {
		c := plainC
		outline(img, frames[i].Inset(-1), halo)
		outline(img, frames[i], c)
		if m.Alarm {
			c = rose
			outline(img, frames[i], c)
			outline(img, frames[i].Inset(2), c)
		}
		outline(img, frames[i].Inset(1), halo)
		s := m.Label
		if m.Alarm {
			s = "! " + s
		}
		r, ok := place(frames[i], textWidth(s)+8, plot, taken)
		if !ok || labels >= maxLabels {
			continue
		}
		labels++
		taken = append(taken, r)
		fill(img, r, halo)
		text(img, r.Min.X+4, r.Min.Y+3, s, c)
	}
}

// frame returns the pixels of a mark, a little larger than what it frames.
func (p *Panel) frame(m Mark, plot image.Rectangle) image.Rectangle {
	x := func(s float64) int { return plot.Min.X + int(math.Round(s/p.Seconds*float64(plot.Dx()))) }
	y := func(hz float64) int {
		return plot.Max.Y - int(math.Round((hz-p.LoHz)/(p.HiHz-p.LoHz)*float64(plot.Dy())))
	}
	r := image.Rect(x(m.StartS)-4, y(m.HiHz)-4, x(m.EndS)+4, y(m.LoHz)+4)
	if d := leastMark - r.Dx(); d > 0 {
		r.Min.X, r.Max.X = r.Min.X-d/2, r.Max.X+(d+1)/2
	}
	if d := leastMark - r.Dy(); d > 0 {
		r.Min.Y, r.Max.Y = r.Min.Y-d/2, r.Max.Y+(d+1)/2
	}
	return r.Intersect(plot.Inset(1))
}

// place finds room for a label of a width at a frame: above, below, beside, or in its corner.
func place(frame image.Rectangle, wide int, plot image.Rectangle, taken []image.Rectangle) (image.Rectangle, bool) {
	x := max(plot.Min.X+2, min(frame.Min.X, plot.Max.X-wide-2))
	for _, at := range []image.Point{
		{x, frame.Min.Y - labelHigh - 2}, {x, frame.Max.Y + 2},
		{frame.Max.X + 3, frame.Min.Y}, {frame.Min.X - wide - 3, frame.Min.Y},
	} {
		r := image.Rectangle{at, at.Add(image.Pt(wide, labelHigh))}
		if r.In(plot) && !overlaps(r, taken) {
			return r, true
		}
	}
	inside := image.Rect(frame.Min.X+4, frame.Min.Y+4, frame.Min.X+4+wide, frame.Min.Y+4+labelHigh)
	return inside, inside.In(frame)
}

func overlaps(r image.Rectangle, taken []image.Rectangle) bool {
	for _, t := range taken {
		if r.Overlaps(t) {
			return true
		}
	}
	return false
}
