// Package audiotest has the conformance suite of audio.Source, and sources for tests that do what real ones
// do rarely: overrun, stall, vanish.
package audiotest

import (
	"errors"
	"math"
	"testing"

	"subrosa/drivers/audio"
	"subrosa/drivers/internal/sourcetest"
)

// Want says what a source should deliver.
type Want struct {
	Format audio.Format

	// Samples are all samples of the recording, interleaved, gaps left out; nil does not compare them.
	Samples   []float32
	Tolerance float32 // by how much one may differ

	// Gaps says after how many frames how many indices are missing; with Samples all gaps must be here.
	Gaps map[int64]int64

	End       error // what the stream ends with; nil is io.EOF
	Live      bool  // the source does not end by itself: it is read a little and closed
	Allocates bool  // excuses the source from allocating nothing per Read
}

// Run checks the sources that open makes, the same one each time, in blocks of different length: samples,
// index, end, Close, and that Read allocates nothing.
func Run(t *testing.T, open func(testing.TB) audio.Source, want Want) {
	t.Run("format", func(t *testing.T) {
		src := open(t)
		defer src.Close()
		if got := src.Format(); got != want.Format {
			t.Errorf("got %+v, want %+v", got, want.Format)
		}
	})
	sourcetest.Run(t, func(tb testing.TB) sourcetest.Source[float32] { return open(tb) },
		sourcetest.Want[float32]{
			Width:     want.Format.Channels,
			Samples:   want.Samples,
			Gaps:      want.Gaps,
			End:       want.End,
			Live:      want.Live,
			Allocates: want.Allocates,
			Differ:    func(a, b float32) bool { return !(max(a, b)-min(a, b) <= want.Tolerance) },
			Finite:    func(s float32) bool { return !math.IsNaN(float64(s)) && !math.IsInf(float64(s), 0) },
		})
}

// ErrUnplugged is what a source fails with when its device is pulled out.
var ErrUnplugged = errors.New("audiotest: device unplugged")

// Step is one thing a Playback does.
type Step = sourcetest.Step[float32]

// Frames yields interleaved samples, which may be NaN.
func Frames(x ...float32) Step { return Step{Frames: x} }

// Gap loses frames to an overrun.
func Gap(frames int64) Step { return Step{Gap: frames} }

// Stall delivers nothing until the source is closed.
func Stall() Step { return Step{Stall: true} }

// Fail fails from here on. If Frames come before it, the last of them arrive in the same Read as err.
func Fail(err error) Step { return Step{Err: err} }

// Playback is an audio.Source that does what its steps say and then ends with io.EOF.
type Playback struct {
	*sourcetest.Script[float32]
	format audio.Format
}

// Play makes a Playback.
func Play(f audio.Format, steps ...Step) *Playback {
	return &Playback{sourcetest.NewScript(f.Channels, steps), f}
}

// Format is what Play was given.
func (p *Playback) Format() audio.Format { return p.format }
