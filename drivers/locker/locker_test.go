package locker

import (
	"errors"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// chain is a row of 74HC165: load and clock act on edges as the chip's do.
type chain struct {
	slots  []bool // true: a phone
	bits   []bool
	cut    bool
	err    error
	shifts int
}

type wire struct {
	gpiotest.Pin
	c  *chain
	on func(c *chain, was, is gpio.Level)
}

func (w *wire) Out(l gpio.Level) error {
	if w.c.err != nil {
		return w.c.err
	}
	w.on(w.c, w.L, l)
	w.L = l
	return nil
}

type data struct {
	gpiotest.Pin
	c *chain
}

func (d *data) Read() gpio.Level {
	if d.c.cut {
		return gpio.Low // its pull-down
	}
	if len(d.c.bits) == 0 {
		return gpio.High
	}
	return gpio.Level(d.c.bits[0])
}

func (c *chain) pins() (load, clock *wire, out *data) {
	load = &wire{c: c, on: func(c *chain, was, is gpio.Level) {
		if is == gpio.Low {
			c.bits = c.bits[:0]
			for _, phone := range c.slots {
				c.bits = append(c.bits, !phone)
			}
			for len(c.bits)%8 != 0 {
				c.bits = append(c.bits, true)
			}
		}
	}}
	clock = &wire{c: c, on: func(c *chain, was, is gpio.Level) {
		if was == gpio.Low && is == gpio.High {
			c.shifts++
			if len(c.bits) > 0 {
				c.bits = c.bits[1:]
			}
		}
	}}
	return load, clock, &data{c: c}
}

func TestCount(t *testing.T) {
	for _, n := range []int{1, 8, 9, 12, 64} {
		c := &chain{slots: make([]bool, n)}
		load, clock, out := c.pins()
		d, err := New(load, clock, out, n, DefaultHold)
		if err != nil {
			t.Fatal(err)
		}
		now, want := t0, 0
		for i := range n {
			c.slots[i] = i%3 != 1
			if c.slots[i] {
				want++
			}
			if _, known, err := d.Step(now); known || err != nil {
				t.Errorf("%d slots: told while they fill: %v", n, err)
			}
			now = now.Add(10 * time.Millisecond)
		}
		d.Step(now)
		if got, known, err := d.Step(now.Add(time.Second)); got != want || !known || err != nil {
			t.Errorf("%d slots: got %d, %v, %v, want %d", n, got, known, err, want)
		}
		c.slots[0] = !c.slots[0]
		if got, _, _ := d.Step(now.Add(1100 * time.Millisecond)); got != want {
			t.Errorf("%d slots: a count of one look is told", n)
		}
		c.cut = true
		if got, known, err := d.Step(now.Add(3 * time.Second)); got != want || !known || !errors.Is(err, ErrAbsent) {
			t.Errorf("%d slots, cut: got %d, %v, %v", n, got, known, err)
		}
	}
}

func TestThreeAnswers(t *testing.T) {
	c := &chain{slots: make([]bool, 8)}
	load, clock, out := c.pins()
	if _, err := New(nil, clock, out, 8, 0); !errors.Is(err, ErrAbsent) {
		t.Errorf("no pin: %v", err)
	}
	if _, err := New(load, clock, out, 0, 0); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("no slots: %v", err)
	}
	c.cut = true
	if _, err := New(load, clock, out, 8, 0); !errors.Is(err, ErrAbsent) {
		t.Errorf("no chain: %v", err)
	}
	c.cut, c.err = false, errors.New("refused")
	if _, err := New(load, clock, out, 8, 0); !errors.Is(err, c.err) || errors.Is(err, ErrAbsent) {
		t.Errorf("broken pin: %v", err)
	}
}
