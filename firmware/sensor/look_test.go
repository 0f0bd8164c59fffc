package sensor

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

// TestLook: while a source is missing the process is started anew after 1, 2, 5 and then every 10 minutes; no longer
// when it is back; and from the beginning when it has been there for a while.
func TestLook(t *testing.T) {
	tests := []struct {
		name   string
		cause  record.Cause
		gone   func(run int) time.Duration // after how much of a run the source fails; below 0: never
		for_   time.Duration
		starts []float64 // minutes
	}{
		{"never there", record.SoundFailed, func(int) time.Duration { return 0 }, 40 * time.Minute, []float64{0, 1, 3, 8, 18, 28, 38}},
		{"receiver", record.RadioFailed, func(int) time.Duration { return 0 }, 10 * time.Minute, []float64{0, 1, 3, 8}},
		{"back at the third look", record.SoundFailed, func(run int) time.Duration {
			if run < 4 {
				return 0
			}
			return -1
		}, 3 * time.Hour, []float64{0, 1, 3, 8}},
		{"pulled out twice, long apart", record.SoundFailed, func(run int) time.Duration {
			return map[int]time.Duration{1: 30 * time.Minute, 2: 0, 3: time.Hour, 4: -1}[run]
		}, 3 * time.Hour, []float64{0, 31, 33, 94}},
		{"a loose plug", record.SoundFailed, func(int) time.Duration { return time.Minute }, 30 * time.Minute, []float64{0, 2, 5, 11, 22}},
		{"a programming error is not looked for", record.Panicked, func(int) time.Duration { return 0 }, time.Hour, []float64{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *teller
				var began time.Time
				polled := map[bool][]time.Time{}
				f := &fake{say: func(run, poll int, c sense.Control) []byte {
					if poll == 1 {
						s, began = &teller{}, time.Now()
					}
					if after := tt.gone(run); c.Verb == 'U' && after >= 0 && time.Since(began) >= after {
						s.news, began = []record.Record{{Type: record.Dying, Cause: tt.cause}}, began.Add(1000*time.Hour)
					}
					polled[c.Verb == 'U'] = append(polled[c.Verb == 'U'], time.Now())
					return s.answer(c)
				}}
				w := watch(f)
				t0 := time.Now()
				w.run(t, tt.for_)
				var starts []float64
				for _, b := range f.began {
					starts = append(starts, b.Sub(t0).Round(30*time.Second).Minutes())
				}
				if !slices.Equal(starts, tt.starts) {
					t.Errorf("started after minutes %v, want %v", starts, tt.starts)
				}
				for _, e := range w.ends {
					if !e.OK || !e.Look || e.Err != nil {
						t.Errorf("an end of %+v, want one that was ordered", e)
					}
				}
				if f.killed > 1 { // at the end of the test
					t.Errorf("%d were killed", f.killed)
				}
				within(t, polled)
			})
		})
	}
}

// within checks that no restart made a slot come early.
func within(t *testing.T, polled map[bool][]time.Time) {
	t.Helper()
	for urgent, times := range polled {
		for i := 1; i < len(times); i++ {
			d := times[i].Sub(times[i-1])
			if urgent && d < slot.UrgentEvery || !urgent && d < slot.StatusEvery {
				t.Fatalf("urgent %v: polls %v apart", urgent, d)
			}
		}
	}
}

// TestLookWaitsForLearning: what is being learned is not thrown away for a microphone.
func TestLookWaitsForLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{news: []record.Record{{Type: record.Dying, Cause: record.SoundFailed}}}
		f := &fake{say: func(_, _ int, c sense.Control) []byte { return s.answer(c) }}
		w := watch(f)
		w.Learn(true)
		w.run(t, 20*time.Minute)
		if len(f.began) != 1 {
			t.Errorf("%d starts while a baseline was learned", len(f.began))
		}
	})
}

// TestLookKeepsTheWindows: a source that fails in each run costs a slot a run, and restarts win no slots.
func TestLookKeepsTheWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *teller
		most := 0
		f := &fake{say: func(_, poll int, c sense.Control) []byte {
			if poll == 1 {
				s = &teller{}
				s.news = append(s.news, record.Record{Type: record.Dying, Cause: record.SoundFailed})
				for range 60 {
					s.news = append(s.news, appeared(uint8(len(s.news))))
				}
			}
			return s.answer(c)
		}}
		w := watch(f)
		w.SetClosed(true)
		w.Events.Spoken = func(m *slot.Meter) error { most = max(most, m.Bits(time.Now())); return nil }
		w.run(t, time.Hour)
		if len(f.began) < 4 || most > slot.Ceiling(time.Hour) {
			t.Errorf("%d starts, %d bits in an hour, at most %d", len(f.began), most, slot.Ceiling(time.Hour))
		}
	})
}
