//go:build linux && cgo

// The symbols of libhackrf with the library's own types, each handed on to Go.
#include "../board/api.h"

#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

static hackrf_device *const device = (hackrf_device *)0x20; // never looked into

int hackrf_init(void) { return fakeHackCall("init", 0); }
int hackrf_exit(void) { return fakeHackCall("exit", 0); }

hackrf_device_list_t *hackrf_device_list(void)
{
	int n = fakeHackCount();
	if (n < 0)
		return NULL;
	hackrf_device_list_t *l = calloc(1, sizeof *l);
	l->serial_numbers = calloc((size_t)n + 1, sizeof *l->serial_numbers);
	l->devicecount = n;
	for (int i = 0; i < n; i++)
		l->serial_numbers[i] = fakeHackSerial(i);
	return l;
}

void hackrf_device_list_free(hackrf_device_list_t *l)
{
	for (int i = 0; i < l->devicecount; i++)
		free(l->serial_numbers[i]);
	free(l->serial_numbers);
	free(l);
	fakeHackCall("device_list_free", 0);
}

int hackrf_device_list_open(hackrf_device_list_t *l, int i, hackrf_device **d)
{
	int code = fakeHackCall("open", i);
	if (code == HACKRF_SUCCESS)
		*d = device;
	return code;
}

int hackrf_close(hackrf_device *d) { return fakeHackCall("close", 0); }
int hackrf_set_antenna_enable(hackrf_device *d, const uint8_t on) { return fakeHackCall("set_antenna_enable", on); }
int hackrf_set_amp_enable(hackrf_device *d, const uint8_t on) { return fakeHackCall("set_amp_enable", on); }
int hackrf_set_sample_rate(hackrf_device *d, const double rate) { return fakeHackCall("set_sample_rate", (int64_t)(rate + 0.5)); }
uint32_t hackrf_compute_baseband_filter_bw(const uint32_t hz) { return hz / 1000000 * 1000000; } // the fake's steps
int hackrf_set_baseband_filter_bandwidth(hackrf_device *d, const uint32_t hz) { return fakeHackCall("set_baseband_filter_bandwidth", hz); }
int hackrf_set_freq(hackrf_device *d, const uint64_t hz) { return fakeHackCall("set_freq", (int64_t)hz); }
int hackrf_set_lna_gain(hackrf_device *d, uint32_t db) { return fakeHackCall("set_lna_gain", db); }
int hackrf_set_vga_gain(hackrf_device *d, uint32_t db) { return fakeHackCall("set_vga_gain", db); }
int hackrf_start_rx(hackrf_device *d, hackrf_sample_block_cb_fn received, void *context) { return fakeHackStart((void *)received, context); }
int hackrf_stop_rx(hackrf_device *d) { return fakeHackStop("stop_rx"); }
int hackrf_is_streaming(hackrf_device *d) { return fakeHackStreaming(); }

// fake_hackrf_deliver calls the callback with a copy that is gone afterwards, as a USB buffer is.
int fake_hackrf_deliver(void *received, void *context, const void *bytes, int n)
{
	hackrf_transfer t = {.device = device, .buffer_length = n, .valid_length = n, .rx_ctx = context};
	t.buffer = malloc(n ? (size_t)n : 1);
	if (n)
		memcpy(t.buffer, bytes, (size_t)n);
	int code = ((hackrf_sample_block_cb_fn)received)(&t);
	memset(t.buffer, 0xa5, (size_t)n);
	free(t.buffer);
	return code;
}
