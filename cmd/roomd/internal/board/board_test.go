package board

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"subrosa/drivers/button"
	"subrosa/drivers/contact"
	"subrosa/drivers/display"
	"subrosa/drivers/lamp"
	"subrosa/drivers/locker"
	"subrosa/drivers/mcp3208"
	"subrosa/drivers/occupancy"
	"subrosa/drivers/relay"
	"subrosa/firmware/panel"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// bench is hardware of plain pins; every bus fails with err.
type bench struct {
	pins   map[string]*gpiotest.Pin
	err    error
	closed bool
}

func (h *bench) Pin(name string) gpio.PinIO {
	p := h.pins[name]
	if p == nil {
		p = &gpiotest.Pin{N: name}
		h.pins[name] = p
	}
	return p
}

func (h *bench) SPI(string, physic.Frequency) (conn.Conn, error) { return nil, h.err }
func (h *bench) I2C(string) (i2c.Bus, error)                     { return nil, h.err }
func (h *bench) Line(string, int) (io.ReadCloser, error)         { return nil, h.err }
func (h *bench) Close() error                                    { h.closed = true; return nil }

func whole() Config {
	c := Default()
	c.Parts = Parts()
	return c
}

// told is what Health was told.
type told map[string][]error

func (h told) health(part string, err error) { h[part] = append(h[part], err) }

// TestAbsent: on a machine without anything each part says so once, with its own driver's word, and the board goes on.
func TestAbsent(t *testing.T) {
	h := told{}
	b := Open(Options{Config: whole(), Hardware: None{}, Health: h.health, Now: func() time.Time { return t0 }})
	b.Show(wall.View{Session: session.Report{State: session.Open}})
	for i := range 100 {
		b.step(t0.Add(time.Duration(i) * tick))
	}
	for part, absent := range map[string]error{"button": button.ErrAbsent, "lamp": lamp.ErrAbsent, "relays": relay.ErrAbsent, "lines": mcp3208.ErrAbsent,
		"switches": contact.ErrAbsent, "pir": occupancy.ErrAbsent, "radar": occupancy.ErrAbsent, "power": mcp3208.ErrAbsent, "locker": locker.ErrAbsent,
		"screen": display.ErrAbsent} {
		if got := h[part]; len(got) != 1 || !errors.Is(got[0], absent) {
			t.Errorf("%s: told %v, want its absence once", part, got)
		}
	}
	if len(h) != len(Parts()) {
		t.Errorf("told of %d parts, there are %d", len(h), len(Parts()))
	}
	if len(b.facts.Contacts) != 5 || b.facts.Contacts[0].Published() != "fault" || b.facts.Contacts[4].Published() != "fault" {
		t.Errorf("contacts that are not here: %+v, want faults: what was retained of them holds no more", b.facts.Contacts)
	}
	if p := b.facts.Points(); len(p) != 2 || p[0].Proven || p[1].Proven {
		t.Errorf("contacts that are not here prove %+v", p)
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
}

// TestBroken: a bus that fails is told as broken, and what is on pins works on.
func TestBroken(t *testing.T) {
	now, h, hw := t0, told{}, &bench{pins: map[string]*gpiotest.Pin{}, err: errors.New("permission denied")}
	b := Open(Options{Config: whole(), Hardware: hw, Health: h.health, Now: func() time.Time { return now }})
	for _, part := range []string{"lamp", "lines", "radar", "power", "screen"} {
		if got := h[part]; len(got) != 1 || !errors.Is(got[0], hw.err) {
			t.Errorf("%s: told %v", part, got)
		}
	}
	for _, part := range []string{"button", "relays", "switches", "pir"} {
		if got := h[part]; len(got) != 1 || got[0] != nil {
			t.Errorf("%s: told %v", part, got)
		}
	}
	b.Show(wall.View{Session: session.Report{State: session.Closed}})
	run := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(tick) {
			hw.pins["GPIO24"].L = !hw.pins["GPIO23"].L // the first relay's contact follows, the second's does not
			hw.pins["GPIO12"].L = gpio.High
			b.step(now)
		}
	}
	run(time.Second)
	if !bool(hw.pins["GPIO23"].L) || !bool(hw.pins["GPIO25"].L) {
		t.Error("the relays do not follow the session")
	}
	if got := h["relays"]; len(got) != 2 || !errors.Is(got[1], relay.ErrFailed) || !strings.Contains(got[1].Error(), "hearing-loop") {
		t.Errorf("relays: told %v", got)
	}
	b.Show(wall.View{Session: session.Report{State: session.Open}})
	run(3 * time.Second)
	if got := h["relays"]; len(got) != 3 || got[2] != nil || bool(hw.pins["GPIO23"].L) {
		t.Errorf("relays: told %v", got)
	}
	b.Show(wall.View{Session: session.Report{State: session.Closed}})
	run(3 * time.Second)
	if err := b.close(); err != nil || !hw.closed {
		t.Error(err)
	}
	for _, name := range []string{"GPIO6", "GPIO13", "GPIO23", "GPIO25"} {
		if hw.pins[name].L {
			t.Errorf("%s is on after the end", name)
		}
	}
}

// TestStale: without a View for a minute nothing is claimed, no press counts, and the relays stay as they were.
func TestStale(t *testing.T) {
	now, hw, ordered := t0, &bench{pins: map[string]*gpiotest.Pin{}, err: ErrAbsent}, 0
	c := Default()
	c.Parts = []string{"button", "relays"}
	b := Open(Options{Config: c, Hardware: hw, Now: func() time.Time { return now }, Do: func(wall.Order) error { ordered++; return nil }})
	run := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(tick) {
			b.step(now)
		}
		b.wait.Wait()
	}
	press := func() {
		hw.pins["GPIO5"].L = gpio.Low
		run(200 * time.Millisecond)
		hw.pins["GPIO5"].L = gpio.High
		run(200 * time.Millisecond)
	}
	b.Show(wall.View{Session: session.Report{State: session.Handover, Next: session.NextProof}})
	run(time.Second)
	b.Show(wall.View{Session: session.Report{State: session.Interrupted, Next: session.NextResume}})
	run(59 * time.Second)
	if !bool(hw.pins["GPIO6"].L) || !bool(hw.pins["GPIO23"].L) {
		t.Error("light or relay is off in an interrupted session")
	}
	press()
	if ordered != 1 {
		t.Errorf("%d orders, want one", ordered)
	}
	run(5 * time.Second)
	press()
	if b.scene.Session.State != "" || bool(hw.pins["GPIO6"].L) || ordered != 1 || !bool(hw.pins["GPIO23"].L) {
		t.Errorf("after a minute: %+v, light %v, %d orders, relay %v", b.scene.Session, hw.pins["GPIO6"].L, ordered, hw.pins["GPIO23"].L)
	}
}

// dead is a bus that stops working.
type dead struct {
	conntest.Discard
	err error
}

func (d *dead) Tx(w, r []byte) error {
	clear(r)
	return d.err
}

type deadBench struct {
	bench
	bus dead
}

func (h *deadBench) SPI(string, physic.Frequency) (conn.Conn, error) { return &h.bus, nil }

// TestFails: contacts whose converter fails are at fault, not what they were; it is told once, and when it is over.
func TestFails(t *testing.T) {
	h, hw := told{}, &deadBench{bench: bench{pins: map[string]*gpiotest.Pin{}, err: ErrAbsent}}
	c := Default()
	c.Parts = []string{"lines"}
	var facts []panel.Facts
	b := Open(Options{Config: c, Hardware: hw, Health: h.health, Facts: func(f panel.Facts) { facts = append(facts, f) }})
	now := t0
	run := func() {
		for range 50 {
			b.step(now)
			now = now.Add(tick)
		}
	}
	run()
	hw.bus.err = errors.New("no clock")
	run()
	hw.bus.err = nil
	run()
	if got := h["lines"]; len(got) != 3 || got[0] != nil || !errors.Is(got[1], got[1]) || got[1] == nil || got[2] != nil {
		t.Errorf("told %v", got)
	}
	var states []contact.State
	for _, f := range facts {
		states = append(states, f.Contacts[0].State)
	}
	if want := []contact.State{contact.Unknown, contact.Short, contact.Cut, contact.Short}; !slices.Equal(states, want) {
		t.Errorf("told %v, want %v", states, want)
	}
}

func TestCheck(t *testing.T) {
	if c := whole(); c.Check() != nil {
		t.Errorf("the default: %v", c.Check())
	}
	for text, want := range map[string]string{
		`{"parts":["lmap"]}`:                                                 `no part "lmap"`,
		`{"parts":["lamp","lamp"]}`:                                          "is there twice",
		`{"parts":["pir","button"],"pir":{"pin":"GPIO5"}}`:                   "GPIO5 is taken twice",
		`{"parts":["pir"],"pir":{"pin":"GPIO99"}}`:                           "no such pin",
		`{"parts":["pir"],"pir":{"pin":"P1_7"}}`:                             "no such pin",
		`{"parts":["lamp","power"],"lamp":{"port":"SPI0.0"}}`:                "taken twice",
		`{"parts":["lamp"],"lamp":{"port":"SPI9.0"}}`:                        "no such pin or port",
		`{"second_press_reason":"because"}`:                                  "not on the list",
		`{"switches":[{"name":"a","guards":"cat","pin":"GPIO4"}]}`:           "want window, door, case or leave",
		`{"switches":[{"name":"window-1","guards":"window","pin":"GPIO4"}]}`: "window-1 is there twice",
		`{"relays":[{"name":"x","pin":"GPIO23","while":["shut"]}]}`:          "no state",
		`{"relays":[{"name":"X Y","pin":"GPIO23"}]}`:                         "only a-z",
	} {
		c := Default()
		c.Begin()
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		c.Complete()
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	c := Default()
	c.Begin()
	c.Complete()
	if len(c.Relays) != 2 || len(c.Lines.Lines) != 3 || len(c.Switches) != 2 {
		t.Errorf("lists that are not given have no default: %+v", c)
	}
}

// TestHost: this machine's buses are looked for; one that no machine has is absent, and a file is no serial line.
func TestHost(t *testing.T) {
	hw, err := Host()
	if err != nil {
		t.Skip("periph does not start here:", err)
	}
	defer hw.Close()
	if p := hw.Pin("GPIO999"); p != nil {
		t.Errorf("got pin %v", p)
	}
	if _, err := hw.SPI("SPI99.9", physic.MegaHertz); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v", err)
	}
	if _, err := hw.I2C("I2C99"); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v", err)
	}
	if _, err := hw.Line("/dev/no-such-line", 9600); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v", err)
	}
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := hw.Line(f.Name(), 9600); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("a file as a line: %v", err)
	}
}

// TestLeaveButton: half a second on the button by which the hall leaves the conference is read as a contact that closes and opens, and a
// spark is not.
func TestLeaveButton(t *testing.T) {
	c := Default()
	c.Parts, c.Switches = []string{"switches"}, []Switch{{Name: "saal-aus", Guards: panel.Leave, Pin: "GPIO22"}}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	now, hw := t0, &bench{pins: map[string]*gpiotest.Pin{}}
	var states []contact.State
	b := Open(Options{Config: c, Hardware: hw, Health: told{}.health, Now: func() time.Time { return now }, Facts: func(f panel.Facts) {
		if len(f.Contacts) != 1 || f.Contacts[0].Name != "saal-aus" || f.Contacts[0].Guards != panel.Leave {
			t.Errorf("read %+v", f.Contacts)
		} else if s := f.Contacts[0].State; len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
		}
	}})
	defer b.close()
	for _, press := range []struct {
		level gpio.Level
		d     time.Duration
	}{{gpio.High, time.Second}, {gpio.Low, 20 * time.Millisecond}, {gpio.High, time.Second}, {gpio.Low, 500 * time.Millisecond}, {gpio.High, time.Second}} {
		hw.pins["GPIO22"].L = press.level
		for end := now.Add(press.d); now.Before(end); now = now.Add(tick) {
			b.step(now)
		}
	}
	if states = slices.DeleteFunc(states, func(s contact.State) bool { return s == contact.Unknown }); !slices.Equal(states, []contact.State{contact.Open, contact.Closed, contact.Open}) {
		t.Errorf("read %v", states)
	}
}
