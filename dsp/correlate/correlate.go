// Package correlate compares two signals at every delay: whether one holds the other (NCC), and by how much it is late
// (PHAT).
//
//	NCC:   r[d] = Σ x[i+d]·y[i] / √(Σx²·Σy²)                 in [-1, 1]; 1 if x is y, delayed by d
//	PHAT:  r = inverse transform of X·Y* / (|X·Y*| + ε)      a sharp peak of at most 1 at the delay
//
// A positive d means that x is late. Both go by transforms of zero-padded signals, so that nothing wraps round. The
// phase transform gives each frequency the same weight (C. H. Knapp, G. C. Carter, IEEE Trans. ASSP 24, 1976): it ranges
// where reverberation smears the plain correlation, and loses several dB as a detector; detect by NCC. Neither removes
// a mean. The energies of NCC are those of the whole signals, so that at a long delay, where little overlaps, little
// is claimed.
package correlate

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/tphakala/simd/f32"

	"subrosa/dsp/fft"
)

// Plan correlates signals of n samples. It is set up once, never allocates afterwards, and is not safe for concurrent
// use (it owns scratch memory).
type Plan struct {
	n, lags, points int
	fft             *fft.Real
	padded          []float32
	xRe, xIm        []float32
	yRe, yIm        []float32
	weight          []float32
}

// New returns a plan for signals of n samples and delays from -lags to lags. It panics unless n ≥ 2 and 0 ≤ lags < n.
func New(n, lags int) *Plan {
	if n < 2 || lags < 0 || lags >= n {
		panic(fmt.Sprintf("correlate: %d samples at up to %d delays, want at least 2 and fewer delays than samples", n, lags))
	}
	points := 1 << bits.Len(uint(n+lags-1))
	bins := points/2 + 1
	buf := make([]float32, 5*bins+points)
	cut := func(k int) (s []float32) { s, buf = buf[:k:k], buf[k:]; return s }
	return &Plan{n: n, lags: lags, points: points, fft: fft.NewReal(points), padded: cut(points),
		xRe: cut(bins), xIm: cut(bins), yRe: cut(bins), yIm: cut(bins), weight: cut(bins)}
}

// N returns the length of the signals.
func (p *Plan) N() int { return p.n }

// Lags returns the greatest delay. The result of delay d stands at place Lags + d of 2·Lags + 1.
func (p *Plan) Lags() int { return p.lags }

// NCC writes the normalised cross-correlation of x and y, N samples each, into dst, 2·Lags+1 values. It is 0 where
// either signal is silent.
func (p *Plan) NCC(dst, x, y []float32) {
	energy := p.cross(x, y)
	if !(energy > 0) {
		clear(dst[:2*p.lags+1])
		return
	}
	p.invert(dst, 1/(energy*float64(p.points)))
}

// PHAT writes the cross-correlation of x and y with the phase transform; lengths as for NCC.
func (p *Plan) PHAT(dst, x, y []float32) {
	const leak = 1e-6 // of the mean magnitude: what is so weak has no phase worth counting
	energy := p.cross(x, y)
	if !(energy > 0) {
		clear(dst[:2*p.lags+1])
		return
	}
	f32.AbsSqComplex(p.weight, p.xRe, p.xIm)
	f32.Sqrt(p.weight, p.weight)
	f32.AddScalar(p.weight, p.weight, float32(leak*energy))
	f32.Div(p.xRe, p.xRe, p.weight)
	f32.Div(p.xIm, p.xIm, p.weight)
	p.invert(dst, 1/float64(p.points))
}

// cross leaves X·Y* in xRe and xIm and returns √(Σx²·Σy²).
func (p *Plan) cross(x, y []float32) float64 {
	x, y = x[:p.n], y[:p.n]
	clear(p.padded[p.n:])
	copy(p.padded, x)
	p.fft.Forward(p.xRe, p.xIm, p.padded)
	copy(p.padded, y)
	p.fft.Forward(p.yRe, p.yIm, p.padded)
	f32.MulConjComplex(p.xRe, p.xIm, p.xRe, p.xIm, p.yRe, p.yIm)
	return math.Sqrt(energy(x)) * math.Sqrt(energy(y))
}

// energy sums squares in float32 over short pieces, and the pieces in float64.
func energy(x []float32) (sum float64) {
	const piece = 4096
	for ; len(x) > piece; x = x[piece:] {
		sum += float64(f32.SumOfSquares(x[:piece]))
	}
	return sum + float64(f32.SumOfSquares(x))
}

// invert transforms xRe and xIm back and writes the delays asked for.
func (p *Plan) invert(dst []float32, scale float64) {
	p.fft.Inverse(p.padded, p.xRe, p.xIm)
	dst = dst[:2*p.lags+1]
	f32.Scale(dst[:p.lags], p.padded[p.points-p.lags:], float32(scale))
	f32.Scale(dst[p.lags:], p.padded[:p.lags+1], float32(scale))
}

// Peak returns the delay with the greatest value in a result of 2·lags+1 values, in samples, between them by a parabola
// through the neighbours, and that value. A result of no values gives 0, 0.
func Peak(r []float32) (delay float64, value float32) {
	if len(r) == 0 {
		return 0, 0
	}
	i := f32.MaxIdx(r)
	delay, value = float64(i-len(r)/2), r[i]
	if i == 0 || i == len(r)-1 {
		return delay, value
	}
	a, b, c := float64(r[i-1]), float64(r[i]), float64(r[i+1])
	if bend := a - 2*b + c; bend < 0 {
		delay += 0.5 * (a - c) / bend
	}
	return delay, value
}
