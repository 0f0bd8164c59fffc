// Command roomd is a room unit: it starts and watches the sensor process, keeps the alarms and the session, shows
// the wall and the chair's page, and speaks with the site over MQTT.
//
//	reads   unit.json (--config), certificates beside it
//	writes  --state: journal/, outbox/, alarms.json, session.json, slots.json, baseline.json, keys.json
//	listens pages :8443, metrics 127.0.0.1:9464
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // images without a zone file

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"subrosa/firmware/alarm"
	"subrosa/firmware/clock"
	"subrosa/firmware/journal"
	"subrosa/firmware/room"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/slot"
	"subrosa/firmware/state"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGXFSZ) // a file at its size limit is an error of the journal, not the end of the unit
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(os.Stderr, "roomd:", err)
		os.Exit(64)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "roomd:", err)
		os.Exit(2)
	}
}

type usageError struct{ error }

// options are the flags.
type options struct {
	config, state string
	unsealed      bool
	json          bool
	scenario      scenario
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("roomd", flag.ContinueOnError)
	f.StringVar(&o.config, "config", "/etc/subrosa/unit.json", "the unit's `file`")
	f.StringVar(&o.state, "state", "./.state", "`folder` of the unit's states")
	f.BoolVar(&o.unsealed, "unsealed", false, "run with a sensor that the kernel does not seal; said on the wall and in every journal entry")
	f.BoolVar(&o.json, "json", false, "log as JSON lines")
	f.StringVar(&o.scenario.epoch, "epoch", "", "scenario `time` at --start (demo)")
	f.StringVar(&o.scenario.start, "start", "", "real `time` at which the scenario begins (demo)")
	f.Float64Var(&o.scenario.speed, "speed", 1, "how much faster than real the scenario runs (demo)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, &usageError{fmt.Errorf("what is %q? See --help", f.Arg(0))}
	}
	if !o.unsealed {
		return o, &usageError{errors.New("this version does not seal the sensor yet; start with --unsealed if that is acceptable")}
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
	log := newLog(o.json).With("unit", c.Unit)
	var clk clock.Clock = clock.Wall{}
	began := time.Now()
	if o.scenario.epoch != "" {
		epoch, start, err := o.scenario.parse()
		if err != nil {
			return &usageError{err}
		}
		clk, began = clock.Scenario{Epoch: epoch, Start: start, Speed: o.scenario.speed}, epoch
	}
	u, err := assemble(ctx, c, o, clk, began, log)
	if err != nil {
		return err
	}
	defer u.close()
	return u.run(ctx)
}

func newLog(asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// unit is everything that runs.
type unit struct {
	log     *slog.Logger
	room    *room.Room
	shadow  *shadow.Shadow
	sensor  *sensor.Watcher
	wall    *wall.Handler
	journal *journal.Journal
	pages   net.Listener
	metrics net.Listener
	reg     *prometheus.Registry
	tls     *tls.Config
}

// assemble is the wiring diagram.
func assemble(ctx context.Context, c Config, o options, clk clock.Clock, began time.Time, log *slog.Logger) (*unit, error) {
	u := &unit{log: log, reg: prometheus.NewRegistry()}
	u.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	folder, err := state.Open(o.state)
	if err != nil {
		return nil, err
	}
	tlsBroker, tlsPages, err := certificates(c)
	if err != nil {
		return nil, err
	}
	u.tls = tlsPages
	if u.journal, err = journal.Open(o.state+"/journal", journal.Options{Now: clk.Now, Quality: clk.Quality()}); err != nil {
		return nil, err
	}
	id := topic.Identity{Role: topic.Unit, Unit: c.Unit, Rooms: []string{c.Room}}
	u.shadow, err = shadow.Open(shadow.Options{Broker: c.Broker, TLS: tlsBroker, Identity: id, Dir: o.state + "/outbox", Now: clk.Now,
		Log: log, Presence: map[string]any{"software": version(), "sealed": false}})
	if err != nil {
		return nil, err
	}
	u.reg.MustRegister(u.shadow.Metrics())
	p := room.Parts{Identity: room.Identity{Room: c.Room, Unit: c.Unit, Name: c.Name, Software: version()}, Clock: clk, Log: log,
		State: folder, Journal: u.journal, Shadow: u.shadow, Rand: rand.Reader}
	if p.Machine, err = restoreSession(folder, clk.Now(), log); err != nil {
		return nil, err
	}
	start, err := sensorProcess(ctx, c, clk, began, log, &p)
	if err != nil {
		return nil, err
	}
	u.sensor = &sensor.Watcher{Start: start, Clock: clk, Log: log, Meter: loadMeter(folder, log), Rand: rand.Reader,
		Config: sense.Config{Acoustic: c.Acoustic, Radio: c.Emitters}}
	p.Sensor = u.sensor
	keys, err := loadKeys(folder)
	if err != nil {
		return nil, err
	}
	if u.pages, err = listen(c); err != nil {
		return nil, err
	}
	where, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil, fmt.Errorf("config: timezone: %w", err)
	}
	u.wall, err = wall.New(wall.Options{Location: where, ChairToken: keys.Chair, ClerkToken: keys.Clerk, Log: log, Words: room.Words(),
		WallShowsFindings: c.WallShowsFindings, Do: func(ctx context.Context, order wall.Order) error { return u.room.Do(ctx, order) }})
	if err != nil {
		return nil, err
	}
	p.Wall = u.wall
	p.Book, err = alarm.OpenBook(ctx, alarm.BookConfig{Tracker: alarm.Config{Room: c.Room}, Journal: u.journal, Path: folder.Path("alarms"),
		Now: clk.Now, Next: alarm.OnlyRecorded(mqtt{u.shadow, c.Room}),
		Stamp:  func(e *journal.Entry) { u.room.Stamp(e) },
		Health: func(part string, err error) { u.room.Health(part, err) }})
	if err != nil {
		return nil, err
	}
	u.room = room.New(p)
	if c.Metrics != "" {
		if u.metrics, err = net.Listen("tcp", c.Metrics); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	u.reg.MustRegister(u.room.Metrics())
	log.Info("chair's page", "url", pageURL(c, u.pages)+wall.PairPath(keys.Chair))
	return u, u.room.Subscribe()
}

// mqtt passes alarms to the shadow and empties their topics.
type mqtt struct {
	*shadow.Shadow
	room string
}

func (m mqtt) Forget(_ context.Context, id string) error {
	return m.Shadow.Forget(topic.Alarm(m.room, id))
}

func (u *unit) close() {
	u.log.Info("stopped", "err", errors.Join(u.shadow.Close(), u.journal.Close()))
}

// run runs the parts until ctx ends, in an order in which each can still reach the next.
func (u *unit) run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	fatal := make(chan error, 4)
	var outer, core sync.WaitGroup
	start := func(wg *sync.WaitGroup, ctx context.Context, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				fatal <- err
			}
		})
	}
	start(&core, inner, u.room.Run)
	start(&outer, ctx, u.sensor.Run)
	start(&core, inner, u.shadow.Run)
	pages := &http.Server{Handler: u.wall, TLSConfig: u.tls, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(u.log.Handler(), slog.LevelDebug)}
	serve(u.pages, pages, fatal)
	var metrics *http.Server
	if u.metrics != nil {
		metrics = &http.Server{Handler: promhttp.HandlerFor(u.reg, promhttp.HandlerOpts{}), ReadHeaderTimeout: 10 * time.Second}
		serve(u.metrics, metrics, fatal)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-fatal:
	}
	u.wall.Close()
	down, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	pages.Shutdown(down)
	if metrics != nil {
		metrics.Shutdown(down)
	}
	if err == nil {
		outer.Wait()
	}
	stop()
	core.Wait()
	return err
}

func serve(l net.Listener, s *http.Server, fatal chan<- error) {
	go func() {
		var err error
		if s.TLSConfig != nil {
			err = s.ServeTLS(l, "", "")
		} else {
			err = s.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			fatal <- err
		}
	}()
}

// certificates loads the unit's identity for the broker, and for its pages unless they are plain.
func certificates(c Config) (broker, pages *tls.Config, err error) {
	if c.Cert == "" {
		if c.Plain {
			return nil, nil, nil
		}
		return nil, nil, errors.New("config: cert is missing: the unit's certificate from `subrosa site init`")
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	b, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, nil, fmt.Errorf("certificate: %s holds no certificate", c.CA)
	}
	broker = &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}
	if !c.Plain {
		pages = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	return broker, pages, nil
}

func listen(c Config) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); c.Plain && (!ok || !a.IP.IsLoopback()) {
		l.Close()
		return nil, fmt.Errorf("pages: %s is not loopback, and plain pages must be", c.Listen)
	}
	return l, nil
}

func pageURL(c Config, l net.Listener) string {
	u := url.URL{Scheme: "https", Host: l.Addr().String()}
	if c.Plain {
		u.Scheme = "http"
	}
	return u.String()
}

type keys struct{ Chair, Clerk string }

// loadKeys returns the keys of the chair's page, made at the first start.
func loadKeys(f state.Folder) (k keys, err error) {
	err = f.Load("keys", &k)
	if errors.Is(err, fs.ErrNotExist) {
		k = keys{Chair: wall.NewToken(), Clerk: wall.NewToken()}
		err = f.Save("keys", k)
	}
	return k, err
}

// loadMeter returns the windows of the slots; nil, so used up, when they are not known.
func loadMeter(f state.Folder, log *slog.Logger) *slot.Meter {
	m := slot.New()
	if err := f.Load("slots", m); err != nil {
		log.Info("slots count as used up", "err", err)
		return nil
	}
	return m
}

// restoreSession resumes in the safer state.
func restoreSession(f state.Folder, now time.Time, log *slog.Logger) (*session.Machine, error) {
	b, err := os.ReadFile(f.Path("session"))
	if errors.Is(err, fs.ErrNotExist) {
		return session.New(now, session.Default), nil
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	m, err := session.Restore(b, session.Default)
	if err != nil {
		log.Error("session state is unreadable: the room counts as interrupted", "err", err)
		return session.Lost(now, session.Default), nil
	}
	var alive room.Alive
	gap := time.Duration(math.MaxInt64) // unknown: the safer state
	if err := f.Load("alive", &alive); err == nil {
		gap = max(0, now.Sub(alive.At))
	}
	if _, err := m.Apply(now, session.PowerLoss(gap)); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return m, nil
}

// version is the software as the journal and the pages name it.
func version() string {
	i, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, rev := i.Main.Version, ""
	for _, s := range i.Settings {
		if s.Key == "vcs.revision" {
			rev = s.Value
		}
	}
	if v == "" || v == "(devel)" {
		v = "dev"
	}
	if len(rev) > 12 {
		v += "-" + rev[:12]
	}
	return v
}
