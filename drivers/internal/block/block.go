// Package block frames samples on a one-way pipe between processes so that their stream index survives: the
// body that drivers/audio/pipe and drivers/sdr/pipe have in common.
//
//	at:8 count:4 frames…     a block: index of its first frame, how many follow; little-endian
//	at:8 0:4                 the end: at is the index after the last frame
//
// Blocks follow each other with rising indices; a jump is a gap. A pipe that is closed without the end
// is a writer that died.
package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
)

const (
	headerSize = 12
	bufferSize = 64 << 10 // a Linux pipe's, so one block is one write

	// maxFrames bounds a block's count. Nothing is ever allocated by it; a larger count is garbage.
	maxFrames = 1 << 20
)

// Decode converts the bytes of whole frames, len(dst) samples, and returns the index of the first sample that
// is not finite, or -1.
type Decode[S any] func(dst []S, b []byte) (bad int)

// Reader yields the frames of blocks. It allocates only when made.
type Reader[S any] struct {
	r         io.Reader
	width     int // samples a frame
	size      int // bytes a frame
	decode    Decode[S]
	notFinite error
	buf       []byte
	at        int64 // index of the next frame
	left      int   // frames left in the current block
	err       error // what ended the stream
	closed    atomic.Bool
}

// NewReader reads frames of width samples, size bytes; a sample that is not finite ends the stream with
// notFinite.
func NewReader[S any](r io.Reader, width, size int, d Decode[S], notFinite error) *Reader[S] {
	return &Reader[S]{r: r, width: width, size: size, decode: d, notFinite: notFinite,
		buf: make([]byte, max(bufferSize/size*size, size, headerSize))}
}

// Read fills dst with frames of one block and returns the index of the first and how many they are.
func (r *Reader[S]) Read(dst []S) (at int64, n int, err error) {
	switch {
	case r.closed.Load():
		return r.at, 0, os.ErrClosed
	case len(dst) == 0:
		return r.at, 0, nil
	case len(dst) < r.width:
		return r.at, 0, io.ErrShortBuffer
	case r.err == nil && r.left == 0:
		r.err = r.header()
	}
	at = r.at
	if r.err == nil {
		n, r.err = r.frames(dst)
		r.at += int64(n)
		r.left -= n
	}
	if n == 0 && r.closed.Load() {
		return at, 0, os.ErrClosed
	}
	return at, n, r.err
}

func (r *Reader[S]) header() error {
	b := r.buf[:headerSize]
	if _, err := io.ReadFull(r.r, b); err != nil {
		return unexpected(err)
	}
	at, count := int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])
	switch {
	case at < r.at || at > math.MaxInt64-maxFrames:
		return fmt.Errorf("block at frame %d after frame %d", at, r.at)
	case count > maxFrames:
		return fmt.Errorf("block of %d frames at frame %d, want at most %d", count, at, maxFrames)
	}
	r.at, r.left = at, int(count)
	if count == 0 {
		return io.EOF
	}
	return nil
}

func (r *Reader[S]) frames(dst []S) (n int, err error) {
	n = min(r.left, len(dst)/r.width, len(r.buf)/r.size)
	got, err := io.ReadFull(r.r, r.buf[:n*r.size])
	n = got / r.size
	if err != nil {
		err = unexpected(err)
	}
	if bad := r.decode(dst[:n*r.width], r.buf[:n*r.size]); bad >= 0 {
		n = bad / r.width
		err = fmt.Errorf("%w (frame %d)", r.notFinite, r.at+int64(n))
	}
	return n, err
}

// Close makes Read fail and closes the stream if that can be closed, which also ends a pending Read where
// the runtime polls the descriptor.
func (r *Reader[S]) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	if c, ok := r.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Encode converts whole frames to bytes, appended to b.
type Encode[S any] func(b []byte, x []S) []byte

// Writer writes frames as blocks. It allocates only when made.
type Writer[S any] struct {
	w      io.Writer
	width  int
	size   int
	encode Encode[S]
	buf    []byte
	at     int64 // index after the last frame
	err    error
}

// NewWriter writes frames of width samples, size bytes.
func NewWriter[S any](w io.Writer, width, size int, e Encode[S]) *Writer[S] {
	n := max((bufferSize-headerSize)/size, 1) * size
	return &Writer[S]{w: w, width: width, size: size, encode: e, buf: make([]byte, 0, headerSize+n)}
}

// Write writes the frames x, the first of which has the index at. Each Write to the stream is one block.
func (w *Writer[S]) Write(at int64, x []S) error {
	switch {
	case w.err != nil:
		return w.err
	case len(x)%w.width != 0:
		return fmt.Errorf("%d samples are not whole frames of %d", len(x), w.width)
	case at < w.at || at > math.MaxInt64-maxFrames-int64(len(x)):
		return fmt.Errorf("block at frame %d after frame %d", at, w.at)
	}
	w.at = at
	for len(x) > 0 && w.err == nil {
		n := min(len(x)/w.width, (cap(w.buf)-headerSize)/w.size)
		w.err = w.block(n, x[:n*w.width])
		w.at += int64(n)
		x = x[n*w.width:]
	}
	return w.err
}

func (w *Writer[S]) block(count int, x []S) error {
	b := binary.LittleEndian.AppendUint64(w.buf[:0], uint64(w.at))
	b = binary.LittleEndian.AppendUint32(b, uint32(count))
	_, err := w.w.Write(w.encode(b, x))
	return err
}

// Close writes the end. It does not close the stream.
func (w *Writer[S]) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("writer is closed")
	return w.block(0, nil)
}

// unexpected makes an end without the end block an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
