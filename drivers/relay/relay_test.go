package relay

import (
	"errors"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// rig is a relay whose contact follows its coil after a delay unless it is stuck.
type rig struct {
	d        *Dev
	out      *gpiotest.Pin
	contact  *gpiotest.Pin
	now      time.Time
	stuck    bool
	switched int
}

func newRig(t *testing.T, o Opts) *rig {
	t.Helper()
	r := &rig{out: &gpiotest.Pin{N: "out", L: gpio.High}, contact: &gpiotest.Pin{N: "contact"}, now: t0}
	d, err := New(r.out, r.contact, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.out.L == o.On {
		t.Fatal("a new relay is on")
	}
	r.d = d
	return r
}

// run steps for the given time and returns the last error.
func (r *rig) run(d time.Duration) (err error) {
	for end := r.now.Add(d); r.now.Before(end); r.now = r.now.Add(10 * time.Millisecond) {
		before := r.out.L
		err = r.d.Step(r.now)
		if r.out.L != before {
			r.switched++
		}
		if !r.stuck {
			r.contact.L = gpio.Level((r.out.L == r.d.o.On) == (r.d.o.Feedback == gpio.High))
		}
	}
	return err
}

func TestSwitching(t *testing.T) {
	for _, o := range []Opts{DefaultOpts, {On: gpio.Low, Feedback: gpio.High, Settle: 50 * time.Millisecond, Interval: 2 * time.Second}} {
		r := newRig(t, o)
		r.d.Set(true)
		if err := r.run(time.Second); err != nil || !r.d.On() || r.out.L != o.On {
			t.Errorf("on: %v, %v", r.d.On(), err)
		}
		for range 20 { // a chattering wish
			r.d.Set(false)
			_ = r.run(50 * time.Millisecond)
			r.d.Set(true)
			_ = r.run(50 * time.Millisecond)
		}
		if r.switched > 3 {
			t.Errorf("switched %d times in 3 s", r.switched)
		}
		r.d.Set(false)
		if err := r.run(5 * time.Second); err != nil || r.d.On() {
			t.Errorf("off: %v, %v", r.d.On(), err)
		}
		r.d.Set(true)
		_ = r.run(10 * time.Millisecond)
		if err := r.d.Close(); err != nil || r.d.On() || r.out.L == o.On {
			t.Errorf("after Close: %v, %v", r.d.On(), err)
		}
	}
}

func TestFaults(t *testing.T) {
	r := newRig(t, DefaultOpts)
	r.contact.L, r.stuck = gpio.High, true // reads off for ever
	r.d.Set(true)
	if err := r.run(50 * time.Millisecond); err != nil {
		t.Errorf("before it has settled: %v", err)
	}
	if err := r.run(time.Second); !errors.Is(err, ErrFailed) {
		t.Errorf("got %v", err)
	}
	r.contact.L = gpio.Low
	if err := r.run(time.Second); err != nil {
		t.Errorf("repaired: %v", err)
	}
	r.d.Set(false)
	if err := r.run(3 * time.Second); !errors.Is(err, ErrWelded) || bool(r.out.L) {
		t.Errorf("got %v, output %v", err, r.out.L)
	}
}

type broken struct{ gpiotest.Pin }

func (*broken) Out(gpio.Level) error          { return errors.New("refused") }
func (*broken) In(gpio.Pull, gpio.Edge) error { return errors.New("refused") }

func TestThreeAnswers(t *testing.T) {
	if _, err := New(nil, nil, DefaultOpts); !errors.Is(err, ErrAbsent) {
		t.Errorf("no pin: %v", err)
	}
	if d, err := New(&gpiotest.Pin{}, nil, DefaultOpts); err != nil || d.Step(t0) != nil {
		t.Errorf("without a contact: %v", err)
	}
	for _, f := range []func() (*Dev, error){
		func() (*Dev, error) { return New(&broken{}, nil, DefaultOpts) },
		func() (*Dev, error) { return New(&gpiotest.Pin{}, &broken{}, DefaultOpts) },
		func() (*Dev, error) { return New(&gpiotest.Pin{}, nil, Opts{}) },
	} {
		if _, err := f(); err == nil || errors.Is(err, ErrAbsent) {
			t.Errorf("broken: %v", err)
		}
	}
}
