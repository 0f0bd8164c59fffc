package room

import (
	"context"
	"errors"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/report"
	"subrosa/firmware/sense"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// Subscribe registers what the site may ask of the room. Call it before the shadow runs.
func (r *Room) Subscribe() error {
	return errors.Join(
		r.p.Shadow.Desired(topic.SessionDesired(r.p.Room), func(m shadow.Message) { r.wait(func() { r.desired(m) }) }),
		r.p.Shadow.Desired(topic.Ack(r.p.Room, "+"), func(m shadow.Message) { r.wait(func() { r.answered(m) }) }),
		r.p.Shadow.Desired(topic.BaselineDesired(r.p.Unit), func(m shadow.Message) { r.wait(func() { r.learn(m) }) }),
	)
}

// wait posts a task and waits until it is done: a desired state counts as taken only then.
func (r *Room) wait(f func()) {
	done := make(chan struct{})
	r.post(func() { defer close(done); f() })
	select {
	case <-done:
	case <-r.done:
	}
}

func decode[T any](m shadow.Message) (v T, err error) {
	return event.Data[T](event.Event{Data: m.Data})
}

// desired takes the session state that the console wants.
func (r *Room) desired(m shadow.Message) {
	d, err := decode[session.Desired](m)
	if err != nil {
		r.p.Log.Warn("desired session", "err", err)
		return
	}
	e, ok, err := r.p.Machine.Event(d)
	if err == nil && ok {
		err = r.apply(e)
	}
	if err != nil {
		r.p.Log.Warn("desired session refused", "writer", m.Writer, "err", err)
		r.append("session.refused", map[string]any{"state": d.State, "role": d.Role, "version": d.Version})
	}
}

type answer struct {
	event.Stamp
	alarm.Ack
}

// answered takes a person's answer to an alarm.
func (r *Room) answered(m shadow.Message) {
	a, err := decode[answer](m)
	if err == nil {
		a.Ack.At = r.p.Clock.Now()
		_, err = r.p.Book.Acknowledge(context.Background(), m.Topic.FindingID(), a.Ack)
	}
	if err != nil {
		r.p.Log.Warn("acknowledgement refused", "writer", m.Writer, "err", err)
	}
}

type learning struct {
	event.Stamp
	Learn bool `json:"learn"`
}

// learn begins or ends the learning of a baseline. In a closed session nothing is learned: what is on the air then is
// what is looked for.
func (r *Room) learn(m shadow.Message) {
	l, err := decode[learning](m)
	if err != nil {
		r.p.Log.Warn("desired baseline", "err", err)
		return
	}
	if l.Learn && r.p.Machine.State() != session.Open && r.p.Machine.State() != session.Planned {
		r.p.Log.Warn("baseline refused: a session is running")
		r.append("baseline.refused", map[string]any{"state": r.p.Machine.State()})
		return
	}
	r.p.Sensor.Learn(l.Learn)
	if l.Learn {
		r.learning = report.Baseline{State: "learning", Emitters: len(r.baseline.Emitters)}
		r.append("baseline.learning", map[string]any{"writer": m.Writer})
	}
	r.report("baseline", r.learning)
}

func (r *Room) progress(v float64) {
	r.learning.State, r.learning.Progress = "learning", v
	r.report("baseline", r.learning)
}

// learned takes a whole baseline and hands it back to the sensor.
func (r *Room) learned(es []sense.Emitter) {
	now := r.p.Clock.Now()
	r.baseline = baseline{Format: 1, Learned: now, Emitters: es}
	r.check("state", r.p.State.Save("baseline", r.baseline))
	r.p.Sensor.SetBaseline(es)
	r.learning = report.Baseline{State: "ready", Progress: 1, Learned: &now, Emitters: len(es)}
	r.append("baseline.learned", map[string]any{"emitters": len(es)})
	r.report("baseline", r.learning)
}

const orderWithin = 5 * time.Second // real time

// Do carries out an order from the chair's page.
func (r *Room) Do(ctx context.Context, o wall.Order) error {
	result := make(chan error, 1)
	r.post(func() { result <- r.order(o) })
	ctx, cancel := context.WithTimeout(ctx, orderWithin)
	defer cancel()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Room) order(o wall.Order) error {
	switch o.Act {
	case wall.Answer:
		ack := o.Ack
		ack.At = r.p.Clock.Now()
		_, err := r.p.Book.Acknowledge(context.Background(), o.Alarm, ack)
		r.tell()
		return err
	case wall.Propose:
		r.proposal = &wall.Proposal{Act: o.Proposes, By: string(o.Role), At: r.p.Clock.Now()}
		r.tell()
		return nil
	case wall.Decline:
		r.proposal = nil
		r.tell()
		return nil
	}
	e := map[wall.Act]session.Event{wall.Start: session.Start(o.Role), wall.Confirm: session.Confirm(o.Role, o.Reason),
		wall.Interrupt: session.Interrupt(o.Role, o.Reason), wall.Resume: session.Resume(o.Role), wall.End: session.End(o.Role)}[o.Act]
	err := r.apply(e)
	if err == nil {
		r.proposal = nil
		r.tell()
	}
	return err
}
