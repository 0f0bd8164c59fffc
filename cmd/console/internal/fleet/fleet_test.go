package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/cmd/console/internal/store"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

var t0 = time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)

func newFleet(t testing.TB) (*Fleet, *store.Store) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	f, err := New(context.Background(), st, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f, st
}

func message(t testing.TB, name string, at time.Time, data any) []byte {
	t.Helper()
	tp, err := topic.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Wrap("/unit/u-1", tp.EventType(""), strings.TrimPrefix(name, topic.Root+"/"), at, "1", data)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *Fleet) must(t testing.TB, now time.Time, name string, data any) {
	t.Helper()
	if err := f.Handle(t.Context(), now, name, message(t, name, now, data), false); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func someAlarm(i int, version uint64, state alarm.State) alarm.Alarm {
	at := t0.Add(time.Duration(i) * time.Second)
	return alarm.Alarm{
		Room: "r", State: state, Version: version, Raised: at, Changed: at,
		Finding: finding.Finding{ID: finding.NewID(at, zeros{}), Kind: detect.Burst, Name: "ism433", Alarm: true, Sense: detect.Radio, Side: finding.Unknown, Start: at},
	}
}

func alarmTopic(a alarm.Alarm) string { return topic.Alarm("r", strings.ToLower(a.Finding.ID)) }

func TestAlarmsByIDAndVersion(t *testing.T) {
	f, st := newFleet(t)
	for _, step := range []struct {
		v     uint64
		state alarm.State
		want  alarm.State
	}{{1, alarm.Raised, alarm.Raised}, {1, alarm.Raised, alarm.Raised}, {3, alarm.Cleared, alarm.Cleared}, {2, alarm.Held, alarm.Cleared}} {
		a := someAlarm(1, step.v, step.state)
		f.must(t, t0, alarmTopic(a), a)
		r, ok := f.Room("r")
		if !ok || len(r.Alarms) != 1 || r.Alarms[0].State != step.want {
			t.Fatalf("version %d: got %+v", step.v, r.Alarms)
		}
	}
	as, err := st.Alarms(t.Context(), "", 10)
	if err != nil || len(as) != 1 || as[0].Version != 3 {
		t.Errorf("stored: %+v, %v", as, err)
	}
	again, err := New(t.Context(), st, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := again.Room("r"); !ok || len(r.Alarms) != 1 {
		t.Error("a restart forgot the alarm")
	}
	a := someAlarm(1, 3, alarm.Cleared)
	if err := f.Handle(t.Context(), t0, alarmTopic(a), nil, false); err != nil {
		t.Fatal(err)
	}
	if r, _ := f.Room("r"); len(r.Alarms) != 0 {
		t.Error("an emptied topic is still shown")
	}
	if as, _ := st.Alarms(t.Context(), "", 10); len(as) != 1 {
		t.Error("an emptied topic deleted the record")
	}
}

func TestStoreFailureIsRetried(t *testing.T) {
	f, st := newFleet(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the store refuses to write for it
	a := someAlarm(1, 1, alarm.Raised)
	_ = f.Handle(ctx, t0, alarmTopic(a), message(t, alarmTopic(a), t0, a), false)
	if s := f.Stats(); s.Unsaved != 1 {
		t.Fatalf("unsaved: %d, want 1", s.Unsaved)
	}
	f.Tick(t.Context(), t0)
	if s := f.Stats(); s.Unsaved != 0 {
		t.Errorf("after a tick: unsaved %d", s.Unsaved)
	}
	if as, err := st.Alarms(t.Context(), "r", 10); err != nil || len(as) != 1 {
		t.Errorf("stored: %v, %v", as, err)
	}
}

func TestUnitsGoSilent(t *testing.T) {
	f, _ := newFleet(t)
	f.must(t, t0, topic.Online("u-1"), Online{Version: 1, Online: true, Sealed: true})
	f.must(t, t0, topic.SessionReported("r"), session.Report{Version: 1, State: session.Open})
	silent := func() bool { r, _ := f.Room("r"); return r.Units[0].Silent }
	f.Tick(t.Context(), t0.Add(Silent))
	if silent() {
		t.Error("silent too early")
	}
	w := f.Watch()
	defer w.Stop()
	f.Tick(t.Context(), t0.Add(Silent+time.Second))
	if !silent() || f.Stats().Stale != 1 {
		t.Error("not silent after a minute")
	}
	select {
	case <-w.C:
		if got := w.Take(); len(got) != 1 || got[0] != "r" {
			t.Errorf("told %v", got)
		}
	default:
		t.Error("nobody was told")
	}
	// Retained messages say nothing about life.
	b := message(t, topic.Health("u-1"), t0, report.Health{Version: 2, OK: true})
	if err := f.Handle(t.Context(), t0.Add(Silent+2*time.Second), topic.Health("u-1"), b, true); err != nil {
		t.Fatal(err)
	}
	if f.Tick(t.Context(), t0.Add(Silent+2*time.Second)); !silent() {
		t.Error("a retained message counted as a sign of life")
	}
	f.must(t, t0.Add(Silent+3*time.Second), topic.Health("u-1"), report.Health{Version: 3, OK: true})
	if f.Tick(t.Context(), t0.Add(Silent+3*time.Second)); silent() {
		t.Error("still silent after a message")
	}
	f.must(t, t0.Add(2*Silent), topic.Online("u-1"), Online{Version: 2})
	if r, _ := f.Room("r"); r.Units[0].Reachable() {
		t.Error("offline and reachable")
	}
}

func TestMalformedIsCountedAndIgnored(t *testing.T) {
	f, _ := newFleet(t)
	f.must(t, t0, topic.SessionReported("r"), session.Report{Version: 1, State: session.Open})
	good := someAlarm(1, 1, alarm.Raised)
	other := good
	other.Room = "elsewhere"
	zero := good
	zero.Version = 0
	tests := map[string]struct {
		topic   string
		payload []byte
	}{
		"no JSON":           {topic.Health("u-1"), []byte("x")},
		"foreign topic":     {"subrosa/v1/room/r/nothing", []byte("{}")},
		"foreign root":      {"other/v1/x", []byte("{}")},
		"wrong type":        {topic.Health("u-1"), message(t, topic.Coverage("u-1"), t0, report.Coverage{})},
		"too large":         {topic.Health("u-1"), []byte(strings.Repeat(" ", event.MaxSize+1))},
		"unknown state":     {topic.SessionReported("r"), message(t, topic.SessionReported("r"), t0, session.Report{Version: 9, State: "party"})},
		"alarm's room":      {alarmTopic(other), message(t, alarmTopic(other), t0, other)},
		"alarm's id":        {topic.Alarm("r", "x"), message(t, topic.Alarm("r", "x"), t0, good)},
		"alarm's version":   {alarmTopic(zero), message(t, alarmTopic(zero), t0, zero)},
		"too many bands":    {topic.Levels("u-1"), message(t, topic.Levels("u-1"), t0, report.Levels{Bands: make([]report.Band, 9)})},
		"absurd level":      {topic.Levels("u-1"), message(t, topic.Levels("u-1"), t0, report.Levels{Bands: []report.Band{{Name: "fm", DB: 1e9}}})},
		"share":             {topic.Coverage("u-1"), message(t, topic.Coverage("u-1"), t0, report.Coverage{Senses: []report.Sense{{Sense: "radio", Share: 4}}})},
		"baseline progress": {topic.BaselineReported("u-1"), message(t, topic.BaselineReported("u-1"), t0, report.Baseline{State: "learning", Progress: 2})},
	}
	n := int64(0)
	for name, tt := range tests {
		if err := f.Handle(t.Context(), t0, tt.topic, tt.payload, false); err == nil {
			t.Errorf("%s: taken", name)
		}
		if n++; f.Stats().Malformed != n {
			t.Errorf("%s: %d counted, want %d", name, f.Stats().Malformed, n)
		}
	}
	r, _ := f.Room("r")
	if r.Session.State != session.Open || len(r.Alarms) != 0 {
		t.Errorf("the picture changed: %+v", r)
	}
}

func TestComplaintsAreFew(t *testing.T) {
	f, _ := newFleet(t)
	var lines countingHandler
	f.log = slog.New(&lines)
	for i := range 100 {
		_ = f.Handle(t.Context(), t0.Add(time.Duration(i)*100*time.Millisecond), topic.Health("u-1"), []byte("x"), false)
	}
	if lines != 1 {
		t.Errorf("%d lines in 10 s, want 1", lines)
	}
	_ = f.Handle(t.Context(), t0.Add(2*time.Minute), topic.Health("u-1"), []byte("x"), false)
	if lines != 2 {
		t.Errorf("%d lines after two minutes, want 2", lines)
	}
}

type countingHandler int

func (h *countingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (h *countingHandler) Handle(context.Context, slog.Record) error { *h++; return nil }
func (h *countingHandler) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h *countingHandler) WithGroup(string) slog.Handler             { return h }

func TestHistory(t *testing.T) {
	var h History
	at := func(i int) time.Time { return t0.Add(time.Duration(i) * RowEvery) }
	row := func(db float64) report.Levels {
		return report.Levels{Thirds: []report.Third{{Hz: 2500, DB: db}, {Hz: 3150, DB: db - 10}}, Bands: []report.Band{{Name: "fm", DB: db}}}
	}
	for i := range HistoryRows + 100 {
		h.add(at(i), row(float64(-100+i%50)))
	}
	if len(h.rows) != HistoryRows {
		t.Fatalf("%d rows, want %d", len(h.rows), HistoryRows)
	}
	tr := h.track(time.Hour)
	if got, want := len(tr.Rows), int(time.Hour/RowEvery)+1; got != want {
		t.Errorf("an hour has %d rows, want %d", got, want)
	}
	for i := 1; i < len(tr.Rows); i++ {
		if !tr.Rows[i].At.After(tr.Rows[i-1].At) {
			t.Fatal("rows are out of order")
		}
	}
	if l := tr.Thirds[1]; l.Hz != 3150 || l.Min != -110 || l.Max != -61 {
		t.Errorf("third-octave: %+v, want -110 … -61", l)
	}
	n := len(h.rows)
	h.add(tr.Rows[len(tr.Rows)-1].At.Add(time.Second), row(-3))
	if len(h.rows) != n || h.last().Bands[0] != -3 {
		t.Error("a row within the same 16 s was not merged by its higher level")
	}
	if !math.IsNaN(float64(h.last().Bands[1])) {
		t.Error("a band that was not told has a level")
	}
	h.add(at(HistoryRows+200), report.Levels{Bands: []report.Band{{Name: "dab", DB: -50}}})
	if len(h.rows) != HistoryRows || len(h.names) != 2 || h.last().Bands[1] != -50 || !math.IsNaN(float64(h.last().Bands[0])) {
		t.Errorf("a new band beside one left out: %d rows, bands %v, %v", len(h.rows), h.names, h.last().Bands)
	}
	for i := range maxBands {
		h.add(at(HistoryRows+201+i), report.Levels{Bands: []report.Band{{Name: fmt.Sprint("b", i), DB: -50}}})
	}
	if len(h.rows) >= HistoryRows || len(h.names) > maxBands {
		t.Errorf("more bands than fit: %d rows, bands %v", len(h.rows), h.names)
	}
	h.add(t0, report.Levels{Bands: []report.Band{{Name: "dab", DB: -50}}})
	if len(h.rows) != 1 {
		t.Errorf("a clock set back: %d rows, want a new history", len(h.rows))
	}
}

type sent map[string][]byte

func (s sent) Publish(_ context.Context, name string, b []byte) error { s[name] = b; return nil }

func TestCommandsContinueVersions(t *testing.T) {
	f, _ := newFleet(t)
	out := sent{}
	c := Commands{Fleet: f, To: out}
	if err := c.Desire(t.Context(), t0, "r", session.Desired{State: session.Open}); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown room: got %v", err)
	}
	f.must(t, t0, topic.SessionReported("r"), session.Report{Version: 4, DesiredVersion: 7, State: session.Open})
	f.must(t, t0, topic.SessionDesired("r"), session.Desired{Version: 11, Writer: "unit", State: session.Open})
	for want := uint64(12); want < 14; want++ {
		if err := c.Desire(t.Context(), t0, "r", session.Desired{Role: session.Clerk, State: session.Closed}); err != nil {
			t.Fatal(err)
		}
		e, err := event.Decode(out[topic.SessionDesired("r")])
		if err != nil {
			t.Fatal(err)
		}
		d, err := event.Data[session.Desired](e)
		if err != nil || d.Version != want || d.Writer != Writer || d.State != session.Closed {
			t.Errorf("got %+v, %v, want version %d", d, err, want)
		}
	}
	a := someAlarm(1, 1, alarm.Raised)
	f.must(t, t0, alarmTopic(a), a)
	ack := alarm.Ack{Role: "facility", Verdict: alarm.Explained, Reason: "maintenance"}
	for want := uint64(1); want < 3; want++ {
		if err := c.Answer(t.Context(), t0, "r", a.Finding.ID, ack); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Data answer `json:"data"`
		}
		if err := json.Unmarshal(out[topic.Ack("r", strings.ToLower(a.Finding.ID))], &got); err != nil || got.Data.Version != want || got.Data.Reason != "maintenance" {
			t.Errorf("got %+v, %v, want version %d", got, err, want)
		}
	}
	ack.Reason = "because"
	if err := c.Answer(t.Context(), t0, "r", a.Finding.ID, ack); !errors.Is(err, alarm.ErrAck) {
		t.Errorf("free text as a reason: got %v", err)
	}
	if err := c.Answer(t.Context(), t0, "r", "x", alarm.Ack{Role: "isms", Verdict: alarm.Fault, Reason: "reported"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown alarm: got %v", err)
	}
	if err := c.Learn(t.Context(), t0, "u-1"); err != nil || out[topic.BaselineDesired("u-1")] == nil {
		t.Errorf("learn: %v", err)
	}
}

func TestWatchCoalesces(t *testing.T) {
	f, _ := newFleet(t)
	w := f.Watch()
	for i := range 100 {
		f.fan.tell(fmt.Sprintf("r%d", i%3))
	}
	<-w.C
	if got := w.Take(); len(got) != 3 {
		t.Errorf("got %v, want three rooms", got)
	}
	select {
	case <-w.C:
		t.Error("told twice")
	default:
	}
	f.Close()
	if _, ok := <-w.C; ok {
		t.Error("the watch outlived the fleet")
	}
	if _, ok := <-f.Watch().C; ok {
		t.Error("a watch began after the end")
	}
}

func TestPictureIsBounded(t *testing.T) {
	f, _ := newFleet(t)
	for i := range maxRooms + 10 {
		name := topic.SessionReported(fmt.Sprintf("r%d", i))
		_ = f.Handle(t.Context(), t0, name, message(t, name, t0, session.Report{Version: 1, State: session.Open}), false)
	}
	if s := f.Stats(); s.Rooms > maxRooms || s.Malformed != 10 {
		t.Errorf("%d rooms, %d refused", s.Rooms, s.Malformed)
	}
}

func FuzzHandle(f *testing.F) {
	names := []string{
		topic.Online("u-1"), topic.Health("u-1"), topic.Coverage("u-1"), topic.Levels("u-1"), topic.BaselineReported("u-1"), topic.BaselineDesired("u-1"),
		topic.SessionReported("r"), topic.SessionDesired("r"), topic.Ack("r", "x"), alarmTopic(someAlarm(1, 1, alarm.Raised)), topic.Approvals(),
	}
	f.Add(uint8(0), message(f, names[0], t0, Online{Online: true}))
	f.Add(uint8(1), message(f, names[1], t0, report.Health{Checks: []report.Check{{Name: "clock"}}}))
	f.Add(uint8(2), message(f, names[2], t0, report.Coverage{Senses: []report.Sense{{Sense: "radio", HiHz: 1, Share: 1}}}))
	f.Add(uint8(3), message(f, names[3], t0, report.Levels{Thirds: []report.Third{{Hz: 2500, DB: -3}}, Bands: []report.Band{{Name: "fm", DB: -90}}}))
	f.Add(uint8(6), message(f, names[6], t0, session.Report{State: session.Closed}))
	f.Add(uint8(9), message(f, names[9], t0, someAlarm(1, 1, alarm.Raised)))
	fl, _ := newFleet(f)
	f.Fuzz(func(t *testing.T, which uint8, payload []byte) {
		_ = fl.Handle(context.Background(), t0, names[int(which)%len(names)], payload, false)
		for _, r := range fl.Rooms() {
			if _, err := json.Marshal(r.Alarms); err != nil {
				t.Fatalf("what was taken cannot be written: %v", err)
			}
			for _, u := range r.Units {
				if _, err := json.Marshal(u); err != nil {
					t.Fatalf("what was taken cannot be written: %v", err)
				}
			}
		}
	})
}

// TestHandleMangled feeds seeded damage of good messages.
func TestHandleMangled(t *testing.T) {
	f, _ := newFleet(t)
	rng := rand.New(rand.NewPCG(2, 1))
	a := someAlarm(1, 1, alarm.Raised)
	good := message(t, alarmTopic(a), t0, a)
	for range 2000 {
		b := append([]byte{}, good...)
		for range 1 + rng.IntN(4) {
			switch i := rng.IntN(len(b)); rng.IntN(3) {
			case 0:
				b[i] = byte(rng.IntN(256))
			case 1:
				b = b[:i+1]
			case 2:
				b = append(b[:i], b[min(i+rng.IntN(9), len(b)):]...)
			}
			if len(b) == 0 {
				break
			}
		}
		_ = f.Handle(t.Context(), t0, alarmTopic(a), b, false)
	}
	if r, ok := f.Room("r"); ok && len(r.Alarms) > 1 {
		t.Errorf("%d alarms out of one", len(r.Alarms))
	}
}

func BenchmarkHandleLevels(b *testing.B) {
	f, _ := newFleet(b)
	l := report.Levels{}
	for i := range 10 {
		l.Thirds = append(l.Thirds, report.Third{Hz: 2500 + float64(i), DB: -60})
	}
	for i := range 8 {
		l.Bands = append(l.Bands, report.Band{Name: fmt.Sprint("b", i), DB: -90})
	}
	msg := message(b, topic.Levels("u-1"), t0, l)
	for b.Loop() {
		if err := f.Handle(context.Background(), t0, topic.Levels("u-1"), msg, false); err != nil {
			b.Fatal(err)
		}
	}
}
