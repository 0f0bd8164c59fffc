package room

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

func topicSession(room string) string { return topic.SessionReported(room) }

// report sends one of the unit's own states; what fails is the outbox's health.
func (r *Room) report(what string, v any) {
	name := map[string]func(string) string{"health": topic.Health, "coverage": topic.Coverage, "levels": topic.Levels,
		"baseline": topic.BaselineReported}[what](r.p.Unit)
	if err := r.p.Shadow.Report(name, v); err != nil {
		r.p.Log.Warn("report", "what", what, "err", err)
	}
}

// check notes whether a part works. Trouble raises a health alarm, once; its end clears it.
func (r *Room) check(part string, err error) {
	c := r.checks[part]
	if c == nil {
		c = &report.Check{Name: part, OK: true, Since: r.p.Clock.Now()}
		r.checks[part] = c
	}
	if c.OK != (err == nil) {
		c.OK, c.Since = err == nil, r.p.Clock.Now()
	}
	c.Note = ""
	if err != nil {
		c.Note = err.Error()
	}
	if err == nil {
		r.clear(part)
	} else if _, told := r.troubles[part]; !told {
		r.p.Log.Warn("health", "part", part, "err", err)
		f := finding.Finding{ID: finding.NewID(r.p.Clock.Now(), r.p.Rand), Kind: detect.SensorDead, Name: part, Alarm: true,
			Sense: detect.Health, Side: finding.Unknown, Start: r.p.Clock.Now()}
		f.Cause = finding.CauseOf(f.Kind, f.Name, 0)
		r.troubles[part] = f.ID
		r.p.Book.Observe(context.Background(), f)
	}
}

// clear ends the health alarm of a part.
func (r *Room) clear(part string) {
	if id, told := r.troubles[part]; told {
		delete(r.troubles, part)
		r.p.Book.End(context.Background(), id)
	}
}

// ok reports whether a part is not known to be in trouble.
func (r *Room) ok(part string) bool { c := r.checks[part]; return c == nil || c.OK }

// Health is told by the alarm book and others when a part fails and, with nil, when it works again.
func (r *Room) Health(part string, err error) {
	r.post(func() { r.check(healthName(part), err) })
}

// healthName maps the parts of the alarm book to published names.
func healthName(part string) string {
	if _, ok := detect.SensorDead.NameIndex(part); ok {
		return part
	}
	return map[string]string{"sink": "outbox", "finding": "unknown"}[part]
}

// watch looks after what does not speak up by itself.
func (r *Room) watch(now time.Time) {
	since := r.statusAt
	if since.IsZero() {
		since = r.begun
	}
	var err error
	if now.Sub(since) > silentAfter {
		err = errSilent
	}
	r.check("sensor-process", err)
	st := r.p.Shadow.Status()
	err = nil
	if !st.Connected && now.Sub(st.Since) > brokerAfter {
		err = errBroker
		if st.Err != nil {
			err = st.Err
		}
	}
	r.check("broker", err)
	if st.Disk != nil {
		r.check("outbox", st.Disk)
	}
	degraded := false
	for _, c := range r.checks {
		degraded = degraded || !c.OK
	}
	for flag, on := range map[session.Flag]bool{session.Degraded: degraded, session.Unsealed: true} {
		if r.session.Has(flag) != on {
			if err := r.apply(session.SetFlag(flag, on)); err != nil {
				r.p.Log.Error("session", "err", err)
			}
		}
	}
	r.sendHealth()
}

type plainError string

func (e plainError) Error() string { return string(e) }

const (
	errSilent = plainError("the sensor is silent")
	errBroker = plainError("the broker cannot be reached")
)

// sendHealth reports health when it has changed.
func (r *Room) sendHealth() {
	h := report.Health{OK: true, Checks: []report.Check{}, Restarts: r.p.Sensor.Restarts()}
	for _, c := range r.checks {
		h.Checks = append(h.Checks, *c)
		h.OK = h.OK && c.OK
	}
	slices.SortFunc(h.Checks, func(a, b report.Check) int { return strings.Compare(a.Name, b.Name) })
	h.BitsLastHour, h.BitsCeiling = r.bits, r.ceiling()
	b, err := json.Marshal(h)
	if err != nil || string(b) == r.healthSent {
		return
	}
	r.healthSent = string(b)
	r.report("health", h)
}

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

// coverageLine says in one line what was looked at and what cannot be seen.
func (r *Room) coverageLine(s detect.Sense) string {
	st := Stream{}
	switch s {
	case detect.Acoustic:
		st = r.p.Sound
	case detect.Radio:
		st = r.p.Radio
	default:
		return "self-test"
	}
	line := "looked at: " + span(st.LoHz, st.HiHz)
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
	v := wall.View{At: now, Room: r.p.Name, Session: r.session, Proposal: r.proposal,
		Sensor: wall.Sensor{BitsLastHour: int64(r.bits), BitsCeiling: int64(r.ceiling())},
		Unit:   wall.Unit{ID: r.p.Unit, Software: r.p.Software, MQTT: wall.LinkDown, Outbox: r.p.Shadow.Status().Queued}}
	if r.p.Shadow.Status().Connected {
		v.Unit.MQTT = wall.LinkUp
	}
	v.Alarms = r.p.Book.Alarms()
	slices.Reverse(v.Alarms)
	fresh := !r.statusAt.IsZero() && now.Sub(r.statusAt) < silentAfter
	add := func(name wall.Text, st Stream, share record.Share) {
		c := wall.Coverage{Sense: name}
		for _, slug := range st.Cannot {
			c.Cannot = append(c.Cannot, wall.Text(report.CannotText(slug)))
		}
		if st.Present && fresh {
			c.Share, c.Sees = int(share), wall.Text{DE: spanDE(st.LoHz, st.HiHz), EN: span(st.LoHz, st.HiHz)}
		}
		v.Coverage = append(v.Coverage, c)
	}
	add(wall.Text{DE: "Schall", EN: "Sound"}, r.p.Sound, r.status.Coverage[record.Ultrasonic])
	add(wall.Text{DE: "Funk", EN: "Radio"}, r.p.Radio, r.status.Coverage[record.Radio])
	add(wall.Text{DE: "WLAN und Bluetooth", EN: "Wi-Fi and Bluetooth"}, Stream{Cannot: []string{"not-in-version"}}, record.None)
	r.p.Wall.Update(v)
}

// ceiling is what the sensor may have said in the last hour at most, bits.
func (r *Room) ceiling() int {
	if !r.p.Machine.State().Confidential() {
		return slot.Ceiling(0)
	}
	return slot.Ceiling(r.p.Clock.Now().Sub(r.closedAt))
}
