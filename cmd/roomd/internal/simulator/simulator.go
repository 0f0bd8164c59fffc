// Package simulator stands in for what is wired to a unit, and draws it on a page where mouse and keyboard move it: for
// the demo and for development. It simulates pins and chips, below the drivers: the button's presses, the contacts'
// voltages, the radar's frames and the lamp's data go through the same code as on a unit.
//
// It is never more than that: the page, and the log, say that nothing on it is real.
package simulator

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"subrosa/cmd/roomd/internal/board"
	"subrosa/drivers/button"
	"subrosa/drivers/power"
	"subrosa/firmware/panel"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// Simulator is a board's hardware. It is safe for concurrent use.
type Simulator struct {
	conf  board.Config
	table power.Calibration

	mu     sync.Mutex
	inputs map[string]string // what people set, by the names of inputNames
	pins   map[string]*pin
	lamp   []byte // the last whole frame of the lamp's bus
	screen screen
	locker shift

	facts   panel.Facts
	levels  []power.Level
	session session.Report
	press   pressed
	broken  map[string]string // part → why it does not work

	subs map[chan struct{}]struct{}
	done chan struct{}
	once sync.Once
}

type pressed struct {
	n     int // how many there were
	press button.Press
	act   wall.Act
}

// New returns what the configuration has wired, at rest: contacts closed, nobody in the room, no power in any band.
func New(c board.Config, table power.Calibration) *Simulator {
	s := &Simulator{conf: c, table: table, inputs: map[string]string{}, pins: map[string]*pin{}, broken: map[string]string{},
		subs: map[chan struct{}]struct{}{}, done: make(chan struct{})}
	for _, in := range s.all() {
		s.inputs[in.name] = in.values[0]
	}
	return s
}

// input is something that people can move: one of the values, the first at rest; or a number from lo to hi.
type input struct {
	name   string
	values []string
	lo, hi int // not both 0: a number
}

// all lists the inputs of the parts that are built in.
func (s *Simulator) all() (out []input) {
	number := func(name string, rest, lo, hi int) {
		out = append(out, input{name, []string{strconv.Itoa(rest)}, lo, hi})
	}
	c := &s.conf
	for _, part := range c.Parts {
		switch part {
		case "button":
			out = append(out, input{name: "button", values: []string{"up", "down"}})
		case "relays":
			for _, r := range c.Relays {
				if r.Contact != "" {
					out = append(out, input{name: "relay-" + r.Name, values: []string{"works", "welded", "failed"}})
				}
			}
		case "lines":
			for _, l := range c.Lines.Lines {
				out = append(out, input{name: "contact-" + l.Name, values: []string{"closed", "open", "cut", "short"}})
			}
		case "switches":
			for _, w := range c.Switches {
				out = append(out, input{name: "contact-" + w.Name, values: []string{"closed", "open"}})
			}
		case "pir":
			out = append(out, input{name: "pir", values: []string{"still", "moving"}})
		case "radar":
			out = append(out, input{name: "radar", values: []string{"none", "moving", "still", "silent"}})
			number("radar-cm", 200, 30, 600)
		case "locker":
			number("locker", 0, 0, c.Locker.Slots)
		case "power":
			for i := range s.table.Channels {
				number(fmt.Sprintf("power-%d", i), -70, -70, 10)
			}
		}
	}
	return out
}

// Set moves an input.
func (s *Simulator) Set(name, value string) error {
	all := s.all()
	i := slices.IndexFunc(all, func(in input) bool { return in.name == name })
	if i < 0 {
		return fmt.Errorf("simulator: no input %.40q", name)
	}
	if in := all[i]; in.lo != in.hi {
		if n, err := strconv.Atoi(value); err != nil || n < in.lo || n > in.hi {
			return fmt.Errorf("simulator: %s: %.20q, want %d to %d", name, value, in.lo, in.hi)
		}
	} else if !slices.Contains(in.values, value) {
		return fmt.Errorf("simulator: %s: %.20q, want one of %v", name, value, in.values)
	}
	s.mu.Lock()
	s.inputs[name] = value
	s.mu.Unlock()
	s.wake()
	return nil
}

// number returns an input that is a number. The caller holds mu.
func (s *Simulator) number(name string) int {
	n, _ := strconv.Atoi(s.inputs[name])
	return n
}

// What the board tells, for the page: none of them waits.

// Facts takes what the board has read.
func (s *Simulator) Facts(f panel.Facts) { s.change(func() { s.facts = f.Clone() }) }

// Levels takes what the power detectors measured.
func (s *Simulator) Levels(l []power.Level) {
	s.change(func() { s.levels = append([]power.Level(nil), l...) })
}

// Show takes what the room's pages show.
func (s *Simulator) Show(v wall.View) { s.change(func() { s.session = v.Session }) }

// Pressed takes a press as the driver of the button recognised it, and what it ordered.
func (s *Simulator) Pressed(p button.Press, a wall.Act) {
	s.change(func() { s.press = pressed{s.press.n + 1, p, a} })
}

// Health takes what does not work.
func (s *Simulator) Health(part string, err error) {
	s.change(func() {
		delete(s.broken, part)
		if err != nil {
			s.broken[part] = err.Error()
		}
	})
}

func (s *Simulator) change(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	s.wake()
}

// The board's side.

// Pin returns a pin that is connected to what the configuration says of it.
func (s *Simulator) Pin(name string) gpio.PinIO {
	if name == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pins[name]
	if p == nil {
		p = &pin{s: s, name: name, read: s.wire(name), drive: func(gpio.Level) {}}
		switch name {
		case s.conf.Locker.Load:
			p.drive = func(l gpio.Level) { s.locker.load(l, s.number("locker"), s.conf.Locker.Slots) }
		case s.conf.Locker.Clock:
			p.drive = s.locker.clock
		}
		s.pins[name] = p
	}
	return p
}

// wire returns what an input pin reads. It is called with mu held.
func (s *Simulator) wire(name string) func() gpio.Level {
	is := func(input, value string) func() gpio.Level {
		return func() gpio.Level { return gpio.Level(s.inputs[input] == value) }
	}
	switch name {
	case s.conf.Button.Pin:
		return is("button", "up")
	case s.conf.PIR.Pin:
		return is("pir", "moving")
	case s.conf.Locker.Data:
		return s.locker.out
	}
	for _, w := range s.conf.Switches {
		if w.Pin == name {
			return is("contact-"+w.Name, "open")
		}
	}
	for _, r := range s.conf.Relays {
		if r.Contact == name {
			return func() gpio.Level {
				on := s.pins[r.Pin] != nil && bool(s.pins[r.Pin].level)
				switch s.inputs["relay-"+r.Name] {
				case "welded":
					on = true
				case "failed":
					on = false
				}
				return gpio.Level(!on) // the contact pulls to ground
			}
		}
	}
	return func() gpio.Level { return gpio.Low }
}

// SPI returns the chip at a port.
func (s *Simulator) SPI(port string, _ physic.Frequency) (conn.Conn, error) {
	switch port {
	case s.conf.Lamp.Port:
		return &strip{s: s}, nil
	case s.conf.Lines.Port:
		return &converter{s: s, volts: s.lineVolts}, nil
	case s.conf.Power.Port:
		return &converter{s: s, volts: s.powerVolts}, nil
	}
	return nil, fmt.Errorf("simulator: %s: %w", port, board.ErrAbsent)
}

// loops are the voltages of a supervised contact, as parts of the reference: the resistors of docs/wiring.md.
var loops = map[string]float64{"short": 0, "closed": 4.7 / 14.7, "open": 26.7 / 36.7, "cut": 1}

func (s *Simulator) lineVolts(input int) float64 {
	for _, l := range s.conf.Lines.Lines {
		if l.Input == input {
			return loops[s.inputs["contact-"+l.Name]]
		}
	}
	return 1
}

func (s *Simulator) powerVolts(input int) float64 {
	for i, c := range s.table.Channels {
		if c.Input == input {
			dbm := max(float64(s.number(fmt.Sprintf("power-%d", i))), c.FloorDBm-2) // noise
			return c.SlopeMV * (dbm - c.InterceptDBm) / s.table.VrefMV
		}
	}
	return 0
}

// I2C returns the bus of the screen.
func (s *Simulator) I2C(bus string) (i2c.Bus, error) {
	if bus != s.conf.Screen.Bus {
		return nil, fmt.Errorf("simulator: %s: %w", bus, board.ErrAbsent)
	}
	return &i2cBus{s}, nil
}

// Line returns the radar's serial line.
func (s *Simulator) Line(device string, _ int) (io.ReadCloser, error) {
	if device != s.conf.Radar.Line {
		return nil, fmt.Errorf("simulator: %s: %w", device, board.ErrAbsent)
	}
	r, w := io.Pipe()
	go s.radar(w)
	return r, nil
}

// radar sends ten frames a second until the reader is gone, or the simulator closed.
func (s *Simulator) radar(w *io.PipeWriter) {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-t.C:
		}
		s.mu.Lock()
		what, cm := s.inputs["radar"], s.number("radar-cm")
		s.mu.Unlock()
		if what == "silent" {
			continue
		}
		if _, err := w.Write(frame(what, cm)); err != nil {
			return
		}
	}
}

// frame is a target report of the LD2410.
func frame(what string, cm int) []byte {
	energy := byte(math.Round(100 * math.Exp(-float64(cm)/400)))
	lo, hi := byte(cm), byte(cm>>8)
	b := []byte{0xf4, 0xf3, 0xf2, 0xf1, 13, 0, 2, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x55, 0, 0xf8, 0xf7, 0xf6, 0xf5}
	switch what {
	case "moving":
		b[8], b[9], b[10], b[11], b[15], b[16] = 1, lo, hi, energy, lo, hi
	case "still":
		b[8], b[12], b[13], b[14], b[15], b[16] = 2, lo, hi, energy, lo, hi
	}
	return b
}

// Close ends the streams of open pages. It may be called twice.
func (s *Simulator) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}
