// Package flacfile reads FLAC recordings (RFC 9639): up to 8 channels, 4 to 32 bits. Frames are decoded by
// github.com/mewkiz/flac, which allocates for every one and, where its header says 24 or 176.4 kHz, writes a
// line to the standard logger.
package flacfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/mewkiz/flac/frame"

	"subrosa/drivers/audio"
)

// Reader is an audio.Source over a FLAC recording.
type Reader struct {
	name   string // of the file, for errors; may be empty
	info   streamInfo
	in     io.Reader
	frames *bufio.Reader // of in, behind the header
	block  *frame.Frame
	pos    int // frames of block handed out
	at     int64
	err    error // what ended the stream
	closed atomic.Bool
}

// Open reads the header of the file at path. The error of an unreadable header names the file and says what
// is wrong with it.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("flacfile: %w", err)
	}
	r, err := open(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// New reads the header of the recording in r. Close closes r if it is an io.Closer.
func New(r io.Reader) (*Reader, error) { return open(r, "") }

func open(in io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, in: in, frames: bufio.NewReaderSize(in, 32<<10)}
	var err error
	if r.info, err = readHeader(r.frames); err != nil {
		return nil, r.wrap(fmt.Errorf("header: %w", err))
	}
	return r, nil
}

// Format is what the header says.
func (r *Reader) Format() audio.Format { return r.info.format }

// Read implements audio.Source; it may fill less than dst. A file that ends inside a frame, or before its
// header says, ends with io.ErrUnexpectedEOF; a damaged frame ends it with another error.
func (r *Reader) Read(dst []float32) (at int64, n int, err error) {
	at = r.at
	ch := r.info.format.Channels
	switch {
	case r.closed.Load():
		return at, 0, r.wrap(os.ErrClosed)
	case len(dst) == 0:
		return at, 0, nil
	case len(dst) < ch:
		return at, 0, io.ErrShortBuffer
	}
	if r.err == nil && (r.block == nil || r.pos == int(r.block.BlockSize)) {
		r.next()
	}
	if r.err != nil {
		return at, 0, r.err
	}
	n = min(len(dst)/ch, int(r.block.BlockSize)-r.pos)
	scale := 1 / float32(uint64(1)<<(r.info.bits-1))
	for c, sub := range r.block.Subframes {
		for i, v := range sub.Samples[r.pos : r.pos+n] {
			dst[i*ch+c] = float32(v) * scale
		}
	}
	r.pos += n
	r.at += int64(n)
	return at, n, nil
}

// next decodes the next block or sets r.err.
func (r *Reader) next() {
	err := contain(r.decode)
	done := r.info.total > 0 && uint64(r.at) >= r.info.total
	switch {
	case err == nil:
	case r.closed.Load():
		r.err = r.wrap(os.ErrClosed)
	case done && (errors.Is(err, io.EOF) || errors.Is(err, frame.ErrInvalidSync)):
		r.err = io.EOF // tags of other formats follow some files
	case errors.Is(err, io.EOF) && r.info.total == 0:
		r.err = io.EOF
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.err = r.wrap(io.ErrUnexpectedEOF)
	default:
		r.err = r.wrap(fmt.Errorf("after frame %d: %w", r.at, err))
	}
}

func (r *Reader) decode() error {
	f, err := frame.New(r.frames)
	if err != nil {
		return err
	}
	if f.BitsPerSample == 0 { // "see the file's header", which the library does not do
		f.BitsPerSample = r.info.bits
	}
	switch {
	case f.BitsPerSample != r.info.bits || f.Channels.Count() != r.info.format.Channels ||
		f.SampleRate != 0 && int(f.SampleRate) != r.info.format.Rate:
		return fmt.Errorf("format changes to %d channels of %d bits at %d Hz",
			f.Channels.Count(), f.BitsPerSample, f.SampleRate)
	case f.BlockSize == 0: // 65536 in the library's 16 bits
		return errors.New("blocks of 65536 frames are not read")
	case r.info.bits == 32 && f.Channels >= frame.ChannelsLeftSide:
		return errors.New("side channels of 33 bits are not read")
	}
	if err := f.Parse(); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	for c, sub := range f.Subframes {
		if len(sub.Samples) != int(f.BlockSize) {
			return fmt.Errorf("channel %d has %d of %d samples", c+1, len(sub.Samples), f.BlockSize)
		}
	}
	r.block, r.pos = f, 0
	return nil
}

// contain turns a panic into an error. The library indexes and shifts by numbers from the file in places it
// does not check, and one hostile recording must not end a program that has others to read.
func contain(decode func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoder gave up: %v", p)
		}
	}()
	return decode()
}

// Close closes the file. A later Read fails with os.ErrClosed.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	if c, ok := r.in.(io.Closer); ok {
		return r.wrap(c.Close())
	}
	return nil
}

// wrap names the file unless it has no name.
func (r *Reader) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case r.name == "":
		return fmt.Errorf("flacfile: %w", err)
	}
	return fmt.Errorf("flacfile: %s: %w", r.name, err)
}
