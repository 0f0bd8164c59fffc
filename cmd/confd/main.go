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
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // images without a zone file

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/client"
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

// longest is how many hours a stream's token may be valid.
const longest = int(access.StreamLife / time.Hour)

// options are the flags.
type options struct {
	config, state string
	invite        string
	token         string // room of a stream's token to be made
	publish, play bool
	hours         int
	json          bool
	unsealed      bool
	version       bool
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("confd", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the error is told once
	f.StringVar(&o.config, "config", "/etc/subrosa/conference.json", "the conference's `file`")
	f.StringVar(&o.state, "state", "./.state", "`folder` of the conference's states")
	f.StringVar(&o.invite, "first-invite", "", "print a single-use link with which the first who may invite others, the clerk of a `room` or where it has none its chair, sets up their passkey, and end; also while the conference runs")
	f.BoolVar(&o.unsealed, "unsealed", false, "keep the rights that the kernel could take away: development, or an old kernel; said in log, health and metrics")
	f.StringVar(&o.token, "stream-token", "", "print a token with which a device sends the picture and sound of a `room` in (--publish) or plays them (--play), and end")
	f.BoolVar(&o.publish, "publish", false, "of --stream-token: for sending in (WHIP)")
	f.BoolVar(&o.play, "play", false, "of --stream-token: for playing (WHEP)")
	f.IntVar(&o.hours, "hours", 24, fmt.Sprintf("of --stream-token: how many `hours` it is valid, 1 to %d", longest))
	f.BoolVar(&o.version, "version", false, "print the version, and the checksum of the page that it serves, and end")
	f.BoolVar(&o.json, "json", false, "log as JSON lines")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		f.SetOutput(os.Stdout)
		f.Usage()
		return o, err
	} else if err != nil {
		return o, &usageError{fmt.Errorf("%w. See --help", err)}
	}
	if f.NArg() > 0 {
		return o, &usageError{fmt.Errorf("what is %q? See --help", f.Arg(0))}
	}
	if (o.token != "") != (o.publish || o.play) || o.publish && o.play {
		return o, &usageError{errors.New("--stream-token ROOM goes with one of --publish and --play")}
	}
	if o.hours < 1 || o.hours > longest {
		return o, &usageError{fmt.Errorf("--hours %d: a token is valid for 1 to %d hours", o.hours, longest)}
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.version {
		fmt.Println(version(), "page", client.Bundle())
		return nil
	}
	c, err := loadConfig(o.config)
	if _, miss := os.Stat(o.config); errors.Is(miss, fs.ErrNotExist) {
		return fmt.Errorf("%w. --config says where it is; an example is in docs/conference-server.md", miss)
	} else if err != nil {
		return err
	}
	for _, room := range []string{o.invite, o.token} {
		if err := c.knows(room); err != nil {
			return &usageError{err}
		}
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

// knows says whether a room that was named is one of the conference's; "" is none.
func (c *Config) knows(room string) error {
	var ids []string
	for _, r := range c.Rooms {
		ids = append(ids, r.ID)
	}
	if room == "" || slices.Contains(ids, room) {
		return nil
	}
	return fmt.Errorf("there is no room %q in the conference's file, only %s", room, strings.Join(ids, ", "))
}

// version is the software as it was built.
func version() string {
	i, ok := debug.ReadBuildInfo()
	if !ok {
		return "confd unknown"
	}
	return "confd " + i.Main.Version
}

func newLog(asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
