package sdrtest

import (
	"errors"
	"math"
	"math/cmplx"
	"testing"

	"subrosa/drivers/sdr"
)

var format = sdr.Format{Rate: 250_000, Centre: 433.92e6}

func TestPlaybackConforms(t *testing.T) {
	Run(t, func(testing.TB) sdr.Source {
		return Play(format, Samples(1, 2i), Gap(480), Samples(3-1i), Fail(ErrUnplugged))
	}, Want{
		Format:  format,
		Samples: []complex64{1, 2i, 3 - 1i},
		Gaps:    map[int64]int64{2: 480},
		End:     ErrUnplugged,
	})
}

func TestUnpluggedWithLastSamples(t *testing.T) {
	p := Play(format, Samples(1, 2), Fail(ErrUnplugged))
	if _, n, err := p.Read(make([]complex64, 8)); n != 2 || !errors.Is(err, ErrUnplugged) {
		t.Errorf("got %d samples, %v, want 2 and %v", n, err, ErrUnplugged)
	}
}

func TestNaNIsYielded(t *testing.T) {
	x := make([]complex64, 1)
	p := Play(format, Samples(complex(0, float32(math.NaN()))))
	if _, n, err := p.Read(x); n != 1 || err != nil || !cmplx.IsNaN(complex128(x[0])) {
		t.Errorf("got %d samples, %v, %v, want NaN", n, x, err)
	}
}

func TestStall(t *testing.T) {
	p := Play(format, Stall())
	ended := make(chan error)
	go func() {
		_, _, err := p.Read(make([]complex64, 2))
		ended <- err
	}()
	p.Close()
	if err := <-ended; err == nil {
		t.Error("a stalled read ended without an error")
	}
}
