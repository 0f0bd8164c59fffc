package main

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/clock"
	"subrosa/firmware/session"
	"subrosa/firmware/slot"
	"subrosa/firmware/state"
	"subrosa/provisioning/policies"
)

var quiet = slog.New(slog.DiscardHandler)

func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "unit.json")
	load := func(text string) (Config, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return loadConfig(path)
	}
	c, err := load(`{"unit": "u1", "room": "r1", "broker": "tls://b:8883", "cert": "cert.pem", "ca": "/etc/ca.pem",
		"radio": {"source": "feed", "feed": {"rate": 250000, "items": [{"file": "air.cu8"}]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "r1" || c.Cert != filepath.Join(dir, "cert.pem") || c.CA != "/etc/ca.pem" || c.Radio.Feed.Items[0].File != filepath.Join(dir, "air.cu8") ||
		c.Sound.Source != "microphone" || filepath.Base(c.Sensed) != "sensed" {
		t.Errorf("got %+v", c)
	}
	const good = `"unit": "u1", "room": "r1", "broker": "tls://b:8883"`
	for text, want := range map[string]string{
		`{` + good + `, "listne": ":1"}`:                                                 `unit.json:1:`,
		`{"unit": "U 1", "room": "r1", "broker": "x"}`:                                   "unit:",
		`{"unit": "u1", "room": "../r", "broker": "x"}`:                                  "room:",
		`{"unit": "u1", "room": "r1"}`:                                                   "broker is missing",
		`{` + good + `, "sound": {"source": "ether"}}`:                                   `sound.source "ether"`,
		`{` + good + `, "sound": {"source": "none"}}`:                                    "nothing to listen to",
		`{` + good + `, "sound": {"source": "microphone", "detectors": ["ultrasound"]}}`: `no detector "ultrasound"`,
		`{` + good + `, "sound": {"source": "microphone", "rate": 10}}`:                  "ultrasonic:",
		`{` + good + `, "radio": {"source": "hackrf"}}`:                                  `gain_db or auto_gain`,
		`{` + good + `, "sound": {"output": ""}}`:                                        "sound.output: is empty",
		`{` + good + `, "sound": {"output": "x", "max_dbfs": 3}}`:                        "ceiling",
		`{` + good + `, "sound": {"output": "x", "self_test": {"level_dbfs": -3}}}`:      "level_dbfs",
		`{` + good + `, "sound": {"output": "x", "self_test": {"hi_hz": 40000}}}`:        "sound.output: chirp:",
		`{` + good + `, "sound": {"output": "x", "self_test": {"loud": 1}}}`:             "loud",
		`{` + good + `, "radio": {"source": "feed", "feed": {"rate": 1000}}}`:            "emitter:",
		`{` + good + `, "panel": {"parts": ["siren"]}}`:                                  `no part "siren"`,
		`{` + good + `, "panel": {"parts": ["pir"], "pir": {"pni": "GPIO4"}}}`:           `unit.json:1:`,
		`{` + good + `, "av": [{"id": "stream", "mqqt": true}]}`:                         `unit.json:1:`,
		`{` + good + `, "av": [{"id": "stream", "relay": "stream"}]}`:                    "not one of the panel's",
		`{` + good + `, "av": [{"id": "stream"}, {"id": "stream"}]}`:                     "there twice",
		`{` + good + `, "handover": {"zones": [{"id": "A", "name": "x"}]}}`:              `zone "A"`,
		`{` + good + `, "panel": {"simulated": true}}`:                                   "plain pages on loopback",
		`{` + good + `, "timezone": "Europe/Musterstadt"}`:                               "timezone:",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with %q that names the file", text, err, want)
		}
	}
}

// TestLoadPolicy: the policy lies beside the unit's file; one that is not in order keeps the unit from starting, and says
// where.
func TestLoadPolicy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "unit.json")
	load := func(rules string) (Config, error) {
		for name, text := range map[string]string{path: `{"unit": "u1", "room": "r1", "broker": "tls://b:8883", "policy": "rules.json"}`, filepath.Join(dir, "rules.json"): rules} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return loadConfig(path)
	}
	ready, err := policies.Get("city-council")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := load(string(ready)); err != nil || c.rules.ID != "city-council" {
		t.Errorf("got %v", err)
	}
	_, err = load(strings.Replace(string(ready), "windows_closed", "windos_closed", 1))
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "rules.json:68:21: condition: unknown fact") {
		t.Errorf("a wrong policy: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "rules.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(path); err == nil || !strings.Contains(err.Error(), "rules.json") {
		t.Errorf("a policy that is not there: %v", err)
	}
}

// TestPanelOverDefaults: what is given of the wiring replaces the default's, list by list; the rest stands.
func TestPanelOverDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "unit.json")
	text := `{"unit": "u1", "room": "r1", "broker": "tls://b:8883", "panel": {"parts": ["switches", "lamp"], "lamp": {"lights": 3},
		"switches": [{"name": "hatch", "guards": "window", "pin": "GPIO4"}]}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Panel; len(p.Switches) != 1 || p.Switches[0].Name != "hatch" || p.Lamp.Lights != 3 || p.Lamp.Port != "SPI1.0" || len(p.Lines.Lines) != 3 ||
		p.Power.Calibration != filepath.Join(filepath.Dir(path), "power.json") {
		t.Errorf("got %+v", p)
	}
	// Not one of the parts is on this machine: the unit starts all the same.
	if u, err := newPanel(c, clock.Wall{}, quiet); err != nil || u.sim != nil {
		t.Errorf("got %+v, %v", u, err)
	}
	c.Panel.Parts = []string{"power"}
	if err := os.WriteFile(c.Panel.Power.Calibration, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newPanel(c, clock.Wall{}, quiet); err == nil || !strings.Contains(err.Error(), "power.json") {
		t.Errorf("a calibration that is none: %v", err)
	}
}

func TestParse(t *testing.T) {
	var usage *usageError
	for _, args := range [][]string{{"--unsealed", "extra"}, {"--unseeled"}} {
		if _, err := parse(args); !errors.As(err, &usage) {
			t.Errorf("%v: got %v, want an error of usage", args, err)
		}
	}
	if _, err := parse([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: got %v", err)
	}
	if o, err := parse([]string{"--unsealed", "--state", "x"}); err != nil || o.state != "x" || o.scenario.speed != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, s := range []scenario{
		{"yesterday", "2026-11-21T18:00:00Z", 1}, {"2026-11-21T18:00:00Z", "", 1},
		{"2026-11-21T18:00:00Z", "2026-11-21T18:00:00Z", 0}, {"2026-11-21T18:00:00Z", "2026-11-21T18:00:00Z", 1001},
	} {
		if _, _, err := s.parse(); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

// TestRestoreSession: what is not known resumes in the safer state.
func TestRestoreSession(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	closed := `{"format":1,"state":"closed","since":"2026-11-21T19:00:00Z","told":true}`
	tests := []struct {
		name    string
		session string
		alive   string
		want    session.State
	}{
		{"first start", "", "", session.Open},
		{"short absence", closed, `{"at":"2026-11-21T19:59:50Z"}`, session.Closed},
		{"long absence", closed, `{"at":"2026-11-21T19:50:00Z"}`, session.Interrupted},
		{"not known how long", closed, "", session.Interrupted},
		{"spoilt note of how long", closed, "{", session.Interrupted},
		{"clock was set back", closed, `{"at":"2026-11-21T21:00:00Z"}`, session.Interrupted},
		{"spoilt session", `{"format":1,"sta`, "", session.Interrupted},
		{"younger format", `{"format":99,"state":"open"}`, "", session.Interrupted},
		{"on its way", `{"format":1,"state":"arming","since":"2026-11-21T19:59:59Z"}`, `{"at":"2026-11-21T19:59:59Z"}`, session.Handover},
	}
	for _, tt := range tests {
		f, err := state.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"session": tt.session, "alive": tt.alive} {
			if text != "" {
				if err := os.WriteFile(f.Path(name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		m, err := restoreSession(f, now, quiet)
		if err != nil || m.State() != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.name, m.State(), err, tt.want)
		}
	}
}

func TestLoadMeter(t *testing.T) {
	f, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m := loadMeter(f, quiet); m != nil {
		t.Error("windows that nobody knows are not used up")
	}
	if err := f.Save("slots", slot.New()); err != nil {
		t.Fatal(err)
	}
	if m := loadMeter(f, quiet); m == nil || m.Left(time.Now(), true) != slot.PerMinute {
		t.Error("known windows are not taken over")
	}
}

func TestKeys(t *testing.T) {
	f, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := loadKeys(f)
	if err != nil || a.Chair == "" || a.Clerk == "" || a.Chair == a.Clerk {
		t.Fatalf("got %d and %d characters, %v", len(a.Chair), len(a.Clerk), err)
	}
	if b, err := loadKeys(f); err != nil || b != a {
		t.Errorf("the second start has other keys, %v", err)
	}
	if i, err := os.Stat(f.Path("keys")); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want a file for the unit alone", i.Mode(), err)
	}
}

func TestPlainPagesStayOnLoopback(t *testing.T) {
	if l, err := listen(Config{Listen: ":0", Plain: true}); err == nil {
		l.Close()
		t.Error("plain pages on all interfaces")
	}
	l, err := listen(Config{Listen: "127.0.0.1:0", Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, _, err := certificates(Config{}); err == nil {
		t.Error("pages without a certificate that are not plain")
	}
}
