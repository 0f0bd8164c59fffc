// Package feed plays recordings to the sensor in place of a microphone or receiver: for the demo, development and
// tests. What it plays is said on the wall and in the log; it never runs on an appliance.
//
// A programme is a list of recordings, each at its place in time, added up. It runs on the unit's clock, so that a
// sensor that was away comes back to the present and not to where it left off.
package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	soundfile "subrosa/drivers/audio/recording"
	"subrosa/drivers/sdr"
	radiofile "subrosa/drivers/sdr/recording"
	"subrosa/firmware/clock"
)

// Item is one recording of a programme.
type Item struct {
	File   string  `json:"file"`
	At     float64 `json:"at_s"`    // when it begins, s after the programme's start
	Until  float64 `json:"until_s"` // for a loop: when it ends; 0 never
	Every  float64 `json:"every_s"` // not 0: it begins again after so many seconds
	Loop   bool    `json:"loop"`
	GainDB float64 `json:"gain_db"`
}

// Programme is what a stream plays.
type Programme struct {
	Rate   int     `json:"rate"`
	Centre float64 `json:"centre_hz"` // radio only
	Items  []Item  `json:"items"`
}

// Sample is a sample of either kind.
type Sample interface{ float32 | complex64 }

// Player plays a programme. It is made once and may play to one process after another.
type Player[S Sample] struct {
	rate  int
	clock clock.Clock
	start time.Time
	items []loaded[S]
}

type loaded[S Sample] struct {
	from  int64
	lasts int64
	every int64
	x     []S
}

// Sound loads a programme of sound; recordings with several channels give their first. Each must have the
// programme's rate, or a whole part of it, and is then brought up to it.
func Sound(p Programme, c clock.Clock, start time.Time) (*Player[float32], error) {
	return load(p, c, start, func(it Item) ([]float32, int, error) {
		s, err := soundfile.Open(it.File)
		if err != nil {
			return nil, 0, err
		}
		defer s.Close()
		f := s.Format()
		all, err := readAll(s.Read, f.Channels)
		if err != nil {
			return nil, 0, err
		}
		first := make([]float32, len(all)/f.Channels)
		for i := range first {
			first[i] = all[i*f.Channels]
		}
		if p.Rate%f.Rate != 0 {
			return nil, 0, fmt.Errorf("%d frames/s do not divide %d", f.Rate, p.Rate)
		}
		return raise(first, p.Rate/f.Rate), p.Rate, nil
	})
}

// Radio loads a programme of radio samples; each recording must have the programme's rate.
func Radio(p Programme, c clock.Clock, start time.Time) (*Player[complex64], error) {
	return load(p, c, start, func(it Item) ([]complex64, int, error) {
		s, err := radiofile.Open(it.File, sdr.Format{Rate: p.Rate, Centre: p.Centre})
		if err != nil {
			return nil, 0, err
		}
		defer s.Close()
		x, err := readAll(s.Read, 1)
		return x, s.Format().Rate, err
	})
}

func load[S Sample](p Programme, c clock.Clock, start time.Time, open func(Item) ([]S, int, error)) (*Player[S], error) {
	pl := &Player[S]{rate: p.Rate, clock: c, start: start}
	if p.Rate < 1 {
		return nil, fmt.Errorf("feed: rate %d", p.Rate)
	}
	for _, it := range p.Items {
		x, rate, err := open(it)
		if err != nil {
			return nil, fmt.Errorf("feed: %s: %w", it.File, err)
		}
		if rate != p.Rate || len(x) == 0 {
			return nil, fmt.Errorf("feed: %s: %d samples at %d/s, want some at %d/s", it.File, len(x), rate, p.Rate)
		}
		amplify(x, math.Pow(10, it.GainDB/20))
		index := func(s float64) int64 { return int64(s * float64(p.Rate)) }
		l := loaded[S]{from: index(it.At), every: index(it.Every), x: x, lasts: int64(len(x))}
		if it.Loop {
			l.lasts = math.MaxInt64
		}
		if it.Until > 0 {
			l.lasts = min(l.lasts, index(it.Until-it.At))
		}
		if it.At < -earliest || l.lasts < 1 || l.every < 0 {
			return nil, fmt.Errorf("feed: %s: from %g s until %g s every %g s", it.File, it.At, it.Until, it.Every)
		}
		pl.items = append(pl.items, l)
	}
	return pl, nil
}

func readAll[S Sample](read func([]S) (int64, int, error), channels int) (all []S, err error) {
	buf := make([]S, 1<<14*channels)
	for {
		_, n, err := read(buf)
		all = append(all, buf[:n*channels]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func amplify[S Sample](x []S, by float64) {
	switch x := any(x).(type) {
	case []float32:
		for i := range x {
			x[i] *= float32(by)
		}
	case []complex64:
		for i := range x {
			x[i] *= complex(float32(by), 0)
		}
	}
}

// raise brings x up to k times its rate through a windowed-sinc low-pass.
func raise(x []float32, k int) []float32 {
	if k == 1 {
		return x
	}
	const half, cut = 24, 0.96 // input samples on each side; part of the band that passes
	taps := make([]float64, 2*half*k+1)
	for i := range taps {
		t := float64(i-half*k) / float64(k)
		w := 0.5 + 0.5*math.Cos(math.Pi*t/half)
		if t == 0 {
			taps[i] = cut
		} else {
			taps[i] = math.Sin(math.Pi*cut*t) / (math.Pi * t) * w
		}
	}
	out := make([]float32, len(x)*k)
	for i := range out {
		acc := 0.0
		for j := max(0, i/k-half+1); j <= min(len(x)-1, i/k+half-1); j++ {
			acc += float64(x[j]) * taps[i-j*k+half*k]
		}
		out[i] = float32(acc)
	}
	return out
}

// mix writes the samples from index at on into dst.
func (p *Player[S]) mix(dst []S, at int64) {
	clear(dst)
	for i := range p.items {
		it := &p.items[i]
		for k := max(0, it.from-at); k < int64(len(dst)); {
			u := at + k - it.from
			if it.every > 0 {
				if u %= it.every; u >= it.lasts {
					k += it.every - u // silent until it begins again
					continue
				}
			} else if u >= it.lasts {
				break
			}
			pos := u % int64(len(it.x))
			take := min(int64(len(it.x))-pos, int64(len(dst))-k, it.lasts-u)
			src, out := it.x[pos:pos+take], dst[k:k+take]
			for j := range out {
				out[j] += src[j]
			}
			k += take
		}
	}
}

const blockSeconds = 0.04

// earliest is how long before the programme's start an item may begin, s. Indices in the stream count from then.
const earliest = 3600

// Play writes to w, block by block and in step with the clock, until ctx ends or w fails. A reader that is more than
// two seconds behind loses samples, which it sees as a gap.
func (p *Player[S]) Play(ctx context.Context, w interface{ Write(at int64, x []S) error }) error {
	block := make([]S, int(blockSeconds*float64(p.rate)))
	now := func() int64 { return int64(p.clock.Now().Sub(p.start).Seconds() * float64(p.rate)) }
	at := max(now(), -int64(earliest*p.rate))
	for {
		if late := now() - at; late > 2*int64(p.rate) {
			at = now()
		}
		due := time.Duration(float64(at+int64(len(block)))/float64(p.rate)*float64(time.Second)) - p.clock.Now().Sub(p.start)
		if due > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-p.clock.After(due):
			}
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		p.mix(block, at)
		if err := w.Write(at+int64(earliest*p.rate), block); err != nil {
			return fmt.Errorf("feed: %w", err)
		}
		at += int64(len(block))
	}
}
