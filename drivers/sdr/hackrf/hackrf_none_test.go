//go:build !linux || !cgo || !hackrf

package hackrf

import (
	"errors"
	"strings"
	"testing"

	"subrosa/drivers/sdr"
)

func TestBuildWithoutLibrary(t *testing.T) {
	if _, err := Open(Config{}); !errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), "this build has no libhackrf") {
		t.Errorf("got %v, want %v saying why", err, sdr.ErrAbsent)
	}
}
