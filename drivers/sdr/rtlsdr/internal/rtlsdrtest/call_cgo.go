//go:build linux && cgo

package rtlsdrtest

// #cgo rtlsdr CFLAGS: -DSUBROSA_LIBRTLSDR
// #include <stdlib.h>
// #include <string.h>
// #include "../dongle/api.h"
//
// struct seen { int blocks; uint32_t bytes; unsigned char last; };
// static struct seen seen;
// static rtlsdr_dev_t *opened;
//
// static void see(unsigned char *b, uint32_t n, void *context) {
// 	struct seen *s = context;
// 	s->blocks++;
// 	s->bytes += n;
// 	if (n)
// 		s->last = b[n - 1];
// }
//
// static int read_all(void) {
// 	memset(&seen, 0, sizeof seen);
// 	return rtlsdr_read_async(opened, see, &seen, 3, 512);
// }
//
// static struct seen seen_all(void) { return seen; }
// static int open_it(uint32_t i) { return rtlsdr_open(&opened, i); }
// static int tune(uint32_t hz) { return rtlsdr_set_center_freq(opened, hz); }
// static uint32_t tuned(void) { return rtlsdr_get_center_freq(opened); }
// static int correct(int ppm) { return rtlsdr_set_freq_correction(opened, ppm); }
// static int gains(int *g) { return rtlsdr_get_tuner_gains(opened, g); }
// static int cancel(void) { return rtlsdr_cancel_async(opened); }
// static int close_it(void) { return rtlsdr_close(opened); }
import "C"

import "unsafe"

// These call the symbols as a program in C would; the fake's own tests use them, as a test file cannot hold C.

func count() int      { return int(C.rtlsdr_get_device_count()) }
func open(i int) int  { return int(C.open_it(C.uint32_t(i))) }
func tune(hz int) int { return int(C.tune(C.uint32_t(hz))) }
func tuned() int      { return int(C.tuned()) }
func correct(p int) int {
	return int(C.correct(C.int(p)))
}
func cancel() int  { return int(C.cancel()) }
func closeIt() int { return int(C.close_it()) }

func index(serial string) int {
	s := C.CString(serial)
	defer C.free(unsafe.Pointer(s))
	return int(C.rtlsdr_get_index_by_serial(s))
}

func gains() []int {
	list := make([]C.int, max(0, C.gains(nil)))
	if len(list) > 0 {
		C.gains(&list[0])
	}
	out := make([]int, len(list))
	for i, g := range list {
		out[i] = int(g)
	}
	return out
}

func read() (code, blocks, bytes int, last byte) {
	code = int(C.read_all())
	seen := C.seen_all()
	return code, int(seen.blocks), int(seen.bytes), byte(seen.last)
}
