package call

import (
	"errors"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
	"subrosa/firmware/roster"
)

// Public streams: one comes in, the hall's mixer (WHIP), and is seen by everybody as a member of the role gateway; what it
// sends, and nothing else, goes out to players (WHEP). So what leaves a call was never encrypted end to end, and what people
// send from their devices never leaves it. Streams need a level that allows them, a call that runs, and the chair's word.

// Stream is one that runs.
type Stream struct {
	id           string
	token        string // of access; "" a player without one
	since        time.Time
	ready        bool // negotiated
	connected    bool // at some time
	lost         bool // not at this moment
	why          string
	wire         *tripwire.Sender
	audio, video string // what a player is fed with
}

// ID of the stream.
func (s *Stream) ID() string { return s.id }

// connectTime is how long a stream may take to connect.
const connectTime = 15 * time.Second

// Why a stream does not begin.
var (
	ErrStreamLevel = errors.New("call: no public stream at this level, or no call is allowed")
	ErrStreamShut  = errors.New("call: the chair has not opened public streams")
	ErrStreamBusy  = errors.New("call: another stream comes in")
	ErrStreamFull  = errors.New("call: as many players as may be")
	ErrStreamNone  = errors.New("call: nothing comes in that could be played")
)

// silent is where a gateway's messages go: it has no page.
type silent struct{}

func (silent) Send(*signal.Letter) {}
func (silent) Close()              {}

// Publish begins the stream that comes in, under a token's id.
func (c *Call) Publish(token string, o *signal.Offer) (*Stream, *signal.Answer, error) {
	return c.begins(token, o, c.publisher)
}

// Play begins a stream that goes out. token is "" where none is asked for.
func (c *Call) Play(token string, o *signal.Offer) (*Stream, *signal.Answer, error) {
	return c.begins(token, o, c.player)
}

// begins negotiates outside of the call's lock, as seats do; what has ended meanwhile gets no answer.
func (c *Call) begins(token string, o *signal.Offer, take func(string) (*Stream, error)) (s *Stream, a *signal.Answer, err error) {
	c.locked(func() {
		if err = c.mayStream(); err == nil {
			s, err = take(token)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	a, err = c.media.Stream(s.id, s.wire, o)
	c.locked(func() {
		switch {
		case !c.streams(s.id):
			c.silence(s.id)
			err = ErrStreamLevel
		case err != nil:
			c.endStream(s, "offer")
		default:
			s.ready = true
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return s, a, nil
}

func (c *Call) mayStream() error {
	switch {
	case !c.o.Streams || !c.allowed || c.pending != "" || !level.For(c.level).Streams:
		return ErrStreamLevel
	case !c.open:
		return ErrStreamShut
	}
	return nil
}

// publisher takes the one place of what comes in. Its own successor may have it when the connection is lost.
func (c *Call) publisher(token string) (*Stream, error) {
	if c.in != nil {
		if !c.in.lost || c.in.token != token {
			return nil, ErrStreamBusy
		}
		c.endStream(c.in, "again")
	}
	s := &Stream{id: newID("p"), token: token, since: c.o.Now(), wire: &tripwire.Sender{}}
	s.wire.Off()
	c.seq0++
	c.in = s
	c.seats[s.id] = &Seat{call: c, id: s.id, number: c.seq0, who: Identity{Member: token, Role: roster.Gateway}, out: silent{}, muted: map[signal.Source]bool{}, wire: s.wire, stream: s}
	c.note(KindStream, map[string]any{"what": "in-began", "token": token})
	c.dirty, c.sent = true, time.Time{}
	return s, nil
}

func (c *Call) player(token string) (*Stream, error) {
	switch audio, video := c.incoming(); {
	case audio == "" && video == "":
		return nil, ErrStreamNone
	case len(c.players) >= c.o.Players:
		return nil, ErrStreamFull
	}
	s := &Stream{id: newID("v"), token: token, since: c.o.Now(), wire: &tripwire.Sender{}}
	s.wire.Turn(s.since, 0, -1, 0, true) // a player sends nothing
	c.players[s.id] = s
	if len(c.players) == 1 {
		c.note(KindStream, map[string]any{"what": "out-began"})
	}
	c.most = max(c.most, len(c.players))
	c.dirty = true
	return s, nil
}

// incoming is what the stream that comes in carries.
func (c *Call) incoming() (audio, video string) {
	if c.in == nil {
		return "", ""
	}
	for _, t := range c.media.Tracks() {
		switch {
		case t.Peer != c.in.id:
		case signal.Source(t.Source).Video():
			video = t.ID
		default:
			audio = t.ID
		}
	}
	return audio, video
}

// feed gives players what comes in now, and ends streams that never connected.
func (c *Call) feed() {
	if c.in == nil && len(c.players) == 0 {
		return
	}
	now := c.o.Now()
	late := func(s *Stream) bool { return !s.connected && now.Sub(s.since) >= connectTime }
	if c.in != nil && late(c.in) {
		c.endStream(c.in, "never-connected")
	}
	audio, video := c.incoming()
	for _, s := range c.players {
		if late(s) {
			c.endStream(s, "never-connected")
		} else if s.ready && (s.audio != audio || s.video != video) {
			s.audio, s.video = audio, video
			c.media.Feed(s.id, audio, video)
		}
	}
}

// streams reports whether a stream runs.
func (c *Call) streams(id string) bool { return c.running(id) != nil }

func (c *Call) running(id string) *Stream {
	if c.in != nil && c.in.id == id {
		return c.in
	}
	return c.players[id]
}

// Streams reports whether a stream runs.
func (c *Call) Streams(id string) (yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams(id)
}

// EndStream ends a stream by its own wish.
func (c *Call) EndStream(id string) {
	c.locked(func() {
		if s := c.running(id); s != nil {
			c.endStream(s, "left")
		}
	})
}

// endStream ends a stream. When it returns, no packet of it is passed any more.
func (c *Call) endStream(s *Stream, why string) {
	if c.in == s {
		s.why = why
		c.end(signal.EndedLeft, func(x *Seat) bool { return x.stream == s })
		return
	}
	c.silence(s.id)
	delete(c.players, s.id)
	c.dirty = true
	if len(c.players) == 0 {
		c.note(KindStream, map[string]any{"what": "out-ended", "why": why, "most": c.most})
		c.most = 0
	}
}

// streamEnded takes note that a seat was that of what comes in. Players stay: it may come again.
func (c *Call) streamEnded(s *Seat, why signal.EndReason) {
	if s.stream == nil || c.in != s.stream {
		return
	}
	if s.stream.why == "" {
		s.stream.why = string(why)
	}
	c.note(KindStream, map[string]any{"what": "in-ended", "why": s.stream.why, "seconds": int(c.o.Now().Sub(s.stream.since).Seconds())})
	c.in = nil
}

// streamState acts on what media says of a connection.
func (c *Call) streamState(id, state string) {
	s := c.running(id)
	if s == nil {
		return
	}
	switch state {
	case "connected":
		s.connected, s.lost = true, false
	case "disconnected":
		s.lost = true
	case "failed", "closed":
		c.endStream(s, "lost")
	}
}

// dropStreams ends those of a token that has ended.
func (c *Call) dropStreams(token string) {
	if c.in != nil && c.in.token == token {
		c.endStream(c.in, "token")
	}
	for _, s := range c.players {
		if s.token == token && token != "" {
			c.endStream(s, "token")
		}
	}
}

// stream opens the call for public streams, or ends them: media first, and before it returns.
func (c *Call) stream(on bool, why string) {
	if on == c.open {
		return
	}
	c.open = on
	c.dirty, c.sent = true, time.Time{}
	if on {
		c.note(KindStream, map[string]any{"what": "opened"})
		return
	}
	for _, s := range c.players {
		c.endStream(s, why)
	}
	if c.in != nil {
		c.endStream(c.in, why)
	}
	c.note(KindStream, map[string]any{"what": "closed", "why": why})
}
