package room

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// horn is a loudspeaker that counts, and plays until let go if it is held.
type horn struct {
	mu    sync.Mutex
	plays int
	err   error
	held  bool
	cut   bool
}

func (s *horn) Play(ctx context.Context, _ sense.Chirp) error {
	s.mu.Lock()
	s.plays++
	err, held := s.err, s.held
	s.mu.Unlock()
	if held {
		<-ctx.Done()
		s.mu.Lock()
		s.cut = true
		s.mu.Unlock()
		return ctx.Err()
	}
	return err
}

func (s *horn) played() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plays
}

func withHorn(t *testing.T) (*house, *horn) {
	h, s := build(t), &horn{}
	h.p.Speaker, h.p.Chirp = s, sense.Chirp{LoHz: 2000, HiHz: 23_280, Millis: 1000, LevelDB: -20}
	return h, s
}

// hears lets time pass with a sensor whose statuses have the given share of what the sweep crosses.
func (h *house) hears(d time.Duration, share record.Share, s *horn) {
	for end := h.clock.now.Add(d); h.clock.now.Before(end); h.clock.now = h.clock.now.Add(tickEvery) {
		if h.clock.now.Sub(epoch)%(16*time.Second) == 0 {
			st := good()
			for _, part := range []int{record.Audible, record.Ultrasonic, record.Ultrasonic2} {
				st.Coverage[part] = share
			}
			h.p.Sensor.Events.Status(st)
		}
		h.work()
		h.tick(context.Background())
		for h.hearing.step == playing && !s.held { // its end is posted by another goroutine
			runtime.Gosched()
			h.work()
		}
	}
}

func TestSelfTestProves(t *testing.T) {
	h, s := withHorn(t)
	h.hears(time.Minute, record.All, s)
	if !h.hearing.proven || s.played() != 1 || !slices.Contains(h.entries(), "selftest.done") {
		t.Errorf("proven %v after %d sweeps", h.hearing.proven, s.played())
	}
	h.hears(10*time.Minute, record.All, s)
	if s.played() != 1 {
		t.Errorf("%d sweeps without a reason", s.played())
	}
	h.p.Sensor.Events.Ended(sensor.End{OK: true, Look: true})
	h.hears(time.Minute, record.All, s)
	if s.played() != 2 || !h.hearing.proven {
		t.Errorf("%d sweeps after the microphone was looked for, proven %v", s.played(), h.hearing.proven)
	}
	h.p.SelfTest = 3 * time.Minute
	h.want(h.clock.now)
	h.hears(12*time.Minute, record.All, s)
	if n := s.played() - 2; n < 3 || n > 5 {
		t.Errorf("%d sweeps in twelve minutes of tests every three", n)
	}
}

// TestSelfTestBeforeSession: arming waits for it, and none is heard in the closed session.
func TestSelfTestBeforeSession(t *testing.T) {
	h, s := withHorn(t)
	h.hears(12*time.Minute, record.All, s) // longer ago than counts
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.hears(10*time.Second, record.Most, s) // too loud
	h.hears(time.Minute, record.Most, s)
	if h.session.State != session.Arming || !slices.Contains(h.session.Unproven(), "microphone-proven") || s.played() < 2 {
		t.Fatalf("%s, unproven %v, %d sweeps", h.session.State, h.session.Unproven(), s.played())
	}
	h.hears(2*time.Minute, record.All, s)
	if h.session.State != session.Closed {
		t.Fatalf("%s, unproven %v", h.session.State, h.session.Unproven())
	}
	n := s.played()
	h.p.SelfTest = time.Minute
	h.want(h.clock.now)
	h.hears(10*time.Minute, record.All, s)
	if s.played() != n {
		t.Errorf("%d sweeps in a closed session", s.played()-n)
	}
}

// TestSweepIsBrokenOff: when the room is closed over an unproven point.
func TestSweepIsBrokenOff(t *testing.T) {
	h, s := withHorn(t)
	s.held = true
	h.hears(20*time.Second, record.All, s)
	if s.played() != 1 || h.hearing.step != playing {
		t.Fatalf("%d sweeps", s.played())
	}
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.hears(40*time.Second, record.All, s)
	if err := h.order(wall.Order{Act: wall.Confirm, Role: session.Chair, Reason: session.OverrideReasons[0]}); err != nil {
		t.Fatal(err)
	}
	if h.session.State != session.Closed {
		t.Fatalf("%s", h.session.State)
	}
	for h.hearing.step == playing {
		runtime.Gosched()
		h.work()
	}
	if !s.cut {
		t.Error("the sweep goes on in the closed session")
	}
}

func TestDeafMicrophoneIsCoverageLoss(t *testing.T) {
	h, s := withHorn(t)
	h.hears(time.Minute, record.None, s)
	as := h.alarms(detect.CoverageLoss)
	if len(as) != 1 || as[0].Finding.Name != "sound" || h.hearing.proven {
		t.Fatalf("alarms %+v, proven %v", as, h.hearing.proven)
	}
	h.hears(10*time.Minute, record.All, s)
	if !h.hearing.proven || len(h.troubles) != 0 {
		t.Errorf("proven %v, troubles %v", h.hearing.proven, h.troubles)
	}
}

// TestMaskedIsTriedAgain, more and more seldom, and not for ever.
func TestMaskedIsTriedAgain(t *testing.T) {
	h, s := withHorn(t)
	h.hears(25*time.Minute, record.Most, s)
	if s.played() != maxTries || h.hearing.proven || len(h.alarms(detect.CoverageLoss)) != 0 {
		t.Errorf("%d sweeps, proven %v", s.played(), h.hearing.proven)
	}
}

// TestSweepThatWasNotPlayed proves nothing and says nothing against the microphone.
func TestSweepThatWasNotPlayed(t *testing.T) {
	h, s := withHorn(t)
	s.err = errors.New("no such device")
	h.hears(20*time.Minute, record.All, s)
	if h.hearing.proven || s.played() != maxTries || len(h.alarms(detect.CoverageLoss)) != 0 || !slices.Contains(h.entries(), "selftest.unplayed") {
		t.Errorf("%d sweeps, proven %v", s.played(), h.hearing.proven)
	}
}
