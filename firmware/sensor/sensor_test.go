package sensor

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/clock"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

// fake is a sensor process in this one: for each control line that is a poll, say returns what it writes.
type fake struct {
	say    func(run, poll int, c sense.Control) []byte
	began  []time.Time
	polls  int
	lines  []string // control lines that are no polls, with the number of their run
	exits  error
	killed int
}

var errExit = errors.New("exit status 113")

// bye makes the process end instead of answering.
var bye = []byte("bye")

func (f *fake) start(context.Context) (*Process, error) {
	f.began = append(f.began, time.Now())
	run := len(f.began)
	f.polls = 0
	ctlR, ctlW := io.Pipe()
	recR, recW := io.Pipe()
	ended := make(chan error, 1)
	end := func(err error) {
		select {
		case ended <- err:
			ctlR.Close()
			recW.Close()
		default:
		}
	}
	go func() {
		for s := bufio.NewScanner(ctlR); s.Scan(); {
			c, err := sense.ParseControl(s.Text())
			if err != nil {
				panic(err)
			}
			if c.Verb != 'S' && c.Verb != 'U' {
				f.lines = append(f.lines, fmt.Sprintf("%d: %s", run, s.Text()))
				continue
			}
			f.polls++
			b := f.say(run, f.polls, c)
			if string(b) == string(bye) {
				break
			}
			if _, err := recW.Write(b); err != nil {
				break
			}
		}
		end(f.exits)
	}()
	return &Process{Records: recR, Control: ctlW, Kill: func() { f.killed++; end(errors.New("signal: killed")) }, Wait: func() error { return <-ended }}, nil
}

// teller answers as an honest sensor does: statuses, and the given urgent records as long as slots are left.
type teller struct {
	seq  uint8
	news []record.Record
}

func (s *teller) answer(c sense.Control) []byte {
	r := record.Record{Type: record.StatusType}
	if c.Verb == 'U' {
		r.Type = record.Empty
		if c.Left > 0 && len(s.news) > 0 {
			r, s.news = s.news[0], s.news[1:]
		}
	}
	return s.encode(r)
}

func (s *teller) encode(r record.Record) []byte {
	if r.Type != record.Empty {
		s.seq = (s.seq + 1) & 15
		r.Seq = s.seq
	}
	var b [record.Size]byte
	r.Encode(&b)
	return b[:]
}

// watched is a watcher with what it told.
type watched struct {
	*Watcher
	found    []finding.Finding
	statuses int
	learned  [][]sense.Emitter
	merged   []int
	failing  []record.Cause
	ends     []End
	told     int
}

func watch(f *fake) *watched {
	w := &watched{Watcher: &Watcher{Start: f.start, Clock: clock.Wall{}, Log: slog.New(slog.DiscardHandler), Meter: slot.New(), Rand: rand.Reader}}
	w.Events = Events{
		Found:    func(x finding.Finding) { w.found = append(w.found, x) },
		Status:   func(record.Status) { w.statuses++ },
		Learned:  func(b []sense.Emitter) { w.learned = append(w.learned, b) },
		Learning: func(float64) {},
		Merged:   func(_ detect.Kind, n int) { w.merged = append(w.merged, n) },
		Failing:  func(c record.Cause) { w.failing = append(w.failing, c) },
		Ended:    func(e End) { w.ends = append(w.ends, e) },
		Spoken:   func(*slot.Meter) error { w.told++; return nil },
	}
	return w
}

// run runs the watcher for d of a bubble's time.
func (w *watched) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

func appeared(number uint8) record.Record {
	return record.Record{Type: record.Appeared, Finding: record.Finding{Kind: detect.UltrasonicBeacon, Name: "ggwave", Alarm: true, Number: number,
		Hz: 17000, StartAge: 2, EndAge: 0.5, Coverage: record.All}}
}

func gone(number uint8) record.Record {
	r := appeared(number)
	r.Type = record.Gone
	return r
}

func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status, urgent []time.Duration
		begun := time.Now()
		s := &teller{}
		f := &fake{say: func(_, _ int, c sense.Control) []byte {
			at := time.Since(begun)
			if c.Verb == 'S' {
				status = append(status, at)
			} else {
				urgent = append(urgent, at)
			}
			return s.answer(c)
		}}
		w := watch(f)
		w.run(t, time.Hour-time.Millisecond)
		if len(status) != 225 || len(urgent) != 7200 {
			t.Errorf("%d status and %d urgent polls in an hour, want 225 and 7200", len(status), len(urgent))
		}
		for i, at := range urgent {
			if want := time.Duration(i) * slot.UrgentEvery; at != want {
				t.Fatalf("urgent poll %d after %v, want %v", i, at, want)
			}
		}
		if w.statuses != 225 || w.told != 226 || len(w.found) != 0 || len(w.ends) != 0 {
			t.Errorf("told %d statuses, %d slots, %d findings, %v", w.statuses, w.told, len(w.found), w.ends)
		}
	})
}

func TestFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{news: []record.Record{appeared(1), appeared(2), gone(1), gone(3), appeared(2)}}
		w := watch(&fake{say: func(_, _ int, c sense.Control) []byte { return s.answer(c) }})
		began := time.Now()
		w.run(t, 10*time.Second)
		if len(w.found) != 6 {
			t.Fatalf("told %d times, want 6: %+v", len(w.found), w.found)
		}
		one, two, oneGone, three, twoGone, again := w.found[0], w.found[1], w.found[2], w.found[3], w.found[4], w.found[5]
		if !one.Open() || one.Start != began.Add(-2*time.Second) || one.Sense != detect.Acoustic || one.Cause == "" || one.Coverage != "looked at" {
			t.Errorf("appeared: %+v", one)
		}
		if oneGone.ID != one.ID || oneGone.Open() || oneGone.Start != one.Start || *oneGone.End != began.Add(500*time.Millisecond) {
			t.Errorf("gone: %+v, want the same with an end", oneGone)
		}
		if three.ID == one.ID || three.Open() {
			t.Errorf("over before its turn: %+v", three)
		}
		if twoGone.ID != two.ID || twoGone.Open() || again.ID == two.ID || !again.Open() {
			t.Errorf("the number of one that lasts, taken over: %+v, then %+v", twoGone, again)
		}
		for _, x := range w.found {
			if err := x.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}

type tampering struct {
	name string
	say  func(*teller, sense.Control) []byte
	want string
}

// tamperings are what a sensor may do that is out of grammar, with part of the error.
func tamperings() []tampering {
	bad := [record.Size]byte{0: 0xff}
	return []tampering{
		{"bits without meaning", func(s *teller, c sense.Control) []byte { return bad[:] }, "version"},
		{"two records for one poll", func(s *teller, c sense.Control) []byte {
			if c.Verb == 'S' {
				return s.answer(c)
			}
			return append(s.answer(c), s.answer(c)...)
		}, "nobody asked for"},
		{"a second record, taken for the next poll's", func(s *teller, c sense.Control) []byte { return append(s.answer(c), s.answer(c)...) }, "out of grammar"},
		{"a byte too many", func(s *teller, c sense.Control) []byte {
			if c.Verb == 'S' {
				return s.answer(c)
			}
			return append(s.answer(c), 7)
		}, "nobody asked for"},
		{"a finding in a status slot", func(s *teller, c sense.Control) []byte { return s.encode(appeared(1)) }, "answers a status poll"},
		{"a status in an urgent slot", func(s *teller, c sense.Control) []byte {
			return s.encode(record.Record{Type: record.StatusType})
		}, "answers an urgent poll"},
		{"a record doubled", func(s *teller, c sense.Control) []byte {
			s.seq = 0
			return s.answer(sense.Control{Verb: 'S'})
		}, "record 1, want 2"},
		{"more than the slots", func(s *teller, c sense.Control) []byte {
			if c.Verb == 'S' {
				return s.answer(c)
			}
			return s.encode(gone(1))
		}, "no slot left"},
		{"word of what it cannot know", func(s *teller, c sense.Control) []byte {
			if c.Verb == 'S' {
				return s.answer(c)
			}
			return s.encode(record.Record{Type: record.Appeared, Finding: record.Finding{Kind: detect.SensorTamper, Name: "enclosure", Alarm: true}})
		}, "a finding of kind sensor-tamper"},
		{"a baseline that nobody asked for", func(s *teller, c sense.Control) []byte {
			if c.Verb == 'S' {
				return s.answer(c)
			}
			return s.encode(record.Record{Type: record.Known, Known: record.Emitter{Count: 1, Hz: 433e6}})
		}, "nobody asked for"},
	}
}

// TestTampering: whatever is out of grammar ends the process at once, and counts as said.
func TestTampering(t *testing.T) {
	for _, tt := range tamperings() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &teller{}
				f := &fake{say: func(_, _ int, c sense.Control) []byte { return tt.say(s, c) }}
				w := watch(f)
				w.run(t, 30*time.Second)
				if len(w.ends) != 1 || !errors.Is(w.ends[0].Err, ErrGrammar) || !strings.Contains(w.ends[0].Err.Error(), tt.want) || w.ends[0].OK {
					t.Errorf("got %+v, want one end for tampering with %q", w.ends, tt.want)
				}
				if f.killed != 1 || len(f.began) != 1 {
					t.Errorf("killed %d times, started %d times in half a minute, want once", f.killed, len(f.began))
				}
				if len(w.found) > slot.PerMinute {
					t.Errorf("%d findings were let through", len(w.found))
				}
			})
		})
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{say: func(int, int, sense.Control) []byte { return nil }}
		w := watch(f)
		w.run(t, 30*time.Second)
		if len(w.ends) != 1 || errors.Is(w.ends[0].Err, ErrGrammar) || f.killed != 1 {
			t.Errorf("got %+v, killed %d times", w.ends, f.killed)
		}
	})
}

// TestRestarts: at most one start a minute, whatever happens; of the end one bit is kept.
func TestRestarts(t *testing.T) {
	for _, exit := range []error{nil, errExit} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{say: func(int, int, sense.Control) []byte { return bye }, exits: exit}
			w := watch(f)
			w.run(t, 10*time.Minute-time.Second)
			if len(f.began) != 10 || w.Restarts() != 9 && w.Restarts() != 10 {
				t.Errorf("%d starts, %d restarts in ten minutes", len(f.began), w.Restarts())
			}
			for i := 1; i < len(f.began); i++ {
				if d := f.began[i].Sub(f.began[i-1]); d < time.Minute {
					t.Errorf("started again after %v", d)
				}
			}
			if e := w.ends[0]; e.OK != (exit == nil) || strings.Contains(e.Err.Error(), "113") {
				t.Errorf("exit %v is kept as %+v, want one bit", exit, e)
			}
		})
	}
}

func TestStartThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(nil)
		n := 0
		w.Start = func(context.Context) (*Process, error) { n++; return nil, errors.New("no such program") }
		w.run(t, 150*time.Second)
		if n != 3 || len(w.ends) != 3 || !strings.Contains(w.ends[0].Err.Error(), "no such program") {
			t.Errorf("%d starts, %+v", n, w.ends)
		}
	})
}

// TestRestartKeepsWhatMatters: windows, baseline and the present state of the session survive a run; findings, numbers
// and learning do not.
func TestRestartKeepsWhatMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *teller
		var lefts []int
		f := &fake{say: func(run, poll int, c sense.Control) []byte {
			if poll == 1 {
				s = &teller{}
				for range 40 {
					s.news = append(s.news, gone(1))
				}
			}
			if c.Verb == 'U' {
				lefts = append(lefts, c.Left)
			}
			if run == 1 && poll == 11 { // one status, ten urgent polls
				return bye
			}
			return s.answer(c)
		}}
		w := watch(f)
		w.SetBaseline([]sense.Emitter{{Hz: 433.92e6}})
		w.SetClosed(true)
		w.Learn(true)
		w.run(t, 62*time.Second)
		if lefts[0] != slot.PerMinute-2 {
			t.Errorf("%d slots at the start, want %d: the last run may have said one more, and this one will end", lefts[0], slot.PerMinute-2)
		}
		if len(f.began) != 2 {
			t.Fatalf("%d starts", len(f.began))
		}
		second := lefts[10]
		if want := slot.PerMinute - 10; second > want+2 || second < want { // nine records, and the end
			t.Errorf("%d slots at the second start, a minute after the first; want about %d", second, want)
		}
		b := `B [{"hz":433920000,"bw_hz":0,"level_db":0}]`
		want := []string{`1: C {"acoustic":null,"radio":null}`, "1: " + b, "1: L 1", `2: C {"acoustic":null,"radio":null}`, "2: " + b}
		if !slices.Equal(f.lines, want) {
			t.Errorf("control lines %q, want %q", f.lines, want)
		}
	})
}

func TestUnknownWindowsAreUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{}
		first := -1
		w := watch(&fake{say: func(_, poll int, c sense.Control) []byte {
			if c.Verb == 'U' && c.Left > 0 && first < 0 {
				first = poll
			}
			return s.answer(c)
		}})
		w.Meter = nil
		w.run(t, 2*time.Minute)
		if first < 120 {
			t.Errorf("poll %d was the first with a slot, want none in the first minute", first)
		}
	})
}

func TestClosedCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{}
		for range 1000 {
			s.news = append(s.news, gone(1))
		}
		w := watch(&fake{say: func(_, _ int, c sense.Control) []byte { return s.answer(c) }})
		w.SetClosed(true)
		w.run(t, time.Hour-time.Second)
		if n := len(w.found); n > slot.PerHour || n < slot.PerHour-2 { // two for the ends of this run and the one before
			t.Errorf("%d urgent records in a closed hour, want %d", n, slot.PerHour-2)
		}
	})
}

func TestLearnedBaseline(t *testing.T) {
	known := func(i, n int) record.Record {
		return record.Record{Type: record.Known, Known: record.Emitter{Index: i, Count: n, Hz: 1e6 * float64(1+i), BwHz: 1000, LevelDB: -40}}
	}
	for _, n := range []int{0, 3} {
		synctest.Test(t, func(t *testing.T) {
			s := &teller{}
			w := watch(&fake{say: func(_, poll int, c sense.Control) []byte {
				if poll == 30 {
					for i := range max(n, 1) {
						s.news = append(s.news, known(i, n))
					}
				}
				return s.answer(c)
			}})
			go func() {
				time.Sleep(time.Second)
				w.Learn(true)
				time.Sleep(5 * time.Second)
				w.Learn(false)
			}()
			w.run(t, 30*time.Second)
			if len(w.learned) != 1 || len(w.learned[0]) != n || len(w.ends) != 0 {
				t.Errorf("learned %v, ends %v, want one baseline of %d", w.learned, w.ends, n)
			}
		})
	}
}

func TestBrokenBaselineIsTampering(t *testing.T) {
	for name, es := range map[string][]record.Emitter{
		"begins in the middle": {{Index: 1, Count: 3, Hz: 1e6}},
		"skips an entry":       {{Index: 0, Count: 3, Hz: 1e6}, {Index: 2, Count: 3, Hz: 1e6}},
		"changes its length":   {{Index: 0, Count: 3, Hz: 1e6}, {Index: 1, Count: 4, Hz: 1e6}},
		"is too long":          {{Index: 0, Count: 201, Hz: 1e6}},
		"begins again":         {{Index: 0, Count: 1, Hz: 1e6}, {Index: 0, Count: 1, Hz: 1e6}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &teller{}
			for _, e := range es {
				s.news = append(s.news, record.Record{Type: record.Known, Known: e})
			}
			w := watch(&fake{say: func(_, _ int, c sense.Control) []byte { return s.answer(c) }})
			w.Learn(true)
			w.Learn(false)
			w.run(t, 30*time.Second)
			if len(w.ends) != 1 || !errors.Is(w.ends[0].Err, ErrGrammar) {
				t.Errorf("a baseline that %s: got %+v, want tampering", name, w.ends)
			}
		})
	}
}

func TestMergedAndFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &teller{news: []record.Record{{Type: record.Merged, Overflow: record.Overflow{Kind: detect.Burst, Count: 7}},
			{Type: record.Dying, Cause: record.Panicked}}}
		f := &fake{say: func(_, poll int, c sense.Control) []byte {
			if poll == 4 {
				return bye
			}
			return s.answer(c)
		}, exits: errExit}
		w := watch(f)
		w.run(t, 10*time.Second)
		if !slices.Equal(w.merged, []int{7}) || !slices.Equal(w.failing, []record.Cause{record.Panicked}) || len(w.ends) != 1 || w.ends[0].OK {
			t.Errorf("merged %v, failing %v, ends %+v", w.merged, w.failing, w.ends)
		}
	})
}

func TestLater(t *testing.T) {
	t0 := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	for late, want := range map[time.Duration]time.Duration{
		0: 500 * time.Millisecond, 100 * time.Millisecond: 500 * time.Millisecond, 500 * time.Millisecond: time.Second,
		5*time.Second + 1: 5500 * time.Millisecond,
	} {
		if got := later(t0, slot.UrgentEvery, t0.Add(late)).Sub(t0); got != want {
			t.Errorf("%v late: next after %v, want %v", late, got, want)
		}
	}
}
