package window

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/dsp/window"
)

// gonum's windows are symmetric: one of n+1 points without its last is the periodic one of n.
func TestAgainstGonum(t *testing.T) {
	for _, c := range []struct {
		name string
		own  func(int) []float32
		want func([]float64) []float64
	}{
		{"Hann", Hann, window.Hann},
		{"Blackman", Blackman, window.Blackman},
		{"BlackmanHarris", BlackmanHarris, window.BlackmanHarris},
		{"Rect", Rect, window.Rectangular},
	} {
		for _, n := range []int{2, 3, 4, 7, 64, 1000, 4096, 65536} {
			ones := make([]float64, n+1)
			for i := range ones {
				ones[i] = 1
			}
			want, got := c.want(ones), c.own(n)
			if len(got) != n {
				t.Fatalf("%s(%d): got %d values", c.name, n, len(got))
			}
			for i, v := range got {
				if math.Abs(float64(v)-want[i]) > 1e-7 {
					t.Errorf("%s(%d)[%d]: got %.9g, want %.9g", c.name, n, i, v, want[i])
					break
				}
			}
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		name              string
		w                 []float32
		power, gain, bins float64 // Harris 1978, table 1, computed to more places from the coefficients
	}{
		{"Hann", Hann(1024), 0.375, 0.5, 1.5},
		{"Blackman", Blackman(1024), 0.42*0.42 + (0.5*0.5+0.08*0.08)/2, 0.42, 1.72676},
		{"BlackmanHarris", BlackmanHarris(1024), 0.257963, 0.35875, 2.00435},
		{"Rect", Rect(1024), 1, 1, 1},
	} {
		for _, f := range []struct {
			name      string
			got, want float64
		}{{"Power", Power(c.w), c.power}, {"Gain", Gain(c.w), c.gain}, {"ENBW", ENBW(c.w), c.bins}} {
			if math.Abs(f.got-f.want) > 2e-6*max(1, f.want)+4e-6 {
				t.Errorf("%s %s: got %.7g, want %.7g", c.name, f.name, f.got, f.want)
			}
		}
	}
}

// Overlapping periodic windows add up to a constant: no sample counts more than another.
func TestOverlap(t *testing.T) {
	const n = 512
	for _, c := range []struct {
		name string
		w    []float32
		hop  int
	}{{"Hann", Hann(n), n / 2}, {"Blackman", Blackman(n), n / 4}, {"BlackmanHarris", BlackmanHarris(n), n / 4}} {
		want := Gain(c.w) * n / float64(c.hop)
		for i := range c.hop {
			sum := 0.0
			for j := i; j < n; j += c.hop {
				sum += float64(c.w[j])
			}
			if math.Abs(sum-want) > 1e-6 {
				t.Fatalf("%s: got %g at %d, want %g everywhere", c.name, sum, i, want)
			}
		}
	}
}

func TestEdges(t *testing.T) {
	if got := Power(nil); got != 0 {
		t.Errorf("Power(nil): got %g, want 0", got)
	}
	if got := Gain(nil); got != 0 {
		t.Errorf("Gain(nil): got %g, want 0", got)
	}
	if got := ENBW(nil); !math.IsNaN(got) {
		t.Errorf("ENBW(nil): got %g, want NaN", got)
	}
	for _, n := range []int{0, -1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Hann(%d) did not panic", n)
				}
			}()
			Hann(n)
		}()
	}
}

func ExampleENBW() {
	fmt.Printf("%.2f %.2f\n", ENBW(Hann(1024)), ENBW(BlackmanHarris(1024)))
	// Output: 1.50 2.00
}
