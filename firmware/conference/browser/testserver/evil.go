package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/pion/rtp"
)

// evil is what the server does beyond its duty.
type evil struct {
	mu       sync.Mutex
	Keep     bool   // forwards, and orders, for those who were removed
	Replay   string // member whose past packets are sent again between new ones
	Swap     string // member whose packets are sent on the tracks of all others
	Plain    string // member on whose tracks plaintext is put
	Tamper   string // member of whose packets one bit is turned
	Withhold string // member of whom nothing is forwarded
	Commits  string // member who gets no commits any more
	Reorder  string // member who gets the next two commits the wrong way round
	injected int
	held     [][]byte
	notes    []string
	kept     map[string]int // packets sent to those who were removed
}

func (e *evil) note(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.notes) < 100 {
		e.notes = append(e.notes, s)
	}
}

func (s *server) setEvil(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evil.mu.Lock()
	defer s.evil.mu.Unlock()
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	s.evil.Keep, s.evil.Replay, s.evil.Swap, s.evil.Plain, s.evil.Tamper, s.evil.Withhold, s.evil.Commits, s.evil.Reorder = false, "", "", "", "", "", "", ""
	s.evil.injected = 0
	if err := d.Decode(&s.evil); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *server) figures(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evil.mu.Lock()
	defer s.evil.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"injected": s.evil.injected, "notes": s.evil.notes, "kept": s.evil.kept, "epoch": s.epoch, "tracks": len(s.tracks)})
}

// hold keeps a commit from a member, or gives two the wrong way round.
func (e *evil) hold(p *seat, b []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Commits == p.member {
		return true
	}
	if e.Reorder != p.member {
		return false
	}
	e.held = append(e.held, b)
	if len(e.held) == 2 {
		slices.Reverse(e.held)
		for _, x := range e.held {
			p.send(x)
		}
		e.held, e.Reorder = nil, ""
	}
	return true
}

// through is where a packet of a track goes on to one receiver.
func (e *evil) through(s *server, t *track, x *sub, p *rtp.Packet) {
	e.mu.Lock()
	do := struct{ replay, swap, plain, tamper, withhold bool }{e.Replay == t.from.member, e.Swap != "" && e.Swap != t.from.member, e.Plain == t.from.member, e.Tamper == t.from.member, e.Withhold == t.from.member}
	if x.to.removed {
		if e.kept == nil {
			e.kept = map[string]int{}
		}
		e.kept[x.to.member]++
	}
	if do.replay || do.swap || do.plain || do.tamper {
		e.injected++
	}
	from := e.Swap
	e.mu.Unlock()
	switch {
	case do.withhold:
		return
	case do.tamper:
		p = p.Clone()
		p.Payload[len(p.Payload)-1] ^= 1
	case do.swap:
		if q := s.another(from, t); q != nil {
			p = q
		}
	case do.plain:
		p = plain(p, t.source.Video())
	case do.replay:
		x.write(p, false)
		t.mu.Lock()
		old := t.past[len(t.past)/2:]
		t.mu.Unlock()
		for _, q := range old[:min(8, len(old))] {
			x.write(q, true)
		}
		return
	}
	x.write(p, false)
}

// another returns a recent packet of the same source of somebody else.
func (s *server) another(member string, t *track) *rtp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.tracks {
		if o.from.member == member && o.source == t.source {
			o.mu.Lock()
			defer o.mu.Unlock()
			if len(o.past) > 0 {
				return o.past[len(o.past)-1].Clone()
			}
		}
	}
	return nil
}

// plain is a frame as an encoder without any sealing would send it: a whole small VP8 key frame (320×180, RFC 6386, 9.1, its
// data all zero), or Opus silence (RFC 6716, 3.1).
func plain(p *rtp.Packet, video bool) *rtp.Packet {
	q := p.Clone()
	q.Marker = true
	if !video {
		q.Payload = []byte{0xf8, 0xff, 0xfe}
		return q
	}
	q.Payload = append([]byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}, make([]byte, 120)...)
	return q
}
