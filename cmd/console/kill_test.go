package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/cmd/console/internal/store"
	"subrosa/dsp/detect"
	"subrosa/firmware/topic"
)

// TestMain doubles as the console process that TestKill kills.
func TestMain(m *testing.M) {
	if args := os.Getenv("CONSOLE_TEST_ARGS"); args != "" {
		if err := run(context.Background(), strings.Split(args, "\n"), os.Stdout, os.Stderr); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type process struct {
	cmd  *exec.Cmd
	mqtt string
}

func startProcess(t *testing.T, state string) *process {
	t.Helper()
	args := []string{"--state", state, "--config", emptyConfig(t), "--listen", "127.0.0.1:0", "--mqtt-dev-listen", "127.0.0.1:0", "--demo"}
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), "CONSOLE_TEST_ARGS="+strings.Join(args, "\n"))
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := mqttLine.FindStringSubmatch(lines.Text()); m != nil {
			p.mqtt = m[1]
			go io.Copy(io.Discard, log)
			return p
		}
	}
	t.Fatal("the console process does not come up")
	return nil
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// TestKill kills the console at seeded times while alarms come in: every alarm that was acknowledged is in the
// store exactly once.
func TestKill(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	state := t.TempDir()
	rng := rand.New(rand.NewPCG(20261121, 2))
	acked := map[string]bool{}
	for range rounds {
		p := startProcess(t, state)
		u := newUnit(t, p.mqtt, "ratssaal-1", "ratssaal")
		k := 1 + rng.IntN(8)
		for i := range k {
			a := makeAlarm("ratssaal", time.Now(), detect.Burst, "ism433", 433.92e6)
			u.alarm(a) // returns at the PUBACK
			acked[a.Finding.ID] = true
			if i == k/2 && rng.IntN(2) == 0 {
				a.Version++
				u.alarm(a)
			}
		}
		p.kill()
	}
	p := startProcess(t, state) // the last round's alarms come from the broker's retained state
	u := newUnit(t, p.mqtt, "ratssaal-1", "ratssaal")
	u.send(time.Now(), topic.Contact("ratssaal", "door"), map[string]any{"version": 1, "state": "closed"})
	st, err := store.Open(filepath.Join(state, "console", "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	until(t, fmt.Sprintf("%d alarms in the store", len(acked)), func() bool {
		vs, err := st.AlarmVersions(t.Context())
		return err == nil && len(vs) >= len(acked)
	})
	vs, err := st.AlarmVersions(t.Context())
	if err != nil || len(vs) != len(acked) {
		t.Errorf("%d alarms stored, %v, want %d", len(vs), err, len(acked))
	}
	for id := range acked {
		if vs[id] == 0 {
			t.Errorf("alarm %s is lost", id)
		}
	}
	t.Logf("%d kills, %d alarms", rounds, len(acked))
}
