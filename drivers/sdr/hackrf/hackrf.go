// Package hackrf is the receiver for up to 20 MHz of spectrum between 1 MHz and 6 GHz: HackRF One through libhackrf.
//
// HackRF can transmit; this package cannot, and programs that use it refer to no symbol of the library that can.
//
// It needs cgo, Linux, libhackrf-dev and the build tag hackrf, which ./run sets where the library is. A build without
// has the same functions, which answer with sdr.ErrAbsent.
//
// All that needs rights is done by Open: the device and its descriptors, its buffers, the memory of the ring, the
// threads. Sampling begins with the first Read.
package hackrf

import "subrosa/drivers/sdr/hackrf/internal/setting"

// Config says which receiver to open, and how.
type Config = setting.Config

// Split spreads a gain in dB, 0 to 102, over the two amplifiers as Config wants it.
func Split(db float64) (lna, vga int) { return setting.Split(db) }
