package alarm

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/journal"
)

// killed is what a simulated kill panics with.
type killed struct{}

// world is a unit whose process is killed at chosen steps, and what is outside of it: the disk, the console and
// the sources of sound and radio. A kill is a panic in a step, after which only the disk is left, as after
// SIGKILL.
type world struct {
	t    *testing.T
	rng  *rand.Rand
	dir  string
	now  time.Time
	fuse int // the process ends when this many steps are done; < 0: never
	step int // steps done

	diskFull, sinkDown bool // faults from outside

	book    *Book
	journal *journal.Journal

	playing  map[Key]string // sources that last → id of the finding in this process, "" not yet found
	alarmOf  map[Key]string // alarm that the last completed Observe of the key gave
	console  map[string]Alarm
	seen     map[string]map[uint64]string // id → version → content that was delivered
	kills    int
	steps    int // of run, before finish
	faultRun bool
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), dir: t.TempDir(), now: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC), fuse: -1,
		playing: map[Key]string{}, alarmOf: map[Key]string{}, console: map[string]Alarm{}, seen: map[string]map[uint64]string{},
	}
}

func (w *world) tick(string) {
	w.step++
	if w.fuse < 0 {
		return
	}
	if w.fuse--; w.fuse < 0 {
		panic(killed{})
	}
}

// segment is a journal file whose writing can be ended at any byte.
type segment struct {
	*os.File
	w *world
}

func (s segment) WriteAt(b []byte, off int64) (int, error) {
	if s.w.diskFull {
		n, _ := s.File.WriteAt(b[:s.w.rng.IntN(len(b))], off)
		return n, syscall.ENOSPC
	}
	s.w.step++
	if s.w.fuse == 0 {
		s.File.WriteAt(b[:s.w.rng.IntN(len(b)+1)], off)
	}
	s.w.step--
	s.w.tick("journal written")
	return s.File.WriteAt(b, off)
}

func (s segment) Sync() error {
	s.w.tick("journal synced")
	return nil // a killed process loses nothing that it has written
}

// Deliver is the console: it is outside the process.
func (w *world) Deliver(_ context.Context, a Alarm) error {
	if w.sinkDown {
		return errors.New("console is away")
	}
	id := a.Finding.ID
	b, err := json.Marshal(a)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.seen[id] == nil {
		w.seen[id] = map[uint64]string{}
	}
	if old, ok := w.seen[id][a.Version]; ok && old != string(b) {
		w.t.Fatalf("two alarms %s of version %d:\n%s\n%s", id, a.Version, old, b)
	}
	w.seen[id][a.Version] = string(b)
	if old := w.console[id]; a.Version < old.Version {
		w.t.Fatalf("alarm %s: version %d after %d", id, a.Version, old.Version)
	}
	w.console[id] = a
	return nil
}

// start begins a process.
func (w *world) start() {
	w.now = w.now.Add(time.Second)
	w.journal = nil
	j, err := journal.Open(filepath.Join(w.dir, "journal"), journal.Options{SegmentBytes: 8 << 10,
		OpenFile: func(name string, flag int, perm fs.FileMode) (journal.File, error) {
			f, err := os.OpenFile(name, flag, perm)
			return segment{f, w}, err
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.journal = j
	now := func() time.Time { return w.now }
	b := &Book{
		cfg: BookConfig{Journal: w.journal, Path: filepath.Join(w.dir, "alarms.json"), Now: now, Next: w,
			Stamp: func(e *journal.Entry) { e.Quality = "scenario" }, Health: func(string, error) {}},
		tracker: New(Config{Room: "ratssaal", Storm: 1000}), failing: map[string]string{}, early: map[string]error{}, step: w.tick,
		sync: func(*os.File) error {
			w.tick("state synced")
			if w.diskFull {
				return syscall.ENOSPC
			}
			return nil
		},
	}
	w.book, err = openBook(context.Background(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	w.book.Tick(context.Background())
	for k := range w.playing {
		w.playing[k] = "" // the sensor was restarted too
	}
}

// alive runs f in the process and reports whether the process is still there.
func (w *world) alive(f func()) (ok bool) {
	defer func() {
		switch p := recover(); p.(type) {
		case nil:
		case killed:
			ok = false
			w.kills++
			w.fuse = -1
			if w.journal != nil {
				w.journal.Close() // lets go of the lock, as the kernel does
			}
		default:
			panic(p)
		}
	}()
	f()
	return true
}

func (w *world) finding(k Key, id string) finding.Finding {
	return finding.Finding{ID: id, Kind: k.Kind, Name: k.Name, Hz: k.Hz, Alarm: true, Sense: k.Kind.Sense(), Side: finding.Unknown,
		Start: w.now, SNRDB: 6 + 20*w.rng.Float64(), Confidence: 1, Coverage: "all"}
}

// listen has the sensor report every source that it has not reported yet.
func (w *world) listen() {
	for _, k := range sources {
		id, on := w.playing[k]
		if !on || id != "" {
			continue
		}
		id = finding.NewID(w.now, crand.Reader)
		before, had := w.alarmOf[k], false
		if before != "" {
			a, known := w.book.Alarm(before)
			had = known && a.State != Cleared
		}
		w.book.Observe(context.Background(), w.finding(k, id))
		w.playing[k] = id
		var live []string
		for _, a := range w.book.Alarms() {
			if a.State != Cleared && KeyOf(a.Finding).Same(k) {
				live = append(live, a.Finding.ID)
			}
		}
		if len(live) != 1 {
			w.t.Fatalf("%v has %d alarms, want 1: %v", k, len(live), live)
		}
		if had && live[0] != before {
			w.t.Fatalf("%v came back as %s, its alarm %s was not cleared", k, live[0], before)
		}
		w.alarmOf[k] = live[0]
	}
}

var sources = []Key{
	{Kind: detect.UltrasonicBeacon, Name: "silverpush", Hz: 18500},
	{Kind: detect.UltrasonicBeacon, Name: "unknown", Hz: 20000},
	{Kind: detect.UltrasonicBeacon, Name: "unknown", Hz: 22000},
	{Kind: detect.Burst, Name: "ism433", Hz: 433.92e6},
	{Kind: detect.NewEmitter, Name: "fm", Hz: 99.9e6},
	{Kind: detect.SensorDead, Name: "microphone"},
}

// act does one thing at random.
func (w *world) act() {
	ctx := context.Background()
	w.now = w.now.Add(time.Duration(1+w.rng.IntN(20_000)) * time.Millisecond)
	k := sources[w.rng.IntN(len(sources))]
	switch n := w.rng.IntN(12); {
	case n < 4:
		if _, on := w.playing[k]; !on {
			w.playing[k] = ""
		}
	case n < 7:
		if id, on := w.playing[k]; on {
			delete(w.playing, k)
			if id != "" {
				f := w.finding(k, id)
				f.End = &w.now
				w.book.Observe(ctx, f)
			}
		}
	case n < 8:
		if as := w.book.Alarms(); len(as) > 0 {
			a := as[w.rng.IntN(len(as))]
			ack := Ack{Role: "chair", Verdict: Explained, Reason: "put-away", At: w.now}
			if _, err := w.book.Acknowledge(ctx, a.Finding.ID, ack); err != nil {
				w.t.Fatal(err)
			}
		}
	case n < 9 && w.faultRun:
		w.sinkDown = !w.sinkDown
	case n < 10 && w.faultRun:
		w.diskFull = !w.diskFull
	case n < 11:
		w.now = w.now.Add(time.Duration(w.rng.IntN(150)) * time.Second)
	}
	w.listen()
	w.book.Tick(ctx)
}

// finish lets everything be recorded and delivered in a last, healthy process.
func (w *world) finish() {
	w.fuse, w.diskFull, w.sinkDown = -1, false, false
	w.journal.Close()
	w.start()
	w.listen()
	w.book.Tick(context.Background())
	if r, d := w.book.Pending(); r != 0 || d != 0 {
		w.t.Fatalf("%d alarms unrecorded, %d undelivered at the end", r, d)
	}
	w.check()
	w.journal.Close()
}

// check compares journal and console.
func (w *world) check() {
	raised := map[string]Alarm{}
	version := map[string]uint64{}
	live := map[Key]string{}
	err := w.journal.Read(1, func(seq uint64, e journal.Entry) error {
		var r Record
		if err := json.Unmarshal(e.Payload, &r); err != nil {
			return err
		}
		id, k := r.Alarm.Finding.ID, Key{}
		for _, s := range sources {
			if s.Same(KeyOf(r.Alarm.Finding)) {
				k = s
			}
		}
		if e.Kind == KindRaised {
			if _, twice := raised[id]; twice {
				w.t.Errorf("alarm %s is raised twice in the journal", id)
			}
			if old := live[k]; old != "" {
				w.t.Errorf("%v is raised as %s while %s is not cleared", k, id, old)
			}
		} else if _, ok := raised[id]; !ok {
			w.t.Errorf("alarm %s is %s in the journal but was never raised", id, r.What)
		}
		if r.Alarm.Version <= version[id] {
			w.t.Errorf("alarm %s: version %d after %d in the journal", id, r.Alarm.Version, version[id])
		}
		version[id], raised[id] = r.Alarm.Version, r.Alarm
		if live[k] = id; r.Alarm.State == Cleared {
			live[k] = ""
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for id, a := range raised {
		c, ok := w.console[id]
		if !ok || !c.Recorded() {
			w.t.Errorf("alarm %s is in the journal but not in the console", id)
		}
		if w.faultRun && a.State == Cleared && c.State == Cleared && c.Version > a.Version {
			continue // an answer that reached the console but, journal and state file failing, no file
		}
		if c.Version != a.Version || c.State != a.State || (c.Ack == nil) != (a.Ack == nil) {
			w.t.Errorf("alarm %s: the console has version %d (%s), the journal %d (%s)", id, c.Version, c.State, a.Version, a.State)
		}
	}
	for id, c := range w.console {
		if _, ok := raised[id]; !ok && c.Recorded() {
			w.t.Errorf("alarm %s is in the console as recorded but not in the journal", id)
		}
	}
	if len(raised) == 0 {
		w.t.Error("the scenario raised nothing")
	}
}

// run acts n times, starting anew whenever the process was killed, with kills after random numbers of steps.
func (w *world) run(n int, nextFuse func() int) {
	running := false
	for range n {
		if w.fuse < 0 {
			w.fuse = nextFuse()
		}
		if !running && !w.alive(w.start) {
			continue
		}
		running = w.alive(w.act)
	}
	w.steps = w.step
	w.finish()
}

// TestKillAfterEveryStep runs one scenario again and again and kills it once, each time one step later.
func TestKillAfterEveryStep(t *testing.T) {
	const acts = 12
	count := func() int {
		w := newWorld(t, 1)
		w.run(acts, func() int { return -1 })
		return w.steps
	}()
	if count < 60 {
		t.Fatalf("the scenario has %d steps only", count)
	}
	kills := 0
	for at := range count {
		w := newWorld(t, 1)
		fuses := 0
		w.run(acts, func() int {
			if fuses++; fuses > 1 {
				return -1
			}
			return at
		})
		kills += w.kills
		if t.Failed() {
			t.Fatalf("killed after step %d of %d", at, count)
		}
	}
	t.Logf("%d steps, %d kills", count, kills)
	if kills != count {
		t.Errorf("got %d kills, want one after each of %d steps", kills, count)
	}
}

// TestRandomKills: ≥ 200 seeded schedules with many kills each, half of them with full disks and a console that
// is away.
func TestRandomKills(t *testing.T) {
	kills, raised, schedules := 0, 0, 240
	if testing.Short() {
		schedules = 40
	}
	for seed := range schedules {
		w := newWorld(t, uint64(seed))
		w.faultRun = seed%2 == 1
		w.run(28, func() int { return w.rng.IntN(60) })
		kills += w.kills
		raised += len(w.console)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		os.RemoveAll(w.dir)
	}
	t.Logf("%d schedules, %d kills, %d alarms", schedules, kills, raised)
	if kills < schedules {
		t.Errorf("got %d kills in %d schedules", kills, schedules)
	}
}
