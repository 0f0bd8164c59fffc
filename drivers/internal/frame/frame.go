// Package frame cuts a stream of bytes into whole frames of one fixed size: the part that all uncompressed
// recordings, of sound and of radio, have in common.
package frame

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
)

// Unbounded as a limit reads until the stream ends.
const Unbounded = -1

// bufferSize is large enough that a system call's cost vanishes and small enough to stay in a core's cache.
const bufferSize = 64 << 10

// Reader yields whole frames from a stream. It allocates only when made.
type Reader struct {
	r      io.Reader
	size   int
	left   int64 // bytes, or Unbounded
	buf    []byte
	pos    int // buf[pos:end] is read but not handed out
	end    int
	err    error // what the stream ended with
	closed atomic.Bool
}

// NewReader cuts r into frames of size bytes. At most limit bytes belong to the frames (Unbounded: all); a
// stream that ends before is truncated.
func NewReader(r io.Reader, size int, limit int64) *Reader {
	n := max(bufferSize/size, 1) * size
	return &Reader{r: r, size: size, left: limit, buf: make([]byte, n)}
}

// Next returns between 1 and most whole frames, valid until the next call, or an error: io.EOF after the last
// frame, io.ErrUnexpectedEOF if the stream ends inside a frame or before its limit, os.ErrClosed after Close.
func (r *Reader) Next(most int) ([]byte, error) {
	if r.closed.Load() {
		return nil, os.ErrClosed
	}
	if r.end-r.pos < r.size {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	n := min((r.end-r.pos)/r.size, most) * r.size
	b := r.buf[r.pos : r.pos+n]
	r.pos += n
	return b, nil
}

// fill reads until the buffer holds at least one frame. It does not wait for more than that, so a frame from
// a live stream is not held back.
func (r *Reader) fill() error {
	r.end = copy(r.buf, r.buf[r.pos:r.end])
	r.pos = 0
	for r.end < r.size && r.err == nil {
		room := r.buf[r.end:]
		if r.left >= 0 && int64(len(room)) > r.left {
			room = room[:r.left]
		}
		if len(room) == 0 {
			r.err = io.EOF
			break
		}
		n, err := r.r.Read(room)
		r.end += n
		if r.left >= 0 {
			r.left -= int64(n)
		}
		r.err = err
		if r.closed.Load() {
			return os.ErrClosed
		}
	}
	switch {
	case r.end >= r.size:
		return nil
	case errors.Is(r.err, io.EOF) && r.end == 0 && r.left <= 0:
		return io.EOF
	case errors.Is(r.err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return r.err
}

// Close makes Next fail and closes the stream if that can be closed, which also ends a pending Next where
// the stream is a pipe or a device. Closing again does nothing.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	if c, ok := r.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
