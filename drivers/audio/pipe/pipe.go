// Package pipe carries sound one way from one process to another: roomd reads a recording or a development
// source and the sealed sensor takes it from a descriptor.
//
//	"srsound1" rate:4 channels:4     once, little-endian
//	at:8 count:4 frames…             a block: index of its first frame, frames that follow, each channels float32
//	at:8 0:4                         the end of the recording
//
// A jump of the index is a gap. A pipe closed without the end is a writer that died: io.ErrUnexpectedEOF.
// So that Close unblocks Read, the descriptor must be in non-blocking mode before os.NewFile sees it.
package pipe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"subrosa/drivers/audio"
	"subrosa/drivers/internal/block"
)

const magic = "srsound1"

// What a header may claim.
const (
	maxRate     = 32_000_000
	maxChannels = 1024
)

// Reader is an audio.Source at the receiving end.
type Reader struct {
	format audio.Format
	blocks *block.Reader[float32]
}

// New waits for the header on r. Close closes r if it is an io.Closer.
func New(r io.Reader) (*Reader, error) {
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("audio/pipe: header: %w", err)
	}
	if string(b[:8]) != magic {
		return nil, fmt.Errorf("audio/pipe: starts with %q, want %q", b[:8], magic)
	}
	rate, channels := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if rate < 1 || rate > maxRate || channels < 1 || channels > maxChannels {
		return nil, fmt.Errorf("audio/pipe: header says %d channels at %d frames/s", channels, rate)
	}
	f := audio.Format{Rate: int(rate), Channels: int(channels)}
	return &Reader{f, block.NewReader(r, f.Channels, 4*f.Channels, decode, audio.ErrNotFinite)}, nil
}

// Format is what the writer said.
func (r *Reader) Format() audio.Format { return r.format }

// Read implements audio.Source; it returns frames of one block at a time.
func (r *Reader) Read(dst []float32) (at int64, n int, err error) {
	at, n, err = r.blocks.Read(dst)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("audio/pipe: %w", err)
	}
	return at, n, err
}

// Close closes the pipe. A later Read fails with os.ErrClosed.
func (r *Reader) Close() error { return r.blocks.Close() }

// Writer is the sending end.
type Writer struct{ blocks *block.Writer[float32] }

// NewWriter writes the header to w.
func NewWriter(w io.Writer, f audio.Format) (*Writer, error) {
	if f.Rate < 1 || f.Rate > maxRate || f.Channels < 1 || f.Channels > maxChannels {
		return nil, fmt.Errorf("audio/pipe: cannot carry %d channels at %d frames/s", f.Channels, f.Rate)
	}
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(f.Rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Channels))
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("audio/pipe: header: %w", err)
	}
	return &Writer{block.NewWriter(w, f.Channels, 4*f.Channels, encode)}, nil
}

// Write sends interleaved frames, the first of which has the index at: as a Source's Read returned them.
func (w *Writer) Write(at int64, x []float32) error {
	if err := w.blocks.Write(at, x); err != nil {
		return fmt.Errorf("audio/pipe: %w", err)
	}
	return nil
}

// Close says that the recording has ended. It does not close the pipe; closing that without Close says
// that something broke.
func (w *Writer) Close() error {
	if err := w.blocks.Close(); err != nil {
		return fmt.Errorf("audio/pipe: %w", err)
	}
	return nil
}

func decode(dst []float32, b []byte) (bad int) {
	for i := range dst {
		u := binary.LittleEndian.Uint32(b[4*i:])
		if u&0x7f800000 == 0x7f800000 {
			return i
		}
		dst[i] = math.Float32frombits(u)
	}
	return -1
}

func encode(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}
