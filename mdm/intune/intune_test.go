package intune

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/mdm"
	"subrosa/mdm/mdmtest"
)

const (
	tenant  = "11111111-1111-1111-1111-111111111111"
	app     = "22222222-2222-2222-2222-222222222222"
	profile = "33333333-3333-3333-3333-333333333333"
	group   = "44444444-4444-4444-4444-444444444444"
	other   = "55555555-5555-5555-5555-555555555555"
	device  = "66666666-6666-6666-6666-666666666666"
)

// graph is a double of Microsoft Graph with one device. It answers as the reference says (learn.microsoft.com/graph/api/…):
//   - identity platform, client credentials: POST /{tenant}/oauth2/v2.0/token, client_id, client_secret, scope=…/.default, grant_type
//   - intune-deviceconfig-deviceconfigurationassignment-list: value[] with id and target (@odata.type, groupId)
//   - intune-deviceconfig-deviceconfiguration-assign: POST …/assign {"assignments":[…]}: the list replaces the one before
//   - intune-devices-manageddevice-syncdevice: POST …/syncDevice → 204
//   - intune-deviceconfig-deviceconfigurationstate-list: value[] with id, displayName, state ∈ unknown, notApplicable, compliant, remediated,
//     nonCompliant, error, conflict, notAssigned
//
// It refuses what it does not know in a request.
type graph struct {
	mu     sync.Mutex
	groups []string
	syncs  int
	denied bool
}

func (g *graph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/"+tenant+"/oauth2/v2.0/token" {
		r.ParseForm() //nolint:errcheck // then it is empty
		f := r.Form
		w.Header().Set("Content-Type", "application/json")
		if g.denied || f.Get("client_id") != app || f.Get("client_secret") != "s" || f.Get("grant_type") != "client_credentials" || f.Get("scope") != "https://graph.microsoft.com/.default" {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"invalid_client"}`) //nolint:errcheck
			return
		}
		io.WriteString(w, `{"access_token":"t","token_type":"Bearer","expires_in":3599}`) //nolint:errcheck
		return
	}
	if r.Header.Get("Authorization") != "Bearer t" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v1.0/deviceManagement/managedDevices":
		io.WriteString(w, `{"value":[]}`) //nolint:errcheck
	case "GET /v1.0/deviceManagement/deviceConfigurations/" + profile + "/assignments":
		list := []map[string]any{}
		for _, id := range g.groups {
			list = append(list, map[string]any{"id": profile + "_" + id, "target": map[string]string{"@odata.type": groupTarget, "groupId": id}})
		}
		json.NewEncoder(w).Encode(map[string]any{"value": list}) //nolint:errcheck
	case "POST /v1.0/deviceManagement/deviceConfigurations/" + profile + "/assign":
		var body struct {
			Assignments []struct {
				Target struct {
					Type  string `json:"@odata.type"`
					Group string `json:"groupId"`
				} `json:"target"`
			} `json:"assignments"`
		}
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		g.groups = nil
		for _, a := range body.Assignments {
			g.groups = append(g.groups, a.Target.Group)
		}
		io.WriteString(w, `{"value":[]}`) //nolint:errcheck
	case "POST /v1.0/deviceManagement/managedDevices/" + device + "/syncDevice":
		g.syncs++
		w.WriteHeader(http.StatusNoContent)
	case "GET /v1.0/deviceManagement/managedDevices/" + device + "/deviceConfigurationStates":
		s := "notAssigned"
		if strings.Contains(strings.Join(g.groups, " "), group) {
			s = "unknown"
			if g.syncs > 0 {
				s = "compliant"
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"value": []any{map[string]any{"id": profile, "displayName": "x", "version": 1, "state": s}}}) //nolint:errcheck
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (g *graph) truth() (standing, lock mdm.Set) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.syncs > 0 && strings.Contains(strings.Join(g.groups, " "), group) {
		standing = mdm.Assistant
	}
	return standing, 0
}

var phone = mdm.Device{ID: "d-1", Enrolment: device, Platform: "ios"}

func bench(t *testing.T) (*graph, *httptest.Server, *Backend) {
	g := &graph{groups: []string{other}}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	b, err := New(Options{Graph: s.URL + "/v1.0", Login: s.URL, Tenant: tenant, Client: app, Secret: "s", Profiles: map[string]Profile{"ios": {profile, group}}, Poll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return g, s, b
}

func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		g, s, b := bench(t)
		return &mdmtest.Bench{Backend: b, Device: phone, Truth: g.truth, Down: s.Close}
	})
}

func TestSessionsAreRefused(t *testing.T) {
	g, _, b := bench(t)
	for _, k := range []mdm.Kind{mdm.Lock, mdm.Free} {
		err := b.Send(context.Background(), phone, mdm.Command{ID: "x", Kind: k})
		if mdm.Slug(err) != mdm.FaultSlow || !errors.Is(err, mdm.ErrUnsent) || g.syncs != 0 || len(g.groups) != 1 {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// TestOtherAssignmentsStay: assign replaces the list, so that what was there has to be sent along.
func TestOtherAssignmentsStay(t *testing.T) {
	g, _, b := bench(t)
	for range 2 {
		if err := b.Send(context.Background(), phone, mdm.Command{ID: "s", Kind: mdm.Stand, Want: mdm.Want{Standing: mdm.Assistant}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.groups) != 2 || g.groups[0] != other || g.groups[1] != group {
		t.Errorf("assigned to %v", g.groups)
	}
}

func TestRefused(t *testing.T) {
	_, _, b := bench(t)
	if err := b.Send(context.Background(), mdm.Device{ID: "d-2", Enrolment: other, Platform: "ios"}, mdm.Command{Kind: mdm.Look}); mdm.Slug(err) != mdm.FaultAnswer {
		t.Errorf("unknown device: %v", err)
	}
	if e := <-b.events; e.Kind != mdm.Left || e.Device != "d-2" {
		t.Errorf("%+v", e)
	}
	if err := b.Send(context.Background(), mdm.Device{ID: "d-3", Enrolment: other, Platform: "windows"}, mdm.Command{Kind: mdm.Stand}); mdm.Slug(err) != mdm.FaultRefused {
		t.Errorf("no profile: %v", err)
	}
	g2, _, b2 := bench(t)
	g2.denied = true
	if err := b2.Health(context.Background()); mdm.Slug(err) != mdm.FaultCredentials {
		t.Errorf("%v (%s)", err, mdm.Slug(err))
	}
	for _, bad := range []Options{{}, {Tenant: "x", Client: app, Secret: "s"}, {Tenant: tenant, Client: app, Secret: "s", Profiles: map[string]Profile{"ios": {"1", "2"}}},
		{Graph: "http://graph.example", Tenant: tenant, Client: app, Secret: "s", Profiles: map[string]Profile{"ios": {profile, group}}}} {
		if _, err := New(bad); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
}
