// Program mdmbridge locks voice assistants through device managements, for the rooms of a site.
//
//	mdmbridge --config /etc/subrosa/mdmbridge.json --state /var/lib/subrosa/mdmbridge
//	mdmbridge restore --all            give everything back at once, with or without a running bridge
//	mdmbridge check                    read the configuration, ask each management whether it can be worked with
//
// It is a process of its own with credentials of its own. What it has locked, and for whom, is on disk before the first command
// goes out: after any death it takes up where it was, and gives back what nobody holds any more.
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
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // machines without a zone file

	"subrosa/firmware/config"
)

// Exit codes, as for all programs.
const (
	exitFailed = 1
	exitInput  = 2
	exitUsage  = 64
)

var (
	errUsage = errors.New("usage")
	errInput = errors.New("input")
)

func main() {
	lean()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	code := exitFailed
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		code = exitUsage
	case errors.Is(err, errInput):
		code = exitInput
	}
	fmt.Fprintln(os.Stderr, "mdmbridge:", err)
	os.Exit(code) //nolint:gocritic // nothing is left to be deferred
}

// lean keeps memory small: ten thousand devices live in some megabytes, and what passes through shall not pile up.
func lean() {
	debug.SetGCPercent(40)
	debug.SetMemoryLimit(40 << 20) // soft
}

const help = `mdmbridge locks voice assistants through device managements, for the rooms of a site.

  mdmbridge [flags]                 run
  mdmbridge restore --all [flags]   give everything back: a running bridge does it; without one this program does, without MQTT
  mdmbridge check [flags]           read the configuration and ask each management whether it can be worked with
  mdmbridge manual --conn ID        a checklist's open points; --sign DEVICE --role ROLE signs one
  mdmbridge import --conn ID FILE   another management's list (CSV) becomes a dated posture

On 127.0.0.1 (listen): /webhook/CONNECTOR, /healthz, /metrics.

`

// options are the command line.
type options struct {
	command string
	config  string
	state   string
	all     bool
	wait    time.Duration
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	if len(args) > 0 && (args[0] == "restore" || args[0] == "check") {
		o.command, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("mdmbridge", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.config, "config", "/etc/subrosa/mdmbridge.json", "configuration `file`")
	fs.StringVar(&o.state, "state", "./.state/mdmbridge", "`folder` of what must survive a restart")
	fs.BoolVar(&o.all, "all", false, "with restore: everything")
	fs.DurationVar(&o.wait, "wait", 10*time.Minute, "with restore: how long to wait for devices")
	fs.Usage = func() { fmt.Fprint(stderr, help); fs.PrintDefaults() }
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("%w: %q is no command; there are restore, check, manual and import", errUsage, fs.Arg(0))
	case o.command == "restore" && !o.all:
		return o, fmt.Errorf("%w: restore gives back everything of every room: say so with --all", errUsage)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && more[args[0]] != nil {
		return more[args[0]](ctx, args[1:], stdout, stderr)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	c := defaults()
	if err := errors.Join(config.Load(o.config, &c, false)); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	switch o.command {
	case "restore":
		return restore(ctx, o, c, stdout, log)
	case "check":
		return examine(ctx, c, stdout)
	}
	u, err := assemble(c, o.state, true, log)
	if err != nil {
		return err
	}
	defer u.close()
	return u.run(ctx, filepath.Join(o.state, marker))
}
