// Package dongle is the binding to librtlsdr. It refers to the library's symbols but does not name the library: what
// links it says where they come from, package rtlsdr with the build tag of that name, or a test with its fake.
//
// Seen in the source of librtlsdr 0.6.0, and the reason for some of what is done here:
//   - rtlsdr_set_bias_tee answers 0 whatever the USB transfer said: an error of it can be passed on but hardly comes.
//   - A tuner of the R82xx family that does not lock prints so to standard error and answers 0.
//   - rtlsdr_cancel_async is lost if rtlsdr_read_async has not begun: it is repeated.
//   - A transfer that fails is not submitted again, and nobody is told: lost samples show by the clock only, and a
//     receiver that says nothing any more counts as stalled.
//   - rtlsdr_read_async allocates its buffers itself, when called: by mmap of the device if the kernel allows that.
package dongle

// What the library is asked for: transfers of 3.4 ms at 2.4 MS/s, and 0.2 s of them, so that a busy machine loses
// nothing; they need 1 MiB of the 16 MiB that the kernel gives USB by default. The ring bridges 0.9 s.
const (
	transferBytes = 16384
	transfers     = 64
	ringBlocks    = 256
)
