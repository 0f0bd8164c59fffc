package room

import (
	"context"
	"slices"
	"testing"
	"time"

	"subrosa/drivers/contact"
	"subrosa/firmware/handover"
	"subrosa/firmware/panel"
	"subrosa/firmware/record"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// untilClosed presses and returns how long it takes to be closed, at most two minutes.
func (h *house) untilClosed(step func(time.Duration)) time.Duration {
	h.t.Helper()
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		h.t.Fatal(err)
	}
	pressed := h.clock.now
	for h.session.State != session.Closed && h.clock.now.Sub(pressed) < 2*time.Minute {
		step(tickEvery)
	}
	if h.session.State != session.Closed {
		h.t.Fatalf("%s, unproven %v", h.session.State, h.session.Unproven())
	}
	return h.clock.now.Sub(pressed)
}

func (h *house) point(name string) session.Point {
	for _, p := range h.Room.session.Points {
		if p.Name == name {
			return p
		}
	}
	h.t.Fatalf("no point %s in %+v", name, h.Room.session.Points)
	return session.Point{}
}

// TestFullSweepCounts: with everything proven – equipment, windows, microphone, a full sweep of the last minutes – one
// press closes the room at once, wherever it falls between two statuses, and what counts is shown with its time.
func TestFullSweepCounts(t *testing.T) {
	longest := time.Duration(0)
	for phase := time.Duration(0); phase < 16*time.Second; phase += 1500 * time.Millisecond {
		h, s := withHorn(t)
		h.equipped(handover.Config{})
		b := newBuilding(h)
		h.hears(2*time.Minute, record.All, s)
		b.pass(16*time.Second + phase)
		h.Facts(panel.Facts{Contacts: []panel.Contact{{Name: "w1", Guards: panel.Window, State: contact.Closed, Supervised: true}}})
		took := h.untilClosed(b.pass)
		if longest = max(longest, took); took > 20*time.Second || h.session.Has(session.Override) {
			t.Errorf("phase %v: closed after %v, flags %v", phase, took, h.session.Flags)
		}
		if p := h.point("sound-covered"); !p.Proven || p.Detail != "full-sweep" || p.At.IsZero() || h.clock.now.Sub(p.At) > reuseFor || p.At.After(h.clock.now) {
			t.Errorf("phase %v: %+v", phase, p)
		}
		if !h.point("microphone-proven").Proven || s.played() != 1 || !slices.Contains(h.entries(), "sweep.reused") {
			t.Errorf("phase %v: %d test sounds", phase, s.played())
		}
		b.pass(20 * time.Second)
		if p := h.point("sound-covered"); !p.Proven || !p.At.IsZero() || p.Detail != "" {
			t.Errorf("phase %v: seen anew: %+v", phase, p)
		}
	}
	t.Logf("measured: from the press to closed at most %v with a full sweep that counts", longest)
}

// TestOldSweepDoesNotCount: neither one that is older than ten minutes, nor one of an earlier run of the sensor, nor one that
// was not whole; then the room is looked at anew.
func TestOldSweepDoesNotCount(t *testing.T) {
	deaf := func(h *house, d time.Duration) { // the radio is not examined
		for end := h.clock.now.Add(d); h.clock.now.Before(end); h.clock.now = h.clock.now.Add(tickEvery) {
			if h.clock.now.Sub(epoch)%(16*time.Second) == 0 {
				st := good()
				st.Coverage[record.Radio] = record.Some
				h.p.Sensor.Events.Status(st)
			}
			h.work()
			h.tick(context.Background())
		}
	}
	for _, tt := range []struct {
		name   string
		before func(h *house)
		counts bool
	}{
		{"nine minutes", func(h *house) { h.pass(2 * time.Minute); deaf(h, 9*time.Minute); h.pass(20 * time.Second) }, true},
		{"eleven minutes", func(h *house) { h.pass(2 * time.Minute); deaf(h, 11*time.Minute); h.pass(20 * time.Second) }, false},
		{"three statuses", func(h *house) { h.pass(40 * time.Second) }, false},
		{"a gap", func(h *house) { h.pass(40 * time.Second); h.pass(40*time.Second, true); h.pass(40 * time.Second) }, false},
		{"another run of the sensor", func(h *house) {
			h.pass(5 * time.Minute)
			h.p.Sensor.Events.Ended(sensor.End{OK: true})
			h.pass(40 * time.Second)
		}, false},
		{"the clock was set back", func(h *house) {
			h.pass(5 * time.Minute)
			h.clock.now = h.clock.now.Add(-time.Minute)
			h.pass(20 * time.Second)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t)
			tt.before(h)
			took := h.untilClosed(func(d time.Duration) { h.pass(d) })
			if got := slices.Contains(h.entries(), "sweep.reused"); got != tt.counts {
				t.Errorf("an earlier sweep counts: %v, closed after %v", got, took)
			}
		})
	}
}

// TestProvenInTime: the microphone is proven once more shortly before a planned session, so that its press waits for nothing.
func TestProvenInTime(t *testing.T) {
	h, s := withHorn(t)
	h.hears(time.Minute, record.All, s)
	plan := session.Event{Kind: session.OnPlan, Role: session.Clerk, Schedule: session.Schedule{Kind: "council", Level: "nonpublic",
		From: h.clock.now.Add(30 * time.Minute), To: h.clock.now.Add(2 * time.Hour)}}
	h.must(plan)
	h.hears(24*time.Minute, record.All, s)
	if s.played() != 1 {
		t.Fatalf("%d test sounds before the time", s.played())
	}
	h.hears(6*time.Minute, record.All, s)
	if s.played() != 2 || !h.freshHearing(h.clock.now) || h.session.State != session.Planned {
		t.Fatalf("%d test sounds, %s", s.played(), h.session.State)
	}
	if took := h.untilClosed(func(d time.Duration) { h.hears(d, record.All, s) }); took > 20*time.Second || s.played() != 2 {
		t.Errorf("closed after %v, %d test sounds", took, s.played())
	}
}
