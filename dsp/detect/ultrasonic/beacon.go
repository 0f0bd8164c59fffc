package ultrasonic

import (
	"math"
	"slices"

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

// sieve says which symbols count.
type sieve struct {
	since     int64   // frame: those heard since
	least     float64 // weight: no lighter ones
	explained bool    // also those that audible lines explain
	clear     bool    // only those so far above the floor that noise cannot have cut them out of a line
	lo, hi    float64 // Hz; 0: any
}

func (v *sieve) lets(y *symbol) bool {
	return y.last >= v.since && y.weight >= v.least && (v.explained || !y.explained) && (!v.clear || y.clear) &&
		(v.hi == 0 || y.hz >= v.lo && y.hz < v.hi)
}

const (
	keepAliveHits  = 4 // frames of a line that show an open beacon to go on
	keepAliveLines = 3 // … of so many at once
	keepAliveHz    = 300.0
	decideEvery    = 4     // frames
	windowSeconds  = 1.5   // of evidence for an unknown beacon
	memorySeconds  = 9.0   // of evidence for a named one: two words of a technology that speaks every 4 s
	noiseRate      = 0.001 // segments per second and 8 kHz under noise at Default; bounded by TestNoiseRate
	clutter        = 6.0   // weight in windowSeconds that sounds other than noise may reach: codecs, sibilants, keys
	clutterLong    = 9.0   // … and in memorySeconds
	clutterLeast   = 5.0   // … also where the tones spell a technology
	natsPerWeight  = 2.0   // evidence of the alphabet that stands for a weight of 1
	clockTicks     = 4     // equal intervals in a row that show a symbol clock
	clockShare     = 3     // one in so many of all intervals that these must be
	beatNats       = 2.0   // evidence of a published symbol clock that may stand in for whole chords
	clockJitter    = 2     // frames
	maxWeight      = 15.0  // of one segment
	keyWeight      = 1.0   // of a symbol whose end or beginning counts as keying
	fewWeight      = 3.0   // mean weight of the symbols where fewer than manyTones tell the technology
	manyTones      = 4
	maxDrift       = 8.0  // Hz a symbol may drift
	sameTone       = 10.0 // Hz within which two segments carry the same tone
	returnHz       = 6.0  // within which a symbol comes back to a tone
	apartHz        = 40.0 // between tones that count as different ones of an unknown alphabet
	repeats        = 2    // returns to a tone that an unknown beacon must show: chance does not repeat itself
	chordTones     = 4    // beginnings at once that make a chord
	chords         = 2    // that a technology of many tones at once must show
	chordFrames    = 2
	nameNats       = 2.5    // evidence that names a confirmed beacon
	keyNats        = 4.5    // evidence with which keyed tones are a beacon
	clutterTop     = 23.5e3 // Hz: clutter is strewn below, whatever the sample rate
	spellNats      = 12.0   // evidence that overrules the explanation by audible lines
	maxSymbols     = 512
	bandHz         = 6000.0 // of an unknown modem: loudspeakers and published modems do not fill more
	slowWeight     = 5.0    // mean weight of symbols so long that nothing but a modem's stand so
	holeFrames     = 4      // of a line
	sure           = 0.8    // probability of a name that is told
	waitNats       = -2.0   // evidence from which on more tones may still name a beacon
	waitWeight     = 7.0    // times the threshold: of evidence after which no name is waited for,
	waitSeconds    = 0.25   // nor after a silence
	pure           = 0.8    // share of symbols in what sounds in their band
	clearRatio     = 3.2    // over the threshold of a cell, 5 dB: of a tone that noise does not cut
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

// gather walks the symbols that v lets through and returns their weight, their number and how many sounded at once;
// the distinct tones are left in b.tones.
func (b *beacon) gather(v sieve) (weight float64, symbols, atOnce int) {
	b.tones = b.tones[:0]
	b.each(v, func(y *symbol) {
		weight += y.weight
		symbols++
		atOnce = max(atOnce, b.overlap(y, v.since))
		for _, t := range b.tones {
			if math.Abs(t-y.hz) < sameTone {
				return
			}
		}
		b.tones = append(b.tones, y.hz)
	})
	return weight, symbols, atOnce
}

// each calls f for the symbols that v lets through, finished ones first.
func (b *beacon) each(v sieve, f func(*symbol)) {
	for _, ys := range [2][]symbol{b.ring, b.live} {
		for i := range ys {
			if v.lets(&ys[i]) {
				f(&ys[i])
			}
		}
	}
}

// keyed counts the symbols that begin after another one's end: what a line that is merely there does not do.
func (b *beacon) keyed(v sieve) (n int) {
	v.least = math.Max(v.least, keyWeight)
	first := int64(math.MaxInt64)
	b.each(v, func(y *symbol) {
		if !y.live {
			first = min(first, y.last-(y.last-y.born)/5) // a room lets it linger
		}
	})
	b.each(v, func(y *symbol) {
		if y.born >= first-1 && !y.resumes {
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

// keys reports whether the symbols are keyed as a modem keys, whatever its alphabet: tones that stand, change, and are
// nearly all that sounds in their band, so many that nothing else is known to make them, or fewer that also keep a
// clock or come back to their places.
func (b *beacon) keys(v sieve) bool {
	w, n, atOnce := b.gather(v)
	b.heard, b.atOnce = w, atOnce
	if w < 2*b.threshold || n < 3 || b.apart() < 3 || b.keyed(v) < 2 || b.purity(v) < pure {
		return false
	}
	return b.slow(w, n) || b.clocked(v) || b.returns(v) >= repeats+b.chance(v)
}

// slow reports whether n symbols of weight w in all are so long that hardly anything but a modem's stand so.
func (b *beacon) slow(w float64, n int) bool { return w >= 3*b.threshold && w >= slowWeight*float64(n) }

// sounds reports whether one of the symbols sounds or did so just now.
func (b *beacon) sounds(v sieve, frame int64) (yes bool) {
	b.each(v, func(y *symbol) { yes = yes || float64(frame-y.last)*b.dt < waitSeconds })
	return yes
}

// spells reports whether the symbols that v lets through spell a technology; they are left in b.tones.
func (b *beacon) spells(v sieve) bool {
	need := keyNats
	if v.explained {
		need = spellNats
	}
	w, n, atOnce := b.gather(v)
	b.heard, b.atOnce = w, atOnce
	if !v.explained && b.slow(w, n) {
		need = nameNats
	}
	if w < clutterLeast || n < 2 || len(b.tones) < 2 || b.keyed(v) < 1 {
		return false
	}
	if len(b.tones) < manyTones && w < fewWeight*float64(n) {
		return false
	}
	tech, llr, _ := name(b.ts, b.tones, atOnce, b.c.LoHz, b.hi)
	t := &b.ts[tech]
	if v.least < keyWeight && !t.chorded {
		return false
	}
	if llr < need || w < math.Max(clutterLeast, b.longer-(llr-need)/natsPerWeight) {
		return false
	}
	if v.explained && b.purity(v) < 0.5 {
		return false
	}
	if !t.chorded || b.chords(t, v) >= chords {
		return true
	}
	beat := b.beat(v, t.clock)
	return !v.explained && beat >= beatNats && llr+beat >= spellNats
}

// apart counts the distinct tones that lie clearly apart.
func (b *beacon) apart() (n int) {
	slices.Sort(b.tones)
	last := math.Inf(-1)
	for _, t := range b.tones {
		if t-last >= apartHz {
			n++
			last = t
		}
	}
	return n
}

// returns counts the symbols on a tone that was heard before, with another tone or silence between.
func (b *beacon) returns(v sieve) (n int) {
	b.each(v, func(y *symbol) {
		back := false
		b.each(v, func(z *symbol) {
			back = back || math.Abs(y.hz-z.hz) < returnHz && y.born-z.last >= minFrames
		})
		if back {
			n++
		}
	})
	return n
}

// chance is how many returns as many tones strewn at random over their band would show, with two standard deviations.
func (b *beacon) chance(v sieve) int {
	n, lo, hi := 0.0, math.Inf(1), 0.0
	b.each(v, func(y *symbol) {
		n++
		lo, hi = math.Min(lo, y.hz), math.Max(hi, y.hz)
	})
	mean := n * (n - 1) / 2 * 2 * returnHz / math.Max(1000, hi-lo)
	return int(mean + 2*math.Sqrt(mean))
}

// ticks returns the beginnings of the symbols, frames, in order; those of a chord count once.
func (b *beacon) ticks(v sieve) []int64 {
	b.births = b.births[:0]
	b.each(v, func(y *symbol) { b.births = append(b.births, y.born) })
	slices.Sort(b.births)
	ticks := b.births[:0]
	for _, t := range b.births {
		if len(ticks) == 0 || t-ticks[len(ticks)-1] > chordFrames {
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// beat is the evidence, in nats, that the symbols begin at multiples of period seconds: Rayleigh's statistic, which
// exceeds x with probability exp(-x) for beginnings at random.
func (b *beacon) beat(v sieve, period float64) float64 {
	var re, im float64
	ticks := b.ticks(v)
	for _, t := range ticks {
		sin, cos := math.Sincos(2 * math.Pi * b.dt / period * float64(t))
		re, im = re+cos, im+sin
	}
	return (re*re + im*im) / float64(max(1, len(ticks)))
}

// clocked reports whether intervals in a row between the beginnings of symbols are equal, and they are no few among
// many: the mark of a modem, also where no tone comes back.
func (b *beacon) clocked(v sieve) bool {
	ticks := b.ticks(v)
	run, lo, hi, best := 0, int64(0), int64(0), 0
	for i := 1; i < len(ticks); i++ {
		gap := ticks[i] - ticks[i-1]
		if gap < minFrames+1 {
			run = 0
			continue
		}
		if run > 0 && max(hi, gap)-min(lo, gap) <= clockJitter {
			run, lo, hi = run+1, min(lo, gap), max(hi, gap)
		} else {
			run, lo, hi = 1, gap, gap
		}
		best = max(best, run)
	}
	return best >= clockTicks && clockShare*best >= len(ticks)-1
}

// chords counts the moments at which many tones of t began together, and few outside its band: the harmonics of a
// voice begin together too, but know no band.
func (b *beacon) chords(t *technology, v sieve) (n int) {
	last := int64(math.MinInt64)
	b.each(v, func(y *symbol) {
		if y.born-last <= minFrames && last != math.MinInt64 {
			return
		}
		together, outside := 0, 0
		b.each(v, func(z *symbol) {
			switch d := z.born - y.born; {
			case d < 0 || d > chordFrames:
			case z.hz < t.lo || z.hz > t.hi:
				outside++
			default:
				together++
			}
		})
		if together >= chordTones && 2*outside <= together {
			n++
			last = y.born
		}
	})
	return n
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
