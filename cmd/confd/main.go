// Command confd is the conference of one or more rooms: it admits people, orders the messages of their encrypted group, and
// forwards media that it cannot open. On the unit, or the same program on a machine between the networks.
//
//	reads   conference.json (--config), at its start; certificates and roster beside it, also when they change: files.go
//	writes  --state: access.json, access-key.json, roster-ROOM.json (as the site said it last; ROOM is the room's id), outbox/,
//	        journal/ (of rooms whose unit is not reached by socket)
//	listens HTTPS :8444 (development 127.0.0.1:8082), UDP and TCP 3478, metrics 127.0.0.1:9466, --state/invite.sock
//
// When all that is open, and before the first byte from outside is read, it seals itself: see seal.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // images without a zone file

	"subrosa/firmware/follow"
)

func main() {
	if code, staged := follow.Stage(); staged {
		os.Exit(code)
	}
	if code, staged := askIssuer(); staged {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGXFSZ)
	err := run(ctx, os.Args[1:])
	var usage *usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "confd:", err)
		os.Exit(64)
	default:
		fmt.Fprintln(os.Stderr, "confd:", err)
		os.Exit(2)
	}
}

type usageError struct{ error }

// options are the flags.
type options struct {
	config, state string
	invite        string
	token         string // room of a stream's token to be made
	publish, play bool
	hours         int
	json          bool
	unsealed      bool
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("confd", flag.ContinueOnError)
	f.StringVar(&o.config, "config", "/etc/subrosa/conference.json", "the conference's `file`")
	f.StringVar(&o.state, "state", "./.state", "`folder` of the conference's states")
	f.StringVar(&o.invite, "first-invite", "", "print a single-use link with which the first who may invite others, the clerk of a `room` or where it has none its chair, sets up their passkey, and end; also while the conference runs")
	f.BoolVar(&o.unsealed, "unsealed", false, "keep the rights that the kernel could take away: development, or an old kernel; said in log, health and metrics")
	f.StringVar(&o.token, "stream-token", "", "print a token with which a device sends the picture and sound of a `room` in (--publish) or plays them (--play), and end")
	f.BoolVar(&o.publish, "publish", false, "of --stream-token: for sending in (WHIP)")
	f.BoolVar(&o.play, "play", false, "of --stream-token: for playing (WHEP)")
	f.IntVar(&o.hours, "hours", 24, "of --stream-token: how many `hours` it is valid")
	f.BoolVar(&o.json, "json", false, "log as JSON lines")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, &usageError{err}
	}
	if f.NArg() > 0 {
		return o, &usageError{fmt.Errorf("what is %q? See --help", f.Arg(0))}
	}
	if (o.token != "") != (o.publish || o.play) || o.publish && o.play {
		return o, &usageError{errors.New("--stream-token ROOM goes with one of --publish and --play")}
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	log := newLog(o.json)
	if wish := o.wish(); wish != "" {
		if asked, err := askRunning(ctx, o.state, wish, os.Stdout); asked || err != nil {
			return err
		}
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // little is allocated once calls run: memory is worth more than the collector's time
	}
	s, err := assemble(c, o, log)
	if err != nil {
		return alreadyRuns(o, err)
	}
	defer s.close()
	if o.invite != "" {
		return s.firstInvite(o.invite, os.Stdout)
	}
	if o.token != "" {
		return s.streamToken(o, os.Stdout)
	}
	if err := s.openFiles(); err != nil {
		return err
	}
	s.hangUp()
	if err := s.seal(o); err != nil {
		return err
	}
	return s.run(ctx)
}

func newLog(asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
