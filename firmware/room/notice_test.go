package room

import (
	"slices"
	"testing"
	"time"

	"subrosa/drivers/contact"
	"subrosa/firmware/panel"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

const everywhere = `"states": ["open", "planned", "handover", "sweep", "arming", "closed", "interrupted", "restoring"], "grace": "30s", "serves": ["Hausregel"]`

func (h *house) slots(n, phones int) {
	h.Facts(panel.Facts{Slots: n, Phones: phones, Contacts: []panel.Contact{{Name: "w1", Guards: panel.Window, State: contact.Closed, Supervised: true}}})
}

// TestInformChair: chair and clerk are told of a rule when its grace is over, once; that somebody has seen it quietens it,
// that it is kept again ends it, and the next time is told anew.
func TestInformChair(t *testing.T) {
	h := ruled(t, `locker: phones_in_locker >= 3: `+everywhere+`, "reactions": ["inform-chair"]`)
	h.slots(12, 3)
	h.pass(time.Minute)
	if n := h.rules.notices; n != nil {
		t.Fatalf("told of a rule that is kept: %+v", n)
	}
	h.slots(12, 2)
	h.pass(25 * time.Second)
	if n := h.rules.notices; n != nil {
		t.Fatalf("told within the grace: %+v", n)
	}
	h.pass(10 * time.Second)
	n := h.rules.notices
	if len(n) != 1 || n[0].Rule != "locker" || n[0].Text.DE != "Regel locker" || n[0].Seen != "" {
		t.Fatalf("told %+v", n)
	}
	if h.session.State != session.Open || h.proposal != nil {
		t.Errorf("%s, proposed %+v: a notice is no more than that", h.session.State, h.proposal)
	}
	if err := h.order(wall.Order{Act: wall.Seen, Role: session.Clerk, Rule: "locker"}); err != nil {
		t.Fatal(err)
	}
	if got := h.rules.notices; len(got) != 1 || got[0].Seen != session.Clerk || n[0].Seen != "" {
		t.Errorf("after it was seen: %+v; what the pages held: %+v", got, n)
	}
	h.pass(time.Minute)
	if got := h.rules.notices; len(got) != 1 || got[0].Seen != session.Clerk {
		t.Errorf("a minute later: %+v", got)
	}
	h.slots(12, 4)
	h.pass(time.Second)
	if got := h.rules.notices; got != nil {
		t.Errorf("the rule is kept: %+v", got)
	}
	h.slots(12, 0)
	h.pass(time.Minute)
	if got := h.rules.notices; len(got) != 1 || got[0].Seen != "" {
		t.Errorf("the second time: %+v", got)
	}
	want := []string{"informed locker", "violated locker", "seen locker", "ended locker", "informed locker", "violated locker"}
	got := h.policyEntries()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

// TestRemind: the console has the rule with its words and since when, as long as it is violated.
func TestRemind(t *testing.T) {
	h := ruled(t, `locker: phones_in_locker >= 3: `+everywhere+`, "reactions": ["remind"]`)
	since := h.clock.now
	h.slots(12, 2)
	reminders := func() []report.Reminder {
		return data[report.Policy](t, h.site, topic.PolicyReported("ratssaal")).Reminders
	}
	h.pass(25 * time.Second)
	if r := reminders(); r != nil {
		t.Errorf("reminded within the grace of %+v", r)
	}
	h.pass(10 * time.Second)
	r := reminders()
	if len(r) != 1 || r[0].Rule != "locker" || r[0].EN != "rule locker" || r[0].Since.Before(since) || r[0].Since.After(since.Add(time.Second)) {
		t.Errorf("reminded of %+v, want of the locker since %s", r, since)
	}
	if h.rules.notices != nil {
		t.Error("the chair is bothered with it")
	}
	h.slots(12, 3)
	h.pass(time.Second)
	if r := reminders(); r != nil {
		t.Errorf("reminded of %+v, though it is kept", r)
	}
}

// TestLampShows: a rule that does not block makes the closed session one with reservations, waits for nothing, and is over
// with its cause.
func TestLampShows(t *testing.T) {
	h := ruled(t, `locker: phones_in_locker >= 3: `+everywhere+`, "reactions": ["lamp"]`)
	h.slots(12, 3)
	h.close()
	lamp := func() session.Lamp { return session.Look(h.Room.session, time.UTC).Lamp }
	if got := lamp(); got != session.DeepRose {
		t.Errorf("kept: lamp %s", got)
	}
	h.slots(12, 2)
	h.pass(time.Second)
	if got := lamp(); got != session.RoseDot {
		t.Errorf("not kept: lamp %s, points %v", got, h.points())
	}
	if h.session.State != session.Closed || h.session.Next == session.NextConfirm || h.session.Left() != 0 {
		t.Errorf("%s waits for %s", h.session.State, h.session.Next)
	}
	h.Facts(panel.Facts{}) // the locker does not answer any more
	h.pass(time.Second)
	if got := lamp(); got != session.RoseDot {
		t.Errorf("not measured: lamp %s", got)
	}
	h.slots(12, 5)
	h.pass(time.Second)
	if got := lamp(); got != session.DeepRose {
		t.Errorf("kept again: lamp %s", got)
	}
}
