package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sites "subrosa/provisioning/site"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestCommandLine(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, &out); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "restore --all") {
		t.Errorf("%v, %s", err, &out)
	}
	for _, args := range [][]string{{"restore"}, {"erase"}, {"--nonsense"}, {"check", "more"}} {
		if err := run(t.Context(), args, &out, &out); !errors.Is(err, errUsage) {
			t.Errorf("%v: got %v", args, err)
		}
	}
	if err := run(t.Context(), []string{"--config", "/does/not/exist"}, &out, &out); !errors.Is(err, errInput) {
		t.Errorf("no file: got %v", err)
	}
}

func TestConfigs(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct{ json, want string }{
		"unknown field": {`{"broker":"tcp://127.0.0.1:1883","erase":true}`, "erase"},
		"no connectors": {`{"broker":"tcp://127.0.0.1:1883"}`, "connectors is empty"},
		"listens":       {`{"broker":"b","listen":"0.0.0.0:8090","connectors":[{"id":"a","kind":"nanomdm","standing":["assistant"]}]}`, "127.0.0.1"},
		"kind":          {`{"broker":"b","connectors":[{"id":"a","kind":"magic","standing":["assistant"]}]}`, "magic"},
		"standing":      {`{"broker":"b","connectors":[{"id":"a","kind":"nanomdm"}]}`, "standing is empty"},
		"optional":      {`{"broker":"b","connectors":[{"id":"a","kind":"nanomdm","standing":["microphone?"]}]}`, "nothing is optional"},
		"zone":          {`{"broker":"b","timezone":"Europe/Musterstadt","connectors":[{"id":"a","kind":"nanomdm","standing":["assistant"]}]}`, "timezone"},
		"local":         {`{"broker":"b","timezone":"Local","connectors":[{"id":"a","kind":"nanomdm","standing":["assistant"]}]}`, "timezone"},
		"twice":         {`{"broker":"b","connectors":[{"id":"a","kind":"nanomdm","standing":["assistant"]},{"id":"a","kind":"nanomdm","standing":["assistant"]}]}`, "its own"},
	} {
		path := filepath.Join(dir, "c.json")
		if err := os.WriteFile(path, []byte(tt.json), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := run(t.Context(), []string{"--config", path}, &out, &out); !errors.Is(err, errInput) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	open := filepath.Join(dir, "key")
	if err := os.WriteFile(open, []byte("k"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := secret(open); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that all may read: got %v", err)
	}
	c := Config{Broker: "tls://broker.raum.example:8883"}
	if _, err := c.tls(); err == nil {
		t.Error("a broker far away without a certificate")
	}
}

// TestEnrolments: every device has one of its own, also where no management gives it.
func TestEnrolments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	for list, want := range map[string]string{
		`[{"id":"d-1","enrolment":"d-1","platform":"linux"},{"id":"d-2","enrolment":"d-2","platform":"linux"}]`: "",
		`[{"id":"d-1","enrolment":"d-1","platform":"linux"},{"id":"d-2","enrolment":"d-1","platform":"linux"}]`: "twice",
		`[{"id":"d-1","platform":"linux"}]`: "no enrolment",
	} {
		if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		k := Connector{ID: "paper", Kind: "manual", Devices: path}
		if _, err := k.devices(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", list, err, want)
		}
	}
}

// TestCheckReadsTheCertificate: a connector that it does not name is said, for the broker would refuse its words.
func TestCheckReadsTheCertificate(t *testing.T) {
	s, err := sites.Init(filepath.Join(t.TempDir(), "site"), sites.Plan{Name: "Stadt Musterstadt", Domain: "raum.example", Loopback: true,
		Units: []sites.Unit{{ID: "ratssaal-1", Room: "ratssaal"}}, Conns: []string{"paper"}}, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: t.TempDir()}
	h.file("key", "0123456789abcdef")
	h.file("devices.json", `[]`)
	bundle := s.Path("mdmbridge")
	conf := Config{Broker: "tls://127.0.0.1:1", Cert: filepath.Join(bundle, "cert.pem"), Key: filepath.Join(bundle, "key.pem"), CA: filepath.Join(bundle, "ca.pem"),
		Listen: "127.0.0.1:8090"}
	for _, id := range []string{"paper", "other"} {
		conf.Connectors = append(conf.Connectors, Connector{ID: id, Kind: "manual", Standing: []string{"assistant"}, Devices: h.path("devices.json"),
			Options: json.RawMessage(`{"key_file":"` + h.path("key") + `"}`)})
	}
	h.file("bridge.json", conf)
	var out bytes.Buffer
	err = run(t.Context(), []string{"check", "--config", h.path("bridge.json")}, &out, &out)
	if !errors.Is(err, errInput) || !strings.Contains(err.Error(), "other: the certificate") || strings.Contains(err.Error(), "paper: ") || out.String() != "paper: ok\n" {
		t.Errorf("%q, %v", &out, err)
	}
	conf.Connectors = conf.Connectors[:1]
	h.file("bridge.json", conf)
	if err := run(t.Context(), []string{"check", "--config", h.path("bridge.json")}, &out, &out); err != nil {
		t.Error(err)
	}
}
