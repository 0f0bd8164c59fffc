package room

import (
	"errors"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/panel"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// Facts takes what the panel reads of the room. It may be called from any goroutine and does not wait.
func (r *Room) Facts(f panel.Facts) {
	f = f.Clone()
	r.post(func() {
		r.building.panel = f
		r.read(r.joined(r.p.Clock.Now()))
	})
}

// PanelHealth takes note that a part of the panel fails or, with nil, that it works. It may be called from any
// goroutine and does not wait.
func (r *Room) PanelHealth(part string, err error) {
	r.post(func() { r.check("panel", part, err) })
}

// read publishes what has changed, and asks the chair when something was opened in a closed session: the unit
// proposes, and never interrupts by itself.
func (r *Room) read(f panel.Facts) {
	was := r.facts
	r.facts = f
	for _, c := range f.Contacts {
		state := c.Published()
		if state == "" || r.contacts[c.Name] == state {
			continue
		}
		if r.contacts == nil {
			r.contacts = map[string]string{}
		}
		r.contacts[c.Name] = state
		r.append("contact.changed", map[string]any{"name": c.Name, "guards": c.Guards, "state": state, "supervised": c.Supervised})
		if c.Guards == panel.Leave && state == "closed" {
			r.leaveCall()
		}
		if r.isBuilding(c.Name) { // its gateway has published it
			continue
		}
		r.check("outbox", "contact-"+c.Name, r.p.Site.Report(topic.Contact(r.p.Room, c.Name), report.Contact{State: state}))
		if state == "fault" {
			r.check("panel", "line "+c.Name, errLine)
		} else {
			r.check("panel", "line "+c.Name, nil)
		}
	}
	if f.Tampered() {
		r.raise("enclosure", detect.SensorTamper, "enclosure")
	} else if was.Tampered() {
		r.clear("enclosure")
	}
	r.relays(f.Relays)
	r.propose(f.Ajar())
}

var errLine = errors.New("a contact's line is cut or short-circuited")

// propose suggests to interrupt a closed session because of what is ajar, and takes that back when it is closed again.
func (r *Room) propose(why session.Reason) {
	own := r.proposal != nil && r.proposal != r.rules.proposal && r.proposal.By == "unit" && r.proposal.Act == wall.Interrupt
	switch {
	case why == "" && own:
		r.proposal = nil
	case why != "" && r.proposal == nil && !r.ajar && r.p.Machine.State() == session.Closed:
		r.proposal = &wall.Proposal{Act: wall.Interrupt, By: "unit", Why: wall.Text(why.Words()), At: r.p.Clock.Now()}
	}
	r.ajar = why != ""
}

// Found takes a finding of the unit's own, which did not come from the sensor, and has no records to keep to. It may
// be called from any goroutine and does not wait. What is left out of it – identity, sense, cause – is filled in here.
func (r *Room) Found(f finding.Finding) {
	r.post(func() { r.own(f) })
}
