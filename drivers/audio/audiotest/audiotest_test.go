package audiotest

import (
	"errors"
	"math"
	"testing"

	"subrosa/drivers/audio"
)

var stereo = audio.Format{Rate: 48_000, Channels: 2}

func TestPlaybackConforms(t *testing.T) {
	Run(t, func(testing.TB) audio.Source {
		return Play(stereo, Frames(1, 2, 3, 4), Gap(480), Frames(5, 6), Fail(ErrUnplugged))
	}, Want{
		Format:  stereo,
		Samples: []float32{1, 2, 3, 4, 5, 6},
		Gaps:    map[int64]int64{2: 480},
		End:     ErrUnplugged,
	})
}

func TestUnpluggedWithLastFrames(t *testing.T) {
	p := Play(stereo, Frames(1, 2), Fail(ErrUnplugged))
	if _, n, err := p.Read(make([]float32, 8)); n != 1 || !errors.Is(err, ErrUnplugged) {
		t.Errorf("got %d frames, %v, want 1 and %v", n, err, ErrUnplugged)
	}
}

func TestNaNIsYielded(t *testing.T) {
	x := make([]float32, 2)
	p := Play(stereo, Frames(0, float32(math.NaN())))
	if _, n, err := p.Read(x); n != 1 || err != nil || x[1] == x[1] {
		t.Errorf("got %d frames, %v, %v, want NaN", n, x, err)
	}
}

func TestStall(t *testing.T) {
	p := Play(stereo, Stall())
	ended := make(chan error)
	go func() {
		_, _, err := p.Read(make([]float32, 2))
		ended <- err
	}()
	p.Close()
	if err := <-ended; err == nil {
		t.Error("a stalled read ended without an error")
	}
}
