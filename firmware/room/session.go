package room

import (
	"encoding/json"

	"subrosa/firmware/record"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// apply lets the session take an event.
func (r *Room) apply(e session.Event) error {
	c, err := r.p.Machine.Apply(r.p.Clock.Now(), e)
	if err != nil {
		return err
	}
	r.move(c)
	return nil
}

// must applies an event of the unit's own, which is never refused but by a mistake of ours.
func (r *Room) must(e session.Event) {
	if err := r.apply(e); err != nil {
		r.p.Log.Error("session", "err", err)
	}
}

// move does what a change of the session asks for.
func (r *Room) move(c session.Changed) {
	if !c.Report && !c.Moved() {
		return
	}
	r.session = r.p.Machine.Report()
	r.decided(c)
	if c.Moved() {
		r.statuses, r.proposal = 0, nil
		r.testBefore(c.To)
		r.turnSweep(c)
		r.turnHall(c)
		r.turnAttendance(c)
		r.turnRemote(c)
		if c.To.Confidential() && !c.From.Confidential() {
			r.closedAt = r.p.Clock.Now()
		}
		r.p.Log.Info("session", "from", c.From, "to", c.To, "on", c.On, "role", c.Role)
		r.p.Sensor.SetClosed(c.To.Confidential())
		r.append("session.changed", map[string]any{"from": c.From, "to": c.To, "on": c.On, "role": c.Role, "reason": c.Reason,
			"points": r.session.Points, "flags": r.session.Flags})
	}
	r.publish()
	if c.Moved() {
		r.stepLockdown()
	}
}

// publish keeps the session and then reports it.
func (r *Room) publish() {
	r.save()
	r.check("outbox", "session", r.p.Site.Report(topic.SessionReported(r.p.Room), r.session))
	r.allowCall()
}

func (r *Room) save() {
	b, err := r.p.Machine.Snapshot()
	if err == nil {
		err = r.p.State.Save("session", json.RawMessage(b))
	}
	r.check("state", "session", err)
}

// points tells the machine what is proven, on the way to closed and as long as it lasts.
func (r *Room) points() {
	s := r.p.Machine.State()
	if !s.Step() && !s.Confidential() {
		r.follow(nil)
		return
	}
	alive := !r.statusAt.IsZero()
	ps := []session.Point{
		{Name: "sensor-alive", Step: session.Handover, Proven: alive},
		{Name: "journal-writes", Step: session.Handover, Proven: r.fault("journal") == nil},
	}
	if r.p.Sound.Present {
		ps = append(ps, r.sweptPoint("sound-covered", record.Ultrasonic))
	}
	if r.p.Speaker != nil && r.p.Sound.Present {
		ps = append(ps, session.Point{Name: "microphone-proven", Step: session.Arming, Proven: r.hearing.proven})
	}
	if r.p.Radio.Present {
		ps = append(ps, r.sweptPoint("radio-covered", record.Radio))
	}
	ps = append(ps, r.lockPoints(s)...)
	r.must(session.Points(r.follow(append(ps, r.p.Walk.Apply(r.hallPoints(r.p.Clock.Now()))...))))
}
