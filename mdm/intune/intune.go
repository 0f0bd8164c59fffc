// Package intune is what can be had of Microsoft Intune: the standing posture, read and assigned. Locks for sessions are refused:
// Intune takes a policy back within "up to 7 hours" and a refresh cycle (MicrosoftDocs/memdocs#2525), which no session can wait for.
//
// The administrator makes a configuration profile with assistants off (iOS: siriBlocked; Android fully managed; Windows: Cortana) and a
// group for it. This package sees to it that the profile is assigned to the group, beside whatever else it is assigned to, asks devices to
// come, and reads what each reports of the profile. It never takes an assignment away.
//
// Microsoft Graph v1.0, by https://learn.microsoft.com/graph/api/resources/intune-graph-overview.
package intune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"subrosa/mdm"
	"subrosa/mdm/rest"
)

// Options of a Backend. Platform names are those of mdm.Device.
type Options struct {
	Graph    string // default https://graph.microsoft.com/v1.0
	Login    string // default https://login.microsoftonline.com
	Tenant   string // GUID
	Client   string // GUID of the app registration
	Secret   string
	Profiles map[string]Profile // by platform
	Poll     time.Duration      // default one minute
	HTTP     *http.Client
}

// Profile is a configuration profile and the group that it is for.
type Profile struct {
	ID    string `json:"id"`    // GUID of the deviceConfiguration
	Group string `json:"group"` // GUID
}

// Backend is mdm.Backend.
type Backend struct {
	opt    Options
	api    rest.Client
	events chan mdm.Event

	mu      sync.Mutex
	pending map[string]errand
}

type errand struct {
	device  mdm.Device
	command string
}

var _ mdm.Backend = (*Backend)(nil)

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// New returns a Backend. It does not connect.
func New(o Options) (*Backend, error) {
	if o.Graph == "" {
		o.Graph = "https://graph.microsoft.com/v1.0"
	}
	if o.Login == "" {
		o.Login = "https://login.microsoftonline.com"
	}
	if err := errors.Join(rest.CheckBase(o.Graph), rest.CheckBase(o.Login)); err != nil {
		return nil, fmt.Errorf("intune: %w", err)
	}
	if !guid.MatchString(o.Tenant) || !guid.MatchString(o.Client) || o.Secret == "" || len(o.Profiles) == 0 {
		return nil, errors.New("intune: tenant and client (GUIDs), a secret, and at least one profile are needed")
	}
	for platform, p := range o.Profiles {
		if !guid.MatchString(p.ID) || !guid.MatchString(p.Group) {
			return nil, fmt.Errorf("intune: profile for %.20s: id and group are GUIDs", platform)
		}
	}
	if o.Poll <= 0 {
		o.Poll = time.Minute
	}
	if o.HTTP == nil {
		o.HTTP = rest.Default()
	}
	b := &Backend{opt: o, events: make(chan mdm.Event, 1024), pending: map[string]errand{}}
	c := clientcredentials.Config{ClientID: o.Client, ClientSecret: o.Secret, TokenURL: o.Login + "/" + o.Tenant + "/oauth2/v2.0/token",
		Scopes: []string{"https://graph.microsoft.com/.default"}, AuthStyle: oauth2.AuthStyleInParams}
	src := c.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, o.HTTP))
	b.api = rest.Client{Name: "intune", Base: o.Graph, HTTP: o.HTTP, Authorize: func(_ context.Context, r *http.Request) error {
		t, err := src.Token()
		var refused *oauth2.RetrieveError
		switch {
		case errors.As(err, &refused):
			return &mdm.Fault{Slug: mdm.FaultCredentials, Err: fmt.Errorf("intune: no token: %s", refused.ErrorCode)}
		case err != nil:
			return err
		}
		t.SetAuthHeader(r)
		return nil
	}}
	return b, nil
}

// Caps is mdm.Backend: assistants, for the standing posture.
func (b *Backend) Caps(d mdm.Device) mdm.Caps {
	if _, ok := b.opt.Profiles[d.Platform]; !ok {
		return mdm.Caps{Best: mdm.NoEvidence, Slow: true, Limits: []string{mdm.LimitNoProof, mdm.FaultSlow}}
	}
	return mdm.Caps{Can: mdm.Assistant, Proves: mdm.Assistant, Best: mdm.ProfileList, Slow: true,
		Limits: []string{mdm.FaultSlow, mdm.LimitMicrophone, mdm.LimitNoLease}}
}

// Send is mdm.Backend.
func (b *Backend) Send(ctx context.Context, d mdm.Device, c mdm.Command) error {
	p, ok := b.opt.Profiles[d.Platform]
	switch {
	case c.Kind == mdm.Lock || c.Kind == mdm.Free:
		return &mdm.Fault{Slug: mdm.FaultSlow, Unsent: true, Err: errors.New("intune: takes hours to lock and to give back; it keeps the standing posture only")}
	case !ok:
		return &mdm.Fault{Slug: mdm.FaultRefused, Unsent: true, Err: fmt.Errorf("intune: no profile for %.20s", d.Platform)}
	case c.Kind == mdm.Look:
		s, err := b.state(ctx, d, p)
		if err != nil {
			return err
		}
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID, Observed: observed(s)})
		return nil
	}
	if err := b.assign(ctx, p); err != nil {
		return err
	}
	b.mu.Lock()
	b.pending[d.ID] = errand{d, c.ID}
	b.mu.Unlock()
	return b.Wake(ctx, d)
}

// assignment is kept as it came but for what is looked at: assign replaces the whole list.
type assignment = map[string]json.RawMessage

// assign adds our group to a profile's assignments, if it is not among them.
func (b *Backend) assign(ctx context.Context, p Profile) error {
	path := "/deviceManagement/deviceConfigurations/" + p.ID
	var list struct {
		Value []assignment `json:"value"`
		Next  string       `json:"@odata.nextLink"`
	}
	if err := b.api.Do(ctx, http.MethodGet, path+"/assignments", nil, &list); err != nil {
		return err
	}
	if list.Next != "" {
		return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: errors.New("intune: the profile has more assignments than one page; add the group by hand")}
	}
	keep := []assignment{}
	for _, a := range list.Value {
		var t struct {
			Group string `json:"groupId"`
			Type  string `json:"@odata.type"`
		}
		if err := json.Unmarshal(a["target"], &t); err != nil {
			return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: fmt.Errorf("intune: an assignment without target: %w", err)}
		}
		if t.Group == p.Group {
			if t.Type != groupTarget { // excluded: that is somebody's decision
				return &mdm.Fault{Slug: mdm.FaultRefused, Unsent: true, Err: errors.New("intune: the group is excluded from the profile")}
			}
			return nil
		}
		keep = append(keep, assignment{"target": a["target"]})
	}
	ours, err := json.Marshal(map[string]string{"@odata.type": groupTarget, "groupId": p.Group})
	if err != nil {
		return err
	}
	return b.api.Do(ctx, http.MethodPost, path+"/assign", map[string]any{"assignments": append(keep, assignment{"target": ours})}, nil)
}

const groupTarget = "#microsoft.graph.groupAssignmentTarget"

// state is what the device reports of the profile.
func (b *Backend) state(ctx context.Context, d mdm.Device, p Profile) (string, error) {
	var list struct {
		Value []struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"value"`
	}
	err := b.api.Do(ctx, http.MethodGet, "/deviceManagement/managedDevices/"+url.PathEscape(d.Enrolment)+"/deviceConfigurationStates", nil, &list)
	if errors.Is(err, rest.ErrNotFound) {
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Left})
	}
	for _, v := range list.Value {
		if v.ID == p.ID {
			return v.State, err
		}
	}
	return "", err
}

func observed(state string) *mdm.Observed {
	o := &mdm.Observed{Evidence: mdm.ProfileList}
	if state == "compliant" {
		o.Standing, o.InForce = mdm.Assistant, mdm.Assistant
	}
	return o
}

// Wake asks the device to come.
func (b *Backend) Wake(ctx context.Context, d mdm.Device) error {
	return b.api.Do(ctx, http.MethodPost, "/deviceManagement/managedDevices/"+url.PathEscape(d.Enrolment)+"/syncDevice", nil, nil)
}

// Run is mdm.Backend: it looks after the devices that are to get the profile.
func (b *Backend) Run(ctx context.Context, emit func(mdm.Event)) error {
	t := time.NewTicker(b.opt.Poll)
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
				b.arrived(ctx, e, emit)
			}
		}
	}
}

func (b *Backend) arrived(ctx context.Context, e errand, emit func(mdm.Event)) {
	s, err := b.state(ctx, e.device, b.opt.Profiles[e.device.Platform])
	ev := mdm.Event{Device: e.device.ID, Kind: mdm.Acked, Command: e.command}
	switch {
	case err != nil:
		return
	case s == "compliant":
	case s == "error" || s == "conflict" || s == "notApplicable" || s == "nonCompliant":
		ev.Kind, ev.Detail = mdm.Failed, s
	default: // unknown, notAssigned, remediated: on its way
		return
	}
	b.mu.Lock()
	last := b.pending[e.device.ID].command == e.command
	if last {
		delete(b.pending, e.device.ID)
	}
	b.mu.Unlock()
	if last {
		emit(ev)
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
	return b.api.Do(ctx, http.MethodGet, "/deviceManagement/managedDevices?$top=1&$select=id", nil, nil)
}
