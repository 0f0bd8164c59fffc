package pipe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

var stereo = audio.Format{Rate: 48_000, Channels: 2}

// ramp returns frames that can be told apart.
func ramp(frames int) []float32 {
	x := make([]float32, 2*frames)
	for i := range x {
		x[i] = float32(i) / float32(len(x))
	}
	return x
}

// sent returns what a writer sends for a recording with a gap of 480 frames at half.
func sent(t testing.TB, x []float32, end bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, stereo)
	if err != nil {
		t.Fatal(err)
	}
	half := len(x) / 4 * 2
	if err := errors.Join(w.Write(5, x[:half]), w.Write(5+int64(half/2)+480, x[half:])); err != nil {
		t.Fatal(err)
	}
	if end {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	x := ramp(30_000) // more than a block holds
	whole, cut := sent(t, x, true), sent(t, x, false)
	gaps := map[int64]int64{0: 5, 15_000: 480}
	for _, tt := range []struct {
		name string
		in   func() io.Reader
		want []float32
		end  error
	}{
		{"whole", func() io.Reader { return bytes.NewReader(whole) }, x, io.EOF},
		{"byte by byte", func() io.Reader { return iotest.OneByteReader(bytes.NewReader(whole)) }, x, io.EOF},
		{"writer died", func() io.Reader { return bytes.NewReader(cut) }, x, io.ErrUnexpectedEOF},
		{"writer died inside a frame", func() io.Reader { return bytes.NewReader(cut[:len(cut)-3]) }, x[:len(x)-2], io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			audiotest.Run(t, func(tb testing.TB) audio.Source {
				r, err := New(tt.in())
				if err != nil {
					tb.Fatal(err)
				}
				return r
			}, audiotest.Want{Format: stereo, Samples: tt.want, Gaps: gaps, End: tt.end})
		})
	}
}

// TestLive sends through a pipe of the system, as roomd does.
func TestLive(t *testing.T) {
	audiotest.Run(t, func(tb testing.TB) audio.Source {
		pr, pw, err := os.Pipe()
		if err != nil {
			tb.Fatal(err)
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			w, err := NewWriter(pw, stereo)
			for at := int64(0); err == nil && at < 200*480; at += 480 {
				err = w.Write(at, make([]float32, 2*480))
			}
		}()
		tb.Cleanup(func() { <-gone; pw.Close() })
		r, err := New(pr)
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}, audiotest.Want{Format: stereo, Live: true, Allocates: true}) // the sender allocates beside it
}

func head(rate, channels uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), rate)
	return binary.LittleEndian.AppendUint32(b, channels)
}

func blockHeader(at int64, count uint32) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(at))
	return binary.LittleEndian.AppendUint32(b, count)
}

func TestHeaderErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "unexpected EOF"},
		{"radio", []byte("srradio1 and so on"), `starts with "srradio1"`},
		{"cut", head(48_000, 1)[:12], "unexpected EOF"},
		{"no rate", head(0, 1), "0 frames/s"},
		{"no channel", head(48_000, 0), "0 channels"},
		{"absurd", head(1<<32-1, 1<<32-1), "4294967295 channels"},
	} {
		if _, err := New(bytes.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	for _, f := range []audio.Format{{}, {Rate: 8000}, {Rate: 8000, Channels: 1 << 20}} {
		if _, err := NewWriter(io.Discard, f); err == nil {
			t.Errorf("made a writer of %+v", f)
		}
	}
}

func TestHostileBlocks(t *testing.T) {
	nan := binary.LittleEndian.AppendUint32(make([]byte, 4), math.Float32bits(float32(math.NaN())))
	for _, tt := range []struct {
		name   string
		blocks [][]byte
		want   string
		n      int
	}{
		{"index goes back", [][]byte{blockHeader(9, 1), make([]byte, 4), blockHeader(9, 1)}, "frame 9 after frame 10", 1},
		{"index negative", [][]byte{blockHeader(-1, 1)}, "frame -1", 0},
		{"index at the end of numbers", [][]byte{blockHeader(math.MaxInt64, 1)}, "9223372036854775807", 0},
		{"count absurd", [][]byte{blockHeader(0, 1<<32-1)}, "4294967295 frames", 0},
		{"NaN", [][]byte{blockHeader(7, 2), nan}, "(frame 8)", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := New(bytes.NewReader(append(head(48_000, 1), bytes.Join(tt.blocks, nil)...)))
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			for err == nil {
				var n int
				_, n, err = r.Read(make([]float32, 8))
				total += n
			}
			if total != tt.n || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %d frames, %v, want %d and an error with %q", total, err, tt.n, tt.want)
			}
		})
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := NewWriter(io.Discard, stereo)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, make([]float32, 3)); err == nil {
		t.Error("wrote one and a half frames")
	}
	if err := w.Write(10, make([]float32, 4)); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(11, make([]float32, 4)); err == nil {
		t.Error("wrote frame 11 twice")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(12, make([]float32, 4)); err == nil {
		t.Error("wrote after the end")
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sent(f, ramp(20), true))
	f.Add(sent(f, ramp(20), false))
	f.Add(append(head(48_000, 1), blockHeader(1<<40, 1<<20)...))
	f.Add(append(head(48_000, 1024), blockHeader(0, 3)...))
	x := make([]float32, 4096)
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := New(bytes.NewReader(in))
		if err != nil {
			return
		}
		var next int64
		var count int
		for {
			at, n, err := r.Read(x)
			if at < next {
				t.Fatalf("index %d after %d", at, next)
			}
			next, count = at+int64(n), count+n*r.Format().Channels
			for _, v := range x[:n*r.Format().Channels] {
				if v-v != 0 {
					t.Fatalf("got %v before frame %d", v, next)
				}
			}
			if err != nil {
				break
			}
			if n == 0 {
				t.Fatal("read nothing, without an error")
			}
		}
		if 4*count > len(in) {
			t.Fatalf("%d samples from %d bytes", count, len(in))
		}
	})
}

func BenchmarkPipe(b *testing.B) {
	var wire bytes.Buffer
	w, err := NewWriter(&wire, stereo)
	if err != nil {
		b.Fatal(err)
	}
	r, err := New(&wire)
	if err != nil {
		b.Fatal(err)
	}
	x := ramp(4096)
	b.ReportAllocs()
	b.SetBytes(int64(4 * len(x)))
	for at := int64(0); b.Loop(); at += 4096 {
		if err := w.Write(at, x); err != nil {
			b.Fatal(err)
		}
		if _, n, err := r.Read(x); n != 4096 || err != nil {
			b.Fatal(n, err)
		}
	}
}
