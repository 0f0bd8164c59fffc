package room

import (
	"strings"
	"testing"
	"time"

	"subrosa/drivers/contact"
	"subrosa/firmware/panel"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// knx lets the building's gateway say how a contact stands.
func (h *house) knx(name, state string, at time.Time) {
	h.t.Helper()
	m := h.wants(report.Contact{State: state}, topic.Contact("ratssaal", name))
	m.Time = at
	h.said(m)
}

// state is that of a contact among the room's facts.
func (h *house) state(name string) contact.State {
	h.t.Helper()
	for _, c := range h.Room.facts.Contacts {
		if c.Name == name {
			return c.State
		}
	}
	h.t.Fatalf("no contact %s", name)
	return 0
}

func guarded(t *testing.T) *house {
	h := build(t)
	h.p.Building = []BuildingContact{{Name: "nord", Guards: panel.Window, Stale: time.Minute}, {Name: "sued", Guards: panel.Window, Stale: time.Minute}}
	return h
}

// TestBuildingContacts: a gateway's windows count as the panel's do, beside them, and are never published by the unit.
func TestBuildingContacts(t *testing.T) {
	h := guarded(t)
	h.facts(contact.Closed, contact.Closed, contact.Closed)
	if h.state("nord") != contact.Unknown {
		t.Error("known before anybody has said it")
	}
	h.knx("nord", "closed", h.clock.now)
	h.knx("sued", "closed", h.clock.now)
	h.knx("elsewhere", "open", h.clock.now)
	h.knx("w1", "open", h.clock.now) // the unit's own, as the broker gives it back
	if h.state("nord") != contact.Closed || h.state("w1") != contact.Closed || len(h.Room.facts.Contacts) != 5 {
		t.Errorf("got %+v", h.Room.facts.Contacts)
	}
	if _, told := h.site.last[topic.Contact("ratssaal", "nord")]; told {
		t.Error("the unit publishes what the gateway has said")
	}
	h.close()
	h.knx("nord", "open", h.clock.now)
	h.pass(2 * tickEvery)
	if p := h.proposal; p == nil || p.Act != wall.Interrupt || p.Why.DE != "Fenster offen" || h.session.State != session.Closed {
		t.Errorf("proposed %+v in %s", h.proposal, h.session.State)
	}
	if list := h.payloads("contact.changed"); !strings.Contains(strings.Join(list, " "), `"name":"nord","state":"open","supervised":false`) {
		t.Errorf("recorded %q", list)
	}
	h.facts(contact.Closed, contact.Closed, contact.Closed) // the panel speaks: the building's stay
	if h.state("nord") != contact.Open {
		t.Errorf("got %+v", h.Room.facts.Contacts)
	}
	h.knx("nord", "closed", h.clock.now)
	if h.proposal != nil {
		t.Error("still proposed")
	}
}

// TestBuildingGoesSilent: what is not repeated counts as cut, and the journal says so; what is nonsense, emptied, or of a
// clock that is ahead, proves nothing either. A repetition makes it good.
func TestBuildingGoesSilent(t *testing.T) {
	h := guarded(t)
	h.knx("nord", "closed", h.clock.now)
	h.pass(50 * time.Second)
	if h.state("nord") != contact.Closed {
		t.Fatal("too early")
	}
	h.pass(20 * time.Second)
	if h.state("nord") != contact.Cut || h.Room.faults[fault{"panel", "gateway nord"}] == nil || h.Room.faults[fault{"panel", "gateway sued"}] == nil {
		t.Errorf("after a minute: %v, %v", h.state("nord"), h.Room.faults)
	}
	if list := h.payloads("contact.changed"); len(list) != 2 || !strings.Contains(list[1], `"state":"fault"`) {
		t.Errorf("recorded %q", list)
	}
	for name, say := range map[string]func(){
		"nonsense":  func() { h.knx("nord", "ajar", h.clock.now) },
		"old":       func() { h.knx("nord", "closed", h.clock.now.Add(-2*time.Minute)) },
		"of future": func() { h.knx("nord", "closed", h.clock.now.Add(2*time.Minute)) },
		"emptied": func() {
			h.said(shadow.Message{Topic: h.wants(report.Contact{}, topic.Contact("ratssaal", "nord")).Topic, Time: h.clock.now})
		},
	} {
		h.knx("nord", "closed", h.clock.now)
		if h.pass(tickEvery); h.state("nord") != contact.Closed || h.Room.faults[fault{"panel", "gateway nord"}] != nil {
			t.Fatalf("a repetition does not count: %v", h.Room.faults)
		}
		if say(); h.state("nord") == contact.Closed {
			t.Errorf("%s counts as closed", name)
		}
	}
}
