// Package capture is the common half of receivers whose C library hands over blocks of samples in a thread of its
// own: a ring that the library's callback copies into, and a Stream that reads it as sdr.Source demands.
//
//	library's thread ──callback──► Ring (memory of ours, made on opening) ──► Stream.Read ──► complex64
//	                  one memcpy                                  conversion
//
// The buffers of libusb may be mapped uncached, where byte-wise reading is some forty times slower than a copy
// (raspberrypi/linux#3818): so their first and only touch is that memcpy, and all else works on the ring.
//
// It needs cgo and Linux; elsewhere it is empty.
package capture
