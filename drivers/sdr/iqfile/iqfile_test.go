package iqfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

var format = sdr.Format{Rate: 250_000, Centre: 433.92e6}

func floats(x ...float32) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// everyByte has each code as I and as Q, and a length that no vector and no piece divides.
func everyByte(conv func(byte) float32) (b []byte, want []complex64) {
	for i := range 2059 {
		p, q := byte(i), byte(7*i+3)
		b = append(b, p, q)
		want = append(want, complex(conv(p), conv(q)))
	}
	return b, want
}

func TestReader(t *testing.T) {
	u8, wantU8 := everyByte(func(b byte) float32 { return float32((float64(b) - 127.5) / 127.5) })
	s8, wantS8 := everyByte(func(b byte) float32 { return float32(int8(b)) / 128 })
	s16 := []byte{0, 0x80, 0, 0xC0, 0, 0, 0xFF, 0x7F, 1, 0, 0xFF, 0xFF}
	wantS16 := []complex64{-1 - 0.5i, complex(0, 32767.0/32768), complex(1.0/32768, -1.0/32768)}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tt := range []struct {
		name     string
		encoding Encoding
		in       []byte
		want     []complex64
		end      error
	}{
		{"cu8", CU8, u8, wantU8, io.EOF},
		{"cs8", CS8, s8, wantS8, io.EOF},
		{"cs16", CS16, s16, wantS16, io.EOF},
		{"cf32", CF32, floats(-1, 0.5, 1.25, 0), []complex64{-1 + 0.5i, 1.25}, io.EOF},
		{"empty", CU8, nil, []complex64{}, io.EOF},
		{"cu8 odd", CU8, u8[:7], wantU8[:3], io.ErrUnexpectedEOF},
		{"cs16 odd", CS16, s16[:11], wantS16[:2], io.ErrUnexpectedEOF},
		{"cf32 odd", CF32, floats(1, 2, 3), []complex64{1 + 2i}, io.ErrUnexpectedEOF},
		{"I not a number", CF32, floats(1, 2, nan, 0, 5, 6), []complex64{1 + 2i}, sdr.ErrNotFinite},
		{"Q not a number", CF32, floats(1, 2, 0, nan), []complex64{1 + 2i}, sdr.ErrNotFinite},
		{"infinite", CF32, floats(-inf, 2), []complex64{}, sdr.ErrNotFinite},
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{
			"": func(r io.Reader) io.Reader { return r }, ", byte by byte": iotest.OneByteReader,
		} {
			t.Run(tt.name+how, func(t *testing.T) {
				sdrtest.Run(t, func(tb testing.TB) sdr.Source {
					r, err := New(wrap(bytes.NewReader(tt.in)), tt.encoding, format)
					if err != nil {
						tb.Fatal(err)
					}
					return r
				}, sdrtest.Want{Format: format, Samples: tt.want, Tolerance: 1e-7, End: tt.end})
			})
		}
	}
}

// TestU8Symmetric holds what the half step is for: no offset, and full scale not exceeded.
func TestU8Symmetric(t *testing.T) {
	b, _ := everyByte(func(byte) float32 { return 0 })
	x := make([]complex64, len(b)/2)
	CU8.decode(x, b)
	if lo, hi := real(x[0]), real(x[255]); lo != -1 || hi != 1 {
		t.Errorf("full scale is %v to %v, want -1 to 1", lo, hi)
	}
	var sum float64
	for _, v := range x[:256] {
		sum += float64(real(v))
	}
	if math.Abs(sum) > 1e-5 {
		t.Errorf("all codes sum to %v, want 0", sum)
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.cf32")
	if err := os.WriteFile(path, floats(0, 0, float32(math.NaN()), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, CF32, format)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, n, err := r.Read(make([]complex64, 4))
	if n != 1 || err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "(sample 1)") {
		t.Errorf("got %d samples, %v, want 1 and an error naming file and sample", n, err)
	}
	if _, err := Open(path, CF32, sdr.Format{}); !errors.Is(err, sdr.ErrNoRate) || !strings.Contains(err.Error(), path) {
		t.Errorf("without a rate: got %v, want %v", err, sdr.ErrNoRate)
	}
	if _, err := Open(path+"x", CF32, format); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
}

func TestEncodingNames(t *testing.T) {
	for _, name := range []string{"cu8", "cs8", "cs16", "cf32"} {
		if e, ok := ParseEncoding(name); !ok || e.String() != name {
			t.Errorf("ParseEncoding(%q) = %v, %v", name, e, ok)
		}
	}
	for _, name := range []string{"", "cf64", "CU8", "iqfile.Encoding(0)"} {
		if e, ok := ParseEncoding(name); ok {
			t.Errorf("ParseEncoding(%q) = %v, want none", name, e)
		}
	}
}

// endless repeats itself, at no more than the cost of a copy.
type endless []byte

func (e endless) Read(b []byte) (int, error) { return copy(b, e), nil }

func BenchmarkRead(b *testing.B) {
	for e := CU8; e <= CF32; e++ {
		b.Run(e.String(), func(b *testing.B) {
			r, err := New(make(endless, 64<<10), e, format)
			if err != nil {
				b.Fatal(err)
			}
			x := make([]complex64, 8192)
			var total int64
			b.ReportAllocs()
			for b.Loop() {
				_, n, err := r.Read(x)
				if err != nil {
					b.Fatal(err)
				}
				total += int64(n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/sample")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for e := CU8; e <= CF32; e++ {
		b.Run(e.String(), func(b *testing.B) {
			x := make([]complex64, 4096)
			in := make([]byte, len(x)*e.Bytes())
			b.ReportAllocs()
			for b.Loop() {
				e.decode(x, in)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(x)), "ns/sample")
		})
	}
}
