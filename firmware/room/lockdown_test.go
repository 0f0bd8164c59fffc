package room

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/journal"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
	"subrosa/mdm"
)

// arrive has the console publish a roster of three, two of whom have a device.
func (h *house) arrive() {
	h.t.Helper()
	h.rosterArrived(h.wants(roster.Content{Writer: "console", Members: []roster.Member{{ID: "m-1", Role: roster.Councillor, Devices: []string{"d-1"}},
		{ID: "m-2", Role: roster.Councillor, Devices: []string{"d-2"}}, {ID: "m-3", Role: roster.Guest}}}, topic.Roster("ratssaal")))
	h.work()
}

// plan has the site plan a session that begins in 15 minutes.
func (h *house) plan() {
	h.t.Helper()
	from, to := h.clock.now.Add(15*time.Minute), h.clock.now.Add(2*time.Hour)
	h.desired(h.wants(session.Desired{Version: 1, Writer: "console", Role: session.Clerk, State: session.Planned, Kind: "council", Level: "nonpublic", From: &from, To: &to},
		topic.SessionDesired("ratssaal")))
	h.pass(tickEvery)
	if h.session.State != session.Planned {
		h.t.Fatalf("the session is %s", h.session.State)
	}
}

func (h *house) wish() mdm.Desired {
	h.t.Helper()
	return data[mdm.Desired](h.t, h.site, topic.LockdownDesired("ratssaal"))
}

// says has the connector report counts for the room's last wish.
func (h *house) says(conn string, counts map[string]int) {
	h.t.Helper()
	h.reports++
	h.locked(h.wants(map[string]any{"version": h.reports, "desired_version": h.wish().Version, "mode": "locked", "evidence": "restrictions", "counts": counts}, topic.LockdownReported("ratssaal", conn)))
	h.work()
}

func (h *house) online(conn string, online bool) {
	h.t.Helper()
	h.connector(h.wants(map[string]any{"version": 1, "online": online}, topic.MDMOnline(conn)))
	h.work()
}

// TestLockdown: asked for 15 minutes early, counted, shown, never in the way, and given back at the end.
func TestLockdown(t *testing.T) {
	h := build(t)
	h.arrive()
	if _, asked := h.site.last[topic.LockdownDesired("ratssaal")]; asked {
		t.Fatal("asked without a session")
	}
	h.online("nanomdm", true)
	h.plan()
	w := h.wish()
	if w.Mode != "locked" || !slices.Equal(w.Devices, []string{"d-1", "d-2"}) || w.LeaseS != 300 || !w.HardEnd.Equal(epoch.Add(2*time.Hour+30*time.Minute)) {
		t.Fatalf("15 minutes early: %+v", w)
	}
	h.says("nanomdm", map[string]int{"locked-verified": 1, "notnow": 1})
	if s := h.devices.status; s.Off != 1 || s.Locked != 1 {
		t.Errorf("counted %+v", s)
	}
	h.close()
	p := point(h.session, assistantsPoint)
	if p == nil || p.Proven || !p.Advisory || p.Detail != "unlock-once" || h.session.Has(session.Override) {
		t.Errorf("point %+v of %+v", p, h.session)
	}
	h.says("nanomdm", map[string]int{"locked-verified": 2})
	if p := point(h.session, assistantsPoint); p == nil || !p.Proven {
		t.Errorf("point %+v", p)
	}
	if err := h.order(wall.Order{Act: wall.End, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.pass(3 * time.Second)
	if w := h.wish(); w.Mode != "open" || len(w.Devices) != 0 {
		t.Errorf("at the end: %+v", w)
	}
	if h.session.State != session.Open {
		t.Errorf("the room waits for devices: %s", h.session.State)
	}
	b, err := json.Marshal(h.p.Lockdown.Memory())
	if err != nil || strings.Contains(string(b), "d-1") {
		t.Errorf("devices are remembered: %s, %v", b, err)
	}
	h.noDevices(t)
}

// noDevices fails if the journal names a device, or a member.
func (h *house) noDevices(t *testing.T) {
	t.Helper()
	asked, counted := 0, 0
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		for _, id := range []string{"d-1", "d-2", "m-1", "m-2", "m-3"} {
			if strings.Contains(string(e.Payload), `"`+id+`"`) {
				t.Errorf("%s names %s: %s", e.Kind, id, e.Payload)
			}
		}
		switch e.Kind {
		case "lockdown.asked":
			asked++
		case "lockdown.counted":
			counted++
		}
		return nil
	})
	if err != nil || asked < 2 || counted < 2 {
		t.Errorf("%d wishes and %d counts in the journal, %v", asked, counted, err)
	}
}

func point(r session.Report, name string) *session.Point {
	for _, p := range r.Points {
		if p.Name == name {
			return &p
		}
	}
	return nil
}

// TestRemovalActsAtOnce: who is removed loses the lock of their device with the same press, and the rest keep theirs.
func TestRemovalActsAtOnce(t *testing.T) {
	h := build(t)
	h.arrive()
	h.plan()
	before := h.wish()
	done := make(chan error, 1)
	go func() { done <- h.CheckIn().Remove(context.Background(), session.Clerk, "m-1") }()
	for len(done) == 0 {
		h.work()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w := h.wish()
	if !slices.Equal(w.Devices, []string{"d-2"}) || w.Version <= before.Version || w.Session != before.Session {
		t.Errorf("after the removal: %+v", w)
	}
	published := data[roster.Content](t, h.site, topic.Roster("ratssaal"))
	if len(published.Members) != 2 || published.Writer != "unit:u1" {
		t.Errorf("published %+v", published)
	}
	h.arrive() // the console sends the same list again
	if w := h.wish(); !slices.Equal(w.Devices, []string{"d-2"}) {
		t.Errorf("an import brings them back: %+v", w)
	}
	h.restart(10 * time.Second)
	if h.p.Attendance.Barred("m-1") != true {
		t.Error("forgotten by a restart")
	}
}

// TestLockdownSurvives: after a power cut in a closed session devices stay locked, under the same holder and a higher version.
func TestLockdownSurvives(t *testing.T) {
	h := build(t)
	h.arrive()
	h.plan()
	h.close()
	before := h.wish()
	roster, err := roster.Load(h.dir + "/roster.json")
	if err != nil || len(roster.Members()) != 3 {
		t.Fatalf("%v, %v", roster, err)
	}
	h.restart(2 * time.Minute)
	h.pass(time.Second)
	w := h.wish()
	if h.session.State != session.Interrupted || w.Mode != "locked" || w.Session != before.Session || w.Version <= before.Version || !slices.Equal(w.Devices, before.Devices) {
		t.Errorf("in %s: %+v, before %+v", h.session.State, w, before)
	}
}

// TestConnectorLost: the pages say so at once.
func TestConnectorLost(t *testing.T) {
	h := build(t)
	h.arrive()
	h.online("nanomdm", true)
	h.plan()
	h.says("nanomdm", map[string]int{"locked-verified": 2})
	h.online("nanomdm", false)
	if lines := h.devices.status.Lines(); len(lines) != 1 || lines[0].DE != "Verwaltung der Geräte nicht erreichbar: Telefone ins Schließfach" {
		t.Errorf("%+v", lines)
	}
	if n := count(h.entries(), "lockdown.connectors"); n != 1 {
		t.Errorf("%d entries of the loss", n)
	}
}

// TestLockdownBlocksByPolicy: only where a rule says so does closing wait for the devices; and without a connector that
// reports the fact is not measured.
func TestLockdownBlocksByPolicy(t *testing.T) {
	h := ruled(t, "phones: assistants_locked: "+blocks)
	h.arrive()
	h.online("nanomdm", true)
	h.plan()
	if h.rules.facts.Measured(assistantsFact) {
		t.Error("measured although no connector reports")
	}
	h.says("nanomdm", map[string]int{"locked-verified": 1, "error": 1})
	h.pass(20 * time.Second)
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.pass(time.Minute)
	if q := point(h.session, assistantsPoint); h.session.State != session.Handover || q == nil || q.Advisory {
		t.Fatalf("in %s, point %+v", h.session.State, q)
	}
	h.says("nanomdm", map[string]int{"locked-verified": 2})
	h.pass(40 * time.Second)
	if h.session.State != session.Closed {
		t.Errorf("all are off, and the room is %s: %+v", h.session.State, h.session.Points)
	}
}
