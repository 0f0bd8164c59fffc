package call

import (
	"slices"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// What the messages of a participant do.

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
