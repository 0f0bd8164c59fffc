package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/cmd/console/internal/store"
	"subrosa/dsp/detect"
	"subrosa/firmware/session"
)

func findMosquitto(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("mosquitto is not installed")
	return ""
}

// startMosquitto runs the outside broker on addr until the returned function is called, or the test ends.
func startMosquitto(t *testing.T, program, addr, dir string) (stop func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nautosave_interval 1\nautosave_on_changes true\n", port, dir)
	if os.Geteuid() == 0 {
		text += "user root\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	until(t, "mosquitto", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return stop
}

// TestMosquitto: the same with an outside broker, which is killed in between.
func TestMosquitto(t *testing.T) {
	program := findMosquitto(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir, state := t.TempDir(), t.TempDir()
	stop := startMosquitto(t, program, addr, dir)
	c := startConsole(t, state, "--demo", "--broker", "tcp://"+addr)
	c.web.Get(c.link)
	u := newUnit(t, addr, "ratssaal-1", "ratssaal")
	u.report(time.Now(), session.Report{State: session.Open})
	first := makeAlarm("ratssaal", time.Now(), detect.UltrasonicBeacon, "silverpush", 18500)
	u.alarm(first)
	shows := func(word string) func() bool {
		return func() bool { _, body := c.get("/rooms/ratssaal"); return strings.Contains(body, word) }
	}
	until(t, "the first alarm", shows("SilverPush"))
	stop()
	until(t, "the loss in the health page", func() bool { status, _ := c.get("/healthz"); return status == 503 })
	startMosquitto(t, program, addr, dir)
	u = newUnit(t, addr, "ratssaal-1", "ratssaal")
	u.alarm(first) // a repeat, as QoS 1 allows
	u.alarm(makeAlarm("ratssaal", time.Now(), detect.UltrasonicBeacon, "lisnr", 18750))
	until(t, "the second alarm", shows("Lisnr"))
	until(t, "health", func() bool { status, _ := c.get("/healthz"); return status == 200 })
	st, err := store.Open(filepath.Join(state, "console", "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if vs, err := st.AlarmVersions(t.Context()); err != nil || len(vs) != 2 {
		t.Errorf("%d alarms stored, %v, want 2", len(vs), err)
	}
}
