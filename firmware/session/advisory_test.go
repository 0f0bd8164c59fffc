package session

import (
	"slices"
	"testing"
)

// TestAdvisory: an advisory point is shown and leaves the wall with a reservation, but nothing waits for it, and no
// exception lasts because of it.
func TestAdvisory(t *testing.T) {
	m := New(t0, conf)
	list := append(slices.Clone(proven), Point{Name: "assistants", Advisory: true, Detail: "unlock-once"})
	now := run(t, m, t0, Start(Chair), Points(list))
	want(t, m, Sweep)
	if r := m.Report(); r.Left() != 0 {
		t.Errorf("%d left", r.Left())
	}
	now = run(t, m, now, Points(list), Points(list))
	want(t, m, Closed)
	r := m.Report()
	if r.Has(Override) || !slices.Equal(r.Unproven(), []string{"assistants"}) {
		t.Errorf("report %+v", r)
	}
	if a := Look(r, t0.Location()); a.Sign != BudDot {
		t.Errorf("the wall has no reservation: %+v", a)
	}
	missing := slices.Clone(list)
	missing[0].Proven = false
	now = run(t, m, now, Points(missing), Interrupt(Chair, "break"), Resume(Chair), Confirm(Chair, "urgent"))
	if !m.Report().Has(Override) {
		t.Error("no exception")
	}
	now = run(t, m, now, Points(list), Interrupt(Chair, "break"))
	run(t, m, now, Resume(Chair))
	want(t, m, Closed)
	if m.Report().Has(Override) {
		t.Error("the exception lasts although only an advisory point is open")
	}
}
