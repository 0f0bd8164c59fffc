package level

import (
	"math"
	"math/cmplx"
	"testing"
)

var centres = []float64{2500, 3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000, 20000}

func TestThirdsOfASine(t *testing.T) {
	for i, c := range centres {
		m := NewThirds(48000, centres)
		x := make([]float32, 48000)
		for k := range x {
			x[k] = float32(0.1 * math.Sin(2*math.Pi*c*float64(k)/48000))
		}
		m.Push(0, x)
		got := make([]float64, len(centres))
		m.Levels(got)
		for b, v := range got {
			if b == i && math.Abs(v+20) > 0.3 {
				t.Errorf("%g Hz at -20 dBFS reads %.2f", c, v)
			}
			if b != i && v > -45 {
				t.Errorf("%g Hz reads %.1f in the band of %g Hz", c, v, centres[b])
			}
		}
	}
}

func TestNothingMeasured(t *testing.T) {
	m := NewThirds(16000, centres)
	m.Push(0, make([]float32, 16000))
	got := make([]float64, len(centres))
	m.Levels(got)
	if !math.IsNaN(got[9]) || math.IsNaN(got[0]) {
		t.Errorf("at 16 kHz: 20 kHz band %g, want NaN; 2.5 kHz band %g, want a level", got[9], got[0])
	}
	m.Levels(got)
	if !math.IsNaN(got[0]) {
		t.Errorf("no sound since: %g, want NaN", got[0])
	}
}

func TestBands(t *testing.T) {
	b := NewBands(8)
	x := make([]complex64, 1<<15)
	for k := range x { // 3/16 of the rate: the 6th of 8 parts
		x[k] = complex64(0.5 * cmplx.Exp(complex(0, 2*math.Pi*0.1875*float64(k))))
	}
	b.Push(0, x)
	got := make([]float64, 8)
	b.Levels(got)
	for k, v := range got {
		if k == 5 && math.Abs(v+6) > 0.2 {
			t.Errorf("part %d reads %.2f dBFS, want -6", k, v)
		}
		if k != 5 && v > -60 {
			t.Errorf("part %d reads %.1f dBFS", k, v)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	m, b := NewThirds(48000, centres), NewBands(8)
	x, y := make([]float32, 4800), make([]complex64, 9600)
	at := int64(0)
	if n := testing.AllocsPerRun(50, func() {
		m.Push(at, x)
		b.Push(2*at, y)
		at += int64(len(x))
	}); n != 0 {
		t.Errorf("%g allocations a block", n)
	}
}

func BenchmarkThirds(b *testing.B) {
	m := NewThirds(48000, centres)
	x := make([]float32, 4800)
	at := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		m.Push(at, x)
		at += int64(len(x))
	}
}
