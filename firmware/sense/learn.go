package sense

import (
	"math"
	"slices"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
)

// sameShare of two bandwidths is how far apart two emissions of one entry may lie.
const sameShare = 0.5

// learn notes an emission for the baseline: one entry for each place in the spectrum, with its greatest level.
func (d *Desk) learn(x detect.Detection) {
	hz := d.absolute(radio, x.Hz)
	for i := range d.learned {
		e := &d.learned[i]
		if math.Abs(e.Hz-hz) <= sameShare*(e.BwHz+x.BwHz) {
			e.LevelDB = math.Max(e.LevelDB, x.LevelDB)
			e.BwHz = math.Max(e.BwHz, x.BwHz)
			return
		}
	}
	if len(d.learned) < MaxBaseline {
		d.learned = append(d.learned, Emitter{Hz: hz, BwHz: x.BwHz, LevelDB: x.LevelDB})
	} else {
		d.health |= record.Crowded
	}
}

// SetLearning begins learning from nothing, or ends it, from when on what was learned leaves. It reports whether that
// is a change.
func (d *Desk) SetLearning(on bool) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if on == d.learning {
		return false
	}
	d.learning = on
	if on {
		d.learned, d.sending = nil, -1
	} else {
		d.sending = 0
	}
	return true
}

// Learned returns a copy of what was learned last.
func (d *Desk) Learned() []Emitter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.learned)
}
