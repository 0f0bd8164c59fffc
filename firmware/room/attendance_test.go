package room

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/firmware/journal"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
	"subrosa/mdm"
)

// do runs f beside the room's goroutine, which this test is.
func (h *house) do(f func(context.Context) error) error {
	h.t.Helper()
	done := make(chan error, 1)
	go func() { done <- f(h.t.Context()) }()
	for len(done) == 0 {
		h.work()
	}
	return <-done
}

// TestCheckInThroughTheRoom: from the clerk's press over the member's to the journal; a restart forgets nothing, and the end
// of the session everything.
func TestCheckInThroughTheRoom(t *testing.T) {
	h := build(t)
	h.arrive()
	var token string
	ticket := func(member string, place roster.Place) error {
		return h.do(func(ctx context.Context) (err error) {
			token, _, err = h.CheckIn().Ticket(ctx, session.Clerk, member, place)
			return err
		})
	}
	var refused *wall.Refusal
	if err := ticket("m-1", roster.Door); !errors.As(err, &refused) || !strings.Contains(refused.Text.DE, "keine Sitzung") {
		t.Errorf("without a session: %v", err)
	}
	h.plan()
	if err := ticket("m-9", roster.Home); !errors.As(err, &refused) {
		t.Errorf("a stranger: %v", err)
	}
	if err := ticket("m-1", roster.Home); err != nil {
		t.Fatal(err)
	}
	h.restart(time.Second)
	h.pass(time.Second)
	if inv, err := h.CheckIn().Look(token); err != nil || !slices.Equal(inv.Devices, []string{"d-1"}) {
		t.Fatalf("after a restart: %+v, %v", inv, err)
	}
	redeem := func(ctx context.Context) error { return h.CheckIn().Redeem(ctx, token, []string{"d-1"}, 2) }
	if err := h.do(redeem); err != nil {
		t.Fatal(err)
	}
	if err := h.do(redeem); !errors.As(err, &refused) || !strings.Contains(refused.Text.DE, "gilt nicht mehr") {
		t.Errorf("a second time: %v", err)
	}
	var guest string
	if err := h.do(func(ctx context.Context) (err error) {
		guest, err = h.CheckIn().Admit(ctx, session.Chair, roster.Guest)
		return err
	}); err != nil || guest != "guest-1" {
		t.Fatalf("%q, %v", guest, err)
	}
	if err := h.do(func(ctx context.Context) error { return h.CheckIn().Lend(ctx, session.Clerk, guest, "loan-7") }); err != nil {
		t.Fatal(err)
	}
	if err := h.do(func(ctx context.Context) error { return h.CheckIn().Lend(ctx, session.Clerk, guest, "d-2") }); !errors.As(err, &refused) {
		t.Errorf("another's device is lent: %v", err)
	}
	if w := data[mdm.Desired](t, h.site, topic.LockdownDesired("ratssaal")); !slices.Equal(w.Devices, []string{"d-1", "d-2", "loan-7"}) {
		t.Errorf("asked for %v", w.Devices)
	}
	a := h.CheckIn().Attendees()
	if a.Here != (roster.Here{Members: 4, Home: 1, Private: 2}) || len(a.Members) != 4 {
		t.Errorf("%+v", a)
	}
	if err := h.order(wall.Order{Act: wall.End, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.pass(3 * time.Second)
	if a := h.CheckIn().Attendees(); a.Session || a.Here != (roster.Here{Members: 3}) {
		t.Errorf("after the session: %+v", a)
	}
	published := data[roster.Content](t, h.site, topic.Roster("ratssaal"))
	if slices.ContainsFunc(published.Members, func(m roster.Member) bool { return m.ID == guest }) {
		t.Errorf("the guest is still on the topic: %+v", published)
	}
	want := []string{"roster.link", "roster.checked-in", "roster.admitted", "roster.lent", "roster.deleted"}
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if len(want) > 0 && e.Kind == want[0] {
			want = want[1:]
		}
		if strings.HasPrefix(e.Kind, "roster.") && (strings.Contains(string(e.Payload), "m-1") || strings.Contains(string(e.Payload), "d-1") || strings.Contains(string(e.Payload), guest)) {
			t.Errorf("%s names somebody: %s", e.Kind, e.Payload)
		}
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("not in the journal: %v, %v", want, err)
	}
}

// TestKeptAttendance: what the policy of the house keeps is deleted when its time is over.
func TestKeptAttendance(t *testing.T) {
	h := build(t)
	h.p.KeepAttendance = time.Hour
	h.arrive()
	h.plan()
	if _, err := h.p.Attendance.Add(h.clock.now, roster.Member{ID: "guest-1", Role: roster.Guest}); err != nil {
		t.Fatal(err)
	}
	h.work()
	if err := h.order(wall.Order{Act: wall.End, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.pass(2 * time.Second)
	if n := len(h.p.Attendance.Roster().Members()); n != 4 {
		t.Errorf("%d members, want the guest among them", n)
	}
	h.clock.now = h.clock.now.Add(time.Hour)
	h.pass(2 * time.Second)
	if n := len(h.p.Attendance.Roster().Members()); n != 3 {
		t.Errorf("%d members after an hour", n)
	}
}

// TestPostureIsRecorded: once, when it has changed, and twice a day.
func TestPostureIsRecorded(t *testing.T) {
	h := build(t)
	h.online("nanomdm", true)
	for _, p := range []struct {
		off   int
		after time.Duration
	}{{243, 0}, {243, time.Hour}, {244, time.Hour + time.Minute}, {245, time.Hour + 2*time.Minute}, {245, 14 * time.Hour}} {
		h.clock.now = epoch.Add(p.after)
		h.posture(h.wants(mdm.Posture{Version: 1, Off: p.off, Total: 250, At: h.clock.now, Evidence: mdm.Restrictions}, topic.MDMPosture("nanomdm")))
	}
	if n := count(h.entries(), "lockdown.posture"); n != 3 {
		t.Errorf("recorded %d times, want 3", n)
	}
}

// TestImportedPostureIsRecorded: nothing is connected, and what was brought is in the journal, as declared.
func TestImportedPostureIsRecorded(t *testing.T) {
	h := build(t)
	h.clock.now = epoch
	h.posture(h.wants(mdm.Posture{Version: 1, Off: 2, Total: 5, At: epoch.Add(-time.Hour), Evidence: mdm.Signed, Counts: map[mdm.State]int{mdm.Declared: 2}}, topic.MDMPosture("jamf")))
	if p := h.payloads("lockdown.posture"); len(p) != 1 || !strings.Contains(p[0], `"declared":true`) {
		t.Errorf("recorded %q, want it once, as declared", p)
	}
	got := map[string]float64{}
	h.measureDevices(func(d *prometheus.Desc, v float64, labels ...string) {
		if d == postureDesc {
			got[labels[1]] = v
		}
	})
	if got["off"] != 0 || got["declared"] != 2 || got["managed"] != 5 {
		t.Errorf("figures %v", got)
	}
}
