package room

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/handover"
	"subrosa/firmware/journal"
	"subrosa/firmware/policy"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// asked has the room work until f, which waits for it, is done.
func (h *house) asked(f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(h.t.Context()) }()
	for len(done) == 0 {
		h.work()
	}
	return <-done
}

// fromHome checks members in from home and returns their links' secrets.
func (h *house) fromHome(members ...string) (secrets []string) {
	h.t.Helper()
	for _, m := range members {
		if _, ok := h.p.Attendance.Roster().Member(m); !ok {
			if _, err := h.p.Attendance.Add(h.clock.now, roster.Member{ID: m, Role: roster.Councillor}); err != nil {
				h.t.Fatal(err)
			}
		}
		var secret string
		err := h.asked(func(ctx context.Context) (err error) {
			secret, _, err = h.CheckIn().Ticket(ctx, session.Clerk, m, roster.Home)
			return err
		})
		if err == nil {
			err = h.asked(func(ctx context.Context) error { return h.CheckIn().Redeem(ctx, secret, nil, 0) })
		}
		if err != nil {
			h.t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	return secrets
}

func (h *house) planned() {
	h.t.Helper()
	h.must(session.Event{Kind: session.OnPlan, Role: session.Clerk, Schedule: session.Schedule{Kind: "council", Level: "nonpublic",
		From: h.clock.now.Add(10 * time.Minute), To: h.clock.now.Add(2 * time.Hour)}})
	h.pass(2 * time.Minute)
}

// TestRemoteMembersSayThatTheyAreAlone: the handover waits for every one of them, by link or through the conference; who
// takes it back is seen at once, and a restart forgets nothing of a closed session and everything of a handover.
func TestRemoteMembersSayThatTheyAreAlone(t *testing.T) {
	h := ruled(t, `alone: remote_alone_confirmed: "states": ["closed"], "grace": "0s", "reactions": ["propose-interruption"], "serves": ["Hausregel"]`)
	h.planned()
	links := h.fromHome("m-1", "m-2")
	early := h.asked(func(ctx context.Context) error { return h.Declares().Declare(ctx, links[0], true) })
	var refused *wall.Refusal
	if !errors.As(early, &refused) || !strings.Contains(refused.Text.DE, "noch nicht begonnen") {
		t.Errorf("before the handover: %v", early)
	}
	h.press(wall.Order{Act: wall.Start, Role: session.Chair})
	h.pass(10 * time.Second)
	if p := h.point(handover.Alone); h.session.State != session.Handover || p.Proven || p.Detail != handover.AloneWaiting {
		t.Fatalf("%s, %+v", h.session.State, p)
	}
	if h.rules.facts.Measured("remote_alone_confirmed") {
		t.Error("nobody has said anything, and the fact is measured")
	}
	say := func(alone bool, secret string) {
		t.Helper()
		if err := h.asked(func(ctx context.Context) error { return h.Declares().Declare(ctx, secret, alone) }); err != nil {
			t.Fatal(err)
		}
	}
	say(true, links[0])
	h.pass(10 * time.Second)
	if h.session.State != session.Handover {
		t.Fatalf("%s, though one has said nothing", h.session.State)
	}
	if err := h.asked(func(ctx context.Context) error { return h.Declare(ctx, "m-2", true) }); err != nil { // as the conference will
		t.Fatal(err)
	}
	h.pass(40 * time.Second)
	if h.session.State != session.Closed || h.session.Has(session.Override) || h.proposal != nil {
		t.Fatalf("%s %v %v", h.session.State, h.session.Flags, h.points())
	}
	say(false, links[1])
	h.pass(time.Second)
	if p := h.point(handover.Alone); p.Proven || p.Detail != handover.AloneNot || h.proposal == nil || h.rules.found[0].Verdict != policy.Violated {
		t.Errorf("somebody is not alone any more: %+v, proposal %+v", p, h.proposal)
	}
	say(true, links[1])
	h.pass(time.Second)
	if !h.point(handover.Alone).Proven || h.proposal != nil {
		t.Errorf("alone again: %v, proposal %+v", h.points(), h.proposal)
	}
	h.restart(10 * time.Second)
	h.pass(20 * time.Second)
	if h.session.State != session.Closed || !h.point(handover.Alone).Proven {
		t.Errorf("after a power cut: %s %v", h.session.State, h.points())
	}
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == "remote.declared" && (strings.Contains(string(e.Payload), "m-1") || strings.Contains(string(e.Payload), "m-2")) {
			t.Errorf("the record names a member: %s", e.Payload)
		}
		return nil
	})
	if err != nil || count(h.entries(), "remote.declared") != 4 {
		t.Errorf("%d declarations recorded, %v", count(h.entries(), "remote.declared"), err)
	}
	h.press(wall.Order{Act: wall.End, Role: session.Chair})
	h.pass(5 * time.Second)
	b, err := os.ReadFile(filepath.Join(h.dir, "remote.json"))
	if err != nil || strings.Contains(string(b), "m-1") || h.session.State != session.Open {
		t.Errorf("%s: after the session the unit still holds %s, %v", h.session.State, b, err)
	}
	if err := h.asked(func(ctx context.Context) error { return h.Declares().Declare(ctx, links[0], true) }); !errors.As(err, &refused) {
		t.Errorf("the link of a session that is over: %v", err)
	}
}

// TestRemoteRemoved: who is removed is not waited for, and their link speaks no more; without anybody remote there is no point.
func TestRemoteRemoved(t *testing.T) {
	h := build(t)
	h.planned()
	links := h.fromHome("m-1")
	h.press(wall.Order{Act: wall.Start, Role: session.Chair})
	h.pass(time.Second)
	if !slices.Contains(h.session.Unproven(), handover.Alone) {
		t.Fatalf("unproven %v", h.session.Unproven())
	}
	if err := h.asked(func(ctx context.Context) error { return h.CheckIn().Remove(ctx, session.Clerk, "m-1") }); err != nil {
		t.Fatal(err)
	}
	h.pass(time.Second)
	for _, p := range h.Room.session.Points {
		if p.Name == handover.Alone {
			t.Errorf("still waits: %+v", p)
		}
	}
	if err := h.asked(func(ctx context.Context) error { return h.Declares().Declare(ctx, links[0], true) }); err == nil {
		t.Error("the link of a removed member speaks")
	}
}

// TestChairConfirmsForRemote: who has heard it in the conference may confirm it for all, by role and reason.
func TestChairConfirmsForRemote(t *testing.T) {
	h := build(t)
	h.planned()
	h.fromHome("m-1")
	h.press(wall.Order{Act: wall.Start, Role: session.Chair})
	h.pass(time.Second)
	h.press(wall.Order{Act: wall.Tick, Role: session.Chair, Point: handover.Alone, Reason: "checked-by-hand"})
	h.pass(40 * time.Second)
	if p := h.point(handover.Alone); h.session.State != session.Closed || p.By != session.Chair || h.session.Has(session.Override) {
		t.Errorf("%s, %+v", h.session.State, p)
	}
}
