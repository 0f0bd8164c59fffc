package board

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"subrosa/drivers/contact"
	"subrosa/drivers/display"
	"subrosa/drivers/lamp"
	"subrosa/firmware/panel"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// Config is the section "panel" of unit.json. Nothing is wired unless it is named in Parts; the wiring of what is named
// defaults to that of docs/wiring.md.
type Config struct {
	Parts     []string `json:"parts"`     // out of Parts()
	Simulated bool     `json:"simulated"` // all of them are drawn on the page /simulator: development, plain loopback only

	SecondPress session.Reason `json:"second_press_reason"` // that the chair's button stands for; "" asks on the chair's page

	Lamp     Lamp     `json:"lamp"`
	Button   Button   `json:"button"`
	Relays   []Relay  `json:"relays"`
	Lines    Lines    `json:"lines"`
	Switches []Switch `json:"switches"`
	PIR      PIR      `json:"pir"`
	Radar    Radar    `json:"radar"`
	Power    Power    `json:"power"`
	Locker   Locker   `json:"locker"`
	Screen   Screen   `json:"screen"`
}

// Lamp at the door.
type Lamp struct {
	Chip   lamp.Chip `json:"chip"` // apa102 or ws2812
	Port   string    `json:"port"` // SPI
	Lights int       `json:"lights"`
	Cap    float64   `json:"cap"` // of the brightness, 0…1
	// Recording is how many lights behind the last of the row are the recording lamp, in a housing of their own: 0 none.
	Recording int `json:"recording"`
}

const maxTally = 16

// Button of the chair.
type Button struct {
	Pin   string `json:"pin"`
	Light string `json:"light"` // "" none
	Motor string `json:"motor"` // "" none
}

// Relay is switched on while the session is in one of the states.
type Relay struct {
	Name    string          `json:"name"`
	Pin     string          `json:"pin"`
	Contact string          `json:"contact"` // reads back; "" none
	While   []session.State `json:"while"`
}

// Lines are supervised contacts on one converter.
type Lines struct {
	Port  string `json:"port"` // SPI
	Lines []Line `json:"lines"`
}

// Line is one of them.
type Line struct {
	Name   string `json:"name"`
	Guards string `json:"guards"` // window, door, case, leave
	Input  int    `json:"input"`  // of the converter
}

// Switch is a plain contact to ground, not supervised.
type Switch struct {
	Name   string `json:"name"`
	Guards string `json:"guards"`
	Pin    string `json:"pin"`
}

// PIR senses movement.
type PIR struct {
	Pin string `json:"pin"`
}

// Radar is the LD2410.
type Radar struct {
	Line string `json:"line"` // serial device
}

// Power is the bank of power detectors.
type Power struct {
	Port        string `json:"port"`        // SPI, of its converter
	Calibration string `json:"calibration"` // file
}

// Locker of phones.
type Locker struct {
	Load  string `json:"load"`
	Clock string `json:"clock"`
	Data  string `json:"data"`
	Slots int    `json:"slots"`
}

// Screen shows a few words.
type Screen struct {
	Bus     string `json:"bus"` // I²C
	Address uint16 `json:"address"`
}

// Default is the wiring of docs/wiring.md, with nothing built in.
func Default() Config {
	on := []session.State{session.Handover, session.Sweep, session.Arming, session.Closed, session.Interrupted}
	return Config{
		Lamp:   Lamp{Chip: lamp.APA102, Port: "SPI1.0", Lights: 8, Cap: lamp.DefaultOpts.Cap},
		Button: Button{Pin: "GPIO5", Light: "GPIO6", Motor: "GPIO13"},
		Relays: []Relay{
			{Name: "stream", Pin: "GPIO23", Contact: "GPIO24", While: on},
			{Name: "hearing-loop", Pin: "GPIO25", Contact: "GPIO12", While: on},
		},
		Lines: Lines{Port: "SPI0.1", Lines: []Line{
			{Name: "window-1", Guards: panel.Window, Input: 0}, {Name: "window-2", Guards: panel.Window, Input: 1}, {Name: "door-1", Guards: panel.Door, Input: 2},
		}},
		Switches: []Switch{{Name: "case", Guards: panel.Case, Pin: "GPIO16"}, {Name: "door-2", Guards: panel.Door, Pin: "GPIO4"}},
		PIR:      PIR{Pin: "GPIO26"},
		Radar:    Radar{Line: "/dev/serial0"},
		Power:    Power{Port: "SPI0.0", Calibration: "power.json"},
		Locker:   Locker{Load: "GPIO17", Clock: "GPIO27", Data: "GPIO22", Slots: 16},
		Screen:   Screen{Bus: "I2C1", Address: display.Address},
	}
}

// Begin empties the lists of c for decoding over it: a list that is given replaces the default one, and Complete fills
// in those that are not.
func (c *Config) Begin() { c.Relays, c.Lines.Lines, c.Switches = nil, nil, nil }

// Complete gives the lists that are not there their defaults.
func (c *Config) Complete() {
	d := Default()
	if c.Relays == nil {
		c.Relays = d.Relays
	}
	if c.Lines.Lines == nil {
		c.Lines.Lines = d.Lines.Lines
	}
	if c.Switches == nil {
		c.Switches = d.Switches
	}
}

// RelayNames are those of the relays that are built in.
func (c *Config) RelayNames() (names []string) {
	if c.has("relays") {
		for _, r := range c.Relays {
			names = append(names, r.Name)
		}
	}
	return names
}

// ContactNames are the contacts that are wired.
func (c *Config) ContactNames() (names []string) {
	if c.has("lines") {
		for _, l := range c.Lines.Lines {
			names = append(names, l.Name)
		}
	}
	if c.has("switches") {
		for _, s := range c.Switches {
			names = append(names, s.Name)
		}
	}
	return names
}

// has reports whether the part is built in.
func (c *Config) has(part string) bool { return slices.Contains(c.Parts, part) }

// Check returns what is wrong with c.
func (c *Config) Check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("panel: "+format, args...)) }
	for i, p := range c.Parts {
		if !slices.Contains(Parts(), p) {
			fail("no part %q; there are %s", p, strings.Join(Parts(), ", "))
		}
		if slices.Contains(c.Parts[:i], p) {
			fail("part %s is there twice", p)
		}
	}
	if n := c.Lamp.Recording; n < 0 || n > maxTally {
		fail("lamp.recording is %d, want 0 to %d lights", n, maxTally)
	}
	if r := c.SecondPress; r != "" && !slices.Contains(session.OverrideReasons, r) {
		fail("second_press_reason %q is not on the list", r)
	}
	names := map[string]bool{}
	name := func(s string) {
		if err := topic.CheckID(s); err != nil {
			fail("%w", err)
		} else if names[s] {
			fail("%s is there twice", s)
		}
		names[s] = true
	}
	guards := func(who, s string) {
		if s != panel.Window && s != panel.Door && s != panel.Case && s != panel.Leave {
			fail("%s guards %q, want window, door, case or leave", who, s)
		}
	}
	for _, l := range c.Lines.Lines {
		name(l.Name)
		guards(l.Name, l.Guards)
	}
	for _, s := range c.Switches {
		name(s.Name)
		guards(s.Name, s.Guards)
	}
	for _, r := range c.Relays {
		name(r.Name)
		for _, s := range r.While {
			if !slices.Contains(session.States, s) {
				fail("relay %s: no state %q", r.Name, s)
			}
		}
	}
	if err := conflicts(c.Uses()); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// contacts lists all contacts that are built in, with nothing known of them.
func (c *Config) contacts() (out []panel.Contact) {
	if c.has("lines") {
		for _, l := range c.Lines.Lines {
			out = append(out, panel.Contact{Name: l.Name, Guards: l.Guards, State: contact.Unknown, Supervised: true})
		}
	}
	if c.has("switches") {
		for _, s := range c.Switches {
			out = append(out, panel.Contact{Name: s.Name, Guards: s.Guards, State: contact.Unknown})
		}
	}
	return out
}
