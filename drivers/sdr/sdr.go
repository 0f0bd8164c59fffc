// Package sdr is the contract of everything that yields radio samples: receivers and recordings.
package sdr

import (
	"errors"
	"io"
)

// ErrAbsent is wrapped by an opening function when the receiver, or the support for it in this build, is not
// here: skip it and report it. Any other error means that it is here and broken.
var ErrAbsent = errors.New("sdr: absent")

// Format says how to read the samples of a Source.
type Format struct {
	Rate   int     // complex samples per second
	Centre float64 // Hz the receiver is tuned to; 0 = not known
}

// Source yields complex baseband samples, full scale |I|, |Q| ≤ 1.
//
// Read fills dst and returns the stream index of the first sample and the number of samples read. The index
// counts samples lost, so a gap is visible in the data. Like io.Reader it may fill less than dst, and return
// n > 0 with an error; io.EOF ends a recording; samples returned before io.ErrUnexpectedEOF (a truncated
// recording) or ErrNotFinite are good. Close unblocks a pending Read; a Read after it fails. Recordings as
// floats may exceed full scale. sdrtest checks all this.
type Source interface {
	Format() Format
	Read(dst []complex64) (at int64, n int, err error)
	io.Closer
}
