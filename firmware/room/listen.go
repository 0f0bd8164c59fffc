package room

import (
	"context"
	"errors"
	"fmt"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/sensor"
	"subrosa/firmware/slot"
)

// found takes a finding of the sensor: an alarm goes to the book, information is counted.
func (r *Room) found(f finding.Finding) {
	if f.Open() {
		r.findings[f.ID] = true
		r.figures.found(f)
	} else {
		if !r.findings[f.ID] {
			r.figures.found(f) // over before its turn
		}
		delete(r.findings, f.ID)
	}
	f.Coverage = r.coverageLine(f.Sense, f.Coverage)
	if !f.Alarm {
		r.p.Log.Info("finding", "kind", f.Kind, "name", f.Name, "open", f.Open())
		return
	}
	r.p.Book.Observe(context.Background(), f)
}

// ended takes note that a run of the sensor is over. What it held open ends: whether it lasts is not known until it is
// found again.
func (r *Room) ended(e sensor.End) {
	for id := range r.findings {
		r.p.Book.End(context.Background(), id)
	}
	clear(r.findings)
	r.sweep.lost()
	r.silence()
	r.forgetTest()
	r.heardAt = r.p.Clock.Now()
	r.append("sensor.ended", map[string]any{"ok": e.OK, "looking": e.Look, "tampered": errors.Is(e.Err, sensor.ErrGrammar)})
	r.check("sensor-process", "run", e.Err)
	if r.learning.State == "learning" {
		r.append("baseline.aborted", map[string]any{"progress": r.learning.Progress})
		r.learning = r.ready()
		r.report("baseline", r.learning)
	}
	r.learnEnd, r.discard = time.Time{}, false
}

// silence takes note that nothing is known of what the sensor sees.
func (r *Room) silence() {
	if !r.statusAt.IsZero() {
		r.status, r.statusAt = record.Status{}, time.Time{}
		r.cover(r.status)
	}
}

// failing takes the sensor's word that it, or a source of it, is about to end.
func (r *Room) failing(c record.Cause) {
	r.p.Log.Warn("sensor", "cause", c)
	r.append("sensor.failing", map[string]any{"cause": c.String()})
	switch c {
	case record.SoundFailed:
		r.check("microphone", "source", errNoSamples)
	case record.RadioFailed:
		r.check("receiver", "source", errNoSamples)
	}
}

// merged takes the count of findings that got no record of their own.
func (r *Room) merged(kind detect.Kind, n int) {
	r.p.Log.Warn("findings merged", "kind", kind, "count", n)
	r.append("findings.merged", map[string]any{"kind": kind, "count": n})
	r.figures.merged[kind] += n
}

// heard takes a status of the sensor.
func (r *Room) heard(s record.Status) {
	now := r.p.Clock.Now()
	r.status, r.statusAt, r.heardAt = s, now, now
	r.statuses++
	r.check("sensor-process", "run", nil)
	if s.Health&record.Restart == 0 { // the first status may come before the first sample
		r.sourceCheck("microphone", r.p.Sound.Present, s.Health, record.SoundOn, record.SoundDead)
		r.sourceCheck("receiver", r.p.Radio.Present, s.Health, record.RadioOn, record.RadioDead)
	}
	l := report.Levels{Thirds: []report.Third{}, Bands: []report.Band{}, Open: s.Open}
	for i, v := range s.Thirds {
		if v == v {
			l.Thirds = append(l.Thirds, report.Third{Hz: record.Thirds[i], DB: v})
		}
	}
	for i, v := range s.Bands {
		if v == v {
			l.Bands = append(l.Bands, report.Band{Name: r.bandName(i), DB: v})
		}
	}
	r.report("levels", l)
	r.cover(s)
	r.looked(s, now)
	r.tested(s, now)
}

var (
	errNoSamples   = errors.New("no samples arrive")
	errDeadSamples = errors.New("nothing but exact silence")
)

func (r *Room) sourceCheck(part string, present bool, health uint16, on, dead uint16) {
	switch {
	case !present:
	case health&on == 0:
		r.check(part, "status", errNoSamples)
	case health&dead != 0:
		r.check(part, "status", errDeadSamples)
	default:
		r.check(part, "status", nil)
		r.check(part, "source", nil)
	}
}

// bandName names one of the equal parts of the receiver's span by its middle, MHz.
func (r *Room) bandName(i int) string {
	w := (r.p.Radio.HiHz - r.p.Radio.LoHz) / record.Bands
	return fmt.Sprintf("%.2f MHz", (r.p.Radio.LoHz+w*(float64(i)+0.5))/1e6)
}

// spoken keeps the windows of the slots. The sensor's watcher calls it from its own goroutine and waits: the next
// record is not asked for before this one is noted.
func (r *Room) spoken(m *slot.Meter) error {
	bits := m.Bits(r.p.Clock.Now())
	err := r.p.State.Save("slots", m)
	r.post(func() {
		r.bits = bits
		r.check("state", "slots", err)
	})
	return err
}
