package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"subrosa/firmware/lockdown"
	"subrosa/mdm"
)

// Lockdown says what is asked of the device management during a session. Zero values: the defaults of firmware/lockdown.
type Lockdown struct {
	Restrict       []string `json:"restrict"`        // what goes off; "?" at the end: where the platform can
	CheckedIn      bool     `json:"checked_in"`      // only devices that have checked in, not all of the roster
	GraceMinutes   int      `json:"grace_minutes"`   // after the planned end
	CapHours       float64  `json:"cap_hours"`       // of the whole lock
	UnplannedHours float64  `json:"unplanned_hours"` // of a session without a plan
}

// config returns the times and restrictions.
func (l *Lockdown) config() (lockdown.Config, error) {
	c := lockdown.Default
	c.CheckedIn = l.CheckedIn
	if l.GraceMinutes != 0 {
		c.Grace = time.Duration(l.GraceMinutes) * time.Minute
	}
	hours := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
	if l.CapHours != 0 {
		c.Cap = hours(l.CapHours)
	}
	if l.UnplannedHours != 0 {
		c.Unplanned = hours(l.UnplannedHours)
	}
	if l.Restrict != nil {
		if len(l.Restrict) == 0 {
			return c, errors.New("restrict is empty: name what goes off, or leave it out")
		}
		if _, _, err := mdm.ParseSet(l.Restrict); err != nil {
			return c, fmt.Errorf("restrict: %w", err)
		}
		c.Restrict = l.Restrict
	}
	return c, c.Check()
}

func newLockdown(c Config) (*lockdown.Desk, error) {
	conf, err := c.Lockdown.config()
	if err != nil {
		return nil, fmt.Errorf("config: lockdown: %w", err)
	}
	return lockdown.New(conf, rand.Reader)
}
