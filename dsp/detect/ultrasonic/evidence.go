package ultrasonic

import (
	"math"
	"slices"
	"sort"
)

const (
	clutter      = 6.0  // weight in windowSeconds that sounds other than noise may reach: codecs, sibilants, keys
	clutterLong  = 9.0  // … and in memorySeconds
	clutterLeast = 5.0  // … also where the tones spell a technology
	keyWeight    = 1.0  // of a symbol whose end or beginning counts as keying
	fewWeight    = 3.0  // mean weight of the symbols where fewer than manyTones tell the technology
	slowWeight   = 5.0  // mean weight of symbols so long that nothing but a modem's stand so
	pure         = 0.8  // share that a modem's symbols have in what sounds in their band,
	pureSpelt    = 0.5  // … and that of symbols which audible lines explain must have
	keyNats      = 4.5  // evidence of the alphabet with which keyed tones are a beacon
	spellNats    = 12.0 // … that overrules the explanation by audible lines, or stands, with the clock's, for whole chords
	natsPerLoad  = 2.0  // … that stands for a weight of 1
	beatNats     = 2.0  // evidence that a published symbol clock must give to stand for whole chords
	manyTones    = 4
	sameTone     = 10.0 // Hz within which two segments carry the same tone
	returnHz     = 6.0  // within which a symbol comes back to a tone
	apartHz      = 40.0 // between tones that count as different ones of an unknown alphabet
	repeats      = 2    // returns to a tone that an unknown beacon must show: chance does not repeat itself
	clockTicks   = 4    // equal intervals in a row that show a symbol clock
	clockJitter  = 2    // frames
	clockShare   = 3    // one in so many of all intervals that these must be
	chordTones   = 4    // beginnings at once that make a chord
	chords       = 2    // that a technology of many tones at once must show
	chordFrames  = 2
	lingers      = 5 // a room may lengthen a symbol by one part in so many
)

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
			first = min(first, y.last-(y.last-y.born)/lingers) // a room lets it linger
		}
	})
	b.each(v, func(y *symbol) {
		if y.born >= first-1 && !y.resumes {
			n++
		}
	})
	return n
}

// overlap counts the symbols that sound in the middle of y. Finished ones lie in the order of their ends, but for
// the few frames by which a tone outlives its last peak, and none is longer than a steady tone: only those that end
// soon after the middle can sound in it.
func (b *beacon) overlap(y *symbol, since int64) (n int) {
	const slack = 4 // frames
	mid := (y.born + y.last) / 2
	longest := int64(b.c.ToneAfter/b.dt) + 1
	first := sort.Search(len(b.ring), func(i int) bool { return b.ring[i].last >= max(mid, since)-slack })
	for i := range b.ring[first:] {
		z := &b.ring[first+i]
		if z.last > mid+longest+slack {
			break
		}
		if z.last >= since && z.born <= mid && mid <= z.last {
			n++
		}
	}
	for i := range b.live {
		if z := &b.live[i]; z.last >= since && z.born <= mid && mid <= z.last {
			n++
		}
	}
	return n
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
	if llr < need || w < math.Max(clutterLeast, b.longer-(llr-need)/natsPerLoad) {
		return false
	}
	if v.explained && b.purity(v) < pureSpelt {
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
