//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"testing"

	"subrosa/drivers/audio"
)

// TestThreeAnswers holds on any machine, with or without a sound card.
func TestThreeAnswers(t *testing.T) {
	if _, err := Open(Config{Device: "no device is called this", Shared: true}); !errors.Is(err, audio.ErrAbsent) {
		t.Errorf("a device that is not there: got %v, want %v", err, audio.ErrAbsent)
	}
	devices, err := Devices()
	if err != nil {
		t.Fatalf("listing devices: %v", err)
	}
	for _, d := range devices {
		t.Logf("%+v", d)
		many := make([]int, 1)
		many[0] = d.Inputs + 1
		if d.Inputs == 0 || d.Inputs >= maxPhysical {
			continue
		}
		_, err := Open(Config{Device: d.Name, Map: many, Shared: true})
		if err == nil || errors.Is(err, audio.ErrAbsent) {
			t.Errorf("%s, channel %d: got %v, want an error other than %v", d.Name, many, err, audio.ErrAbsent)
		}
	}
	src, err := Open(Config{Shared: true})
	switch {
	case err == nil:
		src.Close()
	case len(devices) == 0 && !errors.Is(err, audio.ErrAbsent):
		t.Errorf("no devices: got %v, want %v", err, audio.ErrAbsent)
	}
	t.Logf("default device: %v", err)
}
