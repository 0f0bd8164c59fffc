// Package contact is the driver of contacts at windows, doors and cases.
//
// A supervised contact is a loop with two resistors at its far end, read as a voltage: a cut or shorted line is told
// from an open window. That is the usual double end-of-line wiring of alarm systems.
//
//	Vref ──[ Rp 10 kΩ ]──┬── input of the converter, 100 nF to ground
//	                     │
//	                     └────── line ──────[ Rs 4.7 kΩ ]──┬─[ contact ]─┬── ground
//	                                                       └─[ Ro 22 kΩ ]─┘
//
//	          loop        V / Vref
//	short     0           0
//	closed    Rs          0.32
//	open      Rs + Ro     0.73
//	cut       ∞           1
//
// A plain (dry) contact has none of that: whoever bridges its two wires has closed it. It says so of itself.
package contact

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// ErrAbsent is wrapped where there is no such pin or no converter.
var ErrAbsent = errors.New("contact: no input here")

// State of a contact.
type State uint8

const (
	Unknown State = iota // nothing has settled yet
	Short                // the line is short-circuited: a fault
	Closed
	Open
	Cut // the line is interrupted: a fault
)

var names = [...]string{"unknown", "short", "closed", "open", "cut"}

// String returns the state in lower case.
func (s State) String() string {
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// Fault reports whether the line, not the window, is what s speaks of.
func (s State) Fault() bool { return s == Short || s == Cut }

// Limits are the borders between the states of a supervised contact, as parts of the reference voltage.
type Limits struct {
	Short, Closed, Open float64 // upper border of each; above Open it is cut
	Hysteresis          float64 // by which a border must be passed
}

// DefaultLimits lie in the middle between the values of the drawing above. With resistors of 1 % and 500 Ω of line
// the values move by less than 0.03.
var DefaultLimits = Limits{Short: 0.16, Closed: 0.525, Open: 0.865, Hysteresis: 0.02}

// classify returns the state of a voltage, as a part of the reference, coming from was.
func (l Limits) classify(was State, v float64) State {
	upper, h, s := [...]float64{l.Short, l.Closed, l.Open}, l.Hysteresis, was
	if s == Unknown {
		s, h = Short, 0
	}
	for s < Cut && v > upper[s-Short]+h {
		s++
	}
	for s > Short && v < upper[s-Short-1]-h {
		s--
	}
	return s
}

func (l Limits) check() error {
	h := l.Hysteresis
	if !(h > 0 && l.Short > h && l.Closed > l.Short+2*h && l.Open > l.Closed+2*h && l.Open < 1-h) {
		return fmt.Errorf("contact: limits %+v, want rising ones between 0 and 1, further apart than the hysteresis", l)
	}
	return nil
}

// settle lets a state count once it has held.
type settle struct {
	hold      time.Duration
	is, maybe State
	since     time.Time
}

func (s *settle) step(now time.Time, read State) State {
	if read != s.maybe {
		s.maybe, s.since = read, now
	}
	if s.maybe != s.is && now.Sub(s.since) >= s.hold {
		s.is = s.maybe
	}
	return s.is
}

// ADC converts one input to a code, 0…4095. A mcp3208.Dev is one.
type ADC interface {
	Read(input int) (int, error)
}

const fullScale = 4096

// DefaultHold is for how long a state must hold to count.
const DefaultHold = 150 * time.Millisecond

// Supervised is a contact with resistors at the end of its line.
type Supervised struct {
	adc   ADC
	input int
	l     Limits
	raw   State
	s     settle
}

// NewSupervised returns the contact at an input of the converter, whose reference feeds the line. It reads once, so
// that a converter that does not answer is known now. A nil adc is ErrAbsent.
func NewSupervised(adc ADC, input int, l Limits, hold time.Duration) (*Supervised, error) {
	if adc == nil {
		return nil, fmt.Errorf("contact: converter: %w", ErrAbsent)
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	if _, err := adc.Read(input); err != nil {
		return nil, fmt.Errorf("contact: input %d: %w", input, err)
	}
	return &Supervised{adc: adc, input: input, l: l, s: settle{hold: hold}}, nil
}

// Step reads the line. With an error the state is the last that was known.
func (c *Supervised) Step(now time.Time) (State, error) {
	code, err := c.adc.Read(c.input)
	if err != nil {
		return c.s.is, fmt.Errorf("contact: input %d: %w", c.input, err)
	}
	c.raw = c.l.classify(c.raw, float64(code)/fullScale)
	return c.s.step(now, c.raw), nil
}

// Supervised returns true.
func (c *Supervised) Supervised() bool { return true }

// Dry is a plain contact between a pin and ground, or of a case's switch. A cut line reads as open, a bridged one as
// closed.
type Dry struct {
	pin    gpio.PinIn
	closed gpio.Level
	s      settle
}

// NewDry returns the contact on a pin that has the given level while it is closed; Low is a contact to ground with a
// pull-up. A nil pin is ErrAbsent.
func NewDry(pin gpio.PinIn, closed gpio.Level, hold time.Duration) (*Dry, error) {
	if pin == nil {
		return nil, fmt.Errorf("contact: pin: %w", ErrAbsent)
	}
	pull := gpio.PullUp
	if closed == gpio.High {
		pull = gpio.PullDown
	}
	if err := pin.In(pull, gpio.NoEdge); err != nil {
		return nil, fmt.Errorf("contact: pin %s: %w", pin, err)
	}
	return &Dry{pin: pin, closed: closed, s: settle{hold: hold}}, nil
}

// Step reads the pin. The error is always nil: a pin cannot fail to read.
func (c *Dry) Step(now time.Time) (State, error) {
	read := Open
	if c.pin.Read() == c.closed {
		read = Closed
	}
	return c.s.step(now, read), nil
}

// Supervised returns false.
func (c *Dry) Supervised() bool { return false }
