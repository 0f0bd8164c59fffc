// Package sense is what runs inside the sensor process: it takes samples from a source, runs the detectors over them,
// and answers the room unit's polls with 16-byte records. Nothing else leaves it.
package sense

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"subrosa/dsp/detect"
	"subrosa/dsp/level"
	"subrosa/firmware/record"
)

// Source yields samples: an audio.Source with one channel, or an sdr.Source.
type Source[S detect.Sample] interface {
	Read(dst []S) (at int64, n int, err error)
	io.Closer
}

// Pipeline runs detectors over one stream. Set the fields, then call Run once.
type Pipeline[S detect.Sample] struct {
	Source   Source[S]
	Rate     int
	Channels int     // interleaved in Source; the first is used
	Centre   float64 // Hz a receiver is tuned to, 0 for sound
	Desk     *Desk

	mu        sync.Mutex
	detectors []detect.Detector[S]
	replaced  bool
	meter     meter[S]
	blocks    int
	level     [len(record.Thirds)]float64
}

// meter measures the coarse levels of a stream.
type meter[S detect.Sample] interface {
	Push(at int64, x []S)
	Levels(dst []float64)
}

// Use replaces the detectors; findings that are open end.
func (p *Pipeline[S]) Use(ds []detect.Detector[S]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detectors, p.replaced = ds, true
}

// block is how many frames are read at a time, in parts of a second.
const blocksPerSecond = 25

// Run reads until the source ends or ctx does. io.EOF of the source is nil.
func (p *Pipeline[S]) Run(ctx context.Context) error {
	kind := p.open()
	stop := context.AfterFunc(ctx, func() { p.Source.Close() })
	defer stop()
	channels := max(1, p.Channels)
	buf := make([]S, max(256, p.Rate/blocksPerSecond)*channels)
	found := make([]detect.Detection, 0, 64)
	var using []detect.Detector[S]
	for {
		at, n, err := p.Source.Read(buf)
		x := mono(buf, n, channels)
		p.mu.Lock()
		if p.replaced {
			for _, d := range using {
				found = d.Detect(found, 0, nil)
			}
			using, p.replaced = p.detectors, false
		}
		p.mu.Unlock()
		if n > 0 {
			p.meter.Push(at, x)
			for _, d := range using {
				found = d.Detect(found, at, x)
			}
		}
		p.account(kind, at, x, found)
		found = found[:0]
		if err == nil {
			continue
		}
		for _, d := range using {
			found = d.Detect(found, 0, nil)
		}
		p.Desk.take(kind, found)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("sense: %w", err)
	}
}

// mono moves the first channel of n frames together.
func mono[S detect.Sample](buf []S, n, channels int) []S {
	if channels > 1 {
		for i := range n {
			buf[i] = buf[i*channels]
		}
	}
	return buf[:n]
}

// open makes the stream known to the desk.
func (p *Pipeline[S]) open() (kind int) {
	s := &stream{rate: float64(p.Rate), centre: p.Centre, fresh: true}
	var none S
	switch any(none).(type) {
	case float32:
		kind = sound
		s.bands, s.mean = len(record.Thirds), true
		p.meter = any(level.NewThirds(p.Rate, record.Thirds[:])).(meter[S])
		nyquist := float64(p.Rate) / 2
		s.coverage = func(c *[8]record.Share, share record.Share) {
			for i, top := range [...]float64{record.Audible: 15e3, record.Ultrasonic: 20e3, record.Ultrasonic2: 24e3, record.Ultrasonic3: 48e3} {
				if bottom := [...]float64{0, 15e3, 20e3, 24e3}[i]; nyquist >= 0.99*top {
					c[i] = share
				} else if nyquist > bottom+500 {
					c[i] = min(share, record.Most)
				}
			}
		}
	default:
		kind = radio
		s.bands = record.Bands
		p.meter = any(level.NewBands(record.Bands)).(meter[S])
		s.coverage = func(c *[8]record.Share, share record.Share) { c[record.Radio] = share }
	}
	p.Desk.mu.Lock()
	p.Desk.streams[kind] = s
	p.Desk.mu.Unlock()
	return kind
}

// account brings a block's samples, levels and findings to the desk.
func (p *Pipeline[S]) account(kind int, at int64, x []S, found []detect.Detection) {
	peak := peakOf(x)
	d := p.Desk
	d.mu.Lock()
	s := d.streams[kind]
	if lost := at - s.at; len(x) > 0 && !s.fresh && lost > 0 {
		s.lost += lost
	}
	if len(x) > 0 {
		s.fresh = false
		s.at = at + int64(len(x))
		s.samples += int64(len(x))
	}
	s.peak = max(s.peak, peak)
	if p.blocks++; p.blocks%blocksPerSecond == 0 {
		p.meter.Levels(p.level[:s.bands])
		s.file(p.level[:s.bands])
	}
	d.mu.Unlock()
	if len(found) > 0 {
		d.take(kind, found)
	}
}

// peakOf returns the greatest magnitude of a component.
func peakOf[S detect.Sample](x []S) (peak float32) {
	switch x := any(x).(type) {
	case []float32:
		for _, v := range x {
			peak = max(peak, v, -v)
		}
	case []complex64:
		for _, v := range x {
			peak = max(peak, real(v), -real(v), imag(v), -imag(v))
		}
	}
	return peak
}
