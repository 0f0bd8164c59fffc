package emitter

import (
	"math"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
)

// carrier returns noise with a carrier of -35 dBFS plus db at hz, from one time to another.
func carrier(seed uint64, seconds, db, hz, from, to float64) []complex64 {
	r := siggen.Rand(seed)
	x := radio.Noise(r, seconds, rate, noiseDB)
	radio.Add(x, int(from*rate), radio.Carrier(r, to-from, rate, -35+db, hz, 0))
	return x
}

func TestBaseline(t *testing.T) {
	const hz = 30e3
	for _, tt := range []struct {
		name   string
		centre float64
		known  []Known
		db, hz float64
		want   int
	}{
		{"no baseline", 433.92e6, nil, 0, hz, 1},
		{"known", 433.92e6, []Known{{433.92e6 + hz, 2000, -35}}, 0, hz, 0},
		{"known, a little louder", 433.92e6, []Known{{433.92e6 + hz, 2000, -35}}, 6, hz, 0},
		{"known, much weaker", 433.92e6, []Known{{433.92e6 + hz, 2000, -20}}, 0, hz, 0},
		{"known, 12 dB louder", 433.92e6, []Known{{433.92e6 + hz, 2000, -35}}, 12, hz, 1},
		{"another frequency", 433.92e6, []Known{{433.92e6 - hz, 2000, -35}}, 0, hz, 1},
		{"another frequency nearby", 433.92e6, []Known{{433.92e6 + hz + 12e3, 2000, -35}}, 0, hz, 1},
		{"one of many", 433.92e6, []Known{{100e6, 2000, 0}, {433.92e6 + hz, 2000, -35}}, 0, hz, 0},
		{"centre not known, offsets", 0, []Known{{hz, 2000, -35}}, 0, hz, 0},
		{"centre not known, other offset", 0, []Known{{-hz, 2000, -35}}, 0, hz, 1},
	} {
		c := Default
		c.Centre, c.Baseline = tt.centre, tt.known
		found := final(mustNew(t, rate, c), carrier(3, 8, tt.db, tt.hz, 0, 8))
		if len(found) != tt.want {
			t.Errorf("%s: got %d findings, want %d", tt.name, len(found), tt.want)
			tell(t, found)
			continue
		}
		for _, f := range found {
			if f.Kind != detect.NewEmitter || !f.Alarm || math.Abs(f.Hz-tt.hz) > 1500 {
				t.Errorf("%s: got %v at %.0f Hz, alarm %v", tt.name, f.Kind, f.Hz, f.Alarm)
			}
		}
	}
}

// TestConfirmation: an emitter is told once it has been on the air for SteadyS, whenever it came.
func TestConfirmation(t *testing.T) {
	for _, from := range []float64{0, 1, 5} {
		const lasts = 8.0
		found, told := heard(mustNew(t, rate, Default), carrier(4, from+lasts+5, 0, 30e3, from, from+lasts))
		if len(found) != 2 || found[0].Edge != detect.Appeared || found[1].Edge != detect.Gone || found[0].Kind != detect.NewEmitter {
			t.Errorf("from %g s: got %d findings, want one that appears and goes", from, len(found))
			tell(t, found)
			continue
		}
		after := float64(told[0])/rate - from
		gone := float64(told[1])/rate - from - lasts
		t.Logf("measured: carrier from %g s confirmed after %.2f s, told as gone %.2f s after its end; start told %.2f s, end %.2f s", from, after, gone,
			float64(found[1].Start)/rate, float64(found[1].End)/rate)
		// In the first seconds of a stream the share of windows counts from its beginning, so it may come sooner.
		if after < 0.6*Default.SteadyS || from > 3 && after < Default.SteadyS-0.2 || after > Default.SteadyS+1 {
			t.Errorf("from %g s: confirmed after %.2f s, want about %g", from, after, Default.SteadyS)
		}
		if gone < 0 || gone > 4 {
			t.Errorf("from %g s: told as gone %.2f s after its end", from, gone)
		}
		if start := float64(found[1].Start) / rate; math.Abs(start-from) > 1 {
			t.Errorf("from %g s: start told as %.2f s", from, start)
		}
	}
}

// TestEndOfEmitter: the end is that of the emission, not the time at which it was noticed.
func TestEndOfEmitter(t *testing.T) {
	found := final(mustNew(t, rate, Default), carrier(4, 12, 0, 30e3, 0, 8))
	if len(found) != 1 || math.Abs(float64(found[0].End)/rate-8) > 0.2 {
		t.Errorf("a carrier until 8 s: got %d findings", len(found))
		tell(t, found)
	}
}

// TestTooShortForAnEmitter: a carrier that ends before SteadyS is a burst, and no emitter.
func TestTooShortForAnEmitter(t *testing.T) {
	for _, lasts := range []float64{0.3, 1, 1.5} {
		found := final(mustNew(t, rate, Default), carrier(5, 8, 0, 30e3, 2, 2+lasts))
		if len(found) != 1 || found[0].Kind != detect.Burst {
			t.Errorf("carrier of %g s: got %d findings, want one burst", lasts, len(found))
			tell(t, found)
		}
	}
}

// TestKeyedIsNoEmitter: what pauses is told as bursts, however often it comes.
func TestKeyedIsNoEmitter(t *testing.T) {
	for _, pause := range []float64{0.03, 0.1, 0.5} {
		r := siggen.Rand(6)
		x, spans := radio.Train{Repeats: 1000, Pause: pause}.Lay(ook(r, 0.08, -25, 30e3), 0.1, 12, rate)
		radio.Add(x, 0, radio.Noise(r, 12, rate, noiseDB))
		bursts := 0
		for _, f := range final(mustNew(t, rate, Default), x) {
			if f.Kind != detect.Burst {
				t.Errorf("pauses of %g s: got %v at %.0f Hz", pause, f.Kind, f.Hz)
			}
			bursts++
		}
		t.Logf("measured: %d bursts of %d transmissions %g s apart", bursts, len(spans), pause)
		if bursts < len(spans)*9/10 || bursts > len(spans) {
			t.Errorf("pauses of %g s: got %d bursts, want %d", pause, bursts, len(spans))
		}
	}
}

// TestOccupiedBand: services that are always on the air are information.
func TestOccupiedBand(t *testing.T) {
	for _, tt := range []struct {
		centre float64
		kind   detect.Kind
		name   string
		alarm  bool
	}{
		{98.1e6, detect.OccupiedBand, "fm", false},
		{433.92e6, detect.NewEmitter, "ism433", true},
		{0, detect.NewEmitter, "unknown", true},
		{600e6, detect.OccupiedBand, "uhf-tv", false},
		{826e6, detect.NewEmitter, "hall-mic", true},
	} {
		c := Default
		c.Centre = tt.centre
		found := final(mustNew(t, rate, c), carrier(7, 6, 0, 30e3, 0, 6))
		if len(found) != 1 || found[0].Kind != tt.kind || found[0].Name != tt.name || found[0].Alarm != tt.alarm {
			t.Errorf("around %.2f MHz: got %d findings, want %v/%s, alarm %v", tt.centre/1e6, len(found), tt.kind, tt.name, tt.alarm)
			tell(t, found)
		}
	}
}

// TestModulatedCarrierIsOne: a hidden microphone's carrier moves with its modulation and is still one emitter.
func TestModulatedCarrierIsOne(t *testing.T) {
	const seconds, audioRate, hz = 6, 16000, 40e3
	audio := make([]float32, seconds*audioRate)
	for i := range audio { // syllables of a gliding voice
		s := float64(i) / audioRate
		audio[i] = float32(0.5 * math.Sin(2*math.Pi*300*s+60*math.Sin(2*math.Pi*1.3*s)) * (0.5 + 0.5*math.Sin(2*math.Pi*3*s)))
	}
	r := siggen.Rand(9)
	for name, x := range map[string][]complex64{
		"FM, 5 kHz":  radio.FMBug(r, audio, audioRate, rate, -30, hz, 5e3),
		"FM, 20 kHz": radio.FMBug(r, audio, audioRate, rate, -30, hz, 20e3),
		"AM":         radio.AMBug(r, audio, audioRate, rate, -30, hz, 0.8),
	} {
		radio.Add(x, 0, radio.Noise(r, seconds, rate, noiseDB))
		found := final(mustNew(t, rate, Default), x)
		if len(found) != 1 || found[0].Kind != detect.NewEmitter || math.Abs(found[0].Hz-hz) > 2000 || math.Abs(found[0].LevelDB+30) > 3 {
			t.Errorf("%s: got %d findings, want one emitter at %.0f Hz of -30 dBFS", name, len(found), hz)
			tell(t, found)
		}
	}
}
