//go:build !linux || !cgo || !rtlsdr

package rtlsdr

import (
	"errors"
	"strings"
	"testing"

	"subrosa/drivers/sdr"
)

func TestBuildWithoutLibrary(t *testing.T) {
	if _, err := Open(Config{}); !errors.Is(err, sdr.ErrAbsent) || !strings.Contains(err.Error(), "this build has no librtlsdr") {
		t.Errorf("got %v, want %v saying why", err, sdr.ErrAbsent)
	}
}
