package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// seat is a participant.
type seat struct {
	id, member, resume string
	role               roster.Role
	out                chan []byte
	gone               func()
	pkg                []byte
	admission          string
	lobby              bool
	hand               int
	muted              []signal.Source
	companion, declare bool
	here               bool
	removed            bool // and still fed if the server is hostile
	away               *time.Timer
	conn               *conn
}

func (p *seat) send(b []byte) {
	select {
	case p.out <- b:
	default: // the browser does not read
	}
}

func encode(typ string, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var m map[string]any
	json.Unmarshal(b, &m)
	m["type"] = typ
	b, _ = json.Marshal(m)
	return b
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	member, role, ok := who(r)
	if !ok {
		http.Error(w, "who?", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	out := make(chan []byte, 2048)
	var once sync.Once
	stop := make(chan struct{})
	end := func() { once.Do(func() { close(stop) }) }
	defer end()
	go func() {
		for {
			select {
			case b := <-out:
				if ws.WriteMessage(websocket.TextMessage, b) != nil {
					return
				}
			case <-stop:
				time.AfterFunc(100*time.Millisecond, func() { ws.Close() })
				return
			}
		}
	}()
	var p *seat
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			break
		}
		m, err := signal.Decode(b)
		if err != nil {
			fmt.Println("testserver: refused:", err)
			out <- encode("error", signal.Error{Why: "form"})
			continue
		}
		s.mu.Lock()
		if hello, ok := m.(*signal.Hello); ok && p == nil {
			p = s.hello(hello, member, role, out, end)
		} else if p != nil {
			s.take(p, m)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p != nil && p.out == out && !p.removed {
		p.here = false
		p.away = time.AfterFunc(30*time.Second, func() { s.mu.Lock(); s.drop(p, signal.EndedLost); s.mu.Unlock() })
		s.state()
	}
}

func (s *server) hello(h *signal.Hello, member string, role roster.Role, out chan []byte, end func()) *seat {
	for _, p := range s.seats {
		if h.Resume != "" && p.resume == h.Resume && !p.removed {
			p.away.Stop()
			p.out, p.gone, p.here = out, end, true
			s.joined(p, true)
			for _, x := range s.log {
				if x.seq > h.Seen && x.from != p.id && (x.to == "" || x.to == p.id) {
					p.send(x.b)
				}
			}
			s.state()
			return p
		}
		if p.member == member && !p.removed {
			s.drop(p, signal.EndedElsewhere)
		}
	}
	s.serial++
	p := &seat{id: fmt.Sprintf("p%d", s.serial), member: member, role: role, out: out, gone: end, here: true, resume: rand.Text(),
		lobby: role != roster.Chair && role != roster.Room, companion: h.Companion, declare: h.Declaration}
	s.seats[p.id] = p
	s.joined(p, false)
	s.state()
	return p
}

func (s *server) joined(p *seat, resumed bool) {
	rule := level.For(s.level)
	p.send(encode("joined", signal.Joined{Participant: p.id, Room: room, Member: p.member, Role: p.role, Rights: rights(p.role), Level: s.level, Lobby: p.lobby, Resumed: resumed, Resume: p.resume,
		Suite: s.suite, Group: s.group, Epoch: s.epoch, Seq: s.seq, ICE: []signal.ICE{}, LastN: 9, Codecs: []string{s.codec},
		Rule: signal.Rule{Encrypted: true, ChairSigned: rule.ChairSigned, Recording: rule.Recording, Declaration: rule.Declaration}, Time: time.Now()}))
}

func (s *server) leaf(id string) int { return slices.Index(s.leaves, id) }

// state sends everyone the whole state.
func (s *server) state() {
	s.ver++
	st := signal.State{Version: s.ver, Level: s.level, Encryption: signal.EndToEnd, Declare: level.For(s.level).Declaration, Group: s.group, Epoch: s.epoch, People: []signal.Person{}, Tracks: []signal.Track{}}
	for _, p := range s.seats {
		if !p.removed && p.lobby {
			st.Waiting = append(st.Waiting, p.id)
		}
		if !p.removed && !p.lobby {
			st.People = append(st.People, signal.Person{ID: p.id, Member: p.member, Role: p.role, Leaf: s.leaf(p.id), Hand: p.hand, Here: p.here, Companion: p.companion, Declaration: p.declare, Muted: p.muted})
		}
	}
	for _, t := range s.tracks {
		st.Tracks = append(st.Tracks, signal.Track{ID: t.id, Participant: t.from.id, Source: t.source, Codec: s.codec})
	}
	b := encode("state", st)
	for _, p := range s.seats {
		if !p.lobby && (!p.removed || s.evil.Keep) {
			p.send(b)
		}
	}
}

func (s *server) chair() *seat {
	for _, p := range s.seats {
		if p.role == roster.Chair && !p.removed && p.here && s.leaf(p.id) >= 0 {
			return p
		}
	}
	return nil
}

func (s *server) take(p *seat, m signal.Message) {
	switch m := m.(type) {
	case *signal.Ping:
		p.send(encode("pong", signal.Pong{N: m.N}))
	case *signal.KeyPackage:
		p.pkg = m.Package
		if s.group == nil && p.role == roster.Chair {
			s.found(p)
			return
		}
		s.knock(p)
		if p.role == roster.Chair && s.chair() == nil && s.group != nil { // no chair's leaf is left: a new group
			s.found(p)
		}
	case *signal.Founded:
		s.state()
		for _, x := range s.seats {
			if x != p && x.pkg != nil && !x.removed {
				s.knock(x)
			}
		}
	case *signal.Admit:
		if x := s.seats[m.Participant]; x != nil && !x.removed {
			x.admission = m.Admission
			if x.lobby {
				x.lobby = false
				s.joined(x, false)
			}
			if m.Admission == "" {
				s.knock(x)
			}
			s.state()
			s.task()
		}
	case *signal.Refuse:
		if x := s.seats[m.Participant]; x != nil {
			x.send(encode("refused", signal.Refused{Reason: signal.RefusedByChair}))
			delete(s.seats, x.id)
			s.state()
		}
	case *signal.Remove:
		if x := s.seats[m.Participant]; x != nil && level.May(p.role, level.Admit) {
			s.drop(x, signal.EndedRemoved)
		}
	case *signal.Leave:
		s.drop(p, signal.EndedLeft)
	case *signal.Commit:
		s.commit(p, m)
	case *signal.Application:
		s.order(func(seq uint64) (string, any) {
			return "delivered", signal.Delivered{Seq: seq, Group: m.Group, From: p.id, Message: m.Message}
		}, p.id, "")
	case *signal.Stuck:
		s.evil.note("stuck " + m.Why)
	case *signal.Offer:
		s.offer(p, m)
	case *signal.KeyFrame:
		if t := s.tracks[m.Track]; t != nil {
			t.keyFrame()
		}
	case *signal.Mute:
		p.muted = slices.DeleteFunc(p.muted, func(x signal.Source) bool { return x == m.Source })
		if m.Muted {
			p.muted = append(p.muted, m.Source)
		}
		s.state()
	case *signal.Hand:
		x := p
		if m.Participant != "" {
			x = s.seats[m.Participant]
		}
		s.raise(x, m.Up)
	}
}

// raise keeps the speaking list without gaps.
func (s *server) raise(x *seat, up bool) {
	n := 0
	for _, p := range s.seats {
		n = max(n, p.hand)
		if !up && x.hand > 0 && p.hand > x.hand {
			p.hand--
		}
	}
	switch {
	case !up:
		x.hand = 0
	case x.hand == 0:
		x.hand = n + 1
	}
	s.state()
}

func (s *server) found(p *seat) {
	s.group = make([]byte, 16)
	rand.Read(s.group)
	s.group[0] &^= 1 // not open: the chair signs at every level
	var tag [4]byte
	rand.Read(tag[:])
	s.tag = binary.BigEndian.Uint32(tag[:]) | 1<<31
	s.epoch, s.leaves = 0, []string{p.id}
	p.send(encode("found", signal.Found{Group: s.group, Tag: s.tag, Suite: s.suite}))
}

func (s *server) knock(x *seat) {
	for _, p := range s.seats {
		if level.May(p.role, level.Admit) && p != x && !p.lobby && !p.removed {
			p.send(encode("knock", signal.Knock{Participant: x.id, Member: x.member, Role: x.role, OnRoster: x.role != roster.Guest, Lobby: x.lobby, Package: x.pkg}))
		}
	}
}

// drop ends a seat: forwarding first, then the word, then the leaf.
func (s *server) drop(p *seat, why signal.EndReason) {
	if p.removed {
		return
	}
	p.removed = true
	if !s.evil.Keep {
		s.disconnect(p)
		p.send(encode("ended", signal.Ended{Reason: why}))
		p.gone()
	}
	for id, t := range s.tracks {
		if t.from == p {
			delete(s.tracks, id)
		}
	}
	if s.leaf(p.id) < 0 {
		delete(s.seats, p.id)
	}
	s.raise(p, false)
	s.task()
}

// task asks for what is due: removals first.
func (s *server) task() {
	var remove []int
	for leaf, id := range s.leaves {
		if x := s.seats[id]; id != "" && (x == nil || x.removed) {
			remove = append(remove, leaf)
		}
	}
	t := signal.Task{Group: s.group, Epoch: s.epoch, Remove: remove}
	if remove == nil {
		for _, x := range s.seats {
			if !x.removed && !x.lobby && s.leaf(x.id) < 0 && x.pkg != nil && x.admission != "" {
				t.Add = []signal.Add{{Participant: x.id, Package: x.pkg, Admission: x.admission}}
				break
			}
		}
	}
	if remove == nil && t.Add == nil {
		return
	}
	by := s.chair()
	for _, id := range s.leaves {
		if x := s.seats[id]; by == nil && x != nil && !x.removed && x.here {
			by = x
		}
	}
	if by != nil {
		by.send(encode("task", t))
	}
	epoch := s.epoch
	time.AfterFunc(2*time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.epoch == epoch {
			s.task()
		}
	})
}
