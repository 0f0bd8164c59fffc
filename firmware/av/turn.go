package av

import (
	"maps"
	"slices"
	"time"

	"subrosa/firmware/session"
)

// Grace is how long after the press a device may still be on before that is an alarm: switching takes its time.
const Grace = 10 * time.Second

// Begin notes how each device is when the handover begins. A second Begin of the same session changes nothing: what was
// before is what was before the first.
func (d *Desk) Begin(now time.Time) {
	if d.memory.Before != nil {
		return
	}
	d.memory = Memory{Before: map[string]State{}, Began: now}
	for _, s := range d.Status(now) {
		d.memory.Before[s.ID] = s.State
	}
}

// End forgets the session: everything is as it was, or was given up.
func (d *Desk) End() { d.memory = Memory{} }

// Memory returns what Recall takes after a restart.
func (d *Desk) Memory() Memory {
	return Memory{Before: maps.Clone(d.memory.Before), Began: d.memory.Began}
}

// Recall takes over what Memory returned in an earlier run. Devices that are gone since are left out.
func (d *Desk) Recall(m Memory) {
	d.memory = Memory{Began: m.Began}
	if m.Before == nil {
		return
	}
	d.memory.Before = map[string]State{}
	for _, v := range d.devices {
		s := m.Before[v.ID]
		if s != On && s != Off {
			s = Unknown
		}
		d.memory.Before[v.ID] = s
	}
}

// Running reports whether a session was begun and not ended.
func (d *Desk) Running() bool { return d.memory.Before != nil }

// Asks returns what the building shall do in a state of the session with the devices that its gateway switches: off from
// the handover on, as it was before while the room is being restored; unknown otherwise, which asks for nothing.
func (d *Desk) Asks(s session.State) map[string]State {
	out := map[string]State{}
	for _, v := range d.devices {
		if !slices.Contains(v.Proofs, MQTT) {
			continue
		}
		switch {
		case s.Step(), s.Confidential():
			out[v.ID] = Off
		case s == session.Restoring && d.before(v.ID) != Unmeasured:
			out[v.ID] = d.before(v.ID)
		default:
			out[v.ID] = Unknown
		}
	}
	return out
}

func (d *Desk) before(id string) State {
	if s := d.memory.Before[id]; s == On || s == Off {
		return s
	}
	return Unknown
}

// Turn is how one device came back.
type Turn struct {
	Device string `json:"device"`
	Before State  `json:"before"`
	Now    State  `json:"now"`
}

// Turns compares each device with how it was before the session.
func (d *Desk) Turns(now time.Time) (out []Turn) {
	for _, s := range d.Status(now) {
		out = append(out, Turn{s.ID, d.before(s.ID), s.State})
	}
	return out
}

// Left returns the devices that the unit has had switched and that are not yet as they were. Of a device whose state
// before is not known nothing can be said, so it is not waited for; nor for one that people switch by hand.
func (d *Desk) Left(now time.Time) (out []Turn) {
	for _, s := range d.Status(now) {
		b := d.before(s.ID)
		if s.Switched() && b != Unknown && s.State != b {
			out = append(out, Turn{s.ID, b, s.State})
		}
	}
	return out
}

// Hot returns the devices that are on although the session says they must not be: in closed and interrupted at once, on
// the way there after Grace.
func (d *Desk) Hot(now time.Time, s session.State) (out []Status) {
	if !s.Step() && !s.Confidential() || s.Step() && now.Sub(d.memory.Began) < Grace {
		return nil
	}
	for _, v := range d.Status(now) {
		if v.State == On {
			out = append(out, v)
		}
	}
	return out
}

// Recording reports whether a recorder or a stream is on, for the lamp that says so.
func (d *Desk) Recording(now time.Time) (recorder, stream bool) {
	for _, v := range d.Status(now) {
		recorder = recorder || v.Kind == Recorder && v.State == On
		stream = stream || v.Kind == Stream && v.State == On
	}
	return recorder, stream
}

// RecordingUnknown reports whether there is a recorder or a stream of which nobody can say whether it is on.
func (d *Desk) RecordingUnknown(now time.Time) bool {
	for _, v := range d.Status(now) {
		if (v.Kind == Recorder || v.Kind == Stream) && v.State == Unknown {
			return true
		}
	}
	return false
}
