package handover

import (
	"testing"
	"time"

	"subrosa/firmware/session"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

func walk(t *testing.T) *Walk {
	t.Helper()
	w, err := New(Config{Gallery: true, Zones: []Zone{{"links", "Reihe 1 bis 3"}}, Phones: true})
	if err != nil {
		t.Fatal(err)
	}
	w.Begin(t0)
	return w
}

// TestConfirm: who may confirm what, and that nobody confirms away what was measured.
func TestConfirm(t *testing.T) {
	unknown, on := session.Point{Name: "stream-off", Detail: "unknown"}, session.Point{Name: "stream-off", Detail: "on"}
	tests := []struct {
		name   string
		point  session.Point
		role   session.Role
		reason session.Reason
		ok     bool
	}{
		{"not measured, chair", unknown, session.Chair, "checked-by-hand", true},
		{"not measured, clerk", unknown, session.Clerk, "checked-by-hand", false},
		{"measured as on", on, session.Chair, "checked-by-hand", false},
		{"a reason of the second press", unknown, session.Chair, "urgent", false},
		{"seats, clerk", session.Point{Name: "seats-links"}, session.Clerk, "checked-by-hand", true},
		{"gallery, clerk", session.Point{Name: Gallery}, session.Clerk, "checked-by-hand", false},
		{"window open", session.Point{Name: "windows-closed"}, session.Chair, "checked-by-hand", false},
		{"window's line broken", session.Point{Name: "windows-closed", Detail: "line-fault"}, session.Chair, "checked-by-hand", true},
		{"proven", session.Point{Name: Gallery, Proven: true}, session.Chair, "checked-by-hand", false},
		{"the sensor's own", session.Point{Name: "radio-covered", Step: session.Sweep, Detail: "unknown"}, session.Chair, "checked-by-hand", false},
		{"facility", unknown, session.Facility, "checked-by-hand", false},
	}
	for _, tt := range tests {
		w := walk(t)
		err := w.Confirm(t0, tt.role, tt.point, tt.reason)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		p := w.Apply([]session.Point{tt.point})[0]
		if got := p.Proven && !tt.point.Proven; got != tt.ok {
			t.Errorf("%s: applied %+v", tt.name, p)
		}
		if tt.ok && (p.By != tt.role || p.Detail != string(tt.reason)) {
			t.Errorf("%s: does not say whose word it is: %+v", tt.name, p)
		}
	}
}

// TestContradicted: a device that is measured as on ends the confirmation for good.
func TestContradicted(t *testing.T) {
	w := walk(t)
	p := session.Point{Name: "stream-off", Detail: "unknown"}
	if err := w.Confirm(t0, session.Chair, p, "checked-by-hand"); err != nil {
		t.Fatal(err)
	}
	if got := w.Apply([]session.Point{{Name: "stream-off", Detail: "off", Proven: true}})[0]; got.By != "" {
		t.Errorf("proven since: %+v", got)
	}
	w.Apply([]session.Point{{Name: "stream-off", Detail: "on"}})
	if got := w.Apply([]session.Point{p})[0]; got.Proven {
		t.Errorf("after it was on: %+v", got)
	}
}

func TestPhones(t *testing.T) {
	w := walk(t)
	at := func(l Locker) session.Point {
		for _, p := range w.Points(l) {
			if p.Name == Phones {
				return p
			}
		}
		t.Fatal("no point")
		return session.Point{}
	}
	if p := at(Locker{}); p.Detail != "not-measurable" || p.Proven {
		t.Errorf("no locker: %+v", p)
	}
	if p := at(Locker{Slots: 16, Phones: 16}); p.Detail != "heads-unknown" || p.Proven {
		t.Errorf("nobody has counted: %+v", p)
	}
	if w.Count(0) == nil || w.Count(1000) == nil || w.Count(12) != nil {
		t.Error("0 or 1000 heads are taken, or 12 are not")
	}
	if p := at(Locker{Slots: 16, Phones: 11}); p.Detail != "phones-missing" || p.Proven {
		t.Errorf("one is missing: %+v", p)
	}
	if p := at(Locker{Slots: 16, Phones: 12}); !p.Proven {
		t.Errorf("all are there: %+v", p)
	}
	w.Begin(t0.Add(time.Hour))
	if w.Heads() != 0 || len(w.Memory().Ticks) != 0 || !w.Until().Equal(t0.Add(time.Hour+2*time.Minute)) {
		t.Error("the next walk knows of the last")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []Config{{Zones: []Zone{{"A", "x"}}}, {Zones: []Zone{{"a", ""}}}, {Zones: []Zone{{"a", "x"}, {"a", "y"}}}, {Zones: make([]Zone, 17)}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
