package flacfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

const block = 1152

// layouts are the library's names for so many independent channels.
var layouts = map[int]frame.Channels{1: frame.ChannelsMono, 2: frame.ChannelsLR, 3: frame.ChannelsLRC,
	8: frame.ChannelsLRCLfeLsRsSlSr}

// encode makes a recording of noise, whose header promises total frames, and returns it with its samples.
func encode(t testing.TB, channels, bits, frames int, total uint64) ([]byte, []float32) {
	t.Helper()
	var file bytes.Buffer
	enc, err := flac.NewEncoder(&file, &meta.StreamInfo{BlockSizeMin: block, BlockSizeMax: block,
		SampleRate: 48_000, NChannels: uint8(channels), BitsPerSample: uint8(bits), NSamples: total})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(channels), uint64(bits)))
	samples := make([]float32, frames*channels)
	for at := 0; at < frames; at += block {
		n := min(block, frames-at)
		f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: 48_000,
			Channels: layouts[channels], BitsPerSample: uint8(bits)}}
		for c := range channels {
			sub := &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: n}
			for i := range n {
				v := int32(rng.Int64N(1<<bits) - 1<<(bits-1))
				sub.Samples = append(sub.Samples, v)
				samples[(at+i)*channels+c] = float32(v) / float32(int64(1)<<(bits-1))
			}
			f.Subframes = append(f.Subframes, sub)
		}
		if err := enc.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	// Not enc.Close: it would set the header right, and it is the header that is tested.
	return file.Bytes(), samples
}

func opener(file []byte) func(testing.TB) audio.Source {
	return func(tb testing.TB) audio.Source {
		r, err := New(bytes.NewReader(file))
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}
}

func TestReader(t *testing.T) {
	for _, tt := range []struct{ channels, bits int }{{1, 8}, {1, 12}, {2, 16}, {3, 20}, {8, 24}} {
		t.Run(fmt.Sprintf("%d channels, %d bits", tt.channels, tt.bits), func(t *testing.T) {
			file, samples := encode(t, tt.channels, tt.bits, 3*block+100, 3*block+100)
			audiotest.Run(t, opener(file), audiotest.Want{
				Format:    audio.Format{Rate: 48_000, Channels: tt.channels},
				Samples:   samples,
				Allocates: true,
			})
		})
	}
}

func TestEnds(t *testing.T) {
	whole, samples := encode(t, 2, 16, 2*block, 2*block)
	open, _ := encode(t, 2, 16, 2*block, 0)
	short, _ := encode(t, 2, 16, 2*block, 3*block)
	long, _ := encode(t, 2, 16, 2*block, block)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-100] ^= 1
	for _, tt := range []struct {
		name   string
		file   []byte
		blocks int
		end    error
	}{
		{"length not in the header", open, 2, io.EOF},
		{"shorter than the header says", short, 2, io.ErrUnexpectedEOF},
		{"longer than the header says", long, 2, io.EOF},
		{"cut", whole[:len(whole)-1], 1, io.ErrUnexpectedEOF},
		{"cut, length not in the header", open[:len(open)-1000], 1, io.ErrUnexpectedEOF},
		{"tag of another format before", append([]byte("ID3\x04\x00\x00\x00\x00\x00\x02hi"), whole...), 2, io.EOF},
		{"tag of another format behind", append(bytes.Clone(whole), "TAG and a title"...), 2, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			audiotest.Run(t, opener(tt.file), audiotest.Want{
				Format:    audio.Format{Rate: 48_000, Channels: 2},
				Samples:   samples[:tt.blocks*2*block],
				End:       tt.end,
				Allocates: true,
			})
		})
	}
	t.Run("damaged", func(t *testing.T) {
		r := opener(damaged)(t)
		x := make([]float32, 2*block)
		if _, n, err := r.Read(x); n != block || err != nil {
			t.Fatalf("good block: got %d frames, %v", n, err)
		}
		_, n, err := r.Read(x)
		if n != 0 || err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
			!strings.Contains(err.Error(), "after frame 1152") {
			t.Errorf("damaged block: got %d frames, %v, want an error that says where", n, err)
		}
	})
}

func TestHeaderErrors(t *testing.T) {
	good, _ := encode(t, 1, 16, block, block)
	narrow := bytes.Clone(good)
	narrow[8+12] &^= 1 // bits a sample, less one: five bits across two bytes
	narrow[8+13] = 2<<4 | narrow[8+13]&15
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "unexpected EOF"},
		{"another format", []byte("RIFF....WAVE"), "signature"},
		{"cut", good[:20], "unexpected EOF"},
		{"no rate", append(append(bytes.Clone(good[:18]), 0, 0, good[20]&15), good[21:]...), "sample rate"},
		{"three bits", narrow, "3 bits"},
		{"no STREAMINFO", append([]byte("fLaC\x84"), good[5:]...), "STREAMINFO"},
		{"short STREAMINFO", append([]byte("fLaC\x80\x00\x00\x21"), good[8:]...), "33 bytes"},
		{"endless tag", append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), good...), "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "some.flac")
			if err := os.WriteFile(path, tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the file's name", err, tt.want)
			}
		})
	}
}

func TestPanicsAreContained(t *testing.T) {
	var none []int
	err := contain(func() error { _ = none[3]; return nil })
	if err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("got %v, want the panic as an error", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, tt := range []struct{ channels, bits int }{{1, 8}, {2, 16}, {3, 24}} {
		file, _ := encode(f, tt.channels, tt.bits, 40, 40)
		f.Add(file)
		// A comment block that claims 2^32-1 comments: the library would make room for them.
		f.Add(slices.Concat([]byte("fLaC\x00"), file[5:42], []byte("\x84\x00\x00\x08\x00\x00\x00\x00\xff\xff\xff\xff"), file[42:]))
	}
	x := make([]float32, 4096)
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := New(bytes.NewReader(file))
		if err != nil {
			return
		}
		var total int64
		for {
			at, n, err := r.Read(x)
			if at != total {
				t.Fatalf("index %d, want %d", at, total)
			}
			total += int64(n)
			if err != nil {
				return
			}
			if n == 0 {
				t.Fatal("read nothing, without an error")
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	file, _ := encode(b, 2, 16, 100*block, 0)
	x := make([]float32, 2*4096)
	var total int64
	for b.Loop() {
		r, err := New(bytes.NewReader(file))
		for err == nil {
			var n int
			_, n, err = r.Read(x)
			total += int64(2 * n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/sample")
}
