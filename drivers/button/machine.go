// Package button is the driver of the chair's button: one that is pressed short or long, is lit, and vibrates.
//
// The state machine is pure: it is told the level at a time and says which press that completes. Dev reads a pin for
// it, and drives light and motor. Levels are read every few milliseconds by whoever owns the Dev; edges are not waited
// for, because what is shorter than the debounce time is no press anyway.
package button

import (
	"errors"
	"fmt"
	"time"
)

// Press is what a person did.
type Press uint8

const (
	None  Press = iota
	Short       // pressed and released within Timing.Long; told at the release
	Long        // held for Timing.Long; told while it is still held, once
)

// String returns "none", "short" or "long".
func (p Press) String() string {
	switch p {
	case Short:
		return "short"
	case Long:
		return "long"
	}
	return "none"
}

// Timing of a press.
type Timing struct {
	Debounce time.Duration // a level must hold so long to count
	Long     time.Duration
	Stuck    time.Duration // held longer, the button is at fault
}

// DefaultTiming suits a hand on a table.
var DefaultTiming = Timing{Debounce: 25 * time.Millisecond, Long: 1500 * time.Millisecond, Stuck: 30 * time.Second}

// ErrStuck says that the button has been held for longer than a hand would.
var ErrStuck = errors.New("button: held down all the time")

// Machine turns levels into presses. The zero value is not ready: use NewMachine.
type Machine struct {
	t       Timing
	begun   bool
	raw     bool
	rawAt   time.Time
	down    bool
	downAt  time.Time
	spent   bool // the present hold has given its press, or was there before we were
	release bool // it must be seen released before it counts
}

// NewMachine returns a machine that has seen nothing. A button that is down when it is first looked at counts only
// after a release: one that is jammed must not start a session.
func NewMachine(t Timing) (*Machine, error) {
	if t.Debounce <= 0 || t.Long <= t.Debounce || t.Stuck <= t.Long {
		return nil, fmt.Errorf("button: debounce %v, long %v, stuck %v: want each longer than the one before", t.Debounce, t.Long, t.Stuck)
	}
	return &Machine{t: t}, nil
}

// Step tells the machine that the button is down, or not, at the time now, which never goes back.
func (m *Machine) Step(now time.Time, down bool) Press {
	if !m.begun {
		m.begun, m.raw, m.rawAt, m.release = true, down, now, down
	}
	if down != m.raw {
		m.raw, m.rawAt = down, now
	}
	if !m.raw && now.Sub(m.rawAt) >= m.t.Debounce {
		m.release = false
	}
	if m.raw != m.down && now.Sub(m.rawAt) >= m.t.Debounce {
		m.down = m.raw
		if m.down {
			m.downAt, m.spent = m.rawAt, m.release
		} else if !m.spent {
			return Short
		}
	}
	if m.down && !m.spent && m.raw && now.Sub(m.downAt) >= m.t.Long {
		m.spent = true
		return Long
	}
	return None
}

// Down reports whether the button is held, by its debounced level.
func (m *Machine) Down() bool { return m.down }

// Fault returns ErrStuck when the button has been held too long.
func (m *Machine) Fault(now time.Time) error {
	if m.down && now.Sub(m.downAt) >= m.t.Stuck {
		return ErrStuck
	}
	return nil
}
