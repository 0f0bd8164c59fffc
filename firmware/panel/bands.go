package panel

import (
	"fmt"
	"io"
	"math"
	"time"

	"subrosa/drivers/power"
	"subrosa/dsp/detect"
	"subrosa/dsp/detect/occupied"
	"subrosa/firmware/finding"
)

// Bands looks after the bands of the power detectors: one detect/occupied for each channel. What is on the air while
// it learns, two minutes after the start, is the floor, and is not found.
type Bands struct {
	rand     io.Reader
	channels []band
	index    int64         // of the dwell that comes now
	times    [16]time.Time // of the last dwells, by index
	found    []detect.Detection
	sample   [1]float32
}

type band struct {
	*occupied.Detector
	coverage string
	open     finding.Finding // the one that lasts
}

// NewBands returns a watch over the channels; rand is for identifiers.
func NewBands(channels []power.Channel, rand io.Reader) (*Bands, error) {
	b := &Bands{rand: rand}
	for _, ch := range channels {
		c := occupied.Default
		c.LoHz, c.HiHz = ch.LoHz, ch.HiHz
		if _, published := detect.OccupiedBand.NameIndex(ch.Band); published {
			c.Name = ch.Band
		}
		d, err := occupied.New(c)
		if err != nil {
			return nil, fmt.Errorf("panel: band %s: %w", ch.Band, err)
		}
		b.channels = append(b.channels, band{Detector: d, coverage: fmt.Sprintf("power detector of %s, ±%.1f dB: %s to %s; cannot see: what it is",
			ch.Band, ch.UncertaintyDB, finding.Hertz("en", ch.LoHz), finding.Hertz("en", ch.HiHz))})
	}
	return b, nil
}

// Take takes the levels of one dwell, which ended at the time now, and returns what has appeared or gone. A channel
// that is missing is learned anew.
func (b *Bands) Take(now time.Time, levels []power.Level) (out []finding.Finding) {
	b.times[b.index%int64(len(b.times))] = now
	for _, l := range levels {
		if l.Channel < 0 || l.Channel >= len(b.channels) {
			continue
		}
		ch := &b.channels[l.Channel]
		b.sample[0] = float32(math.Pow(10, l.MeanDBm/20))
		b.found = ch.Detect(b.found[:0], b.index, b.sample[:])
		for _, d := range b.found {
			out = append(out, b.finding(now, ch, d))
		}
	}
	b.index++
	return out
}

// finding adds to a detection what the room knows.
func (b *Bands) finding(now time.Time, ch *band, d detect.Detection) finding.Finding {
	if d.Edge == detect.Appeared {
		start := b.at(d.Start)
		ch.open = finding.Finding{ID: finding.NewID(now, b.rand), Start: start}
	}
	f := finding.Finding{ID: ch.open.ID, Kind: d.Kind, Name: d.Name, Alarm: d.Alarm, Start: ch.open.Start, Hz: d.Hz, BwHz: d.BwHz, LevelDB: d.LevelDB,
		SNRDB: d.SNRDB, Statistic: d.Statistic, Threshold: d.Threshold, Pfa: d.Pfa, Coverage: ch.coverage}
	if d.Edge == detect.Gone {
		end := b.at(d.End - 1)
		f.End = &end
	}
	return f
}

// at returns when a dwell ended; one that is too long ago ended with the oldest that is known.
func (b *Bands) at(index int64) time.Time {
	n := int64(len(b.times))
	return b.times[max(index, b.index-n+1, 0)%n]
}
