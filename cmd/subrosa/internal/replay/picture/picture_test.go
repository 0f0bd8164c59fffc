package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

func TestGlyphSheet(t *testing.T) {
	shapes := map[string]string{}
	for line := range strings.Lines(glyphSheet) {
		f := strings.Fields(line)
		if utf8.RuneCountInString(f[0]) != 1 || len(f) < 8 || len(f) > 1+dotsHigh {
			t.Fatalf("%q: want a character and 7 to %d rows", line, dotsHigh)
		}
		for _, row := range f[1:] {
			if len(row) != dotsWide || strings.Trim(row, ".#") != "" {
				t.Errorf("%s: row %q", f[0], row)
			}
		}
		shape := strings.Join(f[1:], "")
		if other, ok := shapes[shape]; ok && f[0]+other != "−–" {
			t.Errorf("%s looks like %s", f[0], other)
		}
		shapes[shape] = f[0]
	}
}

// TestGlyphsForAllWords: whatever a label or an axis may say can be drawn.
func TestGlyphsForAllWords(t *testing.T) {
	var all []string
	for _, lang := range []string{"de", "en"} {
		w := words[lang]
		all = append(all, w.time, w.hz, w.offset, w.level, w.rate, w.centre, w.unknown, w.empty)
		for _, k := range detect.Kinds() {
			all = append(all, finding.KindText(lang, k))
			for _, n := range k.Names() {
				all = append(all, finding.NameText(lang, k, n))
			}
		}
	}
	all = append(all, "! · −0123456789,.", "µ°…")
	for r := rune(0x21); r < 0x7f; r++ {
		if r != '`' {
			all = append(all, string(r))
		}
	}
	for _, s := range all {
		for _, r := range s {
			if glyphs()[r] == nil && r != ' ' && r != '\u00a0' {
				t.Errorf("no glyph for %q in %q", r, s)
			}
		}
	}
}

// luma is the lightness that a grey print keeps.
func luma(c color.RGBA) float64 {
	return 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B)
}

func TestScaleGetsLighter(t *testing.T) {
	last := -1.0
	for i := range 101 {
		l := luma(scale(float64(i) / 100))
		if l <= last {
			t.Errorf("at %d %%: lightness %.1f after %.1f", i, l, last)
		}
		last = l
	}
	if a, b := scale(-3), scale(0); a != b {
		t.Error("below the scale is not its lowest colour")
	}
	if a, b := scale(7), scale(1); a != b {
		t.Error("above the scale is not its highest colour")
	}
	if a := luma(scale(1)) - luma(scale(0)); a < 180 {
		t.Errorf("the scale spans %.0f of 255 in lightness", a)
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		lo, hi, unit float64
		n            int
		lang         string
		want         []string
	}{
		{0, 8, 1, 10, "en", []string{"0", "1", "2", "3", "4", "5", "6", "7", "8"}},
		{0, 0.524, 1, 10, "de", []string{"0,0", "0,1", "0,2", "0,3", "0,4", "0,5"}},
		{433.795e6, 434.045e6, 1e6, 5, "en", []string{"433.80", "433.85", "433.90", "433.95", "434.00"}},
		{-500e3, 500e3, 1e3, 5, "de", []string{"−400", "−200", "0", "200", "400"}},
		{-100, -30, 1, 4, "en", []string{"−100", "−80", "−60", "−40"}},
		{5, 5, 1, 4, "en", nil},
		{5, math.NaN(), 1, 4, "en", nil},
	} {
		var got []string
		for _, x := range ticks(tt.lo, tt.hi, tt.unit, tt.n, tt.lang) {
			got = append(got, x.label)
			if x.at < tt.lo-1e-6 || x.at > tt.hi+1e-6 {
				t.Errorf("%g…%g: tick at %g", tt.lo, tt.hi, x.at)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%g…%g: got %q, want %q", tt.lo, tt.hi, got, tt.want)
		}
	}
}

// pulse returns seconds of a complex carrier of amplitude 1 that is on from one time to another, over faint noise.
func pulse(rate int, hz, seconds, from, to float64) []complex64 {
	x := make([]complex64, int(seconds*float64(rate)))
	for i := range x {
		s := float64(i) / float64(rate)
		x[i] = complex(float32(1e-4*math.Sin(1e9*s*s)), float32(1e-4*math.Cos(3e9*s*s)))
		if s >= from && s < to {
			sin, cos := math.Sincos(2 * math.Pi * hz * s)
			x[i] += complex(float32(cos), float32(sin))
		}
	}
	return x
}

// TestWaterfallPlaces: a carrier is where it belongs in time and frequency, for recordings that need no and much
// merging.
func TestWaterfallPlaces(t *testing.T) {
	const rate, hz = 100_000, 20_000.0
	for _, seconds := range []float64{0.2, 3, 40} {
		from, to := 0.4*seconds, 0.4*seconds+0.02*seconds
		w := NewWaterfall[complex64](rate)
		x := pulse(rate, hz, seconds, from, to)
		for at := 0; at < len(x); at += 4096 {
			w.Push(int64(at), x[at:min(at+4096, len(x))])
		}
		if w.columns > maxColumns || w.columns < maxColumns/2 && seconds > 10 {
			t.Errorf("%g s: %d columns", seconds, w.columns)
		}
		p := w.Panel("iq", 433e6)
		if p.LoHz != 433e6-rate/2 || p.HiHz != 433e6+rate/2 || math.Abs(p.Seconds-seconds) > 1e-4 {
			t.Errorf("%g s: panel of %g s, %g…%g Hz", seconds, p.Seconds, p.LoHz, p.HiHz)
		}
		const wide, high = 500, 250
		db := p.resample(wide, high)
		bright := image.Rectangle{}
		for i, v := range db {
			if v > -3 {
				bright = bright.Union(image.Rect(i%wide, i/wide, i%wide+1, i/wide+1))
			}
		}
		y := int((1 - (hz+rate/2)/rate) * high)
		want := image.Rect(int(from/seconds*wide), y, int(to/seconds*wide), y)
		if d := want.Inset(-4); !bright.In(d) || bright.Dx() < want.Dx()-4 || bright.Empty() {
			t.Errorf("%g s: carrier at %v, want %v ± 4", seconds, bright, want)
		}
	}
}

func TestWaterfallGap(t *testing.T) {
	w := NewWaterfall[float32](48000)
	block := make([]float32, 48000)
	for i := range block {
		block[i] = float32(math.Sin(float64(i)))
	}
	w.Push(1000, block)
	w.Push(1000+1<<33, block)
	p := w.Panel("mono", 0)
	if want := float64(1<<33+48000) / 48000; math.Abs(p.Seconds-want) > 1e-6 {
		t.Errorf("lasts %g s, want %g", p.Seconds, want)
	}
	db := p.resample(100, 50)
	if v := db[25*100+50]; !math.IsInf(float64(v), -1) {
		t.Errorf("in the gap: %g dBFS, want nothing", v)
	}
}

func TestLimits(t *testing.T) {
	inf := float32(math.Inf(-1))
	db := make([]float32, 10000)
	for i := range db {
		db[i] = -93
	}
	for i := range 50 {
		db[i] = -7
	}
	if lo, hi := limits(db); lo != -95 || hi != -5 {
		t.Errorf("got %g…%g, want -95…-5", lo, hi)
	}
	if lo, hi := limits([]float32{inf, inf}); !(hi > lo) {
		t.Errorf("silence: %g…%g", lo, hi)
	}
	if lo, hi := limits([]float32{-200, -200, 10, 10}); hi-lo > 90 {
		t.Errorf("%g…%g: more than 90 dB", lo, hi)
	}
	if lo, hi := limits([]float32{-50, -50}); hi-lo < 30 {
		t.Errorf("%g…%g: less than 30 dB", lo, hi)
	}
}

func TestPage(t *testing.T) {
	w := NewWaterfall[complex64](250_000)
	w.Push(0, pulse(250_000, 30_000, 1, 0.3, 0.5))
	p := w.Panel("iq", 433.92e6)
	plainPage := Page{Title: "x.cu8", Lang: "en", Panels: []Panel{p}}
	p.Marks = []Mark{
		{0.3, 0.5, 433.95e6 - 2000, 433.95e6 + 2000, "433 MHz band", false},
		{0.31, 0.32, 433.8e6, 433.81e6, "carrier", true},
		{-1, 9, 400e6, 500e6, "all of it", true}, // larger than the picture
		{0.7, 0.7, 433.9e6, 433.9e6, "", false},  // smaller than a pixel
		{5, 6, 500e6, 501e6, "outside", false},
	}
	for i := range 60 {
		s := float64(i) / 60
		p.Marks = append(p.Marks, Mark{s, s + 0.01, 433.85e6, 433.86e6, fmt.Sprint("burst ", i), i%2 == 0})
	}
	marked := Page{Title: strings.Repeat("sehr-langer-name", 20), Lang: "de", Panels: []Panel{p}}
	stereo := Page{Title: "y.wav", Lang: "xx", Panels: []Panel{p, NewWaterfall[float32](48000).Panel("right", 0)}}
	var sizes []int
	for _, page := range []Page{plainPage, marked, stereo} {
		var b bytes.Buffer
		if err := Encode(&b, page); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if img.Bounds().Dx() != pageWide {
			t.Errorf("%v, want %d wide", img.Bounds(), pageWide)
		}
		sizes = append(sizes, count(img, rose))
	}
	if sizes[0] != 0 || sizes[1] < 500 {
		t.Errorf("%d pixels in the colour of alarms without any, %d with some", sizes[0], sizes[1])
	}
}

func count(img image.Image, c color.RGBA) (n int) {
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if color.RGBAModel.Convert(img.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

// TestLabelsDoNotCollide: labels stay in the plot and off each other.
func TestLabelsDoNotCollide(t *testing.T) {
	plot := image.Rect(100, 50, 1100, 550)
	var taken []image.Rectangle
	for i := range 40 {
		frame := image.Rect(100+25*i, 200+7*(i%5), 110+25*i, 260)
		r, ok := place(frame, 150, plot, taken)
		if !ok {
			continue
		}
		if !r.In(plot) || overlaps(r, taken) {
			t.Errorf("label %d at %v", i, r)
		}
		taken = append(taken, r)
	}
	if len(taken) < 6 {
		t.Errorf("only %d labels found room", len(taken))
	}
}
