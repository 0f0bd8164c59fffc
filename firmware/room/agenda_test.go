package room

import (
	"errors"
	"strings"
	"testing"
	"time"

	"subrosa/drivers/calendar"
	"subrosa/firmware/agenda"
	"subrosa/firmware/journal"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

func meeting(id string, start time.Time, public calendar.Public) agenda.Entry {
	return agenda.Entry{Meeting: calendar.Meeting{ID: id, Title: "Hauptausschuss", Start: start, End: start.Add(2 * time.Hour), Public: public}, Kind: "nonpublic", Level: "nonpublic"}
}

// TestCalendarOnlyProposes: nothing is planned until somebody says so; then it is, and the record has no title.
func TestCalendarOnlyProposes(t *testing.T) {
	h := build(t)
	at := h.clock.now.Add(time.Hour)
	h.Calendar([]agenda.Entry{meeting("m", at, calendar.No), meeting("p", at, calendar.Yes)}, nil)
	h.pass(time.Minute)
	if h.session.State != session.Open || h.session.From != nil {
		t.Fatalf("the calendar has planned by itself: %+v", h.session)
	}
	a := h.Room.agenda(h.clock.now)
	if a == nil || len(a.Offers) != 1 || a.Late {
		t.Fatalf("offered %+v", a)
	}
	var refusal *wall.Refusal
	if err := h.order(wall.Order{Act: wall.Plan, Role: session.Chair, Meeting: "p"}); !errors.As(err, &refusal) {
		t.Errorf("a public meeting was planned: %v", err)
	}
	if err := h.order(wall.Order{Act: wall.Plan, Role: session.Facility, Meeting: "m"}); err == nil {
		t.Error("facility planned a meeting")
	}
	if err := h.order(wall.Order{Act: wall.Plan, Role: session.Clerk, Meeting: "m"}); err != nil {
		t.Fatal(err)
	}
	if h.session.From == nil || !h.session.From.Equal(at) {
		t.Errorf("planned %+v", h.session)
	}
	h.pass(50 * time.Minute)
	if h.session.State != session.Planned {
		t.Errorf("10 minutes before it the room is %s", h.session.State)
	}
	found := false
	for _, e := range h.payloads("calendar.taken") {
		found = true
		if strings.Contains(e, "Hauptausschuss") {
			t.Errorf("the record names the meeting: %s", e)
		}
	}
	if !found {
		t.Errorf("nothing recorded: %v", h.entries())
	}
}

// TestCalendarAway: what it said last stands and is marked; a session that runs shows no calendar.
func TestCalendarAway(t *testing.T) {
	h := build(t)
	if a := h.Room.agenda(h.clock.now); a != nil {
		t.Errorf("without a calendar: %+v", a)
	}
	es := []agenda.Entry{meeting("m", h.clock.now.Add(time.Hour), calendar.Unknown)}
	h.Calendar(es, nil)
	h.Calendar(es, errors.New("away"))
	h.pass(time.Second)
	if a := h.Room.agenda(h.clock.now); a == nil || !a.Late || len(a.Offers) != 1 {
		t.Errorf("got %+v", a)
	}
	for _, f := range h.session.Flags {
		if f == session.Degraded {
			t.Error("the unit is degraded for a calendar's sake")
		}
	}
	h.pass(20 * time.Second)
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	if a := h.Room.agenda(h.clock.now); a != nil {
		t.Errorf("while the session begins: %+v", a)
	}
}

// payloads returns what was recorded of a kind.
func (h *house) payloads(kind string) (out []string) {
	h.t.Helper()
	if err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == kind {
			out = append(out, string(e.Payload))
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	return out
}
