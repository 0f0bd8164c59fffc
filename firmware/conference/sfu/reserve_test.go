package sfu

import (
	"testing"
	"time"
)

// TestReserve: speech is reserved what it takes, not what it could: eleven silent microphones leave a narrow line to the pictures.
func TestReserve(t *testing.T) {
	silent := make([]float64, 11)
	for _, tt := range []struct {
		name   string
		speech []float64
		want   float64
	}{
		{"nobody has a microphone", nil, 0},
		{"eleven are silent: one may begin", silent, voice},
		{"one speaks, ten are silent", append([]float64{38_000}, silent[:10]...), 38_000 + 50*40*8 + voice},
		{"all speak", []float64{40_000, 40_000}, 2 * voice},
		{"comfort noise is no speech", []float64{1_500}, voice},
	} {
		if got := reserve(tt.speech); got != tt.want {
			t.Errorf("%s: %.0f bit/s, want %.0f", tt.name, got, tt.want)
		}
	}
	if was := 11 * 40_000.0; budget(500_000, reserve(silent)) <= 500_000-was {
		t.Error("silence takes the line from the pictures")
	}
}

// TestLately: an estimate that fell because less is sent is no sign of a full line; one that fell while as much is sent is.
func TestLately(t *testing.T) {
	at := time.Unix(0, 0)
	for _, tt := range []struct {
		name   string
		bits   int64
		passed time.Duration
		lowers bool
	}{
		{"half of them left: 300 kbit/s are sent of 600", 90_000, 300 * time.Millisecond, false},
		{"as much is sent as before", 180_000, 300 * time.Millisecond, true},
		{"the interval is too young to say", 1_000, 50 * time.Millisecond, true},
	} {
		var b bound
		b.estimated(at, 900_000, 600_000)
		b.estimated(at.Add(time.Second), 400_000, lately(600_000, tt.bits, tt.passed))
		if lowered := b.rate > 0; lowered != tt.lowers {
			t.Errorf("%s: lowered %v to %.0f bit/s, want %v", tt.name, lowered, b.rate, tt.lowers)
		}
	}
}
