package simulator

import (
	"errors"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"subrosa/drivers/display"
)

// pin is a GPIO. Its level is that of the output; read is what an input sees.
type pin struct {
	s     *Simulator
	name  string
	level gpio.Level
	read  func() gpio.Level
	drive func(gpio.Level)
}

func (p *pin) String() string                        { return p.name }
func (p *pin) Name() string                          { return p.name }
func (p *pin) Number() int                           { return -1 }
func (p *pin) Function() string                      { return "simulated" }
func (p *pin) Halt() error                           { return nil }
func (p *pin) In(gpio.Pull, gpio.Edge) error         { return nil }
func (p *pin) WaitForEdge(time.Duration) bool        { return false }
func (p *pin) Pull() gpio.Pull                       { return gpio.PullNoChange }
func (p *pin) DefaultPull() gpio.Pull                { return gpio.PullNoChange }
func (p *pin) PWM(gpio.Duty, physic.Frequency) error { return errors.New("simulator: no PWM") }

func (p *pin) Read() gpio.Level {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.read()
}

func (p *pin) Out(l gpio.Level) error {
	p.s.mu.Lock()
	was := p.level
	p.level = l
	p.drive(l)
	quiet := p.name == p.s.conf.Locker.Load || p.name == p.s.conf.Locker.Clock // nothing to see
	p.s.mu.Unlock()
	if was != l && !quiet {
		p.s.wake()
	}
	return nil
}

// shift is the locker's chain of 74HC165. Its methods are called with the simulator's mu held.
type shift struct {
	bits []bool
	was  gpio.Level
}

func (c *shift) load(l gpio.Level, phones, slots int) {
	if l == gpio.Low {
		c.bits = c.bits[:0]
		for i := range slots {
			c.bits = append(c.bits, i >= phones)
		}
	}
}

func (c *shift) clock(l gpio.Level) {
	if l == gpio.High && c.was == gpio.Low && len(c.bits) > 0 {
		c.bits = c.bits[1:]
	}
	c.was = l
}

func (c *shift) out() gpio.Level { return gpio.Level(len(c.bits) == 0 || c.bits[0]) }

// port is what all simulated SPI chips share.
type port struct{}

func (port) String() string      { return "simulated" }
func (port) Duplex() conn.Duplex { return conn.Full }

// strip is the lamp's row of lights: it keeps the last frame.
type strip struct {
	port
	s *Simulator
}

func (c *strip) Tx(w, _ []byte) error {
	c.s.change(func() { c.s.lamp = append(c.s.lamp[:0], w...) })
	return nil
}

// converter is an MCP3208 whose inputs have voltages, as parts of its reference.
type converter struct {
	port
	s     *Simulator
	volts func(input int) float64
}

func (c *converter) Tx(w, r []byte) error {
	if len(w) != 3 || len(r) != 3 || w[0]&0xfe != 0x06 {
		return errors.New("simulator: no conversion of a MCP3208")
	}
	c.s.mu.Lock()
	v := c.volts(int(w[0]&1)<<2 | int(w[1]>>6))
	c.s.mu.Unlock()
	code := min(4095, max(0, int(v*4096)))
	r[0], r[1], r[2] = 0, byte(code>>8), byte(code)
	return nil
}

// screen is the memory of an SSD1306 in horizontal addressing.
type screen struct {
	dots [display.Width * display.Height / 8]byte
	at   int
	on   bool
}

// i2cBus has a screen at its address.
type i2cBus struct{ s *Simulator }

func (b *i2cBus) String() string                  { return "simulated" }
func (b *i2cBus) SetSpeed(physic.Frequency) error { return nil }

func (b *i2cBus) Tx(addr uint16, w, _ []byte) error {
	if addr != b.s.conf.Screen.Address || len(w) == 0 {
		return errors.New("simulator: nobody answers")
	}
	b.s.change(func() { b.s.screen.take(w) })
	return nil
}

// take knows of the commands what the picture depends on: the window, on and off.
func (c *screen) take(w []byte) {
	if w[0] == 0x40 {
		for _, d := range w[1:] {
			c.dots[c.at%len(c.dots)] = d
			c.at++
		}
		return
	}
	switch w[1] {
	case 0x21:
		c.at = 0
	case 0xae:
		c.on = len(w) > 2 // the set-up ends with on
	}
}

func (c *screen) lit(x, y int) bool { return c.on && c.dots[y/8*display.Width+x]>>(y%8)&1 == 1 }
