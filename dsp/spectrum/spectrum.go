// Package spectrum measures power over frequency, frame by frame.
//
// Powers are linear, relative to full scale: a complex tone of |x| = 1, or a real sine of amplitude 1, on a bin
// centre reads 1.0 (0 dBFS) in its bin:
//
//	complex:  P[k] = |X[k]|² / (Σw)²      real:  P[k] = 4·|X[k]|² / (Σw)²  (k = 0, n/2: without the 4)
//
// with X the transform of w·x. White noise of mean power σ² then reads σ²·ENBW/n in each complex and 4σ²·ENBW/n
// in each real bin, ENBW being window.ENBW. (A sine of amplitude 1 has the mean power 1/2, which is why the latter
// is not 2σ².) Scaling after G. Heinzel, A. Rüdiger, R. Schilling, "Spectrum and spectral density estimation by
// the discrete Fourier transform", 2002.
package spectrum

import (
	"fmt"

	"github.com/tphakala/simd/f32"

	"subrosa/dsp/fft"
	"subrosa/dsp/window"
)

// Welch measures frames of complex samples (P. D. Welch, IEEE Trans. Audio Electroacoust. 15, 1967; average the
// frames with Average).
type Welch struct {
	hop            int
	win            []float32 // scaled so that |X|² needs no factor
	plan           *fft.Plan
	ar, ai, br, bi []float32
}

// NewWelch returns a meter for frames of n samples, hop samples apart, tapered by win of length n. It panics
// unless n is a power of two (at least 2), hop ≥ 1, len(win) = n and win has a mean other than 0.
func NewWelch(n, hop int, win []float32) *Welch {
	w := &Welch{hop: hop, win: scaled(n, hop, win, 1), plan: fft.New(n)}
	buf := make([]float32, 4*n)
	w.ar, w.ai, w.br, w.bi = buf[:n], buf[n:2*n], buf[2*n:3*n], buf[3*n:]
	return w
}

// scaled returns win times the factor by which a tone's bin becomes amplitude: scale / sum(win).
func scaled(n, hop int, win []float32, scale float64) []float32 {
	g := window.Gain(win)
	if len(win) != n || hop < 1 || g == 0 {
		panic(fmt.Sprintf("spectrum: window of %d with mean %g for %d samples, hop %d", len(win), g, n, hop))
	}
	f := scale / (g * float64(n))
	out := make([]float32, n)
	for i, v := range win {
		out[i] = float32(float64(v) * f)
	}
	return out
}

// N returns the frame length and the number of bins.
func (w *Welch) N() int { return len(w.win) }

// Hop returns the distance of frames in samples.
func (w *Welch) Hop() int { return w.hop }

// Power writes the power of one frame x of N samples into N bins of dst, in the order of the transform: bin 0 is
// 0 Hz, the upper half is negative frequencies (see Shift and BinHz).
func (w *Welch) Power(dst []float32, x []complex64) {
	dst = dst[:len(w.win)]
	w.transform(x)
	f32.AbsSqComplex(dst, w.br, w.bi)
}

// Ordered is Power followed by Shift, without the second pass: bin 0 is -rate/2.
func (w *Welch) Ordered(dst []float32, x []complex64) {
	n, h := len(w.win), len(w.win)/2
	dst = dst[:n]
	w.transform(x)
	f32.AbsSqComplex(dst[:h], w.br[h:], w.bi[h:])
	f32.AbsSqComplex(dst[h:], w.br[:h], w.bi[:h])
}

func (w *Welch) transform(x []complex64) {
	taper(w.ar, w.ai, x[:len(w.win)], w.win)
	w.plan.Forward(w.br, w.bi, w.ar, w.ai)
}

// STFT measures frames of real samples.
type STFT struct {
	hop  int
	win  []float32
	plan *fft.Real
	buf  []float32
}

// NewSTFT returns a meter for frames of n real samples; the arguments are those of NewWelch.
func NewSTFT(n, hop int, win []float32) *STFT {
	return &STFT{hop: hop, win: scaled(n, hop, win, 2), plan: fft.NewReal(n), buf: make([]float32, n)}
}

// N returns the frame length.
func (s *STFT) N() int { return len(s.win) }

// Bins returns N/2+1.
func (s *STFT) Bins() int { return len(s.win)/2 + 1 }

// Hop returns the distance of frames in samples.
func (s *STFT) Hop() int { return s.hop }

// Power writes the power of one frame x of N samples into N/2+1 bins of dst; bin i is at i·rate/N Hz. The first
// and the last bin have no mirror image and are scaled so that a constant of 1 reads 1.0.
func (s *STFT) Power(dst, x []float32) {
	n := len(s.win)
	dst, x = dst[:n/2+1], x[:n]
	f32.Mul(s.buf, x, s.win)
	s.plan.Power(dst, s.buf)
	dst[0] *= 0.25
	dst[n/2] *= 0.25
}

// Shift writes the n bins of src into dst in ascending frequency, -rate/2 first. dst and src have the same even
// length, else it panics, and are the same slice or do not overlap. Shift is its own inverse.
func Shift(dst, src []float32) {
	h := len(src) / 2
	if len(src)%2 != 0 || len(dst) != len(src) {
		panic(fmt.Sprintf("spectrum: shift of %d bins into %d, want the same even number", len(src), len(dst)))
	}
	for i := range h {
		dst[i], dst[i+h] = src[i+h], src[i]
	}
}

// BinHz returns the frequency of bin i of an unshifted complex transform of n samples taken at rate per second:
// 0 … rate/2 in the lower half, -rate/2 … 0 in the upper.
func BinHz(i, n int, rate float64) float64 {
	if i >= n/2 {
		i -= n
	}
	return float64(i) * rate / float64(n)
}
