//go:build !cgo || noportaudio

package portaudio

import (
	"errors"
	"strings"
	"testing"

	"subrosa/drivers/audio"
)

func TestBuildWithoutDevices(t *testing.T) {
	_, opening := Open(Config{})
	_, listing := Devices()
	for _, err := range []error{opening, listing} {
		if !errors.Is(err, audio.ErrAbsent) || !strings.Contains(err.Error(), "this build has no sound devices") {
			t.Errorf("got %v, want %v saying why", err, audio.ErrAbsent)
		}
	}
}
