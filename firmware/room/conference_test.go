package room

import (
	"strings"
	"testing"

	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// TestConference: the session's level is what the conference may be, and what it says of itself is on the pages.
func TestConference(t *testing.T) {
	h := build(t)
	h.publish()
	name := topic.ConferenceDesired("ratssaal")
	if d := data[report.ConferenceDesired](t, h.site, name); !d.Allowed || d.Level != "public" || d.Session != "open" {
		t.Errorf("without a session: %+v", d)
	}
	h.close()
	if h.session.State != session.Closed {
		t.Fatalf("state %s", h.session.State)
	}
	if d := data[report.ConferenceDesired](t, h.site, name); d.Level == "public" || d.Session != "closed" {
		t.Errorf("in a closed session: %+v", d)
	}
	said := topic.ConferenceReported("ratssaal")
	h.conference(h.wants(report.Conference{Version: 1, State: "running", Level: "nonpublic", Seats: 7, CodeLabel: "room " + strings.Repeat("12345", 6), Bundle: strings.Repeat("0f", 32)}, said))
	if c := h.showCall(); c == nil || *c != (wall.Call{State: "running", Level: "nonpublic", Seats: 7, Code: "room " + strings.Repeat("12345", 6), Bundle: strings.Repeat("0f", 32)}) {
		t.Errorf("shown %+v", c)
	}
	h.site.status.Connected = false // a change of keys would not reach the wall
	if c := h.showCall(); c == nil || c.Code != "" || c.Seats != 7 {
		t.Errorf("without the broker: %+v", c)
	}
	h.site.status.Connected = true
	h.conference(h.wants(map[string]any{"version": 2, "state": "running", "names": []string{"x"}}, said))
	if c := h.showCall(); c == nil || c.Seats != 7 {
		t.Error("a report that is not one was taken")
	}
	h.conference(h.wants(report.Conference{Version: 3, State: "closed"}, said))
	if c := h.showCall(); c != nil {
		t.Errorf("closed, and shown %+v", c)
	}
}
