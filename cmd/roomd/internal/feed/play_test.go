package feed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/wavfile"
	"subrosa/firmware/clock"
)

// wav writes a recording of n frames that count up.
func wav(t *testing.T, rate, channels, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := make([]float32, n*channels)
	for i := range x {
		x[i] = float32(i/channels%100) / 128
	}
	w, err := wavfile.NewWriter(f, audio.Format{Rate: rate, Channels: channels}, wavfile.Float32)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(x), w.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSoundLoads(t *testing.T) {
	c := clock.Wall{}
	path := wav(t, 16000, 2, 1000)
	p, err := Sound(Programme{Rate: 48000, Items: []Item{{File: path, GainDB: -20}}}, c, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.items[0].x); n != 3000 {
		t.Errorf("%d samples, want three times 1000 of the first channel", n)
	}
	if got, want := p.items[0].x[150], float32(50.0/1280); got < want-0.005 || got > want+0.005 {
		t.Errorf("sample 150 is %g, want about %g", got, want)
	}
	for want, pr := range map[string]Programme{
		"rate 0":            {Items: []Item{{File: path}}},
		"no/such.wav":       {Rate: 48000, Items: []Item{{File: "no/such.wav"}}},
		"do not divide":     {Rate: 44100, Items: []Item{{File: path}}},
		"from -3601 s":      {Rate: 48000, Items: []Item{{File: path, At: -3601}}},
		"until 2 s":         {Rate: 48000, Items: []Item{{File: path, At: 3, Until: 2}}},
		"every -5 s":        {Rate: 48000, Items: []Item{{File: path, Every: -5}}},
		"want some at 8000": {Rate: 8000, Items: []Item{{File: wav(t, 8000, 1, 0)}}},
	} {
		if _, err := Sound(pr, c, time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// sink takes down what was written when, at 1000 samples a second, with indices from the programme's start.
type sink struct {
	at    []int64
	times []time.Time
	n     int
	pause map[int]time.Duration // before the n-th block is taken
	until int
}

var errFull = errors.New("full")

func (s *sink) Write(at int64, x []float32) error {
	<-time.After(s.pause[len(s.at)]) // the bubble's time
	s.at, s.times, s.n = append(s.at, at-earliest*1000), append(s.times, time.Now()), len(x)
	if len(s.at) == s.until {
		return errFull
	}
	return nil
}

// TestPlayKeepsStep: blocks come when their samples have been heard, by the unit's clock, whenever it is begun; a reader
// that was away too long sees a gap.
func TestPlayKeepsStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, speed = 1000, 10
		start := time.Now()
		c := clock.Scenario{Epoch: start, Start: start, Speed: speed}
		p := &Player[float32]{rate: rate, clock: c, start: start}
		time.Sleep(time.Second) // ten seconds of the scenario: a sensor that comes late
		s := &sink{until: 100, pause: map[int]time.Duration{50: time.Second}}
		if err := p.Play(t.Context(), s); !errors.Is(err, errFull) {
			t.Errorf("got %v, want %v", err, errFull)
		}
		if s.at[0] != 10*rate || s.n != 40 {
			t.Errorf("begins at %d with blocks of %d, want at %d with 40", s.at[0], s.n, 10*rate)
		}
		gaps := 0
		for i := range s.at {
			heard := time.Duration(s.at[i]+int64(s.n)) * time.Second / rate / speed
			if early := heard - s.times[i].Sub(start); early > time.Millisecond {
				t.Fatalf("block %d comes %v early", i, early)
			}
			if i > 0 && s.at[i] != s.at[i-1]+int64(s.n) {
				gaps++
			}
		}
		if gaps != 1 {
			t.Errorf("%d gaps, want the one in which the reader was away for ten seconds", gaps)
		}
	})
}

func TestPlayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		p := &Player[float32]{rate: 1000, clock: clock.Wall{}, start: time.Now()}
		s := &sink{}
		if err := p.Play(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if len(s.at) < 24 || len(s.at) > 25 {
			t.Errorf("%d blocks in a second, want 25 of 40 ms", len(s.at))
		}
	})
}
