//go:build !linux || !cgo || !rtlsdr

package rtlsdr

import (
	"fmt"

	"subrosa/drivers/sdr"
)

// Open answers that this build has no librtlsdr.
func Open(Config) (sdr.Source, error) {
	return nil, fmt.Errorf("rtlsdr: %w: this build has no librtlsdr", sdr.ErrAbsent)
}
