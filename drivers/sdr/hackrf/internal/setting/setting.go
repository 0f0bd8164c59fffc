// Package setting is what a HackRF can be asked for.
package setting

import (
	"fmt"
	"math"
	"time"
)

// Lo and Hi are where HackRF One is specified, Hz.
const (
	Lo = 1e6
	Hi = 6e9
)

// Config says which receiver to open, and how.
type Config struct {
	Serial string // the end of the receiver's serial number; empty: the first one

	Rate   int     // samples per second, 2 to 20 million
	Centre float64 // Hz
	PPM    int     // by how much the receiver's clock is too fast
	LNADB  int     // gain at the intermediate frequency: 0 to 40 in steps of 8 dB
	VGADB  int     // gain at baseband: 0 to 62 in steps of 2 dB

	Settle time.Duration // samples after a retune that are discarded; 0: 5 ms
	Stall  time.Duration // after which a receiver that delivers nothing is broken; 0: 5 s
}

// Split spreads a gain in dB over the two amplifiers, about evenly, as 16 and 24 dB for 40. Outside 0 to 102 it
// takes the nearest.
func Split(db float64) (lna, vga int) {
	if !(db > 0) {
		return 0, 0
	}
	db = min(db, 102)
	lna = min(int(db/2)/8*8, 40)
	vga = min(int(math.Round((db-float64(lna))/2))*2, 62)
	return lna, vga
}

// Check refuses what the receiver cannot do.
func (c Config) Check() error {
	switch {
	case c.Rate < 2e6 || c.Rate > 20e6:
		return fmt.Errorf("%d samples/s, want 2 to 20 million", c.Rate)
	case !(c.Centre >= Lo && c.Centre <= Hi):
		return fmt.Errorf("cannot be tuned to %g Hz, only from %g to %g", c.Centre, float64(Lo), float64(Hi))
	case c.PPM < -1000 || c.PPM > 1000:
		return fmt.Errorf("%d ppm, want -1000 to 1000", c.PPM)
	case c.LNADB < 0 || c.LNADB > 40 || c.LNADB%8 != 0:
		return fmt.Errorf("first gain of %d dB, want 0 to 40 in steps of 8", c.LNADB)
	case c.VGADB < 0 || c.VGADB > 62 || c.VGADB%2 != 0:
		return fmt.Errorf("second gain of %d dB, want 0 to 62 in steps of 2", c.VGADB)
	case c.Settle < 0 || c.Stall < 0:
		return fmt.Errorf("settle %v, stall %v: none may be negative", c.Settle, c.Stall)
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
