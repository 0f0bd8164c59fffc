package sound

import (
	"math"
	"slices"
	"testing"

	"subrosa/dsp/siggen"
)

// TestInnocents holds that each sound is what its name says: there, in range, reproducible, and reaching the band
// in which it is to be mistaken.
func TestInnocents(t *testing.T) {
	silent := []string{"digital silence", "dither", "16 bits without dither"}
	for _, in := range Innocents() {
		rate := math.Max(48000, in.MinRate)
		x, y := in.Make(siggen.Rand(3), 5, rate), in.Make(siggen.Rand(3), 5, rate)
		if !slices.Equal(x, y) {
			t.Errorf("%s: equal seeds give different sounds", in.Name)
		}
		if len(x) != samples(5, rate) {
			t.Errorf("%s: %d samples, want %d", in.Name, len(x), samples(5, rate))
		}
		for i, v := range x {
			if !(v >= -1 && v <= 1) {
				t.Fatalf("%s: sample %d is %v", in.Name, i, v)
			}
		}
		if level := BandDB(x, rate, 15000, 0.48*rate); level < -90 && !slices.Contains(silent, in.Name) {
			t.Errorf("%s: only %.0f dBFS above 15 kHz", in.Name, level)
		}
	}
}

func TestLines(t *testing.T) {
	r := siggen.Rand(8)
	on := tube(r, 6, rate)[samples(2.5, rate):samples(3.5, rate)]
	if over := BandDB(on, rate, 15620, 15630) - BandDB(on, rate, 15640, 15740); over < 6 {
		t.Errorf("tube: line %.0f dB over the 100 Hz beside it", over)
	}
	x := sensor(r, 4, 96000, 25000)
	near(t, "motion sensor", loudest(x, 96000), 25000, 1)
	side := BandDB(x, 96000, 24500, 24950)
	if carrier := BandDB(x, 96000, 24990, 25010); carrier-side < 20 || carrier-side > 60 {
		t.Errorf("echo %.0f dB below the carrier", carrier-side)
	}
}

// TestBasis holds the codec's function k against its frequency and its length.
func TestBasis(t *testing.T) {
	x := basis(400, 576, 44100, 44100, 1)
	if len(x) != 1152 {
		t.Fatalf("%d samples, want 1152", len(x))
	}
	near(t, "frequency", loudest(append(x, Silence(0.5, 44100)...), 44100), 400.5*44100/1152, 40)
}
