package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

// room is a real session machine behind the pages, whose points prove themselves one a second, except the last
// of handover: so that every button can be tried.
type room struct {
	mu       sync.Mutex
	machine  *session.Machine
	page     *wall.Handler
	alarms   []alarm.Alarm
	proposal *wall.Proposal
	proven   int
}

var steps = []session.Point{
	{Name: "stream-off"}, {Name: "recorder-off"}, {Name: "doors-closed"},
	{Name: "sound-clear", Step: session.Sweep}, {Name: "radio-clear", Step: session.Sweep}, {Name: "sensor-sealed", Step: session.Arming},
}

func newRoom() *room {
	c := session.Default
	c.Handover = 5 * time.Second
	return &room{machine: session.New(time.Now(), c)}
}

// Run lets a second pass in the room until ctx ends; after the fourth in closed two alarms come.
func (r *room) Run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for n := 0; ; {
		r.mu.Lock()
		r.second()
		if r.machine.State() == session.Closed {
			if n++; n == 4 {
				r.alarms = show.Alarms()
			}
		}
		r.show()
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (r *room) second() {
	now := time.Now()
	r.machine.Tick(now)
	switch s := r.machine.State(); {
	case s.Step():
		points := slices.Clone(steps)
		r.proven++
		for i := range min(r.proven, len(points)) {
			points[i].Proven = points[i].Name != "doors-closed"
		}
		_, _ = r.machine.Apply(now, session.Points(points))
	case s == session.Restoring:
		r.proven = 0
		_, _ = r.machine.Apply(now, session.Restored())
	}
}

func (r *room) show() {
	v := show.Scenes()[0].View
	v.At, v.Session, v.Alarms, v.Proposal = time.Now(), r.machine.Report(), slices.Clone(r.alarms), r.proposal
	r.page.Update(v)
}

// Do gives the order to the machine.
func (r *room) Do(_ context.Context, o wall.Order) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.show()
	switch o.Act {
	case wall.Answer:
		for i := range r.alarms {
			if r.alarms[i].Finding.ID == o.Alarm {
				r.alarms[i].Ack = &o.Ack
			}
		}
		return nil
	case wall.Propose:
		r.proposal = &wall.Proposal{Act: o.Proposes, By: string(o.Role), At: time.Now()}
		return nil
	case wall.Decline:
		r.proposal = nil
		return nil
	}
	r.proposal = nil
	_, err := r.machine.Apply(time.Now(), session.Event{Kind: session.Kind(o.Act), Role: o.Role, Reason: o.Reason})
	return err
}
