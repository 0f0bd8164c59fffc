// Package manual is the backend for devices that no management reaches: a checklist. Somebody looks at each device and signs, by
// role and never by name: on the bridge's machine, or on the chair's page, whose unit sends it. What was signed counts until the lock's
// end, and no longer than half a day; then somebody has to look again. It is a declaration, and never shown as a proof.
//
// Nothing is sent to any device: the commands are the points of the list.
package manual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"subrosa/mdm"
)

// Valid is how long a signature counts at most.
const Valid = 12 * time.Hour

// Roles that may sign.
var Roles = []string{"chair", "clerk", "facility", "holder"} // holder: of the device, for the own one

// Early is how far the clock of who signs may be ahead.
const Early = 2 * time.Minute

// Errors of Sign and Countersign.
var (
	ErrRole    = errors.New("manual: this role does not sign")
	ErrNothing = errors.New("manual: nothing of this device is to be signed")
	ErrOther   = errors.New("manual: signed for another point than the one that waits")
	ErrTime    = errors.New("manual: signed too early, or too long ago")
)

// entry is what is kept of a device.
type entry struct {
	Command  string    `json:"command"`        // waiting to be signed; "": none
	Asked    time.Time `json:"asked,omitzero"` // since when it waits
	Done     string    `json:"done,omitempty"` // the last command that was signed
	Kind     mdm.Kind  `json:"kind"`
	Want     mdm.Set   `json:"want"`
	Until    time.Time `json:"until,omitzero"`
	Standing mdm.Set   `json:"standing"` // as signed
	Lock     mdm.Set   `json:"lock"`
	LockEnd  time.Time `json:"lock_end,omitzero"`
	Signed   time.Time `json:"signed,omitzero"`
	Role     string    `json:"role"`
}

// Backend is mdm.Backend.
type Backend struct {
	keep     mdm.Keeper
	now      func() time.Time
	events   chan mdm.Event
	platform map[string]string // by device

	mu      sync.Mutex
	entries map[string]entry
}

var _ mdm.Backend = (*Backend)(nil)

// New returns a Backend for the devices, and reads what was signed for them.
func New(keep mdm.Keeper, now func() time.Time, devices []mdm.Device) (*Backend, error) {
	b := &Backend{keep: keep, now: now, events: make(chan mdm.Event, 1024), platform: map[string]string{}, entries: map[string]entry{}}
	for _, d := range devices {
		b.platform[d.ID] = d.Platform
		v, ok, err := keep.Kept(d.ID)
		if err != nil {
			return nil, fmt.Errorf("manual: %w", err)
		}
		var e entry
		if ok {
			if err := json.Unmarshal([]byte(v), &e); err != nil {
				return nil, fmt.Errorf("manual: what was signed for %s cannot be read: %w", d.ID, err)
			}
		}
		b.entries[d.ID] = e
	}
	return b, nil
}

var platforms = []string{"ios", "ipados", "macos", "android", "windows", "linux"}

// Caps is mdm.Backend: a person can see that an assistant is off, and put a phone's microphone nowhere.
func (b *Backend) Caps(d mdm.Device) mdm.Caps {
	if !slices.Contains(platforms, d.Platform) {
		return mdm.Caps{Best: mdm.NoEvidence, Limits: []string{mdm.LimitNoProof}}
	}
	c := mdm.Caps{Can: mdm.Assistant | mdm.Dictation, Best: mdm.Signed, Limits: []string{mdm.LimitNoLease}}
	if d.Platform == "windows" || d.Platform == "linux" || d.Platform == "macos" {
		c.Can |= mdm.Microphone
	} else {
		c.Limits = append(c.Limits, mdm.LimitMicrophone)
	}
	c.Proves = c.Can
	return c
}

// Send puts a point on the list, in place of the device's last. To look is to read what was signed.
func (b *Backend) Send(_ context.Context, d mdm.Device, c mdm.Command) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[d.ID]
	if c.Kind == mdm.Look {
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID, Observed: e.observed(b.now())})
		return nil
	}
	switch c.ID {
	case e.Command:
		return nil
	case e.Done: // signed before, and its answer was lost
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID, Detail: "signed by " + e.Role})
		return nil
	}
	e.Command, e.Asked, e.Kind, e.Want, e.Until = c.ID, b.now(), c.Kind, 0, time.Time{}
	switch c.Kind {
	case mdm.Stand:
		e.Want = c.Want.Standing
	case mdm.Lock:
		e.Want, e.Until = c.Want.Lock, c.Want.Until
	}
	if e.Kind == mdm.Free && e.Lock == 0 { // nobody has signed a lock: there is nothing to undo
		e.Command, e.LockEnd = "", time.Time{}
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID})
	}
	return b.put(d.ID, e)
}

func (b *Backend) put(id string, e entry) error {
	v, err := json.Marshal(e)
	if err == nil {
		err = b.keep.Keep(id, string(v))
	}
	if err != nil {
		return &mdm.Fault{Slug: mdm.FaultState, Unsent: true, Err: err}
	}
	b.entries[id] = e
	return nil
}

// observed is what counts of the signatures.
func (e entry) observed(now time.Time) *mdm.Observed {
	o := &mdm.Observed{Evidence: mdm.Signed}
	if now.Sub(e.Signed) >= Valid || now.Before(e.Signed.Add(-time.Minute)) {
		o.Evidence = mdm.NoEvidence
		return o
	}
	o.Standing = e.Standing
	if e.Lock != 0 && now.Before(e.LockEnd) {
		o.Lock, o.Locked = e.Lock, true
		o.Tag = mdm.Want{Lock: e.Lock, Until: e.LockEnd}.Tag()
	}
	o.InForce = o.Standing | o.Lock
	return o
}

// Open lists what waits to be signed, by device.
func (b *Backend) Open() []mdm.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []mdm.Point{}
	for id, e := range b.entries {
		if e.Command == "" {
			continue
		}
		off := e.Want
		if e.Kind == mdm.Free {
			off = e.Lock
		}
		out = append(out, mdm.Point{Device: id, Command: e.Command, Kind: e.Kind.String(), Platform: b.platform[id], Off: off.Names(), Until: e.Until})
	}
	slices.SortFunc(out, func(x, y mdm.Point) int { return strings.Compare(x.Device, y.Device) })
	return out
}

// Withdraw takes the point of a lock off the list that nobody has signed and that nobody wants any more.
func (b *Backend) Withdraw(device, command string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[device]
	if e.Command != command || command == "" || e.Kind != mdm.Lock {
		return nil
	}
	e.Command = ""
	if err := b.put(device, e); err != nil {
		return err
	}
	b.emit(mdm.Event{Device: device, Kind: mdm.Failed, Command: command, Detail: "withdrawn, nobody has signed"})
	return nil
}

// Sign says that somebody of the role has looked at the device just now and done, or refused to do, what its point says.
func (b *Backend) Sign(device, role string, done bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(Roles, role) {
		return fmt.Errorf("%w: %.30q; %s do", ErrRole, role, strings.Join(Roles, ", "))
	}
	return b.sign(device, role, done, b.now())
}

// Countersign takes what was signed somewhere else, at that time. It counts for the very command that waits: what was signed before,
// is sent again, or comes when the lock is over, does nothing.
func (b *Backend) Countersign(s mdm.Signature) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, now := b.entries[s.Device], b.now()
	switch {
	case !slices.Contains(mdm.SigningRoles, s.Role):
		return fmt.Errorf("%w: %.30q", ErrRole, s.Role)
	case e.Command == "":
		return ErrNothing
	case e.Command != s.Command:
		return ErrOther
	case s.At.After(now.Add(Early)), s.At.Before(e.Asked.Add(-Early)), now.Sub(s.At) >= Valid, e.Kind == mdm.Lock && !now.Before(e.Until):
		return ErrTime
	case s.At.After(now):
		s.At = now
	}
	return b.sign(s.Device, s.Role, s.Done, s.At)
}

func (b *Backend) sign(device, role string, done bool, at time.Time) error {
	e, ok := b.entries[device]
	if !ok || e.Command == "" {
		return ErrNothing
	}
	command := e.Command
	e.Command = ""
	ev := mdm.Event{Device: device, Kind: mdm.Failed, Command: command, Detail: "refused by " + role}
	if done {
		e.Done = command
		ev.Kind, ev.Detail = mdm.Acked, "signed by "+role
		switch e.Kind {
		case mdm.Stand:
			e.Standing = e.Want
		case mdm.Lock:
			e.Lock, e.LockEnd = e.Want, e.Until
		case mdm.Free:
			e.Lock, e.LockEnd = 0, time.Time{}
		}
		e.Signed, e.Role = at, role
	}
	if err := b.put(device, e); err != nil {
		return err
	}
	b.emit(ev)
	return nil
}

// Wake is mdm.Backend: the list is where people look.
func (b *Backend) Wake(context.Context, mdm.Device) error { return nil }

// Run is mdm.Backend.
func (b *Backend) Run(ctx context.Context, emit func(mdm.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-b.events:
			emit(e)
		}
	}
}

func (b *Backend) emit(e mdm.Event) {
	select {
	case b.events <- e:
	default: // found by looking again
	}
}

// Health is mdm.Backend: paper does not fail.
func (b *Backend) Health(context.Context) error { return nil }
