// Package board is the binding to libhackrf. It refers to the library's symbols but does not name the library: what
// links it says where they come from, package hackrf with the build tag of that name, or a test with its fake.
//
// It receives only: nothing here refers to a symbol that transmits, and a test of the programs sees to it.
//
// Seen in the source of libhackrf 2022.09.1, and the reason for some of what is done here:
//   - hackrf_open answers "not found" for a receiver that it may not open: the list of receivers tells them apart.
//   - Nothing can be read back: neither rate nor frequency. A setting that the device refuses fails as a USB transfer.
//   - The library has one USB context for all receivers and does not guard it: one opening or closing at a time.
//   - Its thread starts on opening. It never says that a stream has ended: hackrf_is_streaming has to be asked.
//   - Four transfers of 256 KiB are all that bridges a busy machine: 26 ms at 20 MS/s. What is lost shows by the clock.
package board

// transferBytes is what the library hands over at once (TRANSFER_BUFFER_SIZE).
const transferBytes = 262144

// ringBlocks bridges 0.4 s, and holds 4 MiB at least.
func ringBlocks(rate int) int { return max(16, int(0.4*2*float64(rate)/transferBytes)) }
