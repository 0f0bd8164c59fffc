// Command roomd is a room unit: it starts and watches the sensor process, keeps the alarms and the session, shows
// the wall and the chair's page, and speaks with the site over MQTT.
//
//	reads   unit.json (--config), certificates and the policy beside it
//	writes  --state: journal/, evidence.key, evidence.pin, outbox/, alarms.json, session.json, slots.json, baseline.json, policy.json, keys.json,
//	        roster.json, attendance.json, lockdown.json, remote.json
//	listens pages :8443, metrics 127.0.0.1:9464, evidence for the console (off; :8445)
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // images without a zone file

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"subrosa/cmd/roomd/internal/calendars"
	"subrosa/cmd/roomd/internal/hall"
	"subrosa/firmware/alarm"
	"subrosa/firmware/clock"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
	"subrosa/firmware/room"
	"subrosa/firmware/seal"
	"subrosa/firmware/sense"
	"subrosa/firmware/sensor"
	"subrosa/firmware/shadow"
	"subrosa/firmware/state"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

func main() {
	if code, staged := seal.Stage(); staged { // the sensor passes through here on its way into the box
		os.Exit(code)
	}
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
	printLink     bool
	json          bool
	scenario      scenario
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("roomd", flag.ContinueOnError)
	f.StringVar(&o.config, "config", "/etc/subrosa/unit.json", "the unit's `file`")
	f.StringVar(&o.state, "state", "./.state", "`folder` of the unit's states")
	f.BoolVar(&o.unsealed, "unsealed", false, "run with a sensor that the kernel does not seal: an old kernel, or a sound server; said on the wall and in every journal entry")
	f.BoolVar(&o.printLink, "print-link", false, "print the links that open the chair's page for chair and clerk, and end")
	f.BoolVar(&o.json, "json", false, "log as JSON lines")
	f.StringVar(&o.scenario.epoch, "epoch", "", "scenario `time` at --start (demo)")
	f.StringVar(&o.scenario.start, "start", "", "real `time` at which the scenario begins (demo)")
	f.Float64Var(&o.scenario.speed, "speed", 1, "how much faster than real the scenario runs (demo)")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, &usageError{err}
	}
	if f.NArg() > 0 {
		return o, &usageError{fmt.Errorf("what is %q? See --help", f.Arg(0))}
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
	if o.printLink {
		return printLinks(c, o.state, os.Stdout)
	}
	log := newLog(o.json).With("unit", c.Unit)
	var clk clock.Clock = clock.Wall{Synced: clock.NetworkTime}
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
	notary  *notary
	keeper  *keeper
	panel   *panelUnit
	hall    *hall.Watcher
	diary   *calendars.Watcher
	pages   net.Listener
	metrics net.Listener
	confd   net.Listener // of entries of the conference; nil: none
	notes   *http.Server // that takes them
	reg     *prometheus.Registry
	tls     *tls.Config

	evidence   *http.Server // nil: none
	evidenceAt net.Listener
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
	key, err := keyring.Open(o.state, c.Unit, rand.Reader)
	if err != nil {
		return nil, err
	}
	if u.journal, err = journal.Open(o.state+"/journal", journal.Options{Now: clk.Now, Quality: clk.Quality(), Room: c.Room}); err != nil {
		return nil, err
	}
	id := topic.Identity{Role: topic.Unit, Unit: c.Unit, Rooms: []string{c.Room}}
	u.shadow, err = shadow.Open(shadow.Options{Broker: c.Broker, TLS: tlsBroker, Identity: id, Dir: o.state + "/outbox", Now: clk.Now,
		Log: log, Settle: settle(o.scenario.speed), Presence: map[string]any{"software": version(), "sealed": !o.unsealed}})
	if err != nil {
		return nil, err
	}
	u.reg.MustRegister(u.shadow.Metrics())
	if err := u.openEvidence(c, key, tlsBroker); err != nil {
		return nil, err
	}
	if u.keeper, err = newKeeper(u.journal, c, clk, log); err != nil {
		return nil, err
	}
	u.notary = &notary{journal: u.journal, key: key, report: u.shadow.Report, clock: clk, log: log}
	p := room.Parts{Identity: room.Identity{Room: c.Room, Unit: c.Unit, Name: c.Name, Software: version()}, Clock: clk, Log: log,
		State: folder, Journal: u.journal, Site: u.shadow, Rand: rand.Reader, Unsealed: o.unsealed, Policy: c.rules}
	if p.Building, err = c.buildingContacts(); err != nil {
		return nil, err
	}
	if p.Machine, err = restoreSession(folder, clk.Now(), log); err != nil {
		return nil, err
	}
	if err := u.openSensor(ctx, c, clk, began, folder, &p); err != nil {
		return nil, err
	}
	if err := u.openPages(c, folder); err != nil {
		return nil, err
	}
	p.Wall = u.wall
	if p.Book, err = u.openBook(ctx, c.Room, folder, clk); err != nil {
		return nil, err
	}
	if u.panel, err = newPanel(c, clk, log); err != nil {
		return nil, err
	}
	if err := u.openHall(c, clk, &p); err != nil {
		return nil, err
	}
	if err := u.openConference(c); err != nil {
		return nil, err
	}
	if err := u.openDiary(c, clk); err != nil {
		return nil, err
	}
	if err := openPeople(c, folder, clk, &p); err != nil {
		return nil, err
	}
	u.openRoom(p)
	return u, u.room.Subscribe()
}

// openSensor prepares the process that hears, who watches it, and the loudspeaker that proves it.
func (u *unit) openSensor(ctx context.Context, c Config, clk clock.Clock, began time.Time, folder state.Folder, p *room.Parts) error {
	start, err := sensorProcess(ctx, c, clk, began, u.log, p)
	if err != nil {
		return err
	}
	if p.Speaker, err = newSpeaker(c.Sound, u.log); err != nil {
		return err
	}
	p.Chirp, p.SelfTest = c.Sound.sweep(), time.Duration(c.Sound.SelfTest.EveryMinutes)*time.Minute
	u.sensor = &sensor.Watcher{Start: start, Clock: clk, Log: u.log, Meter: loadMeter(folder, u.log), Rand: rand.Reader,
		Config: sense.Config{Acoustic: c.Sound.Detectors, Radio: c.Radio.Detectors}}
	p.Sensor = u.sensor
	return nil
}

// openPeople opens who may attend, and what is asked of their devices.
func openPeople(c Config, folder state.Folder, clk clock.Clock, p *room.Parts) (err error) {
	if p.Attendance, p.KeepAttendance, err = openRoster(c, folder, clk); err != nil {
		return err
	}
	p.Lockdown, err = newLockdown(c)
	return err
}

// openBook opens the alarms: told to the site once they are recorded.
func (u *unit) openBook(ctx context.Context, id string, folder state.Folder, clk clock.Clock) (*alarm.Book, error) {
	return alarm.OpenBook(ctx, alarm.BookConfig{Tracker: alarm.Config{Room: id}, Journal: u.journal, Path: folder.Path("alarms"),
		Now: clk.Now, Next: alarm.OnlyRecorded(mqtt{u.shadow, id}),
		Stamp:  func(e *journal.Entry) { u.room.Stamp(e) },
		Health: func(part string, err error) { u.room.Health(part, err) }})
}

// openRoom makes the room and joins panel and hall to it.
func (u *unit) openRoom(p room.Parts) {
	p.Panel = func(v wall.View) {
		u.panel.show(v)
		u.hall.Show(v)
	}
	u.room = room.New(p)
	u.keeper.stamp = u.room.Stamp
	u.panel.open(u.room)
	u.hall.Tell, u.diary.Tell = u.room.Equipment, u.room.Calendar
	u.reg.MustRegister(u.room.Metrics())
}

// settle is how long the broker must be silent before its retained states count as read: shorter in a scenario that
// runs faster, so that it does not take up the scene.
func settle(speed float64) time.Duration {
	return max(100*time.Millisecond, time.Duration(float64(2*time.Second)/max(1, speed)))
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
	_, err := u.journal.Checkpoint(u.notary.key.Signer)
	u.log.Info("stopped", "err", errors.Join(err, u.shadow.Close(), u.journal.Close()))
}

// run runs the parts until ctx ends or one of them fails, and then ends them one after the other, so that each can
// still reach the next: pages, sensor, shadow, room.
func (u *unit) run(ctx context.Context) error {
	fatal := make(chan error, 8)
	room := start(u.room.Run, fatal)
	shadow := start(u.shadow.Run, fatal)
	sensor := start(u.sensor.Run, fatal)
	panel := start(u.panel.board.Run, fatal)
	hall := start(u.hall.Run, fatal)
	diary := start(u.diary.Run, fatal)
	notary := start(u.notary.Run, fatal)
	keeper := start(u.keeper.Run, fatal)
	servers := []*http.Server{{Handler: u.panel.pages(u.wall), TLSConfig: u.tls, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(u.log.Handler(), slog.LevelDebug)}}
	serve(u.pages, servers[0], fatal)
	if u.metrics != nil {
		servers = append(servers, &http.Server{Handler: promhttp.HandlerFor(u.reg, promhttp.HandlerOpts{}), ReadHeaderTimeout: 10 * time.Second})
		serve(u.metrics, servers[1], fatal)
	}
	servers = u.serveEvidence(servers, fatal)
	servers = u.serveConference(servers, fatal)
	var err error
	select {
	case <-ctx.Done():
	case err = <-fatal:
	}
	u.wall.Close()
	hall()
	diary()
	panel()
	notary()
	down, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(down) != nil {
			s.Close()
		}
	}
	sensor()
	shadow()
	room()
	keeper()
	return err
}

// start runs f in a goroutine of its own until stop is called, which returns when f has.
func start(f func(context.Context) error, fatal chan<- error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			fatal <- err
		}
	}()
	return func() {
		cancel()
		<-done
	}
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
		if rev = rev[:12]; !strings.Contains(v, rev) {
			v += "-" + rev
		}
	}
	return v
}
