// Package pipe carries radio samples one way from one process to another: roomd reads a recording or a
// development source and the sealed sensor takes it from a descriptor.
//
//	"srradio1" rate:4 centre:8       once, little-endian; centre is a float64 in Hz, 0 = not known
//	at:8 count:4 samples…            a block: index of its first sample, samples that follow, each I, Q float32
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

	"subrosa/drivers/internal/block"
	"subrosa/drivers/sdr"
)

const magic = "srradio1"

// What a header may claim.
const (
	maxRate   = 1_000_000_000
	maxCentre = 1e12
)

// Reader is an sdr.Source at the receiving end.
type Reader struct {
	format sdr.Format
	blocks *block.Reader[complex64]
}

// New waits for the header on r. Close closes r if it is an io.Closer.
func New(r io.Reader) (*Reader, error) {
	var b [20]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("sdr/pipe: header: %w", err)
	}
	if string(b[:8]) != magic {
		return nil, fmt.Errorf("sdr/pipe: starts with %q, want %q", b[:8], magic)
	}
	f := sdr.Format{
		Rate:   int(binary.LittleEndian.Uint32(b[8:])),
		Centre: math.Float64frombits(binary.LittleEndian.Uint64(b[12:])),
	}
	if !plausible(f) {
		return nil, fmt.Errorf("sdr/pipe: header says %d samples/s at %g Hz", f.Rate, f.Centre)
	}
	return &Reader{f, block.NewReader(r, 1, 8, decode, sdr.ErrNotFinite)}, nil
}

// plausible is false for NaN, too.
func plausible(f sdr.Format) bool {
	return f.Rate >= 1 && f.Rate <= maxRate && f.Centre >= 0 && f.Centre <= maxCentre
}

// Format is what the writer said.
func (r *Reader) Format() sdr.Format { return r.format }

// Read implements sdr.Source; it returns samples of one block at a time.
func (r *Reader) Read(dst []complex64) (at int64, n int, err error) {
	at, n, err = r.blocks.Read(dst)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("sdr/pipe: %w", err)
	}
	return at, n, err
}

// Close closes the pipe. A later Read fails with os.ErrClosed.
func (r *Reader) Close() error { return r.blocks.Close() }

// Writer is the sending end.
type Writer struct{ blocks *block.Writer[complex64] }

// NewWriter writes the header to w.
func NewWriter(w io.Writer, f sdr.Format) (*Writer, error) {
	if !plausible(f) {
		return nil, fmt.Errorf("sdr/pipe: cannot carry %d samples/s at %g Hz", f.Rate, f.Centre)
	}
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(f.Rate))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f.Centre))
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("sdr/pipe: header: %w", err)
	}
	return &Writer{block.NewWriter(w, 1, 8, encode)}, nil
}

// Write sends samples, the first of which has the index at: as a Source's Read returned them.
func (w *Writer) Write(at int64, x []complex64) error {
	if err := w.blocks.Write(at, x); err != nil {
		return fmt.Errorf("sdr/pipe: %w", err)
	}
	return nil
}

// Close says that the recording has ended. It does not close the pipe; closing that without Close says
// that something broke.
func (w *Writer) Close() error {
	if err := w.blocks.Close(); err != nil {
		return fmt.Errorf("sdr/pipe: %w", err)
	}
	return nil
}

func decode(dst []complex64, b []byte) (bad int) {
	const exponents = 0x7f800000<<32 | 0x7f800000
	for i := range dst {
		u := binary.LittleEndian.Uint64(b[8*i:])
		if x := u & exponents; x>>32 == 0x7f800000 || uint32(x) == 0x7f800000 {
			return i
		}
		dst[i] = complex(math.Float32frombits(uint32(u)), math.Float32frombits(uint32(u>>32)))
	}
	return -1
}

func encode(b []byte, x []complex64) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(real(v)))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(imag(v)))
	}
	return b
}
