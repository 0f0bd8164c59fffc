package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/firmware/state"
	"subrosa/mdm"
)

// The door is a socket in the state folder, through which status and restore speak with a running agent; it also keeps a second
// agent from the same state. Windows has such sockets since version 1803.

type request struct {
	Do       string `json:"do"`
	Standing bool   `json:"standing"`
	Force    bool   `json:"force"`
}

type answer struct {
	Running   bool             `json:"running"`
	Connected bool             `json:"connected"`
	Until     time.Time        `json:"until,omitzero"` // of the lock
	Report    mdm.DeviceReport `json:"report"`
	Counts    warden.Counts    `json:"counts"`
	Error     string           `json:"error"`
}

func doorPath(dir string) string { return filepath.Join(dir, "agent.sock") }

func listen(dir string) (net.Listener, error) {
	path := doorPath(dir)
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("another agent runs with this state folder, %s", dir)
	}
	os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	return l, os.Chmod(path, 0o600)
}

// porter answers at the door.
type porter struct {
	w    *warden.Warden
	up   func() bool
	wake func()
}

func (p *porter) serve(ctx context.Context, l net.Listener) {
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.answer(ctx, c)
	}
}

func (p *porter) answer(ctx context.Context, c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // then it is without
	var r request
	if json.NewDecoder(io.LimitReader(c, 4096)).Decode(&r) != nil {
		return
	}
	a := do(ctx, p.w, r)
	a.Running, a.Connected = true, p.up()
	p.wake()
	json.NewEncoder(c).Encode(a) //nolint:errcheck // the other side is gone
}

// do is what status and restore do, in a running agent or without one.
func do(ctx context.Context, w *warden.Warden, r request) (a answer) {
	now := time.Now()
	a.Until = w.Live(now)
	switch {
	case r.Do != "restore":
		a.Report = w.Peek(ctx)
	case !a.Until.IsZero() && !r.Force:
		a.Report = w.Peek(ctx)
		a.Error = fmt.Sprintf("the lock holds until %s at the latest, or until the session ends; --force gives back now, and is reported", a.Until.Local().Format("15:04:05"))
	default:
		var err error
		if a.Report, err = w.Give(ctx, now, r.Standing); err != nil {
			a.Error = err.Error()
		}
		a.Until = time.Time{}
	}
	a.Counts = w.Counts()
	return a
}

// ask does status or restore.
func ask(ctx context.Context, o options, log *slog.Logger, stdout io.Writer) error {
	r := request{Do: o.command, Standing: o.standing, Force: o.force}
	a, err := knock(o.state, r)
	if err != nil {
		if _, err := os.Stat(o.state); err != nil {
			return fmt.Errorf("%w: no agent has run with the state folder %s: --state names another", errInput, o.state)
		}
		w, err := warden.Open(state.Folder(o.state), log, time.Now(), switches(log)...)
		if err != nil {
			return err
		}
		a = do(ctx, w, r)
	}
	if o.json {
		if err := json.NewEncoder(stdout).Encode(a); err != nil {
			return err
		}
	} else {
		a.print(stdout)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

func knock(dir string, r request) (a answer, err error) {
	c, err := net.Dial("unix", doorPath(dir))
	if err != nil {
		return a, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(15 * time.Second)) //nolint:errcheck // then it is without
	if err = json.NewEncoder(c).Encode(r); err == nil {
		err = json.NewDecoder(c).Decode(&a)
	}
	return a, err
}

// print says it to the laptop's user: German first.
func (a answer) print(out io.Writer) {
	row := func(de, en, value string) { fmt.Fprintf(out, "%-30s %s\n", de+" / "+en, value) }
	yes := map[bool]string{true: "ja / yes", false: "nein / no"}
	row("Agent läuft", "running", yes[a.Running])
	row("Verbunden", "connected", yes[a.Connected])
	row("Zustand", "state", string(a.Report.State))
	off := strings.Join(a.Report.InForce, ", ")
	if off == "" {
		off = "nichts / nothing"
	}
	row("Aus", "off", off)
	if !a.Until.IsZero() {
		row("Sperre längstens bis", "lock", a.Until.Local().Format("15:04:05"))
	}
	if a.Report.Error != "" {
		row("Störung", "fault", a.Report.Error)
	}
	row("Umgangen", "circumvented", fmt.Sprint(a.Counts.Circumvented))
	if len(a.Report.Limits) > 0 {
		row("Grenzen", "limits", strings.Join(a.Report.Limits, ", "))
	}
}
