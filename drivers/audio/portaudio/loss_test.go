package portaudio

import (
	"testing"
	"time"
)

func TestLoss(t *testing.T) {
	const (
		rate   = 48_000
		buffer = 9_600 // 200 ms
		period = 480
	)
	for _, tt := range []struct {
		name     string
		drift    float64 // of the device's clock
		lost     int64   // at half time
		reported bool
		min, max int64
	}{
		{"even", 0, 0, false, 0, 0},
		{"fast by 1 in 1000 for a minute", 1e-3, 0, false, 0, 0},
		{"slow by 1 in 1000 for a minute", -1e-3, 0, false, 0, 0},
		{"a buffer lost silently", 0, buffer, false, buffer - period, buffer + period},
		{"a buffer lost, slow clock", -1e-3, buffer, false, buffer - period, buffer + period},
		{"a little lost and reported", 0, 2000, true, 2000 - period, 2000 + period},
		{"reported, nothing measurable", 0, 0, true, 1, period},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLoss(rate, buffer)
			var got, gone int64
			const step = 7 * time.Millisecond
			for i := range 60_000 / 7 {
				clock := time.Duration(i) * step
				half := i == 60_000/14
				if half {
					gone = tt.lost
				}
				// The device hands over whole periods, so what has arrived lags by up to one.
				captured := int64(clock.Seconds() * rate * (1 + tt.drift))
				got += l.observe(clock, captured/period*period-gone, half && tt.reported)
			}
			if got < tt.min || got > tt.max {
				t.Errorf("got %d frames lost, want %d to %d", got, tt.min, tt.max)
			}
		})
	}
}

func TestLossClockSetBack(t *testing.T) {
	l := newLoss(48_000, 9_600)
	l.observe(10*time.Second, 480_000, false)
	if got := l.observe(time.Second, 480_480, false); got != 0 {
		t.Errorf("got %d frames lost as the clock went back, want 0", got)
	}
}

// TestLossBacklog pauses for five seconds, after which a server hands over all it has kept.
func TestLossBacklog(t *testing.T) {
	const rate = 48_000
	l := newLoss(rate, 9_600)
	var arrived, got int64
	for i := range 200 {
		arrived = int64(i) * 480
		got += l.observe(time.Duration(i)*10*time.Millisecond, arrived, false)
	}
	clock := 7 * time.Second
	for captured := int64(clock.Seconds() * rate); arrived < captured; arrived += 480 {
		got += l.observe(clock, arrived, false)
		clock += 20 * time.Microsecond
	}
	for range 200 {
		clock += 10 * time.Millisecond
		arrived += 480
		got += l.observe(clock, arrived, false)
	}
	if got != 0 {
		t.Errorf("got %d frames lost, want 0: they came late", got)
	}
}
