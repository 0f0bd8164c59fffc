package headwind

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"subrosa/mdm"
	"subrosa/mdm/mdmtest"
)

// server is a double of Headwind MDM with one device, after its source (h-mdm/hmdm-server, commit 10d7d36,
// server/src/main/java/com/hmdm/rest/resource/):
//   - POST /rest/public/jwt/login {login, password: MD5 in capitals} → {id_token}       qa.h-mdm.com/4625
//   - GET /rest/private/devices/number/{n} → OK(DeviceView), or DEVICE_NOT_FOUND_ERROR        DeviceResource.getDevice
//   - PUT /rest/private/devices {ids, configurationId}: "This is a bulk request to update configurations for selected devices";
//     updateDeviceConfiguration, notifyDeviceOnSettingUpdate; without edit_devices PERMISSION_DENIED   DeviceResource.updateDevice
//   - POST /rest/private/devices/search {pageSize, pageNum}                                   DeviceResource.getAllDevices
//   - POST /rest/private/push {messageType, payload, deviceNumbers}                           plugin push
//
// The bulk request is told from the others by "ids" alone. The double refuses unknown fields.
type server struct {
	mu            sync.Mutex
	configuration int
	pushes        int
	logins        int
	token         string
	denied        bool
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	strict := func(v any) bool {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return false
		}
		return true
	}
	ok := func(data string) { fmt.Fprintf(w, `{"status":"OK","message":null,"data":%s}`, data) }
	fail := func(m string) { fmt.Fprintf(w, `{"status":"ERROR","message":%q,"data":null}`, m) }
	if r.URL.Path == "/rest/public/jwt/login" && r.Method == http.MethodPost {
		var l struct {
			Login    string `json:"login"`
			Password string `json:"password"`
		}
		switch {
		case !strict(&l):
		case l.Login != "subrosa" || l.Password != "5F4DCC3B5AA765D61D8327DEB882CF99": // "password"
			w.WriteHeader(http.StatusUnauthorized)
		default:
			s.logins++
			s.token = fmt.Sprint("t", s.logins)
			fmt.Fprintf(w, `{"id_token":%q}`, s.token)
		}
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.token || s.token == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /rest/private/devices/number/0007":
		ok(fmt.Sprintf(`{"id":12,"number":"0007","configurationId":%d,"statusCode":"green"}`, s.configuration))
	case "PUT /rest/private/devices":
		var d struct {
			IDs           []int `json:"ids"`
			Configuration int   `json:"configurationId"`
		}
		if !strict(&d) {
			return
		}
		if s.denied {
			fail("error.permission.denied")
			return
		}
		if len(d.IDs) == 1 && d.IDs[0] == 12 {
			s.configuration = d.Configuration
			s.pushes++
		}
		ok("null")
	case "POST /rest/private/push":
		var p struct {
			Type    string   `json:"messageType"`
			Payload string   `json:"payload"`
			Numbers []string `json:"deviceNumbers"`
		}
		if strict(&p) {
			s.pushes++
			ok("null")
		}
	case "POST /rest/private/devices/search":
		var p struct {
			Size int `json:"pageSize"`
			Page int `json:"pageNum"`
		}
		if strict(&p) {
			ok(`{"devices":{"items":[],"totalItemsCount":0}}`)
		}
	default:
		if r.Method == http.MethodGet {
			fail("error.notfound.device")
			return
		}
		io.Copy(io.Discard, r.Body) //nolint:errcheck
		w.WriteHeader(http.StatusNotFound)
	}
}

var phone = mdm.Device{ID: "d-7", Enrolment: "0007", Platform: "android", Supervised: true}

func bench(t *testing.T) (*server, *httptest.Server, *Backend) {
	s := &server{configuration: 1}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	b, err := New(Options{URL: h.URL, User: "subrosa", Password: "password", Plans: []Plan{{Usual: 1, Standing: 2, Lock: 3, Locks: mdm.Microphone | mdm.Camera}}})
	if err != nil {
		t.Fatal(err)
	}
	return s, h, b
}

// truth is what the server has in mind: more is nowhere to be seen.
func (s *server) truth() (standing, lock mdm.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.configuration >= 2 {
		standing = mdm.Assistant
	}
	if s.configuration == 3 {
		lock = mdm.Microphone | mdm.Camera
	}
	return standing, lock
}

func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		s, h, b := bench(t)
		return &mdmtest.Bench{Backend: b, Device: phone, Truth: s.truth, Refuse: func(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.denied = on }, Down: h.Close}
	})
}

func TestNeverProven(t *testing.T) {
	s, _, b := bench(t)
	c := b.Caps(phone)
	if c.Proves != 0 || c.Best.Proves() || c.Lease {
		t.Errorf("%+v", c)
	}
	if err := b.Send(context.Background(), phone, mdm.Command{ID: "l", Kind: mdm.Lock, Want: mdm.Want{Lock: mdm.Microphone, Until: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(context.Background(), phone, mdm.Command{ID: "k", Kind: mdm.Look}); err != nil {
		t.Fatal(err)
	}
	<-b.events
	if e := <-b.events; e.Observed == nil || e.Observed.Evidence.Proves() || e.Observed.InForce != 0 {
		t.Errorf("%+v", e.Observed)
	}
	if err := b.Wake(context.Background(), phone); err != nil || s.pushes != 2 {
		t.Errorf("%v, %d pushes", err, s.pushes)
	}
}

func TestForeignConfigurationIsLeftAlone(t *testing.T) {
	s, _, b := bench(t)
	s.configuration = 44
	for _, k := range []mdm.Kind{mdm.Stand, mdm.Lock, mdm.Free, mdm.Look} {
		if err := b.Send(context.Background(), phone, mdm.Command{ID: "x", Kind: k}); mdm.Slug(err) != mdm.FaultRefused || s.configuration != 44 {
			t.Errorf("%s: %v, configuration %d", k, err, s.configuration)
		}
	}
	if err := b.Send(context.Background(), mdm.Device{ID: "d-8", Enrolment: "0008"}, mdm.Command{Kind: mdm.Look}); mdm.Slug(err) != mdm.FaultAnswer {
		t.Errorf("unknown device: %v", err)
	}
}

func TestTokenIsRenewed(t *testing.T) {
	s, _, b := bench(t)
	if err := b.Health(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.token = "another"
	if err := b.Health(context.Background()); err != nil || s.logins != 2 {
		t.Errorf("%v, %d logins", err, s.logins)
	}
	b.opt.Password = "wrong"
	s.token = "another"
	if err := b.Health(context.Background()); mdm.Slug(err) != mdm.FaultCredentials {
		t.Errorf("%v", err)
	}
}

func TestPlans(t *testing.T) {
	for _, bad := range [][]Plan{nil, {{Usual: 1, Standing: 2}}, {{Usual: 1, Standing: 2, Lock: 2}}, {{Standing: 1, Lock: 2}, {Standing: 2, Lock: 3}},
		{{Standing: 1, Lock: 2, Locks: mdm.CallRecording}}} {
		if _, err := New(Options{URL: "https://h", User: "u", Password: "p", Plans: bad}); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
}
