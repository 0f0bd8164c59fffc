package contact

import (
	"errors"
	"math"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// loop is the circuit of the package comment, each resistor off by its tolerance.
type loop struct{ rp, rs, ro, line float64 }

func (l loop) ratio(s State) float64 {
	r := map[State]float64{Short: l.line, Closed: l.line + l.rs, Open: l.line + l.rs + l.ro, Cut: math.Inf(1)}[s]
	if math.IsInf(r, 1) {
		return 1
	}
	return r / (r + l.rp)
}

// adc answers with the voltage of a loop.
type adc struct {
	v   float64
	err error
}

func (a *adc) Read(int) (int, error) { return min(fullScale-1, int(a.v*fullScale)), a.err }

var order = []State{Short, Closed, Open, Cut}

// TestLoop: with resistors off by 1 % in any direction and up to 500 Ω of line each state is told, from each other.
func TestLoop(t *testing.T) {
	n := 0
	for _, dp := range []float64{0.99, 1.01} {
		for _, ds := range []float64{0.99, 1.01} {
			for _, do := range []float64{0.99, 1.01} {
				for _, line := range []float64{0, 500} {
					l := loop{10e3 * dp, 4.7e3 * ds, 22e3 * do, line}
					for _, from := range append(order, Unknown) {
						for _, to := range order {
							n++
							if got := DefaultLimits.classify(from, l.ratio(to)); got != to {
								t.Errorf("%+v: %v after %v reads as %v (%.3f)", l, to, from, got, l.ratio(to))
							}
						}
					}
				}
			}
		}
	}
	t.Logf("measured: %d pairs of states over tolerances", n)
}

// TestHysteresis: noise of less than the hysteresis about a border moves nothing.
func TestHysteresis(t *testing.T) {
	for _, border := range []float64{DefaultLimits.Short, DefaultLimits.Closed, DefaultLimits.Open} {
		s := DefaultLimits.classify(Unknown, border-0.01)
		was := s
		for i := range 100 {
			s = DefaultLimits.classify(s, border+0.015*math.Sin(float64(i)))
			if s != was {
				t.Fatalf("moved to %v at the border %.2f", s, border)
			}
		}
		if s = DefaultLimits.classify(s, border+0.03); s == was {
			t.Errorf("does not move past the border %.2f", border)
		}
	}
}

func TestSupervised(t *testing.T) {
	a := &adc{}
	c, err := NewSupervised(a, 3, DefaultLimits, DefaultHold)
	if err != nil || !c.Supervised() {
		t.Fatal(err)
	}
	now, l := t0, loop{10e3, 4.7e3, 22e3, 50}
	run := func(s State, d time.Duration) (got State) {
		a.v = l.ratio(s)
		for end := now.Add(d); now.Before(end); now = now.Add(10 * time.Millisecond) {
			if got, err = c.Step(now); err != nil {
				t.Fatal(err)
			}
		}
		return got
	}
	if got := run(Closed, 100*time.Millisecond); got != Unknown {
		t.Errorf("settled at once: %v", got)
	}
	for _, s := range []State{Closed, Open, Closed, Cut, Short, Closed} {
		if got := run(s, time.Second); got != s || got.Fault() != (s == Cut || s == Short) {
			t.Errorf("got %v, want %v", got, s)
		}
	}
	if got := run(Open, 100*time.Millisecond); got != Closed {
		t.Errorf("a rattle counts: %v", got)
	}
	run(Closed, time.Second)
	a.err = errors.New("gone")
	if got, err := c.Step(now); got != Closed || !errors.Is(err, a.err) {
		t.Errorf("got %v, %v", got, err)
	}
	if n := testing.AllocsPerRun(100, func() { a.err = nil; _, _ = c.Step(now) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestDry(t *testing.T) {
	for _, closed := range []gpio.Level{gpio.Low, gpio.High} {
		pin := &gpiotest.Pin{N: "x"}
		c, err := NewDry(pin, closed, DefaultHold)
		if err != nil || c.Supervised() {
			t.Fatal(err)
		}
		if (pin.P == gpio.PullUp) != (closed == gpio.Low) {
			t.Errorf("pull %v", pin.P)
		}
		// Unconnected it rests at its pull: open.
		for i, want := range []State{Unknown, Open} {
			if got, err := c.Step(t0.Add(time.Duration(i) * time.Second)); err != nil || got != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		}
		pin.L = closed
		c.Step(t0.Add(2 * time.Second))
		if got, _ := c.Step(t0.Add(3 * time.Second)); got != Closed {
			t.Errorf("got %v", got)
		}
	}
}

type broken struct{ gpiotest.Pin }

func (*broken) In(gpio.Pull, gpio.Edge) error { return errors.New("refused") }

func TestThreeAnswers(t *testing.T) {
	if _, err := NewSupervised(nil, 0, DefaultLimits, 0); !errors.Is(err, ErrAbsent) {
		t.Errorf("no converter: %v", err)
	}
	if _, err := NewDry(nil, gpio.Low, 0); !errors.Is(err, ErrAbsent) {
		t.Errorf("no pin: %v", err)
	}
	if _, err := NewSupervised(&adc{err: errors.New("gone")}, 0, DefaultLimits, 0); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("broken converter: %v", err)
	}
	if _, err := NewDry(&broken{}, gpio.Low, 0); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("broken pin: %v", err)
	}
	for _, l := range []Limits{{}, {0.5, 0.4, 0.9, 0.02}, {0.1, 0.5, 0.99, 0.02}, {0.1, 0.5, 0.9, 0}} {
		if _, err := NewSupervised(&adc{}, 0, l, 0); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
}
