package capture

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPace lets blocks arrive late by random amounts, from a receiver whose clock is off, and loses some at 10 s.
func TestPace(t *testing.T) {
	const (
		rate  = 2_400_000
		block = 8192
	)
	for _, tt := range []struct {
		name  string
		ppm   float64
		late  time.Duration // jitter, up to
		pause time.Duration // during which nothing arrives; then all at once
		lost  int64
	}{
		{"even", 0, 0, 0, 0},
		{"fast clock", 100, time.Millisecond, 0, 0},
		{"slow clock", -100, time.Millisecond, 0, 0},
		{"very late, now and then", 0, 30 * time.Millisecond, 0, 0},
		{"a pause of 400 ms, nothing lost", 20, time.Millisecond, 400 * time.Millisecond, 0},
		{"one block lost", 50, time.Millisecond, 0, block},
		{"one block lost, slow clock", -50, time.Millisecond, 0, block},
		{"a second lost", -100, 5 * time.Millisecond, 0, rate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			p := newPace(rate, block)
			var index, declared, gone int64
			var last int64
			for n := int64(0); n < 30*rate; n += block {
				captured := float64(n+block+gone) / (rate * (1 + tt.ppm*1e-6)) * 1e9
				at := int64(captured) + int64(rng.ExpFloat64()/6*float64(tt.late)) + 5e9
				if captured > 10e9 && captured < 10e9+float64(tt.pause) {
					at = int64(10e9+tt.pause) + 5e9
				}
				if captured > 10e9 {
					gone = tt.lost
				}
				at = max(at, last+1) // callbacks come one after the other
				last = at
				index += block
				d := p.observe(at, index)
				declared += d
				index += d
			}
			if d := declared - tt.lost; d < -rate/2000 || d > rate/2000 { // half a millisecond
				t.Errorf("got %d samples lost, want %d", declared, tt.lost)
			}
		})
	}
}

// TestPaceTakesBack: what was declared lost and came after all is not lost twice.
func TestPaceTakesBack(t *testing.T) {
	const rate, block = 1_000_000, 10_000
	p := newPace(rate, block)
	var arrived, last, total int64
	step := func(late int64) {
		arrived += block
		last = max(last+1, arrived*1000+late)
		total += p.observe(last, arrived+total)
	}
	for range 100 {
		step(0)
	}
	for range 100 { // the whole machine is late by 50 ms for a second
		step(50e6)
	}
	if total < 49_000 || total > 51_000 {
		t.Fatalf("got %d samples declared lost, want about 50 000", total)
	}
	before := total
	for range 100 {
		step(0)
	}
	for range 100 {
		step(50e6)
	}
	if more := total - before; more > 100 {
		t.Errorf("the same again: %d more declared lost, want next to none", more)
	}
}

func TestPaceKnowsWhenCaptured(t *testing.T) {
	p := newPace(1_000_000, 1000)
	for i := int64(1); i <= 1000; i++ {
		p.observe(i*1e6+i%7*1e5, i*1000)
	}
	if got := p.captured(500e6); math.Abs(got-500_000) > 100 {
		t.Errorf("at 500 ms sample %v was captured, want 500 000", got)
	}
}

func TestPaceClockSetBack(t *testing.T) {
	p := newPace(1_000_000, 1000)
	p.observe(10e9, 1000)
	if got := p.observe(1e9, 2000); got != 0 {
		t.Errorf("got %d samples lost as the clock went back, want 0", got)
	}
}
