package sensor

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

// full is a control pipe that nobody reads.
type full struct{ deadline time.Time }

func (f *full) SetWriteDeadline(t time.Time) error { f.deadline = t; return nil }
func (f *full) Write([]byte) (int, error)          { return 0, os.ErrDeadlineExceeded }

// TestControlThatIsNotRead: a sensor that does not read what it is told cannot hold the room unit up; it is tampering.
func TestControlThatIsNotRead(t *testing.T) {
	f := &full{}
	err := (&line{control: f}).send(sense.Control{Verb: 'S'})
	if !errors.Is(err, ErrGrammar) {
		t.Errorf("got %v, want it told as tampering", err)
	}
	if d := time.Until(f.deadline); d <= 0 || d > answerWithin {
		t.Errorf("a deadline in %v, want at most %v", d, answerWithin)
	}
	var _ io.Writer = f
}

// TestWhatCannotBeKeptIsNotSaid: as long as the windows cannot be saved, no urgent slot may be filled: a restart would
// forget it.
func TestWhatCannotBeKeptIsNotSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{}
		var lefts []int
		w := watch(&fake{say: func(_, _ int, c sense.Control) []byte {
			if c.Verb == 'U' {
				lefts = append(lefts, c.Left)
			}
			return s.answer(c)
		}})
		disk := errors.New("no space left")
		begun := time.Now()
		w.Events.Spoken = func(*slot.Meter) error {
			if time.Since(begun) < time.Minute {
				return disk
			}
			return nil
		}
		w.run(t, 2*time.Minute)
		if lefts[0] != 0 || lefts[60] != 0 || lefts[len(lefts)-1] == 0 {
			t.Errorf("left %d at first, %d after half a minute, %d at the end; want none until it can be kept", lefts[0], lefts[60], lefts[len(lefts)-1])
		}
	})
}

// TestRoomUnitThatRestarts: what a room unit that is started again and again lets through is no more than one that runs.
func TestRoomUnitThatRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, err := json.Marshal(slot.New())
		if err != nil {
			t.Fatal(err)
		}
		statuses, urgent := 0, 0
		var starts []time.Time
		for begun := time.Now(); time.Since(begun) < 5*time.Minute; {
			s := &teller{}
			for range 100 {
				s.news = append(s.news, gone(1))
			}
			f := &fake{say: func(_, _ int, c sense.Control) []byte {
				b := s.answer(c)
				if c.Verb == 'S' {
					statuses++
				} else if [record.Size]byte(b) != [record.Size]byte{} {
					urgent++
				}
				return b
			}}
			w := watch(f)
			w.Meter = slot.New()
			if err := json.Unmarshal(kept, w.Meter); err != nil {
				t.Fatal(err)
			}
			w.Events.Spoken = func(m *slot.Meter) error {
				var err error
				kept, err = json.Marshal(m)
				return err
			}
			w.run(t, 3*time.Second)
			starts = append(starts, f.began...)
		}
		if most := 5*int(time.Minute/slot.StatusEvery) + 5; statuses > most || urgent > 5*slot.PerMinute {
			t.Errorf("%d statuses and %d urgent records in five minutes, want at most %d and %d", statuses, urgent, most, 5*slot.PerMinute)
		}
		for i := 1; i < len(starts); i++ {
			if d := starts[i].Sub(starts[i-1]); d < restartEvery {
				t.Errorf("started again after %v", d)
			}
		}
		if len(starts) < 3 {
			t.Errorf("%d starts in five minutes", len(starts))
		}
	})
}
