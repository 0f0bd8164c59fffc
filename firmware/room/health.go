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
	"subrosa/firmware/report"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
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
	case errors.Is(err, errDeaf):
		c.Note = err.Error()
		r.raise(part, detect.CoverageLoss, "sound")
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
	for _, kind := range []detect.Kind{detect.SensorDead, detect.SensorTamper, detect.CoverageLoss} {
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
