// Package locker counts the phones in a locker: a switch in each slot, read through a chain of shift registers 74HC165.
//
// It counts, and that is all it does: which slot is taken would say whose, so no function tells it.
//
// Source: Nexperia 74HC165 data sheet ("8-bit parallel-in/serial out shift register"): PL low loads the inputs, each
// rising edge of CP shifts; Q7 shows the input D7 first. Here a slot's switch pulls its input to ground while a phone
// lies on it, with 10 kΩ to the supply; the serial input DS of the last register is tied to the supply, so that after
// the last slot ones follow, which a chain that is absent, or a data line that is cut with its pull-down, does not show.
package locker

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// ErrAbsent is wrapped where there is no such pin, or no chain at it.
var ErrAbsent = errors.New("locker: no locker here")

// DefaultHold is for how long a count must hold to be told.
const DefaultHold = 500 * time.Millisecond

// Dev is one locker. It is not safe for concurrent use.
type Dev struct {
	load, clock gpio.PinOut
	data        gpio.PinIn
	slots       int
	hold        time.Duration

	known bool
	count int // that is told
	maybe int
	since time.Time
}

// New returns a locker of 1 to 64 slots, a chain of as many registers as they need. A nil pin, or no chain, is
// ErrAbsent.
func New(load, clock gpio.PinOut, data gpio.PinIn, slots int, hold time.Duration) (*Dev, error) {
	if load == nil || clock == nil || data == nil {
		return nil, fmt.Errorf("locker: pins: %w", ErrAbsent)
	}
	if slots < 1 || slots > 64 {
		return nil, fmt.Errorf("locker: %d slots, want 1 to 64", slots)
	}
	if err := data.In(gpio.PullDown, gpio.NoEdge); err != nil {
		return nil, fmt.Errorf("locker: data %s: %w", data, err)
	}
	d := &Dev{load: load, clock: clock, data: data, slots: slots, hold: hold}
	if err := errors.Join(load.Out(gpio.High), clock.Out(gpio.Low)); err != nil {
		return nil, fmt.Errorf("locker: pins: %w", err)
	}
	n, err := d.read()
	if err != nil {
		return nil, err
	}
	d.maybe = n
	return d, nil
}

// Slots returns how many there are.
func (d *Dev) Slots() int { return d.slots }

// Step counts. known is false until a count has held for the first time; with an error the count is the last known.
func (d *Dev) Step(now time.Time) (count int, known bool, err error) {
	n, err := d.read()
	if err != nil {
		return d.count, d.known, err
	}
	if n != d.maybe || d.since.IsZero() {
		d.maybe, d.since = n, now
	}
	if now.Sub(d.since) >= d.hold {
		d.count, d.known = d.maybe, true
	}
	return d.count, d.known, nil
}

// read loads the slots and shifts them through, and eight bits more.
func (d *Dev) read() (count int, err error) {
	if err := d.pulse(d.load, gpio.Low); err != nil {
		return 0, err
	}
	for i := range (d.slots+7)/8*8 + 8 {
		one := d.data.Read() == gpio.High
		switch {
		case i < d.slots && !one:
			count++
		case i >= (d.slots+7)/8*8 && !one:
			return 0, fmt.Errorf("locker: no ones after the last slot: %w", ErrAbsent)
		}
		if err := d.pulse(d.clock, gpio.High); err != nil {
			return 0, err
		}
	}
	return count, nil
}

func (d *Dev) pulse(p gpio.PinOut, l gpio.Level) error {
	if err := p.Out(l); err != nil {
		return fmt.Errorf("locker: %s: %w", p, err)
	}
	if err := p.Out(!l); err != nil {
		return fmt.Errorf("locker: %s: %w", p, err)
	}
	return nil
}
