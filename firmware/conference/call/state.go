package call

import (
	"cmp"
	"slices"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// What is told of the call: to its people, and to whoever runs it.

// tell sends the state, if it has changed, at most ten times a second, and reports.
func (c *Call) tell() {
	c.report()
	c.tellDeclared()
	now := c.o.Now()
	if !c.dirty || now.Sub(c.sent) < 100*time.Millisecond {
		return
	}
	c.dirty, c.sent = false, now
	c.version++
	st := c.state()
	door := *st // who lets in learns from it who has gone again
	for _, s := range c.ordered() {
		if s.lobby {
			door.Waiting = append(door.Waiting, s.id)
		}
	}
	l, admits := signal.NewLetter(st), signal.NewLetter(&door)
	for _, s := range c.seats {
		switch {
		case !s.lobby && level.May(s.who.Role, level.Admit):
			s.post(admits)
			continue
		case !s.lobby:
			s.post(l)
			continue
		}
		own := *st // in the lobby nobody sees who is there
		own.People, own.Tracks, own.Group = []signal.Person{s.person(c)}, []signal.Track{}, nil
		s.send(&own)
	}
}

func (c *Call) state() *signal.State {
	st := &signal.State{Version: c.version, Level: c.level, Pending: c.pending, Encryption: signal.EndToEnd, Declare: c.asking || level.For(c.level).Declaration, Floor: c.floor, People: []signal.Person{}, Tracks: []signal.Track{}}
	if c.open {
		st.Encryption = signal.Open
		st.Stream = &signal.StreamState{In: c.in != nil, Out: len(c.players)}
	}
	if c.group != nil && c.group.Founded() {
		st.Group, st.Epoch = c.group.ID, c.group.Epoch()
	}
	for _, s := range c.ordered() {
		if !s.lobby {
			st.People = append(st.People, s.person(c))
		}
	}
	for _, t := range c.media.Tracks() {
		if s := c.seats[t.Peer]; s != nil {
			st.Tracks = append(st.Tracks, signal.Track{ID: t.ID, Participant: t.Peer, Source: signal.Source(t.Source), Codec: t.Codec})
		}
	}
	slices.SortFunc(st.Tracks, func(a, b signal.Track) int { return cmp.Compare(a.ID, b.ID) })
	return st
}

// ordered lists the seats by when they came.
func (c *Call) ordered() []*Seat {
	out := make([]*Seat, 0, len(c.seats))
	for _, s := range c.seats {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Seat) int { return cmp.Compare(a.number, b.number) })
	return out
}

func (c *Call) report() {
	r := Report{State: "idle", Level: c.level, CodeLabel: c.code, Open: c.open, Out: len(c.players)}
	if c.in != nil {
		r.In = 1
	}
	for _, s := range c.seats {
		if !s.lobby {
			r.Seats++
			r.Plain = r.Plain || s.who.Role == roster.Gateway
		}
	}
	r.Plain = r.Plain || r.Open || r.In > 0 || r.Out > 0
	switch {
	case !c.allowed:
		r.State = "closed"
	case c.pending != "":
		r.State = "pending"
	case c.group != nil && c.group.Founded():
		r.State = "running"
	case len(c.seats) > 0:
		r.State = "waiting"
	}
	if r != c.reported && c.o.Report != nil {
		c.reported = r
		c.o.Report(r)
	}
}
