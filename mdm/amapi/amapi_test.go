package amapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
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

const enterprise = "enterprises/LC0123"

// google is a double of the Android Management API with one device. It answers as the reference says, at
// https://developers.google.com/android/management/reference/rest/v1/:
//   - enterprises.policies.get, .patch: "Updates or creates a policy"; version is "read-only … incremented each time the policy is updated"
//   - enterprises.devices.get, .patch: only state, policyName and disabledReason are writable ("The field mask indicating the fields to update")
//   - Device.policyName: "full resource name", appliedPolicyName, appliedPolicyVersion (int64 as a string), nonComplianceDetails
//   - OAuth 2.0 for service accounts: POST token_uri, grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer (RFC 7523)
//
// What it does not know in a request it refuses.
type google struct {
	t  *testing.T
	mu sync.Mutex

	policies map[string]map[string]json.RawMessage // by id
	device   device
	online   bool
	refuses  bool // the device is too old for what is asked
	deleted  bool
	denied   bool // the account has no rights
	tokens   int
}

var policyFields = "name version applications passwordRequirements screenCaptureDisabled cameraAccess microphoneAccess assistContentPolicy usbDataAccess" // of enterprises.policies; those used here
var appFields = "packageName installType disabled defaultPermissionPolicy"

func newGoogle(t *testing.T) *google {
	g := &google{t: t, online: true, policies: map[string]map[string]json.RawMessage{}}
	g.policies["phones"] = map[string]json.RawMessage{"version": json.RawMessage(`"7"`), "cameraAccess": json.RawMessage(`"CAMERA_ACCESS_USER_CHOICE"`),
		"applications": json.RawMessage(`[{"packageName":"com.samsung.android.bixby.agent","defaultPermissionPolicy":"GRANT"},{"packageName":"de.rat.ris","installType":"FORCE_INSTALLED"}]`)}
	g.device = device{State: "ACTIVE", PolicyName: enterprise + "/policies/phones"}
	g.sync()
	return g
}

// sync is the device fetching its policy.
func (g *google) sync() {
	if !g.online {
		return
	}
	p := g.policies[strings.TrimPrefix(g.device.PolicyName, enterprise+"/policies/")]
	g.device.Applied = g.device.PolicyName
	json.Unmarshal(p["version"], &g.device.AppliedVersion) //nolint:errcheck // the double wrote it
	g.device.NonCompliance = nil
	if g.refuses {
		for _, s := range []string{"microphoneAccess", "cameraAccess", "screenCaptureDisabled", "applications"} {
			g.device.NonCompliance = append(g.device.NonCompliance, struct {
				Setting string `json:"settingName"`
				Reason  string `json:"nonComplianceReason"`
				Package string `json:"packageName"`
			}{s, "API_LEVEL", ""})
		}
	}
}

func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, isPolicy := strings.CutPrefix(r.URL.Path, "/v1/"+enterprise+"/policies/")
	switch {
	case r.URL.Path == "/token":
		g.token(w, r)
	case r.Header.Get("Authorization") != "Bearer t0ken":
		http.Error(w, `{"error":{"status":"UNAUTHENTICATED"}}`, http.StatusUnauthorized)
	case r.URL.Path == "/v1/"+enterprise+"/policies" && r.Method == http.MethodGet:
		io.WriteString(w, `{"policies":[]}`) //nolint:errcheck
	case isPolicy:
		g.policy(w, r, id)
	case r.URL.Path == "/v1/"+enterprise+"/devices/31ab":
		g.dev(w, r)
	default:
		http.Error(w, `{"error":{"status":"NOT_FOUND"}}`, http.StatusNotFound)
	}
}

func (g *google) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm() //nolint:errcheck // then it is empty
	if g.denied || r.Form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || strings.Count(r.Form.Get("assertion"), ".") != 2 {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_grant"}`) //nolint:errcheck
		return
	}
	g.tokens++
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"access_token":"t0ken","token_type":"Bearer","expires_in":3599}`) //nolint:errcheck
}

func (g *google) policy(w http.ResponseWriter, r *http.Request, id string) {
	if r.Method == http.MethodPatch {
		var p map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := known(p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		n := 1
		if old := g.policies[id]; old != nil {
			fmt.Sscanf(string(old["version"]), `"%d"`, &n) //nolint:errcheck
			n++
		}
		p["version"] = json.RawMessage(fmt.Sprintf(`"%d"`, n))
		g.policies[id] = p
	}
	p := g.policies[id]
	if p == nil {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	p["name"] = json.RawMessage(fmt.Sprintf("%q", enterprise+"/policies/"+id))
	json.NewEncoder(w).Encode(p) //nolint:errcheck
}

// known refuses what the reference does not have.
func known(p map[string]json.RawMessage) error {
	for k := range p {
		if !strings.Contains(" "+policyFields+" ", " "+k+" ") {
			return fmt.Errorf("invalid JSON payload received: unknown name %q", k)
		}
	}
	var apps []map[string]json.RawMessage
	if p["applications"] != nil && json.Unmarshal(p["applications"], &apps) != nil {
		return fmt.Errorf("invalid value at applications")
	}
	for _, a := range apps {
		for k := range a {
			if !strings.Contains(" "+appFields+" ", " "+k+" ") {
				return fmt.Errorf("unknown name %q at applications", k)
			}
		}
	}
	return nil
}

func (g *google) dev(w http.ResponseWriter, r *http.Request) {
	if g.deleted {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	if r.Method == http.MethodPatch {
		var d struct {
			PolicyName string `json:"policyName"`
		}
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d); err != nil || r.URL.Query().Get("updateMask") != "policyName" || g.policies[strings.TrimPrefix(d.PolicyName, enterprise+"/policies/")] == nil {
			http.Error(w, "bad patch", http.StatusBadRequest)
			return
		}
		g.device.PolicyName = d.PolicyName
	} else {
		g.sync()
	}
	json.NewEncoder(w).Encode(g.device) //nolint:errcheck
}

// truth looks into the policy that the device has applied.
func (g *google) truth() (standing, lock mdm.Set) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.policies[strings.TrimPrefix(g.device.Applied, enterprise+"/policies/")]
	if g.refuses {
		return 0, 0
	}
	if bytes.Contains(p["applications"], []byte(`"disabled":true`)) {
		standing |= mdm.Assistant
	}
	for k, s := range map[string]mdm.Set{"microphoneAccess": mdm.Microphone, "cameraAccess": mdm.Camera, "screenCaptureDisabled": mdm.ScreenRecording} {
		if v := string(p[k]); strings.Contains(v, "DISABLED") || v == "true" {
			lock |= s
		}
	}
	return standing, lock
}

type shelf map[string]string

func (s shelf) Keep(d, v string) error              { s[d] = v; return nil }
func (s shelf) Kept(d string) (string, bool, error) { v, ok := s[d]; return v, ok, nil }
func (s shelf) Drop(d string) error                 { delete(s, d); return nil }
func account(t testing.TB, tokens string) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "subrosa@x.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var phone = mdm.Device{ID: "d-1", Enrolment: "31ab", Platform: "android", OS: "15", Supervised: true}

func bench(t *testing.T) (*google, *httptest.Server, *Backend, shelf) {
	g, keep := newGoogle(t), shelf{}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	b, err := New(Options{Base: s.URL + "/v1", Enterprise: enterprise, Account: account(t, s.URL+"/token"), Microphone: true, Keep: keep, Poll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return g, s, b, keep
}

func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		g, s, b, _ := bench(t)
		set := func(v *bool) func(bool) {
			return func(on bool) { g.mu.Lock(); defer g.mu.Unlock(); *v = on }
		}
		return &mdmtest.Bench{Backend: b, Device: phone, Truth: g.truth, Refuse: set(&g.refuses), Reach: set(&g.online), Down: s.Close}
	})
}

// TestCustomersPolicy: nothing of it is lost in a copy, it is not written to itself, and the device comes back to it.
func TestCustomersPolicy(t *testing.T) {
	g, _, b, keep := bench(t)
	before, _ := json.Marshal(g.policies["phones"])
	want := mdm.Want{Lock: mdm.Assistant | mdm.Microphone, Until: time.Now().Add(time.Hour), Lease: time.Minute}
	if err := b.Send(context.Background(), phone, mdm.Command{ID: "1", Kind: mdm.Lock, Want: want}); err != nil {
		t.Fatal(err)
	}
	if keep["d-1"] != enterprise+"/policies/phones" {
		t.Errorf("kept %q", keep["d-1"])
	}
	id := strings.TrimPrefix(g.device.PolicyName, enterprise+"/policies/")
	apps := string(g.policies[id]["applications"])
	if id == "phones" || !strings.Contains(apps, `"de.rat.ris"`) || !strings.Contains(apps, "FORCE_INSTALLED") || !strings.Contains(apps, "GRANT") ||
		strings.Count(apps, `"disabled":true`) != len(Assistants) || strings.Contains(apps, "BLOCKED") {
		t.Errorf("%s: %s", id, apps)
	}
	if err := b.Send(context.Background(), phone, mdm.Command{ID: "2", Kind: mdm.Free}); err != nil || g.device.PolicyName != enterprise+"/policies/phones" {
		t.Errorf("%v, %s", err, g.device.PolicyName)
	}
	if after, _ := json.Marshal(g.policies["phones"]); !strings.Contains(string(after), string(g.policies["phones"]["applications"])) || len(after) < len(before) ||
		string(g.policies["phones"]["version"]) != `"7"` {
		t.Errorf("the customer's policy was written: %s", after)
	}
	if g.tokens != 1 {
		t.Errorf("%d tokens for a few calls", g.tokens)
	}
}

// TestCustomersChange reaches the devices that are on a copy, which with the standing posture is all of them for good.
func TestCustomersChange(t *testing.T) {
	g, _, b, _ := bench(t)
	send := func(k mdm.Kind) {
		t.Helper()
		if err := b.Send(context.Background(), phone, mdm.Command{ID: k.String(), Kind: k, Want: mdm.Want{Standing: mdm.Assistant}}); err != nil {
			t.Fatal(err)
		}
	}
	version := func() string {
		g.mu.Lock()
		defer g.mu.Unlock()
		return string(g.policies["phones-subrosa-01-00"]["version"])
	}
	send(mdm.Stand)
	send(mdm.Look)
	if version() != `"1"` {
		t.Errorf("the copy has version %s although nothing has changed", version())
	}
	g.mu.Lock()
	g.policies["phones"]["usbDataAccess"], g.policies["phones"]["version"] = json.RawMessage(`"DISALLOW_USB_FILE_TRANSFER"`), json.RawMessage(`"8"`)
	g.mu.Unlock()
	send(mdm.Look)
	if got := g.policies["phones-subrosa-01-00"]; version() != `"2"` || got["usbDataAccess"] == nil || !bytes.Contains(got["applications"], []byte(`"disabled":true`)) {
		t.Errorf("version %s: %s", version(), got["usbDataAccess"])
	}
}

func TestDeletedCopyIsMadeAgain(t *testing.T) {
	g, _, b, _ := bench(t)
	lock := mdm.Command{ID: "1", Kind: mdm.Lock, Want: mdm.Want{Lock: mdm.Camera, Until: time.Now().Add(time.Hour), Lease: time.Minute}}
	for _, c := range []mdm.Command{lock, {ID: "2", Kind: mdm.Free}} {
		if err := b.Send(context.Background(), phone, c); err != nil {
			t.Fatal(err)
		}
	}
	g.mu.Lock()
	delete(g.policies, name("phones", 0, mdm.Camera))
	g.mu.Unlock()
	if err := b.Send(context.Background(), phone, lock); err == nil {
		t.Error("moved to a policy that is not there")
	}
	if err := b.Send(context.Background(), phone, lock); err != nil || !strings.HasSuffix(g.device.PolicyName, "-20") {
		t.Errorf("%v, %s", err, g.device.PolicyName)
	}
}

func TestRights(t *testing.T) {
	g, _, b, _ := bench(t)
	g.denied = true
	if err := b.Health(context.Background()); mdm.Slug(err) != mdm.FaultCredentials {
		t.Errorf("%v (%s)", err, mdm.Slug(err))
	}
	for _, bad := range []string{"", "{}", `{"type":"user"}`} {
		if _, err := New(Options{Enterprise: enterprise, Account: []byte(bad), Keep: shelf{}}); err == nil {
			t.Errorf("account %s was taken", bad)
		}
	}
	if _, err := New(Options{Enterprise: "enterprises/../x", Keep: shelf{}}); err == nil {
		t.Error("enterprise was taken")
	}
}

func TestWorkProfileIsNotTouched(t *testing.T) {
	_, _, b, _ := bench(t)
	d := phone
	d.UserEnrolled = true
	if c := b.Caps(d); c.Can != 0 {
		t.Errorf("can %v on a private phone", c.Can)
	}
	b.opt.Microphone = false
	if c := b.Caps(phone); c.Can.Has(mdm.Microphone) {
		t.Error("the microphone goes off although nobody has tried emergency calls")
	}
}
