package button

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// play gives the machine a level for each stretch of milliseconds, looked at every 5 ms, beginning with up.
func play(t *testing.T, begin bool, stretches ...int) (got []Press, m *Machine, now time.Time) {
	t.Helper()
	m, err := NewMachine(DefaultTiming)
	if err != nil {
		t.Fatal(err)
	}
	now = t0
	down := begin
	for _, ms := range stretches {
		for i := 0; i < ms; i += 5 {
			if p := m.Step(now, down); p != None {
				got = append(got, p)
			}
			now = now.Add(5 * time.Millisecond)
		}
		down = !down
	}
	return got, m, now
}

func TestPresses(t *testing.T) {
	tests := []struct {
		name  string
		begin bool
		ms    []int
		want  []Press
	}{
		{"short", false, []int{100, 200, 100}, []Press{Short}},
		{"long, told once and while held", false, []int{100, 1600}, []Press{Long}},
		{"a long one gives no short one", false, []int{100, 3000, 100}, []Press{Long}},
		{"bounce", false, []int{100, 5, 5, 10, 5, 200, 5, 5, 100}, []Press{Short}},
		{"a spike is no press", false, []int{100, 20, 100}, nil},
		{"a dropout does not end a long one", false, []int{100, 800, 15, 900, 100}, []Press{Long}},
		{"two", false, []int{100, 100, 100, 100, 100}, []Press{Short, Short}},
		{"held from the start counts only after a release", true, []int{5000, 100, 100, 100}, []Press{Short}},
		{"a touch at the start is forgotten", true, []int{10, 100, 100, 100}, []Press{Short}},
		{"just not long", false, []int{100, 1490, 100}, []Press{Short}},
	}
	for _, tt := range tests {
		got, _, _ := play(t, tt.begin, tt.ms...)
		if len(got) != len(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func TestStuck(t *testing.T) {
	_, m, now := play(t, false, 100, 31000)
	if err := m.Fault(now); !errors.Is(err, ErrStuck) {
		t.Errorf("got %v", err)
	}
	if _, m, now := play(t, false, 100, 29000); m.Fault(now) != nil {
		t.Error("stuck too early")
	}
}

// TestNeverMorePressesThanHolds: with any bouncing, each debounced hold gives exactly one press.
func TestNeverMorePressesThanHolds(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		m, _ := NewMachine(DefaultTiming)
		now, down, was, holds, presses := t0, false, false, 0, 0
		m.Step(now, false)
		for range 4000 {
			if r.IntN(20) == 0 {
				down = !down
			}
			if m.Step(now, down) != None {
				presses++
			}
			if m.Down() && !was {
				holds++
			}
			was = m.Down()
			now = now.Add(time.Duration(1+r.IntN(40)) * time.Millisecond)
		}
		if d := holds - presses; d != 0 && (d != 1 || !was) {
			t.Errorf("seed %d: %d holds, %d presses", seed, holds, presses)
		}
	}
}

func TestDev(t *testing.T) {
	in, led, motor := &gpiotest.Pin{N: "in"}, &gpiotest.Pin{N: "led", L: gpio.High}, &gpiotest.Pin{N: "motor", L: gpio.High}
	d, err := New(in, led, motor, DefaultOpts)
	if err != nil {
		t.Fatal(err)
	}
	if in.P != gpio.PullUp || led.L || motor.L {
		t.Errorf("pull %v, light %v, motor %v at the start", in.P, led.L, motor.L)
	}
	d.Show(Hurry)
	d.Vibrate(t0, Pattern{100 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond})
	on, off, presses := 0, 0, 0
	for i := range 100 {
		in.L = gpio.Level(i < 10 || i > 30) // pressed is low
		p, err := d.Step(t0.Add(time.Duration(i) * 10 * time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		if p == Short {
			presses++
		}
		if motor.L {
			on++
		}
		if led.L {
			off++
		}
	}
	if on != 20 || off != 50 || presses != 1 {
		t.Errorf("motor on for %d, light for %d, %d presses", on, off, presses)
	}
	d.Show(Lit)
	d.Vibrate(t0, Pattern{time.Hour})
	if _, err := d.Step(t0); err != nil || !bool(led.L) || !bool(motor.L) {
		t.Errorf("light %v, motor %v, %v", led.L, motor.L, err)
	}
	if err := d.Close(); err != nil || bool(led.L) || bool(motor.L) {
		t.Errorf("after Close: light %v, motor %v, %v", led.L, motor.L, err)
	}
}

type broken struct{ gpiotest.Pin }

func (*broken) Out(gpio.Level) error          { return errors.New("refused") }
func (*broken) In(gpio.Pull, gpio.Edge) error { return errors.New("refused") }

func TestThreeAnswers(t *testing.T) {
	if _, err := New(nil, nil, nil, DefaultOpts); !errors.Is(err, ErrAbsent) {
		t.Errorf("no pin: %v", err)
	}
	for _, f := range []func() (*Dev, error){
		func() (*Dev, error) { return New(&broken{}, nil, nil, DefaultOpts) },
		func() (*Dev, error) { return New(&gpiotest.Pin{}, &broken{}, nil, DefaultOpts) },
		func() (*Dev, error) { return New(&gpiotest.Pin{}, nil, &broken{}, DefaultOpts) },
		func() (*Dev, error) { return New(&gpiotest.Pin{}, nil, nil, Opts{}) },
	} {
		if _, err := f(); err == nil || errors.Is(err, ErrAbsent) {
			t.Errorf("broken: %v", err)
		}
	}
	if d, err := New(&gpiotest.Pin{}, nil, nil, DefaultOpts); err != nil || d.Close() != nil {
		t.Errorf("a button alone: %v", err)
	}
}
