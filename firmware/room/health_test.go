package room

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/journal"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

var nan = math.NaN()

// trouble is something that goes wrong with a unit, and how it is mended.
type trouble struct {
	name       string
	kind       detect.Kind
	part       string // name of the alarm
	fail, mend func(*house)
	after      time.Duration // until it is told
	hears      bool          // the sensor goes on meanwhile
}

func troubles() []trouble {
	status := func(health uint16) func(*house) {
		return func(h *house) {
			s := good()
			s.Health = health
			h.p.Sensor.Events.Status(s)
		}
	}
	well := status(record.RadioOn | record.SoundOn)
	end := func(err error) func(*house) { return func(h *house) { h.p.Sensor.Events.Ended(sensor.End{Err: err}) } }
	return []trouble{
		{"microphone without samples", detect.SensorDead, "microphone", status(record.RadioOn), well, 0, false},
		{"receiver that is mute", detect.SensorDead, "receiver", status(record.RadioOn | record.SoundOn | record.RadioDead), well, 0, false},
		{"source that failed", detect.SensorDead, "microphone", func(h *house) { h.p.Sensor.Events.Failing(record.SoundFailed) },
			func(h *house) { end(nil)(h); well(h) }, 0, false},
		{"broker away", detect.SensorDead, "broker", func(h *house) { h.site.status.Connected, h.site.status.Since = false, h.clock.now },
			func(h *house) { h.site.status.Connected = true }, 70 * time.Second, true},
		{"outbox on a full disk", detect.SensorDead, "outbox", func(h *house) { h.site.status.Disk = errDisk }, func(h *house) { h.site.status.Disk = nil }, 0, false},
		{"sensor silent", detect.SensorDead, "sensor-process", func(*house) {}, well, 40 * time.Second, false},
		{"sensor ended", detect.SensorDead, "sensor-process", end(errors.New("gone")), well, 0, false},
		{"sensor out of grammar", detect.SensorTamper, "grammar", end(fmt.Errorf("%w: type 7", sensor.ErrGrammar)), well, 0, false},
		{"state on a full disk", detect.SensorDead, "state", func(h *house) { h.Health("state", errDisk) }, func(h *house) { h.Health("state", nil) }, 0, false},
	}
}

// TestHealthAlarms: each trouble raises one alarm, says so in report and flags, and its end clears it.
func TestHealthAlarms(t *testing.T) {
	for _, tt := range troubles() {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t)
			h.heard(good())
			h.pass(time.Second, true)
			if len(h.book.Alarms()) != 0 || h.session.Has(session.Degraded) {
				t.Fatalf("trouble before it began: %+v", h.faults)
			}
			tt.fail(h)
			if tt.hears {
				h.pass(tt.after + 5*time.Second)
			} else {
				h.pass(tt.after+5*time.Second, true)
			}
			as := h.book.Alarms()
			if len(as) != 1 || as[0].Finding.Kind != tt.kind || as[0].Finding.Name != tt.part || as[0].Merged != 0 || !as[0].Finding.Open() {
				t.Fatalf("alarms %+v, want one, %v %s, that lasts", as, tt.kind, tt.part)
			}
			if hl := data[report.Health](t, h.site, topic.Health("u1")); hl.OK || !h.session.Has(session.Degraded) {
				t.Errorf("health %+v, flags %v, want trouble in both", hl, h.session.Flags)
			}
			tt.mend(h)
			h.pass(time.Second, true)
			if len(h.troubles) != 0 || h.session.Has(session.Degraded) {
				t.Errorf("trouble goes on: %v, flags %v", h.faults, h.session.Flags)
			}
			h.heard(good())
			h.pass(3 * time.Minute)
			if a := h.book.Alarms()[0]; len(h.book.Alarms()) != 1 || a.State != alarm.Cleared {
				t.Errorf("in the end %s %s is %s, want cleared", a.Finding.Kind, a.Finding.Name, a.State)
			}
		})
	}
}

// TestOneFindsItInOrder: what one finds in order does not hide what another finds broken.
func TestOneFindsItInOrder(t *testing.T) {
	h := build(t)
	h.check("state", "book", errDisk)
	for range 5 {
		h.check("state", "alive", nil)
	}
	if n := len(h.alarms(detect.SensorDead)); n != 1 || h.fault("state") == nil || h.checks["state"].OK {
		t.Errorf("%d alarms, fault %v", n, h.fault("state"))
	}
}

// TestFullDisk: the session goes on, the chair is told, and the record is made up for when there is room again.
func TestFullDisk(t *testing.T) {
	h := build(t)
	h.heard(good())
	h.pass(time.Second)
	h.disk = errDisk
	if err := h.order(wall.Order{Act: wall.Start, Role: session.Chair}); err != nil {
		t.Fatal(err)
	}
	began := h.clock.now
	h.pass(time.Minute)
	if h.session.State != session.Handover || !slices.Equal(h.session.Unproven(), []string{"journal-writes", "sound-covered", "radio-covered"}) {
		t.Errorf("got %s, unproven %v, want a handover that waits for the journal", h.session.State, h.session.Unproven())
	}
	if as := h.alarms(detect.SensorDead); len(as) != 1 || as[0].Finding.Name != "journal" {
		t.Errorf("alarms %+v, want one of the journal", as)
	}
	h.disk = nil
	h.pass(time.Minute)
	if h.session.State != session.Closed {
		t.Errorf("got %s after the disk was mended", h.session.State)
	}
	var first journal.Entry
	err := h.journal.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == "session.changed" && first.Kind == "" {
			first = e
		}
		return nil
	})
	if err != nil || !first.Time.Equal(began) {
		t.Errorf("the start is recorded at %v, %v, want %v, when it happened", first.Time, err, began)
	}
}

func TestEndedSensorHoldsNothingOpen(t *testing.T) {
	h := build(t)
	h.heard(good())
	h.p.Sensor.Events.Found(h.beacon())
	h.work()
	h.ended(sensor.End{Err: fmt.Errorf("gone")})
	if len(h.findings) != 0 || h.alarms(detect.UltrasonicBeacon)[0].Finding.Open() {
		t.Error("the beacon is held open although nobody listens")
	}
	if !slices.Contains(h.entries(), "sensor.ended") {
		t.Error("the end is not in the journal")
	}
}

func TestBaseline(t *testing.T) {
	h := build(t)
	h.heard(good())
	name, want := topic.BaselineReported("u1"), topic.BaselineDesired("u1")
	is := func(state string, emitters int) {
		t.Helper()
		if b := data[report.Baseline](t, h.site, name); b.State != state || b.Emitters != emitters {
			t.Errorf("reported %+v, want %s with %d", b, state, emitters)
		}
	}
	is("none", 0)
	learn := func(on bool) { h.learn(h.wants(map[string]any{"version": 1, "writer": "console", "learn": on}, want)) }
	learn(false)
	is("none", 0)
	learn(true)
	is("learning", 0)
	h.ended(sensor.End{}) // what it was learning is lost
	is("none", 0)
	learn(true)
	learn(false)
	h.progress(0.5)
	is("learning", 0)
	h.learned([]sense.Emitter{{Hz: 433.92e6}, {Hz: 434e6}})
	is("ready", 2)
	learn(true)
	h.ended(sensor.End{})
	is("ready", 2)
	h.pass(time.Second)
	h.restart(time.Second)
	is("ready", 2)

	h.close()
	learn(true)
	is("ready", 2)
	if !slices.Contains(h.entries(), "baseline.refused") {
		t.Error("learning in a closed session is not refused")
	}
	h.stop()
	if err := h.p.State.Save("baseline", "spoilt"); err != nil {
		t.Fatal(err)
	}
	h.start()
	is("none", 0)
}

// TestLearningEnds: listening for a baseline has an end of its own, and ends before a session; what a session would
// have taught is thrown away.
func TestLearningEnds(t *testing.T) {
	h := build(t)
	h.heard(good())
	name, want := topic.BaselineReported("u1"), topic.BaselineDesired("u1")
	learn := func() { h.learn(h.wants(map[string]any{"version": 1, "writer": "console", "learn": true}, want)) }
	state := func() report.Baseline { return data[report.Baseline](t, h.site, name) }
	learn()
	h.pass(LearnFor / 2)
	if b := state(); b.State != "learning" || b.Progress < 0.2 || b.Progress > 0.3 {
		t.Errorf("half way: reported %+v, want a quarter of the progress", b)
	}
	h.pass(LearnFor/2 + time.Minute)
	if !h.learnEnd.IsZero() {
		t.Error("the sensor still listens after LearnFor")
	}
	h.learned([]sense.Emitter{{Hz: 433.92e6}})
	if b := state(); b.State != "ready" || b.Emitters != 1 {
		t.Errorf("after its arrival: reported %+v, want one emitter", b)
	}

	learn()
	h.close()
	if !h.learnEnd.IsZero() || !slices.Contains(h.entries(), "baseline.aborted") {
		t.Error("learning goes on into the closed session")
	}
	h.learned([]sense.Emitter{{Hz: 1e6}, {Hz: 2e6}})
	if b := state(); b.State != "ready" || b.Emitters != 1 || len(h.baseline.Emitters) != 1 {
		t.Errorf("after the abort: reported %+v, want the baseline there was", b)
	}
}

func TestProposal(t *testing.T) {
	h := build(t)
	h.heard(good())
	if err := h.order(wall.Order{Act: wall.Propose, Role: session.Clerk, Proposes: wall.Start}); err != nil || h.proposal == nil {
		t.Fatalf("got %v, %v", h.proposal, err)
	}
	h.desired(h.wants(session.Desired{Version: 1, Writer: "console", Role: session.Chair, State: session.Closed}, topic.SessionDesired("ratssaal")))
	if h.session.State != session.Handover || h.proposal != nil {
		t.Errorf("in %s the proposal is %+v, want none any more", h.session.State, h.proposal)
	}
}

// TestRun: orders are carried out while the room runs, and refused once it has ended; what waits is done before the end.
func TestRun(t *testing.T) {
	h := build(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	if err := h.Do(ctx, wall.Order{Act: wall.Start, Role: session.Clerk}); err != nil {
		t.Error(err)
	}
	if err := h.Do(ctx, wall.Order{Act: wall.End, Role: session.Facility}); err == nil {
		t.Error("facility ended a session")
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(h.Metrics())
	if ms, err := reg.Gather(); err != nil || len(ms) < 6 {
		t.Errorf("%d metrics, %v", len(ms), err)
	}
	ran := make(chan struct{})
	h.wait(func() { close(ran) })
	<-ran
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := h.Do(t.Context(), wall.Order{Act: wall.End, Role: session.Chair}); err != errStopped {
		t.Errorf("after the end: got %v, want %v", err, errStopped)
	}
	h.wait(func() {}) // does not wait for ever
	if _, err := reg.Gather(); err != nil {
		t.Errorf("figures of a room that has ended: %v", err)
	}
	if k := h.entries(); k[len(k)-1] != "unit.stopped" {
		t.Errorf("the last entry is %s", k[len(k)-1])
	}
}

func TestFigures(t *testing.T) {
	h := build(t)
	before := len(h.measure())
	h.found(h.beacon())
	h.merged(detect.Burst, 7)
	if n := len(h.measure()) - before; n != 2 {
		t.Errorf("%d figures more, want one for the beacon and one for the bursts", n)
	}
}
