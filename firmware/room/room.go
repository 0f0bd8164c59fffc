// Package room is the room unit's own logic: it brings the sensor's findings to the alarm book, proves the points of
// the handover, moves the session, and keeps everybody told – the wall, the chair, and the site over MQTT.
//
// All state belongs to one goroutine, that of Run; everything else posts to it and never waits for it.
package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/clock"
	"subrosa/firmware/finding"
	"subrosa/firmware/journal"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/slot"
	"subrosa/firmware/wall"
)

// Identity is who and where the unit is.
type Identity struct {
	Room, Unit string // ids
	Name       string // of the room, for people
	Software   string
}

// Parts are what a Room works with. All are needed.
type Parts struct {
	Identity
	Clock   clock.Clock
	Log     *slog.Logger
	State   Folder // keeps session, slots and baseline
	Machine *session.Machine
	Journal journal.Appender
	Book    *alarm.Book
	Shadow  *shadow.Shadow
	Sensor  *sensor.Watcher
	Wall    *wall.Handler
	Rand    io.Reader
	Sound   Stream // what the sensor listens to
	Radio   Stream
}

// Stream is one kind of samples as the room knows it.
type Stream struct {
	Present    bool
	LoHz, HiHz float64
	Cannot     []string // what it cannot see: slugs of report.CannotText
}

// Folder keeps small states, each in a file of its own.
type Folder interface {
	Save(name string, v any) error
	Load(name string, v any) error // fs.ErrNotExist when there is none
}

// Room is one room's unit. New, then Run once.
type Room struct {
	p Parts

	mu    sync.Mutex
	tasks []func()
	wake  chan struct{}
	done  chan struct{} // closed when Run has ended

	begun      time.Time
	closedAt   time.Time // since when what is said is confidential
	status     record.Status
	statusAt   time.Time
	statuses   int // since the session entered its present state
	checks     map[string]*report.Check
	findings   map[string]bool   // ids that the sensor holds open
	troubles   map[string]string // health part → id of its finding
	bits       int
	baseline   baseline
	learning   report.Baseline
	proposal   *wall.Proposal
	session    session.Report
	coverage   report.Coverage
	healthSent string
	alive      Alive
}

// Alive is the state from which the next start tells how long the unit was away.
type Alive struct {
	At time.Time `json:"at"`
}

type baseline struct {
	Format   int             `json:"format"`
	Learned  time.Time       `json:"learned"`
	Emitters []sense.Emitter `json:"emitters"`
}

const (
	tickEvery   = 500 * time.Millisecond
	aliveEvery  = 10 * time.Second
	silentAfter = 2*slot.StatusEvery + 5*time.Second
	brokerAfter = time.Minute // without a broker before that is an alarm
)

// New prepares a room. It takes over the events of the sensor and the orders of the pages.
func New(p Parts) *Room {
	r := &Room{p: p, wake: make(chan struct{}, 1), done: make(chan struct{}), checks: map[string]*report.Check{}, findings: map[string]bool{},
		troubles: map[string]string{}, learning: report.Baseline{State: "none"}}
	p.Sensor.Events = sensor.Events{
		Found:    func(f finding.Finding) { r.post(func() { r.found(f) }) },
		Status:   func(s record.Status) { r.post(func() { r.heard(s) }) },
		Learned:  func(b []sense.Emitter) { r.post(func() { r.learned(b) }) },
		Learning: func(v float64) { r.post(func() { r.progress(v) }) },
		Merged:   func(k detect.Kind, n int) { r.post(func() { r.merged(k, n) }) },
		Lost:     func() { r.post(r.lost) },
		Spoken:   r.spoken,
	}
	return r
}

// post hands a task to the goroutine of Run. It never waits.
func (r *Room) post(f func()) {
	r.mu.Lock()
	r.tasks = append(r.tasks, f)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	defer close(r.done)
	r.begin(ctx)
	for {
		select {
		case <-ctx.Done():
			r.finish()
			return nil
		case <-r.wake:
		case <-r.p.Clock.After(tickEvery):
		}
		r.mu.Lock()
		tasks := r.tasks
		r.tasks = nil
		r.mu.Unlock()
		for _, f := range tasks {
			f()
		}
		r.tick(ctx)
	}
}

func (r *Room) begin(ctx context.Context) {
	r.begun = r.p.Clock.Now()
	if err := r.p.State.Load("baseline", &r.baseline); err == nil && r.baseline.Format == 1 {
		r.p.Sensor.SetBaseline(r.baseline.Emitters)
		at := r.baseline.Learned
		r.learning = report.Baseline{State: "ready", Progress: 1, Learned: &at, Emitters: len(r.baseline.Emitters)}
	}
	r.report("baseline", r.learning)
	r.append("unit.started", map[string]any{"software": r.p.Software})
	r.session = r.p.Machine.Report()
	r.tell()
}

func (r *Room) finish() {
	r.append("unit.stopped", map[string]any{"state": r.p.Machine.State()})
	r.save()
}

// append records an entry; a journal that fails is a health alarm, and everything else goes on.
func (r *Room) append(kind string, payload any) {
	b, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("room: %s: %v", kind, err)) // our own types
	}
	e := journal.Entry{Kind: kind, Time: r.p.Clock.Now(), Payload: b}
	r.Stamp(&e)
	_, err = r.p.Journal.Append(context.Background(), e)
	r.check("journal", err)
}

// Stamp fills in what the unit knows of itself in every entry.
func (r *Room) Stamp(e *journal.Entry) {
	e.Quality, e.Software, e.Unsealed = r.p.Clock.Quality(), r.p.Software, true
}

// tick does what time alone does.
func (r *Room) tick(ctx context.Context) {
	now := r.p.Clock.Now()
	r.p.Book.Tick(ctx)
	r.watch(now)
	r.move(r.p.Machine.Tick(now))
	r.points(now)
	if now.Sub(r.alive.At) >= aliveEvery {
		r.alive.At = now
		r.check("state", r.p.State.Save("alive", r.alive))
	}
	r.tell()
}

// apply lets the session take an event.
func (r *Room) apply(e session.Event) error {
	c, err := r.p.Machine.Apply(r.p.Clock.Now(), e)
	if err != nil {
		return err
	}
	r.move(c)
	return nil
}

// move does what a change of the session asks for.
func (r *Room) move(c session.Changed) {
	if !c.Report && !c.Moved() {
		return
	}
	r.session = r.p.Machine.Report()
	if c.Moved() {
		r.statuses = 0
		r.p.Log.Info("session", "from", c.From, "to", c.To, "on", c.On, "role", c.Role)
		r.p.Sensor.SetClosed(c.To.Confidential())
		r.append("session.changed", map[string]any{"from": c.From, "to": c.To, "on": c.On, "role": c.Role, "reason": c.Reason,
			"points": r.session.Points, "flags": r.session.Flags})
		if c.To == session.Restoring { // nothing of the building was taken over yet
			r.post(func() {
				if err := r.apply(session.Restored()); err != nil {
					r.p.Log.Error("session", "err", err)
				}
			})
		}
	}
	r.save()
	r.check("outbox", r.p.Shadow.Report(topicSession(r.p.Room), r.session))
}

func (r *Room) save() {
	b, err := r.p.Machine.Snapshot()
	if err == nil {
		err = r.p.State.Save("session", json.RawMessage(b))
	}
	r.check("state", err)
}

// points tells the machine what is proven of the handover.
func (r *Room) points(now time.Time) {
	s := r.p.Machine.State()
	if !s.Step() && s != session.Interrupted {
		return
	}
	alive := !r.statusAt.IsZero() && now.Sub(r.statusAt) < silentAfter
	ps := []session.Point{
		{Name: "sensor-alive", Step: session.Handover, Proven: alive},
		{Name: "journal-writes", Step: session.Handover, Proven: r.ok("journal")},
	}
	swept := r.statuses > 0 && s == session.Sweep || s == session.Arming || s == session.Interrupted
	if r.p.Sound.Present {
		ps = append(ps, session.Point{Name: "sound-covered", Step: session.Sweep,
			Proven: alive && swept && r.status.Coverage[record.Ultrasonic] >= record.Most})
	}
	if r.p.Radio.Present {
		ps = append(ps, session.Point{Name: "radio-covered", Step: session.Sweep,
			Proven: alive && swept && r.status.Coverage[record.Radio] >= record.Most})
	}
	if err := r.apply(session.Points(ps)); err != nil {
		r.p.Log.Error("session", "err", err)
	}
}

// found takes a finding of the sensor.
func (r *Room) found(f finding.Finding) {
	if f.Open() {
		r.findings[f.ID] = true
	} else {
		delete(r.findings, f.ID)
	}
	f.Coverage = r.coverageLine(f.Sense)
	if !f.Alarm {
		r.p.Log.Info("finding", "kind", f.Kind, "name", f.Name, "open", f.Open())
		return
	}
	r.p.Book.Observe(context.Background(), f)
}

// lost ends what the sensor held open when it ended: whether it lasts is not known until it is found again.
func (r *Room) lost() {
	for id := range r.findings {
		r.p.Book.End(context.Background(), id)
	}
	clear(r.findings)
	r.statusAt = time.Time{}
}

func (r *Room) merged(kind detect.Kind, n int) {
	r.p.Log.Warn("findings merged", "kind", kind, "count", n)
	r.append("findings.merged", map[string]any{"kind": kind, "count": n})
}

// heard takes a status of the sensor.
func (r *Room) heard(s record.Status) {
	now := r.p.Clock.Now()
	r.status, r.statusAt = s, now
	r.statuses++
	r.clear("sensor-process")
	if s.Health&record.Restart == 0 { // the first status may come before the first sample
		r.sourceCheck("microphone", r.p.Sound.Present, s.Health, record.SoundOn, record.SoundDead)
		r.sourceCheck("receiver", r.p.Radio.Present, s.Health, record.RadioOn, record.RadioDead)
	}
	l := report.Levels{Thirds: []report.Third{}, Bands: []report.Band{}, Open: s.Open}
	for i, v := range s.Thirds {
		if v == v {
			l.Thirds = append(l.Thirds, report.Third{Hz: record.Thirds[i], DB: v})
		}
	}
	for i, v := range s.Bands {
		if v == v {
			l.Bands = append(l.Bands, report.Band{Name: r.bandName(i), DB: v})
		}
	}
	r.report("levels", l)
	r.cover(s)
}

var errNoSamples = errors.New("no samples arrive")
var errDeadSamples = errors.New("nothing but exact silence")

func (r *Room) sourceCheck(part string, present bool, health uint16, on, dead uint16) {
	switch {
	case !present:
	case health&on == 0:
		r.check(part, errNoSamples)
	case health&dead != 0:
		r.check(part, errDeadSamples)
	default:
		r.check(part, nil)
	}
}

// bandName names one of the equal parts of the receiver's span by its middle, MHz.
func (r *Room) bandName(i int) string {
	w := (r.p.Radio.HiHz - r.p.Radio.LoHz) / record.Bands
	return fmt.Sprintf("%.2f MHz", (r.p.Radio.LoHz+w*(float64(i)+0.5))/1e6)
}

// spoken keeps the windows of the slots. It is called by the sensor's watcher.
func (r *Room) spoken(m *slot.Meter) {
	bits := m.Bits(r.p.Clock.Now())
	err := r.p.State.Save("slots", m)
	r.post(func() {
		r.bits = bits
		r.check("state", err)
	})
}
