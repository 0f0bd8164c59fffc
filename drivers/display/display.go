// Package display is the driver of a small screen of 128 × 64 dots with a SSD1306 at I²C, which shows a few words.
//
// Source: Solomon Systech, SSD1306 data sheet rev. 1.1: command table 9-1, addressing modes 10.1.3, charge pump in the
// application note at its end. A byte 0x00 before commands, 0x40 before data. The address is 0x3C, or 0x3D with SA0
// high. A screen with SH1106, often sold as the same, has other addressing and will show stripes: it is not supported.
package display

import (
	"bytes"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"
)

const (
	Width   = 128
	Height  = 64
	Address = 0x3c

	pages = Height / 8
	chunk = 128 // bytes of data in one transaction
)

// ErrAbsent is wrapped by New where there is no bus.
var ErrAbsent = errors.New("display: no bus here")

// begin sets the screen up: 64 rows, horizontal addressing, turned so that the connector is on top, charge pump on.
var begin = []byte{0x00, 0xae, 0xd5, 0x80, 0xa8, Height - 1, 0xd3, 0, 0x40, 0x8d, 0x14, 0x20, 0, 0xa1, 0xc8, 0xda, 0x12, 0x81, 0x7f,
	0xd9, 0xf1, 0xdb, 0x40, 0xa4, 0xa6, 0xaf}

// window lets the data that follow begin in the upper left corner.
var window = []byte{0x00, 0x21, 0, Width - 1, 0x22, 0, pages - 1}

// Line is one line of words.
type Line struct {
	Text string
	Size int // dots a dot of the face: 1 is 21 characters a line, 2 is 10
}

// Dev is one screen. It is not safe for concurrent use.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	dots [Width * pages]byte // a byte is eight dots below each other, the lowest bit on top
	sent [Width * pages]byte
	ok   bool // sent is what the screen shows
	tx   [1 + chunk]byte
}

// New sets up a dark screen at the address. A nil bus is ErrAbsent; so is a screen that does not answer there, if the
// bus tells: periph's buses do not say which error it was, so any failure of the first byte counts as absent.
func New(bus i2c.Bus, addr uint16) (*Dev, error) {
	if bus == nil {
		return nil, fmt.Errorf("display: %w", ErrAbsent)
	}
	if err := bus.Tx(addr, []byte{0x00, 0xe3}, nil); err != nil { // no operation
		return nil, fmt.Errorf("display: nothing answers at %#x (%v): %w", addr, err, ErrAbsent)
	}
	d := &Dev{bus: bus, addr: addr}
	return d, d.Show()
}

// Show shows the lines below each other, in the middle. What has not changed is not sent again.
func (d *Dev) Show(lines ...Line) error {
	d.draw(lines)
	if d.ok && d.dots == d.sent {
		return nil
	}
	if !d.ok { // after a failure the screen may have lost its power
		if err := d.bus.Tx(d.addr, begin, nil); err != nil {
			return fmt.Errorf("display: set up: %w", err)
		}
	}
	d.ok = false
	if err := d.bus.Tx(d.addr, window, nil); err != nil {
		return fmt.Errorf("display: %w", err)
	}
	d.tx[0] = 0x40
	for i := 0; i < len(d.dots); i += chunk {
		copy(d.tx[1:], d.dots[i:i+chunk])
		if err := d.bus.Tx(d.addr, d.tx[:], nil); err != nil {
			return fmt.Errorf("display: %w", err)
		}
	}
	d.sent, d.ok = d.dots, true
	return nil
}

// Close makes the screen dark and switches it off.
func (d *Dev) Close() error {
	d.ok = false
	err := d.Show()
	if e := d.bus.Tx(d.addr, []byte{0x00, 0xae}, nil); err == nil && e != nil {
		err = fmt.Errorf("display: off: %w", e)
	}
	d.ok = false
	return err
}

// Fits reports whether a line shows all of its text.
func (l Line) Fits() bool { return l.width() <= Width }

func (l Line) width() int { return max(0, len([]rune(l.Text))*(dotsWide+1)-1) * l.Size }

func (d *Dev) draw(lines []Line) {
	clear(d.dots[:])
	high := 0
	for _, l := range lines {
		high += l.Size * lineHigh
	}
	y := max(0, (Height-high)/2)
	for _, l := range lines {
		x := max(0, (Width-l.width())/2)
		for _, r := range l.Text {
			d.glyph(x, y, l.Size, r)
			x += (dotsWide + 1) * l.Size
		}
		y += l.Size * lineHigh
	}
}

func (d *Dev) glyph(x, y, size int, r rune) {
	g, ok := face[r]
	if !ok && r != ' ' {
		g = face['\ufffd']
	}
	for j, row := range g {
		for i := range dotsWide {
			if row>>(dotsWide-1-i)&1 == 0 {
				continue
			}
			for k := range size * size {
				d.dot(x+i*size+k%size, y+j*size+k/size)
			}
		}
	}
}

func (d *Dev) dot(x, y int) {
	if x >= 0 && x < Width && y >= 0 && y < Height {
		d.dots[y/8*Width+x] |= 1 << (y % 8)
	}
}

// faceOf reads glyphs.txt: a character and, from the top, its rows of five dots; two rows below the seventh are for
// descenders. It is the project's own face, the same as that of replay's pictures.
func faceOf(sheet []byte) map[rune][dotsHigh]byte {
	m := make(map[rune][dotsHigh]byte)
	for line := range bytes.Lines(sheet) {
		f := bytes.Fields(line)
		if len(f) == 0 {
			continue
		}
		var g [dotsHigh]byte
		for j, row := range f[1:min(len(f), dotsHigh+1)] {
			for _, c := range row {
				g[j] <<= 1
				if c == '#' {
					g[j] |= 1
				}
			}
		}
		m[bytes.Runes(f[0])[0]] = g
	}
	return m
}
