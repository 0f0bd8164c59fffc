package audiotest

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"subrosa/drivers/audio"
)

// Tape is an audio.Sink that keeps what is played.
type Tape struct {
	format audio.Format

	mu     sync.Mutex
	played []float32
	fail   error
	left   int  // frames until it fails, or stalls
	faulty bool // left counts
	drains int

	once sync.Once
	done chan struct{}
}

// NewTape makes a Tape.
func NewTape(f audio.Format) *Tape { return &Tape{format: f, done: make(chan struct{})} }

// FailAfter makes the sink fail with err once it has played so many frames more; with nil it stalls.
func (t *Tape) FailAfter(frames int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left, t.fail, t.faulty = frames, err, true
}

// Played returns what was played, interleaved.
func (t *Tape) Played() []float32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.played)
}

// Drains returns how often somebody waited for the end.
func (t *Tape) Drains() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drains
}

// Format is what NewTape was given.
func (t *Tape) Format() audio.Format { return t.format }

var errHalf = errors.New("audiotest: part of a frame")

// Write implements audio.Sink.
func (t *Tape) Write(x []float32) (n int, err error) {
	if t.closed() {
		return 0, os.ErrClosed
	}
	if len(x)%t.format.Channels != 0 {
		return 0, errHalf
	}
	t.mu.Lock()
	n = len(x) / t.format.Channels
	stop := t.faulty && n > t.left
	if stop {
		n = t.left
	}
	t.left -= n
	t.played = append(t.played, x[:n*t.format.Channels]...)
	err = t.fail
	t.mu.Unlock()
	switch {
	case !stop:
		return n, nil
	case err == nil:
		<-t.done
		return n, os.ErrClosed
	}
	return n, err
}

// Drain implements audio.Sink.
func (t *Tape) Drain() error {
	if t.closed() {
		return os.ErrClosed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drains++
	if t.faulty && t.left == 0 {
		return t.fail
	}
	return nil
}

func (t *Tape) closed() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// Close ends a stalled Write. Closing again does nothing.
func (t *Tape) Close() error {
	t.once.Do(func() { close(t.done) })
	return nil
}

// RunSink checks the sinks that open makes: format, part frames, Drain, Close. hear, if there is a way to hear, returns
// what the sink last opened has played, or at least what begins with it.
func RunSink(t *testing.T, open func(testing.TB) audio.Sink, format audio.Format, hear func(testing.TB) []float32) {
	t.Run("format", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		if got := s.Format(); got != format {
			t.Errorf("got %+v, want %+v", got, format)
		}
	})
	t.Run("plays", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		x := make([]float32, format.Channels*format.Rate/10)
		for i := range x {
			x[i] = float32(i%100) / 200
		}
		for _, part := range [][]float32{x[:0], x[:3*format.Channels], x[3*format.Channels:]} {
			if n, err := s.Write(part); n != len(part)/format.Channels || err != nil {
				t.Fatalf("wrote %d of %d frames, %v", n, len(part)/format.Channels, err)
			}
		}
		if err := s.Drain(); err != nil {
			t.Fatal(err)
		}
		if hear == nil {
			return
		}
		if got := hear(t); len(got) < len(x) || !slices.Equal(got[:len(x)], x) {
			t.Errorf("%d samples were played, not those %d that were written", len(got), len(x))
		}
	})
	t.Run("part of a frame", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		if format.Channels == 1 {
			return
		}
		if n, err := s.Write(make([]float32, format.Channels+1)); n != 0 || err == nil {
			t.Errorf("took %d frames, %v, want an error", n, err)
		}
	})
	t.Run("closed", func(t *testing.T) {
		s := open(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
		if n, err := s.Write(make([]float32, format.Channels)); n != 0 || err == nil {
			t.Errorf("a write after Close: %d frames, %v", n, err)
		}
	})
}
