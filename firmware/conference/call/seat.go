package call

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
)

// Seat is a participant: in the call, or in the lobby.
type Seat struct {
	call      *Call
	id        string
	number    uint64
	who       Identity
	lobby     bool
	by        string // who let them in
	out       Out    // nil: the connection is lost
	lost      time.Time
	resume    string
	before    string // that of before: the answer with the next one may not have arrived
	companion bool
	said      word // of their room
	muted     map[signal.Source]bool
	wire      *tripwire.Sender
	pkg       []byte         // key package as sent
	kp        mls.KeyPackage // what of it is read
	passkey   []byte         // thumbprint of the passkey in its binding; nil: none
	admission string
	since     uint64 // sequence number of the welcome
	wrongs    int
	unsigned  int // commits that would have added somebody without the chair
	evicted   int // commits that would have removed somebody who is here
	often     int // commits that were refused because there were so many
	offers    bucket
	stream    *Stream // a publisher's, who has no browser; else nil
}

// Refusal is why somebody does not come in.
type Refusal struct{ Refused *signal.Refused }

func (r *Refusal) Error() string { return "call: refused: " + string(r.Refused.Reason) }

func refused(why level.Reason) error {
	t, ok := refusalTexts[why]
	if !ok {
		lt := why.Text()
		t = signal.Text{DE: lt.DE, EN: lt.EN}
	}
	return &Refusal{&signal.Refused{Reason: why, Text: t}}
}

// Join lets somebody in whom access has judged, or takes them back into the seat that they had.
func (c *Call) Join(who Identity, v level.Verdict, hello *signal.Hello, out Out) (s *Seat, err error) {
	c.locked(func() { s, err = c.join(who, v, hello, out) })
	return s, err
}

func (c *Call) join(who Identity, v level.Verdict, hello *signal.Hello, out Out) (*Seat, error) {
	if err := c.mayJoin(v); err != nil {
		return nil, err
	}
	if s := c.find(who, hello.Resume); s != nil {
		return s, c.back(s, hello, out)
	}
	if err := c.turnedAway(who, v.Lobby, hello); err != nil {
		return nil, err
	}
	// the seat that the same browser, or the same unit, had before is of a page that is gone
	c.end(signal.EndedElsewhere, func(s *Seat) bool { return s.who.Member == who.Member && s.who.Login == who.Login })
	c.seq0++
	s := &Seat{call: c, id: newID("p"), number: c.seq0, who: who, lobby: v.Lobby || c.barred[who.Member], out: out, companion: hello.Companion,
		muted: map[signal.Source]bool{}, wire: &tripwire.Sender{}}
	if hello.Declaration {
		s.said = alone
	}
	s.renew()
	c.seats[s.id] = s
	s.send(s.joined(false))
	c.knocks(s)
	if !s.lobby {
		c.entered(s)
	}
	c.dirty, c.sent = true, time.Time{}
	return s, nil
}

// entered does what follows when somebody is in the call.
func (c *Call) entered(s *Seat) {
	if level.May(s.who.Role, level.Admit) {
		c.knocks(nil)
	}
}

// find returns the seat that a resumption names, if it is this person's.
func (c *Call) find(who Identity, resume string) *Seat {
	for _, s := range c.seats {
		if resume != "" && (same(s.resume, resume) || same(s.before, resume)) && s.who.Member == who.Member && s.who.Login == who.Login {
			return s
		}
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// back takes somebody's new connection, and sends what was missed.
func (c *Call) back(s *Seat, hello *signal.Hello, out Out) error {
	old := s.out
	s.out = out
	if old != nil {
		old.Close()
	}
	missed, ok := c.missed(s, hello.Seen)
	s.before = hello.Resume
	s.renew()
	if !ok && c.member(s.id) {
		return c.anew(s, out)
	}
	s.send(s.joined(true))
	for _, l := range missed {
		s.post(l)
	}
	if c.group != nil && !c.group.Founded() && c.group.Founder == s.id {
		s.send(&signal.Found{Group: c.group.ID, Tag: c.group.Tag, Suite: c.group.Suite})
	}
	c.entered(s)
	c.dirty, c.sent = true, time.Time{}
	return nil
}

// anew gives somebody who has missed too much a seat of another id: the old leaf is removed.
func (c *Call) anew(s *Seat, out Out) error {
	c.silence(s.id)
	delete(c.seats, s.id)
	c.seq0++
	s.id, s.number, s.wire, s.since, s.pkg, s.kp, s.admission = newID("p"), c.seq0, &tripwire.Sender{}, 0, nil, mls.KeyPackage{}, ""
	s.out = out
	c.seats[s.id] = s
	s.send(s.joined(false))
	c.dirty, c.sent = true, time.Time{}
	return nil
}

func (s *Seat) renew() {
	var b [24]byte
	rand.Read(b[:])
	s.resume = base64.RawURLEncoding.EncodeToString(b[:])
}

func (c *Call) codecs() []string {
	if len(c.o.Codecs) == 0 {
		return []string{"vp8", "vp9"}
	}
	return c.o.Codecs
}

func (s *Seat) joined(resumed bool) *signal.Joined {
	c := s.call
	r := level.For(c.level)
	m := &signal.Joined{Participant: s.id, Room: c.o.Room, Member: s.who.Member, Role: s.who.Role, Level: c.level, Lobby: s.lobby, Resumed: resumed, Resume: s.resume,
		Suite: c.suite(), Seq: c.seq, LastN: c.o.LastN, Codecs: c.codecs(), Time: c.o.Now().UTC(),
		Rule: signal.Rule{Encrypted: r.Encrypted, ChairSigned: r.ChairSigned, Recording: r.Recording, Streams: r.Streams && c.o.Streams, Declaration: r.Declaration}}
	for _, x := range level.Rights {
		if level.May(s.who.Role, x) {
			m.Rights = append(m.Rights, x)
		}
	}
	if c.group != nil && c.group.Founded() && !s.lobby {
		m.Group, m.Epoch = c.group.ID, c.group.Epoch()
	}
	if c.o.ICE != nil && !s.lobby {
		m.ICE = c.o.ICE(s.id)
	}
	return m
}

func (s *Seat) person(c *Call) signal.Person {
	p := signal.Person{ID: s.id, Member: s.who.Member, Role: s.who.Role, Leaf: -1, Here: s.out != nil, Companion: s.companion, Declaration: s.said == alone,
		Hand: slices.Index(c.hands, s.id) + 1}
	if c.member(s.id) {
		p.Leaf = c.group.Leaf(s.id)
	}
	for _, src := range []signal.Source{signal.Microphone, signal.Camera, signal.Screen} {
		if s.muted[src] {
			p.Muted = append(p.Muted, src)
		}
	}
	return p
}

func (s *Seat) send(m signal.Message) { s.post(signal.NewLetter(m)) }

func (s *Seat) post(l *signal.Letter) {
	if s.out != nil {
		s.out.Send(l)
	}
}

func (s *Seat) close() {
	if s.out != nil {
		s.out.Close()
		s.out = nil
	}
}

// Lost says that a connection has ended. The seat waits, if it was still this connection's.
func (s *Seat) Lost(out Out) {
	c := s.call
	c.locked(func() {
		if s.out != out || c.seats[s.id] != s {
			return
		}
		s.out, s.lost = nil, c.o.Now()
		if s.lobby { // nothing is kept for who has not come in
			delete(c.seats, s.id)
		}
		c.dirty, c.sent = true, time.Time{}
	})
}

// ID of the seat.
func (s *Seat) ID() string {
	s.call.mu.Lock()
	defer s.call.mu.Unlock()
	return s.id
}
