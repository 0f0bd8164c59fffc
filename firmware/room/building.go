package room

import (
	"errors"
	"slices"
	"time"

	"subrosa/drivers/contact"
	"subrosa/firmware/panel"
	"subrosa/firmware/report"
	"subrosa/firmware/shadow"
)

// BuildingContact is a window or door that the building watches, not the panel: its gateway (KNX, BACnet, alarm system) says
// how it stands on room/{room}/contact/{name}. A gateway's word is not supervised: nobody would notice a bridged loop behind
// it. It must be repeated, for a gateway that has died says nothing more, and its last word would stand for ever.
type BuildingContact struct {
	Name   string
	Guards string        // panel.Window, panel.Door or panel.Leave
	Stale  time.Duration // after which what was said counts no more
}

// estate is what gateways have said.
type estate struct {
	panel panel.Facts       // what the panel alone reads
	said  map[string]saying // by name
	since time.Time         // when this run began to listen
}

type saying struct {
	state contact.State
	at    time.Time
}

// maxAhead is how far a gateway's clock may be before ours.
const maxAhead = time.Minute

var (
	errGatewayWord   = errors.New("the building's gateway says something that is no state of a contact")
	errGatewaySilent = errors.New("the building's gateway has not repeated this contact for too long")
)

// isBuilding reports whether a contact is the building's.
func (r *Room) isBuilding(name string) bool {
	return slices.ContainsFunc(r.p.Building, func(c BuildingContact) bool { return c.Name == name })
}

// said takes a gateway's word. What the unit itself has published of its panel arrives here, too, and is passed over.
func (r *Room) said(m shadow.Message) {
	name := m.Topic.ID("name")
	if !r.isBuilding(name) {
		return
	}
	s := saying{contact.Unknown, m.Time}
	if m.Data != nil {
		v, err := decode[report.Contact](m)
		state, ok := map[string]contact.State{"open": contact.Open, "closed": contact.Closed, "fault": contact.Cut}[v.State]
		if err == nil && !ok {
			err = errGatewayWord
		}
		if err != nil {
			r.p.Log.Warn("contact of the building", "topic", m.Topic.String(), "err", err)
			s.state = contact.Cut
		} else {
			s.state = state
		}
	}
	if r.building.said == nil {
		r.building.said = map[string]saying{}
	}
	r.building.said[name] = s
	r.read(r.joined(r.p.Clock.Now()))
}

// joined are the panel's facts with the building's contacts. What was said once and is not repeated counts as a line that is
// cut, so that the journal tells it; what was never said is unknown.
func (r *Room) joined(now time.Time) panel.Facts {
	f := r.building.panel.Clone()
	for _, c := range r.p.Building {
		x := panel.Contact{Name: c.Name, Guards: c.Guards}
		if s, ok := r.building.said[c.Name]; ok {
			x.State = s.state
			if now.Sub(s.at) > c.Stale || s.at.Sub(now) > maxAhead {
				x.State = contact.Cut
			}
		}
		f.Contacts = append(f.Contacts, x)
	}
	return f
}

// watchBuilding notes contacts that are not repeated any more.
func (r *Room) watchBuilding(now time.Time) {
	if len(r.p.Building) == 0 {
		return
	}
	if r.building.since.IsZero() {
		r.building.since = now
	}
	for _, c := range r.p.Building {
		last := r.building.since
		if s, ok := r.building.said[c.Name]; ok && s.at.After(last) {
			last = s.at
		}
		var err error
		if now.Sub(last) > c.Stale {
			err = errGatewaySilent
		}
		r.check("panel", "gateway "+c.Name, err)
	}
	if f := r.joined(now); !f.Equal(r.facts) {
		r.read(f)
	}
}
