// Package loudspeaker plays a sound on an audio.Sink at a stated level, below a ceiling that no caller can pass, and
// without clicks: what is played, and what is broken off, begins and ends in a ramp.
//
// It plays whenever it is asked. Whether the room may hear anything now – no session is closed, nobody is startled – is
// for the caller to decide, and to take back by cancelling.
package loudspeaker

import (
	"context"
	"errors"
	"fmt"
	"math"

	"subrosa/drivers/audio"
)

// CeilingDB is what a Loudspeaker never exceeds if it is not told otherwise, dBFS of a peak.
const CeilingDB = -12

// Loudspeaker opens its device for each sound, so that one which was unplugged and came back is found, and an amplifier
// is not left humming.
type Loudspeaker struct {
	open    func() (audio.Sink, error)
	ceiling float64
	one     chan struct{} // sound at a time
}

// New returns a loudspeaker on the devices that open returns. ceilingDB is the highest peak in dBFS, at most 0.
func New(open func() (audio.Sink, error), ceilingDB float64) (*Loudspeaker, error) {
	if !(ceilingDB <= 0 && ceilingDB >= -90) {
		return nil, fmt.Errorf("loudspeaker: a ceiling of %g dBFS, want -90 to 0", ceilingDB)
	}
	return &Loudspeaker{open: open, ceiling: ceilingDB, one: make(chan struct{}, 1)}, nil
}

// ramp is how long a sound takes to begin and to end, s.
const ramp = 0.005

// lead is silence played before a sound, s: amplifiers and sound servers swallow what comes while they wake.
const lead = 0.25

// block is how much is handed to the device at a time, s, and so how late a cancelled sound begins to end.
const block = 0.02

// Play plays x, one channel whose full scale ±1 is played as a peak of levelDB dBFS, on all channels of the device, and
// returns when it has been played. A level above the ceiling is an error and not played softer: a test that counts on a
// level must not run on another. When ctx ends, the sound ends in a ramp, and the error is that of ctx.
func (l *Loudspeaker) Play(ctx context.Context, x []float32, rate int, levelDB float64) (err error) {
	switch {
	case !(levelDB <= l.ceiling):
		return fmt.Errorf("loudspeaker: %g dBFS, at most %g", levelDB, l.ceiling)
	case len(x) == 0:
		return nil
	}
	for i, v := range x {
		if !(v >= -1 && v <= 1) {
			return fmt.Errorf("loudspeaker: sample %d is %g, want -1 to 1", i, v)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.one <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.one }()
	sink, err := l.open()
	if err != nil {
		return fmt.Errorf("loudspeaker: %w", err)
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	f := sink.Format()
	if f.Rate != rate {
		return fmt.Errorf("loudspeaker: the device plays %d frames/s, not %d", f.Rate, rate)
	}
	if err := l.play(ctx, sink, x, gain(levelDB)); err != nil {
		return fmt.Errorf("loudspeaker: %w", err)
	}
	return nil
}

func gain(dB float64) float64 { return math.Pow(10, dB/20) }

func (l *Loudspeaker) play(ctx context.Context, sink audio.Sink, x []float32, g float64) error {
	f := sink.Format()
	edge := min(max(1, int(ramp*float64(f.Rate))), len(x)/2)
	n := max(1, int(block*float64(f.Rate)))
	buf := make([]float32, 0, n*f.Channels)
	top := gain(l.ceiling)
	if _, err := sink.Write(make([]float32, int(lead*float64(f.Rate))*f.Channels)); err != nil {
		return err
	}
	for at, stop := 0, len(x); at < stop; {
		if ctx.Err() != nil {
			stop = min(stop, at+max(1, int(ramp*float64(f.Rate)))) // what follows fades within this
			edge = stop - at
		}
		buf = buf[:0]
		end := min(at+n, stop)
		for i, v := range x[at:end] {
			left := stop - 1 - at - i
			s := float64(v) * g * half(at+i, edge) * half(left, edge)
			s = min(max(s, -top), top) // whatever went wrong above
			for range f.Channels {
				buf = append(buf, float32(s))
			}
		}
		if _, err := sink.Write(buf); err != nil {
			return err
		}
		at = end
	}
	return errors.Join(ctx.Err(), sink.Drain())
}

// half is half a cosine from 0 to 1 over n samples.
func half(i, n int) float64 {
	if i >= n {
		return 1
	}
	return 0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(n))
}
