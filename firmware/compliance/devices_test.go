package compliance_test

import (
	"testing"
	"time"

	"subrosa/firmware/compliance"
	"subrosa/firmware/compliance/compliancetest"
)

// counted logs a count of the lock as the room does.
func counted(s *compliancetest.Script, devices, off, unmanaged, reached int) {
	s.Log("lockdown.counted", map[string]any{"phase": "locking", "devices": devices, "off": off, "unmanaged": unmanaged, "reached": reached, "connectors": 1})
}

// TestDevices: what was counted is proposed as partly or no, never as yes; what nobody could count is not measured.
func TestDevices(t *testing.T) {
	from := time.Date(2026, 11, 3, 18, 0, 0, 0, time.UTC)
	session := func(before, during func(*compliancetest.Script)) func(*compliancetest.Script) {
		return func(s *compliancetest.Script) {
			before(s)
			s.Close("urgent")
			s.Wait(10 * time.Minute)
			during(s)
			s.Wait(10 * time.Minute)
			s.End()
		}
	}
	nothing := func(*compliancetest.Script) {}
	all := func(s *compliancetest.Script) { counted(s, 18, 18, 0, 1) }
	three := func(s *compliancetest.Script) { counted(s, 18, 15, 0, 1) }
	for _, tt := range []struct {
		name     string
		do       func(*compliancetest.Script)
		sessions compliance.Status // A19.2
		managed  compliance.Status // A4.1
	}{
		{"no connector", session(nothing, nothing), compliance.Unmeasured, compliance.Unmeasured},
		{"all off before and after", session(all, nothing), compliance.Partly, compliance.Partly},
		{"three still on at the end", session(all, three), compliance.No, compliance.Partly},
		{"unlocked during the session", session(three, all), compliance.Partly, compliance.Partly},
		{"four are not managed", session(nothing, func(s *compliancetest.Script) { counted(s, 18, 14, 4, 1) }), compliance.No, compliance.No},
		{"connector lost", session(all, func(s *compliancetest.Script) { counted(s, 18, 0, 0, 0) }), compliance.Unmeasured, compliance.Unmeasured},
		{"the longest time was over", session(all, func(s *compliancetest.Script) {
			s.Log("lockdown.counted", map[string]any{"phase": "over", "devices": 18})
		}), compliance.No, compliance.Partly},
		{"restart in between", session(func(s *compliancetest.Script) { all(s); s.Log("unit.started", map[string]any{}) }, nothing), compliance.Unmeasured, compliance.Unmeasured},
	} {
		s := compliancetest.New(t, from)
		s.Log("unit.started", map[string]any{})
		tt.do(s)
		a := assess(t, recorded(t, s.Entries), november(t))
		for id, want := range map[string]compliance.Status{"SYS.3.2.1.A19.2": tt.sessions, "SYS.3.2.2.A4.1": tt.managed, "SYS.3.2.1.A19.1": compliance.Unmeasured} {
			if p := part(t, a, id); p.Status != want {
				t.Errorf("%s: %s: got %s (%s), want %s", tt.name, id, p.Status, p.Tally.Text("en"), want)
			}
		}
	}
}

func TestStandingPosture(t *testing.T) {
	s := compliancetest.New(t, time.Date(2026, 11, 3, 18, 2, 0, 0, time.UTC))
	posture := func(conn string, off, total int) {
		s.Log("lockdown.posture", map[string]any{"connector": conn, "off": off, "total": total, "at": "2026-11-03T18:02:00Z"})
	}
	posture("nanomdm", 100, 250)
	posture("nanomdm", 243, 250)
	posture("agent", 12, 12)
	a := assess(t, recorded(t, s.Entries), november(t))
	p := part(t, a, "SYS.3.2.1.A19.1")
	if p.Status != compliance.Partly || p.Tally.Met != 255 || p.Tally.Total != 262 || p.Entries.Count != 3 {
		t.Errorf("got %s, %s, %+v", p.Status, p.Tally.Text("de"), p.Entries)
	}
	if p := part(t, a, "SYS.3.2.2.A20.1"); p.Status != compliance.Partly || p.Tally.Total != 2 {
		t.Errorf("got %s, %s", p.Status, p.Tally.Text("de"))
	}
	s = compliancetest.New(t, time.Date(2026, 11, 3, 18, 2, 0, 0, time.UTC))
	posture("nanomdm", 250, 250)
	if p := part(t, assess(t, recorded(t, s.Entries), november(t)), "SYS.3.2.1.A19.1"); p.Status == compliance.Yes {
		t.Error("what is measured in part is proposed as yes")
	}
}
