package nanomdm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/micromdm/nanomdm/test/protocol"

	"subrosa/mdm"
	"subrosa/mdm/nanomdm"
	"subrosa/mdm/nanomdm/nanomdmtest"
)

// Programs that are built for the test, at the versions that the documentation names.
const (
	nanoProgram = "github.com/micromdm/nanomdm/cmd/nanomdm@v0.9.0"
	ddmProgram  = "github.com/jessepeterson/kmfddm/cmd/kmfddm@v0.8.3"
)

// program builds and runs one, and waits until it answers.
func program(t *testing.T, name, module string, args ...string) (url string) {
	t.Helper()
	if testing.Short() {
		t.Skip("long: make nightly")
	}
	dir := t.TempDir()
	build := exec.Command("go", "install", module)
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("%s cannot be built here: %v %s", module, err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	cmd := exec.Command(filepath.Join(dir, name), append(args, "-listen", at)...)
	cmd.Dir = dir
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %.3000s", name, log.String())
		}
	})
	for end := time.Now().Add(30 * time.Second); ; {
		if resp, err := http.Get("http://" + at + "/version"); err == nil {
			resp.Body.Close()
			return "http://" + at
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not answer", name)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// authority issues a device's identity, as a SCEP server would.
func authority(t *testing.T) (roots []byte, cert *x509.Certificate, key crypto.PrivateKey) {
	t.Helper()
	make1 := func(tmpl, parent *x509.Certificate, signer *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if parent == nil {
			parent, signer = tmpl, k
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, k.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, k
	}
	until := time.Now().Add(time.Hour)
	ca, cakey := make1(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}, nil, nil)
	leaf, leafkey := make1(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "device"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, cakey)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}), leaf, leafkey
}

// TestPeerNanoMDM: the program nanomdm over HTTP, as a city runs it but for Apple's push service: each push fails, the command is
// queued, and the phone comes by itself.
func TestPeerNanoMDM(t *testing.T) {
	roots, cert, key := authority(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	var hook sync.Map // the backend is made after the program
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := hook.Load("backend"); ok {
			h.(http.Handler).ServeHTTP(w, r)
		}
	}))
	defer front.Close()
	url := program(t, "nanomdm", nanoProgram, "-ca", ca, "-api", nanomdmtest.Key, "-storage", "filekv", "-storage-dsn", t.TempDir(),
		"-webhook-url", front.URL, "-webhook-hmac-key", string(nanomdmtest.Secret))
	d := mdm.Device{ID: "d-1", Enrolment: "00008110-LAB", Platform: "ios", OS: "18.6", Supervised: true}
	tr := protocol.NewTransport(protocol.WithSignMessage(), protocol.WithMDMURLs(url+"/mdm", url+"/mdm"),
		protocol.WithIdentityProvider(func(context.Context) (*x509.Certificate, crypto.PrivateKey, error) { return cert, key, nil }))
	for _, m := range []string{
		`<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>lab</string>`,
		`<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>lab</string><key>PushMagic</key><string>m</string><key>Token</key><data>AQID</data>`,
	} {
		resp, err := tr.DoCheckIn(t.Context(), bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>UDID</key><string>`+d.Enrolment+
			`</string>`+m+`</dict></plist>`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("check-in: %s", resp.Status)
		}
	}
	b, err := nanomdm.New(nanomdm.Options{URL: url, Key: nanomdmtest.Key, HMAC: nanomdmtest.Secret, Devices: []mdm.Device{d}})
	if err != nil {
		t.Fatal(err)
	}
	hook.Store("backend", b)
	p := nanomdmtest.NewPhone(d, tr.DoReportResultsAndFetchNext)
	w := mdm.Want{Standing: mdm.Assistant}
	do := func(n int, k mdm.Kind) mdm.Event {
		t.Helper()
		c := mdm.Command{ID: fmt.Sprintf("sr-d-1-%d-%s", n, k), Kind: k, Want: w}
		if err := b.Send(t.Context(), d, c); mdm.Slug(err) != mdm.FaultPush {
			t.Fatalf("%s: got %v, want %s: there is no push certificate", c.ID, err, mdm.FaultPush)
		}
		if err := b.Send(t.Context(), d, c); mdm.Slug(err) != mdm.FaultPush { // the same again: known, and not pushed
			t.Fatalf("%s again: got %v", c.ID, err)
		}
		p.Connect()
		return answer(t, b, c.ID)
	}
	do(1, mdm.Stand)
	w.Lock, w.Until = mdm.Dictation|mdm.ScreenRecording, time.Now().Add(time.Hour)
	do(2, mdm.Lock)
	if o := do(3, mdm.Look).Observed; o == nil || o.Tag != w.Tag() || o.Standing != mdm.Assistant {
		t.Errorf("locked: %+v", o)
	}
	w.Lock = 0
	do(4, mdm.Free)
	if o := do(5, mdm.Look).Observed; o == nil || o.Locked || o.Standing != mdm.Assistant {
		t.Errorf("free: %+v", o)
	}
}

func answer(t *testing.T, b *nanomdm.Backend, id string) (out mdm.Event) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	b.Run(ctx, func(e mdm.Event) { //nolint:errcheck // ends with its context
		if e.Command == id {
			out = e
			stop()
		}
	})
	if out.Kind != mdm.Acked {
		t.Fatalf("%s: %+v", id, out)
	}
	return out
}

// TestPeerKMFDDM: the standing posture as a declaration, through the program kmfddm. It tells NanoMDM to make the phone synchronise;
// the phone then fetches and reports at kmfddm, in the way that NanoMDM passes on.
func TestPeerKMFDDM(t *testing.T) {
	s := nanomdmtest.Start(t)
	url := program(t, "kmfddm", ddmProgram, "-api", "ddm-key", "-storage", "inmem", "-enqueue", s.URL+"/v1/enqueue/", "-enqueue-key", nanomdmtest.Key)
	p := s.Phone(t, "d-1")
	p.Device.OS = "26.4"
	p.Declare(func() { synchronise(t, url, p.Device.Enrolment) })
	b, err := nanomdm.New(nanomdm.Options{URL: s.URL, Key: nanomdmtest.Key, HMAC: nanomdmtest.Secret, Devices: []mdm.Device{p.Device},
		DDM: &nanomdm.DDM{URL: url, Key: "ddm-key"}})
	if err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewServer(b)
	defer hook.Close()
	s.Hook(hook.URL, 0)
	w := mdm.Want{Standing: mdm.Assistant}
	if err := b.Send(t.Context(), p.Device, mdm.Command{ID: "sr-d-1-1-stand", Kind: mdm.Stand, Want: w}); err != nil {
		t.Fatal(err)
	}
	answer(t, b, "sr-d-1-1-stand")
	for n, end := 2, time.Now().Add(30*time.Second); ; n++ {
		c := mdm.Command{ID: fmt.Sprintf("sr-d-1-%d-look", n), Kind: mdm.Look, Want: w}
		if err := b.Send(t.Context(), p.Device, c); err != nil {
			t.Fatal(err)
		}
		o := answer(t, b, c.ID).Observed
		if o != nil && o.Standing == mdm.Assistant && o.Evidence == mdm.DDMStatus {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("never active: %+v, %v", o, p.Log())
		}
		<-time.After(50 * time.Millisecond)
	}
	if len(p.Profiles()) != 0 {
		t.Errorf("a profile as well: %v", p.Profiles())
	}
}

// synchronise fetches all declarations of the enrolment and reports them as active.
func synchronise(t *testing.T, url, enrolment string) {
	call := func(method, path string, body []byte) []byte {
		req, err := http.NewRequest(method, url+path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return nil
		}
		req.Header.Set("X-Enrollment-ID", enrolment)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil // the test has ended
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode/100 != 2 {
			t.Errorf("%s: %s %s", path, resp.Status, b)
		}
		return b
	}
	type item struct{ Identifier, ServerToken string }
	var items struct {
		Declarations struct{ Activations, Configurations []item }
	}
	if err := json.Unmarshal(call(http.MethodGet, "/declaration-items", nil), &items); err != nil {
		return
	}
	list := func(kind string, items []item) []map[string]any {
		out := []map[string]any{}
		for _, i := range items {
			call(http.MethodGet, "/declaration/"+kind+"/"+i.Identifier, nil)
			out = append(out, map[string]any{"active": true, "identifier": i.Identifier, "valid": "valid", "server-token": i.ServerToken})
		}
		return out
	}
	report, err := json.Marshal(map[string]any{"StatusItems": map[string]any{"management": map[string]any{"declarations": map[string]any{
		"activations": list("activation", items.Declarations.Activations), "configurations": list("configuration", items.Declarations.Configurations),
		"assets": []any{}, "management": []any{}}}}, "Errors": []any{}})
	if err != nil {
		t.Error(err)
		return
	}
	call(http.MethodPut, "/status", report)
}
