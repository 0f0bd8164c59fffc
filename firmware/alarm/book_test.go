package alarm_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/alarm/alarmtest"
	"subrosa/firmware/journal"
)

// page is a sink that keeps the highest version of each alarm.
type page struct {
	mu      sync.Mutex
	alarms  map[string]alarm.Alarm
	history []string
	down    error
}

func (p *page) Deliver(ctx context.Context, a alarm.Alarm) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(ctx.Err(), p.down); err != nil {
		return err
	}
	if p.alarms == nil {
		p.alarms = map[string]alarm.Alarm{}
	}
	if a.Version >= p.alarms[a.Finding.ID].Version {
		if a.Ack != nil {
			ack := *a.Ack
			a.Ack = &ack
		}
		if a.Finding.End != nil {
			end := *a.Finding.End
			a.Finding.End = &end
		}
		p.alarms[a.Finding.ID] = a
	}
	p.history = append(p.history, fmt.Sprintf("%s recorded=%v", a.State, a.Recorded()))
	return nil
}

func (p *page) Forget(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.alarms, id)
	p.history = append(p.history, "forgotten")
	return nil
}

func (p *page) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.history, ", ")
	p.history = nil
	return s
}

func TestSinksConform(t *testing.T) {
	for name, wrap := range map[string]func(alarm.Sink) alarm.Sink{
		"plain":        func(s alarm.Sink) alarm.Sink { return s },
		"Fanout":       func(s alarm.Sink) alarm.Sink { return alarm.Fanout(&page{}, s) },
		"OnlyRecorded": alarm.OnlyRecorded,
	} {
		t.Run(name, func(t *testing.T) {
			alarmtest.Run(t, func(t *testing.T) alarmtest.Case {
				var p page
				return alarmtest.Case{Sink: wrap(&p), Taken: func() (as []alarm.Alarm) {
					for _, a := range p.alarms {
						as = append(as, a)
					}
					return as
				}}
			})
		})
	}
}

func TestFanoutReachesTheRest(t *testing.T) {
	var first, last page
	first.down = errors.New("away")
	if err := alarm.Fanout(&first, &last).Deliver(t.Context(), alarmtest.Alarm()); !errors.Is(err, first.down) {
		t.Errorf("got %v, want the first sink's error", err)
	}
	if len(last.alarms) != 1 {
		t.Error("the second sink got nothing")
	}
}

func TestOnlyRecorded(t *testing.T) {
	var p page
	a := alarmtest.Alarm()
	a.Raised = time.Time{}
	if err := alarm.OnlyRecorded(&p).Deliver(t.Context(), a); err != nil || len(p.alarms) != 0 {
		t.Errorf("unrecorded: got %v, %v, want nothing", p.alarms, err)
	}
}

// unit is a book with everything it needs; the disk can be filled.
type unit struct {
	t       *testing.T
	dir     string
	now     time.Time
	full    bool
	synced  int
	page    page
	health  []string
	journal *journal.Journal
	book    *alarm.Book
}

type segment struct {
	*os.File
	u *unit
}

func (s segment) WriteAt(b []byte, off int64) (int, error) {
	if s.u.full {
		return 0, syscall.ENOSPC
	}
	return s.File.WriteAt(b, off)
}

func (s segment) Sync() error { s.u.synced++; return nil }

func newUnit(t *testing.T) *unit {
	u := &unit{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)}
	u.start()
	return u
}

func (u *unit) start() {
	u.t.Helper()
	if u.journal != nil {
		u.journal.Close()
	}
	var err error
	health, delivered := len(u.health), len(u.page.history)
	u.journal, err = journal.Open(filepath.Join(u.dir, "journal"), journal.Options{OpenFile: func(name string, flag int, perm fs.FileMode) (journal.File, error) {
		f, err := os.OpenFile(name, flag, perm)
		return segment{f, u}, err
	}})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { u.journal.Close() })
	u.book, err = u.open()
	if err != nil {
		u.t.Fatal(err)
	}
	if len(u.health) != health || len(u.page.history) != delivered {
		u.t.Errorf("OpenBook told %q and delivered %q: the caller does not have the Book yet", u.health, u.page.history)
	}
	u.book.Tick(u.t.Context())
}

func (u *unit) open() (*alarm.Book, error) {
	return alarm.OpenBook(u.t.Context(), alarm.BookConfig{
		Tracker: alarm.Config{Room: "ratssaal"}, Journal: u.journal, Path: u.state(), Next: &u.page,
		Now:   func() time.Time { u.now = u.now.Add(time.Millisecond); return u.now },
		Stamp: func(e *journal.Entry) { e.Quality, e.Software, e.Unsealed = "scenario", "v0.2", true },
		Health: func(part string, err error) {
			u.health = append(u.health, fmt.Sprintf("%s failing=%v", part, err != nil))
		},
	})
}

func (u *unit) state() string { return filepath.Join(u.dir, "alarms.json") }

func (u *unit) observe(name string) alarm.Change {
	u.t.Helper()
	f := alarmtest.Alarm().Finding
	f.Name, f.End, f.Start = name, nil, u.now
	changes := u.book.Observe(u.t.Context(), f)
	if len(changes) != 1 {
		u.t.Fatalf("Observe: got %d changes, want 1", len(changes))
	}
	return changes[0]
}

func (u *unit) kinds() (kinds []string) {
	u.t.Helper()
	if err := u.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Software != "v0.2" || !e.Unsealed || e.Quality != "scenario" {
			u.t.Errorf("entry is not stamped: %+v", e)
		}
		kinds = append(kinds, e.Kind)
		return nil
	}); err != nil {
		u.t.Fatal(err)
	}
	return kinds
}

func (u *unit) expectHealth(want ...string) {
	u.t.Helper()
	if !slices.Equal(u.health, want) {
		u.t.Errorf("health: got %q, want %q", u.health, want)
	}
	u.health = nil
}

// TestRaisedMeansSynced: when an alarm is delivered with Raised set, the journal's fsync has returned.
func TestRaisedMeansSynced(t *testing.T) {
	u := newUnit(t)
	before := u.synced
	asked := u.now
	c := u.observe("silverpush")
	if u.synced != before+2 {
		t.Errorf("got %d fsyncs, want 2, of the payload and of the entry", u.synced-before)
	}
	if !c.Alarm.Recorded() || !c.Alarm.Raised.After(asked) {
		t.Errorf("raised %v, asked %v", c.Alarm.Raised, asked)
	}
	if got, want := u.page.take(), "raised recorded=true"; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
	ack := alarm.Ack{Role: "chair", Verdict: alarm.Explained, Reason: "put-away", At: u.now}
	if _, err := u.book.Acknowledge(t.Context(), c.Alarm.Finding.ID, ack); err != nil {
		t.Fatal(err)
	}
	if got, want := u.kinds(), []string{alarm.KindRaised, alarm.KindAcknowledged}; !slices.Equal(got, want) {
		t.Errorf("journal: got %q, want %q", got, want)
	}
	u.expectHealth()
}

// TestJournalFails: listening and showing go on; what was shown unrecorded is recorded as soon as that works.
func TestJournalFails(t *testing.T) {
	u := newUnit(t)
	ctx := t.Context()
	u.full = true
	c := u.observe("silverpush")
	if c.Alarm.Recorded() {
		t.Error("raised without a journal")
	}
	if got, want := u.page.take(), "raised recorded=false"; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
	for range 5 { // tried again, told once, delivered once
		u.book.Tick(ctx)
	}
	if got := u.page.take(); got != "" {
		t.Errorf("delivered again: %q", got)
	}
	u.expectHealth("journal failing=true")
	ack := alarm.Ack{Role: "chair", Verdict: alarm.Explained, Reason: "put-away", At: u.now}
	if _, err := u.book.Acknowledge(ctx, c.Alarm.Finding.ID, ack); err != nil {
		t.Fatal(err)
	}
	u.observe("lisnr")
	if r, d := u.book.Pending(); r != 2 || d != 0 {
		t.Errorf("pending: got %d, %d, want 2, 0", r, d)
	}
	u.page.take()

	u.full = false
	u.book.Tick(ctx)
	if got, want := u.page.take(), "raised recorded=true, raised recorded=true"; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
	if got, want := u.kinds(), []string{alarm.KindRaised, alarm.KindRaised}; !slices.Equal(got, want) {
		t.Errorf("journal: got %q, want %q", got, want)
	}
	u.expectHealth("journal failing=false")
	a := u.page.alarms[c.Alarm.Finding.ID]
	if a.Version <= c.Alarm.Version || a.Ack == nil || !a.Recorded() {
		t.Errorf("got %+v, want a higher version, acknowledged and recorded", a)
	}
	if r, d := u.book.Pending(); r != 0 || d != 0 {
		t.Errorf("pending: got %d, %d, want none", r, d)
	}
}

func TestUnrecordedSurvivesARestart(t *testing.T) {
	u := newUnit(t)
	u.full = true
	c := u.observe("silverpush")
	u.book.Tick(t.Context())
	u.full = false
	u.start()
	a, ok := u.book.Alarm(c.Alarm.Finding.ID)
	if !ok || !a.Recorded() || a.Version <= c.Alarm.Version {
		t.Errorf("got %+v, %v, want it recorded in a higher version", a, ok)
	}
	if got := u.kinds(); len(got) != 1 || got[0] != alarm.KindRaised {
		t.Errorf("journal: got %q, want one %s", got, alarm.KindRaised)
	}
}

func TestSinkFails(t *testing.T) {
	u := newUnit(t)
	u.page.down = errors.New("away")
	c := u.observe("silverpush")
	if !c.Alarm.Recorded() {
		t.Error("a failing sink kept the alarm out of the journal")
	}
	u.book.Tick(t.Context())
	u.expectHealth("sink failing=true")
	u.page.down = nil
	u.book.Tick(t.Context())
	u.expectHealth("sink failing=false")
	if got, want := u.page.take(), "raised recorded=true"; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
}

// TestStateFails: the journal alone is enough.
func TestStateFails(t *testing.T) {
	u := newUnit(t)
	if err := os.Mkdir(u.state()+".new", 0o700); err != nil { // where the next state would be written
		t.Fatal(err)
	}
	c := u.observe("silverpush")
	u.expectHealth("state failing=true")
	if got, want := u.page.take(), "raised recorded=true"; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
	u.start()
	if a, ok := u.book.Alarm(c.Alarm.Finding.ID); !ok || !a.Raised.Before(c.Alarm.Raised.Add(time.Second)) || a.Version <= c.Alarm.Version {
		t.Errorf("got %+v, %v, want it out of the journal", a, ok)
	}
	if err := os.Remove(u.state() + ".new"); err != nil {
		t.Fatal(err)
	}
	u.health = nil
	u.book.Tick(t.Context())
	u.expectHealth("state failing=false")
}

func TestSpoiltState(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "half": `{"format":1,"tracker":{"tracks":[{"al`, "format 0": `{}`} {
		t.Run(name, func(t *testing.T) {
			u := newUnit(t)
			c := u.observe("silverpush")
			if err := os.WriteFile(u.state(), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			u.start()
			if a, ok := u.book.Alarm(c.Alarm.Finding.ID); !ok || !a.Recorded() {
				t.Errorf("got %+v, %v, want it out of the journal", a, ok)
			}
			if got, err := os.ReadFile(u.state() + ".spoilt"); err != nil || string(got) != content {
				t.Errorf("the spoilt file: got %q, %v, want %q", got, err, content)
			}
			u.expectHealth("state failing=true", "state failing=false")
		})
	}
}

func TestYoungerState(t *testing.T) {
	u := newUnit(t)
	if err := os.WriteFile(u.state(), []byte(`{"format":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := u.open(); err == nil || !strings.Contains(err.Error(), "format 99") || !strings.Contains(err.Error(), u.state()) {
		t.Errorf("got %v, want an error that names file and format", err)
	}
}

// TestStateLostForLong: old alarms out of the journal are neither kept nor delivered.
func TestStateLostForLong(t *testing.T) {
	u := newUnit(t)
	u.observe("silverpush")
	u.book.EndAll(t.Context(), nil)
	u.now = u.now.Add(alarm.Default.Clear)
	u.book.Tick(t.Context())
	u.page.take()
	if err := os.Remove(u.state()); err != nil {
		t.Fatal(err)
	}
	u.now = u.now.Add(alarm.Default.Keep)
	u.start()
	if as := u.book.Alarms(); len(as) != 0 {
		t.Errorf("got %v, want none", as)
	}
	if got := u.page.take(); got != "forgotten" {
		t.Errorf("delivered %q, want it forgotten", got)
	}
}

func TestForget(t *testing.T) {
	u := newUnit(t)
	f := alarmtest.Alarm().Finding
	u.book.Observe(t.Context(), f)
	for range 2 {
		u.now = u.now.Add(alarm.Default.Keep)
		u.book.Tick(t.Context())
	}
	if len(u.page.alarms) != 0 || len(u.book.Alarms()) != 0 {
		t.Errorf("kept: %v, %v", u.page.alarms, u.book.Alarms())
	}
	if got, want := u.page.take(), "raised recorded=true, cleared recorded=true, forgotten"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnpublishableFinding(t *testing.T) {
	u := newUnit(t)
	f := alarmtest.Alarm().Finding
	f.ID = "x"
	if changes := u.book.Observe(t.Context(), f); changes != nil {
		t.Errorf("got %v, want nothing", changes)
	}
	u.expectHealth("finding failing=true")
	u.observe("lisnr")
	u.expectHealth("finding failing=false")
}

// TestConcurrent: sensor, page and clock use the book at the same time.
func TestConcurrent(t *testing.T) {
	u := newUnit(t)
	c := u.observe("silverpush")
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for range 20 {
				f := alarmtest.Alarm().Finding
				f.Kind, f.Name = detect.Burst, []string{"ism433", "ism868", "fm", "pmr"}[n]
				u.book.Observe(t.Context(), f)
				u.book.Tick(t.Context())
				u.book.Alarms()
				_, err := u.book.Acknowledge(t.Context(), c.Alarm.Finding.ID, alarm.Ack{Role: "clerk", Verdict: alarm.FalseAlarm, Reason: "not-found"})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(u.book.Alarms()); got != 5 {
		t.Errorf("got %d alarms, want 5", got)
	}
}

func BenchmarkObserveHeld(b *testing.B) {
	tr := alarm.New(alarm.Config{})
	at := time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)
	f := alarmtest.Alarm().Finding
	f.End = nil
	tr.Observe(at, f)
	b.ReportAllocs()
	for b.Loop() {
		tr.Observe(at, f)
	}
}

// TestNobodyListened: time without a process is no absence, however long it was.
func TestNobodyListened(t *testing.T) {
	u := newUnit(t)
	first := u.observe("silverpush")
	u.book.EndAll(t.Context(), nil)
	u.now = u.now.Add(time.Hour)
	u.start()
	u.now = u.now.Add(alarm.Default.Clear - time.Second)
	u.book.Tick(t.Context())
	if c := u.observe("silverpush"); c.Alarm.Finding.ID != first.Alarm.Finding.ID || c.What != alarm.WasHeld {
		t.Errorf("got %s of alarm %s, want alarm %s held", c.What, c.Alarm.Finding.ID, first.Alarm.Finding.ID)
	}
	u.start()
	u.now = u.now.Add(alarm.Default.Clear)
	if changes := u.book.Tick(t.Context()); len(changes) != 1 || changes[0].What != alarm.WasCleared {
		t.Errorf("got %v, want it cleared", changes)
	}
}

// countingJournal notes from where it is read.
type countingJournal struct {
	*journal.Journal
	from []uint64
}

func (c *countingJournal) Read(from uint64, fn func(uint64, journal.Entry) error) error {
	c.from = append(c.from, from)
	return c.Journal.Read(from, fn)
}

// TestStartReadsOnlyWhatIsNew: a long journal does not make a start slow.
func TestStartReadsOnlyWhatIsNew(t *testing.T) {
	u := newUnit(t)
	for _, name := range []string{"silverpush", "lisnr", "ggwave"} {
		u.observe(name)
	}
	j := &countingJournal{Journal: u.journal}
	if _, err := alarm.OpenBook(t.Context(), alarm.BookConfig{Journal: j, Path: u.state(), Next: &u.page}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(j.from, []uint64{4}) {
		t.Errorf("read from %v, want from 4", j.from)
	}
}
