package loudspeaker

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"
	"testing/synctest"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

var stereo = audio.Format{Rate: 48_000, Channels: 2}

// on returns a loudspeaker that plays onto a tape.
func on(t *testing.T, ceiling float64) (*Loudspeaker, *audiotest.Tape) {
	tape := audiotest.NewTape(stereo)
	l, err := New(func() (audio.Sink, error) { return tape, nil }, ceiling)
	if err != nil {
		t.Fatal(err)
	}
	return l, tape
}

// after strips the silence that comes first.
func after(t *testing.T, played []float32) []float32 {
	t.Helper()
	n := 2 * 48_000 / 4
	for _, v := range played[:n] {
		if v != 0 {
			t.Fatal("the lead is not silent")
		}
	}
	return played[n:]
}

func tone(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * 1000 * float64(i) / 48_000))
	}
	return x
}

// constant is the worst for clicks: it begins and ends at full scale.
func constant(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// steepest returns the greatest step between two frames, and the peak, of both channels.
func steepest(t *testing.T, x []float32) (step, peak float64) {
	before := float32(0)
	for i := 0; i < len(x); i += 2 {
		if x[i] != x[i+1] {
			t.Fatal("the channels differ")
		}
		step = max(step, math.Abs(float64(x[i]-before)))
		peak = max(peak, math.Abs(float64(x[i])))
		before = x[i]
	}
	return max(step, math.Abs(float64(before))), peak
}

func TestLevel(t *testing.T) {
	for _, level := range []float64{-12, -20, -60} {
		l, tape := on(t, CeilingDB)
		x := tone(4800)
		if err := l.Play(context.Background(), x, 48_000, level); err != nil {
			t.Fatal(err)
		}
		got := after(t, tape.Played())
		if len(got) != 2*len(x) || tape.Drains() != 1 {
			t.Fatalf("%d samples played, waited %d times", len(got), tape.Drains())
		}
		if _, peak := steepest(t, got); math.Abs(20*math.Log10(peak)-level) > 0.1 {
			t.Errorf("peak %.2f dBFS, want %g", 20*math.Log10(peak), level)
		}
	}
}

func TestCeiling(t *testing.T) {
	l, tape := on(t, -30)
	for _, level := range []float64{-29.9, 0, 20, math.NaN(), math.Inf(1)} {
		if err := l.Play(context.Background(), tone(480), 48_000, level); err == nil {
			t.Errorf("%g dBFS was played", level)
		}
	}
	for _, x := range [][]float32{{2}, {float32(math.NaN())}, {float32(math.Inf(-1))}} {
		if err := l.Play(context.Background(), x, 48_000, -30); err == nil {
			t.Errorf("%v was played", x)
		}
	}
	if n := len(tape.Played()); n != 0 {
		t.Errorf("%d samples were heard", n)
	}
	for _, c := range []float64{1, -91, math.NaN()} {
		if _, err := New(nil, c); err == nil {
			t.Errorf("a ceiling of %g was accepted", c)
		}
	}
}

func TestNoClicks(t *testing.T) {
	for _, n := range []int{1, 2, 100, 479, 4800} {
		l, tape := on(t, 0)
		if err := l.Play(context.Background(), constant(n), 48_000, 0); err != nil {
			t.Fatal(err)
		}
		// Half a cosine over 5 ms rises by at most π/2 in 240 steps.
		if step, _ := steepest(t, after(t, tape.Played())); n >= 480 && step > math.Pi/2/240+1e-4 {
			t.Errorf("%d frames: a step of %.4f", n, step)
		}
		if len(after(t, tape.Played())) != 2*n {
			t.Errorf("%d frames: %d samples", n, len(tape.Played()))
		}
	}
}

// stopping cancels after some writes.
type stopping struct {
	*audiotest.Tape
	left   int
	cancel func()
}

func (s *stopping) Write(x []float32) (int, error) {
	if s.left--; s.left == 0 {
		s.cancel()
	}
	return s.Tape.Write(x)
}

// TestCancelled: it ends at once, in a ramp.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stopping{audiotest.NewTape(stereo), 4, cancel}
	l, err := New(func() (audio.Sink, error) { return s, nil }, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Play(ctx, constant(48_000), 48_000, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	got := after(t, s.Played())
	if n := len(got) / 2; n != 3*960+240 {
		t.Errorf("%d frames were played", n)
	}
	if step, _ := steepest(t, got); step > math.Pi/2/240+1e-4 {
		t.Errorf("a step of %.4f", step)
	}
	if err := l.Play(ctx, constant(10), 48_000, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("begun though cancelled: %v", err)
	}
}

func TestFaults(t *testing.T) {
	l, _ := on(t, 0)
	if err := l.Play(context.Background(), tone(480), 44_100, 0); err == nil {
		t.Error("played at another rate")
	}
	l, tape := on(t, 0)
	tape.FailAfter(13_000, audiotest.ErrUnplugged)
	if err := l.Play(context.Background(), tone(4800), 48_000, 0); !errors.Is(err, audiotest.ErrUnplugged) {
		t.Errorf("got %v, want %v", err, audiotest.ErrUnplugged)
	}
	l, err := New(func() (audio.Sink, error) { return nil, audio.ErrAbsent }, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Play(context.Background(), tone(480), 48_000, 0); !errors.Is(err, audio.ErrAbsent) {
		t.Errorf("got %v, want %v", err, audio.ErrAbsent)
	}
}

// TestComesBack: a device that was pulled out in the middle is found again by the next sound.
func TestComesBack(t *testing.T) {
	tapes := []*audiotest.Tape{audiotest.NewTape(stereo), audiotest.NewTape(stereo)}
	tapes[0].FailAfter(100, audiotest.ErrUnplugged)
	n := 0
	l, err := New(func() (audio.Sink, error) { n++; return tapes[n-1], nil }, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Play(context.Background(), tone(480), 48_000, 0); err == nil {
		t.Error("a device that was pulled out played on")
	}
	if err := l.Play(context.Background(), tone(480), 48_000, 0); err != nil || len(after(t, tapes[1].Played())) != 960 {
		t.Errorf("got %v, %d samples", err, len(tapes[1].Played()))
	}
	if _, err := tapes[0].Write([]float32{0, 0}); !errors.Is(err, os.ErrClosed) {
		t.Error("the device that failed was left open")
	}
}

// TestOneAtATime: two sounds are not mixed.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := audiotest.NewTape(stereo)
		stalled.FailAfter(0, nil)
		opens := 0
		l, err := New(func() (audio.Sink, error) { opens++; return stalled, nil }, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			go l.Play(context.Background(), tone(480), 48_000, 0)
		}
		synctest.Wait()
		if opens != 1 {
			t.Errorf("%d devices are open", opens)
		}
		stalled.Close()
		synctest.Wait()
	})
}
