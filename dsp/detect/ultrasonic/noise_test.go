package ultrasonic

import (
	"math"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// census counts what white noise makes of itself in a detector.
type census struct {
	seconds   float64
	peaks     int
	segments  int     // that count as evidence
	weight    float64 // of theirs
	windows   int     // of windowSeconds
	weights   []int   // histogram of the windows' weight, in units of 0.5
	alarms    int
	maxWeight float64
}

// takeCensus runs hours of white noise of -70 dBFS at rate through a detector and watches its segments end.
func takeCensus(t *testing.T, rate int, hours float64, seed uint64) census {
	t.Helper()
	d, err := New(rate, Default)
	if err != nil {
		t.Fatal(err)
	}
	c := census{weights: make([]int, 200)}
	window := 0.0
	inner := d.ended
	d.ended = func(s *segment) {
		before := len(d.beacon.ring)
		inner(s)
		if len(d.beacon.ring) > before {
			w := d.beacon.ring[len(d.beacon.ring)-1].weight
			c.segments++
			c.weight += w
			window += w
		}
	}
	r := siggen.Rand(seed)
	x := make([]float32, int(windowSeconds*float64(rate)))
	var found []detect.Detection
	for at := int64(0); c.seconds < hours*3600; at += int64(len(x)) {
		sound.FillWhite(r, x, -70)
		found = d.Detect(found[:0], at, x)
		for _, f := range found {
			if f.Edge == detect.Appeared {
				c.alarms++
			}
		}
		c.peaks += len(d.peaks)
		c.seconds += windowSeconds
		c.windows++
		c.maxWeight = math.Max(c.maxWeight, window)
		c.weights[min(len(c.weights)-1, int(2*window))]++
		window = 0
	}
	return c
}

// TestNoiseRate holds noiseRate, from which the thresholds follow, against what white noise does.
func TestNoiseRate(t *testing.T) {
	hours := map[TestLength]float64{Brief: 0.03, PerPush: 1, Nightly: 12}[Length()]
	c := takeCensus(t, 48000, hours, 1)
	d, err := New(48000, Default)
	if err != nil {
		t.Fatal(err)
	}
	per8k := 8000 / (float64(d.hi)*d.binHz - Default.LoHz)
	segments, weight := float64(c.segments)/c.seconds*per8k, c.weight/c.seconds*per8k
	t.Logf("%.2f h of white noise: %.3f segments, %.3f weight per second and 8 kHz (noiseRate %.3f), minFrames %d, PfaCell %.0e",
		c.seconds/3600, segments, weight, noiseRate, minFrames, Default.PfaCell)
	t.Logf("heaviest window of %.1f s weighs %.1f of a threshold of %.1f; %.1f for %.0f s; %d findings",
		windowSeconds, c.maxWeight, d.beacon.threshold, d.beacon.longer, memorySeconds, c.alarms)
	above := 0
	for i := len(c.weights) - 1; i >= 0; i-- {
		if above += c.weights[i]; above > 0 && i%2 == 0 {
			t.Logf("P(weight ≥ %2d) = %.2e, Poisson of noiseRate %.2e", i/2, float64(above)/float64(c.windows),
				poissonAtLeast(float64(i)/2, noiseRate/per8k*windowSeconds))
		}
	}
	// A factor of 2 either way, and three standard deviations of a Poisson count for short runs.
	want := noiseRate / per8k * c.seconds
	if got := float64(c.segments); got > 2*want+3*math.Sqrt(2*want) || got < want/2-3*math.Sqrt(want/2) {
		t.Errorf("%d segments in %.2f h, noiseRate says %.0f: want a factor of 2 at most", c.segments, c.seconds/3600, want)
	}
	if c.alarms > 0 {
		t.Errorf("%d findings in %.1f h of white noise, want 0", c.alarms, c.seconds/3600)
	}
}

func poissonAtLeast(k, mu float64) float64 {
	sum, term := 0.0, math.Exp(-mu)
	for i := 0.0; i < k; i++ {
		sum += term
		term *= mu / (i + 1)
	}
	return math.Max(0, 1-sum)
}

// TestColouredNoise hears noise that is not white, at all rates.
func TestColouredNoise(t *testing.T) {
	minutes := map[TestLength]float64{Brief: 0.5, PerPush: 2, Nightly: 60}[Length()]
	for _, rate := range []float64{44100, 48000, 96000, 192000} {
		for name, fill := range map[string]func(seed uint64) []float32{
			"pink":       func(s uint64) []float32 { return sound.Pink(siggen.Rand(s), 10, rate, -30) },
			"brown":      func(s uint64) []float32 { return sound.Brown(siggen.Rand(s), 10, rate, -20) },
			"microphone": func(s uint64) []float32 { return sound.Microphone(siggen.Rand(s), 10, rate) },
			"band":       func(s uint64) []float32 { return sound.Band(siggen.Rand(s), 10, rate, -30, 17000, 20000) },
		} {
			d, err := New(int(rate), Default)
			if err != nil {
				t.Fatal(err)
			}
			at := int64(0)
			for seed := uint64(0); float64(at)/rate < minutes*60/4; seed++ {
				x := fill(seed)
				if found := d.Detect(nil, at, x); len(found) > 0 {
					t.Errorf("%s noise at %.0f: %d findings, first %+v", name, rate, len(found), found[0])
				}
				at += int64(len(x))
			}
		}
	}
}
