package sense

import (
	"math"

	"subrosa/firmware/record"
	"subrosa/firmware/slot"
)

// stream is what the desk knows of one kind of samples. Counts are since the last status.
type stream struct {
	rate     float64
	centre   float64 // Hz a receiver is tuned to
	begun    bool
	at       int64 // index after the latest sample
	samples  int64
	lost     int64
	blind    int64 // of samples: not shown to the detectors
	peak     extremes
	levels   func(dst []float64) // of the meter: dBFS since the last call, NaN where nothing was measured
	coverage func(c *[8]record.Share, share record.Share)
}

// count takes note of a block.
func (s *stream) count(at int64, n int, peak extremes) {
	if s.begun && at > s.at {
		s.lost += at - s.at
	}
	s.begun, s.at = true, at+int64(n)
	s.samples += int64(n)
	s.peak.widen(peak)
}

// share tells how much of the time since the last status was looked at.
func (s *stream) share() record.Share {
	const slack = 0.98 // the pipe holds a part of a second
	due := s.rate * slot.StatusEvery.Seconds() * slack
	looked := float64(s.samples - s.blind)
	switch x := math.Min(looked/math.Max(1, float64(s.samples+s.lost)), looked/due); {
	case x >= 0.97:
		return record.All
	case x >= 0.5:
		return record.Most
	case x > 0:
		return record.Some
	}
	return record.None
}

// bits of the health, by stream.
var (
	onBit   = [...]uint16{record.SoundOn, record.RadioOn}
	gapBit  = [...]uint16{record.SoundGap, record.RadioGap}
	clipBit = [...]uint16{record.SoundClip, record.RadioClip}
	deadBit = [...]uint16{record.SoundDead, record.RadioDead}
)

const fullScale = 0.999

// Status answers a status poll.
func (d *Desk) Status() record.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &d.status
	*r = record.Record{Type: record.StatusType, Status: record.Status{Health: d.health, Open: len(d.lasting)}}
	levels := [...][]float64{r.Status.Thirds[:], r.Status.Bands[:]}
	for i, s := range d.streams {
		for k := range levels[i] {
			levels[i][k] = math.NaN()
		}
		if s == nil {
			continue
		}
		s.levels(levels[i])
		if s.samples > 0 {
			r.Status.Health |= onBit[i]
			if s.peak.dead() {
				r.Status.Health |= deadBit[i]
			}
		}
		if s.lost > 0 {
			r.Status.Health |= gapBit[i]
		}
		if s.peak.most >= fullScale {
			r.Status.Health |= clipBit[i]
		}
		s.coverage(&r.Status.Coverage, s.share())
		s.samples, s.lost, s.blind, s.peak = 0, 0, 0, extremes{}
	}
	d.proof.limit(&r.Status.Coverage)
	d.health = 0
	return *r
}
