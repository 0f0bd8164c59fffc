package ultrasonic

import "math"

const (
	scrapHits  = 2 // frames: less is noise
	maxScraps  = 256
	scrapRatio = 0.1   // of the symbols' power that a scrap must have to count, -10 dB: less is their own reverberation
	scrapHz    = 100.0 // on each side of the symbols' band
)

// scrap is an ended segment that is no symbol: too short, drifting or decaying.
type scrap struct {
	last  int64 // frame
	hz    float64
	power float64 // mean, full-scale sine = 1
	hits  int
}

// scraps remembers the latest of them. A codec's remains, keys and voices are made of scraps, among which a few
// happen to last; a transmission is made of symbols.
type scraps struct {
	ring []scrap
	next int
}

func newScraps() scraps { return scraps{ring: make([]scrap, 0, maxScraps)} }

func (r *scraps) reset() { r.ring, r.next = r.ring[:0], 0 }

func (r *scraps) add(s *segment) {
	c := scrap{last: s.last, hz: s.hz, power: s.meanPower(), hits: s.hits}
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, c)
		return
	}
	r.ring[r.next] = c
	r.next = (r.next + 1) % len(r.ring)
}

// resumed reports whether y goes on where a scrap broke off.
func (r *scraps) resumed(y *symbol) bool {
	for i := range r.ring {
		if c := &r.ring[i]; math.Abs(c.hz-y.hz) < returnHz && c.last < y.born && y.born-c.last <= holeFrames {
			return true
		}
	}
	return false
}

// purity is the share, in frames of tones, that the symbols let through by v have in what sounds in their band.
func (b *beacon) purity(v sieve) float64 {
	lo, hi := math.Inf(1), 0.0
	frames, level, n := 0.0, 0.0, 0.0
	b.each(v, func(y *symbol) {
		lo, hi = math.Min(lo, y.hz), math.Max(hi, y.hz)
		frames += float64(y.last-y.born) + 1
		level += math.Log(y.power)
		n++
	})
	if n == 0 {
		return 0
	}
	least := scrapRatio * math.Exp(level/n)
	other := 0.0
	for i := range b.scraps.ring {
		if c := &b.scraps.ring[i]; c.last >= v.since && c.hz > lo-scrapHz && c.hz < hi+scrapHz && c.power >= least {
			other += float64(c.hits)
		}
	}
	return frames / (frames + other)
}
