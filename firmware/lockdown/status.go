package lockdown

import (
	"maps"
	"slices"
	"time"

	"subrosa/mdm"
)

// Report is what one connector says of the room.
type Report struct {
	Version        uint64            // of the wish that it acts upon
	Count          uint64            // of the report itself
	States         map[mdm.State]int // how many devices are in each state
	Microphones    int               // how many could be switched off
	MicrophonesOff int               // how many are, by their own word
	Evidence       mdm.Evidence      // the weakest that counts for "off"
	Fault          string            // slug of what keeps the connector from working; "": nothing
	At             time.Time
}

// Posture is the standing posture of everything that a connector manages.
type Posture struct {
	Off   int       `json:"off"`   // assistants off, proven or declared
	Total int       `json:"total"` // devices managed
	At    time.Time `json:"at"`    // of the oldest proof that counts
	// Declared of those that are off are so by a person's word only, or by another management's list: not proven.
	Declared int `json:"declared,omitempty"`
	// Evidence is the weakest that counts for Off.
	Evidence mdm.Evidence `json:"evidence,omitempty"`
}

// Proven is on how many devices the assistants are proven off, by the device's own word.
func (p Posture) Proven() int { return p.Off - p.Declared }

// connector is one bridge to a device management.
type connector struct {
	online  bool
	since   time.Time // when that began; zero: it has never said
	report  *Report
	posture *Posture
}

// maxConnectors bounds what a broker can make us remember.
const maxConnectors = 32

// dated reports whether all that is known is a posture, brought by somebody who has read a list: it is judged by its age, for nothing is
// connected that could be lost.
func (c *connector) dated() bool { return c.since.IsZero() && c.report == nil }

func (d *Desk) conn(id string) *connector {
	c := d.conns[id]
	if c == nil {
		c = &connector{}
		if len(d.conns) < maxConnectors {
			d.conns[id] = c
		}
	}
	return c
}

// Online takes whether a connector can be reached; its last will says so at once.
func (d *Desk) Online(now time.Time, id string, online bool) {
	c := d.conn(id)
	if c.online != online || c.since.IsZero() {
		c.online, c.since = online, now
	}
}

// Take takes what a connector reports for the room; nil: its topic was emptied. A report of a lower number counts only if it is
// newer by its time: of a connector that has lost its memory.
func (d *Desk) Take(id string, r *Report) {
	c := d.conn(id)
	if r == nil || c.report == nil || r.Count >= c.report.Count || r.At.After(c.report.At) {
		c.report = r
	}
}

// Standing takes a connector's standing posture; nil: its topic was emptied.
func (d *Desk) Standing(id string, p *Posture) {
	c := d.conn(id)
	if p == nil || c.posture == nil || !p.At.Before(c.posture.At) {
		c.posture = p
	}
}

// Phase is where the lock stands.
type Phase string

const (
	Idle    Phase = "idle"    // nothing is to be locked
	Locking Phase = "locking" // a session is being prepared or held
	Giving  Phase = "giving"  // it is over, and devices are being given back
	Over    Phase = "over"    // the longest time is over, the session is not
)

// Status counts what is known at one moment. Every device of the session is in exactly one of the first group.
type Status struct {
	Phase   Phase `json:"phase"`
	Devices int   `json:"devices"` // of the session

	Off       int `json:"off"`       // by the device's own word
	Claimed   int `json:"claimed"`   // accepted or pushed, and not proven by the device
	Declared  int `json:"declared"`  // a person has looked and says so: not proven
	Locked    int `json:"locked"`    // screen locked: to be unlocked once
	Partial   int `json:"partial"`   // some of it is off
	Waiting   int `json:"waiting"`   // on the way
	Offline   int `json:"offline"`   // not reached
	Failed    int `json:"failed"`    // refused or stuck
	Unmanaged int `json:"unmanaged"` // no connector manages it
	Blind     int `json:"blind"`     // its connector cannot be reached, or says nothing

	Microphones    int `json:"microphones"`
	MicrophonesOff int `json:"microphones_off"`
	Returning      int `json:"returning"` // not yet given back, after a session

	Connectors int        `json:"connectors"` // known
	Reached    int        `json:"reached"`    // of them, now
	Lost       []string   `json:"lost"`       // ids of those that are not
	Until      time.Time  `json:"until,omitzero"`
	Postures   []Standing `json:"postures"`
	Faults     []Fault    `json:"faults"`
	Asked      []string   `json:"-"` // restrictions
	Since      time.Time  `json:"since,omitzero"`
}

// Standing is a connector's posture, and whether that is recent.
type Standing struct {
	Conn string `json:"conn"`
	Posture
	Old bool `json:"old"`
}

// Fault is a connector that is reached and does not work.
type Fault struct {
	Conn string `json:"conn"`
	Why  string `json:"why"` // slug
}

// Status counts at now.
func (d *Desk) Status(now time.Time) Status {
	s := Status{Phase: Idle, Lost: []string{}, Postures: []Standing{}, Faults: []Fault{}, Asked: d.conf.Restrict}
	switch {
	case d.mem.Locked:
		s.Phase, s.Devices, s.Until, s.Since = Locking, len(d.mem.Devices), d.mem.HardEnd, d.mem.Since
	case d.mem.Over && d.seen.locks():
		s.Phase, s.Devices = Over, len(d.seen.Devices)
	}
	managed, silent := 0, false
	for _, id := range slices.Sorted(maps.Keys(d.conns)) {
		c := d.conns[id]
		if p := c.posture; p != nil {
			s.Postures = append(s.Postures, Standing{id, *p, !c.online && !c.dated() || now.Sub(p.At) > d.conf.Fresh})
		}
		if c.dated() {
			continue
		}
		s.Connectors++
		if c.online {
			s.Reached++
		} else {
			s.Lost = append(s.Lost, id)
		}
		if c.online && c.report != nil && c.report.Fault != "" {
			s.Faults = append(s.Faults, Fault{id, c.report.Fault})
		}
		managed += s.add(c, d.mem)
		silent = silent || c.online && (c.report == nil || c.report.Version < d.mem.First)
	}
	if s.Phase == Idle && s.Returning > 0 {
		s.Phase = Giving
	}
	if s.Phase == Locking {
		s.rest(managed, silent)
	}
	if s.Phase == Over {
		s.Failed = s.Devices
	}
	return s
}

// add counts what one connector says, and returns how many devices it manages.
func (s *Status) add(c *connector, m Memory) (managed int) {
	r := c.report
	if r == nil {
		return 0
	}
	for _, n := range r.States {
		managed += n
	}
	managed -= r.States[mdm.Unmanaged]
	if !m.Locked {
		if c.online && m.Version > 0 {
			s.Returning += managed - r.States[mdm.OpenVerified]
		}
		return managed
	}
	switch {
	case !c.online:
		s.Blind += managed
	case r.Version < m.First: // of an earlier session
		s.Waiting += managed
	default:
		for state, n := range r.States {
			s.count(state, n)
		}
		s.Microphones += r.Microphones
		s.MicrophonesOff += r.MicrophonesOff
	}
	return managed
}

func (s *Status) count(state mdm.State, n int) {
	switch state {
	case mdm.LockedVerified:
		s.Off += n
	case mdm.LockedAcked:
		s.Claimed += n
	case mdm.Declared:
		s.Declared += n
	case mdm.NotNow:
		s.Locked += n
	case mdm.Partial:
		s.Partial += n
	case mdm.Offline:
		s.Offline += n
	case mdm.Error, mdm.Stuck:
		s.Failed += n
	case mdm.Unmanaged: // what is left over is unmanaged: another connector may manage it
	default: // unknown, pending, or open although we want it locked
		s.Waiting += n
	}
}

// rest puts what no connector speaks of where it belongs: without an answer while a connector is not reached, on the way while
// one has not spoken yet, unmanaged otherwise.
func (s *Status) rest(managed int, silent bool) {
	left := s.Devices - managed
	if left <= 0 {
		return
	}
	switch {
	case s.Reached < s.Connectors || s.Connectors == 0:
		s.Blind += left
	case silent:
		s.Waiting += left
	default:
		s.Unmanaged += left
	}
}

// Speaks reports whether any connector can be reached and has said something of the present lock.
func (d *Desk) Speaks() bool {
	for _, c := range d.conns {
		if c.online && c.report != nil && d.mem.Locked && c.report.Version >= d.mem.First {
			return true
		}
	}
	return false
}

// Proven says whether the assistants of all devices are off: nil where nobody can say, which is so while no connector
// reports, while devices are on the way or not reached, for those that nobody manages, and for those that are only declared.
func (d *Desk) Proven(now time.Time) any {
	s := d.Status(now)
	switch {
	case s.Phase == Over:
		return false
	case s.Phase != Locking || !d.Speaks():
		return nil
	case s.Locked+s.Partial+s.Failed > 0:
		return false
	case s.Devices > 0 && s.Off >= s.Devices:
		return true
	}
	return nil
}
