package ultrasonic_test

import (
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// TestInnocentSounds hears at least ten minutes of synthetic sounds that resemble beacons, at the three usual
// rates, and five hours at four rates every night, and must not raise an alarm.
func TestInnocentSounds(t *testing.T) {
	const scene = 10.0 // s
	rounds, rates := 2, []float64{44100, 48000, 96000}
	switch ultrasonic.Length() {
	case ultrasonic.Brief:
		rounds, rates = 1, rates[1:2]
	case ultrasonic.Nightly:
		rounds, rates = 30, append(rates, 192000)
	}
	total := 0.0
	for _, in := range sound.Innocents() {
		heard, events := 0.0, 0
		for _, rate := range rates {
			if rate < in.MinRate {
				continue
			}
			for round := range rounds {
				seed := uint64(1000*round) + uint64(rate)
				found := listen(t, int(rate), in.Make(siggen.Rand(seed), scene, rate))
				heard += scene
				if loud := alarms(found); len(loud) > 0 {
					events++
					t.Errorf("%s, seed %d at %.0f samples/s: want no alarm, got%s", in.Name, seed, rate, show(loud, int(rate)))
				}
			}
		}
		t.Logf("%-24s %4.0f s: %d scenes with alarms", in.Name, heard, events)
		total += heard
	}
	t.Logf("%.2f h of synthetic sounds", total/3600)
	if total < 600 && ultrasonic.Length() != ultrasonic.Brief {
		t.Errorf("only %.0f s heard, want 600 or more", total)
	}
}

// TestInnocentMixture has everything at once, one after the other without a pause, as a long recording has.
func TestInnocentMixture(t *testing.T) {
	const rate = 48000
	d := detector(t, rate)
	r := siggen.Rand(77)
	at := 0
	for range min(3, 1+2*int(ultrasonic.Length())) {
		for _, in := range sound.Innocents() {
			if rate < in.MinRate {
				continue
			}
			x := in.Make(r, 4, rate)
			sound.Clip(x)
			for _, f := range d.Detect(nil, int64(at), x) {
				if f.Alarm && f.Edge == detect.Appeared {
					t.Errorf("%s amid others: want no alarm, got%s", in.Name, show([]detect.Detection{f}, rate))
				}
			}
			at += len(x)
		}
	}
}
