// Package relay is the driver of a switched output with a contact that reads back what it did.
//
// Off is the fail-safe position: wire the relay so that the room is as it should be while the unit is dead, being
// started, or unplugged. The pin must rest at the off level after a reset (on the Raspberry Pi GPIO 9…27 have
// pull-downs then, GPIO 0…8 pull-ups), and a transistor with a resistor to its off level keeps it so.
//
// Never wire a fire door, an escape door, a smoke vent or an alarm to it: nothing that people need to get out is
// switched by this unit, in either direction, and no emergency call is hindered (DIN EN 179, DIN EN 1125 and the
// building's approval say so for doors; the project says so for itself).
package relay

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

var (
	// ErrAbsent is wrapped by New where there is no such pin.
	ErrAbsent = errors.New("relay: no pin here")
	// ErrWelded says that the contact reads on although the relay is off.
	ErrWelded = errors.New("relay: is off and reads on: contact welded, or bridged")
	// ErrFailed says that the contact reads off although the relay is on.
	ErrFailed = errors.New("relay: is on and reads off: coil, supply or contact failed")
)

// Opts of a relay.
type Opts struct {
	On       gpio.Level    // of the output while it is on
	Feedback gpio.Level    // of the contact while it is on
	Settle   time.Duration // after switching, before the contact is believed
	Interval time.Duration // between two switchings, at least
}

// DefaultOpts: on is High; the contact pulls its pin to ground while on.
var DefaultOpts = Opts{On: gpio.High, Feedback: gpio.Low, Settle: 100 * time.Millisecond, Interval: 2 * time.Second}

// Dev is one relay. It is not safe for concurrent use.
type Dev struct {
	out      gpio.PinOut
	feedback gpio.PinIn // nil: none
	o        Opts
	want, is bool
	moved    time.Time // zero: never
	read     bool      // the contact was read since the last switching
	mismatch time.Time // since when the contact reads otherwise; zero: it does not
}

// New switches the relay off and returns it. feedback may be nil; a nil out is ErrAbsent.
func New(out gpio.PinOut, feedback gpio.PinIn, o Opts) (*Dev, error) {
	if out == nil {
		return nil, fmt.Errorf("relay: output: %w", ErrAbsent)
	}
	if o.Settle <= 0 || o.Interval < o.Settle {
		return nil, fmt.Errorf("relay: settle %v, interval %v: want more than 0, and the interval not shorter", o.Settle, o.Interval)
	}
	d := &Dev{out: out, feedback: feedback, o: o}
	if err := d.drive(false); err != nil {
		return nil, err
	}
	if feedback != nil {
		pull := gpio.PullUp
		if o.Feedback == gpio.High {
			pull = gpio.PullDown
		}
		if err := feedback.In(pull, gpio.NoEdge); err != nil {
			return nil, fmt.Errorf("relay: contact %s: %w", feedback, err)
		}
	}
	return d, nil
}

func (d *Dev) drive(on bool) error {
	if err := d.out.Out(d.o.On == gpio.Level(on)); err != nil {
		return fmt.Errorf("relay: output %s: %w", d.out, err)
	}
	d.is = on
	return nil
}

// Set says what the relay shall be. Step switches it, not sooner after the last switching than the interval.
func (d *Dev) Set(on bool) { d.want = on }

// On reports how the relay is driven.
func (d *Dev) On() bool { return d.is }

// Settled reports whether the contact reads as the relay is driven, as of the last Step; without a contact it never does.
func (d *Dev) Settled() bool { return d.read && d.mismatch.IsZero() }

// Step switches where that is due, and compares with the contact. ErrWelded and ErrFailed come as long as it reads
// otherwise; the relay stays driven as it was set.
func (d *Dev) Step(now time.Time) error {
	if d.want != d.is && (d.moved.IsZero() || now.Sub(d.moved) >= d.o.Interval) {
		d.moved, d.mismatch, d.read = now, time.Time{}, false
		if err := d.drive(d.want); err != nil {
			return err
		}
	}
	if d.feedback == nil {
		return nil
	}
	d.read = true
	if (d.feedback.Read() == d.o.Feedback) == d.is {
		d.mismatch = time.Time{}
		return nil
	}
	if d.mismatch.IsZero() {
		d.mismatch = now
	}
	switch {
	case now.Sub(d.mismatch) < d.o.Settle:
		return nil
	case d.is:
		return fmt.Errorf("%s: %w", d.out, ErrFailed)
	}
	return fmt.Errorf("%s: %w", d.out, ErrWelded)
}

// Close switches off at once, whatever the interval.
func (d *Dev) Close() error {
	d.want = false
	return d.drive(false)
}
