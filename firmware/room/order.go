package room

import (
	"context"
	"errors"
	"slices"
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
		r.subscribeLockdown(),
		r.p.Site.Desired(topic.SessionDesired(r.p.Room), func(m shadow.Message) { r.wait(func() { r.desired(m) }) }),
		r.p.Site.Desired(topic.Ack(r.p.Room, "+"), func(m shadow.Message) { r.wait(func() { r.answered(m) }) }),
		r.p.Site.Watch(topic.AVReported(r.p.Room, topic.Any), func(m shadow.Message) { r.post(func() { r.gateway(m) }) }),
		r.p.Site.Watch(topic.Contact(r.p.Room, topic.Any), func(m shadow.Message) { r.post(func() { r.said(m) }) }),
		r.p.Site.Watch(topic.ConferenceReported(r.p.Room), func(m shadow.Message) { r.post(func() { r.conference(m) }) }),
		r.p.Site.Watch(topic.ConferenceDeclared(r.p.Room), func(m shadow.Message) { r.post(func() { r.conferenceDeclared(m) }) }),
		r.p.Site.Desired(topic.BaselineDesired(r.p.Unit), func(m shadow.Message) { r.wait(func() { r.learn(m) }) }),
		r.p.Site.Desired(topic.Roster(r.p.Room), func(m shadow.Message) { r.wait(func() { r.rosterArrived(m) }) }),
	)
}

// wait posts a task and waits until it is done, because a desired state counts as taken only then. So the shadow must
// have ended before the room does.
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
		r.append("session.refused", map[string]any{"state": known(session.States, d.State), "role": known(session.Roles, d.Role), "version": d.Version})
	}
}

// known returns what is on the list, and "unknown" otherwise: a record holds no text from outside.
func known[T ~string](list []T, v T) T {
	if slices.Contains(list, v) {
		return v
	}
	return "unknown"
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

// learn begins or ends the learning of a baseline. While a session is on its way or closed nothing is learned: what is
// on the air then is what is looked for.
func (r *Room) learn(m shadow.Message) {
	l, err := decode[learning](m)
	if err != nil {
		r.p.Log.Warn("desired baseline", "err", err)
		return
	}
	if s := r.p.Machine.State(); l.Learn && s != session.Open && s != session.Planned {
		r.p.Log.Warn("baseline refused: a session is running")
		r.append("baseline.refused", map[string]any{"state": s})
		return
	}
	switch {
	case l.Learn:
		r.learning.State, r.learning.Progress = "learning", 0
		r.learnEnd, r.discard = r.p.Clock.Now().Add(LearnFor), false
		r.append("baseline.learning", map[string]any{"version": m.Version})
		r.p.Sensor.Learn(true)
	case r.learnEnd.IsZero():
		return
	default:
		r.endListening()
	}
	r.report("baseline", r.learning)
}

// LearnFor is how long a baseline is listened for: long enough for what transmits every few minutes.
const LearnFor = 10 * time.Minute

// heardShare is the part of the progress that listening makes up; the rest is the baseline's arrival.
const heardShare = 0.5

// listenOn ends listening for a baseline when its time is over, or when the room is on its way to a closed session:
// while it learns, the sensor tells nothing of radio.
func (r *Room) listenOn(now time.Time) {
	if r.learnEnd.IsZero() {
		return
	}
	if s := r.p.Machine.State(); s != session.Open && s != session.Planned {
		r.abortLearning()
		return
	}
	if !now.Before(r.learnEnd) {
		r.endListening()
		return
	}
	done := heardShare * (1 - float64(r.learnEnd.Sub(now))/float64(LearnFor))
	if done-r.learning.Progress >= 0.01 {
		r.learning.Progress = done
		r.report("baseline", r.learning)
	}
}

// endListening lets what was learned count and arrive.
func (r *Room) endListening() {
	r.learnEnd = time.Time{}
	r.p.Sensor.Learn(false)
}

// abortLearning goes back to the baseline there was.
func (r *Room) abortLearning() {
	r.append("baseline.aborted", map[string]any{"progress": r.learning.Progress})
	r.endListening()
	r.discard = true
	r.p.Sensor.SetBaseline(r.baseline.Emitters)
	r.learning = r.ready()
	r.report("baseline", r.learning)
}

// ready describes the baseline that is in use.
func (r *Room) ready() report.Baseline {
	if r.baseline.Format == 0 {
		return report.Baseline{State: "none"}
	}
	at := r.baseline.Learned
	return report.Baseline{State: "ready", Progress: 1, Learned: &at, Emitters: len(r.baseline.Emitters)}
}

// progress takes note of how much of a baseline has arrived.
func (r *Room) progress(v float64) {
	if r.discard {
		return
	}
	r.learning.State, r.learning.Progress = "learning", heardShare+(1-heardShare)*v
	r.report("baseline", r.learning)
}

// learned takes a whole baseline and hands it back to the sensor.
func (r *Room) learned(es []sense.Emitter) {
	if r.discard {
		r.discard = false
		return
	}
	r.baseline = baseline{Format: 1, Learned: r.p.Clock.Now(), Emitters: es}
	r.saveBaseline()
	r.p.Sensor.SetBaseline(es)
	r.learning = r.ready()
	r.append("baseline.learned", map[string]any{"emitters": len(es)})
	r.report("baseline", r.learning)
}

func (r *Room) saveBaseline() {
	r.check("state", "baseline", r.p.State.Save("baseline", r.baseline))
}

const orderWithin = 5 * time.Second // real time

var errStopped = errors.New("room: the unit is stopping")

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
	case <-r.done:
		return errStopped
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
	case wall.Tick:
		err := r.confirmed(o)
		r.tell()
		return err
	case wall.Sign:
		err := r.signed(o)
		r.tell()
		return err
	case wall.Seen:
		err := r.seen(o)
		r.tell()
		return err
	case wall.Propose:
		r.proposal = &wall.Proposal{Act: o.Proposes, By: string(o.Role), At: r.p.Clock.Now()}
		r.tell()
		return nil
	case wall.Plan:
		err := r.takeOver(o)
		r.tell()
		return err
	case wall.Decline:
		r.proposal = nil
		r.tell()
		return nil
	}
	e := map[wall.Act]session.Event{wall.Start: session.Start(o.Role), wall.Confirm: session.Confirm(o.Role, o.Reason),
		wall.Interrupt: session.Interrupt(o.Role, o.Reason), wall.Resume: session.Resume(o.Role), wall.End: session.End(o.Role)}[o.Act]
	err := r.apply(e)
	r.tell()
	return err
}
