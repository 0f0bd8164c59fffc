// Package sensor is the room unit's side of the sensor process: it starts and watches it, polls it on its own clock,
// keeps the ceilings, and turns records into findings.
//
//	      ┌────────── fd 4: polls, configuration ──────────┐
//	roomd │◄───────── fd 3: one 16-byte record each ───────│ sensed
//	      └────────── fd 5, 6: samples, one way ───────────┘
//
// A record that is out of grammar, or one more than was asked for, is tampering: the process is killed and an alarm
// raised. It is started again at most once a minute.
package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
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
	Records io.ReadCloser  // its descriptor 3
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
	Lost     func()                        // the process ended: what it held open is not known any more
	Spoken   func(m *slot.Meter)           // a slot was filled: keep the windows
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

	open     map[uint8]finding.Finding // by number
	arriving []sense.Emitter
}

const (
	answerWithin = 5 * time.Second // real time; a healthy sensor answers within a block
	restartEvery = time.Minute     // of the clock's time
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

// Learn begins or ends the learning of a baseline.
func (w *Watcher) Learn(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, sense.Control{Verb: 'L', Learn: on})
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
	}
	for {
		begun := w.Clock.Now()
		err := w.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.trouble(err)
		w.Events.Lost()
		w.mu.Lock()
		w.restarts++
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-w.Clock.After(max(0, restartEvery-w.Clock.Now().Sub(begun))):
		}
	}
}

// trouble raises the alarm that the sensor ended.
func (w *Watcher) trouble(err error) {
	w.Log.Warn("sensor ended", "err", err)
	f := finding.Finding{Kind: detect.SensorDead, Name: "sensor-process", Alarm: true}
	if errors.Is(err, ErrGrammar) {
		f.Kind, f.Name = detect.SensorTamper, "grammar"
	}
	w.report(f, w.Clock.Now(), nil)
}

// report completes a finding and tells it.
func (w *Watcher) report(f finding.Finding, start time.Time, end *time.Time) finding.Finding {
	if f.ID == "" {
		f.ID = finding.NewID(w.Clock.Now(), w.Rand)
	}
	f.Sense, f.Side, f.Start, f.End = f.Kind.Sense(), finding.Unknown, start, end
	f.Cause = finding.CauseOf(f.Kind, f.Name, f.Hz)
	w.Events.Found(f)
	return f
}

// once runs the process until it ends or breaks the rules.
func (w *Watcher) once(ctx context.Context) error {
	p, err := w.Start(ctx)
	if err != nil {
		return fmt.Errorf("sensor: start: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- p.Wait() }()
	err = w.serve(ctx, p, exited)
	p.Control.Close()
	p.Kill()
	p.Records.Close()
	select {
	case ended := <-exited:
		if err == nil {
			err = fmt.Errorf("sensor: process ended: %w", ended)
		}
	case <-time.After(answerWithin):
	}
	return err
}

// serve polls until something ends it.
func (w *Watcher) serve(ctx context.Context, p *Process, exited chan error) error {
	w.open = map[uint8]finding.Finding{}
	w.mu.Lock()
	w.pending = nil
	baseline := w.baseline
	w.mu.Unlock()
	if err := w.send(p, sense.Control{Verb: 'C', Config: &w.Config}, sense.Control{Verb: 'B', Baseline: baseline}); err != nil {
		return err
	}
	nextStatus := w.Clock.Now()
	nextUrgent := nextStatus
	for {
		next := nextUrgent
		if nextStatus.Before(next) {
			next = nextStatus
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-exited:
			exited <- err
			if err == nil {
				err = errors.New("without an error")
			}
			return fmt.Errorf("sensor: process ended: %w", err)
		case <-w.Clock.After(max(0, next.Sub(w.Clock.Now()))):
		}
		now := w.Clock.Now()
		if err := w.catchUp(p); err != nil {
			return err
		}
		if !now.Before(nextStatus) {
			if err := w.status(p, now); err != nil {
				return err
			}
			nextStatus = later(nextStatus, slot.StatusEvery, now)
		}
		if !now.Before(nextUrgent) {
			if err := w.urgent(p, now); err != nil {
				return err
			}
			nextUrgent = later(nextUrgent, slot.UrgentEvery, now)
		}
	}
}

// later returns the first tick after now, keeping the rhythm: missed polls are not made up for.
func later(t time.Time, every time.Duration, now time.Time) time.Time {
	t = t.Add(every)
	if behind := now.Sub(t); behind >= 0 {
		t = t.Add((behind/every + 1) * every)
	}
	return t
}

// catchUp sends what changed since the last poll.
func (w *Watcher) catchUp(p *Process) error {
	w.mu.Lock()
	pending := w.pending
	w.pending = nil
	w.mu.Unlock()
	for _, c := range pending {
		if c.Verb == 'L' {
			w.arriving = nil
		}
	}
	return w.send(p, pending...)
}

func (w *Watcher) send(p *Process, cs ...sense.Control) error {
	for _, c := range cs {
		if _, err := io.WriteString(p.Control, c.String()+"\n"); err != nil {
			return fmt.Errorf("sensor: control: %w", err)
		}
	}
	return nil
}

// ask sends a poll and reads the one record that answers it.
func (w *Watcher) ask(p *Process, c sense.Control) (record.Record, error) {
	if err := w.send(p, c); err != nil {
		return record.Record{}, err
	}
	if d, ok := p.Records.(interface{ SetReadDeadline(time.Time) error }); ok {
		if err := d.SetReadDeadline(time.Now().Add(answerWithin)); err != nil {
			return record.Record{}, fmt.Errorf("sensor: %w", err)
		}
	}
	var b [record.Size]byte
	if _, err := io.ReadFull(p.Records, b[:]); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return record.Record{}, fmt.Errorf("sensor: no answer within %v", answerWithin)
		}
		return record.Record{}, fmt.Errorf("sensor: record: %w", err)
	}
	r, err := record.Decode(&b)
	if err != nil {
		return record.Record{}, fmt.Errorf("%w: %w", ErrGrammar, err)
	}
	return r, nil
}

func (w *Watcher) status(p *Process, now time.Time) error {
	r, err := w.ask(p, sense.Control{Verb: 'S'})
	if err != nil {
		return err
	}
	if r.Type != record.StatusType {
		return fmt.Errorf("%w: %v answers a status poll", ErrGrammar, r.Type)
	}
	w.Meter.Status(now)
	w.Events.Spoken(w.Meter)
	w.Events.Status(r.Status)
	return nil
}

func (w *Watcher) urgent(p *Process, now time.Time) error {
	closed := w.isClosed()
	left := w.Meter.Left(now, closed)
	r, err := w.ask(p, sense.Control{Verb: 'U', Left: left, Closed: closed})
	if err != nil || r.Type == record.Empty {
		return err
	}
	if r.Type == record.StatusType || !w.Meter.Fill(now, closed) {
		return fmt.Errorf("%w: %v with %d slots left", ErrGrammar, r.Type, left)
	}
	w.Events.Spoken(w.Meter)
	switch r.Type {
	case record.Appeared, record.Gone:
		w.finding(&r, now)
	case record.Known:
		return w.known(r.Known)
	case record.Merged:
		w.Events.Merged(r.Overflow.Kind, r.Overflow.Count)
	case record.Dying:
		name := map[record.Cause]string{1: "sensor-process", 2: "microphone"}[r.Cause]
		if name == "" {
			name = "unknown"
		}
		w.report(finding.Finding{Kind: detect.SensorDead, Name: name, Alarm: true}, now, nil)
	}
	return nil
}

// finding turns a record into a finding; a Gone without an Appeared is one that was over before its turn.
func (w *Watcher) finding(r *record.Record, now time.Time) {
	x := &r.Finding
	ago := func(s float64) time.Time { return now.Add(-time.Duration(s * float64(time.Second))) }
	start := ago(x.StartAge)
	f, known := w.open[x.Number]
	if known && f.Kind == x.Kind {
		start = f.Start
	} else {
		f = finding.Finding{}
	}
	f.Kind, f.Name, f.Alarm = x.Kind, x.Name, x.Alarm
	f.Hz, f.BwHz, f.LevelDB, f.SNRDB = x.Hz, x.BwHz, x.LevelDB, x.SNRDB
	f.Statistic, f.Threshold, f.Pfa, f.Confidence = x.Statistic, x.Threshold, x.Pfa, x.Confidence
	f.Coverage = shares[x.Coverage&3]
	if r.Type == record.Gone {
		end := ago(x.EndAge)
		if end.Before(start) {
			end = start
		}
		delete(w.open, x.Number)
		w.report(f, start, &end)
		return
	}
	w.open[x.Number] = w.report(f, start, nil)
}

var shares = [...]string{"nothing looked at", "partly looked at", "mostly looked at", "looked at without a gap"}

// known collects a learned baseline.
func (w *Watcher) known(e record.Emitter) error {
	if e.Index != len(w.arriving) || e.Count > sense.MaxBaseline {
		return fmt.Errorf("%w: entry %d of a baseline of %d, have %d", ErrGrammar, e.Index, e.Count, len(w.arriving))
	}
	w.arriving = append(w.arriving, sense.Emitter{Hz: e.Hz, BwHz: e.BwHz, LevelDB: e.LevelDB})
	w.Events.Learning(float64(len(w.arriving)) / float64(e.Count))
	if len(w.arriving) == e.Count {
		w.Events.Learned(w.arriving)
		w.arriving = nil
	}
	return nil
}
