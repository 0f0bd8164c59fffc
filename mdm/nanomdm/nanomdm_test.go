package nanomdm_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/mdm"
	"subrosa/mdm/mdmtest"
	"subrosa/mdm/nanomdm"
	"subrosa/mdm/nanomdm/nanomdmtest"
)

// connect returns a backend on the server, with its webhook.
func connect(t testing.TB, s *nanomdmtest.Server, devices ...mdm.Device) *nanomdm.Backend {
	t.Helper()
	b, err := nanomdm.New(nanomdm.Options{URL: s.URL, Key: nanomdmtest.Key, HMAC: nanomdmtest.Secret, Devices: devices})
	if err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewServer(b)
	t.Cleanup(hook.Close)
	s.Hook(hook.URL, 0)
	return b
}

var setOf = map[string]mdm.Set{"allowAssistant": mdm.Assistant, "allowDictation": mdm.Dictation, "forceOnDeviceOnlyDictation": mdm.Dictation,
	"allowScreenShot": mdm.ScreenRecording, "allowCallRecording": mdm.CallRecording, "allowCamera": mdm.Camera,
	"allowExternalIntelligenceIntegrations": mdm.ExternalAI}

func truth(p *nanomdmtest.Phone) (standing, lock mdm.Set) {
	sum := func(q nanomdmtest.Profile) (s mdm.Set) {
		for k := range q.Keys {
			s |= setOf[k]
		}
		return s
	}
	all := p.Profiles()
	return sum(all["de.subrosa.standing"]), sum(all["de.subrosa.lockdown"])
}

func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		s := nanomdmtest.Start(t)
		p := s.Phone(t, "d-1")
		return &mdmtest.Bench{Backend: connect(t, s, p.Device), Device: p.Device, Truth: func() (a, b mdm.Set) { return truth(p) },
			Screen: p.Screen, Refuse: p.Refuse, Reach: p.Reach, Down: s.Stop}
	})
}

// ask sends a look, and says whether an answer came within the time.
func ask(t *testing.T, b *nanomdm.Backend, d mdm.Device, id string, wait time.Duration) (answered bool, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), wait)
	defer stop()
	err = b.Send(ctx, d, mdm.Command{ID: id, Kind: mdm.Look})
	b.Run(ctx, func(e mdm.Event) { //nolint:errcheck // ends with its context
		if e.Command == id && e.Kind == mdm.Acked {
			answered = true
			stop()
		}
	})
	return answered, err
}

// TestFaults: each has one state of its own.
func TestFaults(t *testing.T) {
	s := nanomdmtest.Start(t)
	p := s.Phone(t, "d-1")
	b := connect(t, s, p.Device)
	if ok, err := ask(t, b, p.Device, "sr-d-1-1-look", 10*time.Second); !ok || err != nil {
		t.Fatalf("nothing wrong: answered %v, %v", ok, err)
	}
	t.Run("unknown enrolment is 200", func(t *testing.T) {
		d := mdm.Device{ID: "d-2", Enrolment: "nobody", Platform: "ios", OS: "18.0"}
		if ok, err := ask(t, b, d, "sr-d-2-1-look", 300*time.Millisecond); ok || err != nil {
			t.Errorf("answered %v, %v; NanoMDM says 200 to what it does not know", ok, err)
		}
	})
	t.Run("pushed in vain, and queued", func(t *testing.T) {
		s.PushFails(true)
		defer s.PushFails(false)
		c := mdm.Command{ID: "sr-d-1-2-look", Kind: mdm.Look}
		err := b.Send(t.Context(), p.Device, c)
		if mdm.Slug(err) != mdm.FaultPush || strings.Contains(err.Error(), mdm.ErrUnsent.Error()) {
			t.Errorf("got %v, want %s, and perhaps queued", err, mdm.FaultPush)
		}
		s.PushFails(false)
		if ok, err := ask(t, b, p.Device, c.ID, 10*time.Second); !ok || err != nil {
			t.Errorf("the same again: answered %v, %v", ok, err)
		}
		if n := len(slices.DeleteFunc(p.Log(), func(s string) bool { return s != "ProfileList ok" })); n != 2 {
			t.Errorf("%d looks were carried out, want 2: %v", n, p.Log())
		}
	})
	t.Run("wrong key", func(t *testing.T) {
		b, err := nanomdm.New(nanomdm.Options{URL: s.URL, Key: "other", HMAC: nanomdmtest.Secret})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Health(t.Context()); mdm.Slug(err) != mdm.FaultCredentials {
			t.Errorf("got %v, want %s", err, mdm.FaultCredentials)
		}
	})
	t.Run("server's certificate of nobody", func(t *testing.T) {
		tls := httptest.NewTLSServer(http.NotFoundHandler())
		defer tls.Close()
		b, err := nanomdm.New(nanomdm.Options{URL: tls.URL, Key: "k", HMAC: nanomdmtest.Secret})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Health(t.Context()); mdm.Slug(err) != mdm.FaultCert {
			t.Errorf("got %v, want %s", err, mdm.FaultCert)
		}
	})
	t.Run("device's certificate of nobody", func(t *testing.T) {
		if err := p.Stranger(); err != nil {
			t.Fatal(err)
		}
		if ok, _ := ask(t, b, p.Device, "sr-d-1-3-look", 500*time.Millisecond); ok {
			t.Error("answered for somebody else's certificate")
		}
	})
	t.Run("forged webhook", func(t *testing.T) {
		q := s.Phone(t, "d-3")
		b := connect(t, s, q.Device)
		s.Forge(true)
		if ok, err := ask(t, b, q.Device, "sr-d-3-1-look", 500*time.Millisecond); ok || err != nil {
			t.Errorf("answered %v, %v", ok, err)
		}
		if err := b.Health(t.Context()); mdm.Slug(err) != mdm.FaultWebhook {
			t.Errorf("got %v, want %s", err, mdm.FaultWebhook)
		}
	})
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]nanomdm.Options{
		"no url":            {Key: "k", HMAC: nanomdmtest.Secret},
		"plain http":        {URL: "http://mdm.example", Key: "k", HMAC: nanomdmtest.Secret},
		"no key":            {URL: "https://mdm.example", HMAC: nanomdmtest.Secret},
		"short HMAC":        {URL: "https://mdm.example", Key: "k", HMAC: []byte("short")},
		"several at a time": {URL: "https://mdm.example", Key: "k", HMAC: nanomdmtest.Secret, Devices: []mdm.Device{{ID: "d", Enrolment: "A,B"}}},
	} {
		if _, err := nanomdm.New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestCaps(t *testing.T) {
	b, err := nanomdm.New(nanomdm.Options{URL: "https://mdm.example", Key: "k", HMAC: nanomdmtest.Secret})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		d    mdm.Device
		can  mdm.Set
		best mdm.Evidence
	}{
		{mdm.Device{Platform: "ios", OS: "18.6", Supervised: true}, mdm.All &^ mdm.Microphone, mdm.Restrictions},
		{mdm.Device{Platform: "ios", OS: "18.6"}, mdm.Assistant | mdm.Dictation | mdm.ScreenRecording, mdm.Restrictions},
		{mdm.Device{Platform: "ios", OS: "17.0", UserEnrolled: true}, mdm.Assistant | mdm.Dictation | mdm.ScreenRecording, mdm.ProfileList},
		{mdm.Device{Platform: "macos", OS: "13.1"}, mdm.Dictation | mdm.ScreenRecording | mdm.Camera, mdm.ProfileList},
		{mdm.Device{Platform: "macos", OS: "15.2", UserEnrolled: true}, 0, mdm.NoEvidence},
		{mdm.Device{Platform: "android", OS: "15"}, 0, mdm.NoEvidence},
		{mdm.Device{Platform: "ios", OS: "latest"}, 0, mdm.NoEvidence},
	} {
		if c := b.Caps(tt.d); c.Can != tt.can || c.Best != tt.best {
			t.Errorf("%+v: can %v by %s, want %v by %s", tt.d, c.Can, c.Best, tt.can, tt.best)
		}
	}
}

// TestNothingElseCanBeSaid: the package's source names the five commands of the contract and no other of Apple's, and none of the
// keys that do lasting harm.
func TestNothingElseCanBeSaid(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	never := regexp.MustCompile(`Erase|DeviceLock|ClearPasscode|ClearRestrictions|EnableLostMode|RestartDevice|ShutDown|Settings"|RemoveApplication|InstallApplication|` +
		`AccountConfiguration|RotateFileVault|SetFirmwareLock|"allowPairedWatch|SignIn"|SecurityInfo|UnlockUserAccount|DeleteUser|LogOutUser`)
	identifier := regexp.MustCompile(`"(de|com)\.[a-z.-]+"`)
	allowed := []string{"de.subrosa.lockdown", "de.subrosa.standing", "com.apple.applicationaccess", "com.apple.configuration.siri.settings",
		"com.apple.activation.simple", "de.subrosa.standing.siri", "de.subrosa.standing.activation"}
	read := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		read++
		if m := never.Find(b); m != nil {
			t.Errorf("%s names %s", f.Name(), m)
		}
		for _, m := range identifier.FindAll(b, -1) {
			if id := strings.Trim(string(m), `"`); !slices.Contains(allowed, id) {
				t.Errorf("%s names %s", f.Name(), id)
			}
		}
	}
	if read < 4 {
		t.Errorf("only %d files were read", read)
	}
}
