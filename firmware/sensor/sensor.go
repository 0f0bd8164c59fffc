// Package sensor is the room unit's side of the sensor process: it starts and watches it, polls it on its own clock,
// keeps the ceilings, and turns records into findings.
//
//	      ┌────────── fd 4: polls, configuration ──────────┐
//	roomd │◄───────── fd 3: one 16-byte record each ───────│ sensed
//	      └────────── fd 5, 6: samples, one way ───────────┘
//
// A record that is out of grammar, or one more than was asked for, is tampering: the process is killed and an alarm
// raised. It is started again at most once a minute. Of its end one bit is kept: in order or not. While one of its
// sources is missing it is started anew after 1, 2, 5 and then every 10 minutes, to look again.
//
// What the sensor could say by its timing is bounded, too: an answer counts at the first tick after it came, each tick
// that it is late costs a slot, and so does a run, for its end, which is noticed at a tick.
package sensor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/clock"
	"subrosa/firmware/finding"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

// Process is one run of the sensor.
type Process struct {
	Records io.ReadCloser  // its descriptor 3; Close ends a pending Read
	Control io.WriteCloser // its descriptor 4
	Kill    func()         // ends it at once
	Wait    func() error   // returns when it has ended; called once
}

// Start starts the sensor process.
type Start func(context.Context) (*Process, error)

// Events are what the watcher tells. They are called from the goroutine of Run and must not block.
type Events struct {
	Found    func(finding.Finding)         // appeared, or is over (End set): the same ID
	Status   func(record.Status)           // every 16 s
	Learned  func([]sense.Emitter)         // a whole baseline has arrived
	Learning func(progress float64)        // of the baseline's arrival, 0…1
	Merged   func(kind detect.Kind, n int) // findings that were only counted
	Failing  func(record.Cause)            // the sensor or one of its sources is about to end
	Ended    func(End)                     // what it held open is not known any more
	Spoken   func(m *slot.Meter) error     // keep the windows; with an error, no slot may be filled until one succeeds
}

// End is what is kept of the end of a run.
type End struct {
	OK   bool  // the process said so
	Look bool  // it was ended in order to look for a missing source; Err is nil then
	Err  error // why it was given up, in the watcher's words; wraps ErrGrammar if it was killed for tampering
}

// Watcher runs the sensor.
type Watcher struct {
	Start  Start
	Clock  clock.Clock
	Log    *slog.Logger
	Events Events
	Meter  *slot.Meter // windows kept from the last run; nil: used up
	Config sense.Config
	Rand   io.Reader // for identifiers

	mu       sync.Mutex
	closed   bool
	baseline []sense.Emitter
	pending  []sense.Control // to be sent before the next poll
	restarts int

	// Of the present run, used by the goroutine of Run only.
	seq      uint8                     // of the last record
	open     map[uint8]finding.Finding // by number
	learning learning
	arriving []sense.Emitter
	expected int // of arriving
	look     look

	statusAt time.Time // of the last status, of whichever run
	mute     bool      // the windows could not be kept
}

// learning is how far the sensor was asked to learn: only then may entries of a baseline come.
type learning uint8

const (
	idle learning = iota
	asked
	over // entries may come
)

const (
	answerWithin = 5 * time.Second // real time; a healthy sensor answers within a block
	restartEvery = time.Minute     // of the clock's time, between two starts
)

// ErrGrammar means that the sensor did not keep to the grammar of its records.
var ErrGrammar = errors.New("sensor: out of grammar")

// SetClosed tells whether the session is closed, which lowers the ceiling.
func (w *Watcher) SetClosed(closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = closed
}

func (w *Watcher) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// SetBaseline hands the baseline over; each run of the process gets it again.
func (w *Watcher) SetBaseline(b []sense.Emitter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.baseline = b
	w.pending = append(w.pending, sense.Control{Verb: 'B', Baseline: b})
}

// Learn begins or ends the learning of a baseline. A run that ends forgets what it was learning.
func (w *Watcher) Learn(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, sense.Control{Verb: 'L', Learn: on})
}

// Chirp tells the sensor that the room unit is about to play c; the zero Chirp, that it was not played.
func (w *Watcher) Chirp(c sense.Chirp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, sense.Control{Verb: 'K', Chirp: c})
}

// Restarts returns how often the process was started again.
func (w *Watcher) Restarts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.restarts
}

// Run keeps the sensor running until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	if w.Meter == nil {
		w.Meter = slot.UsedUp(w.Clock.Now())
	} else {
		w.Meter.Fill(w.Clock.Now(), true) // the unit may have ended between the last record and its note
	}
	w.statusAt = w.Meter.LastStatus()
	// The last start may have been another room unit's, a moment ago.
	if !w.pause(ctx, w.Meter.LastStart()) {
		return nil
	}
	for first := true; ; first = false {
		if !first && !w.slotFree(ctx) {
			return nil
		}
		begun := w.Clock.Now()
		w.Meter.Fill(begun, w.isClosed()) // for how and when this run will end, which may be the sensor's choice
		w.Meter.Start(begun)
		w.spoken()
		end := w.once(ctx)
		if ctx.Err() != nil || !w.tick(ctx, begun) {
			return nil
		}
		w.Log.Warn("sensor ended", "ok", end.OK, "err", end.Err)
		w.Events.Ended(end)
		w.mu.Lock()
		w.restarts++
		w.mu.Unlock()
		if !w.pause(ctx, begun) {
			return nil
		}
	}
}

// pause waits until a start is due again after the last. False if ctx ended.
func (w *Watcher) pause(ctx context.Context, last time.Time) bool {
	wait := restartEvery - w.Clock.Now().Sub(last)
	if wait > restartEvery { // the clock was set back
		wait = restartEvery
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.Clock.After(max(0, wait)):
		return true
	}
}

// spoken has the windows kept. What is not kept would be forgotten by a restart: then nothing may be said.
func (w *Watcher) spoken() { w.mute = w.Events.Spoken(w.Meter) != nil }

// left returns how many urgent slots may be filled at now.
func (w *Watcher) left(now time.Time, closed bool) int {
	if w.mute {
		return 0
	}
	return w.Meter.Left(now, closed)
}

// slotFree waits for a slot that may be filled. False if ctx ended.
func (w *Watcher) slotFree(ctx context.Context) bool {
	for w.left(w.Clock.Now(), w.isClosed()) == 0 {
		select {
		case <-ctx.Done():
			return false
		case <-w.Clock.After(slot.UrgentEvery):
			w.spoken() // it may be kept again
		}
	}
	return true
}

// tick waits for the first tick of a run's clock from now on: an end is noticed there. False if ctx ended.
func (w *Watcher) tick(ctx context.Context, begun time.Time) bool {
	now := w.Clock.Now()
	select {
	case <-ctx.Done():
		return false
	case <-w.Clock.After(later(begun, slot.UrgentEvery, now).Sub(now)):
		return true
	}
}

// begin forgets the run before. It returns what the new one is told first.
func (w *Watcher) begin() []sense.Control {
	w.seq, w.open, w.learning, w.arriving = 0, map[uint8]finding.Finding{}, idle, nil
	w.look.begin(w.Clock.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = slices.DeleteFunc(w.pending, func(c sense.Control) bool { return c.Verb == 'B' || c.Verb == 'K' })
	return []sense.Control{{Verb: 'C', Config: &w.Config}, {Verb: 'B', Baseline: w.baseline}}
}

// take returns what is to be sent before the next poll.
func (w *Watcher) take() []sense.Control {
	w.mu.Lock()
	defer w.mu.Unlock()
	pending := w.pending
	w.pending = nil
	for _, c := range pending {
		switch {
		case c.Verb == 'L' && c.Learn:
			w.learning, w.arriving = asked, nil
		case c.Verb == 'L' && w.learning == asked:
			w.learning, w.arriving = over, nil
		}
	}
	return pending
}
