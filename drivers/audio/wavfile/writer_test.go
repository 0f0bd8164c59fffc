package wavfile

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

func TestWriter(t *testing.T) {
	f := audio.Format{Rate: 96_000, Channels: 2}
	x := make([]float32, 2*20_000) // more than the writer's buffer
	for i := range x {
		x[i] = float32(math.Sin(float64(i) / 7))
	}
	x[0], x[1] = 2, -2
	clipped := append([]float32(nil), x...)
	clipped[0], clipped[1] = 1, -1
	for _, tt := range []struct {
		name      string
		sample    Sample
		want      []float32
		tolerance float32
	}{
		{"16 bit", PCM16, clipped, 1.0 / (1 << 15)},
		{"float", Float32, x, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.wav")
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			var stream bytes.Buffer
			for _, out := range []io.Writer{file, &stream} {
				w, err := NewWriter(out, f, tt.sample)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(w.Write(x[:10]), w.Write(x[10:]), w.Close()); err != nil {
					t.Fatal(err)
				}
				if err := w.Write(x[:2]); err == nil {
					t.Error("wrote after Close")
				}
			}
			want := audiotest.Want{Format: f, Samples: tt.want, Tolerance: tt.tolerance}
			t.Run("file", func(t *testing.T) {
				info, err := file.Stat()
				if err != nil {
					t.Fatal(err)
				}
				head := make([]byte, 44)
				if _, err := file.ReadAt(head, 0); err != nil {
					t.Fatal(err)
				}
				if got, want := int64(le.Uint32(head[4:])), info.Size()-8; got != want {
					t.Errorf("RIFF size %d, want %d", got, want)
				}
				if got, want := int64(le.Uint32(head[40:])), info.Size()-44; got != want {
					t.Errorf("data size %d, want %d", got, want)
				}
				audiotest.Run(t, func(tb testing.TB) audio.Source {
					r, err := Open(path)
					if err != nil {
						tb.Fatal(err)
					}
					return r
				}, want)
			})
			t.Run("stream", func(t *testing.T) {
				audiotest.Run(t, func(tb testing.TB) audio.Source {
					r, err := New(bytes.NewReader(stream.Bytes()))
					if err != nil {
						tb.Fatal(err)
					}
					return r
				}, want)
			})
		})
	}
}

func TestWriterRefuses(t *testing.T) {
	f := audio.Format{Rate: 8000, Channels: 2}
	w, err := NewWriter(io.Discard, f, Float32)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]float32, 3)); err == nil {
		t.Error("wrote one and a half frames")
	}
	if err := w.Write([]float32{0, nan}); !errors.Is(err, audio.ErrNotFinite) {
		t.Errorf("writing NaN: got %v, want %v", err, audio.ErrNotFinite)
	}
	for _, f := range []audio.Format{{}, {Rate: 8000}, {Channels: 1}, {Rate: -1, Channels: 1}} {
		if _, err := NewWriter(io.Discard, f, PCM16); err == nil {
			t.Errorf("made a writer of %+v", f)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	if _, err := NewWriter(full, f, PCM16); err == nil {
		t.Error("wrote to a full disk")
	}
}
