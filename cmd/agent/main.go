// Program agent keeps a laptop's microphones and voice assistants off while a room's session wants it, and gives them back.
//
//	agent [run] --config agent.json       what the service or the user's session starts
//	agent status [--json]                 what is off, and until when
//	agent restore [--standing] [--force]  give everything back now
//
// It takes its wishes from device/{dev}/lockdown/desired with its own certificate, and reports on …/reported. Without network it
// gives back by itself when its lease is over.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"subrosa/cmd/agent/internal/link"
	"subrosa/cmd/agent/internal/warden"
	"subrosa/firmware/state"
	"subrosa/mdm"
)

// Exit codes, as for all programs.
const (
	exitFailed = 1
	exitInput  = 2
	exitUsage  = 64
)

// Errors with an exit code.
var (
	errUsage = errors.New("usage")
	errInput = errors.New("input")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "agent:", err)
	switch {
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	case errors.Is(err, errInput):
		os.Exit(exitInput)
	}
	os.Exit(exitFailed)
}

const usage = `agent keeps a laptop's microphones and voice assistants off while a session wants it.

  agent [run] --config agent.json       what the service or the user's session starts
  agent status [--json]                 what is off, and until when
  agent restore [--standing] [--force]  give everything back now; --standing also what is always off,
                                        --force during a session, which is reported

agent.json: {"device":"d-7f3a","broker":"tls://broker.raum.example:8883","ca":"ca.pem","cert":"cert.pem","key":"key.pem"}

Flags:
`

type options struct {
	command  string
	config   string
	state    string
	json     bool
	standing bool
	force    bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	o.command = "run"
	if len(args) > 0 && len(args[0]) > 0 && args[0][0] != '-' {
		o.command, args = args[0], args[1:]
	}
	f := flag.NewFlagSet("agent", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, usage); f.PrintDefaults() }
	f.StringVar(&o.config, "config", "/etc/subrosa/agent.json", "the configuration `file`")
	f.StringVar(&o.state, "state", "./.state/agent", "`folder` for what must outlast a crash")
	f.BoolVar(&o.json, "json", false, "JSON instead of words")
	f.BoolVar(&o.standing, "standing", false, "restore: also what is always off")
	f.BoolVar(&o.force, "force", false, "restore: also during a session, which is reported")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	switch {
	case o.command == "help":
		f.Usage()
		return o, flag.ErrHelp
	case o.command != "run" && o.command != "status" && o.command != "restore":
		return o, fmt.Errorf("%w: no command is called %.30q; there are run, status and restore", errUsage, o.command)
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: %.30q is too much", errUsage, f.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if o.command != "run" {
		level = slog.LevelError
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if o.command != "run" {
		return ask(ctx, o, log, stdout)
	}
	c, err := load(o.config)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return serve(ctx, c, o, log, switches(log))
}

// serve is the wiring: switches, warden, MQTT, and the socket for status and restore.
func serve(ctx context.Context, c Config, o options, log *slog.Logger, sw []warden.Switch) error {
	folder, err := state.Open(o.state)
	if err != nil {
		return err
	}
	door, err := listen(o.state)
	if err != nil {
		return err
	}
	defer door.Close()
	w, err := warden.Open(folder, log, time.Now(), sw...)
	if err != nil {
		return err
	}
	tls, err := c.tls()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	kick := make(chan struct{}, 1)
	wake := func() {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
	l, err := link.New(link.Options{Broker: c.Broker, TLS: tls, Device: c.Device, Log: log, Wish: func(d mdm.DeviceDesired, sent time.Time) {
		now := time.Now()
		if skew := now.Sub(sent).Abs(); skew > 2*time.Minute {
			log.Warn("a wish is old, or the clocks differ", "by", skew.Round(time.Second))
		}
		if err := w.Take(now, d); err != nil && !errors.Is(err, warden.ErrOld) {
			log.Warn("wish", "err", err)
		}
		wake()
	}})
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() { l.Run(ctx) })
	wg.Go(func() { (&porter{w: w, up: l.Up, wake: wake}).serve(ctx, door) })
	w.Run(ctx, kick, func(r mdm.DeviceReport) {
		log.Info("report", "state", r.State, "off", r.InForce, "error", r.Error)
		now := time.Now()
		r, err := w.Stamp(now, r)
		if err == nil {
			err = l.Report(now, r)
		}
		if err != nil {
			log.Error("report", "err", err)
		}
	})
	return nil
}
