// Package mcp3208 is the driver of the analogue-to-digital converter MCP3208: 12 bits, eight single-ended inputs, SPI.
//
// Datasheet: Microchip DS21298E, "2.7V 4-Channel/8-Channel 12-Bit A/D Converters with SPI Serial Interface",
// section 6.1 (use with 8-bit microcontrollers). One conversion is three bytes in SPI mode 0 or 3:
//
//	out  0 0 0 0 0 1 S D2   D1 D0 x x x x x x     x x x x x x x x
//	in   ? ? ? ? ? ? ? ?    ? ? ? 0 B11 … B8      B7 … B0
//
// The 1 is the start bit, S = 1 is single-ended, D2…D0 the input. The 0 before B11 is the null bit: the converter
// drives the line low there. Wire a pull-up to DOUT: where no converter answers the null bit then reads 1, which is
// how New tells an absent converter from one whose input lies at the rail.
//
// Clock: at most 2 MHz at 5 V, 1 MHz at 2.7 V; at 3.3 V stay at 1 MHz. The sample capacitor wants sources of less
// than about 1 kΩ at that clock (figure 4-2); higher ones need a buffer or 100 nF at the input.
package mcp3208

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
)

const (
	Inputs    = 8
	FullScale = 4096             // codes; code = 4096 · Vin / Vref, at most 4095
	Clock     = physic.MegaHertz // at 3.3 V
)

// ErrAbsent is wrapped by New where nothing answers: no bus, or no converter on it.
var ErrAbsent = errors.New("mcp3208: no converter here")

// Dev is one converter. It is not safe for concurrent use.
type Dev struct {
	c    conn.Conn
	w, r [3]byte
}

// New tries one conversion on c, an SPI connection in mode 0 with 8 bits a word. A nil c is ErrAbsent.
func New(c conn.Conn) (*Dev, error) {
	if c == nil {
		return nil, fmt.Errorf("mcp3208: no bus: %w", ErrAbsent)
	}
	d := &Dev{c: c}
	if _, err := d.Read(0); err != nil {
		return nil, err
	}
	return d, nil
}

// Read converts input 0…7 and returns 0…4095. It wraps ErrAbsent when the null bit is missing: nothing drives the line.
func (d *Dev) Read(input int) (int, error) {
	if input < 0 || input >= Inputs {
		return 0, fmt.Errorf("mcp3208: no input %d", input)
	}
	d.w[0], d.w[1], d.w[2] = 0x06|byte(input>>2), byte(input)<<6, 0
	if err := d.c.Tx(d.w[:], d.r[:]); err != nil {
		return 0, fmt.Errorf("mcp3208: input %d: %w", input, err)
	}
	if d.r[1]&0x10 != 0 {
		return 0, fmt.Errorf("mcp3208: input %d: no null bit: %w", input, ErrAbsent)
	}
	return int(d.r[1]&0x0f)<<8 | int(d.r[2]), nil
}
