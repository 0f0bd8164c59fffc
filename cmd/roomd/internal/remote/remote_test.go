package remote

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
	"subrosa/firmware/clock"
)

// written is what came out.
type written struct {
	at  []int64
	x   []complex64
	err error // from the block on whose number is left
	n   int
}

func (w *written) Write(at int64, x []complex64) error {
	if w.err != nil && w.n == 0 {
		return w.err
	}
	w.n--
	w.at, w.x = append(w.at, at), append(w.x, x...)
	return nil
}

func receiver(open func(n int) (sdr.Source, error)) Receiver {
	calls := 0
	return Receiver{Rate: 1000, Clock: clock.Wall{}, Log: slog.New(slog.DiscardHandler), Open: func(context.Context) (sdr.Source, error) {
		calls++
		return open(calls)
	}}
}

// TestCallsAgain: the time in which nobody answers is a gap, and so is one that the driver reports.
func TestCallsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := receiver(func(n int) (sdr.Source, error) {
			switch n {
			case 1:
				return sdrtest.Play(sdr.Format{}, sdrtest.Samples(1, 2), sdrtest.Gap(10), sdrtest.Samples(3)), nil
			case 2:
				return nil, sdr.ErrAbsent
			case 3:
				return sdrtest.Play(sdr.Format{}, sdrtest.Samples(4), sdrtest.Fail(sdrtest.ErrUnplugged)), nil
			}
			return sdrtest.Play(sdr.Format{}, sdrtest.Stall()), nil
		})
		var w written
		ended := make(chan error)
		go func() { ended <- r.Play(ctx, &w) }()
		time.Sleep(time.Minute)
		cancel()
		if err := <-ended; err == nil {
			t.Error("no error after ctx ended")
		}
		if want := []int64{0, 12, 10_000}; !slices.Equal(w.at, want) || !slices.Equal(w.x, []complex64{1, 2, 3, 4}) {
			t.Errorf("got %v at %d, want blocks at %d", w.x, w.at, want)
		}
	})
}

// TestIndexNeverFallsBack: a server that sends faster than its rate is ahead of the clock when it is called again.
func TestIndexNeverFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := receiver(func(n int) (sdr.Source, error) {
			if n > 2 {
				return sdrtest.Play(sdr.Format{}, sdrtest.Stall()), nil
			}
			return sdrtest.Play(sdr.Format{}, sdrtest.Gap(20_000), sdrtest.Samples(1)), nil
		})
		var w written
		ended := make(chan error)
		go func() { ended <- r.Play(ctx, &w) }()
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if want := []int64{20_000, 40_001}; !slices.Equal(w.at, want) {
			t.Errorf("blocks at %d, want %d", w.at, want)
		}
	})
}

func TestSensorHasEnded(t *testing.T) {
	w := written{err: io.ErrClosedPipe, n: 1}
	r := receiver(func(int) (sdr.Source, error) {
		return sdrtest.Play(sdr.Format{}, sdrtest.Samples(1), sdrtest.Samples(2)), nil
	})
	if err := r.Play(t.Context(), &w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
	}
}
