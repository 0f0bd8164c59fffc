// Package headwind is the lock-down through Headwind MDM (server 5.39, launcher 6.36; Apache-2.0).
//
// In Headwind a device has one configuration. The administrator makes, beside the usual one, a copy with the standing posture and one
// with the lock, and names the three here; this package moves devices between them and changes no configuration. What the copies have to
// hold: restrictions "no_unmute_microphone", and the assistants among the locked packages (docs/mdm.md).
//
// Moving is all that can be seen: the launcher swallows what fails, and reports no restriction (DeviceInfo has none). So a device here
// is "pushed, not provable" and never more.
package headwind

import (
	"context"
	"crypto/md5" //nolint:gosec // Headwind wants it
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"subrosa/mdm"
	"subrosa/mdm/rest"
)

// Plan names the configurations for devices of one kind.
type Plan struct {
	Usual    int `json:"usual"`    // without anything of ours; 0: none such, Standing is the usual one
	Standing int `json:"standing"` // assistants off
	Lock     int `json:"lock"`     // with all of Locks off as well
	// Locks is what the lock's configuration switches off beside the assistants.
	Locks mdm.Set `json:"locks"`
}

// Options of a Backend.
type Options struct {
	URL      string // https://mdm.example, or with a path
	User     string
	Password string
	Plans    []Plan
	Client   *http.Client
}

// Backend is mdm.Backend.
type Backend struct {
	opt    Options
	api    rest.Client
	events chan mdm.Event

	mu    sync.Mutex
	token string
}

var _ mdm.Backend = (*Backend)(nil)

// New returns a Backend. It does not connect.
func New(o Options) (*Backend, error) {
	if err := rest.CheckBase(o.URL); err != nil {
		return nil, fmt.Errorf("headwind: %w", err)
	}
	if o.User == "" || o.Password == "" || len(o.Plans) == 0 {
		return nil, errors.New("headwind: user, password and at least one plan of configurations are needed")
	}
	seen := map[int]bool{}
	for _, p := range o.Plans {
		if p.Standing <= 0 || p.Lock <= 0 || p.Usual < 0 {
			return nil, errors.New("headwind: a plan needs the numbers of its standing and its lock configuration")
		}
		for _, id := range []int{p.Usual, p.Standing, p.Lock} {
			if id != 0 && seen[id] {
				return nil, fmt.Errorf("headwind: configuration %d stands in the plans twice", id)
			}
			seen[id] = true
		}
		if p.Locks&(mdm.Assistant|mdm.CallRecording|mdm.Dictation|mdm.ExternalAI) != 0 {
			return nil, fmt.Errorf("headwind: a configuration cannot switch off %s", p.Locks)
		}
	}
	if o.Client == nil {
		o.Client = rest.Default()
	}
	b := &Backend{opt: o, events: make(chan mdm.Event, 1024)}
	b.api = rest.Client{Name: "headwind", Base: o.URL, HTTP: o.Client, Authorize: b.authorize}
	return b, nil
}

// authorize logs in once, and again after a token was refused (they last a day).
func (b *Backend) authorize(ctx context.Context, r *http.Request) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.token == "" {
		sum := md5.Sum([]byte(b.opt.Password)) //nolint:gosec // Headwind wants it, in capitals
		login := rest.Client{Name: "headwind", Base: b.opt.URL, HTTP: b.opt.Client}
		var a struct {
			Token string `json:"id_token"`
		}
		err := login.Do(ctx, http.MethodPost, "/rest/public/jwt/login", map[string]string{"login": b.opt.User,
			"password": strings.ToUpper(hex.EncodeToString(sum[:]))}, &a)
		if err != nil {
			return err
		}
		if a.Token == "" {
			return &mdm.Fault{Slug: mdm.FaultCredentials, Err: errors.New("headwind: no token for this user and password")}
		}
		b.token = a.Token
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	return nil
}

// call unpacks Headwind's envelope: 200 with status ERROR is its way to refuse.
func (b *Backend) call(ctx context.Context, method, path string, in, out any) error {
	var a struct {
		Status  string          `json:"status"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	err := b.api.Do(ctx, method, path, in, &a)
	if mdm.Slug(err) == mdm.FaultCredentials { // the token may be over
		b.mu.Lock()
		b.token = ""
		b.mu.Unlock()
		err = b.api.Do(ctx, method, path, in, &a)
	}
	switch {
	case err != nil:
		return err
	case a.Status != "OK" && strings.Contains(a.Message, "permission"):
		return &mdm.Fault{Slug: mdm.FaultCredentials, Unsent: true, Err: fmt.Errorf("headwind: %.80s", a.Message)}
	case a.Status != "OK":
		return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: fmt.Errorf("headwind: %.80s", a.Message)}
	case out != nil:
		if err := json.Unmarshal(a.Data, out); err != nil {
			return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: fmt.Errorf("headwind: %w", err)}
		}
	}
	return nil
}

// Caps is mdm.Backend.
func (b *Backend) Caps(d mdm.Device) mdm.Caps {
	c := mdm.Caps{Best: mdm.NoEvidence, Limits: []string{mdm.LimitNoProof, mdm.LimitNoLease}}
	if d.Platform != "android" || d.UserEnrolled {
		return c
	}
	c.Can = mdm.Assistant
	for _, p := range b.opt.Plans { // what every plan can
		if c.Can == mdm.Assistant {
			c.Can |= p.Locks
		}
		c.Can &= p.Locks | mdm.Assistant
	}
	if !c.Can.Has(mdm.Microphone) {
		c.Limits = append(c.Limits, mdm.LimitMicrophone)
	}
	return c
}

type device struct {
	ID            int `json:"id"`
	Configuration int `json:"configurationId"`
}

// plan finds the plan that a device's configuration is in.
func (b *Backend) plan(id int) (Plan, error) {
	for _, p := range b.opt.Plans {
		if id == p.Usual && id != 0 || id == p.Standing || id == p.Lock {
			return p, nil
		}
	}
	return Plan{}, &mdm.Fault{Slug: mdm.FaultRefused, Unsent: true, Err: fmt.Errorf("headwind: the device has configuration %d, which is in no plan: it is left alone", id)}
}

// Send is mdm.Backend.
func (b *Backend) Send(ctx context.Context, d mdm.Device, c mdm.Command) error {
	var v device
	if err := b.call(ctx, http.MethodGet, "/rest/private/devices/number/"+url.PathEscape(d.Enrolment), nil, &v); err != nil {
		return err
	}
	p, err := b.plan(v.Configuration)
	if err != nil {
		return err
	}
	target := v.Configuration
	switch c.Kind {
	case mdm.Look:
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID, Observed: observed(v.Configuration, p)})
		return nil
	case mdm.Stand:
		if target == p.Usual {
			target = p.Standing
		}
	case mdm.Lock:
		target = p.Lock
	case mdm.Free:
		if target == p.Lock {
			target = p.Standing
		}
	}
	if target != v.Configuration {
		// The bulk form: it alone leaves all other fields of the device as they are, and pushes by itself.
		body := struct {
			IDs           []int `json:"ids"`
			Configuration int   `json:"configurationId"`
		}{[]int{v.ID}, target}
		if err := b.call(ctx, http.MethodPut, "/rest/private/devices", body, nil); err != nil {
			return err
		}
	}
	b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID, Detail: "pushed, not provable"})
	return nil
}

// observed is what the server has in mind for the device; nobody knows whether the device followed.
func observed(configuration int, p Plan) *mdm.Observed {
	o := &mdm.Observed{Evidence: mdm.NoEvidence}
	switch configuration {
	case p.Standing:
		o.Standing = mdm.Assistant
	case p.Lock:
		o.Standing, o.Lock, o.Locked = mdm.Assistant, p.Locks, true
	}
	return o
}

// Wake pushes once more.
func (b *Backend) Wake(ctx context.Context, d mdm.Device) error {
	body := struct {
		Type    string   `json:"messageType"`
		Numbers []string `json:"deviceNumbers"`
	}{"configUpdated", []string{d.Enrolment}}
	return b.call(ctx, http.MethodPost, "/rest/private/push", body, nil)
}

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

// Health is mdm.Backend: it logs in if need be and lists one device.
func (b *Backend) Health(ctx context.Context) error {
	body := struct {
		Size int `json:"pageSize"`
		Page int `json:"pageNum"`
	}{1, 1}
	return b.call(ctx, http.MethodPost, "/rest/private/devices/search", body, nil)
}
