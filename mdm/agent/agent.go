// Package agent is the backend for laptops that run our own agent (cmd/agent): wishes go to device/{dev}/lockdown/desired, what the
// agent measured comes from …/reported.
//
// A lock has a lease, which the reconciler renews (Caps.Renew). If the bridge dies nobody renews, and the agent gives back by itself.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"subrosa/mdm"
)

// Link is the site's MQTT, as the bridge has it.
type Link interface {
	// Publish makes d the wish for a device, retained, with the next version: Version is 0 here.
	Publish(device string, d mdm.DeviceDesired) error
	// Up is nil while there is a connection.
	Up() error
}

// Limits that agents report on top of the contract's.
const LimitAgentEnds = "user-can-end-agent" // by whoever has the rights to end the program

// Backend is safe for concurrent use.
type Backend struct {
	link Link
	keep mdm.Keeper

	mu      sync.Mutex
	devices map[string]*device
	events  chan mdm.Event
}

// device is what was last said to one agent.
type device struct {
	sent     wish
	answered bool // the last command was
	fresh    bool // it has answered one since this program started
}

// wish is kept on disk.
type wish struct {
	Command  string    `json:"command"`
	Kind     mdm.Kind  `json:"kind"`
	Locked   bool      `json:"locked"`
	Standing mdm.Set   `json:"standing"`
	Lock     mdm.Set   `json:"lock"`
	LeaseS   int       `json:"lease_s"`
	Until    time.Time `json:"until,omitzero"`
}

// New makes a backend. What agents report is to be given to Heard.
func New(link Link, keep mdm.Keeper) *Backend {
	return &Backend{link: link, keep: keep, devices: map[string]*device{}, events: make(chan mdm.Event, 256)}
}

// Caps by platform. macOS' own assistant is its management's.
func (b *Backend) Caps(d mdm.Device) mdm.Caps {
	c := mdm.Caps{Best: mdm.AgentSays, Lease: true, Renew: true, Self: true, Limits: []string{LimitAgentEnds}}
	switch d.Platform {
	case "linux", "macos":
		c.Can = mdm.Microphone
	case "windows":
		c.Can = mdm.Microphone | mdm.Assistant
	default:
		return mdm.Caps{Best: mdm.NoEvidence, Limits: []string{mdm.LimitNoProof}}
	}
	c.Proves = c.Can
	return c
}

// of returns what is known of a device, from disk if need be. Callers hold mu.
func (b *Backend) of(id string) (*device, error) {
	if d := b.devices[id]; d != nil {
		return d, nil
	}
	d := &device{answered: true}
	v, ok, err := b.keep.Kept(id)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if ok {
		if err := json.Unmarshal([]byte(v), &d.sent); err != nil {
			return nil, fmt.Errorf("agent: what was kept of %s cannot be read: %w", id, err)
		}
	}
	b.devices[id] = d
	return d, nil
}

// Send publishes the wish that the command makes of what was wished before.
func (b *Backend) Send(_ context.Context, dev mdm.Device, c mdm.Command) error {
	if err := b.link.Up(); err != nil {
		return &mdm.Fault{Slug: mdm.FaultUnreachable, Unsent: true, Err: err}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d, err := b.of(dev.ID)
	if err != nil {
		return &mdm.Fault{Slug: mdm.FaultState, Unsent: true, Err: err}
	}
	if d.sent.Command == c.ID {
		return b.publish(dev.ID, d)
	}
	w := d.sent
	w.Command, w.Kind = c.ID, c.Kind
	switch c.Kind {
	case mdm.Stand:
		w.Standing = c.Want.Standing
	case mdm.Lock:
		if c.Want.Lease <= 0 {
			return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: errors.New("agent: a lock without a lease")}
		}
		w.Locked, w.Lock, w.LeaseS, w.Until = true, c.Want.Lock, int(min(c.Want.Lease, mdm.MaxLease)/time.Second), c.Want.Until
	case mdm.Free:
		w.Locked, w.Lock, w.LeaseS, w.Until = false, 0, 0, time.Time{}
	}
	kept, err := json.Marshal(w)
	if err == nil {
		err = b.keep.Keep(dev.ID, string(kept))
	}
	if err != nil {
		return &mdm.Fault{Slug: mdm.FaultState, Unsent: true, Err: err}
	}
	d.sent, d.answered = w, false
	return b.publish(dev.ID, d)
}

func (b *Backend) publish(id string, d *device) error {
	w := d.sent
	m := mdm.DeviceDesired{Command: w.Command, Mode: mdm.Open, Standing: w.Standing.Names(), Restrict: []string{}}
	if w.Locked {
		m.Mode, m.Restrict, m.LeaseS, m.HardEnd = mdm.Locked, w.Lock.Names(), w.LeaseS, w.Until
	}
	if err := b.link.Publish(id, m); err != nil {
		return &mdm.Fault{Slug: mdm.FaultUnreachable, Err: err}
	}
	return nil
}

// Wake says the last wish again.
func (b *Backend) Wake(_ context.Context, dev mdm.Device) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, err := b.of(dev.ID)
	if err != nil || d.sent.Command == "" {
		return err
	}
	return b.publish(dev.ID, d)
}

// Heard takes what an agent reports.
func (b *Backend) Heard(id string, r mdm.DeviceReport) {
	b.mu.Lock()
	d, err := b.of(id)
	if err != nil || d.sent.Command == "" || r.Command != d.sent.Command {
		b.mu.Unlock()
		b.events <- mdm.Event{Device: id, Kind: mdm.Awake}
		return
	}
	e := mdm.Event{Device: id, Kind: mdm.Acked, Observed: observed(d.sent, r)}
	switch {
	case !d.answered && r.State == mdm.Restoring: // not done yet
		e.Observed, e.Kind = nil, mdm.Awake
	case !d.answered:
		d.answered, d.fresh = true, true
		e.Command = r.Command
		if d.sent.Kind != mdm.Look && refused(d.sent, r) {
			e.Kind, e.Detail, e.Observed = mdm.Failed, r.Error, nil
		}
	case !d.fresh: // the broker's memory, from before this program started
		e.Observed, e.Kind = nil, mdm.Awake
	}
	b.mu.Unlock()
	b.events <- e
}

// Present takes whether an agent is connected, as it says itself or its last will does.
func (b *Backend) Present(id string, online bool) {
	k := mdm.Gone
	if online {
		k = mdm.Awake
	}
	b.events <- mdm.Event{Device: id, Kind: k}
}

// refused reports whether a command was not carried out. Of a lock that took in part the look tells what is off.
func refused(w wish, r mdm.DeviceReport) bool {
	in, _, _ := mdm.ParseSet(r.InForce)
	switch w.Kind {
	case mdm.Stand:
		return !in.Has(w.Standing)
	case mdm.Lock:
		return in&w.Lock == 0
	}
	return false
}

func observed(w wish, r mdm.DeviceReport) *mdm.Observed {
	in, _, err := mdm.ParseSet(r.InForce)
	if err != nil {
		return nil
	}
	o := &mdm.Observed{Standing: in & w.Standing, InForce: in, Evidence: r.Evidence}
	o.Locked = slices.Contains([]mdm.State{mdm.LockedVerified, mdm.LockedAcked, mdm.Partial, mdm.Restoring}, r.State)
	if o.Locked {
		o.Lock = in & w.Lock
		o.Tag = mdm.Want{Lock: w.Lock, Until: w.Until}.Tag()
	}
	if r.Error == mdm.FaultCircumvent {
		o.Fault = mdm.FaultCircumvent
	}
	return o
}

// Run passes on what agents report.
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

// Health is that of the connection.
func (b *Backend) Health(context.Context) error {
	if err := b.link.Up(); err != nil {
		return &mdm.Fault{Slug: mdm.FaultUnreachable, Err: err}
	}
	return nil
}

var _ mdm.Backend = (*Backend)(nil)
