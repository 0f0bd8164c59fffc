// Package wavfile reads and writes WAV recordings: RIFF, RF64 and BW64 files with integer samples of 8, 16, 24
// or 32 bits or float samples of 32 or 64 bits.
//
//	"RIFF" size:4 "WAVE"              size, everywhere: little-endian, without the 8 bytes before its end
//	  "fmt " size:4 tag:2 channels:2 rate:4 bytes/s:4 bytes/frame:2 bits/sample:2 [22:2 valid:2 mask:4 GUID:16]
//	  …      size:4 …                 other chunks, anywhere; a chunk of odd size is followed by one byte
//	  "data" size:4 frames            0, 0xFFFFFFFF or 0x7FFFF000 from programs that could not seek: to the end
//
// In RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088) the data's size is in a "ds64" chunk before it. Layout after
// Microsoft's "Multiple Channel Audio Data and WAVE Files" (2007).
package wavfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"subrosa/drivers/audio"
	"subrosa/drivers/internal/frame"
)

// Reader is an audio.Source over a WAV recording. It allocates only when made.
type Reader struct {
	name   string // of the file, for errors; may be empty
	format audio.Format
	sample encoding
	frames *frame.Reader
	at     int64
	err    error // what ended the stream
}

// Open reads the header of the file at path. The error of an unreadable header names the file and says what
// is wrong with it.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("wavfile: %w", err)
	}
	r, err := open(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// New reads the header of the recording in r, which need not be seekable. Close closes r if it is an io.Closer.
func New(r io.Reader) (*Reader, error) { return open(r, "") }

func open(r io.Reader, name string) (*Reader, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, (&Reader{name: name}).wrap(err)
	}
	return &Reader{
		name:   name,
		format: h.format,
		sample: h.sample,
		frames: frame.NewReader(r, h.sample.size()*h.format.Channels, h.data),
	}, nil
}

// Format is what the header says.
func (r *Reader) Format() audio.Format { return r.format }

// Read implements audio.Source; it may fill less than dst. A file that ends inside a frame, or before its header says, ends with
// io.ErrUnexpectedEOF; NaN and infinities end it with audio.ErrNotFinite.
func (r *Reader) Read(dst []float32) (at int64, n int, err error) {
	at = r.at
	ch := r.format.Channels
	if len(dst) < ch {
		if len(dst) == 0 {
			return at, 0, nil
		}
		return at, 0, io.ErrShortBuffer
	}
	if r.err != nil {
		return at, 0, r.err
	}
	b, err := r.frames.Next(len(dst) / ch)
	if err != nil {
		if r.err = err; err != io.EOF {
			r.err = r.wrap(err)
		}
		return at, 0, r.err
	}
	n = len(b) / (r.sample.size() * ch)
	if bad := r.sample.decode(dst[:n*ch], b); bad >= 0 {
		n = bad / ch
		r.err = r.wrap(fmt.Errorf("%w (frame %d, channel %d)", audio.ErrNotFinite, at+int64(n), bad%ch+1))
	}
	r.at += int64(n)
	return at, n, r.err
}

// Close closes the file. A later Read fails with os.ErrClosed.
func (r *Reader) Close() error {
	return r.wrap(r.frames.Close())
}

// wrap names the file unless the error does so itself.
func (r *Reader) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case r.name == "":
		return fmt.Errorf("wavfile: %w", err)
	}
	return fmt.Errorf("wavfile: %s: %w", r.name, err)
}

// encoding is how one sample is stored. The values are widths in bytes, floats negative.
type encoding int

const (
	unsigned8 encoding = 1
	signed16  encoding = 2
	signed24  encoding = 3
	signed32  encoding = 4
	float32le encoding = -4
	float64le encoding = -8
)

func (e encoding) size() int { return max(int(e), -int(e)) }

// decode converts b, which holds len(dst) samples, and returns the index of the first that is not finite or
// -1. Integers map to [-1, 1).
func (e encoding) decode(dst []float32, b []byte) (bad int) {
	switch e {
	case unsigned8:
		for i, v := range b[:len(dst)] {
			dst[i] = float32(int(v)-128) * (1.0 / 128)
		}
	case signed16:
		decode16(dst, b)
	case signed24:
		for i := range dst {
			v := b[3*i : 3*i+3 : 3*i+3]
			dst[i] = float32(int32(v[0])<<8|int32(v[1])<<16|int32(v[2])<<24) * (1.0 / (1 << 31))
		}
	case signed32:
		for i := range dst {
			dst[i] = float32(int32(binary.LittleEndian.Uint32(b[4*i:]))) * (1.0 / (1 << 31))
		}
	case float32le:
		for i := range dst {
			u := binary.LittleEndian.Uint32(b[4*i:])
			if u&0x7f800000 == 0x7f800000 {
				return i
			}
			dst[i] = math.Float32frombits(u)
		}
	case float64le:
		for i := range dst {
			v := float32(math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])))
			if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
				return i // also what is beyond float32
			}
			dst[i] = v
		}
	}
	return -1
}

// decode16 takes four samples at a time, which halves the time of the commonest encoding.
func decode16(dst []float32, b []byte) {
	const scale = 1.0 / (1 << 15)
	for len(dst) >= 4 && len(b) >= 8 {
		u := binary.LittleEndian.Uint64(b)
		dst[0] = float32(int16(u)) * scale
		dst[1] = float32(int16(u>>16)) * scale
		dst[2] = float32(int16(u>>32)) * scale
		dst[3] = float32(int16(u>>48)) * scale
		dst, b = dst[4:], b[8:]
	}
	for i := range dst {
		dst[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) * scale
	}
}
