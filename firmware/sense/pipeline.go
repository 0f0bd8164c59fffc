// Package sense is what runs inside the sensor process: it takes samples from a source, runs the detectors over them,
// and answers the room unit's polls with 16-byte records. Nothing else leaves it.
//
//	Pipeline (sound) ─┐            control lines
//	                  ├─► Desk ──► Server ──► records
//	Pipeline (radio) ─┘
package sense

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"subrosa/dsp/detect"
	"subrosa/dsp/iq"
	"subrosa/dsp/level"
	"subrosa/firmware/record"
)

// Source yields samples: an audio.Source, or an sdr.Source.
type Source[S detect.Sample] interface {
	Read(dst []S) (at int64, n int, err error)
	io.Closer
}

// Pipeline runs detectors over one stream. Set the fields, then call Run once.
type Pipeline[S detect.Sample] struct {
	Source   Source[S]
	Rate     int     // frames per second
	Channels int     // interleaved in Source, 0 for one
	Centre   float64 // Hz a receiver is tuned to, 0 for sound
	Desk     *Desk

	Memory Memory // nil: samples may be swapped out

	// Own, if set, sees every block first. While it reports true, the unit's own test sound is in the room: detectors
	// and meters are not shown the block, which then counts as not looked at.
	Own func(at int64, x []S) bool

	mu        sync.Mutex
	detectors [][]detect.Detector[S]
	replaced  bool
}

// Memory keeps what holds samples out of swap, and wipes it.
type Memory interface {
	Hold(v any) error // all samples that can be reached from v
	Release(v any)
}

// hold has what holds samples kept out of swap.
func (p *Pipeline[S]) hold(vs ...any) error {
	if p.Memory == nil {
		return nil
	}
	for _, v := range vs {
		if err := p.Memory.Hold(v); err != nil {
			return fmt.Errorf("sense: %w", err)
		}
	}
	return nil
}

// Use replaces the detectors, a list for each channel; findings that are open end. Channels beyond the lists are not
// listened to. What several channels hear of the same thing is one finding, see fusion.
func (p *Pipeline[S]) Use(each ...[]detect.Detector[S]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detectors, p.replaced = each, true
}

// fresh returns the detectors to use from now on, and false if those are the same as before.
func (p *Pipeline[S]) fresh() ([][]detect.Detector[S], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	replaced := p.replaced
	p.replaced = false
	return p.detectors, replaced
}

// blocksPerSecond is how many blocks are read in a second.
const blocksPerSecond = 25

// Run reads until the source ends or ctx does. io.EOF of the source is nil; another error is filed at the desk, too.
func (p *Pipeline[S]) Run(ctx context.Context) error {
	kind, meter := p.open()
	e := newEars[S](p.Rate, max(1, p.Channels))
	push := meter.Push
	stop := context.AfterFunc(ctx, func() { p.Source.Close() })
	defer stop()
	if err := p.hold(e.buf, e.column, p.Source, meter); err != nil {
		p.Desk.Fail(failed[kind])
		return err
	}
	for {
		at, n, err := p.Source.Read(e.buf)
		if each, replaced := p.fresh(); replaced {
			if err := p.replace(e, each); err != nil {
				p.Desk.Fail(failed[kind])
				return err
			}
		}
		if n > 0 {
			first, peak := e.split(0, n), e.peak(n)
			own := p.Own != nil && p.Own(at, first)
			p.note(kind, at, first, peak, own, push)
			if !own {
				e.detect(at, n)
			}
		}
		if err != nil {
			e.end()
		}
		if len(e.found) > 0 {
			p.Desk.take(kind, e.found)
			e.found = e.found[:0]
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		default:
			p.Desk.Fail(failed[kind])
			return fmt.Errorf("sense: %w", err)
		}
	}
}

// replace lets the old detectors end and holds the samples of the new ones.
func (p *Pipeline[S]) replace(e *ears[S], each [][]detect.Detector[S]) error {
	e.end()
	if p.Memory != nil {
		for _, ds := range e.using {
			p.Memory.Release(ds)
		}
	}
	e.using = each[:min(len(each), e.channels)]
	for _, ds := range e.using {
		if err := p.hold(ds); err != nil {
			return err
		}
	}
	return nil
}

// failed are the causes by kind of samples.
var failed = [...]record.Cause{record.SoundFailed, record.RadioFailed}

// meter measures the coarse levels of a stream.
type meter[S detect.Sample] interface{ Push(at int64, x []S) }

// open makes the stream known to the desk.
func (p *Pipeline[S]) open() (kind int, _ meter[S]) {
	s := &stream{rate: float64(p.Rate), centre: p.Centre}
	var m any
	switch any(*new(S)).(type) {
	case float32:
		thirds := level.NewThirds(p.Rate, record.Thirds[:])
		kind, m, s.levels = sound, thirds, thirds.Levels
		s.coverage = soundCoverage(float64(p.Rate) / 2)
	default:
		bands := level.NewBands(record.Bands)
		kind, m, s.levels = radio, bands, bands.Levels
		s.coverage = func(c *[8]record.Share, share record.Share) { c[record.Radio] = share }
	}
	p.Desk.mu.Lock()
	defer p.Desk.mu.Unlock()
	p.Desk.streams[kind] = s
	return kind, m.(meter[S])
}

// The parts of the spectrum of sound in a status, and their edges, Hz.
var (
	soundParts = [...]int{record.Audible, record.Ultrasonic, record.Ultrasonic2, record.Ultrasonic3}
	soundEdges = [...]float64{0, 15e3, 20e3, 24e3, 48e3}
)

// soundCoverage writes the share to the parts of the spectrum that lie below nyquist. A part that is cut off is seen
// mostly at best.
func soundCoverage(nyquist float64) func(*[8]record.Share, record.Share) {
	const roll, some = 0.99, 500 // of a part's top; Hz of it
	return func(c *[8]record.Share, share record.Share) {
		for i, part := range soundParts {
			switch lo, hi := soundEdges[i], soundEdges[i+1]; {
			case nyquist >= roll*hi:
				c[part] = share
			case nyquist > lo+some:
				c[part] = min(share, record.Most)
			}
		}
	}
}

// note files a block: what came, and its levels unless it is the unit's own sound. Levels are the first channel's.
func (p *Pipeline[S]) note(kind int, at int64, x []S, peak extremes, own bool, push func(int64, []S)) {
	p.Desk.mu.Lock()
	defer p.Desk.mu.Unlock()
	p.Desk.streams[kind].count(at, len(x), peak)
	if own {
		p.Desk.streams[kind].blind += int64(len(x))
		return
	}
	push(at, x)
}

// peakOf returns the greatest magnitude of a component.
func peakOf[S detect.Sample](x []S) float32 {
	switch x := any(x).(type) {
	case []float32:
		return level.Peak(x)
	case []complex64:
		return iq.Peak(x)
	}
	return 0
}
