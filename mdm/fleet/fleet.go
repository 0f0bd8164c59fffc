// Package fleet is the lock-down of iPhones, iPads and Macs through Fleet (https://fleetdm.com), which passes Apple's commands on as they
// are and keeps what each device answered. The commands, and what can be proven, are those of package nanomdm, a fork of which is inside
// Fleet; its declarations (DDM) are Fleet's own and not used here.
//
// Fleet has no event for the answer to one command: it is asked for. It wakes devices itself, once a minute, and not at all after a
// locked screen has answered "not now" (fleetdm/fleet#23816): people unlock, and the device comes.
package fleet

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"subrosa/mdm"
	"subrosa/mdm/nanomdm"
	"subrosa/mdm/rest"
)

// Options of a Backend.
type Options struct {
	URL    string // https://fleet.example
	Token  string // of an API-only user with the role "GitOps" or "Maintainer"
	Poll   time.Duration
	Client *http.Client
}

// Backend is mdm.Backend.
type Backend struct {
	api    rest.Client
	poll   time.Duration
	events chan mdm.Event

	mu      sync.Mutex
	pending map[string]errand // by device
}

// errand is a command that was not answered yet.
type errand struct {
	device mdm.Device
	id     string
	busy   bool
}

var _ mdm.Backend = (*Backend)(nil)

// New returns a Backend. It does not connect.
func New(o Options) (*Backend, error) {
	if err := rest.CheckBase(o.URL); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if o.Token == "" {
		return nil, errors.New("fleet: the API token is missing")
	}
	if o.Poll <= 0 {
		o.Poll = 5 * time.Second
	}
	if o.Client == nil {
		o.Client = rest.Default()
	}
	b := &Backend{poll: o.Poll, events: make(chan mdm.Event, 1024), pending: map[string]errand{}}
	b.api = rest.Client{Name: "fleet", Base: o.URL, HTTP: o.Client, Authorize: func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+o.Token)
		return nil
	}}
	return b, nil
}

// Caps is mdm.Backend.
func (b *Backend) Caps(d mdm.Device) mdm.Caps { return nanomdm.CapsOf(d) }

// Send is mdm.Backend.
func (b *Backend) Send(ctx context.Context, d mdm.Device, c mdm.Command) error {
	body, err := nanomdm.EncodeCommand(d, c)
	if err != nil {
		return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: err}
	}
	in := struct {
		Command string   `json:"command"`
		Hosts   []string `json:"host_uuids"`
	}{base64.StdEncoding.EncodeToString(body), []string{d.Enrolment}}
	var out struct {
		ID string `json:"command_uuid"`
	}
	b.mu.Lock()
	if b.pending[d.ID].id != c.ID {
		b.pending[d.ID] = errand{device: d, id: c.ID}
	}
	b.mu.Unlock()
	err = b.api.Do(ctx, http.MethodPost, "/api/v1/fleet/commands/run", in, &out)
	switch {
	case errors.Is(err, rest.ErrNotFound):
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Left})
		return err
	case err == nil && out.ID != c.ID:
		return &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("fleet: the command was given the id %.40q in place of ours", out.ID)}
	}
	return err
}

// Wake is mdm.Backend: Fleet does it itself.
func (b *Backend) Wake(context.Context, mdm.Device) error { return nil }

// Run is mdm.Backend: it asks what became of the commands that are on their way.
func (b *Backend) Run(ctx context.Context, emit func(mdm.Event)) error {
	t := time.NewTicker(b.poll)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-b.events:
			emit(e)
		case <-t.C:
			b.mu.Lock()
			var all []errand
			for _, e := range b.pending {
				all = append(all, e)
			}
			b.mu.Unlock()
			for _, e := range all {
				b.ask(ctx, e, emit)
			}
		}
	}
}

// ask asks for one answer.
func (b *Backend) ask(ctx context.Context, e errand, emit func(mdm.Event)) {
	var list struct {
		Results []struct {
			Host   string `json:"host_uuid"`
			ID     string `json:"command_uuid"`
			Status string `json:"status"`
			Result []byte `json:"result"` // base64
		} `json:"results"`
	}
	if b.api.Do(ctx, http.MethodGet, "/api/v1/fleet/commands/results?command_uuid="+url.QueryEscape(e.id), nil, &list) != nil {
		return // the next turn asks again; Health says what is wrong
	}
	for _, r := range list.Results {
		if r.Host != e.device.Enrolment || r.ID != e.id || r.Status == "Pending" || r.Status == "" {
			continue
		}
		ev, err := nanomdm.DecodeAnswer(e.device, e.id, r.Result)
		if err != nil {
			continue
		}
		b.mu.Lock()
		now, last := b.pending[e.device.ID]
		last = last && now.id == e.id
		switch {
		case last && ev.Kind == mdm.Busy:
			now.busy = true
			b.pending[e.device.ID] = now
		case last:
			delete(b.pending, e.device.ID)
		}
		b.mu.Unlock()
		if last && !(ev.Kind == mdm.Busy && e.busy) {
			emit(ev)
		}
	}
}

func (b *Backend) emit(e mdm.Event) {
	select {
	case b.events <- e:
	default: // found by looking again
	}
}

// Health is mdm.Backend.
func (b *Backend) Health(ctx context.Context) error {
	return b.api.Do(ctx, http.MethodGet, "/api/v1/fleet/me", nil, nil)
}
