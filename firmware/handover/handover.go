// Package handover is the walk through the room on the way from public to closed: what must be off, cleared, looked at,
// handed in and shut, in the order in which a person does it. What is measured ticks itself. What cannot be measured is
// confirmed by a person, with a reason out of a list; and what was measured as wrong, nobody can confirm away: that takes
// the chair's second press, which is another thing and is told as one. It is pure: time is an argument.
package handover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/session"
)

// Zone is a part of the room that one person looks through under the seats.
type Zone struct {
	ID   string `json:"id"`   // slug, in the address of its QR code
	Name string `json:"name"` // for people, such as "Reihe 1 bis 3"
}

// Config is what the walk of a room consists of, beside its equipment and its contacts.
type Config struct {
	Gallery bool   `json:"gallery"` // there are places for the public, to be cleared
	Zones   []Zone `json:"zones"`
	Phones  bool   `json:"phones"` // the locker's count is held against the heads
}

// Names of the points of a walk. That of a zone is Seats and its id.
const (
	Gallery = "gallery-cleared"
	Seats   = "seats-"
	Phones  = "phones-handed-in"
)

// LookFor is how long the look under the seats may take, from the press on.
const LookFor = 2 * time.Minute

// Reasons is the pick-list of Confirm: what a person says of a thing that cannot be measured.
var Reasons = []session.Reason{"checked-by-hand", "not-present"}

const (
	maxZones = 16
	maxHeads = 999
)

// Check returns what is wrong with c.
func (c Config) Check() error {
	if len(c.Zones) > maxZones {
		return fmt.Errorf("handover: %d zones, at most %d", len(c.Zones), maxZones)
	}
	for i, z := range c.Zones {
		if !slug(z.ID) {
			return fmt.Errorf("handover: zone %.40q: want a-z, 0-9 and -, at most 32", z.ID)
		}
		if z.Name == "" || len(z.Name) > 80 {
			return fmt.Errorf("handover: zone %s: name of %d characters, want 1 to 80", z.ID, len(z.Name))
		}
		if slices.ContainsFunc(c.Zones[:i], func(o Zone) bool { return o.ID == z.ID }) {
			return fmt.Errorf("handover: zone %s is there twice", z.ID)
		}
	}
	return nil
}

func slug(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Tick is a person's confirmation.
type Tick struct {
	By     session.Role   `json:"by"`
	Reason session.Reason `json:"reason"`
	At     time.Time      `json:"at"`
}

// Memory is what survives a restart.
type Memory struct {
	Began time.Time       `json:"began,omitzero"`
	Ticks map[string]Tick `json:"ticks,omitempty"`
	Heads int             `json:"heads,omitempty"` // in the room, as a person counted; 0: nobody has
}

// Walk is the walk of one session. It is not safe for concurrent use.
type Walk struct {
	conf Config
	mem  Memory
}

// New returns a walk that has not begun.
func New(c Config) (*Walk, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Walk{conf: c, mem: Memory{Ticks: map[string]Tick{}}}, nil
}

// Zones returns the zones.
func (w *Walk) Zones() []Zone { return w.conf.Zones }

// Begin starts a new walk: what was confirmed before holds no more.
func (w *Walk) Begin(now time.Time) { w.mem = Memory{Began: now, Ticks: map[string]Tick{}} }

// Memory returns what Recall takes after a restart.
func (w *Walk) Memory() Memory {
	m := w.mem
	m.Ticks = maps.Clone(m.Ticks)
	return m
}

// Recall takes over what Memory returned in an earlier run.
func (w *Walk) Recall(m Memory) {
	w.mem = m
	if w.mem.Ticks == nil {
		w.mem.Ticks = map[string]Tick{}
	}
	if m.Heads < 0 || m.Heads > maxHeads {
		w.mem.Heads = 0
	}
}

// Until is when the look under the seats should be done.
func (w *Walk) Until() time.Time { return w.mem.Began.Add(LookFor) }

// Heads returns how many people a person counted, 0 if nobody has.
func (w *Walk) Heads() int { return w.mem.Heads }

// Count takes how many people are in the room.
func (w *Walk) Count(n int) error {
	if n < 1 || n > maxHeads {
		return fmt.Errorf("handover: %d heads, want 1 to %d", n, maxHeads)
	}
	w.mem.Heads = n
	return nil
}

// Locker is what the phone locker says; Slots 0: there is none, or it does not answer.
type Locker struct{ Slots, Phones int }

// Points returns the points that the walk adds to those of the equipment and the contacts.
func (w *Walk) Points(l Locker) (out []session.Point) {
	add := func(name, detail string, proven bool) {
		out = append(out, session.Point{Name: name, Step: session.Handover, Detail: detail, Proven: proven})
	}
	if w.conf.Gallery {
		add(Gallery, "", false)
	}
	for _, z := range w.conf.Zones {
		add(Seats+z.ID, "", false)
	}
	if w.conf.Phones {
		switch {
		case l.Slots == 0:
			add(Phones, "not-measurable", false)
		case w.mem.Heads == 0:
			add(Phones, "heads-unknown", false)
		case l.Phones < w.mem.Heads:
			add(Phones, "phones-missing", false)
		default:
			add(Phones, "", true)
		}
	}
	return out
}

// byHand reports whether a point that is not proven can be confirmed by a person at all, and who may.
func byHand(p session.Point) (by []session.Role) {
	switch {
	case p.Step != "" && p.Step != session.Handover && p.Name != "doors-closed":
		return nil
	case strings.HasPrefix(p.Name, Seats):
		return []session.Role{session.Chair, session.Clerk}
	case p.Name == Gallery, p.Name == Phones, p.Name == Alone && p.Detail == AloneWaiting:
		return []session.Role{session.Chair}
	case slices.Contains([]string{"unknown", "not-measurable", "stale", "line-fault"}, p.Detail):
		return []session.Role{session.Chair}
	}
	return nil
}

// May reports whether the role may confirm the point as it is now.
func May(role session.Role, p session.Point) bool { return slices.Contains(byHand(p), role) }

// Confirm takes a person's word for a point as it is now: without what was confirmed before.
func (w *Walk) Confirm(now time.Time, role session.Role, p session.Point, reason session.Reason) error {
	switch {
	case !slices.Contains(Reasons, reason):
		return fmt.Errorf("handover: %s: reason %.40q is not on the list", p.Name, reason)
	case p.Proven:
		return fmt.Errorf("handover: %s is proven already", p.Name)
	case !May(role, p):
		return fmt.Errorf("handover: %s (%s) cannot be confirmed by %.16q", p.Name, p.Detail, role)
	}
	if w.mem.Ticks == nil {
		w.mem.Ticks = map[string]Tick{}
	}
	w.mem.Ticks[p.Name] = Tick{By: role, Reason: reason, At: now}
	return nil
}

// Apply adds to the points, in place, what people have confirmed. A confirmation of what is measured as wrong since is
// dropped for good; one of what is proven since is no longer told.
func (w *Walk) Apply(points []session.Point) []session.Point {
	for i, p := range points {
		t, ok := w.mem.Ticks[p.Name]
		switch {
		case !ok || p.Proven:
		case !slices.Contains(byHand(p), t.By):
			delete(w.mem.Ticks, p.Name)
		default:
			points[i].Proven, points[i].By, points[i].Detail = true, t.By, string(t.Reason)
		}
	}
	return points
}
