// Package call is a room's conference on the server: who sits in it or waits, who may do what, the order of the group's
// messages, and what media goes to whom. It moves messages and remembers nothing on a disk.
//
//	socket ─► Seat.Handle ─┬─► delivery: commits in order
//	roster, level ─► Call ─┼─► sfu: offers, removal at once
//	tick, media's events ──┴─► state, tasks, alarms ─► sockets, MQTT, journal
//
// A mutex guards each call. Media is told first when somebody goes: before sockets, journal and site.
package call

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"subrosa/firmware/conference/delivery"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/sfu"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
	"subrosa/firmware/roster"
)

// Identity is somebody that access lets in, or to the lobby.
type Identity struct {
	Login    string // tells two browsers of one member apart; "" with a certificate
	Member   string
	Role     roster.Role
	OnRoster bool
	Access   any // what access knows, handed back to Options.Still
}

// Media is the part of sfu.Room that a call uses.
type Media interface {
	Offer(participant string, wire *tripwire.Sender, o *signal.Offer) (*signal.Answer, error)
	Stream(id string, wire *tripwire.Sender, o *signal.Offer) (*signal.Answer, error)
	Feed(id, audio, video string)
	Remove(participant string)
	Prefer(participant string, p signal.Prefer)
	Mute(participant, source string, muted bool)
	KeyFrame(track string)
	Floor(participant string)
	Tracks() []sfu.TrackInfo
	Close()
}

// Out is where messages to a participant go. Send must not block; a full one closes itself.
type Out interface {
	Send(l *signal.Letter)
	Close()
}

// Options of a call.
type Options struct {
	Room   string
	Media  func(sfu.Events) Media
	Seats  int
	LastN  int
	Suites []signal.Suite               // allowed, the default first
	Codecs []string                     // of pictures, best first; none: vp8, vp9
	ICE    func(id string) []signal.ICE // with fresh credentials
	Gone   func(id string)              // a participant's media has ended, and so do its credentials
	Still  func(Identity) level.Verdict // asked again after a change of level or roster
	// Bound checks that the identity and signature key of a key package are this participant's; nil: believed.
	// It returns the thumbprint of the passkey that stands behind them, nil without one.
	Bound func(who Identity, identity, key []byte) (passkey []byte, err error)
	// Admitted checks the word of a chair's device, by its signature key, that a key package may be taken in; nil: believed.
	// group is the id of the one that the word must be for.
	Admitted func(word string, group, chair, reference, identity []byte) error
	Record   func(kind string, payload map[string]any)
	Report   func(Report)
	Declared func(Declared)
	Log      *slog.Logger
	Streams  bool // WHIP and WHEP are there
	Players  int  // WHEP at once, at most
	Now      func() time.Time
	Rand     io.Reader // for groups; nil: crypto/rand
}

// Report is what the site is told: no names, no ids.
type Report struct {
	State     string // closed, idle, waiting, running, pending
	Level     level.Level
	Seats     int
	CodeLabel string // "room" or "chair" and 30 digits, CodesDiffer, or "" until an epoch's has come
	Open      bool   // for public streams, by the chair's word
	In, Out   int    // public streams that run
	Plain     bool   // a gateway takes part, or public streams are open: not all of it is encrypted end to end
}

// Declared is what those who take part from elsewhere have said of their room: pseudonyms, for the unit and nobody else.
type Declared struct {
	Asked int // whoever is in the call and not in the hall
	Said  []Said
}

// Said is a member's word.
type Said struct {
	Member string
	Alone  bool
}

// Kinds of journal entries. Payloads have counts, roles and words of lists.
const (
	KindBegan   = "conference.began"
	KindEnded   = "conference.ended-call"
	KindLevel   = "conference.level"
	KindRemoved = "conference.removed"
	KindAlarm   = "conference.alarm"
	KindStream  = "conference.stream"
	KindRegroup = "conference.regrouped"
)

// Call is safe for concurrent use.
type Call struct {
	o     Options
	media Media

	mu       sync.Mutex
	allowed  bool
	level    level.Level
	pending  level.Level
	open     bool // for public streams, which are plain
	in       *Stream
	players  map[string]*Stream
	most     int // players at once, since the first came
	seats    map[string]*Seat
	group    *delivery.Group
	seq      uint64
	seq0     uint64 // seats so far
	log      []logged
	logSize  int
	hands    []string
	floor    string
	code     string                        // label for the wall
	stuck    map[complaint]map[string]bool // who refuses it
	tape     tape
	keys     map[string]leafKey // of the group's members, by participant
	chairs   map[string][]came  // chairs that have been in the group, by member
	barred   map[string]bool    // members who were removed: they wait in the lobby for a chair's new word
	strict   bool               // this call had a level at which the chair signs: its groups are not open any more
	task     task
	asked    time.Time // when a chair was asked to make the group
	version  uint64
	dirty    bool
	sent     time.Time
	reported Report
	came     members // new seats
	rekeyed  members // commits that changed nobody
	asking   bool    // the session asks for declarations, whatever the level
	declared Declared
	events   chan func()
}

// logged is an ordered message, for those who come back.
type logged struct {
	seq  uint64
	to   string // only this participant; "" all members
	not  string // but not this one
	m    *signal.Letter
	size int
}

const (
	maxLog     = 512
	maxLogSize = 4 << 20
)

// task is what a member was asked to commit.
type task struct {
	who   string
	at    time.Time
	epoch uint64
	tried map[string]bool
}

// New opens a room's conference, closed until SetLevel allows calls.
func New(o Options) *Call {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	c := &Call{o: o, level: level.Confidential, seats: map[string]*Seat{}, players: map[string]*Stream{}, stuck: map[complaint]map[string]bool{}, came: members{}, rekeyed: members{},
		keys: map[string]leafKey{}, chairs: map[string][]came{}, barred: map[string]bool{}, events: make(chan func(), 256)}
	c.media = o.Media(sfu.Events{
		Tracks:   func() { c.later(func() { c.dirty = true }) },
		Alarm:    func(a sfu.Alarm) { c.later(func() { c.alarm(a) }) },
		Speakers: func(s []string) { c.later(func() { c.all(&signal.Speakers{Speakers: s}) }) },
		Flow:     func(p string, f sfu.Flow) { c.later(func() { c.flow(p, f) }) },
		State:    func(p, state string) { c.later(func() { c.streamState(p, state) }) },
	})
	return c
}

// later runs fn under the lock on the goroutine of Run: media's events come from under its own locks.
func (c *Call) later(fn func()) {
	select {
	case c.events <- fn:
	default: // state is sent whole again at the next change
	}
}

// Run does what is due until done closes.
func (c *Call) Run(done <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			c.shut(signal.EndedServer)
			c.media.Close()
			return
		case fn := <-c.events:
			c.locked(fn)
		case <-tick.C:
			c.locked(nil)
		}
	}
}

// locked runs fn and then all that is due. Every change goes through here.
func (c *Call) locked(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fn != nil {
		fn()
	}
	c.expire()
	c.recordingOver()
	c.feed()
	c.assign()
	c.tell()
}

func newID(prefix string) string {
	var b [8]byte
	rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}

// SetLevel takes what the session allows: a level, and whether there may be a call at all.
func (c *Call) SetLevel(l level.Level, allowed bool) {
	c.locked(func() {
		if l != level.For(l).Level {
			l = level.Confidential
		}
		was := c.level
		c.allowed = allowed
		if !allowed || !level.For(l).Streams {
			c.stream(false, "level") // first, and whatever becomes of the call
		}
		switch {
		case !allowed:
			c.pending = ""
			c.level = l
			c.end(signal.EndedLevel, func(*Seat) bool { return true })
		case len(c.seats) > 0 && !level.For(was).Encrypted && level.For(l).Encrypted:
			c.pending = l // a public call goes on until the chair has said what becomes of it
			c.note(KindLevel, map[string]any{"level": string(l), "word": "pending"})
		case l != was || c.pending != "":
			c.take(l)
		}
		c.dirty = true
	})
}

// take makes l the call's level: who may not stay goes.
func (c *Call) take(l level.Level) {
	if len(c.seats) > 0 && level.For(c.level).ChairSigned {
		c.strict = true // pages that were told so take part in no open group
	}
	c.level, c.pending = l, ""
	if !level.For(l).Streams {
		c.stream(false, "level")
	}
	c.end(signal.EndedLevel, c.mayNot)
	c.note(KindLevel, map[string]any{"level": string(l)})
}

// Drop ends the calls of a member, or of one of its browsers, in this room: its right has ended. Media stops before it returns.
func (c *Call) Drop(member, login string) {
	c.locked(func() {
		c.dropStreams(member)
		c.end(signal.EndedRoster, func(s *Seat) bool { return s.who.Member == member && (login == "" || s.who.Login == login) })
	})
}

// LeaveHall ends the seat of the room itself: somebody has pressed the hall's button. It comes back by hand alone.
func (c *Call) LeaveHall() {
	c.locked(func() { c.end(signal.EndedHall, func(s *Seat) bool { return s.who.Role == roster.Room }) })
}

// Check asks again who may stay: after a change of what access knows.
func (c *Call) Check() {
	c.locked(func() { c.end(signal.EndedRoster, c.mayNot) })
}

// mayNot reports whether somebody has no right to be here any more. Streams have theirs by token and chair, not by a sign-in.
func (c *Call) mayNot(s *Seat) bool {
	return c.o.Still != nil && s.stream == nil && !c.o.Still(s.who).May
}

func (c *Call) shut(why signal.EndReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream(false, string(why))
	c.end(why, func(*Seat) bool { return true })
	c.tell()
}

// end ends the seats that fn picks. Media goes first, for all of them.
func (c *Call) end(why signal.EndReason, fn func(*Seat) bool) {
	var gone []*Seat
	for _, s := range c.seats {
		if fn(s) {
			gone = append(gone, s)
		}
	}
	for _, s := range gone {
		s.wire.Turn(c.o.Now(), 0, -1, 0, true)
		c.silence(s.id)
		delete(c.seats, s.id)
		c.streamEnded(s, why)
	}
	for _, s := range gone {
		c.hands = slices.DeleteFunc(c.hands, func(id string) bool { return id == s.id })
		if c.floor == s.id {
			c.setFloor("")
		}
		s.send(&signal.Ended{Reason: why, Again: again[why], Text: endTexts[why]})
		s.close()
		if why != signal.EndedLeft && !s.lobby && s.stream == nil {
			c.note(KindRemoved, map[string]any{"role": string(s.who.Role), "why": string(why)})
		}
		c.dirty = true
	}
	if len(gone) > 0 {
		c.sent = time.Time{} // told at once
		c.emptied()
	}
}

// silence ends a participant's media, and the credentials that it had for it. When it returns, no packet passes any more.
func (c *Call) silence(id string) {
	c.media.Remove(id)
	if c.o.Gone != nil {
		c.o.Gone(id)
	}
}

// emptied forgets a call that nobody sits in.
func (c *Call) emptied() {
	for _, s := range c.seats {
		if !s.lobby && s.stream == nil {
			return
		}
	}
	c.stream(false, "empty")
	if c.group != nil {
		c.note(KindEnded, map[string]any{"epochs": c.group.Epoch()})
	}
	c.group, c.log, c.logSize, c.code, c.task, c.strict = nil, nil, 0, "", task{}, false
	clear(c.barred)
	if c.pending != "" {
		c.level, c.pending = c.pending, ""
	}
}

// expire ends seats that waited in vain.
func (c *Call) expire() {
	now := c.o.Now()
	c.end(signal.EndedLost, func(s *Seat) bool { return s.out == nil && now.Sub(s.lost) >= signal.ResumeFor })
}

func (c *Call) note(kind string, payload map[string]any) {
	if c.o.Record != nil {
		c.o.Record(kind, payload)
	}
}

// all sends to everybody in the call.
func (c *Call) all(m signal.Message) {
	l := signal.NewLetter(m)
	for _, s := range c.seats {
		if !s.lobby {
			s.post(l)
		}
	}
}

func (c *Call) alarm(a sfu.Alarm) {
	s := c.seats[a.Peer]
	if s == nil {
		return
	}
	m := &signal.Alarm{Participant: a.Peer, Track: a.Track, Why: a.Why.String(), Text: signal.Text{
		DE: "Der Server hat Bild oder Ton verworfen, das nicht so verschlüsselt war, wie es sein muss. Bitte laden Sie die Seite neu.",
		EN: "The server has dropped picture or sound that was not encrypted as it must be. Please reload the page."}}
	c.cry(s, m)
	c.note(KindAlarm, map[string]any{"why": a.Why.String(), "role": string(s.who.Role)})
}

func (c *Call) flow(p string, f sfu.Flow) {
	if s := c.seats[p]; s != nil {
		s.send(&signal.Flow{Down: f.Down, Paused: f.Paused, Layers: f.Layers})
	}
}

func (c *Call) setFloor(id string) {
	c.floor = id
	c.media.Floor(id)
	c.dirty = true
}

// String names the call in logs.
func (c *Call) String() string { return fmt.Sprintf("call in %s", c.o.Room) }
