// Package rtlsdr is the receiver for up to 3.2 MHz of spectrum below about 1.77 GHz: RTL2832U dongles through
// librtlsdr 0.6 or newer.
//
// It needs cgo, Linux, librtlsdr-dev and the build tag rtlsdr, which ./run sets where the library is. A build without
// has the same functions, which answer with sdr.ErrAbsent. The library writes to standard error while it opens a
// receiver and begins to read.
//
// All that needs rights is done by Open: the device and its descriptors, the memory of the ring, the thread that
// reads. Sampling begins with the first Read.
package rtlsdr

import "subrosa/drivers/sdr/internal/rtl"

// Config says which receiver to open, and how.
type Config = rtl.Config
