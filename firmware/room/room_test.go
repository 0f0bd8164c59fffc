package room

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/finding"
	"subrosa/firmware/journal"
	"subrosa/firmware/policy"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/roster"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/state"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

var epoch = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// hand is a clock that stands still.
type hand struct{ now time.Time }

func (h *hand) Now() time.Time                       { return h.now }
func (h *hand) After(time.Duration) <-chan time.Time { return nil }
func (h *hand) Quality() string                      { return "scenario" }

// site is the MQTT side: what was reported last, as JSON, and how the broker is.
type site struct {
	t        *testing.T
	last     map[string]json.RawMessage
	sessions []session.State
	status   shadow.Status
	err      error
}

func (s *site) Desired(string, func(shadow.Message)) error { return nil }
func (s *site) Watch(string, func(shadow.Message)) error   { return nil }
func (s *site) Status() shadow.Status                      { return s.status }
func (s *site) Report(name string, data any) error {
	if !topic.MayWrite(topic.Identity{Role: topic.Unit, Unit: "u1", Rooms: []string{"ratssaal"}}, name) {
		s.t.Errorf("the unit may not write %s", name)
	}
	b, err := json.Marshal(data)
	if err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
	s.last[name] = b
	if r, ok := data.(session.Report); ok && (len(s.sessions) == 0 || s.sessions[len(s.sessions)-1] != r.State) {
		s.sessions = append(s.sessions, r.State)
	}
	return s.err
}

func (s *site) Deliver(_ context.Context, a alarm.Alarm) error {
	return s.Report(topic.Alarm(a.Room, a.Finding.ID), a)
}

func data[T any](t *testing.T, s *site, name string) T {
	t.Helper()
	v, err := event.Data[T](event.Event{Data: s.last[name]})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return v
}

// house is a room with real journal, alarm book, states and wall; time, sensor and broker are in the test's hand.
type house struct {
	*Room
	t       *testing.T
	dir     string
	clock   *hand
	site    *site
	journal *journal.Journal
	disk    error // what the room's own entries fail with
	book    *alarm.Book
	policy  *policy.Policy // nil: none
	reports int            // of connectors
	stop    func()
}

// appender is the journal as the room has it, on a disk that may be full.
type appender struct{ h *house }

func (a appender) Append(ctx context.Context, e journal.Entry) (journal.Receipt, error) {
	if a.h.disk != nil {
		return journal.Receipt{}, a.h.disk
	}
	return a.h.journal.Append(ctx, e)
}

func build(t *testing.T) *house {
	h := &house{t: t, dir: t.TempDir(), clock: &hand{epoch}}
	h.start()
	t.Cleanup(func() { h.stop() })
	return h
}

// start starts the unit on what the last run left.
func (h *house) start() {
	h.t.Helper()
	must := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	folder, err := state.Open(h.dir)
	must(err)
	h.site = &site{t: h.t, last: map[string]json.RawMessage{}, status: shadow.Status{Connected: true}}
	h.journal, err = journal.Open(filepath.Join(h.dir, "journal"), journal.Options{Now: h.clock.Now})
	must(err)
	m := session.New(h.clock.now, session.Default)
	if b, err := os.ReadFile(folder.Path("session")); err == nil {
		m, err = session.Restore(b, session.Default)
		must(err)
		var alive Alive
		must(folder.Load("alive", &alive))
		_, err = m.Apply(h.clock.now, session.PowerLoss(h.clock.now.Sub(alive.At)))
		must(err)
	}
	w, err := wall.New(wall.Options{Log: slog.New(slog.DiscardHandler)})
	must(err)
	h.book, err = alarm.OpenBook(h.t.Context(), alarm.BookConfig{Tracker: alarm.Config{Room: "ratssaal"}, Journal: h.journal,
		Path: folder.Path("alarms"), Now: h.clock.Now, Next: alarm.OnlyRecorded(h.site), Stamp: func(e *journal.Entry) { h.Stamp(e) },
		Health: func(part string, err error) { h.Health(part, err) }})
	must(err)
	list, err := roster.Load(folder.Path("roster"))
	must(err)
	h.Room = New(Parts{Attendance: roster.NewAttendance(list), Identity: Identity{Room: "ratssaal", Unit: "u1", Name: "Ratssaal", Software: "test"}, Clock: h.clock,
		Log: slog.New(slog.DiscardHandler), State: folder, Machine: m, Journal: appender{h}, Book: h.book, Site: h.site,
		Sensor: &sensor.Watcher{}, Wall: w, Rand: rand.Reader, Unsealed: true, Policy: h.policy,
		Sound: Stream{Present: true, LoHz: 2500, HiHz: 23520, Cannot: []string{"above-range"}},
		Radio: Stream{Present: true, LoHz: 433.8e6, HiHz: 434.05e6}})
	h.begin()
	h.stop = func() { w.Close(); h.journal.Close() }
}

// restart kills the unit and starts it again after d. No state is written that a kill would not have left.
func (h *house) restart(d time.Duration) {
	h.stop()
	h.clock.now = h.clock.now.Add(d)
	h.start()
}

// pass lets time pass, with a status of a healthy sensor every 16 s unless silent.
func (h *house) pass(d time.Duration, silent ...bool) {
	for end := h.clock.now.Add(d); h.clock.now.Before(end); h.clock.now = h.clock.now.Add(tickEvery) {
		if len(silent) == 0 && h.clock.now.Sub(epoch)%(16*time.Second) == 0 {
			h.p.Sensor.Events.Status(good())
		}
		h.work()
		h.tick(context.Background())
	}
}

func good() record.Status {
	s := record.Status{Health: record.SoundOn | record.RadioOn}
	for _, part := range []int{record.Audible, record.Ultrasonic, record.Ultrasonic2, record.Radio} {
		s.Coverage[part] = record.All
	}
	return s
}

// entries returns the kinds in the journal.
func (h *house) entries() (kinds []string) {
	h.t.Helper()
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		kinds = append(kinds, e.Kind)
		if !e.Unsealed || e.Quality != "scenario" || e.Software != "test" {
			h.t.Errorf("entry %s is stamped %+v", e.Kind, e)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return kinds
}

// alarms returns the alarms of a kind.
func (h *house) alarms(k detect.Kind) (out []alarm.Alarm) {
	for _, a := range h.book.Alarms() {
		if a.Finding.Kind == k {
			out = append(out, a)
		}
	}
	return out
}

func (h *house) wants(d any, name string) shadow.Message {
	h.t.Helper()
	t, err := topic.Parse(name)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := json.Marshal(d)
	if err != nil {
		h.t.Fatal(err)
	}
	return shadow.Message{Topic: t, Data: b, Version: 1, Writer: "console"}
}

func (h *house) beacon() finding.Finding {
	return finding.Finding{ID: finding.NewID(h.clock.now, rand.Reader), Kind: detect.UltrasonicBeacon, Name: "ggwave", Alarm: true,
		Sense: detect.Acoustic, Side: finding.Unknown, Start: h.clock.now, Coverage: "looked at"}
}

// close brings the room into a closed session by one press of the chair.
func (h *house) close() {
	h.t.Helper()
	h.pass(20 * time.Second)
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		h.t.Fatal(err)
	}
	h.pass(40 * time.Second)
	if h.session.State != session.Closed {
		h.t.Fatalf("after 40 s the session is %s: %+v", h.session.State, h.session.Points)
	}
}

func TestOnePressClosesTheRoom(t *testing.T) {
	h := build(t)
	h.close()
	want := []session.State{session.Open, session.Handover, session.Sweep, session.Arming, session.Closed}
	if !slices.Equal(h.site.sessions, want) {
		t.Errorf("reported %v, want %v", h.site.sessions, want)
	}
	r := data[session.Report](t, h.site, topic.SessionReported("ratssaal"))
	if len(r.Points) != 4 || len(r.Unproven()) != 0 || r.Has(session.Override) || !r.Has(session.Unsealed) || r.Has(session.Degraded) {
		t.Errorf("reported %+v, want four proven points and the flag unsealed alone", r)
	}
	if err := h.order(wall.Order{Act: wall.End, Role: session.Clerk}); err != nil {
		t.Fatal(err)
	}
	h.pass(3 * time.Second)
	if want = append(want, session.Restoring, session.Open); !slices.Equal(h.site.sessions, want) {
		t.Errorf("reported %v, want %v", h.site.sessions, want)
	}
	changed := 0
	for _, k := range h.entries() {
		if k == "session.changed" {
			changed++
		}
	}
	if changed != len(want)-1 {
		t.Errorf("%d changes in the journal, want %d", changed, len(want)-1)
	}
}

// TestSecondPress: without radio nothing closes by itself; the chair's reason does, and is said.
func TestSecondPress(t *testing.T) {
	h := build(t)
	deaf := func() {
		s := good()
		s.Coverage[record.Radio] = record.Some
		h.heard(s)
	}
	deaf()
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Clerk}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		deaf()
		h.pass(10*time.Second, true)
	}
	if h.session.State != session.Sweep || h.session.Next != session.NextConfirm || !slices.Equal(h.session.Unproven(), []string{"radio-covered"}) {
		t.Fatalf("got %s, next %s, unproven %v", h.session.State, h.session.Next, h.session.Unproven())
	}
	if err := h.order(wall.Order{Act: wall.Confirm, Role: session.Clerk, Reason: "urgent"}); err == nil {
		t.Error("the clerk may take the chair's decision")
	}
	if err := h.order(wall.Order{Act: wall.Confirm, Role: session.Chair, Reason: "technical-fault"}); err != nil {
		t.Fatal(err)
	}
	deaf()
	h.pass(10*time.Second, true)
	if h.session.State != session.Closed || !h.session.Has(session.Override) || h.session.Reason != "technical-fault" {
		t.Errorf("got %s %v %s, want closed by override", h.session.State, h.session.Flags, h.session.Reason)
	}
}

func TestAlarmFromFindingToAnswer(t *testing.T) {
	h := build(t)
	h.close()
	f := h.beacon()
	h.p.Sensor.Events.Found(f)
	h.work()
	name := topic.Alarm("ratssaal", f.ID)
	a := data[alarm.Alarm](t, h.site, name)
	cov := strings.ReplaceAll(a.Finding.Coverage, "\u00a0", " ")
	if a.State != alarm.Raised || a.Raised.IsZero() || cov != "looked at: 2.5 kHz to 23.52 kHz; cannot see: sound above the range measured" {
		t.Errorf("got %+v, coverage %q", a, cov)
	}
	h.answered(h.wants(map[string]any{"version": 1, "writer": "console", "role": "clerk", "verdict": "explained", "reason": "exercise", "at": epoch}, topic.Ack("ratssaal", f.ID)))
	a = data[alarm.Alarm](t, h.site, name)
	if a.Ack == nil || a.Ack.Reason != "exercise" || !a.Ack.At.Equal(h.clock.now) {
		t.Errorf("answer %+v, want exercise, at the unit's own time", a.Ack)
	}
	h.answered(h.wants(map[string]any{"version": 2, "writer": "console", "role": "clerk", "verdict": "explained", "reason": "I say so", "at": epoch}, topic.Ack("ratssaal", f.ID)))
	end := h.clock.now
	f.End = &end
	h.p.Sensor.Events.Found(f)
	h.pass(3 * time.Minute)
	if a = data[alarm.Alarm](t, h.site, name); a.State != alarm.Cleared || a.Ack.Reason != "exercise" {
		t.Errorf("at the end: %+v", a)
	}
	if n := len(h.findings); n != 0 {
		t.Errorf("%d findings are held open", n)
	}
	for _, k := range []string{alarm.KindRaised, alarm.KindAcknowledged} {
		if !slices.Contains(h.entries(), k) {
			t.Errorf("no %s in the journal", k)
		}
	}
}

func TestInformationIsCountedOnly(t *testing.T) {
	h := build(t)
	f := h.beacon()
	f.Kind, f.Name, f.Alarm, f.Sense = detect.UltrasonicTone, "", false, detect.Acoustic
	h.found(f)
	end := h.clock.now
	f.End = &end
	h.found(f)
	if n := h.figures.findings[class{detect.UltrasonicTone, false}]; n != 1 || len(h.book.Alarms()) != 0 {
		t.Errorf("counted %d times, %d alarms, want one and none", n, len(h.book.Alarms()))
	}
}

func TestCeilingIsKnownAfterARestart(t *testing.T) {
	h := build(t)
	h.close()
	h.restart(5 * time.Second)
	if h.session.State != session.Closed || h.closedAt.IsZero() {
		t.Fatalf("restarted as %s", h.session.State)
	}
	h.pass(time.Minute)
	if u := h.session.Unproven(); len(u) != 0 {
		t.Errorf("unproven a minute after the restart: %v", u)
	}
	if got := h.site.sessions; !slices.Equal(got, []session.State{session.Closed}) {
		t.Errorf("reported %v", got)
	}
	h.restart(10 * time.Minute)
	if h.session.State != session.Interrupted {
		t.Errorf("after ten minutes without power the session is %s, want interrupted", h.session.State)
	}
	if r := data[session.Report](t, h.site, topic.SessionReported("ratssaal")); r.State != session.Interrupted || r.Reason != session.PowerLost {
		t.Errorf("reported at once: %s, %s", r.State, r.Reason)
	}
}

func TestKilledWhileRestoring(t *testing.T) {
	h := build(t)
	h.close()
	if err := h.order(wall.Order{Act: wall.End, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	h.restart(2 * time.Second)
	h.pass(3 * time.Second)
	if h.session.State != session.Open {
		t.Errorf("the room stays %s", h.session.State)
	}
}

func TestDesiredSession(t *testing.T) {
	h := build(t)
	h.pass(time.Second)
	name := topic.SessionDesired("ratssaal")
	h.desired(h.wants(session.Desired{Version: 4, Writer: "console", Role: session.Clerk, State: session.Closed}, name))
	if h.session.State != session.Handover || h.session.DesiredVersion != 4 {
		t.Errorf("got %s of version %d", h.session.State, h.session.DesiredVersion)
	}
	h.desired(h.wants(session.Desired{Version: 5, Writer: "console", Role: "herr meier", State: "ajar"}, name))
	found := false
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == "session.refused" {
			found = true
			if want := `{"role":"unknown","state":"unknown","version":5}`; string(e.Payload) != want {
				t.Errorf("the journal keeps %s, want %s: no text from outside", e.Payload, want)
			}
		}
		return nil
	})
	if err != nil || !found {
		t.Errorf("no refusal in the journal, %v", err)
	}
}

var errDisk = errors.New("no space left on device")

func TestReports(t *testing.T) {
	h := build(t)
	s := good()
	s.Thirds[0], s.Bands[1], s.Open = -62, -50, 3
	for i := range s.Thirds[1:] {
		s.Thirds[1+i] = nan
	}
	for i := range s.Bands {
		if i != 1 {
			s.Bands[i] = nan
		}
	}
	h.heard(s)
	h.tick(context.Background())
	l := data[report.Levels](t, h.site, topic.Levels("u1"))
	if len(l.Thirds) != 1 || l.Thirds[0] != (report.Third{Hz: 2500, DB: -62}) || len(l.Bands) != 1 || l.Bands[0].Name != "433.85 MHz" || l.Open != 3 {
		t.Errorf("levels %+v", l)
	}
	c := data[report.Coverage](t, h.site, topic.Coverage("u1"))
	if len(c.Senses) != 2 || c.Senses[0].Share != 3 || c.Senses[1].Share != 3 {
		t.Errorf("coverage %+v", c)
	}
	hl := data[report.Health](t, h.site, topic.Health("u1"))
	if !hl.OK || len(hl.Checks) < 6 || hl.BitsCeiling == 0 {
		t.Errorf("health %+v", hl)
	}
	h.pass(time.Minute, true)
	if c = data[report.Coverage](t, h.site, topic.Coverage("u1")); c.Senses[0].Share != 0 || c.Senses[1].Share != 0 {
		t.Errorf("coverage of a silent sensor %+v, want none", c)
	}
}
