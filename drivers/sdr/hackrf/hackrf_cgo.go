//go:build linux && cgo && hackrf

package hackrf

import (
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/hackrf/internal/board"
)

// Open opens a receiver. The error wraps sdr.ErrAbsent if it is not there; any other says that it is there and does
// not do what is asked. The amplifier and the antenna's supply are off afterwards. Rate and frequency cannot be read
// back from the device.
//
// The Source also has
//
//	Retune(hz float64) error   the stream's index goes on in time; samples until the tuner has settled are a gap
//	Locked() bool              whether the memory of its samples is kept from being swapped out
//
// What does not fit into 0.4 s of memory is a gap at its place. What the library or USB lost before shows by the
// clock: a gap of that size, half a second after it was lost.
func Open(c Config) (sdr.Source, error) {
	s, err := board.Open(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}
