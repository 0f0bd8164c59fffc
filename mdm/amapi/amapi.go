// Package amapi is the lock-down of fully managed Android devices through the Android Management API.
//
// A device has one policy at any given time. So a lock is a copy of the customer's policy with more switched off, under a name that
// says what it is made of, and the device is moved to the copy and back:
//
//	phones-2026                        the customer's
//	phones-2026-subrosa-01-00          with the standing posture (assistants off)
//	phones-2026-subrosa-01-14          with a lock on top
//
// The name of the customer's policy is kept on disk before the device is moved for the first time, and stands in the copy's name as
// well. The device says which policy, in which version, it has applied, and what of it it could not: that is the evidence. It cannot
// give itself back when everything else is dead (no-lease): policies do not expire.
//
// Field names: https://developers.google.com/android/management/reference/rest/v1/enterprises.policies and …/enterprises.devices.
package amapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"subrosa/mdm"
	"subrosa/mdm/rest"
)

// Options of a Backend.
type Options struct {
	Base       string // default https://androidmanagement.googleapis.com/v1
	Enterprise string // enterprises/LC012345
	Account    []byte // the service account's JSON key; nil: no authorisation, for a test's double only
	Microphone bool   // the models in use have been tried: emergency calls work with the microphone off
	Assistants []string
	Keep       mdm.Keeper
	Poll       time.Duration // default 10 s: between two looks at a device that is on its way
	Client     *http.Client
}

// Assistants are the packages of voice assistants that are switched off, unless Options names others.
var Assistants = []string{"com.google.android.googlequicksearchbox", "com.google.android.apps.bard", "com.samsung.android.bixby.agent",
	"com.samsung.android.bixby.wakeup", "com.amazon.dee.app"}

// Backend is mdm.Backend.
type Backend struct {
	opt    Options
	api    rest.Client
	events chan mdm.Event

	mu      sync.Mutex
	pending map[string]errand
	copies  map[string]made // by the copy's name
}

// made is a copy as it was written last.
type made struct {
	base    string // the customer's policy's version then
	version int64  // the copy's
}

// errand is a device on its way to a policy.
type errand struct {
	device  mdm.Device
	command string
	policy  string // full name
	version int64  // 0: any
	asked   mdm.Set
	moving  bool // it is not known that the device was moved: that it has another policy says nothing
}

var _ mdm.Backend = (*Backend)(nil)

const scope = "https://www.googleapis.com/auth/androidmanagement"

// New returns a Backend. It does not connect.
func New(o Options) (*Backend, error) {
	if o.Base == "" {
		o.Base = "https://androidmanagement.googleapis.com/v1"
	}
	if err := rest.CheckBase(o.Base); err != nil {
		return nil, fmt.Errorf("amapi: %w", err)
	}
	if ok, _ := regexp.MatchString(`^enterprises/[A-Za-z0-9]+$`, o.Enterprise); !ok {
		return nil, fmt.Errorf("amapi: enterprise %.60q: want enterprises/LC…", o.Enterprise)
	}
	if o.Keep == nil {
		return nil, errors.New("amapi: nothing to keep the former policies in")
	}
	if o.Assistants == nil {
		o.Assistants = Assistants
	}
	if o.Poll <= 0 {
		o.Poll = 10 * time.Second
	}
	if o.Client == nil {
		o.Client = rest.Default()
	}
	b := &Backend{opt: o, events: make(chan mdm.Event, 1024), pending: map[string]errand{}, copies: map[string]made{}}
	b.api = rest.Client{Name: "amapi", Base: o.Base, HTTP: o.Client}
	if o.Account != nil {
		auth, err := authorize(o.Account, o.Client)
		if err != nil {
			return nil, err
		}
		b.api.Authorize = auth
	}
	return b, nil
}

// authorize exchanges a signed JWT for a token (RFC 7523), and again when it is over.
func authorize(key []byte, client *http.Client) (func(context.Context, *http.Request) error, error) {
	var a struct {
		Type   string `json:"type"`
		Email  string `json:"client_email"`
		Key    string `json:"private_key"`
		KeyID  string `json:"private_key_id"`
		Tokens string `json:"token_uri"`
	}
	if err := json.Unmarshal(key, &a); err != nil {
		return nil, fmt.Errorf("amapi: the service account's key: %w", err)
	}
	if a.Type != "service_account" || a.Email == "" || a.Key == "" {
		return nil, errors.New("amapi: the service account's key: want the JSON file that the Google Cloud console gives")
	}
	if err := rest.CheckBase(a.Tokens); err != nil {
		return nil, fmt.Errorf("amapi: token_uri: %w", err)
	}
	c := jwt.Config{Email: a.Email, PrivateKey: []byte(a.Key), PrivateKeyID: a.KeyID, Scopes: []string{scope}, TokenURL: a.Tokens}
	src := c.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client))
	return func(_ context.Context, r *http.Request) error {
		t, err := src.Token()
		var refused *oauth2.RetrieveError
		switch {
		case errors.As(err, &refused):
			return &mdm.Fault{Slug: mdm.FaultCredentials, Unsent: true, Err: fmt.Errorf("amapi: no token: %s", refused.ErrorCode)}
		case err != nil:
			return err
		}
		t.SetAuthHeader(r)
		return nil
	}, nil
}

// Caps is mdm.Backend. On a work profile nothing of the private side can be touched.
func (b *Backend) Caps(d mdm.Device) mdm.Caps {
	if d.Platform != "android" || d.UserEnrolled {
		return mdm.Caps{Best: mdm.NoEvidence, Limits: []string{mdm.LimitNoProof}}
	}
	c := mdm.Caps{Can: mdm.Assistant | mdm.ScreenRecording | mdm.Camera, Best: mdm.Applied, Limits: []string{mdm.LimitNoLease}}
	if b.opt.Microphone {
		c.Can |= mdm.Microphone
	} else {
		c.Limits = append(c.Limits, mdm.LimitMicrophone)
	}
	c.Proves = c.Can
	return c
}

// device is the part of enterprises.devices that counts.
type device struct {
	State          string `json:"state"`
	PolicyName     string `json:"policyName"`
	Applied        string `json:"appliedPolicyName"`
	AppliedVersion string `json:"appliedPolicyVersion"` // int64 format
	NonCompliance  []struct {
		Setting string `json:"settingName"`
		Reason  string `json:"nonComplianceReason"`
		Package string `json:"packageName"`
	} `json:"nonComplianceDetails"`
}

func (b *Backend) devicePath(d mdm.Device) string {
	return "/" + b.opt.Enterprise + "/devices/" + url.PathEscape(d.Enrolment)
}

func (b *Backend) get(ctx context.Context, d mdm.Device) (device, error) {
	var v device
	err := b.api.Do(ctx, http.MethodGet, b.devicePath(d), nil, &v)
	return v, err
}

// ours matches the name of a copy.
var ours = regexp.MustCompile(`^(.+)-subrosa-([0-9a-f]{2})-([0-9a-f]{2})$`)

// read takes a policy's name apart: the customer's own, and what ours adds.
func read(name string) (base string, standing, lock mdm.Set) {
	m := ours.FindStringSubmatch(name)
	if m == nil {
		return name, 0, 0
	}
	s, _ := strconv.ParseUint(m[2], 16, 8)
	l, _ := strconv.ParseUint(m[3], 16, 8)
	return m[1], mdm.Set(s) & mdm.All, mdm.Set(l) & mdm.All
}

func name(base string, standing, lock mdm.Set) string {
	if standing|lock == 0 {
		return base
	}
	return fmt.Sprintf("%s-subrosa-%02x-%02x", base, uint16(standing), uint16(lock))
}

// Send is mdm.Backend.
func (b *Backend) Send(ctx context.Context, d mdm.Device, c mdm.Command) error {
	v, err := b.get(ctx, d)
	if errors.Is(err, rest.ErrNotFound) || v.State == "DELETED" {
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Left})
	}
	if err != nil {
		return unsent(err)
	}
	base, standing, lock := read(v.PolicyName)
	switch c.Kind {
	case mdm.Look:
		if standing|lock != 0 { // the customer may have changed the policy that this one is a copy of
			if _, err := b.copy(ctx, base, v.PolicyName, standing|lock); err != nil {
				return unsent(err)
			}
		}
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID, Observed: b.observed(v)})
		return nil
	case mdm.Stand:
		standing = c.Want.Standing
	case mdm.Lock:
		lock = c.Want.Lock
	case mdm.Free:
		lock = 0
	}
	if err := b.remember(d, base); err != nil {
		return &mdm.Fault{Slug: mdm.FaultState, Unsent: true, Err: err}
	}
	target := name(base, standing, lock)
	version, err := b.copy(ctx, base, target, standing|lock)
	if err != nil {
		return unsent(err)
	}
	e := errand{device: d, command: c.ID, policy: target, version: version, asked: standing | lock, moving: true}
	b.put(e)
	err = b.api.Do(ctx, http.MethodPatch, b.devicePath(d)+"?updateMask=policyName", map[string]string{"policyName": target}, nil)
	if err == nil {
		e.moving = false
		b.moved(e)
		return nil
	}
	b.mu.Lock()
	delete(b.copies, target) // somebody may have deleted it
	b.mu.Unlock()
	return err
}

func (b *Backend) put(e errand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending[e.device.ID] = e
}

// moved notes that the device has its policy now, unless that was seen already.
func (b *Backend) moved(e errand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending[e.device.ID].command == e.command {
		b.pending[e.device.ID] = e
	}
}

// unsent: before the device's policy is named nobody has the command.
func unsent(err error) error { return &mdm.Fault{Slug: mdm.Slug(err), Unsent: true, Err: err} }

// remember keeps the customer's policy of a device.
func (b *Backend) remember(d mdm.Device, base string) error {
	old, ok, err := b.opt.Keep.Kept(d.ID)
	if err != nil || ok && old == base {
		return err
	}
	return b.opt.Keep.Keep(d.ID, base)
}

// copy makes the customer's policy with more off, and returns its version. All that the customer has set stays. It is written again
// when the customer's policy has changed since, and once in each run of the program.
func (b *Backend) copy(ctx context.Context, base, target string, off mdm.Set) (int64, error) {
	if base == target {
		return 0, nil
	}
	if !strings.HasPrefix(base, b.opt.Enterprise+"/policies/") {
		return 0, fmt.Errorf("amapi: the device's policy %.80q is none of %s", base, b.opt.Enterprise)
	}
	policy := map[string]json.RawMessage{}
	if err := b.api.Do(ctx, http.MethodGet, "/"+base, nil, &policy); err != nil {
		return 0, err
	}
	now := string(policy["version"])
	b.mu.Lock()
	last, ok := b.copies[target]
	b.mu.Unlock()
	if ok && last.base == now && now != "" {
		return last.version, nil
	}
	delete(policy, "name")
	delete(policy, "version")
	if err := b.restrict(policy, off); err != nil {
		return 0, err
	}
	var answer struct {
		Version string `json:"version"` // int64 format
	}
	if err := b.api.Do(ctx, http.MethodPatch, "/"+target, policy, &answer); err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(answer.Version, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amapi: policy %s has version %.20q", target, answer.Version)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.copies[target] = made{now, v}
	return v, nil
}

// restrict switches off in a policy.
func (b *Backend) restrict(policy map[string]json.RawMessage, off mdm.Set) error {
	if off.Has(mdm.Microphone) {
		policy["microphoneAccess"] = json.RawMessage(`"MICROPHONE_ACCESS_DISABLED"`)
	}
	if off.Has(mdm.Camera) {
		policy["cameraAccess"] = json.RawMessage(`"CAMERA_ACCESS_DISABLED"`)
	}
	if off.Has(mdm.ScreenRecording) {
		policy["screenCaptureDisabled"] = json.RawMessage(`true`)
	}
	if !off.Has(mdm.Assistant) {
		return nil
	}
	policy["assistContentPolicy"] = json.RawMessage(`"ASSIST_CONTENT_DISALLOWED"`)
	var apps []map[string]json.RawMessage
	if raw := policy["applications"]; raw != nil {
		if err := json.Unmarshal(raw, &apps); err != nil {
			return fmt.Errorf("amapi: applications: %w", err)
		}
	}
	for _, pkg := range b.opt.Assistants {
		quoted, err := json.Marshal(pkg)
		if err != nil {
			return fmt.Errorf("amapi: package: %w", err)
		}
		i := slices.IndexFunc(apps, func(a map[string]json.RawMessage) bool { return string(a["packageName"]) == string(quoted) })
		if i < 0 {
			apps = append(apps, map[string]json.RawMessage{"packageName": quoted})
			i = len(apps) - 1
		}
		// disabled and not BLOCKED: its data are preserved, and it is not uninstalled.
		apps[i]["disabled"] = json.RawMessage(`true`)
	}
	raw, err := json.Marshal(apps)
	policy["applications"] = raw
	return err
}

// of names the restriction that a setting serves.
func of(setting string) mdm.Set {
	field, _, _ := strings.Cut(setting, "[")
	switch field {
	case "microphoneAccess":
		return mdm.Microphone
	case "cameraAccess":
		return mdm.Camera
	case "screenCaptureDisabled":
		return mdm.ScreenRecording
	case "applications", "disabled":
		return mdm.Assistant
	}
	return 0
}

// failed is what the device says it could not apply; pending is only late. assistContentPolicy needs Android 15 and helps beside
// the disabled apps: that it is missing is no failure.
func failed(v device) (set mdm.Set, why string) {
	for _, n := range v.NonCompliance {
		if n.Reason == "PENDING" || n.Reason == "APP_NOT_INSTALLED" {
			continue
		}
		if s := of(n.Setting); s != 0 {
			set |= s
			why = n.Setting + " " + n.Reason
		}
	}
	return set, why
}

func late(v device) bool {
	for _, n := range v.NonCompliance {
		if n.Reason == "PENDING" && of(n.Setting) != 0 {
			return true
		}
	}
	return false
}

// observed is what the device has applied.
func (b *Backend) observed(v device) *mdm.Observed {
	_, standing, lock := read(v.Applied)
	bad, _ := failed(v)
	if late(v) {
		bad = mdm.All
	}
	return &mdm.Observed{Standing: standing &^ bad, Lock: lock &^ bad, Locked: lock != 0, InForce: (standing | lock) &^ bad, Evidence: mdm.Applied}
}

// Wake is mdm.Backend: Google wakes the devices itself.
func (b *Backend) Wake(context.Context, mdm.Device) error { return nil }

// Run is mdm.Backend: it looks after the devices that are on their way.
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
				if ev, done := b.arrived(ctx, e); done {
					emit(ev)
				}
			}
		}
	}
}

// arrived asks whether a device has applied what it was sent for.
func (b *Backend) arrived(ctx context.Context, e errand) (mdm.Event, bool) {
	v, err := b.get(ctx, e.device)
	if err != nil && !errors.Is(err, rest.ErrNotFound) {
		return mdm.Event{}, false
	}
	applied, _ := strconv.ParseInt(v.AppliedVersion, 10, 64)
	ev := mdm.Event{Device: e.device.ID, Kind: mdm.Acked, Command: e.command}
	bad, why := failed(v)
	switch {
	case err != nil:
		ev.Kind, ev.Command = mdm.Left, ""
	case v.PolicyName != e.policy && e.moving:
		return ev, false
	case v.PolicyName != e.policy: // somebody has moved it elsewhere
		ev.Kind, ev.Detail = mdm.Failed, "moved to another policy"
	case v.Applied != e.policy || applied < e.version || late(v):
		return ev, false
	case bad&e.asked != 0:
		ev.Kind, ev.Detail = mdm.Failed, why
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending[e.device.ID].command != e.command { // another command since
		return ev, false
	}
	delete(b.pending, e.device.ID)
	return ev, true
}

func (b *Backend) emit(e mdm.Event) {
	select {
	case b.events <- e:
	default: // found by looking again
	}
}

// Health is mdm.Backend.
func (b *Backend) Health(ctx context.Context) error {
	return b.api.Do(ctx, http.MethodGet, "/"+b.opt.Enterprise+"/policies?pageSize=1", nil, nil)
}
