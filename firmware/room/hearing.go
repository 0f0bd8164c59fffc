package room

import (
	"context"
	"errors"
	"time"

	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
)

// Speaker plays the sweep of the self-test. Play returns when it has been played, or broken off because ctx ended.
type Speaker interface {
	Play(ctx context.Context, c sense.Chirp) error
}

// hearing is how far the room is with proving that its microphone hears: the sensor is told to listen, the sweep is
// played, and a whole status after that shows what was heard. A sweep is never played in a confidential session.
type hearing struct {
	step             testStep
	at               time.Time // of the step
	due              time.Time // of the next test; zero: none is wanted
	tries            int       // that told nothing since the test was wanted
	proven           bool      // since the session was begun or lately before, or since the unit was
	provenAt, inTime time.Time // when it was proven last; the plan for which it was proven in time
	stop             context.CancelFunc
}

type testStep uint8

const (
	quiet     testStep = iota
	announced          // the sensor is told
	playing
	played // the status that counts has not come yet
)

const (
	announceFor = 600 * time.Millisecond           // until the sensor has surely been told
	settleFor   = slot.StatusEvery + 6*time.Second // from the sweep on until a status knows of nothing before its verdict
	maxTries    = 6                                // before the next test that is wanted for a reason
)

// again is how long after a test that told nothing the next one follows.
var again = [...]time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}

var errDeaf = errors.New("the microphone does not hear the unit's test sound")

// mayPlay tells whether the room may hear a sweep now.
func (r *Room) mayPlay() bool {
	switch r.p.Machine.State() {
	case session.Open, session.Planned, session.Handover, session.Sweep, session.Arming:
		return true
	}
	return false
}

// want asks for a test at a time.
func (r *Room) want(at time.Time) {
	r.hearing.due, r.hearing.tries = at, 0
}

// testBefore wants a test when a session is begun; what was proven before does not count for it. On the way into a
// confidential state a sweep is broken off.
func (r *Room) testBefore(to session.State) {
	if r.p.Speaker == nil {
		return
	}
	if to == session.Handover && !r.freshHearing(r.p.Clock.Now()) {
		r.hearing.proven = false
		r.want(r.p.Clock.Now())
	}
	if !r.mayPlay() && r.hearing.stop != nil {
		r.hearing.stop()
	}
}

// forgetTest takes note that the sensor that knew of a test is gone.
func (r *Room) forgetTest() {
	if r.p.Speaker == nil {
		return
	}
	if r.hearing.stop != nil {
		r.hearing.stop()
	}
	if r.hearing.proven = false; r.hearing.step != playing {
		r.hearing.step = quiet
	}
	r.hearing.due, r.hearing.at, r.hearing.tries = time.Time{}, time.Time{}, 0 // as at the start: once samples arrive
}

// test does what is due of the self-test.
func (r *Room) test(now time.Time) {
	h := &r.hearing
	if r.p.Speaker == nil || !r.p.Sound.Present {
		return
	}
	r.proveInTime(now)
	switch h.step {
	case quiet:
		hears := !r.statusAt.IsZero() && r.status.Health&record.SoundOn != 0 && r.status.Health&record.Restart == 0
		if !h.proven && h.due.IsZero() && hears && h.at.IsZero() { // the first of all
			r.want(now)
		}
		if h.due.IsZero() || now.Before(h.due) || !hears || !r.mayPlay() || !r.learnEnd.IsZero() {
			return
		}
		h.due = time.Time{}
		h.step, h.at = announced, now
		r.p.Sensor.Chirp(r.p.Chirp)
	case announced:
		if now.Sub(h.at) >= announceFor {
			r.play(now)
		}
	}
}

// play lets the sweep be heard, beside the room's own goroutine.
func (r *Room) play(now time.Time) {
	h := &r.hearing
	if !r.mayPlay() {
		h.step = quiet
		r.p.Sensor.Chirp(sense.Chirp{})
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	h.step, h.at, h.stop = playing, now, stop
	go func() {
		err := r.p.Speaker.Play(ctx, r.p.Chirp)
		stop()
		r.post(func() { r.wasPlayed(err) })
	}()
}

func (r *Room) wasPlayed(err error) {
	h := &r.hearing
	h.stop, h.at, h.step = nil, r.p.Clock.Now(), played
	if err == nil {
		return
	}
	h.step = quiet
	r.p.Log.Warn("self-test was not played", "err", err)
	r.p.Sensor.Chirp(sense.Chirp{})
	r.append("selftest.unplayed", map[string]any{})
	r.repeat()
}

// repeat wants the test again after one that told nothing.
func (r *Room) repeat() {
	h := &r.hearing
	if h.tries++; h.tries < maxTries {
		h.due = r.p.Clock.Now().Add(again[min(h.tries-1, len(again)-1)])
	} else if r.p.SelfTest > 0 {
		r.want(r.p.Clock.Now().Add(r.p.SelfTest))
	}
}

// tested reads the verdict of a test out of the coverage: All of each part that the sweep crosses is proven to be heard;
// Most is not proven, because something else was too loud; less is deaf.
func (r *Room) tested(s record.Status, now time.Time) {
	h := &r.hearing
	if h.step != played || now.Sub(h.at) < settleFor || s.Health&record.SoundOn == 0 || s.Health&record.SoundGap != 0 {
		return
	}
	h.step = quiet
	share := record.All
	for _, p := range []struct {
		part   int
		lo, hi int
	}{{record.Audible, 0, 15_000}, {record.Ultrasonic, 15_000, 20_000}, {record.Ultrasonic2, 20_000, 24_000}, {record.Ultrasonic3, 24_000, 48_000}} {
		if least := (p.hi - p.lo) * 3 / 4; min(r.p.Chirp.HiHz, p.hi)-max(r.p.Chirp.LoHz, p.lo) >= least {
			share = min(share, s.Coverage[p.part])
		}
	}
	h.proven, h.provenAt = share == record.All, time.Time{}
	r.append("selftest.done", map[string]any{"heard": h.proven, "share": share})
	switch {
	case h.proven:
		h.provenAt = now
		r.check("microphone", "test", nil)
		if r.p.SelfTest > 0 {
			r.want(now.Add(r.p.SelfTest))
		}
		return
	case share < record.Most:
		r.check("microphone", "test", errDeaf)
	}
	r.repeat()
}
