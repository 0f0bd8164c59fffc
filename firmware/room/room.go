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
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/av"
	"subrosa/firmware/clock"
	"subrosa/firmware/finding"
	"subrosa/firmware/handover"
	"subrosa/firmware/journal"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/panel"
	"subrosa/firmware/policy"
	"subrosa/firmware/record"
	"subrosa/firmware/report"
	"subrosa/firmware/roster"
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
	Site    Site
	Sensor  *sensor.Watcher
	Wall    *wall.Handler
	Rand    io.Reader // for identifiers
	Sound   Stream    // what the sensor listens to
	Radio   Stream
	// Speaker plays the self-test; nil: there is none.
	Speaker Speaker
	Chirp   sense.Chirp
	// SelfTest is how often the microphone is tested while no session is on its way, besides at the start and before a
	// session; 0: not at all.
	SelfTest time.Duration
	// AV is the hall's equipment, and Relays which relay of the panel cuts which device of it; nil: none is known.
	AV     *av.Desk
	Relays map[string]string
	// Attendance is who may attend, and who is here; nil: the room has no roster until the site sends one. The room keeps it.
	Attendance *roster.Attendance
	// KeepAttendance is how long what belongs to a session alone is kept after it; 0: not at all.
	KeepAttendance time.Duration
	// Lockdown is what is asked of the device management, and what it proves; nil: with default times.
	Lockdown *lockdown.Desk
	// Walk is the walk through the room at the handover; nil: nothing is walked through.
	Walk *handover.Walk
	// Building are the windows and doors that the building's gateways watch.
	Building []BuildingContact
	// Unsealed says that the kernel does not seal the sensor.
	Unsealed bool
	// Panel is shown every View the pages are; it must not wait. Nil: there is no panel.
	Panel func(wall.View)
	// Policy is the room's rules; nil: there are none, and the points of this package alone count.
	Policy *policy.Policy
}

// Stream is one kind of samples as the room knows it.
type Stream struct {
	Present    bool
	LoHz, HiHz float64
	Cannot     []string // what it cannot see: slugs of report.CannotText
}

// Site is the room's side of the site's MQTT state: a shadow.Shadow.
type Site interface {
	Report(topic string, data any) error                 // makes data the topic's newest state
	Desired(filter string, f func(shadow.Message)) error // calls f with what others want
	Watch(filter string, f func(shadow.Message)) error   // calls f with what others say, perhaps more than once
	Status() shadow.Status
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

	// What the sensor says.
	status   record.Status
	statusAt time.Time // zero: the present run has said nothing
	heardAt  time.Time // when it was heard last, or had a reason to be silent
	statuses int       // since the session entered its present state
	findings map[string]bool
	bits     int // that it can have said in the last hour
	coverage report.Coverage
	figures  figures

	diary diary // of the calendars

	// How the unit is.
	faults     map[fault]error
	checks     map[string]*report.Check
	troubles   map[string]string // what an alarm was raised for → id of its finding
	healthSent string
	unrecorded []journal.Entry // oldest first, while the journal fails

	// What the room does.
	session  session.Report
	closedAt time.Time // since when what is said is confidential
	proposal *wall.Proposal
	baseline baseline
	learning report.Baseline
	learnEnd time.Time   // when listening for a baseline ends; zero: it does not listen
	facts    panel.Facts // what panel and building read
	building estate
	contacts map[string]string // name → state as published
	ajar     bool              // something was open when it was read last
	discard  bool              // what arrives of the last learning is not taken over
	aliveAt  time.Time
	hearing  hearing
	sweep    sweeping
	remotely remotely
	rules    rules
	hall     hall
	listed   listed
	devices  devices
	call     call
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
	tickEvery    = 500 * time.Millisecond
	aliveEvery   = 10 * time.Second
	restoreAfter = time.Second // so that everybody sees the room being given back
	silentAfter  = 2*slot.StatusEvery + 5*time.Second
	brokerAfter  = time.Minute // without a broker before that is an alarm

	maxUnrecorded = 1000 // entries that wait for the journal
)

// New prepares a room. It takes over the events of the sensor and the orders of the pages, and tells the sensor
// whether the session is closed and what it knows already: call it before the sensor runs.
func New(p Parts) *Room {
	if p.AV == nil {
		p.AV = new(av.Desk)
	}
	if p.Walk == nil {
		p.Walk = new(handover.Walk)
	}
	r := &Room{p: p, wake: make(chan struct{}, 1), done: make(chan struct{}), findings: map[string]bool{}, faults: map[fault]error{},
		checks: map[string]*report.Check{}, troubles: map[string]string{}, figures: newFigures(), learning: report.Baseline{State: "none"}}
	p.Sensor.Events = sensor.Events{
		Found:    func(f finding.Finding) { r.post(func() { r.found(f) }) },
		Status:   func(s record.Status) { r.post(func() { r.heard(s) }) },
		Learned:  func(b []sense.Emitter) { r.post(func() { r.learned(b) }) },
		Learning: func(v float64) { r.post(func() { r.progress(v) }) },
		Merged:   func(k detect.Kind, n int) { r.post(func() { r.merged(k, n) }) },
		Failing:  func(c record.Cause) { r.post(func() { r.failing(c) }) },
		Ended:    func(e sensor.End) { r.post(func() { r.ended(e) }) },
		Spoken:   r.spoken,
	}
	p.Sensor.SetClosed(p.Machine.State().Confidential())
	r.loadRules()
	r.openAttendance()
	r.openLockdown()
	switch err := p.State.Load("baseline", &r.baseline); {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && r.baseline.Format == 1:
		p.Sensor.SetBaseline(r.baseline.Emitters)
		r.learning = r.ready()
	default:
		p.Log.Error("the baseline is unreadable: learn anew", "err", err)
		r.baseline = baseline{}
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

// Run works until ctx ends, and then through what was posted before.
func (r *Room) Run(ctx context.Context) error {
	defer close(r.done)
	r.begin()
	tick := r.p.Clock.After(0)
	for {
		select {
		case <-ctx.Done():
			r.work()
			r.finish()
			return nil
		case <-r.wake:
			r.work()
		case <-tick:
			r.tick(context.WithoutCancel(ctx))
			tick = r.p.Clock.After(tickEvery)
		}
	}
}

// work does what was posted.
func (r *Room) work() {
	r.mu.Lock()
	tasks := r.tasks
	r.tasks = nil
	r.mu.Unlock()
	for _, f := range tasks {
		f()
	}
}

func (r *Room) begin() {
	now := r.p.Clock.Now()
	r.heardAt = now
	r.session = r.p.Machine.Report()
	if r.session.State.Confidential() {
		r.closedAt = r.session.Since
	}
	r.recallHall()
	r.beginAttendance(now)
	r.recallRemote()
	r.append("unit.started", map[string]any{"software": r.p.Software, "state": r.session.State, "reason": r.session.Reason})
	r.publish()
	r.report("baseline", r.learning)
	r.tell()
}

func (r *Room) finish() {
	r.append("unit.stopped", map[string]any{"state": r.p.Machine.State()})
	r.save()
	r.alive(r.p.Clock.Now())
}

// tick does what time alone does.
func (r *Room) tick(ctx context.Context) {
	now := r.p.Clock.Now()
	r.p.Book.Tick(ctx)
	r.retry()
	r.watch(now)
	r.move(r.p.Machine.Tick(now))
	r.stepLockdown()
	r.points()
	r.listenOn(now)
	r.test(now)
	r.watchHall(now)
	r.watchBuilding(now)
	r.watchAttendance(now)
	if r.session.State == session.Restoring && now.Sub(r.session.Since) >= restoreAfter && r.restored() {
		r.must(session.Restored())
	}
	if now.Sub(r.aliveAt) >= aliveEvery {
		r.alive(now)
	}
	r.tell()
}

// retry does again what a disk has refused and nothing else would do again.
func (r *Room) retry() {
	r.record()
	if r.faults[fault{"state", "session"}] != nil {
		r.save()
	}
	if r.faults[fault{"state", "baseline"}] != nil {
		r.saveBaseline()
	}
}

// alive notes that the unit runs.
func (r *Room) alive(now time.Time) {
	r.aliveAt = now
	r.check("state", "alive", r.p.State.Save("alive", Alive{now}))
}

// append records an entry. While the journal fails, which is a health alarm, entries wait, and everything else goes on.
func (r *Room) append(kind string, payload any) { r.appendEntry(journal.Entry{Kind: kind}, payload) }

// appendEntry records an entry of which kind and requirements are given.
func (r *Room) appendEntry(e journal.Entry, payload any) {
	b, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("room: %s: %v", e.Kind, err)) // our own types
	}
	e.Time, e.Payload = r.p.Clock.Now(), b
	r.Stamp(&e)
	if len(r.unrecorded) >= maxUnrecorded {
		r.p.Log.Error("entry is not recorded: too many wait for the journal", "kind", e.Kind)
		return
	}
	r.unrecorded = append(r.unrecorded, e)
	r.record()
}

// record writes what waits for the journal, oldest first, until the journal fails.
func (r *Room) record() {
	for len(r.unrecorded) > 0 {
		e := r.unrecorded[0]
		_, err := r.p.Journal.Append(context.Background(), e)
		if errors.Is(err, journal.ErrEntry) { // never will be: a mistake of ours
			r.p.Log.Error("entry is not recorded", "kind", e.Kind, "err", err)
			err = nil
		}
		if r.check("journal", "room", err); err != nil {
			return
		}
		r.unrecorded = r.unrecorded[1:]
	}
	r.unrecorded = nil
}

// Stamp fills in what the unit knows of itself in every entry.
func (r *Room) Stamp(e *journal.Entry) {
	e.Quality, e.Software, e.Unsealed = r.p.Clock.Quality(), r.p.Software, r.p.Unsealed
	if r.p.Policy != nil {
		e.Policy = r.p.Policy.Hash
	}
}
