package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/av"
	"subrosa/firmware/finding"
	"subrosa/firmware/handover"
	"subrosa/firmware/panel"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// hall is what the room knows of its equipment, and the walk through it at the handover.
type hall struct {
	asked map[string]av.State        // device → what was published as desired
	hot   map[string]finding.Finding // device → the alarm that it is on
	noted bool                       // how the devices came back is in the journal, or waits for it
	saved string
}

// hallState is what survives a restart.
type hallState struct {
	Format int             `json:"format"`
	AV     av.Memory       `json:"av"`
	Walk   handover.Memory `json:"walk"`
}

// Equipment takes what one way of proof says of a device of the hall. It may be called from any goroutine and does not wait.
func (r *Room) Equipment(device string, by av.Proof, reading av.Reading) {
	r.post(func() { r.equipment(device, by, reading) })
}

func (r *Room) equipment(device string, by av.Proof, reading av.Reading) {
	if err := r.p.AV.Read(r.p.Clock.Now(), device, by, reading); err != nil {
		r.p.Log.Warn("equipment", "err", err)
	}
}

// gateway takes what the building's gateway says. A topic that was emptied says nothing any more.
func (r *Room) gateway(m shadow.Message) {
	now := r.p.Clock.Now()
	reading := av.Reading{State: av.Unknown, Why: "no-answer", At: now}
	if m.Data != nil {
		v, err := decode[report.AV](m)
		if err != nil {
			r.p.Log.Warn("equipment", "topic", m.Topic.String(), "err", err)
			reading.Why = "unreadable"
		} else {
			reading = av.Reading{State: av.State(v.State), At: m.Time}
		}
	}
	r.equipment(m.Topic.ID("device"), av.MQTT, reading)
}

// recallHall takes over what the last run knew. What people have confirmed holds as long as the session is closed; on the
// way there everything is to be proven anew.
func (r *Room) recallHall() {
	s := r.p.Machine.State()
	var st hallState
	switch err := r.p.State.Load("hall", &st); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || st.Format != 1:
		r.p.Log.Error("what was known of the hall is unreadable", "format", st.Format, "err", err)
	case s.Confidential():
		r.p.AV.Recall(st.AV)
		r.p.Walk.Recall(st.Walk)
	case s.Step(), s == session.Restoring:
		r.p.AV.Recall(st.AV)
	}
	if s.Step() {
		r.p.Walk.Begin(r.p.Clock.Now())
	}
	if (s.Step() || s.Confidential()) && !r.p.AV.Running() {
		r.p.AV.Begin(r.p.Clock.Now())
	}
}

func (r *Room) saveHall() {
	st := hallState{Format: 1, AV: r.p.AV.Memory(), Walk: r.p.Walk.Memory()}
	if r.hall.saved == "" && len(st.AV.Before) == 0 && len(st.Walk.Ticks) == 0 && st.Walk.Heads == 0 {
		return // nothing to keep, and no disk to wait for between two states
	}
	b, err := json.Marshal(st)
	if err != nil {
		panic(fmt.Sprintf("room: hall: %v", err)) // our own types
	}
	if string(b) == r.hall.saved && r.faults[fault{"state", "hall"}] == nil {
		return
	}
	err = r.p.State.Save("hall", st)
	if r.check("state", "hall", err); err == nil {
		r.hall.saved = string(b)
	}
}

// turnHall does what a change of the session means for the hall, before it is recorded and reported.
func (r *Room) turnHall(c session.Changed) {
	now := r.p.Clock.Now()
	switch {
	case c.To == session.Handover && (c.From == session.Open || c.From == session.Planned):
		r.p.AV.Begin(now)
		r.p.Walk.Begin(now)
	case c.To == session.Handover: // after a power loss: what was before is known
		r.p.Walk.Begin(now)
	case c.To == session.Restoring:
		r.hall.noted = false
	case c.From == session.Restoring && c.To == session.Open:
		r.noteRestored(c.Role)
		r.p.AV.End()
	}
	r.ask(c.To)
	r.saveHall()
}

// ask publishes what the gateway shall do.
func (r *Room) ask(s session.State) {
	for device, want := range r.p.AV.Asks(s) {
		if r.hall.asked[device] == want {
			continue
		}
		if r.hall.asked == nil {
			r.hall.asked = map[string]av.State{}
		}
		err := r.p.Site.Report(topic.AVDesired(r.p.Room, device), report.AV{State: string(want)})
		if r.check("outbox", "av-"+device, err); err == nil {
			r.hall.asked[device] = want
		}
	}
}

// noteRestored records how every device came back. by is empty where all are as they were, else whose decision it was to
// go on without.
func (r *Room) noteRestored(by session.Role) {
	if r.hall.noted || len(r.p.AV.Devices()) == 0 {
		return
	}
	r.hall.noted = true
	now := r.p.Clock.Now()
	left := []string{}
	for _, t := range r.p.AV.Left(now) {
		left = append(left, t.Device)
	}
	r.append("hall.restored", map[string]any{"devices": r.p.AV.Turns(now), "left": left, "role": by})
}

// restored reports whether the room may be reported as open: every device that was switched is as it was before, and the
// journal has it.
func (r *Room) restored() bool {
	if len(r.p.AV.Devices()) == 0 {
		return true
	}
	if len(r.p.AV.Left(r.p.Clock.Now())) > 0 {
		return false
	}
	r.noteRestored("")
	return len(r.unrecorded) == 0
}

// watchHall raises the alarm of a device that is on in a session that is closed or about to be, and ends it when it is off
// or the session is over. That nothing is known of it any more ends nothing.
func (r *Room) watchHall(now time.Time) {
	s := r.p.Machine.State()
	r.relays(r.facts.Relays)
	r.ask(s) // again what the outbox has refused
	on := map[string]bool{}
	for _, v := range r.p.AV.Hot(now, s) {
		on[v.ID] = true
		if _, told := r.hall.hot[v.ID]; told {
			continue
		}
		if r.hall.hot == nil {
			r.hall.hot = map[string]finding.Finding{}
		}
		f := finding.Finding{ID: finding.NewID(now, r.p.Rand), Kind: detect.AVHot, Name: v.Kind.Finding(), Alarm: true, Side: finding.Inside,
			Start: now, Coverage: "hall equipment, " + string(v.By)}
		if v.Kind == av.Overflow {
			f.Side = finding.Outside
		}
		if v.Why != "" {
			f.Coverage += ": " + v.Why
		}
		r.hall.hot[v.ID] = f
		r.own(f)
	}
	for _, v := range r.p.AV.Status(now) {
		f, told := r.hall.hot[v.ID]
		if told && !on[v.ID] && (v.State == av.Off || !s.Step() && !s.Confidential()) {
			end := now
			f.End = &end
			delete(r.hall.hot, v.ID)
			r.own(f)
		}
	}
}

// relays reads the panel's relays as a way of proof: a relay that is driven and read back as on has cut its device.
func (r *Room) relays(list []panel.Relay) {
	for _, dev := range r.p.AV.Devices() {
		name, ok := r.p.Relays[dev.ID]
		if !ok {
			continue
		}
		reading := av.Reading{State: av.Unknown, Why: "no-answer", At: r.p.Clock.Now()}
		for _, l := range list {
			if l.Name == name {
				reading.State, reading.Why = relayState(l)
			}
		}
		r.equipment(dev.ID, av.Relay, reading)
	}
}

func relayState(l panel.Relay) (av.State, string) {
	switch {
	case !l.Read:
		return av.Unknown, "no-read-back"
	case l.Fault:
		return av.Unknown, "relay-fault"
	case l.On:
		return av.Off, ""
	}
	return av.On, "not-cut"
}

// hallPoints are the points of equipment and walk, in their order, with those of the contacts among them.
func (r *Room) hallPoints(now time.Time) []session.Point {
	ps := append(r.p.AV.Points(now), r.p.Walk.Points(r.locker())...)
	return append(append(ps, r.remotely.Points(r.remote())...), r.facts.Points()...)
}

func (r *Room) locker() handover.Locker {
	return handover.Locker{Slots: r.facts.Slots, Phones: r.facts.Phones}
}

// tick by a person: a point confirmed by hand, or a count of heads.
func (r *Room) confirmed(o wall.Order) error {
	s := r.p.Machine.State()
	if !s.Step() && s != session.Interrupted {
		return errNoWalk
	}
	now := r.p.Clock.Now()
	if o.Heads > 0 {
		if err := r.p.Walk.Count(o.Heads); err != nil {
			return err
		}
		r.append("walk.counted", map[string]any{"role": o.Role, "heads": o.Heads, "phones": r.facts.Phones})
	} else {
		for _, p := range r.hallPoints(now) {
			if p.Name != o.Point {
				continue
			}
			if err := r.p.Walk.Confirm(now, o.Role, p, o.Reason); err != nil {
				return err
			}
			r.append("walk.confirmed", map[string]any{"role": o.Role, "point": p.Name, "reason": o.Reason, "measured": p.Detail})
		}
	}
	r.saveHall()
	r.points()
	return nil
}

var errNoWalk = errors.New("room: no handover is on its way")

// own takes a finding of the unit's own.
func (r *Room) own(f finding.Finding) {
	f.Sense, f.Cause = f.Kind.Sense(), finding.CauseOf(f.Kind, f.Name, f.Hz)
	if f.Side == "" {
		f.Side = finding.Unknown
	}
	if f.Open() {
		r.figures.found(f)
	}
	if f.Alarm {
		r.p.Book.Observe(context.Background(), f)
	}
}
