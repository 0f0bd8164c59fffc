package sense

import (
	"context"
	"math/rand/v2"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	sounds "subrosa/dsp/siggen/sound"
	"subrosa/firmware/detectors"
	"subrosa/firmware/record"
)

// beacon is a finding of 1 kHz around hz from start to end, seconds at 48 kHz.
func beacon(edge detect.Edge, track uint32, name string, hz, start, end, snr float64) detect.Detection {
	return detect.Detection{Kind: detect.UltrasonicBeacon, Name: name, Edge: edge, Track: track, Alarm: true, Hz: hz, BwHz: 1000,
		Start: int64(start * 48000), End: int64(end * 48000), SNRDB: snr}
}

func TestFusion(t *testing.T) {
	const up, gone = detect.Appeared, detect.Gone
	type step struct {
		channel int
		d       detect.Detection
		told    bool
	}
	for name, steps := range map[string][]step{
		"two channels, one finding": {
			{0, beacon(up, 1, "ggwave", 18000, 1, 2, 10), true}, {1, beacon(up, 1, "ggwave", 18010, 1, 2, 10), false},
			{0, beacon(gone, 1, "ggwave", 18000, 1, 3, 10), false}, {1, beacon(gone, 1, "ggwave", 18000, 1, 3.1, 10), true},
		},
		"a channel that does not know the name": {
			{1, beacon(up, 7, "unknown", 18000, 1, 2, 3), true}, {0, beacon(up, 1, "lisnr", 18200, 0.9, 2, 10), false},
			{1, beacon(gone, 7, "unknown", 18000, 1, 3, 3), false}, {0, beacon(gone, 1, "lisnr", 18000, 1, 3, 10), true},
		},
		"confirmed late by the other, when it is over": {
			{0, beacon(up, 1, "ggwave", 18000, 1, 2, 10), true}, {0, beacon(gone, 1, "ggwave", 18000, 1, 3, 10), true},
			{1, beacon(up, 1, "ggwave", 18000, 1.5, 3, 4), false}, {1, beacon(gone, 1, "ggwave", 18000, 1.5, 3, 4), false},
		},
		"another name is another finding": {
			{0, beacon(up, 1, "ggwave", 18000, 1, 2, 10), true}, {1, beacon(up, 1, "lisnr", 18000, 1, 2, 10), true},
		},
		"another band is another finding": {
			{0, beacon(up, 1, "ggwave", 18000, 1, 2, 10), true}, {1, beacon(up, 1, "ggwave", 20500, 1, 2, 10), true},
		},
		"the next of its kind is another finding": {
			{0, beacon(up, 1, "ggwave", 18000, 1, 2, 10), true}, {0, beacon(gone, 1, "ggwave", 18000, 1, 3, 10), true},
			{1, beacon(up, 1, "ggwave", 18000, 3.5, 4, 10), true}, {1, beacon(gone, 1, "ggwave", 18000, 3.5, 5, 10), true},
		},
		"what never appeared does not go": {{0, beacon(gone, 3, "ggwave", 18000, 1, 2, 10), false}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFusion(48000)
			var open = map[uint32]bool{}
			for i, s := range steps {
				got := f.take(nil, s.channel, s.d.End, []detect.Detection{s.d})
				if (len(got) == 1) != s.told {
					t.Fatalf("step %d: told %d, want %v", i, len(got), s.told)
				}
				for _, d := range got {
					if (d.Edge == up) == open[d.Track] {
						t.Errorf("step %d: %v of track %d", i, d.Edge, d.Track)
					}
					open[d.Track] = d.Edge == up
				}
			}
		})
	}
}

// TestFusionPairs: whatever channels say in whatever order, each finding told comes once and goes once, and nothing is
// kept for ever.
func TestFusionPairs(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := newFusion(48000)
		names := []string{"ggwave", "lisnr", "unknown"}
		var open []beaconOf
		told := map[uint32]int{}
		take := func(channel int, at float64, d detect.Detection) {
			for _, x := range f.take(nil, channel, int64(at*48000), []detect.Detection{d}) {
				if told[x.Track] += 1; told[x.Track] > 2 || (told[x.Track] == 2) != (x.Edge == detect.Gone) {
					t.Fatalf("seed %d: track %d: %v as number %d", seed, x.Track, x.Edge, told[x.Track])
				}
			}
		}
		at, track := 0.0, uint32(0)
		for range 300 {
			at += r.Float64()
			if len(open) > 0 && r.IntN(2) == 0 {
				i := r.IntN(len(open))
				o := open[i]
				o.d.Edge, o.d.End = detect.Gone, int64(at*48000)
				take(o.channel, at, o.d)
				open = append(open[:i], open[i+1:]...)
				continue
			}
			track++
			o := beaconOf{r.IntN(4), beacon(detect.Appeared, track, names[r.IntN(3)], 15000+r.Float64()*8000, at-r.Float64(), at, r.Float64()*20)}
			open = append(open, o)
			take(o.channel, at, o.d)
		}
		for _, o := range open {
			o.d.Edge, o.d.End = detect.Gone, int64(at*48000)
			take(o.channel, at, o.d)
		}
		for id, n := range told {
			if n != 2 {
				t.Errorf("seed %d: track %d was told %d times", seed, id, n)
			}
		}
		if f.forget(int64((at + keepSeconds + 1) * 48000)); len(f.open) != 0 {
			t.Errorf("seed %d: %d findings are kept for ever", seed, len(f.open))
		}
	}
}

type beaconOf struct {
	channel int
	d       detect.Detection
}

// TestEveryChannelIsHeard: a beacon that only the third of four microphones hears is found, and one that all hear is
// found once. The sounds are synthetic.
func TestEveryChannelIsHeard(t *testing.T) {
	const rate, channels, seconds = 48000, 4, 12
	for name, hearing := range map[string][]int{"the third alone": {2}, "all": {0, 1, 2, 3}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			r := siggen.Rand(31)
			m := sounds.GGWave(r, 8, sounds.GGWaveFast, true)
			wave := m.Render(r, rate)
			lo, hi := m.BandHz()
			sounds.SetLevel(wave, siggen.Level(14, sounds.Density(-70, rate), lo, hi, siggen.AcousticHz), m.On(rate)...)
			x := make([]float32, seconds*rate*channels)
			for c := range channels {
				one := sounds.White(r, seconds, rate, -70)
				for _, h := range hearing {
					if h == c {
						sounds.Add(one, 3*rate+37*c, wave)
					}
				}
				for i, v := range one {
					x[i*channels+c] = v
				}
			}
			desk := NewDesk()
			p := &Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: rate, Channels: channels}, audiotest.Frames(x...)), Rate: rate, Channels: channels, Desk: desk}
			p.Use(eachChannel(t, rate, channels)...)
			if err := p.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			var got []record.Finding
			for range 40 {
				if r := desk.Urgent(12, false); r.Type == record.Gone || r.Type == record.Appeared {
					got = append(got, r.Finding)
				}
			}
			if want := min(len(hearing), 1); len(got) != want {
				t.Fatalf("told %+v, want %d findings", got, want)
			}
			if len(got) == 1 && (got[0].Name != "ggwave" || !got[0].Alarm) {
				t.Errorf("told %+v", got[0])
			}
		})
	}
}

func eachChannel(t *testing.T, rate, channels int) (each [][]detect.Detector[float32]) {
	t.Helper()
	for range channels {
		ds, err := detectors.Build(detectors.Acoustic, nil, detectors.Stream{Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		each = append(each, ds)
	}
	return each
}

// TestDeadCapsule: one microphone of several that yields only zeros is said.
func TestDeadCapsule(t *testing.T) {
	for want, second := range map[uint16]float32{record.SoundOn: 0.1, record.SoundOn | record.SoundDead: 0} {
		desk := NewDesk()
		x := make([]float32, 2*4800)
		for i := range 4800 {
			x[2*i], x[2*i+1] = 0.1, second
		}
		p := &Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: 48000, Channels: 2}, audiotest.Frames(x...)), Rate: 48000, Channels: 2, Desk: desk}
		p.Use(nil, nil)
		if err := p.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := desk.Status().Status.Health &^ record.Restart; got != want {
			t.Errorf("second channel %v: health %b, want %b", second, got, want)
		}
	}
}
