// Package tripwire passes encrypted frames and nothing else, at a server that has no key.
//
//	packet ─► start of a frame? ─ yes ─► header behind the clear prefix: tag, leaf, epoch, counter ─► pass, or drop and say why
//	                            └ no ──► has its frame's first packet passed? ─► pass, wait for it, or drop
//
// What it finds is a browser whose transform did not attach, a device that uses an old key, frames that are played again or
// in another's name. A sender who means ill can write a right header before its own plain picture: no server can tell.
//
// Pure: time is an argument. Sender and its Tracks are used by one goroutine at a time, but for Turn and Off, which lock.
package tripwire

import (
	"sync"
	"time"

	"subrosa/firmware/conference/codec"
	"subrosa/firmware/conference/sframe"
)

// Grace is how long frames of the epoch before still pass after a commit that removed nobody, and Slow how long after any
// commit they are only counted.
const (
	Grace = 200 * time.Millisecond
	Slow  = 2 * time.Second
)

// Ahead is how far a counter may go beyond the highest seen: more than 20 s of four streams that were lost on the way.
const Ahead = 32768

const (
	window  = 1024 // counters back that are told from repeated ones
	frames  = 64   // of a stream that are remembered
	longest = 2048 // packets of a frame
)

// Verdict is what becomes of a packet.
type Verdict uint8

const (
	Pass    Verdict = iota
	Wait            // the first packet of its frame has not come; ask again when one has passed
	Empty           // only pads: pass it on without payload
	Plain           // no header
	Tag             // of another group
	Leaf            // of another participant
	Epoch           // neither this one nor the one before
	Counter         // repeated, or far ahead
	NoLeaf          // before being in the group
	Stale           // of the sender's own of a moment ago, too late
	Late            // of a frame that is not remembered any more
	verdicts
)

// Verdicts returns every one.
func Verdicts() (all []Verdict) {
	for v := range verdicts {
		all = append(all, v)
	}
	return all
}

func (v Verdict) String() string {
	return [...]string{"pass", "wait", "empty", "plain", "tag", "leaf", "epoch", "counter", "no-leaf", "stale", "late"}[v]
}

// Dropped reports whether the packet is not passed on.
func (v Verdict) Dropped() bool { return v >= Plain }

// Alarm reports whether somebody is to be told.
func (v Verdict) Alarm() bool { return v.Dropped() && v != Stale && v != Late }

type seen struct {
	ctr    uint64 // plus 1; 0: nothing
	stream uint32
	seq    uint16
}

// counters are those of one key.
type counters struct {
	top  uint64
	any  bool
	ring [window]seen
}

// fresh reports whether a counter may come on this stream with this sequence number; if so, it is noted.
func (c *counters) fresh(ctr uint64, stream uint32, seq uint16) bool {
	switch {
	case ctr > c.top+Ahead || ctr+window <= c.top:
		return false
	case c.any && c.ring[ctr%window].ctr == ctr+1: // again: only as the same packet
		s := c.ring[ctr%window]
		return s.stream == stream && s.seq == seq
	}
	c.ring[ctr%window] = seen{ctr + 1, stream, seq}
	c.top, c.any = max(c.top, ctr), true
	return true
}

// Sender is a participant: all its streams share one key and one counter.
type Sender struct {
	mu       sync.Mutex
	off      bool
	in       bool
	kid      sframe.KeyID
	last     sframe.KeyID
	hasLast  bool
	until    time.Time // frames of last pass
	cur, old *counters
	past     [8]past
	nextPast int
}

// past is a key of the sender's own that is over. Commits may come faster than a slow device takes them.
type past struct {
	kid sframe.KeyID
	at  time.Time
}

// over notes that the key of now is.
func (s *Sender) over(now time.Time) {
	if s.in {
		s.past[s.nextPast] = past{s.kid, now}
		s.nextPast = (s.nextPast + 1) % len(s.past)
	}
}

func (s *Sender) lately(now time.Time, kid sframe.KeyID) bool {
	for _, p := range s.past {
		if p.kid == kid && now.Before(p.at.Add(Slow)) {
			return true
		}
	}
	return false
}

// Off lets everything pass, for a call that is open to the public. On again by Turn.
func (s *Sender) Off() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
}

// Turn begins an epoch for the sender. removal says that the commit removed somebody; leaf < 0, that the sender is in no group.
func (s *Sender) Turn(now time.Time, tag uint32, leaf int, epoch uint64, removal bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = false
	if leaf < 0 {
		s.over(now)
		s.in, s.hasLast = false, false
		return
	}
	kid := sframe.MakeKeyID(tag, leaf, epoch)
	if s.in && kid == s.kid {
		return
	}
	s.over(now)
	s.hasLast = s.in && s.kid.Tag() == tag && s.kid.Leaf() == leaf
	s.last, s.old = s.kid, s.cur
	s.until = now.Add(Grace)
	if removal {
		s.until = now
	}
	s.kid, s.in, s.cur = kid, true, &counters{}
}

// judge says whether a frame with this header may come.
func (s *Sender) judge(now time.Time, h sframe.Header, stream uint32, seq uint16) Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cur
	switch {
	case s.in && h.KID == s.kid:
	case s.hasLast && h.KID == s.last && now.Before(s.until):
		c = s.old
	case s.lately(now, h.KID):
		return Stale
	case !s.in:
		return NoLeaf
	case h.KID.Tag() != s.kid.Tag():
		return Tag
	case h.KID.Leaf() != s.kid.Leaf():
		return Leaf
	default:
		return Epoch
	}
	if !c.fresh(h.CTR, stream, seq) {
		return Counter
	}
	return Pass
}

func (s *Sender) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.off
}

type frame struct {
	ts    uint32
	first uint16
	last  uint16 // by the marker
	ended bool
	used  bool
}

// Track is one RTP stream (one SSRC) of a sender.
type Track struct {
	sender *Sender
	stream uint32
	codec  codec.Codec
	ring   [frames]frame
	next   int
}

// NewTrack returns the tripwire of a stream; stream is its SSRC.
func (s *Sender) NewTrack(stream uint32, c codec.Codec) *Track {
	return &Track{sender: s, stream: stream, codec: c}
}

// Packet says what becomes of an RTP packet. p is what codec.Parse has read of the payload.
func (t *Track) Packet(now time.Time, seq uint16, ts uint32, marker bool, p codec.Packet, payload []byte) Verdict {
	if len(payload) == 0 {
		return Empty
	}
	if t.sender.open() {
		return Pass
	}
	if !p.Start {
		return t.follow(seq, ts, marker)
	}
	body := payload[min(len(payload), p.Descriptor+p.Clear):]
	h, err := sframe.Parse(body)
	if err != nil || (t.codec == codec.Opus || marker) && len(body) < h.Len+sframe.Tag {
		return Plain
	}
	if v := t.sender.judge(now, h, t.stream, seq); v != Pass {
		return v
	}
	if t.codec == codec.Opus {
		return Pass
	}
	for i := range t.ring { // again
		if f := &t.ring[i]; f.used && f.ts == ts && f.first == seq {
			return Pass
		}
	}
	t.ring[t.next] = frame{ts: ts, first: seq, last: seq, ended: marker, used: true}
	t.next = (t.next + 1) % frames
	return Pass
}

// follow says whether a packet may come that is not the first of its frame.
func (t *Track) follow(seq uint16, ts uint32, marker bool) Verdict {
	var f *frame
	for i := range t.ring {
		g := &t.ring[i]
		if d := seq - g.first; g.used && g.ts == ts && d > 0 && d < longest && (f == nil || seq-f.first > d) {
			f = g
		}
	}
	switch {
	case f == nil:
		return Wait
	case f.ended && seq-f.first > f.last-f.first:
		return Plain // more after the end
	case marker && !f.ended:
		f.last, f.ended = seq, true
	}
	return Pass
}
