// Package roster is the list of who may attend: pseudonymous ids with roles, devices and validity, never names.
//
// Conference, lock-down and policy read it. Every change is an Event that all of them act on; the one that
// matters is Removed. Who stands behind an id is known to the council's own office only.
//
//	CSV ──► ReadCSV ─┐                     ┌──► Watch: conference, lock-down, policy, page – at once
//	SCIM ─► ReadSCIM ┼─► Import ─► Roster ─┤
//	console ► Decode ┘     ▲               └──► room/{room}/roster: ids, roles, devices
//	                  Attendance ◄── check-in at the door or from home, additions and removals for one session
//
// # Acting on a removal
//
// Within a process: Watch(fn). fn runs before the call that removed the member returns, so that whoever pressed the
// button knows that everybody has been told; it must not block, so it notes what to do and does it on its own goroutine.
//
//	stop := r.Watch(func(e roster.Event) {
//		if e.What == roster.Removed {
//			calls.Drop(e.Member.ID) // forget the member first, then e.Lost, the devices
//		}
//	})
//
// In another process: subscribe to room/{room}/roster, Decode, and Attendance.Import or Replace into a Roster of its own;
// Watch on that one then says who went. Within one change removals come first.
//
// # What is kept
//
// Members with a Session, bindings of devices, links and the number of private devices end with the session
// (Attendance.End); an import replaces the standing list. No name, address or identifier of a directory gets in: ids have
// a form that none of them fits, and ReadSCIM turns identifiers into pseudonyms while it reads.
package roster

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Role of a member in a session.
type Role string

const (
	Chair       Role = "chair"
	Clerk       Role = "clerk"
	Councillor  Role = "councillor"
	Staff       Role = "staff"
	Guest       Role = "guest"
	Interpreter Role = "interpreter"
	Gateway     Role = "gateway" // a device that joins for others, such as a telephone line
	Room        Role = "room"    // the unit of a room
)

// Roles returns every role.
func Roles() []Role {
	return []Role{Chair, Clerk, Councillor, Staff, Guest, Interpreter, Gateway, Room}
}

// Valid reports whether r is a role.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Member may attend from From until To.
type Member struct {
	ID      string    `json:"id"` // pseudonym: a–z, 0–9 and -, at most 32
	Role    Role      `json:"role"`
	Devices []string  `json:"devices,omitempty"` // ids of the same form
	From    time.Time `json:"from,omitzero"`     // zero: since ever
	To      time.Time `json:"to,omitzero"`       // first instant after; zero: without end
	// Session is set on a member who was added for one session only, and goes with it.
	Session string `json:"session,omitempty"`
}

var idForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// ValidID reports whether s has the form of a member's, device's or session's id. The form keeps out addresses
// and written names; that ids are pseudonyms is up to who makes them.
func ValidID(s string) bool { return idForm.MatchString(s) }

// MaxMembers and MaxDevices bound a roster, and the devices of one member.
const (
	MaxMembers = 5000
	MaxDevices = 16
)

// Validate reports the first thing that is wrong with m. The error quotes no value that is not an id: it may be
// a name, and errors end up in logs.
func (m *Member) Validate() error {
	switch {
	case !ValidID(m.ID):
		return errors.New("roster: id is not of a–z, 0–9 and -, 1 to 32 characters")
	case !m.Role.Valid():
		return fmt.Errorf("roster: %s: role is not one of %v", m.ID, Roles())
	case len(m.Devices) > MaxDevices:
		return fmt.Errorf("roster: %s has %d devices, at most %d", m.ID, len(m.Devices), MaxDevices)
	case !m.From.IsZero() && !m.To.IsZero() && !m.From.Before(m.To):
		return fmt.Errorf("roster: %s: to %s is not after from %s", m.ID, m.To.Format(time.RFC3339), m.From.Format(time.RFC3339))
	case m.Session != "" && !ValidID(m.Session):
		return fmt.Errorf("roster: %s: session is not an id", m.ID)
	}
	for i, d := range m.Devices {
		if !ValidID(d) {
			return fmt.Errorf("roster: %s: device %d is not an id", m.ID, i+1)
		}
		if slices.Contains(m.Devices[:i], d) {
			return fmt.Errorf("roster: %s: device %s twice", m.ID, d)
		}
	}
	return nil
}

// At reports whether m may attend at t.
func (m *Member) At(t time.Time) bool {
	return !t.Before(m.From) && (m.To.IsZero() || t.Before(m.To))
}

func (m Member) clone() Member {
	m.Devices = slices.Clone(m.Devices)
	return m
}

func (m Member) equal(o Member) bool {
	return m.ID == o.ID && m.Role == o.Role && slices.Equal(m.Devices, o.Devices) && m.From.Equal(o.From) && m.To.Equal(o.To) && m.Session == o.Session
}

// What happened to a member.
type What string

const (
	Added   What = "added"
	Changed What = "changed" // role, devices or validity; Event.Lost tells which devices went
	Removed What = "removed" // by a person, by import, by the end of validity or of the session
)

// Event is one change of the roster.
type Event struct {
	What   What      `json:"what"`
	Member Member    `json:"member"`         // as it now is; as it was if removed
	Lost   []string  `json:"lost,omitempty"` // devices that are no longer the member's
	At     time.Time `json:"at"`
}

// Roster is the list with a version that grows with each change. The zero value is empty and ready. It is pure
// but for Watch; safe for concurrent use.
type Roster struct {
	order    sync.Mutex // held from a change until its events are out, so that they stay in order
	mu       sync.Mutex // guards the rest
	version  uint64
	members  map[string]Member
	watchers map[int]func(Event)
	next     int
}

// Sentinel errors, wrapped by what is returned.
var (
	ErrExists  = errors.New("is on the roster already")
	ErrUnknown = errors.New("is not on the roster")
	ErrFull    = errors.New("roster is full")
)

// Add puts m on the roster.
func (r *Roster) Add(now time.Time, m Member) ([]Event, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return r.change(now, func(members map[string]Member) error {
		if _, ok := members[m.ID]; ok {
			return fmt.Errorf("roster: %s %w", m.ID, ErrExists)
		}
		members[m.ID] = m.clone()
		return nil
	})
}

// Remove takes a member off the roster, at once and for every consumer.
func (r *Roster) Remove(now time.Time, id string) ([]Event, error) {
	return r.change(now, func(members map[string]Member) error {
		if _, ok := members[id]; !ok {
			return fmt.Errorf("roster: member %w", ErrUnknown)
		}
		delete(members, id)
		return nil
	})
}

// Replace makes the standing part of the roster what an import says. Members added for one session stay unless
// the import has their id.
func (r *Roster) Replace(now time.Time, imported []Member) ([]Event, error) {
	if err := check(imported); err != nil {
		return nil, err
	}
	return r.change(now, func(members map[string]Member) error {
		maps.DeleteFunc(members, func(_ string, m Member) bool { return m.Session == "" })
		for _, m := range imported {
			members[m.ID] = m.clone()
		}
		return nil
	})
}

// Expire removes those whose validity has ended at now.
func (r *Roster) Expire(now time.Time) []Event {
	events, _ := r.change(now, func(members map[string]Member) error {
		maps.DeleteFunc(members, func(_ string, m Member) bool { return !m.To.IsZero() && !now.Before(m.To) })
		return nil
	})
	return events
}

// EndSession removes those who were added for a session. Call it when the session is over and the policy's time
// to keep them has passed.
func (r *Roster) EndSession(now time.Time, session string) []Event {
	events, _ := r.change(now, func(members map[string]Member) error {
		maps.DeleteFunc(members, func(_ string, m Member) bool { return session != "" && m.Session == session })
		return nil
	})
	return events
}

// Members returns everybody, sorted by id.
func (r *Roster) Members() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return sorted(r.members)
}

// Member returns one, whether valid now or not.
func (r *Roster) Member(id string) (Member, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members[id]
	return m.clone(), ok
}

// May reports whether id is on the roster and valid at t.
func (r *Roster) May(id string, t time.Time) bool {
	m, ok := r.Member(id)
	return ok && m.At(t)
}

// Version grows with every change.
func (r *Roster) Version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

// Watch calls fn for every event from now on, in order, before the call that made the event returns. fn must
// not block and must not change the roster; it may read it. The returned function ends it.
func (r *Roster) Watch(fn func(Event)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watchers == nil {
		r.watchers = map[int]func(Event){}
	}
	n := r.next
	r.next++
	r.watchers[n] = fn
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, n)
	}
}

// change applies edit to a copy; if it succeeds and anything differs, the copy is the roster, and the
// differences are the events.
func (r *Roster) change(now time.Time, edit func(map[string]Member) error) ([]Event, error) {
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	after := maps.Clone(r.members)
	if after == nil {
		after = map[string]Member{}
	}
	if err := edit(after); err != nil {
		r.mu.Unlock()
		return nil, err
	}
	if len(after) > MaxMembers {
		r.mu.Unlock()
		return nil, fmt.Errorf("roster: %w: %d members, at most %d", ErrFull, len(after), MaxMembers)
	}
	events := diff(now, r.members, after)
	if len(events) == 0 {
		r.mu.Unlock()
		return nil, nil
	}
	r.members = after
	r.version++
	var watchers []func(Event)
	for _, n := range slices.Sorted(maps.Keys(r.watchers)) {
		watchers = append(watchers, r.watchers[n])
	}
	r.mu.Unlock()
	for _, e := range events {
		for _, fn := range watchers {
			fn(e)
		}
	}
	return events, nil
}

// diff lists removals first: who acts on events in order never has somebody in by two names.
func diff(now time.Time, before, after map[string]Member) (events []Event) {
	for _, m := range sorted(before) {
		if _, ok := after[m.ID]; !ok {
			events = append(events, Event{What: Removed, Member: m, Lost: m.Devices, At: now})
		}
	}
	for _, m := range sorted(after) {
		old, ok := before[m.ID]
		switch {
		case !ok:
			events = append(events, Event{What: Added, Member: m, At: now})
		case !old.equal(m):
			lost := slices.DeleteFunc(slices.Clone(old.Devices), func(d string) bool { return slices.Contains(m.Devices, d) })
			events = append(events, Event{What: Changed, Member: m, Lost: lost, At: now})
		}
	}
	return events
}

func sorted(members map[string]Member) []Member {
	list := make([]Member, 0, len(members))
	for _, id := range slices.Sorted(maps.Keys(members)) {
		list = append(list, members[id].clone())
	}
	return list
}

// check validates a whole list.
func check(members []Member) error {
	seen := map[string]bool{}
	for i := range members {
		if err := members[i].Validate(); err != nil {
			return err
		}
		if seen[members[i].ID] {
			return fmt.Errorf("roster: %s is listed twice", members[i].ID)
		}
		seen[members[i].ID] = true
	}
	if len(members) > MaxMembers {
		return fmt.Errorf("roster: %w: %d members, at most %d", ErrFull, len(members), MaxMembers)
	}
	return nil
}
