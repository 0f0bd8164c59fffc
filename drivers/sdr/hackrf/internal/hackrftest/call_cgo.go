//go:build linux && cgo

package hackrftest

// #cgo hackrf CFLAGS: -DSUBROSA_LIBHACKRF
// #include <stdlib.h>
// #include "../board/api.h"
//
// static hackrf_device *opened;
// static int taken, wanted;
//
// static int take(hackrf_transfer *t) {
// 	taken += t->valid_length;
// 	return taken < wanted ? 0 : 1;
// }
//
// static int bytes_taken(void) { return taken; }
//
// static int list(int *unreadable) {
// 	hackrf_device_list_t *l = hackrf_device_list();
// 	if (!l)
// 		return -1;
// 	int n = l->devicecount;
// 	*unreadable = 0;
// 	for (int i = 0; i < n; i++)
// 		*unreadable += l->serial_numbers[i] == NULL;
// 	hackrf_device_list_free(l);
// 	return n;
// }
//
// static int open_nth(int i) {
// 	hackrf_device_list_t *l = hackrf_device_list();
// 	int code = hackrf_device_list_open(l, i, &opened);
// 	hackrf_device_list_free(l);
// 	return code;
// }
//
// static int start(int n) {
// 	taken = 0;
// 	wanted = n;
// 	return hackrf_start_rx(opened, take, NULL);
// }
//
// static int stop(void) { return hackrf_stop_rx(opened); }
// static int streaming(void) { return hackrf_is_streaming(opened); }
// static int amp(int on) { return hackrf_set_amp_enable(opened, (uint8_t)on); }
// static int close_it(void) { return hackrf_close(opened); }
import "C"

// These call the symbols as a program in C would; the fake's own tests use them, as a test file cannot hold C.

func initIt() int    { return int(C.hackrf_init()) }
func exit() int      { return int(C.hackrf_exit()) }
func open(i int) int { return int(C.open_nth(C.int(i))) }
func amp(on int) int { return int(C.amp(C.int(on))) }
func start(n int) int {
	return int(C.start(C.int(n)))
}
func stop() int       { return int(C.stop()) }
func streaming() int  { return int(C.streaming()) }
func closeIt() int    { return int(C.close_it()) }
func bytesTaken() int { return int(C.bytes_taken()) }

func list() (n, unreadable int) {
	var u C.int
	n = int(C.list(&u))
	return n, int(u)
}
