package panel

import (
	"fmt"
	"slices"

	"subrosa/drivers/contact"
	"subrosa/firmware/session"
)

// What a contact guards.
const (
	Window = "window"
	Door   = "door"
	Case   = "case" // of the unit itself: tamper
	// Leave is no guard but a button of the room's: while it closes, the hall leaves the room's conference.
	Leave = "leave"
)

// Contact is one contact as it was read.
type Contact struct {
	Name       string // id, as in its topic
	Guards     string // Window, Door, Case or Leave
	State      contact.State
	Supervised bool // a cut or bridged line is told from an open or closed contact
}

// Published returns the state as room/{room}/contact/{name} has it: open, closed or fault; "" until it is known.
func (c Contact) Published() string {
	switch c.State {
	case contact.Open:
		return "open"
	case contact.Closed:
		return "closed"
	case contact.Short, contact.Cut:
		return "fault"
	}
	return ""
}

// Facts are what the panel reads of the room. Nothing in them tells who or which seat.
type Facts struct {
	Contacts []Contact
	Senses   bool // there is something that senses occupancy, and it works
	Occupied bool // somebody moved, or sat, within the hold time
	Slots    int  // of the phone locker; 0: none, or it does not answer
	Phones   int  // of them taken
	Relays   []Relay
}

// Relay is one relay as it is driven and read back.
type Relay struct {
	Name  string
	On    bool // driven so
	Read  bool // there is a contact that reads back what it did
	Fault bool // it reads otherwise than it is driven
}

// Equal reports whether nothing has changed.
func (f Facts) Equal(g Facts) bool {
	if len(f.Contacts) != len(g.Contacts) || f.Senses != g.Senses || f.Occupied != g.Occupied || f.Slots != g.Slots || f.Phones != g.Phones {
		return false
	}
	for i := range f.Contacts {
		if f.Contacts[i] != g.Contacts[i] {
			return false
		}
	}
	return slices.Equal(f.Relays, g.Relays)
}

// Clone returns facts that do not change with f.
func (f Facts) Clone() Facts {
	f.Contacts = append([]Contact(nil), f.Contacts...)
	f.Relays = slices.Clone(f.Relays)
	return f
}

// Points are what the contacts prove on the way to closed: windows at the handover, doors at the arming, since people
// come and go until then. A room without contacts of a kind has no such point: then nothing is claimed. A contact
// whose state is not known proves nothing; one that is not supervised proves it with that detail.
func (f Facts) Points() (out []session.Point) {
	for _, kind := range []struct {
		guards, name string
		step         session.State
	}{{Window, "windows-closed", session.Handover}, {Door, "doors-closed", session.Arming}} {
		p := session.Point{Name: kind.name, Step: kind.step, Proven: true}
		any := false
		for _, c := range f.Contacts {
			if c.Guards != kind.guards {
				continue
			}
			any = true
			switch {
			case c.State.Fault():
				p.Detail = "line-fault"
			case !c.Supervised && p.Detail == "":
				p.Detail = "unsupervised"
			}
			p.Proven = p.Proven && c.State == contact.Closed
		}
		if any {
			out = append(out, p)
		}
	}
	return out
}

// Tampered reports whether the unit's case is open, or the line to its switch is at fault.
func (f Facts) Tampered() bool {
	for _, c := range f.Contacts {
		if c.Guards == Case && (c.State == contact.Open || c.State.Fault()) {
			return true
		}
	}
	return false
}

// Ajar returns why a closed session should be interrupted: the first window or door that is open; "" for none.
func (f Facts) Ajar() session.Reason {
	for _, c := range f.Contacts {
		switch {
		case c.State != contact.Open:
		case c.Guards == Window:
			return "window-open"
		case c.Guards == Door:
			return "door-open"
		}
	}
	return ""
}

// reason is what a long press most likely means.
func (f Facts) reason(finding bool) session.Reason {
	if r := f.Ajar(); r != "" {
		return r
	}
	if finding {
		return "finding"
	}
	return "break"
}

// phones is the locker's line on the screen: a count.
func (f Facts) phones() string {
	if f.Slots == 0 {
		return ""
	}
	return fmt.Sprintf("Telefone: %d von %d", f.Phones, f.Slots)
}
