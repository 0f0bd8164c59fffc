package sensor

import (
	"errors"
	"time"
)

// errLook ends a run whose source is missing: a sealed process cannot open a device that has come back, a new one can.
var errLook = errors.New("sensor: a source is missing: looking for it again")

// lookAfter is how long after the word that a source is missing the process is started anew to look for it; the last
// goes on for ever.
var lookAfter = [...]time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}

// steady is how long a run must have had all its sources for the next look to be a first one again.
const steady = 10 * time.Minute

// look decides when to look for a missing source again. Time is the watcher's clock's.
type look struct {
	looks int       // in vain so far
	begun time.Time // of this run
	next  time.Time // zero: nothing is missing
}

func (l *look) begin(now time.Time) { l.begun, l.next = now, time.Time{} }

// missing takes note that a source of this run has failed, or was never there.
func (l *look) missing(now time.Time) {
	if !l.next.IsZero() {
		return
	}
	if now.Sub(l.begun) >= steady {
		l.looks = 0
	}
	l.next = now.Add(lookAfter[min(l.looks, len(lookAfter)-1)])
	l.looks++
}

func (l *look) due(now time.Time) bool { return !l.next.IsZero() && !now.Before(l.next) }
