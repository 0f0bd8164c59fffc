package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"subrosa/firmware/finding"
	"subrosa/firmware/journal"
)

// Kinds of journal entries; the payload is a Record.
const (
	KindRaised       = "alarm.raised"
	KindChanged      = "alarm.changed"
	KindAcknowledged = "alarm.acknowledged"
)

// Record is the payload of a journal entry about an alarm.
type Record struct {
	What   What  `json:"what"`
	Alarm  Alarm `json:"alarm"`            // Raised is zero in the entry that raises it: it is the entry's time
	Joined int   `json:"joined,omitempty"` // earlier versions that went into this entry while the journal failed
}

// BookConfig is what a Book works with.
type BookConfig struct {
	Tracker Config
	Journal interface {
		journal.Appender
		journal.Reader
	}
	Path string           // of the state file; its folder exists
	Now  func() time.Time // the clock, wall or scenario; nil: time.Now
	Next Sink             // takes every alarm
	// Stamp fills in what the unit knows of itself: quality of the time, policy, software, unsealed. Nil: the
	// quality is "unsynced" and nothing else is filled in.
	Stamp func(*journal.Entry)
	// Health is told when a part ("journal", "state", "sink", "finding") fails and, with nil, when it works again. It is
	// called with the Book locked and must not call back; nil: nobody is told.
	Health func(part string, err error)
}

// Book is a Tracker that remembers and passes on. For every change it
//
//  1. appends an entry to the journal, whose fsync is what raises an alarm,
//  2. sets Raised, saves the tracker, and with it what has not been recorded or delivered yet,
//  3. delivers the alarm to Next.
//
// The journal is the write-ahead log: OpenBook takes over entries younger than the state file, so that a kill
// between any two steps loses nothing and doubles nothing; a repeated delivery has the same id and version.
//
// A unit that cannot record must still listen. While the journal fails, alarms are delivered with Raised zero
// (see Recorded and OnlyRecorded), each is kept in memory and in the state file in its latest version until it
// is forgotten, and every Tick tries again; when it succeeds the alarm is delivered once more with Raised set and
// a higher version. An alarm of which neither file could be written before a kill is lost, and was never raised.
//
// A Book is safe for concurrent use.
type Book struct {
	cfg BookConfig

	mu      sync.Mutex
	tracker *Tracker
	seq     uint64            // last journal entry that is in tracker
	record  []*pending        // for the journal, oldest first, one an alarm
	deliver []string          // ids for Next, oldest first
	forget  []string          // ids that Next is to forget
	saved   bool              // the state file is up to date
	first   []Change          // what the restart has changed, for the first run
	failing map[string]string // part → its error, as told to Health
	early   map[string]error  // what OpenBook found failing, for the first run
	told    bool              // Health may be called

	step func(string)         // tests end the process here
	sync func(*os.File) error // (*os.File).Sync
}

// pending is the latest version of an alarm that is not in the journal.
type pending struct {
	ID     string `json:"id"`
	What   What   `json:"what"`
	Joined int    `json:"joined,omitempty"`
	Shown  uint64 `json:"shown,omitempty"` // version that was delivered unrecorded
}

// Forgetter is implemented by a Sink that keeps alarms, and drops one when its retention is over.
type Forgetter interface {
	Forget(ctx context.Context, id string) error
}

// OpenBook reads the state file and the journal. It calls neither Stamp nor Health nor Next: what the last process
// did not get to record or deliver is done with the first Tick, or whatever is called first.
//
// Every finding counts as ended now, because its source was restarted too, and time that nobody listened is no
// absence: what is found again within Clear holds its alarm. A state file that is missing or spoilt is made anew
// from the journal, which takes longer; the spoilt one is kept beside it. The returned error is about a journal
// that cannot be read, a state file of a younger format, or ctx, which ends a long reading.
func OpenBook(ctx context.Context, cfg BookConfig) (*Book, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Stamp == nil {
		cfg.Stamp = func(*journal.Entry) {}
	}
	if cfg.Health == nil {
		cfg.Health = func(string, error) {}
	}
	return openBook(ctx, &Book{cfg: cfg, tracker: New(cfg.Tracker), failing: map[string]string{}, early: map[string]error{},
		step: func(string) {}, sync: (*os.File).Sync})
}

func openBook(ctx context.Context, b *Book) (*Book, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.restore(ctx); err != nil {
		return nil, err
	}
	now := b.cfg.Now()
	b.first = append(b.tracker.resume(now), b.tracker.Expire(now)...)
	for _, tr := range b.tracker.tracks {
		// Say anew how things stand: a younger version than the files know may have been delivered.
		if tr.Jump && (tr.Alarm.State != Cleared || slices.Contains(b.deliver, tr.Alarm.Finding.ID)) {
			b.first = append(b.first, tr.change(now, WasCounted))
		}
	}
	return b, nil
}

// Observe takes a finding, see Tracker.Observe, and returns what it changed. One that may not be published is a
// programmer's mistake; it is reported as the health of part "finding" and left out.
func (b *Book) Observe(ctx context.Context, f finding.Finding) []Change {
	b.mu.Lock()
	defer b.mu.Unlock()
	f = f.Rounded()
	err := f.Validate()
	if b.report("finding", err); err != nil {
		return nil
	}
	return b.run(ctx, b.tracker.Observe(b.cfg.Now(), f))
}

// End ends a finding whose last figures are not known.
func (b *Book) End(ctx context.Context, id string) []Change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.run(ctx, b.tracker.End(b.cfg.Now(), id))
}

// EndAll ends the open findings of the alarms that match accepts, nil for all: their source has gone.
func (b *Book) EndAll(ctx context.Context, match func(Alarm) bool) []Change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.run(ctx, b.tracker.EndAll(b.cfg.Now(), match))
}

// Acknowledge records a person's answer, see Tracker.Acknowledge.
func (b *Book) Acknowledge(ctx context.Context, id string, ack Ack) ([]Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changes, err := b.tracker.Acknowledge(b.cfg.Now(), id, ack)
	if err != nil {
		return nil, err
	}
	return b.run(ctx, changes), nil
}

// Tick does what time alone does and retries what has failed. Call it about once a second.
func (b *Book) Tick(ctx context.Context) []Change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.run(ctx, b.tracker.Expire(b.cfg.Now()))
}

// Alarms returns every alarm that is not forgotten, oldest first.
func (b *Book) Alarms() []Alarm {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tracker.Alarms()
}

// Alarm returns one alarm.
func (b *Book) Alarm(id string) (Alarm, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tracker.Alarm(id)
}

// Pending returns how many alarms wait for the journal and how many for the next sink.
func (b *Book) Pending() (unrecorded, undelivered int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.record), len(b.deliver) + len(b.forget)
}

// run takes changes through the steps and returns them with Raised as it now is. The caller holds mu.
func (b *Book) run(ctx context.Context, changes []Change) []Change {
	changes, b.first = append(b.first, changes...), nil
	if !b.told { // now that the caller has the Book, and what uses it
		b.told = true
		for part, err := range b.early {
			b.cfg.Health(part, err)
		}
	}
	if len(changes) > 0 {
		b.saved = false
	}
	for _, c := range changes {
		b.queue(c)
	}
	b.writeJournal(ctx)
	b.writeState()
	b.deliverAll(ctx)
	for i := range changes {
		if a, ok := b.tracker.Alarm(changes[i].Alarm.Finding.ID); ok {
			changes[i].Alarm = a
		}
	}
	return changes
}

// queue joins a change to what waits for the journal. That an alarm is forgotten is not recorded.
func (b *Book) queue(c Change) {
	id := c.Alarm.Finding.ID
	i := slices.IndexFunc(b.record, func(p *pending) bool { return p.ID == id })
	switch {
	case c.What == WasForgotten:
		if i >= 0 {
			b.record = slices.Delete(b.record, i, i+1)
		}
		b.deliver = slices.DeleteFunc(b.deliver, func(s string) bool { return s == id })
		b.forget = append(b.forget, id)
	case i < 0:
		b.record = append(b.record, &pending{ID: id, What: c.What})
	default:
		p := b.record[i]
		p.Joined++
		if p.What != WasRaised && (c.What == WasAcknowledged || p.What != WasAcknowledged) {
			p.What = c.What
		}
	}
}

// writeJournal appends what waits, oldest first, until the journal fails.
func (b *Book) writeJournal(ctx context.Context) {
	for len(b.record) > 0 {
		p := b.record[0]
		if tr := b.tracker.byAlarm(p.ID); tr != nil {
			before := *tr
			if p.Shown == tr.Alarm.Version { // readers have this version with Raised zero
				tr.change(b.cfg.Now(), WasCounted)
			}
			err := b.append(ctx, tr, p)
			b.report("journal", err)
			if err != nil {
				*tr = before
				return
			}
		}
		b.record = b.record[1:]
	}
	b.record = nil
}

func (b *Book) append(ctx context.Context, tr *track, p *pending) error {
	payload, err := json.Marshal(Record{p.What, tr.Alarm, p.Joined})
	if err != nil {
		return fmt.Errorf("alarm %s: %w", p.ID, err)
	}
	e := journal.Entry{Kind: KindChanged, Time: b.cfg.Now().UTC(), Quality: "unsynced",
		Coverage: tr.Alarm.Finding.Coverage, Payload: payload}
	switch p.What {
	case WasRaised:
		e.Kind = KindRaised
	case WasAcknowledged:
		e.Kind = KindAcknowledged
	}
	b.cfg.Stamp(&e)
	b.step("before journal")
	r, err := b.cfg.Journal.Append(ctx, e)
	if err != nil {
		return fmt.Errorf("alarm %s: %w", p.ID, err)
	}
	b.step("after journal")
	b.seq, b.saved = r.Seq, false
	if tr.Alarm.Raised.IsZero() {
		tr.Alarm.Raised = b.cfg.Now()
	}
	if !slices.Contains(b.deliver, p.ID) {
		b.deliver = append(b.deliver, p.ID)
	}
	return nil
}

// deliverAll hands on what is recorded and then, while the journal fails, what is not.
func (b *Book) deliverAll(ctx context.Context) {
	var errs []error
	b.deliver = slices.DeleteFunc(b.deliver, func(id string) bool {
		err := b.deliverOne(ctx, id)
		errs = append(errs, err)
		return err == nil
	})
	for _, p := range b.record {
		tr := b.tracker.byAlarm(p.ID)
		if tr == nil || tr.Alarm.Version == p.Shown || slices.Contains(b.deliver, p.ID) {
			continue
		}
		err := b.deliverOne(ctx, p.ID)
		errs = append(errs, err)
		if err == nil {
			p.Shown = tr.Alarm.Version
			b.saved = false
		}
	}
	b.forget = slices.DeleteFunc(b.forget, func(id string) bool {
		f, ok := b.cfg.Next.(Forgetter)
		if !ok {
			return true
		}
		err := f.Forget(ctx, id)
		errs = append(errs, err)
		return err == nil
	})
	if len(errs) > 0 {
		b.report("sink", errors.Join(errs...))
	}
}

func (b *Book) deliverOne(ctx context.Context, id string) error {
	a, ok := b.tracker.Alarm(id)
	if !ok {
		return nil
	}
	b.step("before delivery")
	if err := b.cfg.Next.Deliver(ctx, a); err != nil {
		return fmt.Errorf("alarm %s: %w", id, err)
	}
	b.step("after delivery")
	return nil
}

// report tells Health of a failure that is new, and of its end.
func (b *Book) report(part string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if b.failing[part] != text {
		b.failing[part] = text
		if b.told {
			b.cfg.Health(part, err)
		} else {
			b.early[part] = err
		}
	}
}
