package sfu

import (
	"sync"
	"time"
)

// gather holds the packets of a picture back until its last one has come, and no longer than patience: so all of them go to a
// receiver together, which costs the kernel little more than one (package batch). A picture is shown when it is whole, not
// before, so those who wait lose nothing by it; its last packet, and sound, never wait.
//
// What waits has been judged: gather is after the tripwire.
type gather struct {
	mu      sync.Mutex
	timer   *time.Timer
	armed   bool
	waiting []packet // their payloads are of bufs
	bufs    [][]byte
}

const (
	patience    = time.Millisecond // for the rest of a picture
	mostGather  = 16               // packets of it that wait
	mostPadding = 16               // bytes, to make packets that are nearly of one size so
)

// add takes a copy of a packet, and says whether the picture is now whole, or as much of it waits as may.
func (g *gather) add(p *packet) (done bool) {
	n := len(g.waiting)
	if n == len(g.bufs) {
		g.bufs = append(g.bufs, nil)
	}
	g.bufs[n] = append(g.bufs[n][:0], p.payload...)
	g.waiting = append(g.waiting, *p)
	g.waiting[n].payload = g.bufs[n]
	return p.marker || n+1 == mostGather
}

// even pads packets to the size of the longest but for the last, which may be shorter: browsers cut pictures into parts that are
// a byte apart, and the kernel takes as one what is of one size. Where they are further apart it changes nothing.
func even(ps []packet) {
	longest := 0
	for i := range ps {
		ps[i].pad = 0
		longest = max(longest, len(ps[i].payload))
	}
	for i := range ps[:max(0, len(ps)-1)] {
		if d := longest - len(ps[i].payload); d <= mostPadding {
			ps[i].pad = uint8(d)
		}
	}
}

// pass keeps a packet for those who may ask for it again, and forwards it, at once or with the others of its picture.
func (l *layer) pass(p *packet) {
	l.cache.put(p)
	if !l.track.video() {
		one := [1]packet{*p}
		l.forward(one[:])
		return
	}
	g := &l.gather
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) > 0 && g.waiting[0].ts != p.ts {
		l.flush()
	}
	if g.add(p) {
		l.flush()
	} else if !g.armed {
		g.armed = true
		if g.timer == nil {
			g.timer = time.AfterFunc(patience, l.hurry)
		} else {
			g.timer.Reset(patience)
		}
	}
}

// hurry forwards what has waited for long enough.
func (l *layer) hurry() {
	l.gather.mu.Lock()
	defer l.gather.mu.Unlock()
	l.gather.armed = false
	l.flush()
}

// flush forwards what waits; the gather's lock is held.
func (l *layer) flush() {
	g := &l.gather
	if g.armed && g.timer.Stop() {
		g.armed = false
	}
	if len(g.waiting) == 0 {
		return
	}
	even(g.waiting)
	now := time.Now()
	for i := range g.waiting {
		g.waiting[i].at = now // they are sent now: receivers judge their line by it
	}
	l.forward(g.waiting)
	g.waiting = g.waiting[:0]
}

// forward writes packets to all who get this layer.
func (l *layer) forward(ps []packet) {
	slots := l.track.slots.Load()
	if slots == nil || l.track.muted.Load() {
		return
	}
	conn := l.track.peer.room.sfu.o.UDP
	conn.Hold()
	defer conn.Release()
	for _, s := range *slots {
		s.write(l, ps)
	}
}
