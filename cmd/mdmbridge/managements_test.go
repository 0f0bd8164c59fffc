package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// TestKinds: every kind reads its options strictly, and starts without its management.
func TestKinds(t *testing.T) {
	h := &house{t: t, dir: t.TempDir()}
	h.file("key", "0123456789abcdef")
	guid := "11111111-1111-1111-1111-111111111111"
	for kind, good := range map[string]string{
		"fleet":    `{"url":"https://fleet.example","token_file":"KEY"}`,
		"headwind": `{"url":"https://mdm.example","user":"u","password_file":"KEY","plans":[{"usual":1,"standing":2,"lock":3,"locks":["microphone"]}]}`,
		"intune":   `{"tenant":"` + guid + `","client":"` + guid + `","secret_file":"KEY","profiles":{"ios":{"id":"` + guid + `","group":"` + guid + `"}}}`,
		"manual":   `{"key_file":"KEY"}`,
	} {
		good = strings.ReplaceAll(good, "KEY", h.path("key"))
		p := parts{keep: nothing{}, options: json.RawMessage(good), devices: []mdm.Device{{ID: "d-1", Platform: "ios"}}}
		if _, err := kinds[kind](p); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		p.options = json.RawMessage(strings.Replace(good, "{", `{"erase":true,`, 1))
		if _, err := kinds[kind](p); err == nil || !strings.Contains(err.Error(), "erase") {
			t.Errorf("%s with an unknown option: %v", kind, err)
		}
		p.options = nil
		if _, err := kinds[kind](p); err == nil {
			t.Errorf("%s without options was taken", kind)
		}
	}
	if _, err := kinds["amapi"](parts{keep: nothing{}, options: json.RawMessage(`{"enterprise":"enterprises/LC1","account_file":"` + h.path("key") + `"}`)}); err == nil {
		t.Error("a service account that is none was taken")
	}
}

type nothing struct{}

func (nothing) Keep(string, string) error         { return nil }
func (nothing) Kept(string) (string, bool, error) { return "", false, nil }
func (nothing) Drop(string) error                 { return nil }

// TestChecklist: a room's lock becomes points, a clerk signs them through the running bridge, and the room hears of it.
func TestChecklist(t *testing.T) {
	h := newHouse(t, 1)
	h.file("paper.key", "0123456789abcdef")
	h.file("paper.json", []mdm.Device{{ID: "d-paper", Platform: "linux", Enrolment: "x"}})
	h.conf.Connectors = append(h.conf.Connectors, Connector{ID: "paper", Kind: "manual", Standing: []string{"assistant"}, Devices: h.path("paper.json"),
		Options: json.RawMessage(`{"key_file":"` + h.path("paper.key") + `"}`)})
	h.file("bridge.json", h.conf)
	h.start()
	sign := func(args ...string) string {
		var out bytes.Buffer
		if err := run(t.Context(), append([]string{"manual", "--config", h.path("bridge.json"), "--conn", "paper"}, args...), &out, io.Discard); err != nil {
			return "error: " + err.Error()
		}
		return out.String()
	}
	h.until("point of the standing posture", func() bool { return strings.Contains(sign(), "dauerhaft aus") })
	if got := sign("--sign", "d-paper", "--role", "guest"); !strings.Contains(got, "does not sign") {
		t.Errorf("a guest signs: %s", got)
	}
	if got := sign("--sign", "d-paper", "--role", "holder"); strings.HasPrefix(got, "error") {
		t.Error(got)
	}
	u := h.unit("ratssaal")
	defer u.kill()
	u.say(mdm.Desired{Session: "S1", Mode: mdm.Locked, Restrict: []string{"microphone"}, LeaseS: 300, HardEnd: time.Now().Add(time.Hour).UTC().Truncate(time.Second),
		Devices: []string{"d-paper"}})
	h.until("point of the lock", func() bool {
		return strings.Contains(sign(), "für die Sitzung aus") && strings.Contains(sign(), "microphone")
	})
	if got := sign("--sign", "d-paper", "--role", "clerk"); strings.HasPrefix(got, "error") {
		t.Error(got)
	}
	h.until("report of the signature", func() bool {
		h.mu.Lock()
		e, ok := h.said["room/ratssaal/lockdown/paper/reported"]
		h.mu.Unlock()
		r, err := mdm.ReadReport(e.Data)
		return ok && err == nil && r.Counts[mdm.Declared] == 1 && r.Evidence == mdm.Signed
	})
	h.file("paper.key", "another-key-that-is-wrong")
	if got := sign(); !strings.Contains(got, "403") {
		t.Errorf("with a wrong key: %s", got)
	}
}

// TestImport publishes what a list shows, dated by its oldest line that counts, and nothing that is stale.
func TestImport(t *testing.T) {
	h := newHouse(t, 0)
	h.conf.Connectors = []Connector{{ID: "nanomdm", Kind: "nanomdm", Standing: []string{"assistant"}}}
	h.file("bridge.json", h.conf)
	now := time.Now().Truncate(time.Second)
	at := func(ago time.Duration) string { return now.Add(-ago).Format(time.RFC3339) }
	h.file("list.csv", "device;assistant;reported\nd-1;aus;"+at(time.Hour)+"\nd-2;off;"+at(3*time.Hour)+"\nd-3;on;"+at(time.Minute)+"\nd-4;off;"+at(30*time.Hour)+"\n")
	call := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"import", "--config", h.path("bridge.json"), "--state", h.path("state")}, args...), &out, io.Discard)
		return out.String(), err
	}
	out, err := call("--conn", "jamf", h.path("list.csv"))
	if err != nil || !strings.HasPrefix(out, "2 von 4 aus (erklärt, nicht nachgewiesen), Stand ") {
		t.Fatalf("%s, %v", out, err)
	}
	var p mdm.Posture
	h.until("posture", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		e, ok := h.said[strings.TrimPrefix(topic.MDMPosture("jamf"), topic.Root+"/")]
		if ok {
			p, err = mdm.ReadPosture(e.Data)
		}
		return ok
	})
	if err != nil || p.Off != 2 || p.Total != 4 || !p.At.Equal(now.Add(-3*time.Hour)) || p.Counts[mdm.Unknown] != 1 || p.Evidence != mdm.Signed {
		t.Errorf("%+v, %v", p, err)
	}
	// Times without an offset are the site's, whatever the machine's zone is, and are printed so.
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	minute := now.Add(-time.Hour).In(berlin)
	h.file("plain.csv", "device;assistant;reported\nd-1;aus;"+minute.Format("02.01.2006 15:04")+"\n")
	if out, err := call("--dry-run", h.path("plain.csv")); err != nil || !strings.Contains(out, "Stand "+minute.Format("02.01. 15:04")+" ") {
		t.Errorf("%s, %v; want %s", out, err, minute)
	}
	zoned := h.conf
	zoned.Timezone = "America/Los_Angeles" // there it would be in the future
	h.file("bridge.json", zoned)
	if out, err := call("--dry-run", h.path("plain.csv")); !errors.Is(err, errInput) {
		t.Errorf("in another zone: %s, %v", out, err)
	}
	h.file("bridge.json", h.conf)
	if _, err := call("--conn", "nanomdm", h.path("list.csv")); !errors.Is(err, errInput) {
		t.Errorf("a bridge's own connector: %v", err)
	}
	h.file("bad.csv", "device;name;assistant;reported\n")
	if _, err := call("--conn", "jamf", h.path("bad.csv")); !errors.Is(err, errInput) || !strings.Contains(err.Error(), "name") {
		t.Errorf("a list with names: %v", err)
	}
	if _, err := call("--dry-run"); !errors.Is(err, errUsage) {
		t.Errorf("without a file: %v", err)
	}
}
