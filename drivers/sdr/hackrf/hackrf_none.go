//go:build !linux || !cgo || !hackrf

package hackrf

import (
	"fmt"

	"subrosa/drivers/sdr"
)

// Open answers that this build has no libhackrf.
func Open(Config) (sdr.Source, error) {
	return nil, fmt.Errorf("hackrf: %w: this build has no libhackrf", sdr.ErrAbsent)
}
