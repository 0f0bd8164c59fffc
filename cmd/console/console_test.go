package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/cmd/console/internal/store"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// console is run in this process.
type console struct {
	t    *testing.T
	log  *buffer
	link string
	mqtt string
	stop func()
	done chan error
	web  *http.Client
}

var mqttLine = regexp.MustCompile(`msg="broker listens" listen=(127\.0\.0\.1:\d+)`)

func startConsole(t *testing.T, state string, args ...string) *console {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &console{t: t, log: &buffer{}, stop: cancel, done: make(chan error, 1)}
	r, w := io.Pipe()
	args = append([]string{"--state", state, "--listen", "127.0.0.1:0", "--config", emptyConfig(t)}, args...)
	go func() {
		c.done <- run(ctx, args, w, c.log)
		w.Close()
	}()
	t.Cleanup(c.end)
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("no link: %v\n%s", err, c.log)
	}
	c.link = strings.TrimSpace(line)
	go io.Copy(io.Discard, r)
	if m := mqttLine.FindStringSubmatch(c.log.String()); m != nil {
		c.mqtt = m[1]
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.web = &http.Client{Jar: jar, Timeout: patience}
	return c
}

func emptyConfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "console.json")
	if err := os.WriteFile(path, []byte(`{"rooms": {"ratssaal": "Ratssaal"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// end stops the console and waits until it has ended.
func (c *console) end() {
	c.t.Helper()
	if c.stop == nil {
		return
	}
	c.stop()
	c.stop = nil
	select {
	case err := <-c.done:
		if err != nil {
			c.t.Errorf("console ended with %v", err)
		}
	case <-time.After(patience):
		c.t.Error("the console does not end")
	}
}

func (c *console) url(path string) string {
	u, err := url.Parse(c.link)
	if err != nil {
		c.t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host + path
}

func (c *console) get(path string) (int, string) {
	c.t.Helper()
	resp, err := c.web.Get(c.url(path))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (c *console) post(path string, form url.Values) (int, string) {
	c.t.Helper()
	resp, err := c.web.PostForm(c.url(path), form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestPath walks the whole way: link, room, alarm, answer, session, restart.
func TestPath(t *testing.T) {
	state := t.TempDir()
	c := startConsole(t, state, "--demo", "--mqtt-dev-listen", "127.0.0.1:0")
	if resp, err := c.web.Get(c.link); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("link: %v, %v", resp, err)
	}
	now := time.Now()
	u := newUnit(t, c.mqtt, "ratssaal-1", "ratssaal")
	u.presence(now, true)
	u.levels(now, 1)
	u.report(now, session.Report{State: session.Open, Flags: []session.Flag{}, Points: []session.Point{}})
	a := makeAlarm("ratssaal", now, detect.UltrasonicBeacon, "silverpush", 18500)
	u.alarm(a)
	until(t, "the alarm on the page", func() bool {
		_, body := c.get("/rooms/ratssaal")
		return strings.Contains(body, "SilverPush") && strings.Contains(body, "Ratssaal")
	})
	if status, _ := c.post("/rooms/ratssaal/session", url.Values{"act": {"start"}, "kind": {"council"}, "level": {"nonpublic"}}); status != http.StatusOK {
		t.Errorf("start: %d", status)
	}
	var d session.Desired
	if err := json.Unmarshal((<-u.wish).Data, &d); err != nil || d.State != session.Closed || d.Writer != "console" {
		t.Errorf("the unit got %+v, %v", d, err)
	}
	if status, _ := c.post("/rooms/ratssaal/alarms/"+a.Finding.ID, url.Values{"answer": {"false-alarm/known-radio"}}); status != http.StatusOK {
		t.Errorf("answer: %d", status)
	}
	var ack alarm.Ack
	if err := json.Unmarshal((<-u.acks).Data, &ack); err != nil || ack.Verdict != alarm.FalseAlarm || ack.Role != "facility" {
		t.Errorf("the unit got %+v, %v", ack, err)
	}
	if status, body := c.get("/metrics"); status != http.StatusOK || !strings.Contains(body, "subrosa_console_alarms_open 1") || strings.Contains(body, "ratssaal") {
		t.Errorf("metrics: %d", status)
	}
	if status, body := c.get("/healthz"); status != http.StatusOK || !strings.Contains(body, "broker: ok") {
		t.Errorf("health: %d %s", status, body)
	}
	c.end()
	if log := c.log.String(); strings.Contains(log, "SilverPush") || strings.Contains(log, c.link[len(c.link)-43:]) {
		t.Errorf("the log holds findings or secrets:\n%s", log)
	}

	c = startConsole(t, state, "--demo", "--mqtt-dev-listen", "127.0.0.1:0") // the broker's retained state brings the room back
	c.web.Get(c.link)
	until(t, "room and alarm after the restart", func() bool {
		_, body := c.get("/rooms/ratssaal")
		return strings.Contains(body, "SilverPush") && strings.Contains(body, "Öffentlich")
	})
	st, err := store.Open(filepath.Join(state, "console", "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if as, err := st.Alarms(t.Context(), "", 10); err != nil || len(as) != 1 {
		t.Errorf("stored alarms: %d, %v, want one", len(as), err)
	}
}

func TestForeignTopicIsRefusedAndRecorded(t *testing.T) {
	state := t.TempDir()
	c := startConsole(t, state, "--demo", "--mqtt-dev-listen", "127.0.0.1:0")
	a, b := newUnit(t, c.mqtt, "a-1", "a"), newUnit(t, c.mqtt, "b-1", "b")
	b.report(time.Now(), session.Report{State: session.Closed})
	a.room = "b"
	for range 20 {
		a.report(time.Now(), session.Report{State: session.Open}) // acknowledged, and thrown away
	}
	c.web.Get(c.link)
	until(t, "the refusal in the trail", func() bool {
		_, body := c.get("/trail")
		return strings.Contains(body, "Nachricht abgelehnt") && strings.Contains(body, "unit:a-1")
	})
	if got := strings.Count(c.log.String(), "broker refused"); got != 1 {
		t.Errorf("%d lines for one peer's refusals in a row, want 1", got)
	}
	_, body := c.get("/api/rooms/b")
	if !strings.Contains(body, `"state":"closed"`) {
		t.Errorf("room b: %s", body)
	}
	_, body = c.get("/metrics")
	if !strings.Contains(body, "subrosa_console_broker_refused_total 20") {
		t.Error("the refusals were not counted")
	}
}

// TestOutsideBroker runs one console on the broker of another.
func TestOutsideBroker(t *testing.T) {
	inside := startConsole(t, t.TempDir(), "--demo", "--mqtt-dev-listen", "127.0.0.1:0")
	c := startConsole(t, t.TempDir(), "--demo", "--broker", "tcp://"+inside.mqtt)
	c.web.Get(c.link)
	u := newUnit(t, inside.mqtt, "ratssaal-1", "ratssaal")
	u.report(time.Now(), session.Report{State: session.Open})
	until(t, "the room", func() bool { _, body := c.get("/"); return strings.Contains(body, "Ratssaal") })
	inside.end()
	until(t, "health", func() bool { status, _ := c.get("/healthz"); return status == http.StatusServiceUnavailable })
	if status, body := c.post("/rooms/ratssaal/session", url.Values{"act": {"start"}, "kind": {"council"}, "level": {"nonpublic"}}); status != http.StatusBadGateway {
		t.Errorf("start without a broker: %d %s", status, body)
	}
}

func TestFirstLink(t *testing.T) {
	state := t.TempDir()
	c := startConsole(t, state) // the first line is the sentence, the second the link
	if !strings.Contains(c.link, "gültig 15 Minuten") {
		t.Errorf("got %q", c.link)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--state", state, "--config", emptyConfig(t), "--print-link", "--lang", "en"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^http://127\.0\.0\.1:8080/enrol/[\w-]{43}$`).Match(out.Bytes()) {
		t.Errorf("got %q", out.String())
	}
}

func TestSettings(t *testing.T) {
	dir, n := t.TempDir(), 0
	file := func(content string) string {
		t.Helper()
		n++
		p := filepath.Join(dir, fmt.Sprintf("%d.json", n))
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	empty := file("{}")
	refused := []struct {
		args []string
		want error
		text string
	}{
		{[]string{"--config", file(`{"rome": {}}`)}, errInput, "1:2"},
		{[]string{"--config", filepath.Join(dir, "absent.json")}, errInput, "absent.json"},
		{[]string{"--config", empty, "--demo", "--listen", "0.0.0.0:8080"}, errUsage, "loopback"},
		{[]string{"--config", empty, "--demo-link", "/demo/aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "--listen", ":8080", "--tls", dir}, errUsage, "loopback"},
		{[]string{"--config", empty, "--demo-link", "/demo/short"}, errUsage, "22"},
		{[]string{"--config", empty, "--listen", "192.0.2.1:80"}, errUsage, "TLS"},
		{[]string{"--config", empty, "--mqtt-dev-listen", "0.0.0.0:1883"}, errUsage, "loopback"},
		{[]string{"--config", empty, "--broker", "tls://x:8883", "--dev"}, errUsage, "exclude"},
		{[]string{"--config", empty, "--lang", "fr"}, errUsage, "lang"},
		{[]string{"--config", file(`{"detail_days": 31}`)}, errUsage, "detail_days"},
		{[]string{"--config", file(`{"timezone": "Atlantis"}`)}, errUsage, "timezone"},
		{[]string{"--config", file(`{"rooms": {"Rats Saal": "x"}}`)}, errUsage, "rooms"},
		{[]string{"--config", file(`{"units": {"u-1": {"address": "u-1.example:8445"}}}`)}, errUsage, "client_tls"},
		{[]string{"--config", file(`{"client_tls": "x", "units": {"u-1": {"address": "u-1.example"}}}`)}, errUsage, "host:port"},
		{[]string{"--config", file(`{"client_tls": "x", "units": {"u-1": {"address": "u-1.example:8445", "pin": "12"}}}`)}, errUsage, "64 digits"},
		{[]string{"--config", file(`{"units": {"u-1": {"adress": "u-1.example:8445"}}}`)}, errInput, "adress"},
		{[]string{"--config", empty, "extra"}, errUsage, "extra"},
		{[]string{"--nonsense"}, errUsage, "nonsense"},
	}
	for _, tt := range refused {
		if _, err := settings(tt.args, io.Discard); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%v: got %v, want %v with %q", tt.args, err, tt.want, tt.text)
		}
	}
	c, err := settings([]string{"--config", file(`{"listen": "127.0.0.1:1", "lang": "en", "rooms": {"ratssaal": "Ratssaal"}}`), "--listen", "127.0.0.1:2", "--dev"}, io.Discard)
	if err != nil || c.Listen != "127.0.0.1:2" || c.Lang != "en" || c.MQTTDevListen != "127.0.0.1:1883" || c.location == nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestBrokenParts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	notADir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"address in use": {"--state", t.TempDir(), "--listen", taken.Addr().String()},
		"state":          {"--state", notADir},
		"certificate":    {"--state", t.TempDir(), "--mqtt-tls", t.TempDir()},
		"page cert":      {"--state", t.TempDir(), "--tls", t.TempDir(), "--listen", "127.0.0.1:0"},
	} {
		err := run(t.Context(), append(args, "--config", emptyConfig(t)), io.Discard, io.Discard)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line", name, err)
		}
	}
}
