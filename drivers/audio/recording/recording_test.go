package recording

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/drivers/audio/wavfile"
)

func TestOpen(t *testing.T) {
	f := audio.Format{Rate: 48_000, Channels: 1}
	path := filepath.Join(t.TempDir(), "X.WAV")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wavfile.NewWriter(file, f, wavfile.Float32)
	if err != nil {
		t.Fatal(err)
	}
	x := []float32{0, 0.5, -0.5}
	if err := errors.Join(w.Write(x), w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	audiotest.Run(t, func(tb testing.TB) audio.Source {
		src, err := Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		return src
	}, audiotest.Want{Format: f, Samples: x, End: io.EOF})
}

func TestOpenErrors(t *testing.T) {
	for name, want := range map[string]error{
		"x.mp3": audio.ErrUnknownEnding, "wav": audio.ErrUnknownEnding, "x": audio.ErrUnknownEnding,
		"x.wav": os.ErrNotExist, "x.flac": os.ErrNotExist,
	} {
		path := filepath.Join(t.TempDir(), name)
		src, err := Open(path)
		if src != nil || !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, %v, want nil and %v naming the file", name, src, err, want)
		}
		if got := Known(path); got == errors.Is(want, audio.ErrUnknownEnding) {
			t.Errorf("Known(%s) = %v", name, got)
		}
	}
}
