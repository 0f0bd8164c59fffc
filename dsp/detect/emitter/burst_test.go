package emitter

import (
	"math"
	"math/rand/v2"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
)

const (
	noiseDB = -50.0
	early   = 0.005 * rate // how far start and end may be off, samples
)

// matches reports whether the findings are exactly one burst per span, start and end within 5 ms.
func matches(found []detect.Detection, want []siggen.Span) bool {
	if len(found) != len(want) {
		return false
	}
	for i, f := range found {
		if f.Kind != detect.Burst || math.Abs(float64(f.Start)-float64(want[i].From)) > early || math.Abs(float64(f.End)-float64(want[i].To)) > early {
			return false
		}
	}
	return true
}

func tell(t *testing.T, found []detect.Detection) {
	t.Helper()
	for _, f := range found {
		t.Logf("   %v %.4f to %.4f s at %.0f Hz, %.0f Hz wide, %.1f dBFS, SNR %.1f dB, alarm %v", f.Kind,
			float64(f.Start)/rate, float64(f.End)/rate, f.Hz, f.BwHz, f.LevelDB, f.SNRDB, f.Alarm)
	}
}

// TestBurstTrains: one finding per transmission, with its times, by SNR: mean power of the transmission, its pauses
// between pulses included, over the noise in its occupied bandwidth (99 %).
func TestBurstTrains(t *testing.T) {
	makers := map[string]func(r *rand.Rand, seconds, db, hz float64) []complex64{"ook": ook, "fsk": fsk}
	for _, tt := range []struct {
		maker string
		snr   float64
		least int // of trials
	}{
		{"ook", -3, 0}, {"ook", 0, 0}, {"ook", 3, 0}, {"ook", 6, 18}, {"ook", 10, 20}, {"ook", 20, 20}, {"ook", 40, 20},
		{"fsk", -3, 0}, {"fsk", 0, 0}, {"fsk", 3, 0}, {"fsk", 6, 18}, {"fsk", 10, 20}, {"fsk", 20, 20}, {"fsk", 40, 20},
	} {
		trials := fewer(20)
		good := 0
		for seed := range uint64(trials) {
			r := siggen.Rand(100 + seed)
			hz := siggen.Between(r, 10e3, 90e3)
			if r.IntN(2) == 0 {
				hz = -hz
			}
			burst := makers[tt.maker](r, siggen.Between(r, 0.03, 0.12), -20, hz)
			lo, hi := radio.OccupiedHz(burst, rate, 0.99)
			radio.SetLevel(burst, siggen.Level(tt.snr, radio.Density(noiseDB, rate), lo, hi, 1))
			x, spans := radio.Train{Repeats: 3, Pause: siggen.Between(r, 0.04, 0.2)}.Lay(burst, siggen.Between(r, 0.1, 0.3), 1.2, rate)
			radio.Add(x, 0, radio.Noise(r, 1.2, rate, noiseDB))
			found := final(mustNew(t, rate, Default), x)
			if matches(found, spans) {
				good++
			} else if tt.least > 0 {
				t.Logf("%s %g dB, seed %d: %d transmissions at %.0f Hz: %v", tt.maker, tt.snr, seed, len(spans), hz, spans)
				tell(t, found)
			}
		}
		t.Logf("measured: %s at %g dB: %d of %d trains whole, start and end within 5 ms", tt.maker, tt.snr, good, trials)
		if good*20 < tt.least*trials {
			t.Errorf("%s at %g dB: %d of %d trains, want at least %d of 20", tt.maker, tt.snr, good, trials, tt.least)
		}
	}
}

// TestJoin: silence up to 15 ms does not end a burst, 30 ms do.
func TestJoin(t *testing.T) {
	for _, tt := range []struct {
		pause float64
		want  int
	}{{0.002, 1}, {0.008, 1}, {0.012, 1}, {0.015, 1}, {0.022, 2}, {0.030, 2}, {0.1, 2}} {
		for _, maker := range []func(*rand.Rand, float64, float64, float64) []complex64{ook, fsk} {
			for seed := range uint64(fewer(8)) {
				r := siggen.Rand(seed)
				burst := maker(r, 0.05, -20, 30e3)
				x, spans := radio.Train{Repeats: 2, Pause: tt.pause}.Lay(burst, 0.2, 0.8, rate)
				radio.Add(x, 0, radio.Noise(r, 0.8, rate, noiseDB))
				if tt.want == 1 {
					spans = []siggen.Span{{From: spans[0].From, To: spans[1].To}}
				}
				if found := final(mustNew(t, rate, Default), x); !matches(found, spans) {
					t.Errorf("pause of %g ms, seed %d: got %d findings, want %d with their times", 1000*tt.pause, seed, len(found), tt.want)
					tell(t, found)
				}
			}
		}
	}
}

// TestImage: the receiver's mirror image of a burst is not told, another burst at that place is.
func TestImage(t *testing.T) {
	for _, rejection := range []float64{15, 20, 25, 30} {
		for seed := range uint64(5) {
			r := siggen.Rand(seed)
			x := radio.Noise(r, 0.8, rate, -70)
			burst := ook(r, 0.08, -15, 45e3)
			at := rate / 5
			radio.Add(x, at, burst)
			x = radio.Image(x, rejection)
			found := final(mustNew(t, rate, Default), x)
			if !matches(found, []siggen.Span{{From: at, To: at + len(burst)}}) || math.Abs(found[0].Hz-45e3) > 3e3 {
				t.Errorf("image %g dB down, seed %d: got %d findings, want the burst alone", rejection, seed, len(found))
				tell(t, found)
			}
			other := ook(r, 0.05, -20, -45e3)
			radio.Add(x, rate/2, other)
			if found := final(mustNew(t, rate, Default), x); len(found) != 2 || math.Abs(found[1].Hz+45e3) > 3e3 {
				t.Errorf("image %g dB down, seed %d: got %d findings, want 2: a later burst at -45 kHz is real", rejection, seed, len(found))
				tell(t, found)
			}
		}
	}
}

// TestTwoAtOnce: transmissions far apart in frequency are told apart.
func TestTwoAtOnce(t *testing.T) {
	r := siggen.Rand(8)
	x := radio.Noise(r, 0.8, rate, noiseDB)
	radio.Add(x, 50_000, ook(r, 0.1, -20, 95e3))
	radio.Add(x, 60_000, ook(r, 0.1, -22, -40e3))
	found := final(mustNew(t, rate, Default), x)
	if len(found) != 2 || math.Abs(found[0].Hz-95e3) > 5e3 == (math.Abs(found[0].Hz+40e3) > 5e3) {
		t.Errorf("got %d findings, want one at 95 and one at -40 kHz", len(found))
		tell(t, found)
	}
}

// TestGapEndsABurst: where samples were lost, a burst ends, and what follows is another.
func TestGapEndsABurst(t *testing.T) {
	r := siggen.Rand(9)
	x := radio.Noise(r, 0.8, rate, noiseDB)
	radio.Add(x, 50_000, ook(r, 0.3, -20, 30e3)) // to sample 125 000
	d := mustNew(t, rate, Default)
	const lost = 1_000_000
	found := d.Detect(nil, 0, x[:90_000])
	found = d.Detect(found, 90_000+lost, x[90_000:])
	found = d.Detect(found, 0, nil)
	var spans []siggen.Span
	for _, f := range found {
		if f.Edge == detect.Gone {
			spans = append(spans, siggen.Span{From: int(f.Start), To: int(f.End)})
		}
	}
	want := []siggen.Span{{From: 50_000, To: 90_000}, {From: 90_000 + lost, To: 125_000 + lost}}
	if len(spans) != 2 {
		t.Fatalf("got %v, want %v", spans, want)
	}
	for i := range want {
		if math.Abs(float64(spans[i].From-want[i].From)) > early || math.Abs(float64(spans[i].To-want[i].To)) > early {
			t.Errorf("got %v, want %v ± 5 ms", spans[i], want[i])
		}
	}
}

// TestBurstFigures: frequency, level and SNR are those of the signal.
func TestBurstFigures(t *testing.T) {
	for seed := range uint64(5) {
		r := siggen.Rand(40 + seed)
		hz := siggen.Between(r, 10e3, 100e3)
		x := radio.Noise(r, 0.6, rate, noiseDB)
		radio.Add(x, 50_000, radio.Carrier(r, 0.1, rate, -25, hz, 0)) // on all the while
		c := Default
		c.Centre = 868.3e6
		found := final(mustNew(t, rate, c), x)
		if len(found) != 1 {
			t.Fatalf("seed %d: got %d findings, want 1", seed, len(found))
		}
		f := found[0]
		if math.Abs(f.Hz-hz) > 500 || f.Name != "ism868" || f.Alarm || f.Confidence != 1 || f.Pfa != c.Pfa {
			t.Errorf("seed %d: got %+v, want ism868 at %.0f Hz without alarm", seed, f, hz)
		}
		if f.Statistic < f.Threshold || f.SNRDB < 20 {
			t.Errorf("seed %d: statistic %.1f, threshold %.1f, SNR %.1f dB", seed, f.Statistic, f.Threshold, f.SNRDB)
		}
		t.Logf("measured: carrier of -25 dBFS told as %.1f dBFS", f.LevelDB)
		if math.Abs(f.LevelDB+25) > 3 {
			t.Errorf("seed %d: level %.1f dBFS, want -25 ± 3", seed, f.LevelDB)
		}
	}
}
