// Package warden is the heart of the laptop agent: it switches off what a wish asks for, remembers how each thing was before,
// switches off again what somebody has switched on, and gives everything back when the lock ends, by itself and without network.
//
// What was before is on disk before the first change. The lease counts on this machine's monotonic clock from the moment a wish
// arrived; after a restart what was left of it, by the wall clock, goes on, and never more than the wish gave. The hard end only
// shortens. Nothing here knows what a microphone is: a Switch does.
package warden

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"subrosa/mdm"
)

// Item is one thing that can be off.
type Item struct {
	ID     string  // the same after a restart of the machine
	Value  string  // as it is
	Off    string  // the Value that means off
	Serves mdm.Set // the restrictions that need it off
}

// Switch is one kind of thing on this machine. Its methods are called by one goroutine, beside Watch.
type Switch interface {
	Name() string
	Covers() mdm.Set  // the restrictions it can help with
	Limits() []string // slugs: what it cannot do
	List(ctx context.Context) ([]Item, error)
	Set(ctx context.Context, id, value string) error
	// Watch calls changed when something may have changed, until ctx ends or it can see no more.
	Watch(ctx context.Context, changed func()) error
}

// Former is how an item was.
type Former struct {
	Value    string    `json:"value"`
	Standing bool      `json:"standing"` // off for good: given back only by hand
	Since    time.Time `json:"since"`
}

// forget is how long the state of a thing that is not there (an unplugged microphone) is kept for its return.
const forget = 90 * 24 * time.Hour

// memory is what must outlast a crash.
type memory struct {
	Format   int               `json:"format"`
	Taken    uint64            `json:"taken"` // version of the last wish
	Command  string            `json:"command"`
	Locked   bool              `json:"locked"`
	Standing mdm.Set           `json:"standing"`
	Lock     mdm.Set           `json:"lock"`
	LeaseS   int               `json:"lease_s"`
	LeaseEnd time.Time         `json:"lease_end"` // wall clock
	HardEnd  time.Time         `json:"hard_end,omitzero"`
	Since    time.Time         `json:"since"`
	Reported uint64            `json:"reported"` // version of the last report
	Former   map[string]Former `json:"former"`   // "switch/item"
	Fault    string            `json:"fault"`    // sticky for the time of one lock
}

const format = 1

// Store keeps the memory: state.Folder is one.
type Store interface {
	Load(name string, v any) error
	Save(name string, v any) error
}

const file = "agent"

// Warden is safe for concurrent use.
type Warden struct {
	switches []Switch
	store    Store
	log      *slog.Logger

	mu     sync.Mutex
	mem    memory
	lease  time.Time       // end, with the monotonic reading
	wasOff map[string]bool // at the end of the last step
	dirty  bool            // the memory differs from the disk
	count  Counts
}

// Counts since the start.
type Counts struct {
	Steps        int `json:"steps"`
	Switched     int `json:"switched"`     // off, by us
	Restored     int `json:"restored"`     // given back
	Circumvented int `json:"circumvented"` // switched on by somebody during a lock, and off again
}

// Open reads the memory. now carries a monotonic reading.
func Open(store Store, log *slog.Logger, now time.Time, switches ...Switch) (*Warden, error) {
	w := &Warden{switches: switches, store: store, log: log, wasOff: map[string]bool{}}
	err := store.Load(file, &w.mem)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.mem = memory{Since: now}
	case err != nil:
		return nil, err
	case w.mem.Format != format:
		return nil, fmt.Errorf("agent: the state file has format %d, this program knows %d", w.mem.Format, format)
	}
	w.mem.Format = format
	if w.mem.Former == nil {
		w.mem.Former = map[string]Former{}
	}
	left := min(w.mem.LeaseEnd.Sub(now.Round(0)), time.Duration(w.mem.LeaseS)*time.Second)
	w.lease = now.Add(left)
	return w, nil
}

// Errors of Take.
var (
	ErrOld  = errors.New("agent: the wish is not newer than the last")
	ErrOver = errors.New("agent: the wish's hard end is over by this machine's clock")
)

// Take takes a wish that has arrived now. It is acted upon by the next Step.
func (w *Warden) Take(now time.Time, d mdm.DeviceDesired) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.Version <= w.mem.Taken {
		return ErrOld
	}
	standing, opt, err := mdm.ParseSet(d.Standing)
	if err != nil {
		return err
	}
	lock, lockOpt, err := mdm.ParseSet(d.Restrict)
	if err != nil {
		return err
	}
	m := &w.mem
	locked := d.Mode == mdm.Locked
	if locked && !now.Before(d.HardEnd) {
		err = ErrOver
		locked = false
	}
	if locked != m.Locked || locked && lock|lockOpt != m.Lock {
		m.Since, m.Fault = now, ""
	}
	if err != nil {
		m.Fault = mdm.FaultClock
	}
	m.Taken, m.Command, m.Locked, m.Standing, m.Lock = d.Version, d.Command, locked, standing|opt, 0
	m.LeaseS, m.LeaseEnd, m.HardEnd = 0, time.Time{}, time.Time{}
	if locked {
		m.Lock, m.LeaseS, m.HardEnd = lock|lockOpt, d.LeaseS, d.HardEnd
		w.lease = now.Add(time.Duration(d.LeaseS) * time.Second)
		m.LeaseEnd = w.lease.Round(0)
	}
	w.dirty = true
	return err
}

// Live says until when a lock holds, zero without one.
func (w *Warden) Live(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.mem.Locked || w.over(now) {
		return time.Time{}
	}
	return w.end()
}

func (w *Warden) over(now time.Time) bool {
	return !now.Before(w.lease) || !now.Before(w.mem.HardEnd)
}

func (w *Warden) end() time.Time {
	if w.mem.HardEnd.Before(w.lease) {
		return w.mem.HardEnd
	}
	return w.lease
}

// Counts returns the counts.
func (w *Warden) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Give gives everything back now: the lock's things, and with standing those of the standing posture as well.
func (w *Warden) Give(ctx context.Context, now time.Time, standing bool) (mdm.DeviceReport, error) {
	w.mu.Lock()
	if w.mem.Locked && !w.over(now) {
		w.mem.Fault = mdm.FaultCircumvent
	}
	w.mem.Locked, w.mem.Lock, w.dirty = false, 0, true
	if standing {
		w.mem.Standing = 0
		for k, f := range w.mem.Former {
			f.Standing = false
			w.mem.Former[k] = f
		}
	}
	w.mu.Unlock()
	return w.Step(ctx, now)
}

// found is what a switch lists.
type found struct {
	sw    Switch
	items []Item
	err   error
}

func (w *Warden) list(ctx context.Context) []found {
	out := make([]found, len(w.switches))
	for i, s := range w.switches {
		items, err := s.List(ctx)
		out[i] = found{s, items, err}
	}
	return out
}

func key(s Switch, id string) string { return s.Name() + "/" + id }

// wanted is what is to be off.
func (w *Warden) wanted() mdm.Set {
	if w.mem.Locked {
		return w.mem.Standing | w.mem.Lock
	}
	return w.mem.Standing
}

// Step brings the machine to what is wanted now, and returns what is so then. An error says that the memory could not be
// written: then nothing was switched off that was not already remembered.
func (w *Warden) Step(ctx context.Context, now time.Time) (mdm.DeviceReport, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count.Steps++
	if w.mem.Locked && w.over(now) {
		w.log.Info("the lock's time is over, and nobody has renewed it")
		w.mem.Locked, w.mem.Lock, w.mem.Since, w.dirty = false, 0, now, true
	}
	todo, fault := w.plan(w.list(ctx), now)
	if err := w.save(); err != nil {
		return w.report(w.list(ctx), mdm.FaultState), err
	}
	for _, t := range todo {
		if err := t.sw.Set(ctx, t.id, t.value); err != nil {
			w.log.Warn("cannot be switched", "switch", t.sw.Name(), "err", err)
			fault = mdm.FaultRefused
		}
	}
	after := w.list(ctx)
	w.settle(after, now)
	r := w.report(after, fault)
	return r, w.save()
}

// Peek reports what is so, and changes nothing.
func (w *Warden) Peek(ctx context.Context) mdm.DeviceReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report(w.list(ctx), "")
}

// Next is when Step must be called again although nothing happens.
func (w *Warden) Next(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	// For switches that see no events, clocks that jump, and sound servers that are just starting.
	if w.mem.Locked {
		return max(0, min(2*time.Second, w.end().Sub(now)))
	}
	return 10 * time.Second
}

// act is one change to be made.
type act struct {
	sw        Switch
	id, value string
}

// plan compares what is with what is wanted, and notes what was before.
func (w *Warden) plan(all []found, now time.Time) (todo []act, fault string) {
	off := w.wanted()
	for _, f := range all {
		if f.err != nil {
			if f.sw.Covers()&off != 0 {
				fault = mdm.FaultRefused
				w.log.Warn("cannot be looked at", "switch", f.sw.Name(), "err", f.err)
			}
			continue
		}
		for _, it := range f.items {
			k := key(f.sw, it.ID)
			old, had := w.mem.Former[k]
			switch {
			case it.Serves&off != 0:
				standing := old.Standing || it.Serves&w.mem.Standing != 0
				if !had {
					old = Former{Value: it.Value, Since: now}
				}
				if !had || standing != old.Standing {
					old.Standing = standing
					w.mem.Former[k], w.dirty = old, true
				}
				if it.Value == it.Off {
					continue
				}
				if w.wasOff[k] {
					w.count.Circumvented++
					w.log.Warn("switched on by somebody, off again", "item", k)
					if w.mem.Locked && w.mem.Fault != mdm.FaultCircumvent { // what other policies do to the standing posture is no offence
						w.mem.Fault, w.dirty = mdm.FaultCircumvent, true
					}
				}
				todo = append(todo, act{f.sw, it.ID, it.Off})
				w.count.Switched++
			case had && !old.Standing && it.Value == it.Off && old.Value != it.Off:
				todo = append(todo, act{f.sw, it.ID, old.Value})
				w.count.Restored++
			}
		}
	}
	return todo, fault
}

// settle forgets what has been given back, and remembers what is off now.
func (w *Warden) settle(all []found, now time.Time) {
	off := w.wanted()
	clear(w.wasOff)
	for _, f := range all {
		for _, it := range f.items {
			k := key(f.sw, it.ID)
			if it.Serves&off != 0 {
				w.wasOff[k] = it.Value == it.Off
				continue
			}
			if old, had := w.mem.Former[k]; had && !old.Standing && (it.Value != it.Off || old.Value == it.Off) {
				delete(w.mem.Former, k)
				w.dirty = true
			}
		}
	}
	for k, f := range w.mem.Former {
		if now.Sub(f.Since) > forget && !f.Standing && !w.mem.Locked {
			delete(w.mem.Former, k)
			w.dirty = true
		}
	}
}

func (w *Warden) save() error {
	if !w.dirty {
		return nil
	}
	if err := w.store.Save(file, w.mem); err != nil {
		return err
	}
	w.dirty = false
	return nil
}

// Stamp gives the report the next version. Versions never fall, also if the memory is lost: they are not below the second.
func (w *Warden) Stamp(now time.Time, r mdm.DeviceReport) (mdm.DeviceReport, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mem.Reported = max(w.mem.Reported+1, uint64(max(0, now.Unix())))
	w.dirty = true
	r.Version = w.mem.Reported
	return r, w.save()
}

// report says what is so.
func (w *Warden) report(all []found, fault string) mdm.DeviceReport {
	m := &w.mem
	in := inForce(all)
	r := mdm.DeviceReport{DesiredVersion: m.Taken, Command: m.Command, Evidence: mdm.AgentSays, InForce: in.Names(), Limits: []string{},
		Holders: []string{}, Since: m.Since, Error: m.Fault}
	for _, s := range w.switches {
		for _, l := range s.Limits() {
			if !slices.Contains(r.Limits, l) {
				r.Limits = append(r.Limits, l)
			}
		}
	}
	if fault != "" {
		r.Error = fault
	}
	off := w.wanted()
	switch {
	case m.Locked && in.Has(off):
		r.State = mdm.LockedVerified
	case m.Locked && in&off != 0:
		r.State = mdm.Partial
	case m.Locked:
		r.State = mdm.Error
	case w.owes(all):
		r.State = mdm.Restoring
	case in.Has(off):
		r.State = mdm.OpenVerified
	default: // the standing posture is not reached
		r.State = mdm.Stuck
	}
	if r.State == mdm.Error && r.Error == "" {
		r.Error = mdm.FaultRefused
	}
	return r
}

// owes reports whether something that is there has not been given back.
func (w *Warden) owes(all []found) bool {
	off := w.wanted()
	for _, f := range all {
		for _, it := range f.items {
			old, had := w.mem.Former[key(f.sw, it.ID)]
			if had && !old.Standing && it.Serves&off == 0 && it.Value == it.Off && old.Value != it.Off {
				return true
			}
		}
	}
	return false
}

// inForce is what is off: every switch that helps with it could be asked, and every item that serves it is off. A machine
// without any microphone has it off.
func inForce(all []found) mdm.Set {
	var can, not mdm.Set
	for _, f := range all {
		can |= f.sw.Covers()
		if f.err != nil {
			not |= f.sw.Covers()
		}
		for _, it := range f.items {
			if it.Value != it.Off {
				not |= it.Serves
			}
		}
	}
	return can &^ not
}
