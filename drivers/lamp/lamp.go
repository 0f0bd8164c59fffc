// Package lamp is the driver of a row of colour lights at the door, in either of the two common chips, over SPI.
//
//	APA102   data and clock, any speed up to about 20 MHz. A frame is four bytes 0, then for each light 111bbbbb
//	         (own brightness) blue green red, then at least n/2 more clock edges, low. SK9822 wants four bytes 0 besides.
//	         (APA Electronic, APA102 specification; the length of the end is explained at cpldcpu.wordpress.com.)
//	WS2812   one wire at 800 kbit/s, green red blue. Here SPI's MOSI at 2.4 MHz draws each bit with three:
//	         0 is 100 (417 ns high), 1 is 110 (833 ns high); the row takes over after 280 µs low.
//	         (Worldsemi, WS2812B data sheet: T0H 220…380 ns, T1H 580 ns…1 µs; the 417 ns are above the newest
//	         revision's bound, within the older one's 350 ns ± 150 ns. Where a row flickers, use an APA102.)
//
// A row only listens: whether it is there cannot be seen, only whether the bus is. What a colour means is not known
// here.
package lamp

import (
	"errors"
	"fmt"
	"math"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
)

// RGB is a light's colour as people see it; the driver applies the gamma.
type RGB struct{ R, G, B uint8 }

// Chip is the kind of light.
type Chip string

const (
	APA102 Chip = "apa102"
	WS2812 Chip = "ws2812"
)

// Clock returns the bus clock for the chip. Only the WS2812 depends on it.
func (c Chip) Clock() physic.Frequency {
	if c == WS2812 {
		return 2400 * physic.KiloHertz
	}
	return 4 * physic.MegaHertz
}

// ErrAbsent is wrapped by New where there is no bus.
var ErrAbsent = errors.New("lamp: no bus here")

// Opts of a row.
type Opts struct {
	Lights int     // 1…300
	Cap    float64 // highest brightness, 0…1 of what the chip can do: for eyes, and for the supply
	Gamma  float64 // 1…4; 1 is none
}

// DefaultOpts suit a door sign.
var DefaultOpts = Opts{Lights: 8, Cap: 0.25, Gamma: 2.2}

// Dev is one row. It is not safe for concurrent use.
type Dev struct {
	c     conn.Conn
	chip  Chip
	n     int
	level [256]uint8
	buf   []byte
	sent  []byte // buf as it was last written; nil: never
}

// New returns a dark row. A nil c is ErrAbsent.
func New(c conn.Conn, chip Chip, o Opts) (*Dev, error) {
	if c == nil {
		return nil, fmt.Errorf("lamp: %s: %w", chip, ErrAbsent)
	}
	switch {
	case chip != APA102 && chip != WS2812:
		return nil, fmt.Errorf("lamp: no chip %q, want %s or %s", chip, APA102, WS2812)
	case o.Lights < 1 || o.Lights > 300:
		return nil, fmt.Errorf("lamp: %d lights, want 1 to 300", o.Lights)
	case !(o.Cap > 0 && o.Cap <= 1):
		return nil, fmt.Errorf("lamp: cap %g, want more than 0 and at most 1", o.Cap)
	case !(o.Gamma >= 1 && o.Gamma <= 4):
		return nil, fmt.Errorf("lamp: gamma %g, want 1 to 4", o.Gamma)
	}
	d := &Dev{c: c, chip: chip, n: o.Lights}
	for i := range d.level {
		d.level[i] = uint8(math.Round(255 * o.Cap * math.Pow(float64(i)/255, o.Gamma)))
	}
	size := 4 + 4*d.n + 4 + (d.n+15)/16
	if chip == WS2812 {
		size = 9*d.n + settle
	}
	d.buf = make([]byte, size)
	d.sent = make([]byte, 0, size)
	return d, d.Show(nil)
}

// settle is the bytes of low after a row of WS2812: 84 are 280 µs at 2.4 MHz.
const settle = 90

// Lights returns how many there are.
func (d *Dev) Lights() int { return d.n }

// Show lights the row; lights beyond px are dark, px beyond the row are not shown. What has not changed is not sent
// again. It does not allocate.
func (d *Dev) Show(px []RGB) error {
	if d.chip == APA102 {
		d.apa102(px)
	} else {
		d.ws2812(px)
	}
	if string(d.sent) == string(d.buf) {
		return nil
	}
	if err := d.c.Tx(d.buf, nil); err != nil {
		d.sent = d.sent[:0]
		return fmt.Errorf("lamp: %s: %w", d.chip, err)
	}
	d.sent = append(d.sent[:0], d.buf...)
	return nil
}

func (d *Dev) at(px []RGB, i int) (r, g, b uint8) {
	if i < len(px) {
		r, g, b = d.level[px[i].R], d.level[px[i].G], d.level[px[i].B]
	}
	return r, g, b
}

func (d *Dev) apa102(px []RGB) {
	for i := range d.n {
		r, g, b := d.at(px, i)
		copy(d.buf[4+4*i:], []byte{0xff, b, g, r})
	}
}

func (d *Dev) ws2812(px []RGB) {
	for i := range d.n {
		r, g, b := d.at(px, i)
		for k, v := range [3]uint8{g, r, b} {
			w := spread(v)
			copy(d.buf[9*i+3*k:], []byte{byte(w >> 16), byte(w >> 8), byte(w)})
		}
	}
}

// spread draws each bit of v, the highest first, as 100 or 110.
func spread(v uint8) (w uint32) {
	for i := 7; i >= 0; i-- {
		w = w<<3 | 0b100 | uint32(v>>i&1)<<1
	}
	return w
}

// Close makes the row dark.
func (d *Dev) Close() error {
	d.sent = d.sent[:0] // in any case
	return d.Show(nil)
}
