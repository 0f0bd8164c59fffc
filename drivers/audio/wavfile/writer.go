package wavfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"subrosa/drivers/audio"
)

// Sample is how a Writer stores samples.
type Sample int

const (
	PCM16   Sample = iota // rounded, clipped to full scale
	Float32               // as they are
)

// Writer writes a RIFF recording. It allocates only when made.
type Writer struct {
	w      io.Writer
	format audio.Format
	sample Sample
	buf    []byte
	data   int64 // bytes of frames so far
	err    error
}

// NewWriter writes the header of a recording to w, at its beginning. If w is an io.WriteSeeker the sizes are
// set by Close, otherwise they stay 0xFFFFFFFF, which readers take as "to the end".
func NewWriter(w io.Writer, f audio.Format, s Sample) (*Writer, error) {
	if f.Rate < 1 || f.Rate > maxRate || f.Channels < 1 || f.Channels > maxChannels {
		return nil, fmt.Errorf("wavfile: cannot write %d channels at %d frames/s", f.Channels, f.Rate)
	}
	if s != PCM16 && s != Float32 {
		return nil, fmt.Errorf("wavfile: no sample encoding %d", s)
	}
	out := &Writer{w: w, format: f, sample: s, buf: make([]byte, 0, 32<<10)}
	if _, err := w.Write(out.header(0xFFFFFFFF)); err != nil {
		return nil, fmt.Errorf("wavfile: %w", err)
	}
	return out, nil
}

func (w *Writer) width() int {
	if w.sample == Float32 {
		return 4
	}
	return 2
}

func (w *Writer) header(data uint32) []byte {
	le := binary.LittleEndian
	tag, align := uint16(tagPCM), w.width()*w.format.Channels
	if w.sample == Float32 {
		tag = tagFloat
	}
	riff := data
	if data != 0xFFFFFFFF {
		riff = data + 36
	}
	b := le.AppendUint32([]byte("RIFF"), riff)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, tag)
	b = le.AppendUint16(b, uint16(w.format.Channels))
	b = le.AppendUint32(b, uint32(w.format.Rate))
	b = le.AppendUint32(b, uint32(w.format.Rate*align))
	b = le.AppendUint16(b, uint16(align))
	b = le.AppendUint16(b, uint16(8*w.width()))
	b = append(b, "data"...)
	return le.AppendUint32(b, data)
}

// Write appends interleaved frames, full scale ±1. A sample that is not finite is refused.
func (w *Writer) Write(x []float32) error {
	if w.err != nil {
		return w.err
	}
	if len(x)%w.format.Channels != 0 {
		return fmt.Errorf("wavfile: %d samples are not whole frames of %d channels", len(x), w.format.Channels)
	}
	for len(x) > 0 && w.err == nil {
		n := min(len(x), cap(w.buf)/w.width())
		w.err = w.block(x[:n])
		x = x[n:]
	}
	return w.err
}

func (w *Writer) block(x []float32) error {
	le := binary.LittleEndian
	b := w.buf[:0]
	for _, v := range x {
		u := math.Float32bits(v)
		switch {
		case u&0x7f800000 == 0x7f800000:
			return fmt.Errorf("wavfile: %w (%v)", audio.ErrNotFinite, v)
		case w.sample == Float32:
			b = le.AppendUint32(b, u)
		default:
			s := math.RoundToEven(float64(v) * (1 << 15))
			b = le.AppendUint16(b, uint16(int16(min(max(s, math.MinInt16), math.MaxInt16))))
		}
	}
	n, err := w.w.Write(b)
	w.data += int64(n)
	if err != nil {
		return fmt.Errorf("wavfile: %w", err)
	}
	return nil
}

// Close writes the sizes into the header if the stream can be sought and the sizes fit. It does not close
// the stream.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("wavfile: writer is closed")
	s, ok := w.w.(io.WriteSeeker)
	if !ok || w.data > math.MaxUint32-64 {
		return nil
	}
	if _, err := s.Seek(0, io.SeekStart); err != nil {
		return nil // a pipe seen as a file: the header stays open-ended
	}
	if _, err := s.Write(w.header(uint32(w.data))); err != nil {
		return fmt.Errorf("wavfile: sizes: %w", err)
	}
	if _, err := s.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("wavfile: %w", err)
	}
	return nil
}
