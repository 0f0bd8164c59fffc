package sense

import (
	"context"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/dsp/chirp"
	"subrosa/dsp/detect"
	"subrosa/dsp/siggen"
	made "subrosa/dsp/siggen/sound"
	"subrosa/firmware/record"
)

var test48 = Chirp{LoHz: 2000, HiHz: 23_280, Millis: 1000, LevelDB: -20}

// played is what a microphone hears of a self-test: its own noise, and the sweep a second late, less what lies above cut.
func played(seconds, cut float64) []float32 {
	const rate = 48_000
	r := siggen.Rand(5)
	x := made.Microphone(r, seconds, rate)
	y := chirp.Sweep{Rate: rate, LoHz: 2000, HiHz: 23_280, Seconds: 1}.Samples()
	if cut > 0 {
		y = lowpassed(cut)
	}
	made.Add(x, rate, made.Scale(y, -50))
	return x
}

// lowpassed is a sweep that ends, with a fade, at cut.
func lowpassed(cut float64) []float32 {
	y := chirp.Sweep{Rate: 48_000, LoHz: 2000, HiHz: 23_280, Seconds: 1}
	x := y.Samples()
	zero, last := 0, float32(0)
	for i, v := range x { // the moment at which it passes cut, by its half waves
		if v < 0 != (last < 0) {
			if zero > 0 && 24_000/float64(i-zero) > cut {
				clear(x[i:])
				break
			}
			zero = i
		}
		last = v
	}
	return x
}

// hearingUnit is a sound pipeline with a self-test.
func hearingUnit(steps ...audiotest.Step) (*Pipeline[float32], *Hearing, *diary[float32]) {
	desk := NewDesk()
	h := NewHearing(desk, 48_000)
	p := &Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: 48_000, Channels: 1}, steps...), Rate: 48_000, Desk: desk, Own: h.Take}
	d := &diary[float32]{}
	p.Use([]detect.Detector[float32]{d})
	return p, h, d
}

// judge waits for the judgement of what was collected.
func judge(t *testing.T, h *Hearing) {
	t.Helper()
	h.mu.Lock()
	full := h.phase == judging
	h.mu.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	for full {
		h.mu.Lock()
		full = h.phase == judging
		h.mu.Unlock()
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, v := range h.x {
		if v != 0 {
			t.Fatal("a recording of the room is kept")
		}
	}
}

func TestHearing(t *testing.T) {
	parts := []int{record.Audible, record.Ultrasonic, record.Ultrasonic2, record.Ultrasonic3}
	tests := []struct {
		name   string
		steps  []audiotest.Step
		cancel bool
		want   [4]record.Share
	}{
		{"all is heard", []audiotest.Step{audiotest.Frames(played(6, 0)...)}, false, [4]record.Share{3, 3, 3, 0}},
		{"deaf above 10 kHz", []audiotest.Step{audiotest.Frames(played(6, 10_000)...)}, false, [4]record.Share{2, 0, 0, 0}},
		{"deaf", []audiotest.Step{audiotest.Frames(made.Microphone(siggen.Rand(1), 6, 48_000)...)}, false, [4]record.Share{0, 0, 0, 0}},
		{"masked", []audiotest.Step{audiotest.Frames(made.White(siggen.Rand(1), 6, 48_000, -10)...)}, false, [4]record.Share{2, 2, 2, 0}},
		{"a gap in the sweep", []audiotest.Step{audiotest.Frames(played(1.5, 0)...), audiotest.Gap(480), audiotest.Frames(played(6, 0)...)}, false, [4]record.Share{2, 2, 2, 0}},
		{"never played", []audiotest.Step{audiotest.Frames(made.Microphone(siggen.Rand(1), 6, 48_000)...)}, true, [4]record.Share{3, 3, 3, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, h, _ := hearingUnit(tt.steps...)
			if err := h.Begin(test48); err != nil {
				t.Fatal(err)
			}
			if err := p.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if tt.cancel {
				h.Cancel()
			}
			judge(t, h)
			p.Desk.Status()
			c := [8]record.Share{3, 3, 3, 0}
			p.Desk.proof.limit(&c)
			for i, part := range parts {
				if c[part] != tt.want[i] {
					t.Errorf("part %d: share %d, want %d of %v", part, c[part], tt.want[i], tt.want)
				}
			}
		})
	}
}

// TestOwnSoundIsNotLookedAt: detectors are not shown it, and the coverage says so.
func TestOwnSoundIsNotLookedAt(t *testing.T) {
	p, h, d := hearingUnit(audiotest.Frames(played(16, 0)...))
	if err := h.Begin(test48); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if hidden := 16*48_000 - d.total; hidden < 4*48_000 || hidden > 5*48_000 {
		t.Errorf("%d samples were hidden from the detector", hidden)
	}
	judge(t, h)
	if s := p.Desk.Status().Status; s.Coverage[record.Ultrasonic] != record.Most || s.Health&record.SoundGap != 0 {
		t.Errorf("coverage %v, health %b, want most of the time and no gap", s.Coverage, s.Health)
	}
}

// TestProofSurvivesMasking: what one test has shown another does not take back by noise, but by deafness.
func TestProofSurvivesMasking(t *testing.T) {
	d := NewDesk()
	bands := chirp.Bands(chirp.Sweep{Rate: 48_000, LoHz: 2000, HiHz: 23_280, Seconds: 1})
	file := func(v chirp.Verdict) record.Share {
		d.doubt(bands)
		for i := range bands {
			bands[i].Verdict = v
		}
		d.heard(bands)
		c := [8]record.Share{3, 3, 3, 3}
		d.proof.limit(&c)
		return c[record.Ultrasonic]
	}
	for i, tt := range []struct {
		v    chirp.Verdict
		want record.Share
	}{{chirp.Masked, record.Most}, {chirp.Heard, record.All}, {chirp.Masked, record.All}, {chirp.NotHeard, record.None}, {chirp.Masked, record.None}, {chirp.Heard, record.All}} {
		if got := file(tt.v); got != tt.want {
			t.Errorf("step %d, %v: share %d, want %d", i, tt.v, got, tt.want)
		}
	}
}

func TestHearingRefuses(t *testing.T) {
	_, h, _ := hearingUnit()
	for _, c := range []Chirp{{}, {LoHz: 2000, HiHz: 40_000, Millis: 1000, LevelDB: -20}} {
		if err := h.Begin(c); err == nil {
			t.Errorf("%+v was accepted at 48 kHz", c)
		}
	}
}

// TestGapsLowerCoverage follows what a microphone loses to overruns into the share of a status.
func TestGapsLowerCoverage(t *testing.T) {
	for _, tt := range []struct {
		lost float64 // part of the time
		want record.Share
	}{{0, record.All}, {0.02, record.All}, {0.1, record.Most}, {0.4, record.Most}, {0.6, record.Some}} {
		var steps []audiotest.Step
		for range 16 {
			gap := int64(tt.lost * 48_000)
			steps = append(steps, audiotest.Gap(gap), audiotest.Frames(hiss(48_000-int(gap))...))
		}
		p, _, _ := hearingUnit(append([]audiotest.Step{audiotest.Frames(0.1)}, steps...)...)
		if err := p.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		s := p.Desk.Status().Status
		if s.Coverage[record.Ultrasonic] != tt.want || s.Health&record.SoundGap != 0 != (tt.lost > 0) {
			t.Errorf("%.0f %% lost: coverage %d, health %b, want %d", 100*tt.lost, s.Coverage[record.Ultrasonic], s.Health, tt.want)
		}
	}
}
