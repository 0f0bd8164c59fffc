package room

import (
	"slices"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/slot"
	"subrosa/firmware/wall"
)

// cover reports what is seen, when it has changed.
func (r *Room) cover(s record.Status) {
	c := report.Coverage{Senses: []report.Sense{}}
	add := func(sense detect.Sense, st Stream, share record.Share) {
		x := report.Sense{Sense: string(sense), LoHz: st.LoHz, HiHz: st.HiHz, Share: int(share), Cannot: append([]string{}, st.Cannot...)}
		c.Senses = append(c.Senses, x)
	}
	add(detect.Acoustic, r.p.Sound, s.Coverage[record.Ultrasonic])
	add(detect.Radio, r.p.Radio, s.Coverage[record.Radio])
	if !slices.EqualFunc(c.Senses, r.coverage.Senses, func(a, b report.Sense) bool { return a.Share == b.Share && a.Sense == b.Sense }) {
		r.coverage = c
		r.report("coverage", c)
	}
}

// coverageLine says in one line how much was looked at, of what, and what cannot be seen.
func (r *Room) coverageLine(s detect.Sense, share string) string {
	st := Stream{}
	switch s {
	case detect.Acoustic:
		st = r.p.Sound
	case detect.Radio:
		st = r.p.Radio
	default:
		return "self-test"
	}
	line := share + ": " + span(st.LoHz, st.HiHz)
	for i, slug := range st.Cannot {
		if i == 0 {
			line += "; cannot see: "
		} else {
			line += ", "
		}
		line += report.CannotText(slug).EN
	}
	return line
}

func span(lo, hi float64) string {
	return finding.Hertz("en", lo) + " to " + finding.Hertz("en", hi)
}

func spanDE(lo, hi float64) string {
	return finding.Hertz("de", lo) + " bis " + finding.Hertz("de", hi)
}

// tell brings the pages up to date.
func (r *Room) tell() {
	now := r.p.Clock.Now()
	v := wall.View{At: now, Room: r.p.Name, Session: r.session, Proposal: r.proposal, Notices: r.rules.notices,
		Walk: r.walk(), Recording: r.recording(), RecordingUnknown: r.p.AV.RecordingUnknown(now), Agenda: r.agenda(now),
		Sensor: wall.Sensor{BitsLastHour: int64(r.bits), BitsCeiling: int64(r.ceiling())},
		Unit:   wall.Unit{ID: r.p.Unit, Software: r.p.Software, MQTT: wall.LinkDown, Outbox: r.p.Site.Status().Queued}}
	r.tellDevices(&v)
	v.Call = r.showCall()
	if r.p.Site.Status().Connected {
		v.Unit.MQTT = wall.LinkUp
	}
	v.Alarms = r.p.Book.Alarms()
	slices.Reverse(v.Alarms)
	add := func(name wall.Text, st Stream, share record.Share) {
		c := wall.Coverage{Sense: name}
		for _, slug := range st.Cannot {
			c.Cannot = append(c.Cannot, wall.Text(report.CannotText(slug)))
		}
		if st.Present && !r.statusAt.IsZero() {
			c.Share, c.Sees = int(share), wall.Text{DE: spanDE(st.LoHz, st.HiHz), EN: span(st.LoHz, st.HiHz)}
		}
		v.Coverage = append(v.Coverage, c)
	}
	add(wall.Text{DE: "Schall", EN: "Sound"}, r.p.Sound, r.status.Coverage[record.Ultrasonic])
	add(wall.Text{DE: "Funk", EN: "Radio"}, r.p.Radio, r.status.Coverage[record.Radio])
	add(wall.Text{DE: "WLAN und Bluetooth", EN: "Wi-Fi and Bluetooth"}, Stream{Cannot: []string{"not-in-version"}}, record.None)
	r.p.Wall.Update(v)
	if r.p.Panel != nil {
		r.p.Panel(v)
	}
}

// ceiling is what the sensor may have said in the last hour at most, bits.
func (r *Room) ceiling() int {
	if !r.p.Machine.State().Confidential() {
		return slot.Ceiling(0)
	}
	return slot.Ceiling(r.p.Clock.Now().Sub(r.closedAt))
}
