package session

import (
	"fmt"
	"time"
)

// Desired is the data of room/{room}/session/desired.
type Desired struct {
	Version uint64     `json:"version"`
	Writer  string     `json:"writer"`
	Role    Role       `json:"role"`
	State   State      `json:"state"` // open, planned, closed, interrupted
	Kind    string     `json:"kind,omitempty"`
	Level   string     `json:"level,omitempty"`
	From    *time.Time `json:"from,omitempty"`
	To      *time.Time `json:"to,omitempty"`
	Reason  Reason     `json:"reason,omitempty"` // turns closed into the second press
}

// Event turns a desired state into the event it asks for in the present state. ok is false where the session
// already is as desired.
func (m *Machine) Event(d Desired) (e Event, ok bool, err error) {
	s := m.mem.State
	refuse := func(why string) (Event, bool, error) {
		return Event{}, false, fmt.Errorf("session: desired %.32q of version %d: %s", d.State, d.Version, why)
	}
	switch {
	case d.State == Planned && (d.From == nil || d.To == nil):
		return refuse("a plan needs from and to")
	case d.State == Planned:
		e = Plan(d.Role, *d.From, *d.To, d.Kind, d.Level)
	case d.State == Closed && (s == Open || s == Planned):
		e = Start(d.Role)
		e.Schedule.Kind, e.Schedule.Level = d.Kind, d.Level
	case d.State == Closed && (s.Step() || s == Interrupted) && d.Reason != "":
		e = Confirm(d.Role, d.Reason)
	case d.State == Closed && s == Interrupted:
		e = Resume(d.Role)
	case d.State == Closed && s == Restoring:
		return refuse("the room is being given back")
	case d.State == Closed:
		return Event{}, false, nil
	case d.State == Interrupted && s != Interrupted:
		e = Interrupt(d.Role, d.Reason)
	case d.State == Open && s == Restoring && d.Reason != "":
		e = Confirm(d.Role, d.Reason)
	case d.State == Open && (s == Open && m.mem.Schedule == nil || s == Restoring):
		return Event{}, false, nil
	case d.State == Open:
		e = End(d.Role)
	case d.State == Interrupted:
		return Event{}, false, nil
	default:
		return refuse("only open, planned, closed and interrupted can be desired")
	}
	e.Desired = d.Version
	return e, true, nil
}
