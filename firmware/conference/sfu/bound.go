package sfu

import "time"

// bound is how much a receiver can take, by what it loses. It falls with losses, at most twice a second, for each stream
// reports; and it rises with time while there are none: fast up to what has lately gone well, slowly beyond. A glitch costs
// pictures some seconds and no more, and what a narrow link holds is not tried again and again.
//
// Pure: time is an argument.
type bound struct {
	rate    float64   // bit/s; 0: none
	good    float64   // bit/s, to which it rises fast
	began   time.Time // of this run of losses
	lowered time.Time
	lossy   time.Time // when more than a fiftieth was lost
}

const (
	fewest   = 10        // packets, of which a loss says something
	lowest   = 100_000   // bit/s; below it pictures are nothing
	expected = 1_000_000 // bit/s that a link is taken for while little goes over it: then what is lost is not our doing
	unbound  = 20_000_000
	calm     = time.Second     // without losses, then it rises
	together = 3 * time.Second // losses within are one run
)

// lost takes a report: the fraction lost, 0 to 255, of so many packets, while so many bit/s went to the receiver.
func (b *bound) lost(now time.Time, fraction uint8, packets uint32, sent float64) {
	if packets < fewest {
		return
	}
	if fraction >= 6 {
		b.lossy = now
	}
	if fraction <= 26 || now.Sub(b.lowered) <= 500*time.Millisecond { // a tenth
		return
	}
	keeps := 1 - float64(fraction)/512
	if b.rate == 0 || b.rate > sent {
		b.rate = sent
	}
	b.rate = max(lowest, b.rate*keeps)
	switch {
	case b.lowered.IsZero() || now.Sub(b.lowered) > together:
		b.began, b.good = now, max(sent*keeps, expected)
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
	grow := 0.08 // a second
	if b.rate < b.good {
		grow = 1
	}
	if b.rate *= 1 + grow*passed.Seconds(); b.rate > unbound {
		*b = bound{}
	}
}
