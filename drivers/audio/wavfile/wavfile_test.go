package wavfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

var le = binary.LittleEndian

// chunk makes one chunk, padded.
func chunk(name string, body []byte) []byte {
	b := le.AppendUint32([]byte(name), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// sized changes what a chunk says its size is.
func sized(c []byte, size uint32) []byte {
	le.PutUint32(c[4:], size)
	return c
}

func riff(form string, chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	b := le.AppendUint32([]byte(form), uint32(len(body)+4))
	return append(append(b, "WAVE"...), body...)
}

func format(tag, channels, rate, bits int) []byte {
	align := channels * ((bits + 7) / 8)
	b := le.AppendUint16(nil, uint16(tag))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*align))
	b = le.AppendUint16(b, uint16(align))
	return le.AppendUint16(b, uint16(bits))
}

func extensible(tag, channels, rate, bits int) []byte {
	b := format(tagExtensible, channels, rate, bits)
	b = le.AppendUint16(b, 22)
	b = le.AppendUint16(b, uint16(bits))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, uint16(tag))
	return append(b, subformatTail...)
}

func ds64(data uint64) []byte {
	b := make([]byte, 28)
	le.PutUint64(b[8:], data)
	return b
}

func floats(x ...float32) (b []byte) {
	for _, v := range x {
		b = le.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func doubles(x ...float64) (b []byte) {
	for _, v := range x {
		b = le.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))

	pcm8  = []byte{0, 64, 128, 255}
	pcm16 = []byte{0, 0x80, 0, 0xC0, 0, 0, 0xFF, 0x7F}
	pcm24 = []byte{0, 0, 0x80, 0, 0, 0xC0, 0, 0, 0, 0xFF, 0xFF, 0x7F}
	pcm32 = []byte{0, 0, 0, 0x80, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F}
)

// upTo returns minus full scale, minus half, zero and the largest value of so many bits.
func upTo(bits int) []float32 {
	return []float32{-1, -0.5, 0, float32(1 - math.Pow(2, float64(1-bits)))}
}

func TestReader(t *testing.T) {
	list := chunk("LIST", []byte("odd"))
	for _, tt := range []struct {
		name string
		file []byte
		want []float32
		ch   int
		end  error
	}{
		{"8 bit", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 8)), chunk("data", pcm8)), upTo(8), 1, io.EOF},
		{"16 bit", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", pcm16)), upTo(16), 1, io.EOF},
		{"24 bit stereo", riff("RIFF", chunk("fmt ", format(1, 2, 8000, 24)), chunk("data", pcm24)), upTo(24), 2, io.EOF},
		{"32 bit", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 32)), chunk("data", pcm32)), upTo(32), 1, io.EOF},
		{"20 of 24 bit", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 20)), chunk("data", pcm24)), upTo(24), 1, io.EOF},
		{"float", riff("RIFF", chunk("fmt ", format(3, 1, 8000, 32)), chunk("data", floats(-1, 0.25, 1.5))), []float32{-1, 0.25, 1.5}, 1, io.EOF},
		{"double", riff("RIFF", chunk("fmt ", format(3, 1, 8000, 64)), chunk("data", doubles(-1, 0.25))), []float32{-1, 0.25}, 1, io.EOF},
		{"extensible", riff("RIFF", chunk("fmt ", extensible(1, 2, 8000, 16)), chunk("data", pcm16)), upTo(16), 2, io.EOF},
		{"extensible float", riff("RIFF", chunk("fmt ", extensible(3, 1, 8000, 32)), chunk("data", floats(0.5))), []float32{0.5}, 1, io.EOF},
		{"chunks around", riff("RIFF", list, chunk("fmt ", format(1, 1, 8000, 16)), list, chunk("data", pcm16), list), upTo(16), 1, io.EOF},
		{"odd data, padded", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 8)), chunk("data", pcm8[1:]), list), upTo(8)[1:], 1, io.EOF},
		{"streamed, 0", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 0)), upTo(16), 1, io.EOF},
		{"streamed, all ones", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 1<<32-1)), upTo(16), 1, io.EOF},
		{"streamed by SoX", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 0x7FFFF000)), upTo(16), 1, io.EOF},
		{"RF64", riff("RF64", chunk("ds64", ds64(8)), chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 1<<32-1), list), upTo(16), 1, io.EOF},
		{"RF64, small", riff("RF64", chunk("ds64", ds64(0)), chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", pcm16), list), upTo(16), 1, io.EOF},
		{"BW64, streamed", riff("BW64", chunk("ds64", ds64(0)), chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 1<<32-1)), upTo(16), 1, io.EOF},
		{"empty", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", nil)), []float32{}, 1, io.EOF},
		{"last sample cut", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 0))[:44+7], upTo(16)[:3], 1, io.ErrUnexpectedEOF},
		{"last frame cut", riff("RIFF", chunk("fmt ", format(1, 2, 8000, 16)), sized(chunk("data", pcm16[:6]), 8)), upTo(16)[:2], 2, io.ErrUnexpectedEOF},
		{"shorter than the header says", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 1000)), upTo(16), 1, io.ErrUnexpectedEOF},
		{"NaN", riff("RIFF", chunk("fmt ", format(3, 2, 8000, 32)), chunk("data", floats(0, 1, 0, nan, 0, 0))), []float32{0, 1}, 2, audio.ErrNotFinite},
		{"infinity", riff("RIFF", chunk("fmt ", format(3, 1, 8000, 32)), chunk("data", floats(0, -inf, 0))), []float32{0}, 1, audio.ErrNotFinite},
		{"double beyond float32", riff("RIFF", chunk("fmt ", format(3, 1, 8000, 64)), chunk("data", doubles(0, 1e300))), []float32{0}, 1, audio.ErrNotFinite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			audiotest.Run(t, func(tb testing.TB) audio.Source {
				r, err := New(bytes.NewReader(tt.file))
				if err != nil {
					tb.Fatal(err)
				}
				return r
			}, audiotest.Want{Format: audio.Format{Rate: 8000, Channels: tt.ch}, Samples: tt.want, End: tt.end})
		})
	}
}

func TestHeaderErrors(t *testing.T) {
	good := chunk("fmt ", format(1, 1, 8000, 16))
	alien := extensible(1, 1, 8000, 16)
	alien[30] ^= 1
	skewed := format(1, 2, 8000, 16)
	skewed[12] = 2
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "unexpected EOF"},
		{"not a WAV file", []byte("OggS and then something"), `starts with "OggS`},
		{"big-endian", riff("RIFX", good, chunk("data", pcm16)), `starts with "RIFX`},
		{"no data", riff("RIFF", good), "no data chunk"},
		{"data first", riff("RIFF", chunk("data", pcm16), good), "before any fmt"},
		{"short fmt", riff("RIFF", chunk("fmt ", make([]byte, 14)), chunk("data", pcm16)), "14 bytes"},
		{"cut fmt", riff("RIFF", good)[:30], "unexpected EOF"},
		{"endless chunk", riff("RIFF", sized(chunk("LIST", nil), 1<<32-1)), "4294967295 bytes"},
		{"rate 0", riff("RIFF", chunk("fmt ", format(1, 1, 0, 16)), chunk("data", pcm16)), "0 frames a second"},
		{"rate absurd", riff("RIFF", chunk("fmt ", format(1, 1, 4e9, 16)), chunk("data", pcm16)), "4000000000 frames"},
		{"no channels", riff("RIFF", chunk("fmt ", format(1, 0, 8000, 16)), chunk("data", pcm16)), "0 channels"},
		{"channels absurd", riff("RIFF", chunk("fmt ", format(1, 60000, 8000, 16)), chunk("data", pcm16)), "60000 channels"},
		{"64 bit integers", riff("RIFF", chunk("fmt ", format(1, 1, 8000, 64)), chunk("data", pcm16)), "64 bits"},
		{"16 bit floats", riff("RIFF", chunk("fmt ", format(3, 1, 8000, 16)), chunk("data", pcm16)), "16 bits"},
		{"A-law", riff("RIFF", chunk("fmt ", format(6, 1, 8000, 8)), chunk("data", pcm8)), "0x0006"},
		{"frame size lies", riff("RIFF", chunk("fmt ", skewed), chunk("data", pcm16)), "2 bytes a frame"},
		{"extensible too short", riff("RIFF", chunk("fmt ", format(tagExtensible, 1, 8000, 16)), chunk("data", pcm16)), "16 bytes, want 40"},
		{"unknown subformat", riff("RIFF", chunk("fmt ", alien), chunk("data", pcm16)), "unknown encoding"},
		{"ds64 too large", riff("RF64", chunk("ds64", ds64(1<<63)), good, chunk("data", pcm16)), "9223372036854775808"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "some.wav")
			if err := os.WriteFile(path, tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the file's name", err, tt.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
}

func TestNotFiniteNamesFrame(t *testing.T) {
	r, err := New(bytes.NewReader(riff("RIFF", chunk("fmt ", format(3, 2, 8000, 32)), chunk("data", floats(0, 1, 0, nan)))))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Read(make([]float32, 8)); err == nil || !strings.Contains(err.Error(), "(frame 1, channel 2)") {
		t.Errorf("got %v, want frame 1, channel 2", err)
	}
}

func TestReaderTakesSmallPieces(t *testing.T) {
	file := riff("RIFF", chunk("fmt ", format(1, 2, 8000, 24)), chunk("data", pcm24))
	audiotest.Run(t, func(tb testing.TB) audio.Source {
		r, err := New(iotest.OneByteReader(bytes.NewReader(file)))
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}, audiotest.Want{Format: audio.Format{Rate: 8000, Channels: 2}, Samples: upTo(24)})
}

func FuzzReader(f *testing.F) {
	f.Add(riff("RIFF", chunk("fmt ", format(1, 2, 8000, 24)), chunk("data", pcm24)))
	f.Add(riff("RIFF", chunk("fmt ", extensible(3, 1, 8000, 32)), chunk("LIST", []byte("odd")), chunk("data", floats(0, nan))))
	f.Add(riff("RF64", chunk("ds64", ds64(8)), chunk("fmt ", format(1, 1, 8000, 16)), sized(chunk("data", pcm16), 1<<32-1)))
	f.Add(riff("RIFF", chunk("fmt ", format(3, 1, 8000, 64)), chunk("data", doubles(1, 1e300))))
	x := make([]float32, 4096)
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := New(bytes.NewReader(file))
		if err != nil {
			return
		}
		var total int64
		for {
			at, n, err := r.Read(x)
			if at != total || n < 0 {
				t.Fatalf("read %d frames at %d, want index %d", n, at, total)
			}
			total += int64(n)
			for _, v := range x[:n*r.Format().Channels] {
				if v-v != 0 {
					t.Fatalf("frame before %d has %v", total, v)
				}
			}
			if err != nil {
				break
			}
			if n == 0 && r.Format().Channels <= len(x) {
				t.Fatal("read nothing, without an error")
			}
		}
		if total*int64(r.Format().Channels) > int64(len(file)) {
			t.Fatalf("%d frames of %d channels from %d bytes", total, r.Format().Channels, len(file))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, bb := range []struct {
		name      string
		tag, bits int
	}{{"8", 1, 8}, {"16", 1, 16}, {"24", 1, 24}, {"32", 1, 32}, {"float", 3, 32}, {"double", 3, 64}} {
		b.Run(bb.name, func(b *testing.B) {
			header := riff("RIFF", chunk("fmt ", format(bb.tag, 1, 48000, bb.bits)), sized(chunk("data", nil), 1<<32-1))
			r, err := New(io.MultiReader(bytes.NewReader(header), silence{}))
			if err != nil {
				b.Fatal(err)
			}
			x := make([]float32, 4096)
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

// silence never ends.
type silence struct{}

func (silence) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
