// Package sourcetest has the common half of drivers/audio/audiotest and drivers/sdr/sdrtest: a fake source
// that follows a script, and the checks every source must pass. A frame is width samples of type S.
package sourcetest

import (
	"io"
	"os"
	"sync"
)

// Step is one thing a scripted source does.
type Step[S any] struct {
	Frames []S   // yields these
	Gap    int64 // loses so many frames
	Stall  bool  // delivers nothing until it is closed
	Err    error // fails from here on, in the same Read as the frames before
}

// Script is a source that does what its steps say and then ends with io.EOF.
type Script[S any] struct {
	width int

	mu    sync.Mutex
	steps []Step[S]
	at    int64
	err   error

	once sync.Once
	done chan struct{}
}

// NewScript makes a source of frames of width samples.
func NewScript[S any](width int, steps []Step[S]) *Script[S] {
	return &Script[S]{width: width, steps: append([]Step[S](nil), steps...), done: make(chan struct{})}
}

// Read does the next step. It returns frames of one step at a time, so it may fill less than dst.
func (s *Script[S]) Read(dst []S) (at int64, n int, err error) {
	select {
	case <-s.done:
		return s.index(), 0, os.ErrClosed
	default:
	}
	switch {
	case len(dst) == 0:
		return s.index(), 0, nil
	case len(dst) < s.width:
		return s.index(), 0, io.ErrShortBuffer
	}
	at, n, stall, err := s.step(dst)
	if stall {
		<-s.done
		return at, 0, os.ErrClosed
	}
	return at, n, err
}

func (s *Script[S]) index() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *Script[S]) step(dst []S) (at int64, n int, stall bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && n == 0 {
		if len(s.steps) == 0 {
			s.err = io.EOF
			break
		}
		now := &s.steps[0]
		if now.Stall {
			return s.at, 0, true, nil
		}
		s.at += now.Gap
		now.Gap = 0
		s.err = now.Err
		at = s.at
		n = copy(dst[:len(dst)/s.width*s.width], now.Frames) / s.width
		now.Frames = now.Frames[n*s.width:]
		s.at += int64(n)
		if len(now.Frames) < s.width {
			s.steps = s.steps[1:]
			if len(s.steps) > 0 && s.steps[0].Err != nil {
				s.err = s.steps[0].Err
			}
		}
	}
	if n == 0 {
		at = s.at
	}
	return at, n, false, s.err
}

// Close ends a stalled Read. Closing again does nothing.
func (s *Script[S]) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}
