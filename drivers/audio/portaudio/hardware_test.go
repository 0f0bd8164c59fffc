//go:build cgo && !noportaudio && hardware

// Tests on a real capture device, the system's default: go test -tags hardware.

package portaudio

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
)

var stereo = audio.Format{Rate: 48_000, Channels: 2}

func open(tb testing.TB) audio.Source {
	src, err := Open(Config{Format: stereo, Shared: true})
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

func TestMicrophoneConforms(t *testing.T) {
	audiotest.Run(t, open, audiotest.Want{Format: stereo, Live: true})
}

// TestIndexFollowsClock reads for some seconds, with a pause longer than any buffer between: the index has
// to show it, or no time after an overrun would be right.
func TestIndexFollowsClock(t *testing.T) {
	src := open(t)
	defer src.Close()
	s := src.(*Source)
	x := make([]float32, 2*480)
	var next, lost int64
	read := func(span time.Duration) (first int64) {
		first = -1
		for begun := s.stream.time(); s.stream.time()-begun < span; {
			at, n, err := src.Read(x)
			if err != nil {
				t.Fatal(err)
			}
			if first < 0 {
				first = at
			}
			lost += at - next
			next = at + int64(n)
		}
		return first
	}
	read(2 * time.Second)
	if lost != 0 {
		t.Errorf("lost %d frames without a pause", lost)
	}
	t0, at0 := s.stream.time(), next
	for s.stream.time()-t0 < 5*time.Second {
		runtime.Gosched()
	}
	read(2 * time.Second)
	clock := (s.stream.time() - t0).Seconds()
	index := float64(next-at0) / float64(stereo.Rate)
	t.Logf("pause: %d frames lost; clock %.3f s, index %.3f s", lost, clock, index)
	if lost == 0 {
		t.Log("this device's host keeps what is not read")
	}
	if d := clock - index; d > 0.5 || d < -0.5 {
		t.Errorf("index and clock differ by %.3f s", d)
	}
}

func TestReadAfterClose(t *testing.T) {
	src := open(t)
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := src.Read(make([]float32, 2)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
}
