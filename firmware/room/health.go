package room

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// report sends one of the unit's own states.
func (r *Room) report(what string, v any) {
	name := map[string]func(string) string{"health": topic.Health, "coverage": topic.Coverage, "levels": topic.Levels,
		"baseline": topic.BaselineReported}[what](r.p.Unit)
	r.check("outbox", what, r.p.Site.Report(name, v))
}

// fault is trouble with a part, told apart by who found it: what one finds in order must not hide what another finds
// broken.
type fault struct{ part, by string }

// fault returns what is wrong with a part, nil if nothing is known.
func (r *Room) fault(part string) (err error) {
	first := ""
	for k, e := range r.faults {
		if k.part == part && (err == nil || k.by < first) {
			first, err = k.by, e
		}
	}
	return err
}

// check notes what by found about a part, nil when it works. part is a published name of sensor-dead. Trouble raises a
// health alarm, once; its end clears it.
func (r *Room) check(part, by string, err error) {
	if err != nil {
		r.faults[fault{part, by}] = err
	} else {
		delete(r.faults, fault{part, by})
	}
	err = r.fault(part)
	c := r.checks[part]
	if c == nil {
		c = &report.Check{Name: part, OK: true, Since: r.p.Clock.Now()}
		r.checks[part] = c
	}
	if c.OK != (err == nil) {
		c.OK, c.Since = err == nil, r.p.Clock.Now()
	}
	switch {
	case err == nil:
		c.Note = ""
		r.clear(part)
	case errors.Is(err, sensor.ErrGrammar):
		c.Note = err.Error()
		r.raise(part, detect.SensorTamper, "grammar")
	default:
		c.Note = err.Error()
		r.raise(part, detect.SensorDead, part)
	}
}

// raise raises the health alarm of a part, unless it stands.
func (r *Room) raise(part string, kind detect.Kind, name string) {
	key := part + "/" + kind.String()
	if _, told := r.troubles[key]; told {
		return
	}
	now := r.p.Clock.Now()
	r.p.Log.Warn("health", "part", part, "err", r.fault(part))
	f := finding.Finding{ID: finding.NewID(now, r.p.Rand), Kind: kind, Name: name, Alarm: true, Sense: detect.Health,
		Side: finding.Unknown, Start: now, Coverage: r.coverageLine(detect.Health, ""), Cause: finding.CauseOf(kind, name, 0)}
	r.troubles[key] = f.ID
	r.p.Book.Observe(context.Background(), f)
}

// clear ends the health alarms of a part.
func (r *Room) clear(part string) {
	for _, kind := range []detect.Kind{detect.SensorDead, detect.SensorTamper} {
		key := part + "/" + kind.String()
		if id, told := r.troubles[key]; told {
			delete(r.troubles, key)
			r.p.Book.End(context.Background(), id)
		}
	}
}

// Health is told by the alarm book when a part of it fails and, with nil, when it works again.
func (r *Room) Health(part string, err error) {
	r.post(func() { r.check(healthName(part), "book", err) })
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
	var err error
	if now.Sub(r.heardAt) > silentAfter {
		err = errSilent
		r.silence()
	}
	r.check("sensor-process", "silence", err)
	st := r.p.Site.Status()
	err = nil
	if !st.Connected && now.Sub(st.Since) > brokerAfter {
		err = errBroker
		if st.Err != nil {
			err = st.Err
		}
	}
	r.check("broker", "link", err)
	r.check("outbox", "disk", st.Disk)
	for flag, on := range map[session.Flag]bool{session.Degraded: len(r.faults) > 0, session.Unsealed: r.p.Unsealed} {
		if r.session.Has(flag) != on {
			r.must(session.SetFlag(flag, on))
		}
	}
	r.sendHealth()
}

var (
	errSilent = errors.New("the sensor is silent")
	errBroker = errors.New("the broker cannot be reached")
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
	v := wall.View{At: now, Room: r.p.Name, Session: r.session, Proposal: r.proposal,
		Sensor: wall.Sensor{BitsLastHour: int64(r.bits), BitsCeiling: int64(r.ceiling())},
		Unit:   wall.Unit{ID: r.p.Unit, Software: r.p.Software, MQTT: wall.LinkDown, Outbox: r.p.Site.Status().Queued}}
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
}

// ceiling is what the sensor may have said in the last hour at most, bits.
func (r *Room) ceiling() int {
	if !r.p.Machine.State().Confidential() {
		return slot.Ceiling(0)
	}
	return slot.Ceiling(r.p.Clock.Now().Sub(r.closedAt))
}
