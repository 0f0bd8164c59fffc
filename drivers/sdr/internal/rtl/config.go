package rtl

import (
	"fmt"
	"time"
)

// Config says which receiver to open, and how.
type Config struct {
	Serial string // of the receiver; empty: the one at Index
	Index  int

	Rate     int     // samples per second, 225001…300000 or 900001…3200000
	Centre   float64 // Hz
	PPM      int     // by how much the receiver's crystal is too fast
	AutoGain bool    // levels then move with what is received
	// GainTenthDB is the tuner's gain in tenths of dB; the nearest one that it has is taken.
	GainTenthDB int

	Settle time.Duration // samples after a retune that are discarded; 0: 5 ms
	Stall  time.Duration // after which a receiver that delivers nothing is broken; 0: 5 s
}

// Check refuses what no receiver can do, but for the centre, which is a matter of the tuner.
func (c Config) Check() error {
	if err := CheckRate(c.Rate); err != nil {
		return err
	}
	if err := CheckPPM(c.PPM); err != nil {
		return err
	}
	if c.Index < 0 || c.Settle < 0 || c.Stall < 0 {
		return fmt.Errorf("index %d, settle %v, stall %v: none may be negative", c.Index, c.Settle, c.Stall)
	}
	return nil
}

// WithDefaults fills what is zero.
func (c Config) WithDefaults() Config {
	if c.Settle == 0 {
		c.Settle = 5 * time.Millisecond
	}
	return c
}

// CheckCentre refuses what the tuner does not reach, and NaN.
func (t Tuner) CheckCentre(hz float64) error {
	if lo, hi := t.Limits(); !(hz >= lo && hz <= hi) {
		return fmt.Errorf("%v cannot be tuned to %g Hz, only from %g to %g", t, hz, lo, hi)
	}
	return nil
}
