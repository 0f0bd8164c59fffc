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
	"subrosa/firmware/roster"
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

func wrong(to, why string) *signal.Error {
	t, ok := errorTexts[why]
	if !ok {
		t = errorTexts["form"]
	}
	return &signal.Error{To: to, Why: why, Text: t}
}

// inLobby are the messages of somebody who waits.
var inLobby = []string{"key-package", "leave", "ping"}

// Handle acts on a message. It reports whether the connection goes on.
func (s *Seat) Handle(name string, m signal.Message) bool {
	c := s.call
	if o, ok := m.(*signal.Offer); ok {
		return s.offer(o)
	}
	goOn := true
	c.locked(func() {
		if c.seats[s.id] != s {
			goOn = false
			return
		}
		if s.lobby && !slices.Contains(inLobby, name) {
			s.refuse(wrong(name, "lobby"))
			return
		}
		if e := s.act(name, m); e != nil {
			s.refuse(e)
		}
		goOn = c.seats[s.id] == s && s.wrongs <= 20
	})
	return goOn
}

// Wrong counts a message that could not be read.
func (s *Seat) Wrong(err error) (goOn bool) {
	s.call.mu.Lock()
	defer s.call.mu.Unlock()
	s.refuse(wrong("", "form"))
	s.call.o.Log.Debug("call: message", "err", err)
	return s.wrongs <= 20
}

func (s *Seat) refuse(e *signal.Error) {
	s.wrongs++
	s.send(e)
}

// offer negotiates outside of the call's lock: it takes milliseconds. It reports whether the connection goes on.
func (s *Seat) offer(o *signal.Offer) (goOn bool) {
	c := s.call
	c.mu.Lock()
	id, wire, e := s.id, s.wire, s.mayOffer(o)
	if e != nil {
		s.refuse(e)
		goOn = c.seats[s.id] == s && s.wrongs <= 20
	}
	c.mu.Unlock()
	if e != nil {
		return goOn
	}
	a, err := c.media.Offer(id, wire, o)
	c.locked(func() {
		switch {
		case c.seats[s.id] != s || s.id != id: // went meanwhile
			c.silence(id)
		case err != nil:
			c.o.Log.Debug("call: offer", "err", err)
			s.refuse(wrong("offer", "sdp"))
		default:
			s.send(a)
			c.dirty = true
		}
		goOn = c.seats[s.id] == s && s.wrongs <= 20
	})
	return goOn
}

// mayOffer says what is wrong with an offer before anybody has looked into it.
func (s *Seat) mayOffer(o *signal.Offer) *signal.Error {
	c := s.call
	switch {
	case c.seats[s.id] != s || s.lobby:
		return wrong("offer", "right")
	case s.companion && slices.ContainsFunc(o.Send, func(x signal.SendMid) bool { return x.Source == signal.Microphone }):
		return wrong("offer", "right") // two microphones in one hall howl
	case !s.offers.take(c.o.Now(), offers):
		return wrong("offer", "often")
	}
	return nil
}

// act does what a message asks for.
func (s *Seat) act(name string, m signal.Message) *signal.Error {
	c := s.call
	switch m := m.(type) {
	case *signal.Ping:
		s.send(&signal.Pong{N: m.N})
	case *signal.KeyPackage:
		return c.keyPackage(s, m)
	case *signal.Founded:
		return c.founded(s, m)
	case *signal.Commit:
		c.commit(s, m)
	case *signal.Application:
		return c.application(s, m)
	case *signal.Stuck:
		c.stuckBy(s, m)
	case *signal.Code:
		c.codeOf(s, m)
	case *signal.Prefer:
		c.media.Prefer(s.id, *m)
	case *signal.KeyFrame:
		c.media.KeyFrame(m.Track)
	case *signal.Mute:
		s.muted[m.Source] = m.Muted
		c.media.Mute(s.id, string(m.Source), m.Muted)
		c.dirty = true
	case *signal.Recording:
		return c.recordingBy(s, m)
	case *signal.Declare:
		s.said = notAlone
		if m.Alone {
			s.said = alone
		}
		c.dirty = true
	case *signal.Leave:
		c.end(signal.EndedLeft, func(o *Seat) bool { return o == s })
	case *signal.Admit, *signal.Refuse, *signal.Remove:
		return s.aboutOthers(name, m)
	default:
		return s.preside(name, m)
	}
	return nil
}

// aboutOthers is what is done about others: letting in, sending away, removing.
func (s *Seat) aboutOthers(name string, m signal.Message) *signal.Error {
	c := s.call
	if !level.May(s.who.Role, level.Admit) {
		return wrong(name, "right")
	}
	switch m := m.(type) {
	case *signal.Admit:
		return s.admit(m)
	case *signal.Refuse:
		o := c.seats[m.Participant]
		if o == nil || !o.lobby {
			return wrong(name, "participant")
		}
		var r *Refusal
		if e, ok := refused(signal.RefusedByChair).(*Refusal); ok {
			r = e
		}
		o.send(r.Refused)
		o.close()
		delete(c.seats, o.id)
		c.dirty = true // whoever else may let in need not any more
	case *signal.Remove:
		o := c.seats[m.Participant]
		if o == nil || o.who.Role == roster.Chair && s.who.Role != roster.Chair {
			return wrong(name, "participant")
		}
		c.bar(o)
		c.end(signal.EndedRemoved, func(x *Seat) bool { return x == o })
	}
	return nil
}

func (s *Seat) admit(m *signal.Admit) *signal.Error {
	c := s.call
	o := c.seats[m.Participant]
	if o == nil {
		return wrong("admit", "participant")
	}
	if m.Admission != "" {
		if !level.May(s.who.Role, level.SignAdmit) {
			return wrong("admit", "right")
		}
		if o.kp.Raw == nil {
			return wrong("admit", "participant")
		}
		if err := c.admissible(o, m.Admission); err != nil {
			if o == s && c.chairless() { // nobody here remembers this chair, and nobody else could let anybody in
				c.regroup("chair")
				return nil
			}
			c.o.Log.Info("call: an admission was not taken", "err", err)
			return wrong("admit", "admission")
		}
		o.admission = m.Admission
	}
	if c.barred[o.who.Member] {
		if !level.May(s.who.Role, level.SignAdmit) { // a clerk may ask the chair
			o.by = s.id
			c.knocks(o)
			return nil
		}
		delete(c.barred, o.who.Member)
	}
	if o.lobby {
		if !c.room(o.who.Role) {
			return wrong("admit", "full")
		}
		o.lobby, o.by = false, s.id
		o.send(o.joined(false))
		if o.admission == "" {
			c.knocks(o)
		}
		c.entered(o)
	}
	c.dirty, c.sent = true, time.Time{}
	return nil
}

// preside is what leads the call.
func (s *Seat) preside(name string, m signal.Message) *signal.Error {
	c := s.call
	moderates, ends := level.May(s.who.Role, level.Moderate), level.May(s.who.Role, level.End)
	switch m := m.(type) {
	case *signal.Hand:
		return s.hand(m, moderates)
	case *signal.Floor:
		if !moderates {
			return wrong(name, "right")
		}
		if m.Participant != "" && c.seats[m.Participant] == nil {
			return wrong(name, "participant")
		}
		c.hands = slices.DeleteFunc(c.hands, func(id string) bool { return id == m.Participant })
		c.setFloor(m.Participant)
	case *signal.AskMute:
		o := c.seats[m.Participant]
		if !moderates || o == nil {
			return wrong(name, "right")
		}
		o.send(&signal.PleaseMute{From: s.id})
	case *signal.Stream:
		if !ends || m.On && (!level.For(c.level).Streams || c.pending != "" || !c.o.Streams) {
			return wrong(name, "right")
		}
		c.stream(m.On, "chair")
	case *signal.Raise:
		if !ends || c.pending == "" {
			return wrong(name, "right")
		}
		c.take(c.pending)
		if len(c.seats) > 0 {
			c.regroup("raised")
		}
	case *signal.End:
		if !ends {
			return wrong(name, "right")
		}
		c.end(signal.EndedByChair, func(*Seat) bool { return true })
	default:
		return wrong(name, "form") // hello twice
	}
	return nil
}

func (s *Seat) hand(m *signal.Hand, moderates bool) *signal.Error {
	c := s.call
	id := s.id
	if m.Participant != "" && m.Participant != s.id {
		if !moderates {
			return wrong("hand", "right")
		}
		id = m.Participant
	}
	was := slices.Contains(c.hands, id)
	switch {
	case m.Up && !was:
		c.hands = append(c.hands, id)
	case !m.Up && was:
		c.hands = slices.DeleteFunc(c.hands, func(x string) bool { return x == id })
	}
	c.dirty = true
	return nil
}
