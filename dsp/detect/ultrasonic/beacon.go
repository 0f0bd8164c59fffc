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
	clear      bool
	resumes    bool // a tone that broke off just before
	live       bool
}

const (
	keepAliveHits  = 4 // frames of a line that show an open beacon to go on
	keepAliveLines = 3 // … of so many at once
	keepAliveHz    = 300.0
	decideEvery    = 4     // frames
	windowSeconds  = 1.5   // of evidence for an unknown beacon
	memorySeconds  = 9.0   // of evidence for a named one: two words of a technology that speaks every 4 s
	noiseRate      = 0.001 // segments per second and 8 kHz under noise at Default; bounded by TestNoiseRate
	maxSymbols     = 512
	maxWeight      = 15.0   // of one segment
	maxDrift       = 8.0    // Hz a symbol may drift
	clearRatio     = 3.2    // over the threshold of a cell, 5 dB: of a tone that noise does not cut
	holeFrames     = 4      // of a line
	clutterTop     = 23.5e3 // Hz: clutter is strewn below, whatever the sample rate
	bandHz         = 6000.0 // of an unknown modem: loudspeakers and published modems do not fill more
	nameNats       = 2.5    // evidence of its alphabet that names a confirmed beacon, where
	sure           = 0.8    // … the probability that it is this technology and no other is at least so much
	waitNats       = -2.0   // evidence from which on more tones may still name a beacon
	waitWeight     = 7.0    // times the threshold: of evidence after which no name is waited for,
	waitSeconds    = 0.25   // … nor after a silence
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
	hi, top   float64
	ts        []technology
	ring      []symbol // finished, oldest first
	live      []symbol
	tones     []float64 // scratch: distinct tones
	births    []int64   // scratch
	heard     float64   // weight and tones at once that spells saw
	atOnce    int
	threshold float64 // weight in windowSeconds that noise reaches with probability Pfa
	longer    float64 // the same for memorySeconds
	clear     float64 // times the floor: what noise does not cut
	scraps    scraps

	open       bool
	spelt      bool    // explained symbols count too
	power      float64 // as last measured: the ring may have forgotten the symbols
	noise      float64
	track      uint32
	tech       int
	confidence float64
	peakWeight float64
	first      int64
	latest     int64
	loHz, hiHz float64
	around     int // lines in the beacon's band now
}

func newBeacon(c Config, dt, hi, clear float64) beacon {
	b := beacon{clear: clear, scraps: newScraps(), power: 1e-12, noise: 1e-12, c: c, dt: dt, ts: technologies(), ring: make([]symbol, 0, maxSymbols),
		top: hi, hi: math.Min(hi, math.Max(clutterTop, c.LoHz+500)),
		live: make([]symbol, 0, maxSegments), tones: make([]float64, 0, maxSymbols+maxSegments), births: make([]int64, 0, maxSymbols+maxSegments)}
	rate := noiseRate * (hi - c.LoHz) / 8000
	b.threshold = math.Max(clutter, poissonTail(rate*windowSeconds, c.Pfa))
	b.longer = math.Max(clutterLong, poissonTail(rate*memorySeconds, c.Pfa))
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
	b.scraps.reset()
	b.open, b.tech, b.confidence, b.peakWeight = false, -1, 0, 0
}

// steady reports whether a live segment has lasted too long to be a symbol.
func (b *beacon) steady(s *segment) bool { return float64(s.frames())*b.dt >= b.c.ToneAfter }

// add remembers a segment, live or ended.
func (b *beacon) add(s *segment, live bool) {
	if b.steady(s) {
		return
	}
	if s.hits < minFrames || s.drift() > maxDrift || !s.stands() {
		if !live && s.hits >= scrapHits {
			b.scraps.add(s)
		}
		return
	}
	y := symbol{born: s.born, last: s.last, hz: s.hz, power: s.meanPower(), floor: s.floor / float64(s.hits),
		weight: math.Min(maxWeight, float64(s.hits-minFrames+1)/2), explained: s.explained(), live: live}
	y.clear = y.power >= b.clear*y.floor
	y.resumes = b.resumes(&y)
	if live {
		b.live = append(b.live, y)
		return
	}
	if len(b.ring) == maxSymbols {
		copy(b.ring, b.ring[1:])
		b.ring = b.ring[:maxSymbols-1]
	}
	b.ring = append(b.ring, y)
	if b.open && (b.spelt || !y.explained) {
		b.widen(&y)
	}
}

// resumes reports whether y goes on where another symbol or a scrap broke off: one line with a hole in it.
func (b *beacon) resumes(y *symbol) bool {
	for i := len(b.ring) - 1; i >= 0; i-- {
		if z := &b.ring[i]; math.Abs(z.hz-y.hz) < returnHz && z.last < y.born && y.born-z.last <= holeFrames {
			return true
		}
	}
	return b.scraps.resumed(y)
}

// widen stretches the beacon's extent over y.
func (b *beacon) widen(y *symbol) {
	b.loHz, b.hiHz = math.Min(b.loHz, y.hz), math.Max(b.hiHz, y.hz)
	b.first, b.latest = min(b.first, y.born), max(b.latest, y.last)
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
	short := sieve{since: frame - int64(windowSeconds/b.dt), clear: true}
	for short.lo = b.c.LoHz; short.lo == b.c.LoHz || short.lo+bandHz/2 < b.c.HiHz && short.lo+bandHz/2 < b.top; short.lo += bandHz / 2 {
		short.hi = short.lo + bandHz
		if b.keys(short) {
			tech, llr, conf := name(b.ts, b.tones, b.atOnce, b.c.LoHz, b.hi)
			if llr > waitNats && llr < nameNats && b.heard < waitWeight*b.threshold && b.sounds(short, frame) && !final {
				continue // a few more tones may name it
			}
			return b.begin(short.since, b.heard, tech, llr, conf, false)
		}
	}
	// Clutter consists of short segments; only chords, which begin together, are believed to be made of such.
	long := frame - int64(memorySeconds/b.dt)
	for _, v := range [...]sieve{{since: long, least: keyWeight}, {since: long},
		{since: long, least: keyWeight, explained: true}, {since: long, explained: true}} {
		if b.spells(v) {
			tech, llr, conf := name(b.ts, b.tones, b.atOnce, b.c.LoHz, b.hi)
			return b.begin(long, b.heard, tech, llr, conf, v.explained)
		}
	}
	return nothing
}

func (b *beacon) begin(since int64, weight float64, tech int, llr, conf float64, explained bool) edge {
	b.open, b.peakWeight, b.spelt = true, weight, explained
	b.first, b.latest = math.MaxInt64, 0
	b.loHz, b.hiHz = math.Inf(1), 0
	v := sieve{since: since, least: keyWeight, explained: explained} // what is shorter may be clutter before the message
	b.each(v, b.widen)
	if b.latest == 0 {
		v.least = 0
		b.each(v, b.widen)
	}
	b.judge(tech, llr, conf)
	return appeared
}

func (b *beacon) judge(tech int, llr, conf float64) {
	if llr >= nameNats && conf >= math.Max(sure, b.confidence) {
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
	b.each(sieve{since: b.first, explained: b.spelt}, func(y *symbol) { // born in nearly ascending order: count what sticks out
		frames := float64(y.last-y.born) + 1
		energy += y.power * frames
		floors += y.floor * frames
		n += frames
		if from := max(y.born, end+1); y.last >= from {
			on += int(y.last-from) + 1
		}
		end = max(end, y.last)
	})
	if on > 0 {
		b.power, b.noise = energy/float64(on), floors/n
	}
	return b.power, b.noise
}

// follow keeps an open beacon up to date and closes it after silence.
func (b *beacon) follow(frame int64) edge {
	w, _, atOnce := b.gather(sieve{since: b.first, explained: b.spelt})
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
