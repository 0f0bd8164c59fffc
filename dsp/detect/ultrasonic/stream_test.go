package ultrasonic_test

import (
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// longMessage repeats a scheme's message for seconds.
func longMessage(name string, seconds float64) sound.Message {
	r := siggen.Rand(5)
	for _, s := range sound.Schemes() {
		if s.Name == name {
			return s.Message(r, seconds)
		}
	}
	panic(name)
}

// TestAlreadyPlaying starts amid a beacon: there is no learning phase to hide in.
func TestAlreadyPlaying(t *testing.T) {
	const rate = 48000
	for _, name := range []string{"google-nearby", "lisnr", "silverpush", "shopkick", "sonitalk", "signal360", "sonarax"} {
		x := onAir(longMessage(name, 8), 3, rate, 0, 0, -70, 6)
		x = x[rate/3:] // amid a symbol
		d := detector(t, rate)
		var found []detect.Detection
		heard := 0
		for ; heard < len(x) && len(found) == 0; heard += 480 {
			found = d.Detect(found, int64(heard), x[heard:min(heard+480, len(x))])
		}
		if seconds := float64(heard) / rate; len(found) == 0 || seconds > 3 {
			t.Errorf("%s playing at start-up: heard %.1f s, want a finding in 3 s; got%s", name, seconds, show(found, rate))
		}
	}
}

// TestExtent holds start and end of clear transmissions against the truth.
func TestExtent(t *testing.T) {
	const rate, lead = 48000, 0.9
	check := func(name string, m sound.Message) {
		x := onAir(m, 3, rate, lead, 3, -70, 20)
		bs := beacons(listen(t, rate, x))
		if len(bs) != 1 {
			t.Errorf("%s: got %d beacons, want 1%s", name, len(bs), show(bs, rate))
			return
		}
		from, to := float64(bs[0].Start)/rate-lead, float64(bs[0].End)/rate-lead-m.Seconds()
		if from < -0.05 || from > 0.1 || to < -0.1 || to > 0.1 {
			t.Errorf("%s: starts %+.3f s, ends %+.3f s off the truth, want within 0.1 s", name, from, to)
		}
		least := 17.0
		if name == "sonitalk" { // sixteen tones 100 Hz apart leave no clear floor between them
			least = 13
		}
		if snr := bs[0].SNRDB; snr < least || snr > 23 {
			t.Errorf("%s: SNR %.1f dB, want 20 ± 3", name, snr)
		}
	}
	for _, s := range sound.Schemes() {
		check(s.Name, s.Message(siggen.Rand(11), 2))
	}
	for _, speed := range []int{sound.GGWaveNormal, sound.GGWaveFast, sound.GGWaveFastest} {
		check("ggwave", sound.GGWave(siggen.Rand(12), 12, speed, true))
	}
}

// TestOneFindingPerTransmission hears two transmissions half a minute apart, and one that goes on for a minute.
func TestOneFindingPerTransmission(t *testing.T) {
	const rate = 48000
	m := longMessage("silverpush", 2)
	x := append(onAir(m, 1, rate, 1, 28, -70, 10), onAir(m, 2, rate, 1, 10, -70, 10)...)
	if bs := beacons(listen(t, rate, x)); len(bs) != 2 {
		t.Errorf("two transmissions: got %d beacons%s", len(bs), show(bs, rate))
	}
	long := longMessage("silverpush", 60)
	if bs := beacons(listen(t, rate, onAir(long, 3, rate, 1, 5, -70, 10))); len(bs) != 1 {
		t.Errorf("a minute of one transmission: got %d beacons%s", len(bs), show(bs, rate))
	}
}

// TestSteadyTone reports lines as what they are, without an alarm, and never as a beacon.
func TestSteadyTone(t *testing.T) {
	for _, tt := range []struct {
		rate int
		hz   float64
		db   float64
	}{
		{44100, 15625, -50}, {48000, 15625, -40}, {48000, 19000, -60}, {48000, 22000, -10}, {96000, 25000, -30},
		{96000, 39000, -30}, {192000, 32768, -45}, {48000, 18000, 0},
	} {
		rate := float64(tt.rate)
		r := siggen.Rand(9)
		x := sound.White(r, 8, rate, -75)
		sound.Add(x, int(rate/2), sound.Tone(r, 6.5, rate, tt.db, tt.hz))
		found := listen(t, tt.rate, x)
		if len(found) != 2 {
			t.Errorf("%.0f Hz at %d: want one tone, appeared and gone; got%s", tt.hz, tt.rate, show(found, tt.rate))
			continue
		}
		for _, f := range found {
			if f.Kind != detect.UltrasonicTone || f.Alarm || f.Name != "" {
				t.Errorf("%.0f Hz at %d: got%s", tt.hz, tt.rate, show(found, tt.rate))
			}
		}
		last := found[1]
		if d := last.Hz - tt.hz; d < -10 || d > 10 {
			t.Errorf("%.0f Hz at %d: reported at %.1f Hz", tt.hz, tt.rate, last.Hz)
		}
		if d := last.LevelDB - tt.db; d < -2 || d > 2 {
			t.Errorf("%.0f Hz at %d: level %.1f dBFS, want %.1f", tt.hz, tt.rate, last.LevelDB, tt.db)
		}
		if seconds := float64(last.End-last.Start) / rate; seconds < 6.2 || seconds > 6.8 {
			t.Errorf("%.0f Hz at %d: lasts %.2f s, want 6.5", tt.hz, tt.rate, seconds)
		}
	}
}

// TestSteadyTones has six lines at once, as a rack of power supplies makes, and a transmission amid them.
func TestSteadyTones(t *testing.T) {
	const rate = 48000
	r := siggen.Rand(2)
	x := sound.White(r, 12, rate, -75)
	for _, hz := range []float64{15625, 16900, 17333, 19000, 20480, 22050} {
		sound.Add(x, 0, sound.Tone(r, 12, rate, -50, hz))
	}
	found := listen(t, rate, x)
	if len(alarms(found)) > 0 || len(found) != 12 {
		t.Errorf("six lines: want six tones, no alarm; got%s", show(found, rate))
	}
	m := longMessage("sonitalk", 2)
	sound.Add(x, 6*rate, sound.SetLevel(m.Render(r, rate), -50, m.On(rate)...))
	if bs := beacons(listen(t, rate, x)); len(bs) != 1 {
		t.Errorf("a transmission amid six lines: got %d beacons%s", len(bs), show(bs, rate))
	}
}

// TestBesideLoud finds a transmission 40 dB below a steady line.
func TestBesideLoud(t *testing.T) {
	const rate = 48000
	r := siggen.Rand(4)
	m := longMessage("silverpush", 2)
	x := onAir(m, 1, rate, 2, 2, -75, 15)
	level := siggen.Level(15, sound.Density(-75, rate), 18000, 20000, siggen.AcousticHz)
	sound.Add(x, 0, sound.Tone(r, 6, rate, level+40, 16500))
	if bs := beacons(listen(t, rate, x)); len(bs) != 1 || bs[0].Name != "silverpush" {
		t.Errorf("beside a line 40 dB above: got%s", show(bs, rate))
	}
}

// TestGain holds that the volume at which a microphone is set does not matter above its own noise.
func TestGain(t *testing.T) {
	const rate = 48000
	m := longMessage("lisnr", 2)
	for _, db := range []float64{-20, 0, 20, 40} {
		x := sound.Scale(onAir(m, 1, rate, 0.5, 3, -70, 8), db)
		if bs := beacons(listen(t, rate, x)); len(bs) != 1 || bs[0].Name != "lisnr" {
			t.Errorf("gain %+.0f dB: got%s", db, show(bs, rate))
		}
	}
}

// TestAudibleTransmission stays silent on data over sound that people hear.
func TestAudibleTransmission(t *testing.T) {
	const rate = 48000
	for seed := range uint64(6) {
		r := siggen.Rand(seed)
		m := sound.GGWave(r, 12, []int{3, 6, 9}[seed%3], false)
		x := sound.White(r, m.Seconds()+2, rate, -75)
		sound.Add(x, rate, sound.SetLevel(m.Render(r, rate), []float64{-30, -15}[seed%2], m.On(rate)...))
		if found := listen(t, rate, x); len(alarms(found)) > 0 {
			t.Errorf("audible transmission: got%s", show(found, rate))
		}
	}
}
