// Package level measures the coarse levels that a room's status shows: third-octave bands of sound and the maxima of
// parts of the radio spectrum. Both are far too coarse to be played back or recognised.
package level

import (
	"math"

	"github.com/tphakala/simd/f32"

	"subrosa/dsp/spectrum"
	"subrosa/dsp/window"
)

// Thirds measures the mean level of third-octave bands (IEC 61260-1, base 10 edges) between two calls of Levels.
type Thirds struct {
	centres []float64
	edges   [][2]int // bins [lo, hi) per band; empty where the sample rate cannot carry the band
	framer  *spectrum.Framer[float32]
	stft    *spectrum.STFT
	psd     []float32
	sum     []float64
	frames  int
	enbw    float64
	each    func(int64, []float32)
}

// NewThirds returns a meter for the bands around the nominal centres, Hz, at rate samples per second.
func NewThirds(rate int, centres []float64) *Thirds {
	n := 1 << int(math.Round(math.Log2(0.085*float64(rate))))
	w := window.Hann(n)
	t := &Thirds{centres: centres, framer: spectrum.NewFramer[float32](n, n), stft: spectrum.NewSTFT(n, n, w),
		psd: make([]float32, n/2+1), sum: make([]float64, len(centres)), enbw: window.ENBW(w)}
	half := math.Pow(10, 0.05)
	for _, c := range centres {
		lo, hi := int(math.Ceil(c/half*float64(n)/float64(rate))), int(math.Ceil(c*half*float64(n)/float64(rate)))
		if hi > n/2 {
			lo, hi = 0, 0
		}
		t.edges = append(t.edges, [2]int{lo, hi})
	}
	t.each = t.frame
	return t
}

// Push takes the block x with stream index at. It does not allocate.
func (t *Thirds) Push(at int64, x []float32) { t.framer.Push(at, x, t.each) }

func (t *Thirds) frame(_ int64, x []float32) {
	t.stft.Power(t.psd, x)
	for b, e := range t.edges {
		s := float32(0)
		for _, v := range t.psd[e[0]:e[1]] {
			s += v
		}
		t.sum[b] += float64(s)
	}
	t.frames++
}

// Levels writes the mean levels since the last call into dst, dBFS (full-scale sine = 0), NaN where nothing was
// measured, and begins anew.
func (t *Thirds) Levels(dst []float64) {
	for b := range dst {
		dst[b] = math.NaN()
		if b < len(t.edges) && t.frames > 0 && t.edges[b][1] > 0 {
			dst[b] = 10 * math.Log10(t.sum[b]/t.enbw/float64(t.frames)+1e-13)
		}
	}
	clear(t.sum)
	t.frames = 0
}

// Peak returns the greatest magnitude of a sample.
func Peak(x []float32) float32 { return f32.MaxAbs(x) }

// Bands measures the strongest line in equal parts of a receiver's span between two calls of Levels.
type Bands struct {
	framer *spectrum.Framer[complex64]
	welch  *spectrum.Welch
	psd    []float32
	max    []float32
	seen   bool
	each   func(int64, []complex64)
}

// NewBands returns a meter for parts equal parts, lowest frequency first. It looks at one of four frames.
func NewBands(parts int) *Bands {
	const n = 1024
	b := &Bands{framer: spectrum.NewFramer[complex64](n, 4*n), welch: spectrum.NewWelch(n, 4*n, window.Hann(n)),
		psd: make([]float32, n), max: make([]float32, parts)}
	b.each = b.frame
	return b
}

// Push takes the block x with stream index at. It does not allocate.
func (b *Bands) Push(at int64, x []complex64) { b.framer.Push(at, x, b.each) }

func (b *Bands) frame(_ int64, x []complex64) {
	b.welch.Ordered(b.psd, x)
	n, parts := len(b.psd), len(b.max)
	from := func(k int) int { return (k*n + parts - 1) / parts }
	for k := range b.max {
		if part := b.psd[from(k):from(k+1)]; len(part) > 0 {
			b.max[k] = max(b.max[k], f32.Max(part))
		}
	}
	b.seen = true
}

// Levels writes the maxima since the last call into dst, dBFS, NaN where nothing was measured, and begins anew.
func (b *Bands) Levels(dst []float64) {
	for k := range dst {
		dst[k] = math.NaN()
		if k < len(b.max) && b.seen {
			dst[k] = 10 * math.Log10(float64(b.max[k])+1e-13)
		}
	}
	clear(b.max)
	b.seen = false
}
