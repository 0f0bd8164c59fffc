package speechtest

import (
	"fmt"
	"math"
)

// Score is what Compare found.
type Score struct {
	STOI  float64
	Delay float64 // s, of the first piece
	Drift float64 // s, between the least and the most delayed piece: receivers stretch and squeeze time
}

const (
	piece  = Rate / 2        // samples that are aligned together
	around = Rate * 15 / 100 // how far the delay may be from that of the piece before, samples
	window = Rate / 100      // of the envelope, samples
)

// Compare finds clean, at cleanRate Hz, in got, at gotRate Hz, which is longer, aligns it piece by piece, for a jitter buffer changes the delay as it goes,
// and returns its STOI. A piece that is not found keeps the delay of the one before.
func Compare(clean []float32, cleanRate int, got []float32, gotRate int) (Score, error) {
	x, y := resample(clean, cleanRate), resample(got, gotRate)
	if len(x) > len(y) || len(x) < piece {
		return Score{}, fmt.Errorf("speechtest: %d ms of speech in %d ms", len(x)*1000/Rate, len(y)*1000/Rate)
	}
	delay := coarse(x, y)
	s := Score{}
	lo, hi := math.MaxInt, math.MinInt
	aligned := make([]float64, 0, len(x))
	for at := 0; at < len(x); at += piece {
		part := x[at:min(at+piece, len(x))]
		if d, ok := fine(part, y, at+delay); ok {
			delay = d - at
			lo, hi = min(lo, delay), max(hi, delay)
		}
		if at == 0 {
			s.Delay = float64(delay) / Rate
		}
		for i := range part {
			v := 0.0
			if k := at + delay + i; k >= 0 && k < len(y) {
				v = y[k]
			}
			aligned = append(aligned, v)
		}
	}
	if hi >= lo {
		s.Drift = float64(hi-lo) / Rate
	}
	var err error
	s.STOI, err = STOI(x, aligned)
	return s, err
}

// coarse is the delay at which the envelopes fit best, samples.
func coarse(x, y []float64) int {
	a, b := envelope(x), envelope(y)
	best, at := math.Inf(-1), 0
	for d := 0; d+len(a) <= len(b); d++ {
		if c := correlation(a, b[d:d+len(a)]); c > best {
			best, at = c, d*window
		}
	}
	return at
}

func envelope(x []float64) []float64 {
	out := make([]float64, len(x)/window)
	for i := range out {
		for _, v := range x[i*window : (i+1)*window] {
			out[i] += v * v
		}
		out[i] = math.Sqrt(out[i])
	}
	return out
}

// fine is where in y, near at, the piece is; not ok if it is nowhere there.
func fine(part, y []float64, at int) (int, bool) {
	best, where := 0.15, 0
	for d := max(0, at-around); d <= at+around && d+len(part) <= len(y); d++ {
		if c := correlation(part, y[d:d+len(part)]); c > best {
			best, where = c, d
		}
	}
	return where, best > 0.15
}

func correlation(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma += a[i]
		mb += b[i]
	}
	ma /= float64(len(a))
	mb /= float64(len(a))
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// resample brings x from rate to Rate as the authors' program is run in most places, for the scores of two programs to be the same: with
// Octave's filter, 60 dB down from the lower Nyquist frequency on, in a window of Kaiser's; it takes nothing away below nine tenths of it.
func resample(x []float32, rate int) []float64 {
	g := gcd(rate, Rate)
	up, down := Rate/g, rate/g
	h := lowpass(up, down)
	half := len(h) / 2
	out := make([]float64, (len(x)*up+down-1)/down)
	for n := range out {
		at := n * down
		for k := max(0, (at-half+up-1)/up); k <= min(len(x)-1, (at+half)/up); k++ {
			out[n] += h[at-k*up+half] * float64(x[k])
		}
	}
	return out
}

// lowpass is the filter at up times the first rate, by Kaiser's formulas (Oppenheim, Schafer, Discrete-Time Signal Processing, 7.5.3).
func lowpass(up, down int) []float64 {
	if up == 1 && down == 1 {
		return []float64{1}
	}
	const decibels = 60
	cut := 0.5 / float64(max(up, down)) // cycles per sample
	half := int(math.Ceil((decibels - 8) / (28.714 * cut / 10)))
	beta := 0.1102 * (decibels - 8.7)
	h := make([]float64, 2*half+1)
	sum := 0.0
	for i := range h {
		t := float64(i - half)
		h[i] = sinc(2*cut*t) * bessel(beta*math.Sqrt(1-t*t/float64(half*half))) / bessel(beta)
		sum += h[i]
	}
	for i := range h {
		h[i] *= float64(up) / sum
	}
	return h
}

// bessel is I₀, the modified Bessel function of the first kind, by its power series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

func sinc(t float64) float64 {
	if t == 0 {
		return 1
	}
	return math.Sin(math.Pi*t) / (math.Pi * t)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
