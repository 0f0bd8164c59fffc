package room

import (
	"subrosa/drivers/contact"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/av"
	"subrosa/firmware/panel"
	"subrosa/firmware/policy"
	"subrosa/firmware/record"
	"subrosa/firmware/session"
)

// byPoint are the facts that a point proves, if the room has it.
var byPoint = func() (out []policy.Fact) {
	for _, f := range policy.Table() {
		if f.Point != "" && (f.Source == policy.FromHandover || !f.Source.Exists()) {
			out = append(out, f)
		}
	}
	return out
}()

// gather fills in the facts of this moment. What nothing on this unit tells stays not measured.
func (r *Room) gather(ps []session.Point, s session.State) {
	f := r.rules.facts
	f.Clear()
	f.Must("session_state", string(s))
	if k := r.kind(s); k != "" {
		f.Must("session_kind", string(k))
	}
	contacts(f, r.facts)
	alive := !r.statusAt.IsZero()
	f.Must("sensor_alive", alive)
	f.Must("sensor_sealed", !r.p.Unsealed)
	if r.p.Speaker != nil && r.p.Sound.Present {
		f.Must("microphone_proven", r.hearing.proven)
	}
	sound := r.covers(r.p.Sound, record.Ultrasonic, s)
	radio := r.covers(r.p.Radio, record.Radio, s)
	f.Must("sound_covered", sound)
	f.Must("radio_covered", radio)
	if r.p.Radio.Present {
		f.Must("baseline_learned", r.baseline.Format == 1)
	}
	countAlarms(f, r.p.Book.Alarms(), sound == true, radio == true)
	f.Must("journal_writes", r.fault("journal") == nil)
	f.Must("broker_reached", r.p.Site.Status().Connected)
	if q := r.p.Clock.Quality(); q == "synced" || q == "unsynced" { // a scenario's clock has nothing to be compared with
		f.Must("time_synced", q == "synced")
	}
	for _, x := range byPoint {
		f.Must(x.Name, fromPoint(ps, x.Point))
	}
	if r.p.AV != nil {
		equipment(f, r.p.AV.Status(r.p.Clock.Now()))
	}
	if n := r.p.Walk.Heads(); n > 0 {
		f.Must("people_counted", n)
	}
	r.gatherLock(f)
	r.gatherCall(f)
}

// equipment says what is off: a kind of device is if all of it is proven off, and is not if one is on.
func equipment(f *policy.Facts, all []av.Status) {
	for kind, name := range map[av.Kind]string{av.Stream: "stream_off", av.Recorder: "recorder_off", av.HallMic: "hall_microphones_off",
		av.HearingLoop: "hearing_loop_off", av.Overflow: "overflow_off"} {
		states := map[av.State]int{}
		for _, s := range all {
			if s.Kind == kind {
				states[s.State]++
			}
		}
		var off any // what is not known leaves it open, unless something is on
		switch {
		case states[av.On] > 0:
			off = false
		case states[av.Off] > 0 && states[av.Unknown] == 0:
			off = true
		}
		f.Must(name, off)
	}
}

// covers says whether a sense is examined: nil without one, and until the sweep has seen a status of its own.
func (r *Room) covers(st Stream, part int, s session.State) any {
	switch {
	case !st.Present, s == session.Sweep && r.statuses == 0:
		return nil
	case r.statusAt.IsZero(), !r.learnEnd.IsZero():
		return false
	}
	return r.status.Coverage[part] >= record.Most
}

// contacts says what the panel reads. A contact whose state is not known, or whose line is at fault, leaves open what it
// guards, unless another one is open anyhow.
func contacts(f *policy.Facts, p panel.Facts) {
	for guards, name := range map[string]string{panel.Window: "windows_closed", panel.Door: "doors_closed", panel.Case: "enclosure_closed"} {
		f.Must(name, closed(p.Contacts, guards))
	}
	var lines any = len(p.Contacts) > 0
	for _, c := range p.Contacts {
		if c.State.Fault() {
			lines = false
			break
		}
		if !c.Supervised || c.State == contact.Unknown {
			lines = nil // nobody would notice
		}
	}
	if len(p.Contacts) > 0 {
		f.Must("contact_lines_sound", lines)
	}
	if p.Senses {
		f.Must("room_occupied", p.Occupied)
	}
	if p.Slots > 0 {
		f.Must("locker_slots", p.Slots)
		f.Must("phones_in_locker", p.Phones)
	}
}

// closed says whether all contacts that guard something are closed: nil if there are none, or nobody can say.
func closed(list []panel.Contact, guards string) any {
	var all any
	for _, c := range list {
		switch {
		case c.Guards != guards:
		case c.State == contact.Open:
			return false
		case c.State != contact.Closed:
			all = "unknown"
		case all == nil:
			all = true
		}
	}
	if all != true {
		return nil
	}
	return true
}

// countAlarms counts the alarms that last and that nobody has answered. That there is none is known only of a sense that
// is examined.
func countAlarms(f *policy.Facts, list []alarm.Alarm, sound, radio bool) {
	byKind, bySense := map[detect.Kind]int{}, map[detect.Sense]int{}
	for i := range list {
		if a := &list[i]; a.Ack == nil && a.State != alarm.Cleared {
			byKind[a.Finding.Kind]++
			bySense[a.Finding.Kind.Sense()]++
		}
	}
	examined := map[detect.Sense]bool{detect.Acoustic: sound, detect.Radio: radio, detect.Health: true}
	set := func(name string, n int, known bool) {
		if n > 0 || known {
			f.Must(name, n)
		}
	}
	for _, k := range detect.Kinds() {
		name := policy.AlarmFact(k)
		if x, ok := policy.FactOf(name); ok {
			set(name, byKind[k], x.Source.Exists() && examined[k.Sense()])
		}
	}
	set("alarms_sound", bySense[detect.Acoustic], sound)
	set("alarms_radio", bySense[detect.Radio], radio)
	set("alarms_unit", bySense[detect.Health], true)
	set("alarms_open", bySense[detect.Acoustic]+bySense[detect.Radio], sound && radio)
}
