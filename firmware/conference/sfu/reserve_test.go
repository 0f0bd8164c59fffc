package sfu

import "testing"

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
