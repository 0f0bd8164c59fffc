// Package audio is the contract of everything that yields sound, microphones and recordings, and of what plays it.
package audio

import (
	"errors"
	"io"
)

// ErrAbsent is wrapped by an opening function when the hardware, or the support for it in this build, is not
// here: skip it and report it. Any other error means that it is here and broken.
var ErrAbsent = errors.New("audio: absent")

// Format says how to read the samples of a Source, and how to lay out those for a Sink.
type Format struct {
	Rate     int // frames per second
	Channels int // interleaved, ≥ 1
}

// Source yields sound, full scale ±1.
//
// Read fills dst, whose length is a multiple of Channels, with interleaved frames, and returns the stream
// index of the first frame and the number of frames read. The index counts frames lost to overruns, so a gap
// is visible in the data. Like io.Reader it may fill less than dst, and return n > 0 with an error; io.EOF
// ends a recording. Frames returned before io.ErrUnexpectedEOF (a truncated recording) or ErrNotFinite are
// good. Close unblocks a pending Read; a Read after it fails. audiotest checks all this.
type Source interface {
	Format() Format
	Read(dst []float32) (at int64, n int, err error)
	io.Closer
}

// Sink plays sound, full scale ±1: a loudspeaker.
//
// Write waits until it has taken x, interleaved frames, and returns how many frames it has taken; fewer only with an
// error. What follows one Write at once is played without a break. Drain returns when what was written has been played. Close falls silent
// at once and unblocks a pending Write; a Write after it fails. A Sink plays whatever it is given: whether the room may
// hear anything now is for the caller to decide, and how loud, package loudspeaker sees to. audiotest checks all this.
type Sink interface {
	Format() Format
	Write(x []float32) (n int, err error)
	Drain() error
	io.Closer
}
