package alarm

import (
	"time"

	"subrosa/firmware/finding"
)

// change makes a new version. The first after a restart is the time in milliseconds since 1970: while journal and
// state file fail together, versions that no file knows of may have been delivered, and this is above them.
func (tr *track) change(now time.Time, what What) Change {
	tr.Dirty = false
	tr.Alarm.Version++
	if tr.Jump {
		tr.Jump = false
		tr.Alarm.Version = max(tr.Alarm.Version, uint64(max(0, now.UnixMilli())))
	}
	tr.Alarm.Finding, tr.Alarm.Merged = tr.Finding, tr.Merged
	tr.Alarm.Changed, tr.Touched = now.UTC().Round(0), now
	return Change{what, tr.Alarm.clone()}
}

// distance of key from the nearest of the alarm's.
func (tr *track) distance(key Key) (nearest float64, ok bool) {
	for _, own := range tr.Keys {
		if d, near := own.distance(key); near && (!ok || d < nearest) {
			nearest, ok = d, true
		}
	}
	return nearest, ok
}

// improve takes over the figures of a stronger appearance, or better ones of the same.
func (tr *track) improve(f finding.Finding, key Key) {
	a := &tr.Finding
	if _, own := tr.Keys[0].distance(key); !own || f.ID != a.ID && f.SNRDB < a.SNRDB {
		return
	}
	g := f.Rounded()
	g.ID, g.Start, g.End = a.ID, a.Start, a.End
	*a = g
}

// clone shares nothing with a that the tracker will write to.
func (a Alarm) clone() Alarm {
	if a.Ack != nil {
		ack := *a.Ack
		a.Ack = &ack
	}
	if a.Finding.End != nil {
		end := *a.Finding.End
		a.Finding.End = &end
	}
	return a
}

// Recorded reports whether the alarm is in the journal. One that is not is shown, but it is not raised in the
// sense of the record, see Book.
func (a *Alarm) Recorded() bool { return !a.Raised.IsZero() }
