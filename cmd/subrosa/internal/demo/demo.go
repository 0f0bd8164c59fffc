// Package demo runs a whole site on this machine: a console with its broker, and one room's unit that hears
// recordings in place of a microphone and a receiver. A scripted session shows what it does. All messages, pages
// and processes are the real ones; what is recorded and what is synthetic, testdata/SOURCES.md says.
package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"subrosa/firmware/clock"
	"subrosa/firmware/seal"
	"subrosa/firmware/slot"
	"subrosa/firmware/state"
	"subrosa/firmware/wall"
	"subrosa/provisioning/site"
)

// Options of a run.
type Options struct {
	State    string  // folder; everything in its part "demo" is made anew
	Speed    float64 // scenario seconds per second
	Headless bool    // no words for people
	Screen   bool    // a browser can be opened on this machine
	Once     bool    // end when everything expected has been seen, or it is too late
	JSON     bool    // each event as a JSON line
	Lang     string
	Scenario string // room, the default, or council
	Out, Err io.Writer
}

// Result is where a run has left what can be exported.
type Result struct {
	State    string // of the room's unit
	Room     string
	Name     string // of the room, for people
	Site     string
	From, To time.Time // first and last second of the scenario
}

// startUp is what the unit gets to start, in real time, before the scene begins.
const startUp = 3 * time.Second

const (
	roomID = "ratssaal"
	unitID = "ratssaal-1"
)

// Run runs the demo until ctx ends, or once. The error of a run that ends by itself says which event did not come. When
// it returns, all programs have ended.
func Run(ctx context.Context, o Options) (Result, error) {
	s, err := scenarioOf(o.Scenario)
	if err != nil {
		return Result{}, err
	}
	bin, err := findPrograms(o.Headless)
	if err != nil {
		return Result{}, err
	}
	d := &demo{Options: o, scenario: s, bin: bin, dir: filepath.Join(o.State, "demo"), judge: judge{steps: s.steps, may: s.may}}
	if err := d.prepare(); err != nil {
		return Result{}, err
	}
	defer d.stop()
	if err := d.start(ctx); err != nil {
		return Result{}, err
	}
	if err := d.play(ctx); err != nil {
		return Result{}, err
	}
	r := Result{State: filepath.Join(d.dir, "unit", "state"), Room: roomID, Name: "Ratssaal", Site: siteName, From: d.clock.Epoch, To: d.clock.Now()}
	d.stop()
	return r, nil
}

// siteName is a city that does not exist.
const siteName = "Stadt Musterstadt (Demo)"

type demo struct {
	Options
	scenario   scenario
	bin, dir   string
	clock      clock.Scenario
	site       *site.Site
	console    *process
	unit       *process
	conference *process // nil: nobody is there to use it
	meeting    string   // its address
	seen       *observer
	chair      *chair
	clerk      *chair
	hall       *gateway // nil: the scenario has none
	phones     *bridge  // nil: the scenario has none
	judge      judge
	pages      string // http://127.0.0.1:8080
	wall       string
	broker     string
	chairKey   string
	clerkKey   string
	stopped    bool
}

// say prints a line for people.
func (d *demo) say(de, en string, args ...any) {
	if d.Headless {
		return
	}
	if d.Lang == "en" {
		de = en
	}
	fmt.Fprintf(d.Err, de+"\n", args...)
}

// prepare lays out the site, the recordings and the unit's files.
func (d *demo) prepare() error {
	if !(d.Speed > 0 && d.Speed <= 200) {
		return fmt.Errorf("demo: speed %g, want more than 0 and at most 200", d.Speed)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	for _, sub := range []string{"unit", "logs", "recordings"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	var err error
	d.site, err = site.Init(filepath.Join(d.dir, "site"), site.Plan{Name: siteName, Domain: "raum.example", Loopback: true,
		Units: []site.Unit{{ID: unitID, Room: roomID}}, Gateways: []site.Remote{{ID: gatewayID, Rooms: []string{roomID}}}, Confds: []site.Remote{{ID: conferenceID, Rooms: []string{roomID}}},
		Conns: []string{bridgeID}}, time.Now(), rand.Reader)
	if err != nil {
		return err
	}
	if err := layRecordings(filepath.Join(d.dir, "recordings")); err != nil {
		return err
	}
	wanted := [4]string{}
	if !d.Headless {
		wanted = [4]string{"127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8883", "127.0.0.1:9464"}
	}
	addrs := [4]string{}
	for i, w := range wanted {
		if addrs[i], err = address(w); err != nil {
			return err
		}
	}
	d.pages, d.wall, d.broker = addrs[0], addrs[1], addrs[2]
	return d.unitFiles(addrs[3])
}

// unitFiles writes the unit's configuration, and what provisioning leaves in its state: keys, and windows of the
// slots that are known to be empty because this sensor has never spoken.
func (d *demo) unitFiles(metrics string) error {
	rec := func(name string) string { return filepath.Join("..", "recordings", name) }
	_, port, err := net.SplitHostPort(d.broker)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	before := -startUp.Seconds() * d.Speed
	bundle := d.site.Path("unit/" + unitID)
	abs, err := filepath.Abs(bundle)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	wired, err := d.panel()
	if err != nil {
		return err
	}
	conf := map[string]any{
		"unit": unitID, "room": roomID, "name": "Ratssaal", "broker": "tls://localhost:" + port,
		"ca": filepath.Join(abs, "ca.pem"), "cert": filepath.Join(abs, "cert.pem"), "key": filepath.Join(abs, "key.pem"),
		"listen": d.wall, "plain": true, "metrics": metrics, "sensed": filepath.Join(d.bin, "sensed"),
		"panel": wired,
		"sound": map[string]any{"source": "feed", "feed": map[string]any{"rate": 48000, "items": []map[string]any{
			{"file": rec("meeting_16000.flac"), "at_s": before, "loop": true, "gain_db": 6},
			{"file": rec("beacon_48000.flac"), "at_s": beaconAt, "every_s": period, "gain_db": -20},
		}}},
		"radio": map[string]any{"source": "feed", "feed": map[string]any{"rate": radioRate, "centre_hz": radioCentre, "items": []map[string]any{
			{"file": rec("air_synthetic.cu8"), "at_s": before, "loop": true},
			{"file": rec("fm-transmitter_synthetic.cs16"), "at_s": bugAt, "until_s": bugUntil, "loop": true, "every_s": period},
		}}},
	}
	if d.scenario.unit != nil {
		more, err := d.scenario.unit(d)
		if err != nil {
			return err
		}
		maps.Copy(conf, more)
	}
	b, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "unit", "unit.json"), b, 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	f, err := state.Open(filepath.Join(d.dir, "unit", "state"))
	if err != nil {
		return err
	}
	d.chairKey, d.clerkKey = wall.NewToken(), wall.NewToken()
	return errors.Join(f.Save("slots", slot.New()), f.Save("keys", map[string]string{"Chair": d.chairKey, "Clerk": d.clerkKey}))
}

// start starts the processes and connects to them.
func (d *demo) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	logs := filepath.Join(d.dir, "logs")
	link := make(chan string, 1)
	var err error
	d.console, err = start(d.bin, logs, "console", func(line string) {
		if strings.HasPrefix(line, "http") {
			select {
			case link <- line:
			default:
			}
		}
	}, "--state", filepath.Join(d.dir, "site-state"), "--listen", d.pages, "--mqtt-listen", d.broker, "--mqtt-tls", d.site.Path("broker"),
		"--demo", "--lang", d.Lang)
	if err != nil {
		return err
	}
	var url string // printed once everything listens
	select {
	case url = <-link:
	case <-d.console.done:
		return d.console.failed()
	case <-ctx.Done():
		return errors.New("demo: the console prints no link")
	}
	now := time.Now().Add(startUp) // the unit is up before its first second
	d.clock = clock.Scenario{Epoch: now, Start: now, Speed: d.Speed}
	if d.seen, err = d.observe(ctx); err != nil {
		return err
	}
	if d.scenario.phones {
		if d.phones, err = d.newBridge(); err != nil {
			return err
		}
	}
	if d.scenario.strict {
		if d.hall, err = d.newGateway(); err != nil {
			return err
		}
	}
	if err := d.startUnit(ctx); err != nil {
		return err
	}
	clerk := ""
	if !d.Headless {
		if clerk, err = d.startConference(ctx); err != nil {
			return err
		}
	}
	d.greet(url, clerk)
	return nil
}

// startUnit starts the unit, and lets chair and clerk in.
func (d *demo) startUnit(ctx context.Context) (err error) {
	stamp := d.clock.Epoch.Format(time.RFC3339Nano)
	args := []string{"--config", filepath.Join(d.dir, "unit", "unit.json"), "--state", filepath.Join(d.dir, "unit", "state"),
		"--epoch", stamp, "--start", stamp, "--speed", fmt.Sprint(d.Speed)}
	if err := seal.Probe(); err != nil {
		d.say("Der Sensor läuft unversiegelt, und die Wand sagt es: %v", "The sensor runs unsealed, and the wall says so: %v", err)
		args = append(args, "--unsealed")
	}
	if d.unit, err = start(d.bin, filepath.Join(d.dir, "logs"), "roomd", func(string) {}, args...); err != nil {
		return err
	}
	if err := reach(ctx, d.wall, d.unit); err != nil {
		return err
	}
	if d.chair, err = newChair(ctx, "http://"+d.wall, d.chairKey); err != nil {
		return err
	}
	d.clerk, err = newChair(ctx, "http://"+d.wall, d.clerkKey)
	return err
}

func (d *demo) greet(url, clerk string) {
	d.say("", "")
	d.say("  Konsole (einmal gültig, meldet an):  %s", "  Console (works once, signs you in):  %s", url)
	d.say("  Wand im Ratssaal:                    http://%s/", "  Wall of the council chamber:         http://%s/", d.wall)
	d.say("  Seite der Sitzungsleitung:           http://%s%s", "  Page of the chair:                   http://%s%s", d.wall, wall.PairPath(d.chairKey))
	d.say("  Konferenz, Schriftführung richtet sich ein (einmal gültig): %s", "  Conference, the clerk sets up (works once): %s", clerk)
	d.say("    Dort lädt sie die Sitzungsleitung ein: Ohne deren Gerät gibt es keine Schlüssel und kein Gespräch.", "    The clerk invites the chair there: without the chair's device there are no keys and no call.")
	d.say("  Taster, Lampe, Kontakte (simuliert): http://%s/simulator", "  Button, lamp, contacts (simulated):  http://%s/simulator", d.wall)
	d.say("", "")
	d.say("  Gehört wird aus Aufnahmen: echte Sitzungssprache, eine erzeugte Ultraschall-Nachricht, synthetischer Funk.",
		"  It hears recordings: real meeting speech, a generated ultrasonic message, synthetic radio.")
	if d.scenario.phones {
		d.say("  Die Geräteverwaltung „synthetisch“ und ihre Geräte gibt es nicht: Sie zeigt, wie die Sperre der Assistenten gezählt wird.",
			"  The device management \"synthetisch\" and its devices do not exist: it shows how the lock of assistants is counted.")
	}
	d.elsewhere()
	d.say("  Der Ablauf dauert %.0f s und beginnt dann von vorn. Ende mit Strg-C.",
		"  The scene lasts %.0f s and then begins again. End with Ctrl-C.", d.scenario.lasts/d.Speed)
	d.say("", "")
}

// elsewhere says how the links are opened from another machine, on one without a screen: they are of this machine alone.
func (d *demo) elsewhere() {
	if d.Screen {
		return
	}
	d.say("", "")
	d.say("  Hier ist kein Bildschirm. Die Links gelten auf diesem Rechner; von einem anderen öffnet man sie, während dort dies läuft:",
		"  There is no screen here. The links are of this machine; to open them on another, run this there meanwhile:")
	forward := ""
	for _, a := range []string{d.pages, d.wall, strings.TrimPrefix(d.meeting, "http://")} {
		if _, port, err := net.SplitHostPort(a); err == nil {
			forward += fmt.Sprintf(" -L %s:127.0.0.1:%s", port, port)
		}
	}
	d.say("    ssh -N%s NAME", "    ssh -N%s NAME", forward)
	d.say("  Ohne Browser: subrosa demo --headless --once --json zeigt den Ablauf als Zeilen und prüft ihn.",
		"  Without a browser: subrosa demo --headless --once --json shows the scene as lines and checks it.")
	d.say("", "")
}

func (d *demo) observe(ctx context.Context) (*observer, error) {
	dir := d.site.Path("console")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	_, port, err := net.SplitHostPort(d.broker)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return observe(ctx, "tls://localhost:"+port, &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: d.site.Pool()}, d.clock.Epoch, d.clock.Now)
}

// play runs the scene, again and again unless once, and prints what is seen.
func (d *demo) play(ctx context.Context) error {
	for round := 0; ; round++ {
		for _, a := range d.scenario.acts(d, round) {
			if done, err := d.perform(ctx, a); done || err != nil {
				return err
			}
		}
		end := max(float64(round+1)*d.scenario.lasts, d.at())
		if d.Once {
			end = max(d.scenario.until, d.at()+10*d.Speed)
		}
		if done, err := d.wait(ctx, end); done || err != nil {
			return err
		}
		if d.Once {
			return d.judge.err()
		}
	}
}

// at is the scenario's time, s.
func (d *demo) at() float64 { return d.clock.Now().Sub(d.clock.Epoch).Seconds() }

// perform waits for an act's time, and then for what it needs: in scenario time, and where a run is not in order without
// it long enough in real time for a busy machine.
func (d *demo) perform(ctx context.Context, a act) (done bool, err error) {
	from := max(a.at, 0)
	if a.must != "" {
		from = max(from, d.at())
	}
	last := from + patience
	if a.must != "" {
		last += slack.Seconds() * d.Speed
	}
	for at := from; ; at += 0.5 {
		if done, err := d.wait(ctx, at); done || err != nil {
			return done, err
		}
		if a.ready() {
			break
		}
		if at > last {
			if a.must != "" && d.Once {
				return true, fmt.Errorf("demo: at %.0f s not seen: %s; %s", d.at(), a.must, d.seen.describe())
			}
			return false, nil // a visitor has done it, or wants it otherwise
		}
	}
	if a.do == nil {
		return false, nil
	}
	if err := a.do(ctx); err != nil {
		if d.Once {
			return true, err
		}
		d.say("  (%v)", "  (%v)", err)
	}
	return false, nil
}

// slack is what a busy machine gets beyond the scenario's patience.
const slack = 15 * time.Second

// wait prints events until the scenario time at; done means that the demo is over.
func (d *demo) wait(ctx context.Context, at float64) (done bool, err error) {
	due := d.clock.After(d.clock.Epoch.Add(time.Duration(at * float64(time.Second))).Sub(d.clock.Now()))
	for {
		select {
		case e := <-d.seen.seen:
			d.print(e)
			d.judge.see(e)
			if d.Once && d.judge.done() {
				return true, d.judge.err()
			}
		case <-due:
			return false, nil
		case <-d.console.done:
			return true, d.console.failed()
		case <-d.unit.done:
			return true, d.unit.failed()
		case <-ctx.Done():
			return true, nil
		}
	}
}

func (d *demo) print(e Event) {
	if d.JSON {
		b, err := json.Marshal(e)
		if err == nil {
			fmt.Fprintf(d.Out, "%s\n", b)
		}
		return
	}
	if !d.Headless {
		fmt.Fprintf(d.Out, "  %6.1f s  %s\n", e.T, describe(d.Lang, e))
	}
}

func (d *demo) stop() {
	if d.stopped {
		return
	}
	d.stopped = true
	if d.hall != nil {
		d.hall.stop()
	}
	if d.phones != nil {
		d.phones.stop()
	}
	if d.seen != nil {
		d.seen.client.Disconnect(100)
	}
	for _, p := range []*process{d.conference, d.unit, d.console} {
		if p != nil {
			p.stop()
		}
	}
}
