// Package picture draws recordings: power over time and frequency, with what was found framed in it.
package picture

import (
	"math"

	"subrosa/dsp/detect"
	"subrosa/dsp/spectrum"
	"subrosa/dsp/window"
)

// maxColumns bounds a waterfall: when it is full, each two columns become one.
const maxColumns = 2048

// Waterfall collects the power of a stream over time and frequency in bounded memory, however long the stream is.
// Of powers that fall into one cell the greatest is kept, so that short bursts stay visible.
type Waterfall[S detect.Sample] struct {
	rate    int
	n, hop  int
	rows    int
	per     int64 // samples per column
	origin  int64 // stream index of the first sample
	end     int64
	begun   bool
	columns int       // in use
	grid    []float32 // columns × rows, ascending frequency; 0: not seen
	framer  *spectrum.Framer[S]
	power   func(dst []float32, x []S)
	frame   []float32
	each    func(int64, []S)
}

// NewWaterfall returns a waterfall for rate samples per second.
func NewWaterfall[S detect.Sample](rate int) *Waterfall[S] {
	w := &Waterfall[S]{rate: rate}
	var none S
	if _, real := any(none).(float32); real {
		w.n = power2(float64(rate)*0.04, 256, 4096)
	} else {
		w.n = power2(float64(rate)*0.002, 128, 1024)
	}
	w.hop = w.n / 8
	switch p := any(&w.power).(type) {
	case *func([]float32, []float32):
		stft := spectrum.NewSTFT(w.n, w.hop, window.Hann(w.n))
		w.rows, *p = stft.Bins(), stft.Power
	case *func([]float32, []complex64):
		welch, raw := spectrum.NewWelch(w.n, w.hop, window.Hann(w.n)), make([]float32, w.n)
		w.rows, *p = w.n, func(dst []float32, x []complex64) {
			welch.Power(raw, x)
			spectrum.Shift(dst, raw)
		}
	}
	w.per = int64(w.hop)
	w.grid = make([]float32, maxColumns*w.rows)
	w.frame = make([]float32, w.rows)
	w.framer = spectrum.NewFramer[S](w.n, w.hop)
	w.each = w.onFrame
	return w
}

// power2 returns the power of two nearest to x, within lo and hi.
func power2(x float64, lo, hi int) int {
	return max(lo, min(hi, 1<<int(math.Round(math.Log2(math.Max(x, 1))))))
}

// Push takes samples whose first has the stream index at; indices may jump forward.
func (w *Waterfall[S]) Push(at int64, x []S) {
	if len(x) == 0 {
		return
	}
	if !w.begun {
		w.begun, w.origin = true, at
	}
	w.framer.Push(at, x, w.each)
	w.end = max(w.end, at+int64(len(x))-w.origin)
}

func (w *Waterfall[S]) onFrame(at int64, x []S) {
	w.power(w.frame, x)
	// A frame tells about its middle; column 0 also stands for the first half frame.
	c := max(0, at-w.origin+int64(w.n/2)) / w.per
	for c >= maxColumns {
		w.halve()
		c /= 2
	}
	w.columns = max(w.columns, int(c)+1)
	greatest(w.column(int(c)), w.frame)
}

func (w *Waterfall[S]) column(c int) []float32 { return w.grid[c*w.rows : (c+1)*w.rows] }

// halve makes one column of each two.
func (w *Waterfall[S]) halve() {
	for c := range maxColumns / 2 {
		to := w.column(c)
		copy(to, w.column(2*c))
		greatest(to, w.column(2*c+1))
	}
	clear(w.grid[maxColumns/2*w.rows:])
	w.per *= 2
	w.columns = (w.columns + 1) / 2
}

func greatest(dst, x []float32) {
	for i, v := range x {
		dst[i] = max(dst[i], v)
	}
}

// Panel returns the waterfall as a panel of a page. centre is the frequency, in Hz, that offsets count from; 0 if it
// is not known, and for sound.
func (w *Waterfall[S]) Panel(name string, centre float64) Panel {
	p := Panel{Name: name, Rate: w.rate, columns: w.columns, rows: w.rows, grid: w.grid,
		Seconds: float64(w.end) / float64(w.rate), perColumn: float64(w.per) / float64(w.rate)}
	nyquist := float64(w.rate) / 2
	var none S
	if _, real := any(none).(float32); real {
		p.HiHz, p.binHz = nyquist, nyquist/float64(w.rows-1)
		p.LoHz = 0
		return p
	}
	p.Radio, p.Centre = true, centre
	p.LoHz, p.HiHz, p.binHz = centre-nyquist, centre+nyquist, float64(w.rate)/float64(w.n)
	return p
}
