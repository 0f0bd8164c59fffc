package fleet

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/micromdm/plist"

	"subrosa/mdm"
	"subrosa/mdm/mdmtest"
	"subrosa/mdm/nanomdm/nanomdmtest"
)

// front is a double of Fleet's API before a real NanoMDM with scripted phones: what Fleet is inside, too. It answers as Fleet's
// REST API reference says (docs/REST API/rest-api.md):
//   - POST /api/v1/fleet/commands/run {command: base64, host_uuids} → {command_uuid, request_type}; unknown hosts 404; a CommandUUID given is kept
//     (articles: "If you generated the CommandUUID, add that value")
//   - GET /api/v1/fleet/commands/results?command_uuid= → {results: [{host_uuid, command_uuid, status: Pending|NotNow|Acknowledged|Error|
//     CommandFormatError, updated_at, request_type, hostname, payload, result}]}, result in base64
//   - GET /api/v1/fleet/me, Authorization: Bearer
//
// It refuses what it does not know in a request.
type front struct {
	mdm *nanomdmtest.Server

	mu       sync.Mutex
	commands map[string]*result // by id
	denied   bool
	hosts    map[string]bool
}

type result struct {
	Host    string `json:"host_uuid"`
	ID      string `json:"command_uuid"`
	Status  string `json:"status"`
	Updated string `json:"updated_at"`
	Type    string `json:"request_type"`
	Name    string `json:"hostname"`
	Payload []byte `json:"payload"`
	Result  []byte `json:"result"`
}

// hook takes what NanoMDM says, as Fleet's own service does.
func (f *front) hook(w http.ResponseWriter, r *http.Request) {
	var h struct {
		Ack *struct {
			ID     string `json:"command_uuid"`
			Status string `json:"status"`
			Raw    []byte `json:"raw_payload"`
		} `json:"acknowledge_event"`
	}
	if json.NewDecoder(r.Body).Decode(&h) != nil || h.Ack == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.commands[h.Ack.ID]; c != nil {
		c.Status, c.Result, c.Updated = h.Ack.Status, h.Ack.Raw, time.Now().UTC().Format(time.RFC3339)
	}
	w.WriteHeader(http.StatusOK)
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	denied := f.denied
	f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer token" || denied {
		http.Error(w, `{"message":"Authentication required","errors":[]}`, http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/fleet/me":
		fmt.Fprint(w, `{"user":{"id":1}}`)
	case "GET /api/v1/fleet/commands/results":
		f.mu.Lock()
		defer f.mu.Unlock()
		c := f.commands[r.URL.Query().Get("command_uuid")]
		if c == nil {
			http.Error(w, "", http.StatusNotFound)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"results": []result{*c}}) //nolint:errcheck
	case "POST /api/v1/fleet/commands/run":
		f.run(w, r)
	default:
		http.Error(w, "", http.StatusNotFound)
	}
}

func (f *front) run(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Command string   `json:"command"`
		Hosts   []string `json:"host_uuids"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	raw, err2 := base64.StdEncoding.DecodeString(in.Command)
	var c struct {
		CommandUUID string
		Command     struct{ RequestType string }
	}
	if err != nil || err2 != nil || plist.Unmarshal(raw, &c) != nil || len(in.Hosts) != 1 {
		http.Error(w, `{"message":"Bad request"}`, http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	known, twice := f.hosts[in.Hosts[0]], f.commands[c.CommandUUID] != nil
	if known && !twice {
		f.commands[c.CommandUUID] = &result{Host: in.Hosts[0], ID: c.CommandUUID, Status: "Pending", Type: c.Command.RequestType, Payload: raw}
	}
	f.mu.Unlock()
	if !known {
		http.Error(w, `{"message":"Resource Not Found"}`, http.StatusNotFound)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPut, f.mdm.URL+"/v1/enqueue/"+in.Hosts[0], bytes.NewReader(raw))
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	req.SetBasicAuth("nanomdm", nanomdmtest.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		http.Error(w, `{"message":"internal error"}`, http.StatusInternalServerError)
		return
	}
	resp.Body.Close()
	json.NewEncoder(w).Encode(map[string]string{"command_uuid": c.CommandUUID, "request_type": c.Command.RequestType}) //nolint:errcheck
}

func bench(t *testing.T) (*front, *httptest.Server, *nanomdmtest.Phone, *Backend) {
	f := &front{mdm: nanomdmtest.Start(t), commands: map[string]*result{}, hosts: map[string]bool{}}
	p := f.mdm.Phone(t, "d-1")
	f.hosts[p.Device.Enrolment] = true
	h := httptest.NewServer(http.HandlerFunc(f.hook))
	t.Cleanup(h.Close)
	f.mdm.Hook(h.URL, 0)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	b, err := New(Options{URL: s.URL, Token: "token", Poll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return f, s, p, b
}

var setOf = map[string]mdm.Set{"allowAssistant": mdm.Assistant, "allowDictation": mdm.Dictation, "forceOnDeviceOnlyDictation": mdm.Dictation,
	"allowScreenShot": mdm.ScreenRecording, "allowCallRecording": mdm.CallRecording, "allowCamera": mdm.Camera,
	"allowExternalIntelligenceIntegrations": mdm.ExternalAI}

func truth(p *nanomdmtest.Phone) (standing, lock mdm.Set) {
	for id, q := range p.Profiles() {
		for k := range q.Keys {
			if id == "de.subrosa.standing" {
				standing |= setOf[k]
			} else {
				lock |= setOf[k]
			}
		}
	}
	return standing, lock
}

func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		_, s, p, b := bench(t)
		return &mdmtest.Bench{Backend: b, Device: p.Device, Truth: func() (mdm.Set, mdm.Set) { return truth(p) }, Screen: p.Screen, Refuse: p.Refuse, Reach: p.Reach, Down: s.Close}
	})
}

func TestFaults(t *testing.T) {
	f, _, p, b := bench(t)
	stranger := p.Device
	stranger.ID, stranger.Enrolment = "d-9", "nobody"
	if err := b.Send(context.Background(), stranger, mdm.Command{ID: "sr-d-9-1-look", Kind: mdm.Look}); mdm.Slug(err) != mdm.FaultAnswer {
		t.Errorf("unknown host: %v", err)
	}
	if e := <-b.events; e.Kind != mdm.Left {
		t.Errorf("%+v", e)
	}
	f.mu.Lock()
	f.denied = true
	f.mu.Unlock()
	if err := b.Health(context.Background()); mdm.Slug(err) != mdm.FaultCredentials {
		t.Errorf("%v", err)
	}
	if _, err := New(Options{URL: "http://fleet.example", Token: "x"}); err == nil {
		t.Error("plain http was taken")
	}
	if b.Caps(mdm.Device{Platform: "ios", OS: "18.6"}).Can.Has(mdm.Microphone) {
		t.Error("an iPhone's microphone cannot be locked")
	}
}
