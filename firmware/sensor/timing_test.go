package sensor

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

// TestTimingSaysNothing: a sensor that answers and ends whenever it likes is heard at ticks only.
func TestTimingSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		var s *teller
		f := &fake{exits: errExit, say: func(run, poll int, c sense.Control) []byte {
			if poll == 1 {
				s = &teller{news: []record.Record{appeared(1), gone(1), appeared(2)}}
			}
			time.Sleep(time.Duration(r.IntN(490)) * time.Millisecond)
			if poll == 20+run {
				return bye
			}
			return s.answer(c)
		}}
		w := watch(f)
		begun := time.Now()
		heard := 0
		onTick := func(what string) {
			heard++
			if at := time.Since(begun); at%slot.UrgentEvery != 0 {
				t.Errorf("%s at %v, which is no tick", what, at)
			}
		}
		w.Events.Found = func(finding.Finding) { onTick("found") }
		w.Events.Status = func(record.Status) { onTick("status") }
		w.Events.Ended = func(End) { onTick("ended") }
		w.run(t, 10*time.Minute)
		time.Sleep(2 * time.Second) // what still answers comes to its end
		if heard < 40 {
			t.Errorf("heard %d times, want it to be a talkative sensor", heard)
		}
	})
}

// TestBeingLateCosts: each tick without an answer fills a slot; with none left the run is over.
func TestBeingLateCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{}
		w := watch(&fake{say: func(_, poll int, c sense.Control) []byte {
			if poll == 5 || poll == 9 {
				time.Sleep(1700 * time.Millisecond) // three ticks
			}
			return s.answer(c)
		}})
		w.run(t, 15*time.Second)
		time.Sleep(2 * time.Second) // what still answers comes to its end
		if got, want := w.Meter.Left(time.Now().Add(-2*time.Second), false), slot.PerMinute-2-6; got != want {
			t.Errorf("%d slots left after the start and six late ticks, want %d", got, want)
		}
		if len(w.ends) != 0 {
			t.Errorf("it ended: %v", w.ends)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &teller{}
		w := watch(&fake{say: func(_, poll int, c sense.Control) []byte {
			time.Sleep(700 * time.Millisecond) // always a tick late
			return s.answer(c)
		}})
		w.run(t, 30*time.Second)
		time.Sleep(2 * time.Second) // what still answers comes to its end
		if len(w.ends) != 1 || w.ends[0].OK {
			t.Errorf("a sensor that is always late ended %d times, want it given up once it has no slots", len(w.ends))
		}
	})
}
