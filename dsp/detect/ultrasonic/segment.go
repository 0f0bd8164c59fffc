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
	first      float64 // mean frequency of the first peaks
	power      float64 // sum of the peaks' powers
	floor      float64 // sum of the floors
	supported  int     // frames in which audible lines of at least similar level sounded too
	toneTrack  uint32  // track of the ultrasonic-tone reported for it, 0 = none
	used       bool    // slot in use
	counted    bool    // taken into the beacon's evidence
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
	s.floor += p.floor
}

// frames is how long the segment lasts, in frames.
func (s *segment) frames() int { return int(s.last-s.born) + 1 }

// drift is how far the tone has moved since its first peaks, Hz.
func (s *segment) drift() float64 { return math.Abs(s.hz - s.first) }

// meanPower is the tone's mean power, full-scale sine = 1.
func (s *segment) meanPower() float64 { return s.power / float64(s.hits) }

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

func (t *tracker) reset() {
	for i := range t.slots {
		t.slots[i].used = false
	}
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
	t.support(frame)
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
	supportFrames = 4    // an audible line counts once it has lasted this long
	supportRatio  = 0.25 // … at this part of the tone's power, -6 dB
)

// support marks the ultrasonic segments of this frame beside which audible lines of similar level sound.
func (t *tracker) support(frame int64) {
	audible := 0.0
	for i := range t.slots {
		if s := &t.slots[i]; s.used && !s.ultrasonic && s.last == frame && s.hits >= supportFrames {
			audible = math.Max(audible, s.meanPower())
		}
	}
	for i := range t.slots {
		if s := &t.slots[i]; s.used && s.ultrasonic && s.last == frame && audible >= supportRatio*s.meanPower() {
			s.supported++
		}
	}
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
