package emitter

import (
	"math"

	"subrosa/dsp/cfar"
	"subrosa/dsp/detect"
)

// burst is one transmission under way: hot cells that belong together.
type burst struct {
	used         bool
	first, last  int64 // frames
	hot          int   // frames with a hot cell
	loBin, hiBin int
	best         float64 // greatest cell power over floor
	peak         float32 // greatest cell power
	power        float64 // sum over hot cells of the power above the floor
	noise        float64 // sum over hot cells of the floor
	centre       float64 // power-weighted bin position, summed
	// at[k] is when a cell first and last reached level k, in steps of levelDB: what is weaker than the burst by
	// more than rangeDB neither begins it nor prolongs it, and how strong it is shows only later.
	at [levels]struct {
		first, last int64
		cells       int
	}
}

const (
	maxBursts = 32
	minHot    = 6     // frames
	leastHot  = 4     // … of a very strong burst
	strongDB  = 15.0  // by which its best cell exceeds the threshold
	reachHz   = 50e3  // by which a cell may lie off the burst so far
	widestHz  = 400e3 // of one burst
	rangeDB   = 12.0  // of one burst's cells
	levelDB   = 3.0   // steps of level …
	levels    = 48    // … from lowestDB
	lowestDB  = -130.0
	sureDB    = 3.0  // by which the best cell exceeds the threshold in a burst of few frames
	dense     = 40   // hot frames with which a burst needs no such cell
	imageDB   = 6.0  // by which a burst is weaker than the one whose image it is
	spurDB    = 12.0 // … whose product by overload it is
)

type bursts struct {
	slots   [maxBursts]burst
	told    [maxBursts]burst // the latest ones
	next    int              // place in told
	keyed   []int64          // by bin: last frame of a burst that was told there, -1 none
	reach   int
	widest  int
	join    int64
	span    float32
	rim     int   // bins
	slack   int64 // frames
	minBest float64
	strong  float64
}

func newBursts(d *Detector) bursts {
	b := bursts{
		reach:   max(2, int(reachHz/d.binHz)),
		widest:  max(8, int(widestHz/d.binHz)),
		join:    int64(math.Ceil(d.c.JoinMs/1000*d.rate/float64(d.hop))) + 1,
		span:    float32(math.Pow(10, -rangeDB/10)),
		slack:   int64(0.01 * d.rate / float64(d.hop)),
		rim:     d.n / 32,
		keyed:   make([]int64, d.n),
		minBest: float64(d.alpha) * math.Pow(10, sureDB/10),
		strong:  float64(d.alpha) * math.Pow(10, strongDB/10),
	}
	b.reset()
	return b
}

func (b *bursts) reset() {
	for i := range b.keyed {
		b.keyed[i] = -1
	}
	b.slots, b.told = [maxBursts]burst{}, [maxBursts]burst{}
}

// window looks for hot cells in the collected frames.
func (b *bursts) window(d *Detector) {
	for f := range d.filled {
		frame := d.frame + int64(f)
		p := d.psd[f]
		for i := cfar.Above(p, d.limit); i < d.n; i++ {
			b.hit(d, frame, p, i)
			i += cfar.Above(p[i+1:], d.limit[i+1:])
		}
		b.close(d, frame)
	}
}

// hit assigns one hot cell to a burst.
func (b *bursts) hit(d *Detector, frame int64, p []float32, i int) {
	s := b.find(i)
	if s == nil {
		return
	}
	switch {
	case s.used && p[i] < b.span*s.peak:
		return
	case !s.used:
		*s = burst{used: true, first: frame, last: frame - 1, loBin: i, hiBin: i}
	}
	s.last = frame
	s.reach(frame, p[i])
	s.loBin, s.hiBin = min(s.loBin, i), max(s.hiBin, i)
	x := float64(p[i]) - float64(d.floor[i])
	s.power += x
	s.noise += float64(d.floor[i])
	s.centre += x * float64(i)
	s.peak = max(s.peak, p[i])
	s.best = math.Max(s.best, float64(p[i]/d.floor[i]))
}

// reach notes the level of a hot cell.
func (s *burst) reach(frame int64, p float32) {
	top := level(p)
	for k := top; k >= 0; k-- {
		a := &s.at[k]
		if a.cells > 0 && a.last == frame {
			return // and so it is for all below
		}
		if a.cells == 0 {
			a.first = frame
		}
		a.last = frame
		a.cells++
	}
}

func level(p float32) int {
	return max(0, min(levels-1, int((10*math.Log10(float64(p))-lowestDB)/levelDB)))
}

// settle cuts the burst to the frames in which it had its level.
func (s *burst) settle() {
	a := &s.at[max(0, level(s.peak)-int(rangeDB/levelDB))]
	s.first, s.last, s.hot = a.first, a.last, a.cells
}

// find returns the burst that bin i belongs to, a free slot, or nil when there is none. Bursts that the bin shows to
// be one are made one.
func (b *bursts) find(i int) *burst {
	var free, found *burst
	for k := range b.slots {
		s := &b.slots[k]
		if !s.used {
			if free == nil {
				free = s
			}
			continue
		}
		lo, hi := min(s.loBin, i), max(s.hiBin, i)
		if i < s.loBin-b.reach || i > s.hiBin+b.reach || hi-lo > b.widest {
			continue
		}
		if found == nil {
			found = s
		} else if max(hi, found.hiBin)-min(lo, found.loBin) <= b.widest {
			found.join(s)
			s.used = false
		}
	}
	if found == nil {
		return free
	}
	return found
}

// join takes over another burst.
func (s *burst) join(t *burst) {
	s.first, s.last = min(s.first, t.first), max(s.last, t.last)
	s.loBin, s.hiBin = min(s.loBin, t.loBin), max(s.hiBin, t.hiBin)
	s.best, s.peak = math.Max(s.best, t.best), max(s.peak, t.peak)
	s.power, s.noise, s.centre = s.power+t.power, s.noise+t.noise, s.centre+t.centre
	for k := range s.at {
		a, c := &s.at[k], &t.at[k]
		if c.cells == 0 {
			continue
		}
		if a.cells == 0 {
			*a = *c
			continue
		}
		a.first, a.last, a.cells = min(a.first, c.first), max(a.last, c.last), max(a.cells, c.cells)
	}
}

// close ends the bursts that have been silent for longer than the join time.
func (b *bursts) close(d *Detector, frame int64) {
	for k := range b.slots {
		if s := &b.slots[k]; s.used && frame-s.last > b.join {
			b.tell(d, s)
			s.used = false
		}
	}
}

// finish ends all bursts, the strongest first, so that what it caused elsewhere is known as its product.
func (b *bursts) finish(d *Detector) {
	for {
		var s *burst
		for k := range b.slots {
			if t := &b.slots[k]; t.used && (s == nil || t.level() > s.level()) {
				s = t
			}
		}
		if s == nil {
			return
		}
		b.tell(d, s)
		s.used = false
	}
}

// level is the mean power per frame with a hot cell, full scale = 1.
func (s *burst) level() float64 { return s.power / float64(max(1, s.at[0].cells)) }

// position is the power-weighted bin position; the middle where samples that are not finite spoil the weights.
func (s *burst) position() float64 {
	p := s.centre / s.power
	if !(p >= float64(s.loBin) && p <= float64(s.hiBin)) {
		return float64(s.loBin+s.hiBin) / 2
	}
	return p
}

// paused reports whether the burst was silent for a good part of its time: what pauses is no steady emitter.
func (s *burst) paused() bool {
	return float64(s.at[0].cells) < 0.9*float64(s.at[0].last-s.at[0].first+1)
}

// tell reports a burst that is over.
func (b *bursts) tell(d *Detector, s *burst) {
	s.settle()
	if !b.sure(s) || d.onLine(s.position(), s.peak) || d.emitters.covers(s.loBin, s.hiBin) || b.product(d, s) {
		return
	}
	b.told[b.next] = *s
	b.next = (b.next + 1) % maxBursts
	for i := s.loBin; i <= s.hiBin; i++ {
		b.keyed[i] = s.last
	}
	offset, bw, level := d.at(s.position()), float64(s.hiBin-s.loBin+1)*d.binHz, 10*math.Log10(s.level()/enbw)
	use := lookUp(d.absolute(offset))
	long := float64(s.last-s.first)*float64(d.hop)/d.rate > 10
	d.tracks++
	x := detect.Detection{
		Kind: detect.Burst, Name: use.name, Track: d.tracks,
		Start: d.sample(s.first), End: d.sample(s.last), Hz: offset, BwHz: bw,
		LevelDB: level, SNRDB: 10 * math.Log10(s.power/s.noise),
		Statistic: 10 * math.Log10(s.best), Threshold: 10 * math.Log10(float64(d.alpha)), Pfa: d.c.Pfa, Confidence: 1,
		Alarm: (long || !use.shared) && !use.expected && !d.known(offset, bw, level),
	}
	d.dst = append(d.dst, x)
	x.Edge = detect.Gone
	d.dst = append(d.dst, x)
}

// sure reports whether a burst has more and stronger cells than noise has.
func (b *bursts) sure(s *burst) bool {
	return s.hot >= dense || s.hot >= minHot && s.best >= b.minBest || s.hot >= leastHot && s.best >= b.strong
}

// product reports whether s is what a stronger burst of the same time makes in the receiver: its image at the
// mirrored frequency, or a product of overload anywhere.
func (b *bursts) product(d *Detector, s *burst) bool {
	for _, ts := range [2][]burst{b.slots[:], b.told[:]} {
		for i := range ts {
			t := &ts[i]
			if t == s || t.at[0].cells == 0 || !t.used && i >= 0 && &ts[i] == &b.slots[i] || t.first > s.first+b.slack || (!t.used || t.last+b.join < s.last) && t.last+b.slack < s.last {
				continue
			}
			need := spurDB
			switch {
			case s.hiBin <= b.rim && t.hiBin >= d.n-b.rim, t.loBin <= b.rim && s.loBin >= d.n-b.rim:
				need = 0 // one signal on the edge of the band shows at both ends
			case t.loBin <= d.n-s.loBin && d.n-s.hiBin <= t.hiBin:
				need = imageDB
			}
			if 10*math.Log10(t.level()/s.level()) >= need {
				return true
			}
		}
	}
	return false
}

// keys reports whether something that pauses is transmitting in bins lo…hi.
func (b *bursts) keys(lo, hi int) bool {
	for k := range b.slots {
		if s := &b.slots[k]; s.used && lo <= s.hiBin+2 && hi >= s.loBin-2 && s.paused() {
			return true
		}
	}
	return false
}

// keyedSince reports whether a burst was told in bins lo…hi after a frame.
func (b *bursts) keyedSince(lo, hi int, since int64) bool {
	for _, last := range b.keyed[lo : hi+1] {
		if last >= since && last >= 0 {
			return true
		}
	}
	return false
}
