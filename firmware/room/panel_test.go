package room

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"subrosa/drivers/contact"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/panel"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// facts reads a window, a door and the case.
func (h *house) facts(window, door, box contact.State) {
	f := panel.Facts{Contacts: []panel.Contact{{Name: "w1", Guards: panel.Window, State: window, Supervised: true},
		{Name: "d1", Guards: panel.Door, State: door, Supervised: true}, {Name: "box", Guards: panel.Case, State: box}}}
	h.Facts(f)
	f.Contacts[0].State = contact.Unknown // what was given is not looked at later
	h.work()
}

func (h *house) contact(name string) string {
	h.t.Helper()
	return data[report.Contact](h.t, h.site, topic.Contact("ratssaal", name)).State
}

// TestContacts: an open window keeps the room from closing by itself, and in a closed session it is proposed, never
// done, to interrupt.
func TestContacts(t *testing.T) {
	h := build(t)
	h.Facts(panel.Facts{Contacts: []panel.Contact{{Name: "w1", Guards: panel.Window, State: contact.Unknown}}})
	h.work()
	if _, told := h.site.last[topic.Contact("ratssaal", "w1")]; told {
		t.Error("a state that is not known is published")
	}
	h.facts(contact.Closed, contact.Closed, contact.Closed)
	if h.contact("w1") != "closed" || h.contact("d1") != "closed" || h.contact("box") != "closed" {
		t.Errorf("published %v", h.site.last)
	}
	h.close()
	if n := len(h.session.Points); n != 6 {
		t.Errorf("%d points, want six: %+v", n, h.session.Points)
	}
	h.facts(contact.Open, contact.Closed, contact.Closed)
	h.pass(tickEvery * 2)
	if h.session.State != session.Closed || !slices.Equal(h.session.Unproven(), []string{"windows-closed"}) || h.contact("w1") != "open" {
		t.Errorf("got %s, unproven %v, published %s", h.session.State, h.session.Unproven(), h.contact("w1"))
	}
	if p := h.proposal; p == nil || p.Act != wall.Interrupt || p.By != "unit" || p.Why.DE != "Fenster offen" {
		t.Fatalf("proposed %+v", h.proposal)
	}
	h.facts(contact.Closed, contact.Closed, contact.Closed)
	if h.proposal != nil {
		t.Error("the proposal stands although the window is closed")
	}
	h.facts(contact.Open, contact.Closed, contact.Closed)
	if err := h.order(wall.Order{Act: wall.Decline, Role: session.Chair}); err != nil || h.proposal != nil {
		t.Fatal(err)
	}
	h.facts(contact.Open, contact.Open, contact.Closed)
	if h.proposal != nil {
		t.Error("proposed again after it was declined, and nothing new was known")
	}
	if n := count(h.entries(), "contact.changed"); n != 7 {
		t.Errorf("%d changes in the journal, want 7", n)
	}
}

func count(list []string, v string) (n int) {
	for _, x := range list {
		if x == v {
			n++
		}
	}
	return n
}

// TestOpenWindowKeepsTheRoomOpen: the handover waits for the window, and asks.
func TestOpenWindowKeepsTheRoomOpen(t *testing.T) {
	h := build(t)
	h.facts(contact.Open, contact.Closed, contact.Closed)
	h.pass(20e9)
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.pass(150e9)
	if h.session.State != session.Handover || h.session.Next != session.NextConfirm {
		t.Fatalf("got %s, next %s", h.session.State, h.session.Next)
	}
	h.facts(contact.Closed, contact.Closed, contact.Closed)
	h.pass(40e9)
	if h.session.State != session.Closed || h.session.Has(session.Override) {
		t.Errorf("got %s %v", h.session.State, h.session.Flags)
	}
}

func TestTamperAndPanelHealth(t *testing.T) {
	h := build(t)
	h.pass(20e9)
	h.facts(contact.Closed, contact.Closed, contact.Open)
	if a := h.alarms(detect.SensorTamper); len(a) != 1 || a[0].Finding.Name != "enclosure" {
		t.Fatalf("got %+v", a)
	}
	h.facts(contact.Closed, contact.Closed, contact.Closed)
	if a := h.alarms(detect.SensorTamper); a[0].Finding.End == nil {
		t.Error("the case is closed and the alarm lasts")
	}
	h.PanelHealth("lamp", errors.New("lamp: no bus here"))
	h.PanelHealth("lamp", errors.New("lamp: no bus here"))
	h.facts(contact.Cut, contact.Closed, contact.Closed)
	h.pass(20e9)
	if a := h.alarms(detect.SensorDead); len(a) != 1 || a[0].Finding.Name != "panel" {
		t.Errorf("got %+v, want one alarm", a)
	}
	if h.contact("w1") != "fault" || !h.session.Has(session.Degraded) {
		t.Errorf("published %s, flags %v", h.contact("w1"), h.session.Flags)
	}
	h.PanelHealth("lamp", nil)
	h.facts(contact.Closed, contact.Closed, contact.Closed)
	h.pass(20e9)
	if h.session.Has(session.Degraded) || h.alarms(detect.SensorDead)[0].Finding.End == nil {
		t.Error("all is repaired and the unit degraded")
	}
}

func TestPanelSeesWhatPagesSee(t *testing.T) {
	h := build(t)
	var v wall.View
	h.p.Panel = func(x wall.View) { v = x }
	f := finding.Finding{ID: finding.NewID(h.clock.now, rand.Reader), Kind: detect.OccupiedBand, Name: "ism2400", Alarm: true, Start: h.clock.now}
	h.Found(f)
	h.pass(2e9)
	if len(v.Alarms) != 1 || v.Session.State != session.Open || v.Alarms[0].Finding.Sense != detect.Radio || v.Alarms[0].Finding.Cause != finding.WirelessNetwork {
		t.Fatalf("got %+v", v.Alarms)
	}
	end := h.clock.now
	f.End = &end
	h.Found(f)
	h.pass(2e9)
	if a := v.Alarms[0]; a.Finding.End == nil || a.State == alarm.Raised && a.Finding.Open() {
		t.Errorf("got %+v", a)
	}
}
