// Package lockdown is the room's side of the lock of voice assistants: what it asks the connectors of the device management
// for, and what they could prove. It is pure: time is an argument, and the caller keeps what Memory returns, on disk before
// a wish is published.
//
//	session, roster ──► Step ──► Want ──► room/{room}/lockdown/desired ──► connectors ──► devices
//	                                                                            │
//	wall, chair, policy, journal ◄── Status ◄── Take, Online, Posture ◄─────────┘
//
// # Two leases
//
// A wish holds for Lease, and is renewed every Renew to Renew+Spread as long as the unit lives: when the unit dies, the
// connectors give the devices back when the lease is over. HardEnd is absolute: the planned end with some grace, and never
// later than Cap after the lock began; devices that can give themselves back then even if everything else is dead.
//
//	planned (15 min early) … handover … closed ⇄ interrupted   locked, devices of the roster as it is at the moment
//	restoring, open                                            open: the list of devices is emptied
//
// HardEnd of a holder is only ever made shorter by connectors. So a session that outlasts its plan goes on under a new
// holder, announced before the first one ends, within the same Cap; and a unit that has lost its memory begins one, too. What was closed before a power loss stays
// locked: an interrupted session is as confidential as a closed one.
//
// # What counts
//
// Only what a device itself has said counts as off. "Accepted by the server" and "pushed" are counted apart, and so is what a
// connector says that cannot be reached any more. Nothing here knows a person; devices are pseudonyms, and are only counted
// by whatever is shown or recorded.
package lockdown

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"subrosa/firmware/session"
)

// Config holds the times of a lock, and what it takes away.
type Config struct {
	Lease     time.Duration // of a wish
	Renew     time.Duration // it is renewed after this …
	Spread    time.Duration // … and up to so much more, so that rooms do not beat in time
	Grace     time.Duration // after the planned end
	Cap       time.Duration // of the whole lock
	Unplanned time.Duration // how long a session without a plan may take
	Fresh     time.Duration // a standing posture that is older is out of date
	CheckedIn bool          // only devices that have checked in, not all of the roster
	Restrict  []string      // what goes off beside the standing posture; "?" at the end: where the platform can
}

// Default times and restrictions. Microphones are asked for where the platform can: no iPhone can.
var Default = Config{
	Lease: 300 * time.Second, Renew: 60 * time.Second, Spread: 40 * time.Second, Grace: 30 * time.Minute, Cap: 6 * time.Hour,
	Unplanned: 4 * time.Hour, Fresh: 24 * time.Hour,
	Restrict: []string{"assistant", "dictation", "screen-recording", "call-recording", "microphone?"},
}

// Check reports what is impossible.
func (c Config) Check() error {
	switch {
	case c.Renew <= 0 || c.Spread < 0 || c.Lease < 2*(c.Renew+c.Spread):
		return fmt.Errorf("lockdown: lease %v, want at least twice the longest renewal, %v", c.Lease, c.Renew+c.Spread)
	case c.Cap <= 0 || c.Cap > 12*time.Hour:
		return fmt.Errorf("lockdown: cap %v, want more than 0 and at most 12h", c.Cap)
	case c.Grace < 2*c.Lease || c.Unplanned <= 0:
		return fmt.Errorf("lockdown: grace %v, want at least two leases; unplanned %v, want more than 0", c.Grace, c.Unplanned)
	case c.Fresh <= 0:
		return fmt.Errorf("lockdown: a posture is fresh for %v", c.Fresh)
	}
	return nil
}

// Situation is what the room is in.
type Situation struct {
	State   session.State
	Session string    // the room's own id of the session, "" if there is none
	To      time.Time // planned end; zero: not planned
	Devices []string  // of the session, sorted
}

// locks reports whether devices shall be locked.
func (s Situation) locks() bool {
	return s.Session != "" && len(s.Devices) > 0 && (s.State == session.Planned || s.State.Step() || s.State.Confidential())
}

// Want is a wish, as it is published.
type Want struct {
	Version  uint64
	Session  string // the holder: different for every lock
	Locked   bool
	Restrict []string
	Lease    time.Duration
	HardEnd  time.Time
	Devices  []string
}

// Memory is what survives a restart.
type Memory struct {
	Format  int       `json:"format"`
	Version uint64    `json:"version"` // of the last wish
	Session string    `json:"session"` // of the room
	Holder  string    `json:"holder"`  // of the lock: the session, and the version with which it began to hold
	First   uint64    `json:"first"`   // version with which the lock began
	Since   time.Time `json:"since"`   // when the session's first lock began
	HardEnd time.Time `json:"hard_end"`
	Locked  bool      `json:"locked"`
	Over    bool      `json:"over"` // Cap has ended the lock of this session
	Devices []string  `json:"devices,omitempty"`
}

// Desk is one room's. It is not safe for concurrent use.
type Desk struct {
	conf  Config
	rand  io.Reader
	mem   Memory
	renew time.Time // zero: at once
	conns map[string]*connector
	seen  Situation
}

// New returns a desk that has asked for nothing.
func New(c Config, random io.Reader) (*Desk, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Desk{conf: c, rand: random, conns: map[string]*connector{}}, nil
}

// CheckedIn reports whether only devices that have checked in are to be locked.
func (d *Desk) CheckedIn() bool { return d.conf.CheckedIn }

// Memory returns what Recall needs. Keep it before a Want is published: a version that is used twice would be overlooked.
func (d *Desk) Memory() Memory {
	m := d.mem
	m.Format = 1
	m.Devices = slices.Clone(m.Devices)
	return m
}

// Recall takes over what Memory returned. The next Step renews the wish at once.
func (d *Desk) Recall(m Memory) error {
	if m.Format != 1 {
		return fmt.Errorf("lockdown: memory of format %d, this program knows 1", m.Format)
	}
	m.Devices = slices.Clone(m.Devices)
	d.mem, d.renew = m, time.Time{}
	return nil
}

// Step says what is to be published now, if anything. Call it with every change, and at least every few seconds.
func (d *Desk) Step(now time.Time, s Situation) (Want, bool) {
	d.seen = s
	if d.mem.Session != s.Session && s.Session != "" {
		over := d.mem
		d.mem = Memory{Version: over.Version, Locked: over.Locked, Session: s.Session, Devices: over.Devices}
		if over.Locked {
			d.renew = time.Time{}
		}
	}
	if !s.locks() || d.mem.Over || d.capped(now) {
		return d.open(now)
	}
	end := d.end(now, s)
	fresh := !d.mem.Locked || d.mem.Since.IsZero()
	if fresh {
		if d.mem.Since.IsZero() {
			d.mem.Since = now
		}
		d.mem.HardEnd, d.mem.Holder = end, ""
	}
	switch {
	case fresh:
	case end.Before(d.mem.HardEnd):
		d.mem.HardEnd, d.renew = end, time.Time{}
	case end.After(d.mem.HardEnd) && now.After(d.mem.HardEnd.Add(-d.conf.Lease)):
		d.mem.HardEnd, d.mem.Holder, d.renew = end, "", time.Time{}
	}
	if fresh || now.Before(d.renew.Add(-d.conf.Renew-d.conf.Spread)) { // the clock was set back
		d.renew = time.Time{}
	}
	if now.Before(d.renew) && slices.Equal(s.Devices, d.mem.Devices) {
		return Want{}, false
	}
	d.mem.Locked, d.mem.Devices = true, slices.Clone(s.Devices)
	d.renew = now.Add(d.conf.Renew + d.spread())
	d.bump(now)
	if d.mem.Holder == "" {
		d.mem.Holder = d.mem.Session + "-" + strconv.FormatUint(d.mem.Version, 36)
	}
	if fresh {
		d.mem.First = d.mem.Version
	}
	return d.want(), true
}

// capped reports whether the lock has lasted as long as it may, and remembers that.
func (d *Desk) capped(now time.Time) bool {
	if d.mem.Locked && !d.mem.Since.IsZero() && !now.Before(d.mem.Since.Add(d.conf.Cap)) {
		d.mem.Over = true
	}
	return d.mem.Over
}

// end returns when the devices are to be given back at the latest. A session that has outlasted its plan gets Grace at a
// time.
func (d *Desk) end(now time.Time, s Situation) time.Time {
	since := d.mem.Since
	if since.IsZero() {
		since = now
	}
	end := s.To
	if end.IsZero() {
		end = since.Add(d.conf.Unplanned)
	}
	if end.Before(now) {
		end = now
		if d.mem.HardEnd.After(now.Add(d.conf.Lease)) {
			return d.mem.HardEnd // not yet: one holder after the other
		}
	}
	end = end.Add(d.conf.Grace)
	if last := since.Add(d.conf.Cap); end.After(last) {
		end = last
	}
	return end.Truncate(time.Second)
}

// open takes the wish back, once.
func (d *Desk) open(now time.Time) (Want, bool) {
	if !d.mem.Locked {
		return Want{}, false
	}
	d.mem.Locked, d.mem.Devices = false, nil
	d.bump(now)
	d.renew = time.Time{}
	return d.want(), true
}

// bump gives the next version: higher than the last, and than any that was given before a state was lost, for no room
// asks for something new more than once a second for long.
func (d *Desk) bump(now time.Time) {
	d.mem.Version = max(d.mem.Version+1, uint64(max(0, now.Unix())))
}

func (d *Desk) want() Want {
	return Want{Version: d.mem.Version, Session: d.mem.Holder, Locked: d.mem.Locked, Restrict: slices.Clone(d.conf.Restrict), Lease: d.conf.Lease,
		HardEnd: d.mem.HardEnd, Devices: append([]string{}, d.mem.Devices...)}
}

// spread is a random part of Spread. Without randomness there is none.
func (d *Desk) spread() time.Duration {
	var b [4]byte
	if _, err := io.ReadFull(d.rand, b[:]); err != nil || d.conf.Spread == 0 {
		return 0
	}
	return time.Duration(float64(d.conf.Spread) * float64(binary.BigEndian.Uint32(b[:])) / (1 << 32))
}
