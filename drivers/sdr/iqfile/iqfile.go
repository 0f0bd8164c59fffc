// Package iqfile reads bare radio recordings: interleaved I and Q without any header, so what they are
// sampled at and tuned to has to be known from elsewhere.
//
//	cu8   I:1 Q:1 unsigned, middle 127.5, full scale 127.5   (rtl_sdr, rtl_433)
//	cs8   I:1 Q:1 two's complement, full scale 128           (hackrf_transfer)
//	cs16  I:2 Q:2 little-endian two's complement, full scale 32768
//	cf32  I:4 Q:4 little-endian IEEE 754, nominally ±1, not clipped here
package iqfile

import (
	"fmt"
	"io"
	"os"

	"subrosa/drivers/internal/frame"
	"subrosa/drivers/sdr"
)

// Encoding is how one complex sample is stored.
type Encoding int

const (
	CU8 Encoding = iota + 1
	CS8
	CS16
	CF32
)

// Bytes returns the size of one complex sample. It panics for an encoding that is none of those above.
func (e Encoding) Bytes() int {
	switch e {
	case CU8, CS8:
		return 2
	case CS16:
		return 4
	case CF32:
		return 8
	}
	panic(fmt.Sprintf("iqfile: no encoding %d", int(e)))
}

func (e Encoding) String() string {
	switch e {
	case CU8:
		return "cu8"
	case CS8:
		return "cs8"
	case CS16:
		return "cs16"
	case CF32:
		return "cf32"
	}
	return fmt.Sprintf("iqfile.Encoding(%d)", int(e))
}

// ParseEncoding is the inverse of Encoding.String; ok is false for any other name.
func ParseEncoding(name string) (e Encoding, ok bool) {
	for e := CU8; e <= CF32; e++ {
		if e.String() == name {
			return e, true
		}
	}
	return 0, false
}

// Reader is an sdr.Source over a bare recording. It allocates only when made.
type Reader struct {
	name     string // of the file, for errors; may be empty
	format   sdr.Format
	encoding Encoding
	samples  *frame.Reader
	at       int64
	err      error // what ended the stream
}

// Open reads the file at path. A rate below 1 is refused with sdr.ErrNoRate.
func Open(path string, e Encoding, f sdr.Format) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("iqfile: %w", err)
	}
	r, err := New(file, e, f)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("iqfile: %s: %w", path, err)
	}
	r.name = path
	return r, nil
}

// New reads samples from r to its end. Close closes r if it is an io.Closer.
func New(r io.Reader, e Encoding, f sdr.Format) (*Reader, error) {
	if f.Rate < 1 {
		return nil, sdr.ErrNoRate
	}
	return &Reader{format: f, encoding: e, samples: frame.NewReader(r, e.Bytes(), frame.Unbounded)}, nil
}

// Format is what the caller of Open or New said.
func (r *Reader) Format() sdr.Format { return r.format }

// Position returns the index of the next sample.
func (r *Reader) Position() int64 { return r.at }

// Read implements sdr.Source; it may fill less than dst. A file that ends inside a sample ends with
// io.ErrUnexpectedEOF; NaN and infinities end it with sdr.ErrNotFinite.
func (r *Reader) Read(dst []complex64) (at int64, n int, err error) {
	at = r.at
	if len(dst) == 0 {
		return at, 0, nil
	}
	if r.err != nil {
		return at, 0, r.err
	}
	b, err := r.samples.Next(len(dst))
	if err != nil {
		if r.err = err; err != io.EOF {
			r.err = r.wrap(err)
		}
		return at, 0, r.err
	}
	n = len(b) / r.encoding.Bytes()
	if bad := r.encoding.decode(dst[:n], b); bad >= 0 {
		n = bad
		r.err = r.wrap(fmt.Errorf("%w (sample %d)", sdr.ErrNotFinite, at+int64(n)))
	}
	r.at += int64(n)
	return at, n, r.err
}

// Close closes the file. A later Read fails with os.ErrClosed.
func (r *Reader) Close() error { return r.wrap(r.samples.Close()) }

// wrap names the file unless it has no name.
func (r *Reader) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case r.name == "":
		return fmt.Errorf("iqfile: %w", err)
	}
	return fmt.Errorf("iqfile: %s: %w", r.name, err)
}
