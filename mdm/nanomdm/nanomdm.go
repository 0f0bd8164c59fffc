// Package nanomdm is the lock-down through NanoMDM (https://github.com/micromdm/nanomdm, v0.9.0): iPhones, iPads and Macs.
//
// The standing posture and the lock are two configuration profiles of our own, side by side with the customer's; the most
// restrictive one wins. Answers come only through NanoMDM's webhook, once and without a promise, so that a lost one is found by
// looking again. NanoMDM says 200 for devices that it does not know, and 500 for commands that it has queued and could not push.
//
// # What can be proven
//
// The list of profiles (ProfileList) says that ours are installed; Restrictions says which restrictions are in force, whoever
// set them. iPhones have no key that turns the microphone off: microphone-not-lockable.
package nanomdm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"subrosa/mdm"
)

// Options of a Backend.
type Options struct {
	URL     string // of NanoMDM: https://mdm.example, or http:// on loopback
	Key     string // of its API: nanomdm -api
	HMAC    []byte // of its webhook: nanomdm -webhook-hmac-key; at least 16 bytes
	Devices []mdm.Device
	Client  *http.Client // default: 20 s a request
	DDM     *DDM         // of KMFDDM; nil: none
}

// Backend is mdm.Backend.
type Backend struct {
	opt     Options
	byName  map[string]mdm.Device
	events  chan mdm.Event
	dropped atomic.Int64
	forged  atomic.Int64
	mu      sync.Mutex
	forgery time.Time // the last webhook with a wrong signature
}

var _ mdm.Backend = (*Backend)(nil)

// minKey of the webhook's HMAC, in bytes: shorter ones can be guessed.
const minKey = 16

// New returns a Backend. It does not connect.
func New(o Options) (*Backend, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("nanomdm: url %.80q: want https://host", o.URL)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("nanomdm: url %.80q: http is for 127.0.0.1 only, put a TLS proxy before it", o.URL)
	case o.Key == "":
		return nil, errors.New("nanomdm: the API's key is missing")
	case len(o.HMAC) < minKey:
		return nil, fmt.Errorf("nanomdm: the webhook's HMAC key has %d bytes, want %d or more", len(o.HMAC), minKey)
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 20 * time.Second}
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	b := &Backend{opt: o, byName: map[string]mdm.Device{}, events: make(chan mdm.Event, 4096)}
	for _, d := range o.Devices {
		if d.Enrolment == "" || strings.ContainsAny(d.Enrolment, ",/?#% ") {
			return nil, fmt.Errorf("nanomdm: device %s: enrolment %.64q is none", d.ID, d.Enrolment)
		}
		b.byName[d.Enrolment] = d
	}
	return b, nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// Caps is mdm.Backend.
func (b *Backend) Caps(d mdm.Device) mdm.Caps {
	c := mdm.Caps{Can: can(d), Best: mdm.ProfileList, Lease: true, Limits: []string{}}
	if c.Can == 0 {
		c.Best = mdm.NoEvidence
		c.Limits = append(c.Limits, mdm.LimitNoProof)
		return c
	}
	c.Proves = c.Can
	if restrictable(d) {
		c.Best = mdm.Restrictions
	}
	c.Limits = append(c.Limits, mdm.LimitMicrophone)
	return c
}

// Send is mdm.Backend. A command that NanoMDM has already is only pushed again.
func (b *Backend) Send(ctx context.Context, d mdm.Device, c mdm.Command) error {
	if b.opt.DDM != nil && declarative(d) && c.Kind == mdm.Stand && c.Want.Standing == mdm.Assistant {
		return b.declare(ctx, d, c)
	}
	body, err := command(d, c)
	if err != nil {
		return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: err}
	}
	res, err := b.call(ctx, http.MethodPut, "/v1/enqueue/"+url.PathEscape(d.Enrolment), body)
	if err == nil && res.known() {
		return b.Wake(ctx, d)
	}
	return b.judge(d, res, err)
}

// Wake is mdm.Backend.
func (b *Backend) Wake(ctx context.Context, d mdm.Device) error {
	res, err := b.call(ctx, http.MethodGet, "/v1/push/"+url.PathEscape(d.Enrolment), nil)
	return b.judge(d, res, err)
}

// judge is fault, and sees from a push whether the device has left: its check-out may have been lost on the way. Apple answers with
// 410 for a device that does not take pushes of this management any more ("Handling notification responses from APNs": "The device
// token is no longer active for the topic"), which NanoMDM v0.9.0 passes on in words (push/nanopush, newError). Silence proves nothing.
func (b *Backend) judge(d mdm.Device, res *result, err error) error {
	if err == nil && res.unregistered(d.Enrolment) {
		b.emit(mdm.Event{Device: d.ID, Kind: mdm.Left, Detail: "Apple's push service: not registered any more"})
		return nil
	}
	return res.fault(err)
}

func (r *result) unregistered(enrolment string) bool {
	e := r.Status[enrolment].PushError
	return e != nil && strings.Contains(*e, "push HTTP status: 410")
}

// result is NanoMDM's answer (api.APIResult of v0.9.0).
type result struct {
	Status map[string]struct {
		PushError    *string `json:"push_error"`
		EnqueueError *string `json:"command_error"`
		PushResult   string  `json:"push_result"`
	} `json:"status"`
	PushError    *string `json:"push_error"`
	EnqueueError *string `json:"command_error"`
}

// known reports whether the command was there already.
func (r *result) known() bool {
	return r.EnqueueError != nil && strings.Contains(*r.EnqueueError, "already exists")
}

// fault says what an answer means: an enqueue error is of nobody's command, a push error of one that is queued.
func (r *result) fault(err error) error {
	switch {
	case err != nil:
		return err
	case r.EnqueueError != nil:
		return &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("nanomdm: not queued: %.200s", *r.EnqueueError)}
	case r.PushError != nil:
		return &mdm.Fault{Slug: mdm.FaultPush, Err: fmt.Errorf("nanomdm: queued, not pushed: %.200s", *r.PushError)}
	}
	for _, s := range r.Status {
		if s.EnqueueError != nil {
			return &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("nanomdm: not queued: %.200s", *s.EnqueueError)}
		}
		if s.PushError != nil {
			return &mdm.Fault{Slug: mdm.FaultPush, Err: fmt.Errorf("nanomdm: queued, not pushed: %.200s", *s.PushError)}
		}
	}
	return nil
}

// call speaks with NanoMDM's API. The error is a *mdm.Fault.
func (b *Backend) call(ctx context.Context, method, path string, body []byte) (*result, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.opt.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: err}
	}
	req.SetBasicAuth("nanomdm", b.opt.Key)
	resp, err := b.opt.Client.Do(req)
	if err != nil {
		return nil, transport(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, transport(err)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, &mdm.Fault{Slug: mdm.FaultCredentials, Unsent: true, Err: fmt.Errorf("nanomdm: %s: is the API's key right?", resp.Status)}
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusMultiStatus:
		var r result
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("nanomdm: %s, and no JSON: %w", resp.Status, err)}
		}
		return &r, nil
	}
	return nil, &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("nanomdm: %s", resp.Status)}
}

// transport names what kept a request from being answered.
func transport(err error) *mdm.Fault {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	f := &mdm.Fault{Slug: mdm.FaultUnreachable, Err: fmt.Errorf("nanomdm: %w", err)}
	if errors.As(err, &cert) || errors.As(err, &unknown) || errors.As(err, &host) {
		f.Slug, f.Unsent = mdm.FaultCert, true
	}
	if strings.Contains(err.Error(), "connection refused") {
		f.Unsent = true
	}
	return f
}

// Health is mdm.Backend: an empty push asks whether the API knows us. Forged webhooks count for an hour.
func (b *Backend) Health(ctx context.Context) error {
	b.mu.Lock()
	forged := b.forgery
	b.mu.Unlock()
	if !forged.IsZero() && time.Since(forged) < time.Hour {
		return &mdm.Fault{Slug: mdm.FaultWebhook, Err: fmt.Errorf("nanomdm: %d webhook calls with a wrong signature, the last at %s", b.forged.Load(), forged.Format(time.TimeOnly))}
	}
	_, err := b.call(ctx, http.MethodGet, "/v1/push/subrosa-health", nil)
	return err
}

// Run is mdm.Backend. Events come in through ServeHTTP.
func (b *Backend) Run(ctx context.Context, emit func(mdm.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-b.events:
			emit(e)
		}
	}
}

// maxHook of a webhook call, in bytes: a list of profiles is large.
const maxHook = 4 << 20

// ServeHTTP is the webhook. It answers at once: NanoMDM does not repeat a call.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		http.Error(w, "too large, or cut off", http.StatusBadRequest)
		return
	}
	mac := hmac.New(sha256.New, b.opt.HMAC)
	mac.Write(body)
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Hmac-Signature"))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		b.forged.Add(1)
		b.mu.Lock()
		b.forgery = time.Now()
		b.mu.Unlock()
		http.Error(w, "wrong signature: is nanomdm -webhook-hmac-key ours?", http.StatusForbidden)
		return
	}
	n, e, err := DecodeHook(body, func(n string) mdm.Device { return b.byName[n] })
	if err != nil {
		http.Error(w, "cannot be read", http.StatusBadRequest)
		return
	}
	if d, ok := b.byName[n]; ok && n != "" {
		e.Device = d.ID
		if o := e.Observed; o != nil && o.Evidence == mdm.ProfileList && b.opt.DDM != nil && declarative(d) {
			go func() { b.opt.DDM.add(d, o); b.emit(e) }()
		} else {
			b.emit(e)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// emit does not wait: what does not fit is found by looking again.
func (b *Backend) emit(e mdm.Event) {
	select {
	case b.events <- e:
	default:
		b.dropped.Add(1)
	}
}

// Lost returns how many events did not fit, and how many calls had a wrong signature.
func (b *Backend) Lost() (dropped, forged int64) { return b.dropped.Load(), b.forged.Load() }
