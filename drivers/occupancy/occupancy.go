// Package occupancy is the driver of what senses that somebody is in the room: a passive infrared sensor (PIR) at a
// pin, and the 24 GHz radar Hi-Link LD2410 at a serial line. It knows presence, and the radar a distance and an energy;
// never who, and nothing of what is said.
//
// The radar transmits (24.00 to 24.25 GHz, a few dBm, as module makers state): that belongs in the room's documents.
package occupancy

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

var (
	// ErrAbsent is wrapped where there is no such pin or line.
	ErrAbsent = errors.New("occupancy: no sensor here")
	// ErrSilent says that the radar has sent nothing readable for a while.
	ErrSilent = errors.New("occupancy: the radar is silent")
)

// DefaultHold is for how long a room counts as occupied after the last movement: people in a meeting sit still.
const DefaultHold = 60 * time.Second

// PIR is a passive infrared sensor with a digital output, High while it sees movement.
type PIR struct {
	pin  gpio.PinIn
	hold time.Duration
	last time.Time // when it saw something; zero: never
}

// NewPIR returns the sensor at a pin. A nil pin is ErrAbsent.
func NewPIR(pin gpio.PinIn, hold time.Duration) (*PIR, error) {
	if pin == nil {
		return nil, fmt.Errorf("occupancy: pin: %w", ErrAbsent)
	}
	if err := pin.In(gpio.PullDown, gpio.NoEdge); err != nil {
		return nil, fmt.Errorf("occupancy: pin %s: %w", pin, err)
	}
	return &PIR{pin: pin, hold: hold}, nil
}

// Step reads the pin and reports whether the room counts as occupied.
func (p *PIR) Step(now time.Time) bool {
	if p.pin.Read() == gpio.High {
		p.last = now
	}
	return !p.last.IsZero() && now.Sub(p.last) <= p.hold
}
