// Package linktest is a bad network between a participant and the server, in user space, for tests.
//
//	participant ◄─► Relay ◄─► server      each direction with a Link of its own: loss, then jitter, then a queue before a narrow line
//
// A Link is pure: the same seed, times and sizes give the same fate. Packets keep their order, as they do on one line; a
// packet that the queue has no room for is lost.
package linktest

import (
	"math/rand/v2"
	"time"
)

// Weather is what a line does to packets.
type Weather struct {
	Loss   float64       // share of packets, 0 to 1
	Burst  float64       // mean number of packets lost in a row; up to 1: each by itself
	Delay  time.Duration // of every packet
	Jitter time.Duration // beyond it, evenly spread from 0
	Rate   int           // bit/s, headers of IP and UDP included; 0 no bound
	Queue  time.Duration // how much may wait before the narrow line
}

// overhead of IPv4 and UDP, bytes.
const overhead = 28

// Link is one direction. It is not safe for concurrent use.
type Link struct {
	w    Weather
	r    *rand.Rand
	bad  bool
	free time.Time // when the line has sent what it has
	last time.Time // when the last packet arrives
	Counts
}

// Counts of packets.
type Counts struct{ Passed, Lost, Full, Bytes int }

// NewLink returns a link whose chances come from seed.
func NewLink(w Weather, seed uint64) *Link {
	return &Link{w: w, r: rand.New(rand.NewPCG(seed, 0x6c696e6b))}
}

// Pass says when a packet of size bytes that comes now arrives, or that it does not.
func (l *Link) Pass(now time.Time, size int) (at time.Time, ok bool) {
	if l.loses() {
		l.Lost++
		return at, false
	}
	at = now
	if l.w.Rate > 0 {
		l.free = later(l.free, now)
		if l.free.Sub(now) > l.w.Queue {
			l.Full++
			return at, false
		}
		l.free = l.free.Add(time.Duration((size + overhead) * 8 * int(time.Second) / l.w.Rate))
		at = l.free
	}
	at = at.Add(l.w.Delay)
	if l.w.Jitter > 0 {
		at = at.Add(time.Duration(l.r.Int64N(int64(l.w.Jitter))))
	}
	at = later(at, l.last)
	l.last = at
	l.Passed++
	l.Bytes += size
	return at, true
}

// loses is the chain of Gilbert: in the bad state all is lost, and it lasts Burst packets on average.
func (l *Link) loses() bool {
	if l.w.Burst <= 1 {
		return l.r.Float64() < l.w.Loss
	}
	chance := l.w.Loss / (l.w.Burst * (1 - l.w.Loss)) // of going bad, so that the share is Loss
	if l.bad {
		chance = 1 - 1/l.w.Burst
	}
	l.bad = l.r.Float64() < chance
	return l.bad
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
