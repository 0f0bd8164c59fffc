package button

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// ErrAbsent is wrapped by New where there is no such pin.
var ErrAbsent = errors.New("button: no pin here")

// Light is how the button is lit.
type Light uint8

const (
	Dark Light = iota
	Lit
	Blink // 1 Hz
	Hurry // 2 Hz
)

// level returns whether the light is on at the time now.
func (l Light) level(now time.Time) bool {
	switch l {
	case Lit:
		return true
	case Blink:
		return now.UnixMilli()%1000 < 500
	case Hurry:
		return now.UnixMilli()%500 < 250
	}
	return false
}

// Pattern is how the button vibrates: on, off, on … for so long each.
type Pattern []time.Duration

// level returns whether the motor runs when the pattern has gone on for d, and whether it is over.
func (p Pattern) level(d time.Duration) (on, over bool) {
	for i, part := range p {
		if d < part {
			return i%2 == 0, false
		}
		d -= part
	}
	return false, true
}

// Opts of a button.
type Opts struct {
	Timing  Timing
	Pressed gpio.Level // of the pin while it is pressed; Low with a pull-up and a switch to ground
}

// DefaultOpts are those of a switch to ground.
var DefaultOpts = Opts{Timing: DefaultTiming, Pressed: gpio.Low}

// Dev is one button. It is not safe for concurrent use.
type Dev struct {
	in         gpio.PinIn
	led, motor gpio.PinOut // nil: none
	o          Opts
	m          *Machine
	light      Light
	pattern    Pattern
	since      time.Time
	ledOn      bool
	motorOn    bool
}

// New returns a button on the pin in, with its light and motor, each of which may be nil. Light and motor are High
// while on. A nil in is ErrAbsent.
func New(in gpio.PinIn, led, motor gpio.PinOut, o Opts) (*Dev, error) {
	if in == nil {
		return nil, fmt.Errorf("button: input: %w", ErrAbsent)
	}
	m, err := NewMachine(o.Timing)
	if err != nil {
		return nil, err
	}
	pull := gpio.PullUp
	if o.Pressed == gpio.High {
		pull = gpio.PullDown
	}
	if err := in.In(pull, gpio.NoEdge); err != nil {
		return nil, fmt.Errorf("button: input %s: %w", in, err)
	}
	d := &Dev{in: in, led: led, motor: motor, o: o, m: m}
	return d, d.dark()
}

// Show sets the light from the next Step on.
func (d *Dev) Show(l Light) { d.light = l }

// Vibrate begins the pattern at the time now. The pattern is not copied.
func (d *Dev) Vibrate(now time.Time, p Pattern) { d.pattern, d.since = p, now }

// Step reads the button and drives light and motor. An error of an output does not hide the press; ErrStuck comes as
// long as the button is stuck.
func (d *Dev) Step(now time.Time) (Press, error) {
	p := d.m.Step(now, d.in.Read() == d.o.Pressed)
	on, over := d.pattern.level(now.Sub(d.since))
	if over {
		d.pattern = nil
	}
	err := set(d.led, "light", &d.ledOn, d.light.level(now))
	if e := set(d.motor, "motor", &d.motorOn, on); err == nil {
		err = e
	}
	if err == nil {
		err = d.m.Fault(now)
	}
	return p, err
}

// set drives a pin when its level changes.
func set(pin gpio.PinOut, what string, is *bool, on bool) error {
	if pin == nil || *is == on {
		return nil
	}
	if err := pin.Out(gpio.Level(on)); err != nil {
		return fmt.Errorf("button: %s %s: %w", what, pin, err)
	}
	*is = on
	return nil
}

// dark switches both outputs off, whatever they were.
func (d *Dev) dark() error {
	d.ledOn, d.motorOn = true, true
	return errors.Join(set(d.led, "light", &d.ledOn, false), set(d.motor, "motor", &d.motorOn, false))
}

// Close switches light and motor off.
func (d *Dev) Close() error { return d.dark() }
