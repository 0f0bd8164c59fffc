package feed

import (
	"math"
	"slices"
	"testing"
)

func TestMix(t *testing.T) {
	p := &Player[float32]{rate: 1, items: []loaded[float32]{
		{from: 2, lasts: 3, x: []float32{1, 2, 3}},
		{from: 0, lasts: math.MaxInt64, x: []float32{10, 20}}, // loop
		{from: 1, lasts: 3, every: 5, x: []float32{100, 200}}, // loop until, again and again
	}}
	want := []float32{10, 120, 211, 122, 13, 20, 110, 220, 110, 20, 10, 120, 210}
	for _, cut := range []int{1, 2, 3, 5, len(want)} {
		got := make([]float32, len(want))
		for at := 0; at < len(want); at += cut {
			p.mix(got[at:min(at+cut, len(want))], int64(at))
		}
		if !slices.Equal(got, want) {
			t.Errorf("in blocks of %d: got %v, want %v", cut, got, want)
		}
	}
}

func TestRaiseKeepsTheSignalAndAddsNoImages(t *testing.T) {
	const n, k, hz = 4000, 3, 1000.0
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / 16000))
	}
	y := raise(x, k)
	if len(y) != n*k {
		t.Fatalf("%d samples, want %d", len(y), n*k)
	}
	worst := 0.0
	for i := 300; i < len(y)-300; i++ {
		worst = max(worst, math.Abs(float64(y[i])-math.Sin(2*math.Pi*hz*float64(i)/48000)))
	}
	if worst > 0.01 {
		t.Errorf("off by up to %.4f, want at most 0.01: the image at 15 kHz would be heard by the detector", worst)
	}
}
