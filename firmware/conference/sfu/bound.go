package sfu

import "time"

// bound is how much a receiver can take, after draft-ietf-rmcat-gcc-02. Delay is judged by the receiver, whose browser runs the draft's
// over-use detector: when it lowers its estimate (REMB) below what it is sent, its queue grows, and the bound is what it says. Else the
// estimate says nothing, for it follows what comes (section 5.5). Losses are judged here (section 6), at most twice a second; they
// are what a receiver asks for a first time, and what its reports say. The reports alone would not do: repeats have the numbers
// of what they repeat, and hide that it was lost.
//
// It rises with time while nothing is lost: fast up to what has lately gone well, slowly beyond, and a step back when it runs into
// losses there, though they be few. A glitch costs
// pictures some seconds and no more, and what a narrow link holds is not tried again and again.
//
// Pure: time is an argument.
type bound struct {
	rate     float64   // bit/s; 0: none
	good     float64   // bit/s, to which it rises fast
	began    time.Time // of this run of losses
	lowered  time.Time
	lossy    time.Time // when more than a fiftieth was lost
	stepped  time.Time // when it went back after it had risen too far
	steps    int       // so often lately: each halves how fast it tries again
	estimate float64   // bit/s, the receiver's
}

const (
	fewest   = 10        // packets, of which a loss says something
	lowest   = 100_000   // bit/s; below it pictures are nothing
	expected = 1_000_000 // bit/s that a link is taken for while little goes over it: then what is lost is not our doing
	unbound  = 20_000_000
	calm     = time.Second     // without losses, then it rises
	together = 3 * time.Second // losses within are one run
	again    = time.Minute     // runs within have one cause
)

// lost takes a report: the fraction lost, 0 to 255, of so many packets, while so many bit/s went to the receiver.
func (b *bound) lost(now time.Time, fraction uint8, packets uint32, sent float64) {
	if packets < fewest {
		return
	}
	if fraction >= 6 {
		if b.rate > b.good && sent > 0.7*b.rate && now.Sub(b.lossy) > calm { // it rose, and ran into this: back a step (5.5)
			if now.Sub(b.stepped) > again {
				b.steps = 0
			}
			b.stepped, b.steps = now, min(b.steps+1, 3)
			b.rate = max(lowest, 0.85*min(b.rate, sent))
			b.good = b.rate
		}
		b.lossy = now
	}
	if fraction <= 26 || now.Sub(b.lowered) <= 500*time.Millisecond { // a tenth
		return
	}
	keeps := 1 - float64(fraction)/512
	if fraction > 64 { // of more than a quarter, what passed is what passes
		keeps = 1 - float64(fraction)/256
	}
	b.lower(now, keeps, sent)
}

// estimated takes what a receiver says that its line can take, while so many bit/s go to it.
func (b *bound) estimated(now time.Time, rate, sent float64) {
	was := b.estimate
	b.estimate = rate
	if was > 0 && rate < 0.97*was && rate < sent {
		b.lossy = now
		b.lower(now, rate/sent, sent)
	}
}

// lower sets the bound to a share of what was sent, or of what it is.
func (b *bound) lower(now time.Time, keeps, sent float64) {
	if b.rate == 0 || b.rate > sent {
		b.rate = sent
	}
	b.rate = max(lowest, b.rate*keeps)
	switch {
	case b.lowered.IsZero() || now.Sub(b.lowered) > again:
		b.began, b.good = now, max(sent*keeps, expected)
	case now.Sub(b.lowered) > together: // not a glitch, but what it runs into
		b.began, b.good = now, b.rate
	case now.Sub(b.began) > together: // it goes on: this link holds no more
		b.good = b.rate
	}
	b.lowered = now
}

// rise is called every passed time that has gone by.
func (b *bound) rise(now time.Time, passed time.Duration) {
	if b.rate == 0 || now.Sub(b.lossy) < calm {
		return
	}
	grow := 0.08 / float64(int(1)<<b.steps) // a second
	if now.Sub(b.stepped) > again {
		grow = 0.08
	}
	if b.rate < b.good {
		grow = 1
	}
	if b.rate *= 1 + grow*passed.Seconds(); b.rate > unbound {
		*b = bound{estimate: b.estimate}
	}
}
