package room

import (
	"strings"
	"testing"
	"time"

	"subrosa/firmware/journal"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
	"subrosa/mdm"
)

// asks has the connector list points.
func (h *house) asks(points ...mdm.Point) {
	h.t.Helper()
	h.reports++
	h.listedPoints(h.wants(mdm.Checklist{Version: uint64(h.reports), Points: points}, topic.LockdownChecklist("ratssaal", "paper")))
	h.work()
}

// TestPaper: a point is shown, declared by role, sent to its connector once, recorded without a device, and forgotten with its point.
func TestPaper(t *testing.T) {
	h := build(t)
	h.arrive()
	h.online("paper", true)
	h.plan()
	one := mdm.Point{Device: "d-1", Command: "sr-d-1-2-lock", Kind: mdm.PointLock, Platform: "ios", Off: []string{"dictation"}}
	two := mdm.Point{Device: "d-2", Command: "sr-d-2-5-lock", Kind: mdm.PointLock, Platform: "ios", Off: []string{"dictation"}}
	h.asks(one, two)
	sign := func(role session.Role, p mdm.Point, refused bool) error {
		return h.order(wall.Order{Act: wall.Sign, Role: role, Conn: "paper", Command: p.Command, Refused: refused})
	}
	if err := sign(session.Clerk, one, false); err != nil {
		t.Fatal(err)
	}
	if err := sign(session.Chair, one, true); err == nil {
		t.Error("declared twice")
	}
	if err := h.order(wall.Order{Act: wall.Sign, Role: session.Chair, Conn: "other", Command: two.Command}); err == nil {
		t.Error("declared to a connector that has not asked")
	}
	if err := sign("guest", two, false); err == nil {
		t.Error("a guest declares")
	}
	name := topic.LockdownSigned("ratssaal", "paper")
	s := data[mdm.Signatures](t, h.site, name)
	want := mdm.Signature{Device: "d-1", Command: one.Command, Role: "clerk", Done: true, At: h.clock.now.UTC().Truncate(time.Second)}
	if len(s.Signed) != 1 || s.Signed[0] != want {
		t.Fatalf("sent %+v, want %+v", s.Signed, want)
	}
	if c := h.checklist(); len(c) != 2 || c[0].Signed != session.Clerk || !c[0].Done || c[1].Signed != "" {
		t.Errorf("shown %+v", c)
	}
	h.restart(0)
	h.online("paper", true)
	h.pass(tickEvery)
	h.asks(one, two)
	if err := sign(session.Chair, two, true); err != nil {
		t.Fatal(err)
	}
	if s = data[mdm.Signatures](t, h.site, name); len(s.Signed) != 2 || s.Signed[0] != want || s.Signed[1].Done || s.Signed[1].Role != "chair" {
		t.Errorf("after a restart: %+v", s.Signed)
	}
	h.says("paper", map[string]int{"locked-declared": 2})
	if st := h.devices.status; st.Off != 0 || st.Declared != 2 || h.p.Lockdown.Proven(h.clock.now) != nil {
		t.Errorf("declared counts as %+v", st)
	}
	if d := lockDetail(&h.devices.status); d != "devices-declared" {
		t.Errorf("said of it: %s", d)
	}
	h.asks() // both were taken
	if s = data[mdm.Signatures](t, h.site, name); len(s.Signed) != 0 || len(h.checklist()) != 0 {
		t.Errorf("left behind: %+v", s)
	}
	recorded := 0
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if strings.Contains(string(e.Payload), "d-1") || strings.Contains(string(e.Payload), "d-2") {
			t.Errorf("%s names a device: %s", e.Kind, e.Payload)
		}
		if e.Kind == "lockdown.declared" {
			recorded++
			if p := string(e.Payload); !strings.Contains(p, `"role":"c`) || !strings.Contains(p, `"connector":"paper"`) || e.Time.IsZero() {
				t.Errorf("recorded %s", p)
			}
		}
		return nil
	})
	if err != nil || recorded != 2 {
		t.Errorf("%d declarations in the journal, %v", recorded, err)
	}
}
