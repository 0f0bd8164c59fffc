package siggen

import (
	"math"
	"testing"
)

func TestLevel(t *testing.T) {
	for _, tt := range []struct{ snr, density, lo, hi, least, want float64 }{
		{0, -100, 18000, 19000, 6000, -100 + 37.78},
		{6, -100, 15000, 23000, 6000, -100 + 39.03 + 6},
		{-10, -90, -5000, 5000, 0, -90 + 40 - 10},
	} {
		if got := Level(tt.snr, tt.density, tt.lo, tt.hi, tt.least); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("Level(%v) = %.2f, want %.2f", tt, got, tt.want)
		}
	}
}

func TestWiden(t *testing.T) {
	for _, tt := range []struct{ lo, hi, least, top, wantLo, wantHi float64 }{
		{18000, 19000, 6000, 24000, 15500, 21500},
		{15000, 23000, 6000, 24000, 15000, 23000},
		{21000, 22000, 6000, 22050, 16050, 22050},
		{100, 200, 6000, 24000, 0, 6000},
		{100, 200, 6000, 4000, 0, 4000},
	} {
		if lo, hi := Widen(tt.lo, tt.hi, tt.least, tt.top); lo != tt.wantLo || hi != tt.wantHi {
			t.Errorf("Widen(%v) = %v, %v; want %v, %v", tt, lo, hi, tt.wantLo, tt.wantHi)
		}
	}
}

// TestSmoothed holds the sum of error functions against a convolution with the Gaussian.
func TestSmoothed(t *testing.T) {
	bits := Bits(Rand(1), 12)
	const bt = 0.3
	sigma := math.Sqrt(math.Ln2) / (2 * math.Pi * bt)
	for at := -1.0; at < 13; at += 0.37 {
		want, sum := 0.0, 0.0
		for d := -6 * sigma; d <= 6*sigma; d += sigma / 500 {
			w := math.Exp(-d * d / (2 * sigma * sigma))
			sum += w
			if bits[max(0, min(11, int(math.Floor(at-d))))] {
				want += w
			} else {
				want -= w
			}
		}
		if got := Smoothed(bits, at, bt); math.Abs(got-want/sum) > 2e-3 {
			t.Errorf("at %.2f: got %.4f, want %.4f", at, got, want/sum)
		}
	}
}

func TestSeeds(t *testing.T) {
	a, b, c := Rand(1), Rand(1), Rand(2)
	equal := 0
	for range 100 {
		x, y, z := a.Uint64(), b.Uint64(), c.Uint64()
		if x != y {
			t.Fatal("equal seeds give different numbers")
		}
		if x == z {
			equal++
		}
	}
	if equal > 0 {
		t.Errorf("%d of 100 numbers of two seeds are equal", equal)
	}
}
