package fleet

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

// Room is a copy of what is known of a room.
type Room struct {
	ID      string
	Session *session.Report    // nil: nothing reported yet
	Alarms  []alarm.Alarm      // newest first
	Units   []Unit             // in order of their ids
	Lock    lockdown.Status    // of voice assistants, as counts
	Members int                // on its roster
	Policy  *report.Policy     // nil: it follows none, or has not said so
	Meeting *report.Conference // its conference, as counts; nil: none has said anything
}

// Open returns the alarms that nobody has answered and that are not over, newest first.
func (r *Room) Open() []alarm.Alarm {
	return slices.DeleteFunc(slices.Clone(r.Alarms), func(a alarm.Alarm) bool { return a.Ack != nil || a.State == alarm.Cleared })
}

// Unit is a copy of what is known of a unit.
type Unit struct {
	ID       string
	Rooms    []string
	Online   bool
	Silent   bool      // said to be online, but not heard for longer than Silent
	Heard    time.Time // on the console's clock; zero: not since it started
	Software string
	Sealed   bool
	Health   *report.Health
	Coverage *report.Coverage
	Levels   *report.Levels
	LevelsAt time.Time // on the unit's clock
	Baseline *report.Baseline
}

// Reachable reports whether the unit is connected and speaks.
func (u *Unit) Reachable() bool { return u.Online && !u.Silent }

// Rooms returns copies of all rooms, in order of their ids.
func (f *Fleet) Rooms() []Room {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []Room
	for _, id := range slices.Sorted(maps.Keys(f.rooms)) {
		out = append(out, f.copyRoom(id))
	}
	return out
}

// Room returns a copy of one room.
func (f *Fleet) Room(id string) (Room, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.rooms[id] == nil {
		return Room{}, false
	}
	return f.copyRoom(id), true
}

func (f *Fleet) copyRoom(id string) Room {
	r := f.rooms[id]
	out := Room{ID: id, Policy: r.policy, Meeting: r.meeting, Alarms: slices.SortedFunc(maps.Values(r.alarms), func(a, b alarm.Alarm) int {
		return cmp.Or(b.Finding.Start.Compare(a.Finding.Start), cmp.Compare(b.Finding.ID, a.Finding.ID))
	})}
	out.Lock, out.Members = r.lock.Status(time.Now()), r.members
	if r.session != nil {
		s := *r.session
		out.Session = &s
	}
	for _, u := range slices.Sorted(maps.Keys(r.units)) {
		out.Units = append(out.Units, f.units[u].copy())
	}
	return out
}

// copy is shallow: what it points to is replaced as a whole, never changed.
func (u *unit) copy() Unit {
	c := u.Unit
	c.Rooms = slices.Clone(u.Rooms)
	return c
}

// Units returns copies of all units, in order of their ids.
func (f *Fleet) Units() []Unit {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []Unit
	for _, id := range slices.Sorted(maps.Keys(f.units)) {
		out = append(out, f.units[id].copy())
	}
	return out
}

// Track returns what the pages draw of a unit: the rows of the last span, and the day's third-octaves.
func (f *Fleet) Track(unit string, span time.Duration) (Track, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	u := f.units[unit]
	if u == nil {
		return Track{}, errors.New("fleet: no such unit")
	}
	return u.history.track(span), nil
}

// Stats are counters since start and gauges of now.
type Stats struct {
	Messages, Malformed, Stale int64
	Rooms, Units, OpenAlarms   int
	Unsaved                    int
}

// Stats returns the figures for /metrics.
func (f *Fleet) Stats() Stats {
	s := Stats{Messages: f.messages.Load(), Malformed: f.malformed.Load(), Stale: f.stale.Load()}
	for _, r := range f.Rooms() {
		s.Rooms++
		s.OpenAlarms += len(r.Open())
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	s.Units, s.Unsaved = len(f.units), len(f.unsaved)
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
