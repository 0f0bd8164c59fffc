package nanomdm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"subrosa/mdm"
)

// DDM is declarative management through KMFDDM (https://github.com/jessepeterson/kmfddm, v0.8.3), for the standing posture of
// supervised devices from iOS and macOS 26.4 on, where the profile's key for Siri is deprecated. The device itself reports the
// declaration as active and valid.
type DDM struct {
	URL    string // of KMFDDM's API
	Key    string
	Client *http.Client

	mu   sync.Mutex
	made map[string]bool // sets that KMFDDM has
}

// ddmFrom is the first version with com.apple.configuration.siri.settings.
const ddmFrom version = 2604

// declarative reports whether the device takes the standing posture as a declaration.
func declarative(d mdm.Device) bool {
	return d.Supervised && !d.UserEnrolled && (phone(d) || d.Platform == "macos") && parse(d.OS) >= ddmFrom
}

// posture is the set of declarations that this package keeps at KMFDDM, and the names of what is in it. There is no way to
// name another set or declaration.
const (
	postureSet    = "subrosa-standing"
	postureSiri   = "de.subrosa.standing.siri"
	postureActive = "de.subrosa.standing.activation"
)

// declare puts the device into our set. KMFDDM then tells it to synchronise, by NanoMDM.
func (b *Backend) declare(ctx context.Context, d mdm.Device, c mdm.Command) error {
	m := b.opt.DDM
	if err := m.prepare(ctx); err != nil {
		return err
	}
	if err := m.call(ctx, http.MethodPut, "/v1/enrollment-sets/"+url.PathEscape(d.Enrolment)+"?set="+postureSet, nil, nil); err != nil {
		return err
	}
	b.emit(mdm.Event{Device: d.ID, Kind: mdm.Acked, Command: c.ID})
	return nil
}

// prepare makes the set, once.
func (m *DDM) prepare(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made[postureSet] {
		return nil
	}
	for _, decl := range []map[string]any{
		{"Type": "com.apple.configuration.siri.settings", "Identifier": postureSiri, "Payload": map[string]any{"Enabled": false}},
		{"Type": "com.apple.activation.simple", "Identifier": postureActive, "Payload": map[string]any{"StandardConfigurations": []string{postureSiri}}},
	} {
		if err := m.call(ctx, http.MethodPut, "/v1/declarations", decl, nil); err != nil {
			return err
		}
	}
	for _, id := range []string{postureSiri, postureActive} {
		if err := m.call(ctx, http.MethodPut, "/v1/set-declarations/"+postureSet+"?declaration="+id, nil, nil); err != nil {
			return err
		}
	}
	if m.made == nil {
		m.made = map[string]bool{}
	}
	m.made[postureSet] = true
	return nil
}

// status is what KMFDDM keeps of a device's report (management.declarations).
type status struct {
	Identifier string `json:"identifier"`
	Active     bool   `json:"active"`
	Valid      string `json:"valid"`
	Current    bool   `json:"current"`
}

// off reports whether the device says that Siri is off by our declaration.
func (m *DDM) off(ctx context.Context, enrolment string) (bool, error) {
	var all map[string][]status
	if err := m.call(ctx, http.MethodGet, "/v1/declaration-status/"+url.PathEscape(enrolment), nil, &all); err != nil {
		return false, err
	}
	for _, s := range all[enrolment] {
		if s.Identifier == postureSiri && s.Active && s.Valid == "valid" && s.Current {
			return true, nil
		}
	}
	return false, nil
}

// add puts what KMFDDM knows into a look: a supervised device that has the declaration has no profile of ours for Siri.
func (m *DDM) add(d mdm.Device, o *mdm.Observed) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	if ok, err := m.off(ctx, d.Enrolment); err == nil && ok {
		o.Standing |= mdm.Assistant
		if !o.Locked {
			o.Evidence, o.More = mdm.DDMStatus, false
		}
	}
}

func (m *DDM) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: err}
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(m.URL, "/")+path, body)
	if err != nil {
		return &mdm.Fault{Slug: mdm.FaultAnswer, Unsent: true, Err: err}
	}
	req.SetBasicAuth("kmfddm", m.Key)
	client := m.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	resp, err := client.Do(req)
	if err != nil {
		return transport(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	switch {
	case err != nil:
		return transport(err)
	case resp.StatusCode == http.StatusUnauthorized:
		return &mdm.Fault{Slug: mdm.FaultCredentials, Unsent: true, Err: errors.New("kmfddm: is the API's key right?")}
	case resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotModified:
		return &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("kmfddm: %s: %.200s", resp.Status, raw)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return &mdm.Fault{Slug: mdm.FaultAnswer, Err: fmt.Errorf("kmfddm: %w", err)}
	}
	return nil
}
