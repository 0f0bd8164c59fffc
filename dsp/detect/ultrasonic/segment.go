package ultrasonic

import "math"

// peak is one local maximum of a frame's spectrum that stands out of the floor.
type peak struct {
	hz    float64
	power float64 // full-scale sine = 1
	floor float64 // mean noise power per bin, same unit
}

// segment is a tone that stays on its frequency: one symbol, a steady line, or a partial of music.
type segment struct {
	born       int64 // frame number of the first peak
	last       int64 // frame number of the latest peak
	hits       int   // peaks
	hz         float64
	first      float64     // mean frequency of the first peaks
	power      float64     // sum of the peaks' powers
	square     float64     // … and of their squares
	floor      float64     // sum of the floors
	supported  int         // frames in which audible lines of at least similar level sounded too
	levels     [32]float32 // power of the first peaks
	toneTrack  uint32      // track of the ultrasonic-tone reported for it, 0 = none
	used       bool        // slot in use
	ultrasonic bool
}

const firstPeaks = 4 // that make segment.first

func (s *segment) add(frame int64, p peak) {
	s.last = frame
	s.hits++
	n := float64(min(s.hits, 12))
	s.hz += (p.hz - s.hz) / n
	if s.hits <= firstPeaks {
		s.first = s.hz
	}
	s.power += p.power
	s.square += p.power * p.power
	s.floor += p.floor
	if s.hits <= len(s.levels) {
		s.levels[s.hits-1] = float32(p.power)
	}
}

// stands reports whether the tone keeps its level within 6 dB: what is struck decays as fast at first as later, a
// symbol stands for its length and then falls off. It stands for most of the segment, but for the symbol's edges;
// where a strong one lingers in a room for longer than it lasted, at least for twice as long as it takes to fall on
// by another 6 dB.
func (s *segment) stands() bool {
	ls := s.levels[:min(s.hits, len(s.levels))]
	top := float32(0)
	for _, v := range ls {
		top = max(top, v)
	}
	n, falling := 0, 0
	for _, v := range ls {
		switch {
		case v >= top/4:
			n++
		case v >= top/16:
			falling++
		}
	}
	return 2*n >= len(ls) || n >= minFrames+2 && n >= 2*falling
}

// frames is how long the segment lasts, in frames.
func (s *segment) frames() int { return int(s.last-s.born) + 1 }

// drift is how far the tone has moved since its first peaks, Hz.
func (s *segment) drift() float64 { return math.Abs(s.hz - s.first) }

// meanPower is the tone's mean power, full-scale sine = 1; weighted by itself, so that the frames into which only
// part of the tone falls count little.
func (s *segment) meanPower() float64 { return s.square / s.power }

// explained reports whether audible lines sounded through most of it: a partial of music or of a bell.
func (s *segment) explained() bool { return 5*s.supported >= 2*s.frames() }

// tracker links the peaks of successive frames into segments.
type tracker struct {
	reach    float64 // Hz a peak may lie off its segment
	patience int64   // frames a segment survives without a peak
	splitHz  float64 // at and above: ultrasonic
	slots    []segment
	taken    []bool // peaks of this frame already linked
}

func newTracker(reach, splitHz float64, slots, peaks int) *tracker {
	return &tracker{reach: reach, patience: 1, splitHz: splitHz, slots: make([]segment, slots), taken: make([]bool, peaks)}
}

// link takes one frame's peaks, in ascending frequency, and calls ended for every segment that is over.
func (t *tracker) link(frame int64, peaks []peak, ended func(*segment)) {
	taken := t.taken[:len(peaks)]
	clear(taken)
	for i := range t.slots {
		s := &t.slots[i]
		if !s.used {
			continue
		}
		best, dist := -1, t.reach
		for j := lowerBound(peaks, s.hz-t.reach); j < len(peaks) && peaks[j].hz <= s.hz+t.reach; j++ {
			if d := math.Abs(peaks[j].hz - s.hz); !taken[j] && d <= dist {
				best, dist = j, d
			}
		}
		if best >= 0 {
			taken[best] = true
			s.add(frame, peaks[best])
		} else if frame-s.last > t.patience {
			ended(s)
			s.used = false
		}
	}
	t.support(frame, peaks)
	free := 0
	for j, p := range peaks {
		if taken[j] {
			continue
		}
		for free < len(t.slots) && t.slots[free].used {
			free++
		}
		if free == len(t.slots) {
			return // a frame this full of lines is no beacon
		}
		t.slots[free] = segment{used: true, born: frame, hz: p.hz, ultrasonic: p.hz >= t.splitHz}
		t.slots[free].add(frame, p)
	}
}

const (
	supportPeaks = 2    // audible lines at once that explain a tone …
	supportRatio = 0.25 // … when they have this part of its power, -6 dB
	nearLineHz   = 600.0
	longFrames   = 25 // of a line beside which weaker tones are its modulation
	nearRatio    = 0.25
)

// support marks the ultrasonic segments of this frame that something else explains: audible lines of similar level,
// as of music, bells and machines, or a long and stronger line close by, whose modulation they are.
func (t *tracker) support(frame int64, peaks []peak) {
	for i := range t.slots {
		s := &t.slots[i]
		if !s.used || !s.ultrasonic || s.last != frame {
			continue
		}
		level := s.meanPower()
		n := 0
		for j := 0; j < len(peaks) && peaks[j].hz < t.splitHz && n < supportPeaks; j++ {
			if peaks[j].power >= supportRatio*level {
				n++
			}
		}
		if n >= supportPeaks || t.besideLine(s, level) {
			s.supported++
		}
	}
}

func (t *tracker) besideLine(s *segment, level float64) bool {
	for i := range t.slots {
		l := &t.slots[i]
		if l.used && l != s && l.frames() >= longFrames && math.Abs(l.hz-s.hz) < nearLineHz && nearRatio*l.meanPower() > level {
			return true
		}
	}
	return false
}

func lowerBound(peaks []peak, hz float64) int {
	lo, hi := 0, len(peaks)
	for lo < hi {
		if m := (lo + hi) / 2; peaks[m].hz < hz {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}
