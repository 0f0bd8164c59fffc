//go:build linux && cgo && rtlsdr

package rtlsdr

import (
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/rtlsdr/internal/dongle"
)

// Open opens a receiver. The error wraps sdr.ErrAbsent if it is not there; any other says that it is there and does
// not do what is asked: what can be read back is compared. The antenna's supply is off afterwards.
//
// The Source also has
//
//	Retune(hz float64) error   the stream's index goes on in time; samples until the tuner has settled are a gap
//	Locked() bool              whether the memory of its samples is kept from being swapped out
//
// What does not fit into 0.9 s of memory is a gap at its place. What the library or USB lost before shows by the
// clock: a gap of that size, half a second after it was lost.
func Open(c Config) (sdr.Source, error) {
	s, err := dongle.Open(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}
