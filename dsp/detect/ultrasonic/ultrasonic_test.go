package ultrasonic_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/dsp/detect/detecttest"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/sound"
)

// detector returns a detector with the default configuration.
func detector(t testing.TB, rate int) *ultrasonic.Detector {
	t.Helper()
	d, err := ultrasonic.New(rate, ultrasonic.Default)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// listen returns everything that is found in x.
func listen(t testing.TB, rate int, x []float32) []detect.Detection {
	t.Helper()
	d := detector(t, rate)
	var found []detect.Detection
	at := 0
	for ; at < len(x); at += 4096 {
		found = d.Detect(found, int64(at), x[at:min(len(x), at+4096)])
	}
	found = d.Detect(found, int64(len(x)), nil)
	for _, f := range found {
		for _, v := range []float64{f.Hz, f.BwHz, f.LevelDB, f.SNRDB, f.Statistic, f.Threshold, f.Confidence} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("figure that is no number: %+v", f)
				break
			}
		}
	}
	return found
}

// beacons returns what is known of each beacon at its end.
func beacons(found []detect.Detection) (ended []detect.Detection) {
	for _, f := range found {
		if f.Kind == detect.UltrasonicBeacon && f.Edge == detect.Gone {
			ended = append(ended, f)
		}
	}
	return ended
}

// alarms returns the findings that would disturb a session.
func alarms(found []detect.Detection) (loud []detect.Detection) {
	for _, f := range found {
		if f.Alarm {
			loud = append(loud, f)
		}
	}
	return loud
}

// show lists findings, times in seconds.
func show(found []detect.Detection, rate int) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "\n  %v %v %s track %d %.2f…%.2f s %.0f Hz bw %.0f level %.1f snr %.1f stat %.1f thr %.1f conf %.2f alarm %v",
			f.Edge, f.Kind, f.Name, f.Track, float64(f.Start)/float64(rate), float64(f.End)/float64(rate), f.Hz, f.BwHz,
			f.LevelDB, f.SNRDB, f.Statistic, f.Threshold, f.Confidence, f.Alarm)
	}
	if b.Len() == 0 {
		return "\n  nothing"
	}
	return b.String()
}

// onAir returns noise of noiseDB dBFS in 0…rate/2 with the message, snr dB over it, from lead seconds on.
func onAir(m sound.Message, seed uint64, rate, lead, tail, noiseDB, snr float64) []float32 {
	r := siggen.Rand(seed)
	lo, hi := m.BandHz()
	x := m.Render(r, rate)
	sound.SetLevel(x, siggen.Level(snr, sound.Density(noiseDB, rate), lo, hi, siggen.AcousticHz), m.On(rate)...)
	y := sound.White(r, lead+m.Seconds()+tail, rate, noiseDB)
	sound.Add(y, int(lead*rate), x)
	return y
}

func TestConformance(t *testing.T) {
	const rate = 48000
	r := siggen.Rand(1)
	schemes := sound.Schemes()
	silverpush := schemes[4].Message(r, 1)
	ggwave := sound.GGWave(r, 9, sound.GGWaveFast, true)
	tone := sound.Tone(r, 4.5, rate, -45, 17777)
	sound.Add(tone, 0, sound.White(r, 4.5, rate, -70))
	detecttest.Run(t, func() detect.Detector[float32] { return detector(t, rate) }, [][]float32{
		onAir(silverpush, 2, rate, 0.5, 3.5, -70, 12),
		onAir(ggwave, 3, rate, 0, 0, -70, 12), // begins and ends amid the stream
		tone,
	})
}

func TestRates(t *testing.T) {
	for _, rate := range []int{8000, 16000, 22050, 24000, 31000} {
		d, err := ultrasonic.New(rate, ultrasonic.Default)
		if err == nil || d != nil {
			t.Errorf("New(%d) = %v, %v; want an error", rate, d, err)
			continue
		}
		if got := err.Error(); !strings.Contains(got, "ultrasonic: ") || !strings.Contains(got, fmt.Sprint(rate)) {
			t.Errorf("New(%d): error %q, want package and rate named", rate, got)
		}
	}
	for _, rate := range []int{0, -1, math.MinInt, 10_000_000, math.MaxInt} {
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("New(%d) panicked: %v", rate, p)
				}
			}()
			if _, err := ultrasonic.New(rate, ultrasonic.Default); err == nil {
				t.Errorf("New(%d): no error", rate)
			}
		}()
	}
	for _, rate := range []int{44100, 48000, 88200, 96000, 176400, 192000} {
		d := detector(t, rate)
		c := d.Coverage()
		if want := min(0.49*float64(rate), ultrasonic.Default.HiHz); math.Abs(c.HiHz-want) > 100 {
			t.Errorf("coverage at %d ends at %.0f Hz, want %.0f", rate, c.HiHz, want)
		}
		if c.LoHz > 15000 || len(c.Cannot) == 0 {
			t.Errorf("coverage at %d: %+v, want from 15 kHz on and something it cannot see", rate, c)
		}
	}
}

func TestBadConfig(t *testing.T) {
	for name, change := range map[string]func(*ultrasonic.Config){
		"pfa 0":         func(c *ultrasonic.Config) { c.Pfa = 0 },
		"pfa 1":         func(c *ultrasonic.Config) { c.Pfa = 1 },
		"pfa NaN":       func(c *ultrasonic.Config) { c.Pfa = math.NaN() },
		"cell 0":        func(c *ultrasonic.Config) { c.PfaCell = 0 },
		"cell 1":        func(c *ultrasonic.Config) { c.PfaCell = 1 },
		"lo NaN":        func(c *ultrasonic.Config) { c.LoHz = math.NaN() },
		"lo negative":   func(c *ultrasonic.Config) { c.LoHz = -5 },
		"hi below lo":   func(c *ultrasonic.Config) { c.HiHz = 12000 },
		"hi NaN":        func(c *ultrasonic.Config) { c.HiHz = math.NaN() },
		"floor NaN":     func(c *ultrasonic.Config) { c.FloorDB = math.NaN() },
		"tone after 0":  func(c *ultrasonic.Config) { c.ToneAfter = 0 },
		"tone SNR NaN":  func(c *ultrasonic.Config) { c.MinToneSNR = math.NaN() },
		"zero value":    func(c *ultrasonic.Config) { *c = ultrasonic.Config{} },
		"lo in the top": func(c *ultrasonic.Config) { c.LoHz = 23900 },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("New with %s panicked: %v", name, p)
				}
			}()
			c := ultrasonic.Default
			change(&c)
			if _, err := ultrasonic.New(48000, c); err == nil {
				t.Errorf("New with %s: no error", name)
			}
		})
	}
}
