package audiotest

import (
	"errors"
	"os"
	"slices"
	"testing"

	"subrosa/drivers/audio"
)

func TestTapeConforms(t *testing.T) {
	var tape *Tape
	RunSink(t, func(testing.TB) audio.Sink { tape = NewTape(stereo); return tape }, stereo, func(testing.TB) []float32 { return tape.Played() })
	if tape.Drains() != 0 {
		t.Error("the last tape was never waited for")
	}
}

func TestTapeFails(t *testing.T) {
	tape := NewTape(stereo)
	tape.FailAfter(2, ErrUnplugged)
	n, err := tape.Write([]float32{1, 2, 3, 4, 5, 6})
	if n != 2 || !errors.Is(err, ErrUnplugged) || !slices.Equal(tape.Played(), []float32{1, 2, 3, 4}) {
		t.Errorf("%d frames, %v, played %v", n, err, tape.Played())
	}
	if err := tape.Drain(); !errors.Is(err, ErrUnplugged) {
		t.Errorf("drain: %v", err)
	}
}

func TestTapeStalls(t *testing.T) {
	tape := NewTape(stereo)
	tape.FailAfter(1, nil)
	ended := make(chan error)
	go func() {
		_, err := tape.Write(make([]float32, 8))
		ended <- err
	}()
	tape.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a stalled write ended with %v", err)
	}
}

// TestDeviceComesAndGoes: unplugged in the middle of a read, looked for in vain, an overrun after its return.
func TestDeviceComesAndGoes(t *testing.T) {
	d := NewDevice(stereo, In(Frames(1, 2, 3, 4), Fail(ErrUnplugged)), Out(), In(Frames(5, 6), Gap(480), Frames(7, 8), Stall()))
	src, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 8)
	if _, n, err := src.Read(x); n != 2 || !errors.Is(err, ErrUnplugged) {
		t.Errorf("got %d frames, %v, want 2 and the end", n, err)
	}
	if _, n, err := src.Read(x); n != 0 || !errors.Is(err, ErrUnplugged) {
		t.Errorf("after the end %d frames, %v", n, err)
	}
	if _, err := d.Open(); !errors.Is(err, audio.ErrAbsent) {
		t.Errorf("pulled out: %v, want %v", err, audio.ErrAbsent)
	}
	for range 2 { // the last one stays
		if src, err = d.Open(); err != nil {
			t.Fatal(err)
		}
		if at, n, err := src.Read(x); at != 0 || n != 1 || x[0] != 5 || err != nil {
			t.Errorf("back: %d frames at %d, %v", n, at, err)
		}
		if at, n, err := src.Read(x); at != 481 || n != 1 || err != nil {
			t.Errorf("after the overrun: %d frames at %d, %v", n, at, err)
		}
		src.Close()
	}
	if d.Opens() != 4 {
		t.Errorf("looked for %d times", d.Opens())
	}
}
