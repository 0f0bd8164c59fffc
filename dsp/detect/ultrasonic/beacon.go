package ultrasonic

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// symbol is a finished or live segment as the beacon's evidence remembers it.
type symbol struct {
	born, last int64 // frames
	hz         float64
	power      float64 // mean, full-scale sine = 1
	floor      float64 // mean noise per bin
	weight     float64
	explained  bool
	live       bool
}

const (
	keepAliveHits  = 4 // frames of a line that show an open beacon to go on
	keepAliveLines = 3 // … of so many at once
	keepAliveHz    = 300.0
	decideEvery    = 4    // frames
	windowSeconds  = 1.5  // of evidence for an unknown beacon
	memorySeconds  = 9.0  // of evidence for a named one: two words of a technology that speaks every 4 s
	noiseRate      = 0.6  // segments per second and 8 kHz under noise at Default; measured by TestNoiseRate
	maxWeight      = 15.0 // of one segment
	strongWeight   = 1.0  // of a symbol whose end or beginning counts as keying
	maxDrift       = 8.0  // Hz a symbol may drift
	sameTone       = 10.0 // Hz within which two segments carry the same tone
	nameNats       = 3.5  // evidence that names a confirmed beacon
	keyNats        = 4.5  // evidence with which a few keyed tones are a beacon
	spellNats      = 12.0 // evidence that overrules the explanation by audible lines
	maxSymbols     = 256
)

type edge int

const (
	nothing edge = iota
	appeared
	gone
)

// beacon gathers tone segments into a transmission.
type beacon struct {
	c         Config
	dt        float64 // seconds per frame
	hi        float64
	ts        []technology
	ring      []symbol // finished, oldest first
	live      []symbol
	tones     []float64 // scratch: distinct tones
	threshold float64   // weight in windowSeconds that noise reaches with probability Pfa
	longer    float64   // the same for memorySeconds

	open       bool
	track      uint32
	tech       int
	confidence float64
	peakWeight float64
	first      int64
	latest     int64
	loHz, hiHz float64
	around     int // lines in the beacon's band now
}

func newBeacon(c Config, dt, hi float64) beacon {
	b := beacon{c: c, dt: dt, hi: hi, ts: technologies(), ring: make([]symbol, 0, maxSymbols),
		live: make([]symbol, 0, maxSegments), tones: make([]float64, 0, maxSymbols)}
	rate := noiseRate * (hi - c.LoHz) / 8000
	b.threshold = poissonTail(rate*windowSeconds, c.Pfa)
	b.longer = poissonTail(rate*memorySeconds, c.Pfa)
	b.reset()
	return b
}

// poissonTail returns the smallest count that a Poisson variable of mean mu exceeds with probability at most p.
func poissonTail(mu, p float64) float64 {
	d := distuv.Poisson{Lambda: mu}
	k := 1.0
	for d.Survival(k) > p {
		k++
	}
	return k + 1
}

// reset forgets everything: what was heard is told, and the next transmission speaks for itself.
func (b *beacon) reset() {
	b.ring, b.live = b.ring[:0], b.live[:0]
	b.open, b.tech, b.confidence, b.peakWeight = false, -1, 0, 0
}

// steady reports whether a live segment has lasted too long to be a symbol.
func (b *beacon) steady(s *segment) bool { return float64(s.frames())*b.dt >= b.c.ToneAfter }

// add remembers a segment, live or ended.
func (b *beacon) add(s *segment, live bool) {
	if s.hits < minFrames || s.drift() > maxDrift || b.steady(s) {
		return
	}
	y := symbol{born: s.born, last: s.last, hz: s.hz, power: s.meanPower(), floor: s.floor / float64(s.hits),
		weight: math.Min(maxWeight, float64(s.hits-minFrames+1)/2), explained: s.explained(), live: live}
	if live {
		b.live = append(b.live, y)
		return
	}
	if len(b.ring) == maxSymbols {
		copy(b.ring, b.ring[1:])
		b.ring = b.ring[:maxSymbols-1]
	}
	b.ring = append(b.ring, y)
	if b.open && !y.explained {
		b.widen(&y)
	}
}

// widen stretches the beacon's extent over y.
func (b *beacon) widen(y *symbol) {
	b.loHz, b.hiHz = math.Min(b.loHz, y.hz), math.Max(b.hiHz, y.hz)
	b.first, b.latest = min(b.first, y.born), max(b.latest, y.last)
}

// gather walks the symbols heard since a frame and returns their weight, how often the tones changed, how many
// sounded at once; the distinct tones are left in b.tones.
func (b *beacon) gather(since int64, explained bool) (weight float64, symbols, atOnce int) {
	b.tones = b.tones[:0]
	atOnce = b.eachSince(since, explained, func(y *symbol) {
		weight += y.weight
		symbols++
		for _, t := range b.tones {
			if math.Abs(t-y.hz) < sameTone {
				return
			}
		}
		b.tones = append(b.tones, y.hz)
	})
	return weight, symbols, atOnce
}

func (b *beacon) eachSince(since int64, explained bool, f func(*symbol)) (atOnce int) {
	visit := func(ys []symbol) {
		for i := range ys {
			if y := &ys[i]; y.last >= since && (explained || !y.explained) {
				f(y)
				atOnce = max(atOnce, b.overlap(y, since))
			}
		}
	}
	visit(b.ring)
	visit(b.live)
	return atOnce
}

// keyed counts the symbols that begin after another one's end: what a line that is merely there does not do.
func (b *beacon) keyed(since int64, explained bool) (n int) {
	first := int64(math.MaxInt64)
	b.eachSince(since, explained, func(y *symbol) {
		if !y.live && y.weight >= strongWeight {
			first = min(first, y.last)
		}
	})
	b.eachSince(since, explained, func(y *symbol) {
		if y.born >= first-1 && y.weight >= strongWeight {
			n++
		}
	})
	return n
}

// overlap counts the symbols that sound in the middle of y.
func (b *beacon) overlap(y *symbol, since int64) (n int) {
	mid := (y.born + y.last) / 2
	for _, ys := range [2][]symbol{b.ring, b.live} {
		for i := range ys {
			if z := &ys[i]; z.last >= since && z.born <= mid && mid <= z.last {
				n++
			}
		}
	}
	return n
}

// decide weighs the evidence after every few frames, and after the final one.
func (b *beacon) decide(frame int64, final bool) edge {
	if len(b.ring) == 0 && len(b.live) == 0 {
		return nothing
	}
	if frame%decideEvery != 0 && !final {
		return nothing
	}
	b.forget(frame)
	if b.open {
		return b.follow(frame)
	}
	short := frame - int64(windowSeconds/b.dt)
	long := frame - int64(memorySeconds/b.dt)
	w, n, atOnce := b.gather(short, false)
	unknown := w >= b.threshold && n >= 4 && len(b.tones) >= 3 && b.keyed(short, false) >= 2
	tech, llr, conf := name(b.ts, b.tones, atOnce, b.c.LoHz, b.hi)
	if unknown {
		return b.begin(short, w, tech, llr, conf)
	}
	w, n, atOnce = b.gather(long, false)
	if w >= b.longer && n >= 2 && len(b.tones) >= 2 && b.keyed(long, false) >= 1 {
		if tech, llr, conf = name(b.ts, b.tones, atOnce, b.c.LoHz, b.hi); llr >= keyNats {
			return b.begin(long, w, tech, llr, conf)
		}
	}
	return nothing
}

func (b *beacon) begin(since int64, weight float64, tech int, llr, conf float64) edge {
	b.open, b.peakWeight = true, weight
	b.first, b.latest = math.MaxInt64, 0
	b.loHz, b.hiHz = math.Inf(1), 0
	b.eachSince(since, false, b.widen)
	b.judge(tech, llr, conf)
	return appeared
}

func (b *beacon) judge(tech int, llr, conf float64) {
	if llr >= nameNats && conf >= b.confidence {
		b.tech, b.confidence = tech, conf
	}
}

func (b *beacon) name() string {
	if b.tech < 0 {
		return "unknown"
	}
	return b.ts[b.tech].name
}

// level returns the mean power while at least one symbol sounds, and the mean floor per bin.
func (b *beacon) level() (power, floor float64) {
	var energy, floors, n float64
	on := 0
	end := int64(math.MinInt64)
	b.eachSince(b.first, false, func(y *symbol) { // born in nearly ascending order: count what sticks out
		frames := float64(y.last-y.born) + 1
		energy += y.power * frames
		floors += y.floor * frames
		n += frames
		if from := max(y.born, end+1); y.last >= from {
			on += int(y.last-from) + 1
		}
		end = max(end, y.last)
	})
	return energy / float64(max(on, 1)), floors / math.Max(n, 1)
}

// follow keeps an open beacon up to date and closes it after silence.
func (b *beacon) follow(frame int64) edge {
	w, _, atOnce := b.gather(b.first, false)
	b.peakWeight = math.Max(b.peakWeight, w)
	tech, llr, conf := name(b.ts, b.tones, atOnce, b.c.LoHz, b.hi)
	b.judge(tech, llr, conf)
	if b.around >= keepAliveLines {
		b.latest = max(b.latest, frame)
	}
	gap := 2.0
	if b.tech >= 0 {
		gap = b.ts[b.tech].gap
	}
	if float64(frame-b.latest)*b.dt > gap+0.2 {
		b.open = false
		return gone
	}
	return nothing
}

// forget drops symbols that no window reaches any more.
func (b *beacon) forget(frame int64) {
	since := frame - int64(memorySeconds/b.dt)
	if b.open {
		since = min(since, b.first)
	}
	i := 0
	for i < len(b.ring) && b.ring[i].last < since {
		i++
	}
	if i > 0 {
		b.ring = b.ring[:copy(b.ring, b.ring[i:])]
	}
}
