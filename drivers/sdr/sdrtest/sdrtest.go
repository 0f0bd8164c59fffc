// Package sdrtest has the conformance suite of sdr.Source, and sources for tests that do what real ones do
// rarely: overrun, stall, vanish.
package sdrtest

import (
	"errors"
	"math"
	"testing"

	"subrosa/drivers/internal/sourcetest"
	"subrosa/drivers/sdr"
)

// Want says what a source should deliver.
type Want struct {
	Format sdr.Format

	// Samples are all samples of the recording, gaps left out; nil does not compare them.
	Samples   []complex64
	Tolerance float32 // by how much I or Q of one may differ

	// Gaps says after how many samples how many indices are missing; with Samples all gaps must be here.
	Gaps map[int64]int64

	End       error // what the stream ends with; nil is io.EOF
	Live      bool  // the source does not end by itself: it is read a little and closed
	Allocates bool  // excuses the source from allocating nothing per Read
}

// Run checks the sources that open makes, the same one each time, in blocks of different length: samples,
// index, end, Close, and that Read allocates nothing.
func Run(t *testing.T, open func(testing.TB) sdr.Source, want Want) {
	t.Run("format", func(t *testing.T) {
		src := open(t)
		defer src.Close()
		if got := src.Format(); got != want.Format {
			t.Errorf("got %+v, want %+v", got, want.Format)
		}
	})
	differ := func(a, b float32) bool { return !(max(a, b)-min(a, b) <= want.Tolerance) }
	finite := func(s float32) bool { return !math.IsNaN(float64(s)) && !math.IsInf(float64(s), 0) }
	sourcetest.Run(t, func(tb testing.TB) sourcetest.Source[complex64] { return open(tb) },
		sourcetest.Want[complex64]{
			Width:     1,
			Samples:   want.Samples,
			Gaps:      want.Gaps,
			End:       want.End,
			Live:      want.Live,
			Allocates: want.Allocates,
			Differ:    func(a, b complex64) bool { return differ(real(a), real(b)) || differ(imag(a), imag(b)) },
			Finite:    func(s complex64) bool { return finite(real(s)) && finite(imag(s)) },
		})
}

// ErrUnplugged is what a source fails with when its device is pulled out.
var ErrUnplugged = errors.New("sdrtest: device unplugged")

// Step is one thing a Playback does.
type Step = sourcetest.Step[complex64]

// Samples yields samples, which may be NaN.
func Samples(x ...complex64) Step { return Step{Frames: x} }

// Gap loses samples to an overrun.
func Gap(samples int64) Step { return Step{Gap: samples} }

// Stall delivers nothing until the source is closed.
func Stall() Step { return Step{Stall: true} }

// Fail fails from here on. If Samples come before it, the last of them arrive in the same Read as err.
func Fail(err error) Step { return Step{Err: err} }

// Playback is an sdr.Source that does what its steps say and then ends with io.EOF.
type Playback struct {
	*sourcetest.Script[complex64]
	format sdr.Format
}

// Play makes a Playback.
func Play(f sdr.Format, steps ...Step) *Playback {
	return &Playback{sourcetest.NewScript(1, steps), f}
}

// Format is what Play was given.
func (p *Playback) Format() sdr.Format { return p.format }
