package sfu

import (
	"math"
	"testing"
	"time"
)

// link is a line that holds so much: what is more is lost. Five voices and five pictures want to go over it.
type link struct {
	b    bound
	now  time.Time
	sent float64
}

const wanted = 1_200_000 // bit/s

// run lets d pass; a report of each of ten streams comes every second. It returns the least and greatest that was sent in its last third.
func (l *link) run(d time.Duration, holds func(time.Duration) float64) (least, greatest float64) {
	least = math.Inf(1)
	for at := time.Duration(0); at < d; at += interval {
		l.now = l.now.Add(interval)
		l.b.rise(l.now, interval)
		l.sent = wanted
		if l.b.rate > 0 {
			l.sent = max(200_000, min(wanted, l.b.rate)) // voices are always sent
		}
		lost := max(0, 1-holds(at)/l.sent)
		for range 10 {
			l.b.lost(l.now, uint8(lost*255), 50, l.sent)
		}
		if at > d*2/3 {
			least, greatest = min(least, l.sent), max(greatest, l.sent)
		}
	}
	return least, greatest
}

// TestGlitch: two seconds in which a third is lost take pictures away for seconds, not for half a minute; so do losses while
// hardly anything is sent, as when a call begins on a busy machine.
func TestGlitch(t *testing.T) {
	all := func(time.Duration) float64 { return math.Inf(1) }
	l := &link{now: time.Unix(1e9, 0)}
	l.run(10*time.Second, all)
	l.run(2*time.Second, func(time.Duration) float64 { return l.sent * 0.66 })
	if l.b.rate == 0 {
		t.Fatal("losses do nothing")
	}
	if least, _ := l.run(9*time.Second, all); least < wanted*3/4 {
		t.Errorf("after a glitch and 6 s: %.0f bit/s", least)
	}
	l = &link{now: time.Unix(1e9, 0)}
	l.b.lost(l.now, 128, 50, 40_000)
	if least, _ := l.run(9*time.Second, all); least < wanted*3/4 {
		t.Errorf("after a bad beginning and 6 s: %.0f bit/s", least)
	}
}

// TestNarrow: a line that holds half of it is found, and not filled to overflowing for long.
func TestNarrow(t *testing.T) {
	l := &link{now: time.Unix(1e9, 0)}
	over := 0
	for range 60 {
		l.run(interval, func(time.Duration) float64 { return 600_000 })
		if l.sent > 800_000 {
			over++
		}
	}
	if over > 12 {
		t.Errorf("%d of 60 intervals far above what the line holds", over)
	}
	if least, greatest := l.run(60*time.Second, func(time.Duration) float64 { return 600_000 }); least < 300_000 || greatest > 800_000 {
		t.Errorf("%.0f to %.0f bit/s on a line of 600 000", least, greatest)
	}
}

// TestFewPackets: what a report says of a handful of packets is no sign.
func TestFewPackets(t *testing.T) {
	var b bound
	b.lost(time.Unix(1e9, 0), 255, fewest-1, 1e6)
	if b.rate != 0 {
		t.Errorf("bound %v", b.rate)
	}
}

// TestUnbound: long after the last loss there is no bound.
func TestUnbound(t *testing.T) {
	l := &link{now: time.Unix(1e9, 0)}
	l.b.lost(l.now, 255, 50, 1e6)
	l.run(2*time.Minute, func(time.Duration) float64 { return math.Inf(1) })
	if l.b != (bound{}) {
		t.Errorf("%+v", l.b)
	}
}
