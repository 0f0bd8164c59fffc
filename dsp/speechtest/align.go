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

// resample brings x from rate to Rate with a windowed sinc, its phases worked out once.
func resample(x []float32, rate int) []float64 {
	g := gcd(rate, Rate)
	up, down := Rate/g, rate/g
	cut := 0.92 * min(1, float64(Rate)/float64(rate)) // of the lower Nyquist frequency
	half := int(math.Ceil(24 / cut))
	taps := make([][]float64, up)
	for p := range taps {
		frac := float64(p) / float64(up)
		taps[p] = make([]float64, 2*half+1)
		for k := range taps[p] {
			t := float64(k-half) - frac
			w := 0.5 + 0.5*math.Cos(math.Pi*t/float64(half+1))
			taps[p][k] = cut * sinc(cut*t) * w
		}
	}
	out := make([]float64, len(x)*up/down)
	for n := range out {
		at, h := n*down/up, taps[n*down%up]
		for k, w := range h {
			if i := at + k - half; i >= 0 && i < len(x) {
				out[n] += w * float64(x[i])
			}
		}
	}
	return out
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
