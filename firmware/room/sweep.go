package room

import (
	"time"

	"subrosa/firmware/record"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
)

// A full sweep is fullSweep statuses of the sensor in a row, without a gap and with nothing being learned, each of which
// covers every sense that the unit has: more than a minute of uninterrupted looking, where the sweep on the way to closed
// is one status. While a room is open the unit looks all the time, so the last full sweep is usually seconds old when the
// chair presses. It counts for reuseFor; later the room is looked at anew. The microphone's proof counts as long.
const (
	fullSweep = 4
	reuseFor  = 10 * time.Minute
	// proveEarly is how long before a planned session the microphone is proven, so that nobody waits for it.
	proveEarly = 5 * time.Minute
)

// sweeping is what the room knows of its sweeps.
type sweeping struct {
	run  int       // statuses in a row that cover everything
	last time.Time // of them
	full time.Time // end of the last full sweep; zero: none since the sensor began
	used time.Time // of the full sweep that counts in place of one on the way to closed; zero: none does
}

// lost forgets what an earlier run of the sensor has seen.
func (w *sweeping) lost() { w.run, w.full, w.used = 0, time.Time{}, time.Time{} }

// looked takes note of a status.
func (r *Room) looked(s record.Status, now time.Time) {
	w := &r.sweep
	all := r.learnEnd.IsZero() && s.Health&record.Restart == 0 && (r.p.Sound.Present || r.p.Radio.Present)
	if r.p.Sound.Present && s.Coverage[record.Ultrasonic] < record.Most || r.p.Radio.Present && s.Coverage[record.Radio] < record.Most {
		all = false
	}
	if !all || now.Sub(w.last) > slot.StatusEvery*3/2 {
		w.run = 0
	}
	if now.Before(w.last) { // the clock was set back: nobody knows how old anything is
		w.lost()
	}
	w.last = now
	if !all {
		return
	}
	if w.run++; w.run >= fullSweep {
		w.full = now
	}
	if r.p.Machine.State().Confidential() {
		w.used = time.Time{} // what is seen now counts
	}
}

// turnSweep takes a full sweep that is fresh in place of a new one.
func (r *Room) turnSweep(c session.Changed) {
	w, now := &r.sweep, r.p.Clock.Now()
	switch {
	case c.To == session.Sweep && !w.full.IsZero() && now.Sub(w.full) <= reuseFor && !now.Before(w.full):
		w.used = w.full
		r.append("sweep.reused", map[string]any{"at": w.full, "age_s": int(now.Sub(w.full).Seconds())})
	case !c.To.Step() && !c.To.Confidential(), c.To == session.Handover:
		w.used = time.Time{}
	}
}

// sweptPoint is a point that the sweep proves: by what the sensor covers now, after it has looked since the sweep began, or
// an earlier full sweep counts.
func (r *Room) sweptPoint(name string, part int) session.Point {
	s, w := r.p.Machine.State(), &r.sweep
	swept := s == session.Sweep && r.statuses > 0 || s == session.Arming || s.Confidential() || !w.used.IsZero()
	p := session.Point{Name: name, Step: session.Sweep,
		Proven: !r.statusAt.IsZero() && swept && r.learnEnd.IsZero() && r.status.Coverage[part] >= record.Most}
	if p.Proven && !w.used.IsZero() {
		p.Detail, p.At = "full-sweep", w.used.UTC().Truncate(time.Second)
	}
	return p
}

// freshHearing reports whether the microphone was proven so lately that it counts.
func (r *Room) freshHearing(now time.Time) bool {
	at := r.hearing.provenAt
	return r.hearing.proven && !at.IsZero() && now.Sub(at) <= reuseFor && !now.Before(at)
}

// proveInTime wants a test of the microphone shortly before a planned session.
func (r *Room) proveInTime(now time.Time) {
	h, from := &r.hearing, r.session.From
	if r.session.State != session.Planned || from == nil || h.step != quiet || now.Before(from.Add(-proveEarly)) || !now.Before(*from) ||
		h.provenAt.After(from.Add(-proveEarly)) || h.inTime.Equal(*from) {
		return
	}
	h.inTime = *from // once for each plan
	r.want(now)
}
