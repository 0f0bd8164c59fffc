package emitter

import (
	"math"

	"subrosa/dsp/detect"
)

// steady is an emitter that is on the air.
type steady struct {
	used         bool
	track        uint32
	loBin, hiBin int
	first        int64   // frame
	level        float64 // dBFS
	offset       float64 // Hz
	width        float64 // Hz
	snr          float64
	told         bool // false: in the baseline, nothing to tell
	seen         bool // in this window
	name         string
	kind         detect.Kind
	alarm        bool
	share        float64
	last         int64 // frame after the latest window in which it was on
}

const (
	enbw        = 1.5 // of a Hann window, in bins: neighbouring bins share a tone's power
	maxEmitters = 64
	onShare     = 0.85 // n of m, as a share: an emitter appears
	offShare    = 0.30 // … and is gone
	leastSeen   = 8    // windows before anything is said
	briefShare  = 0.95 // in a recording shorter than SteadyS
	briefSNR    = 3.0  // dB
	memoryS     = 1.6  // time constant of the share
)

// emitters keeps, for every bin, the share of recent windows in which it stood above the floor.
type emitters struct {
	share   []float32
	since   []int64 // frame from which the bin has been on
	decay   float32
	windows int     // since the beginning or the last gap
	weight  float64 // 1 - (1-1/m)^windows: how much of the share is earned
	ratio   float32 // mean over floor at which a bin is taken
	least   int     // windows before an emitter is told
	brief   int     // windows of the shortest recording that can show one
	memory  int64   // frames for which a burst shows that its bins are keyed
	slots   [maxEmitters]steady
}

func newEmitters(d *Detector) emitters {
	perSecond := d.rate / float64(d.hop*frames)
	m := math.Max(8, memoryS*perSecond)
	looks := 0.53 * frames
	return emitters{
		share: make([]float32, d.n), since: make([]int64, d.n), decay: float32(1 / m),
		ratio:  float32(1 + tail(d.c.PfaMean)/math.Sqrt(looks)*1.25),
		least:  max(leastSeen, int(d.c.SteadyS*perSecond)),
		brief:  max(leastSeen, int(perSecond)),
		memory: int64(d.c.SteadyS * d.rate / float64(d.hop)),
	}
}

// tail is the inverse of the upper Gaussian tail.
func tail(p float64) float64 { return math.Sqrt2 * math.Erfcinv(2*p) }

func (e *emitters) reset() {
	clear(e.share)
	e.windows, e.weight = 0, 0
	for i := range e.slots {
		e.slots[i].used = false
	}
}

// window takes one window's mean spectrum.
func (e *emitters) window(d *Detector) {
	if d.filled < frames/2 {
		return
	}
	e.windows++
	e.weight += (1 - e.weight) * float64(e.decay)
	dc := d.n / 2
	for i, v := range d.mean {
		hit := float32(0)
		if v > e.ratio*d.floor[i] && (i < dc-1 || i > dc+1) {
			hit = 1
		}
		if e.share[i] < 1.5*e.decay {
			e.since[i] = d.frame
		}
		e.share[i] += (hit - e.share[i]) * e.decay
	}
	if e.windows >= e.least {
		e.look(d)
	}
}

// look compares the bins that are on with the emitters known so far.
func (e *emitters) look(d *Detector) {
	for k := range e.slots {
		e.slots[k].seen = false
	}
	on := float32(onShare * e.weight)
	off := float32(offShare * e.weight)
	for i := 0; i < d.n; i++ {
		if e.share[i] < on {
			continue
		}
		lo, hi := i, i
		for gap := 0; i+1 < d.n && gap < 3; i++ {
			if e.share[i+1] >= on {
				hi, gap = i+1, 0
			} else {
				gap++
			}
		}
		e.found(d, lo, hi)
	}
	for k := range e.slots {
		s := &e.slots[k]
		if s.used && e.hit(d, s) {
			s.last = d.frame + int64(d.filled)
			e.measure(d, s)
		}
		if !s.used || s.seen {
			continue
		}
		if peakOf(e.share[s.loBin:s.hiBin+1]) < off {
			e.gone(d, s)
		}
	}
}

// hit reports whether any of an emitter's bins stands above the floor in this window.
func (e *emitters) hit(d *Detector, s *steady) bool {
	for i := s.loBin; i <= s.hiBin; i++ {
		if d.mean[i] > e.ratio*d.floor[i] {
			return true
		}
	}
	return false
}

func peakOf(x []float32) (m float32) {
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// found takes bins lo…hi that are on.
func (e *emitters) found(d *Detector, lo, hi int) {
	var free *steady
	for k := range e.slots {
		s := &e.slots[k]
		if !s.used {
			if free == nil {
				free = s
			}
			continue
		}
		if lo <= s.hiBin+2 && hi >= s.loBin-2 {
			s.loBin, s.hiBin, s.seen = min(s.loBin, lo), max(s.hiBin, hi), true
			return
		}
	}
	if free == nil || hi-lo < 1 || d.pauses(lo, hi) || d.bursts.keyedSince(lo, hi, d.frame-e.memory) {
		return
	}
	if brief := e.windows < e.least; brief && d.bursts.keys(lo, hi) || !brief && d.frame-e.since[(lo+hi)/2] < e.memory {
		return
	}
	*free = steady{used: true, last: d.frame + int64(d.filled), seen: true, loBin: lo, hiBin: hi, first: e.since[(lo+hi)/2], share: float64(peakOf(e.share[lo:hi+1])) / e.weight}
	e.tell(d, free)
}

// measure sums the power over the floor of an emitter's bins, and of those beside them that stand above it: what a
// modulation only visits is not on all the while. It keeps the greatest level.
func (e *emitters) measure(d *Detector, s *steady) {
	above := func(i int) bool { return d.mean[i] > e.ratio*d.floor[i] }
	lo, hi := s.loBin, s.hiBin
	for lo > 0 && above(lo-1) {
		lo--
	}
	for hi < d.n-1 && above(hi+1) {
		hi++
	}
	var power, noise, centre float64
	for i := lo; i <= hi; i++ {
		x := math.Max(0, float64(d.mean[i]-d.floor[i]))
		power += x
		noise += float64(d.floor[i])
		centre += x * float64(i)
	}
	if !(power > 0) || math.IsInf(power, 0) {
		return
	}
	if level := 10 * math.Log10(power/enbw); level > s.level {
		s.level, s.snr, s.offset = level, 10*math.Log10(power/noise), d.at(centre/power)
		s.width = float64(hi-lo+1) * d.binHz
	}
}

func (e *emitters) tell(d *Detector, s *steady) {
	s.level, s.offset, s.width = math.Inf(-1), d.at(float64(s.loBin+s.hiBin)/2), float64(s.hiBin-s.loBin+1)*d.binHz
	e.measure(d, s)
	if e.windows < e.least && (s.snr < briefSNR || s.share < briefShare) {
		s.told = false
		return
	}
	s.told = !d.known(s.offset, s.width, s.level)
	if !s.told {
		return
	}
	b := lookUp(d.absolute(s.offset))
	s.name, s.kind, s.alarm = b.name, detect.NewEmitter, !b.expected
	if b.expected {
		s.kind = detect.OccupiedBand
	}
	d.tracks++
	s.track = d.tracks
	e.emit(d, s, detect.Appeared)
}

func (e *emitters) emit(d *Detector, s *steady, edge detect.Edge) {
	d.dst = append(d.dst, detect.Detection{
		Kind: s.kind, Name: s.name, Edge: edge, Track: s.track, Alarm: s.alarm,
		Start: d.sample(s.first), End: d.sample(s.last), Hz: s.offset, BwHz: s.width,
		LevelDB: s.level, SNRDB: s.snr, Statistic: s.share, Threshold: onShare, Pfa: d.c.PfaMean, Confidence: 1,
	})
}

func (e *emitters) gone(d *Detector, s *steady) {
	if s.told {
		e.emit(d, s, detect.Gone)
	}
	s.used = false
}

// finish ends the stream: in a recording too short for the full time, what was on all the while counts.
func (e *emitters) finish(d *Detector) {
	if e.windows >= e.brief && e.windows < e.least {
		e.look(d)
	}
	for k := range e.slots {
		if s := &e.slots[k]; s.used {
			e.gone(d, s)
		}
	}
}

// mask raises the limit in the bins of emitters, so that only what is clearly stronger is a burst there.
func (e *emitters) mask(d *Detector) {
	for k := range e.slots {
		s := &e.slots[k]
		if !s.used {
			continue
		}
		for i := max(0, s.loBin-2); i <= min(d.n-1, s.hiBin+2); i++ {
			d.limit[i] = max(d.limit[i], d.alpha*d.mean[i])
		}
	}
}

// covers reports whether bins lo…hi lie on an emitter.
func (e *emitters) covers(lo, hi int) bool {
	for k := range e.slots {
		if s := &e.slots[k]; s.used && lo <= s.hiBin+2 && hi >= s.loBin-2 {
			return true
		}
	}
	return false
}

// known reports whether an emission is in the baseline and no louder than it was.
func (d *Detector) known(offset, bw, level float64) bool {
	hz := offset + max(0, d.c.Centre)
	for _, k := range d.c.Baseline {
		if math.Abs(hz-k.Hz) <= (bw+k.BwHz)/2+2*d.binHz && level <= k.LevelDB+d.c.LouderDB {
			return true
		}
	}
	return false
}
