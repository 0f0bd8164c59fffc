//go:build linux && cgo

// The symbols of librtlsdr with the library's own types, each handed on to Go.
#include "../dongle/api.h"

#include <stdlib.h>

#include "_cgo_export.h"

static rtlsdr_dev_t *const device = (rtlsdr_dev_t *)0x10; // never looked into

uint32_t rtlsdr_get_device_count(void) { return fakeRtlCount(); }
int rtlsdr_get_index_by_serial(const char *serial) { return fakeRtlIndex((char *)serial); }

int rtlsdr_open(rtlsdr_dev_t **d, uint32_t index)
{
	int code = fakeRtlCall("open", (int)index);
	if (code >= 0)
		*d = device;
	return code;
}

int rtlsdr_close(rtlsdr_dev_t *d) { return fakeRtlCall("close", 0); }
enum rtlsdr_tuner rtlsdr_get_tuner_type(rtlsdr_dev_t *d) { return (enum rtlsdr_tuner)fakeRtlGet("tuner"); }
int rtlsdr_set_bias_tee(rtlsdr_dev_t *d, int on) { return fakeRtlCall("set_bias_tee", on); }
int rtlsdr_get_direct_sampling(rtlsdr_dev_t *d) { return fakeRtlGet("direct_sampling"); }
int rtlsdr_set_direct_sampling(rtlsdr_dev_t *d, int on) { return fakeRtlCall("set_direct_sampling", on); }
int rtlsdr_set_agc_mode(rtlsdr_dev_t *d, int on) { return fakeRtlCall("set_agc_mode", on); }
int rtlsdr_get_freq_correction(rtlsdr_dev_t *d) { return fakeRtlGet("freq_correction"); }

int rtlsdr_set_freq_correction(rtlsdr_dev_t *d, int ppm)
{
	return fakeRtlGet("freq_correction") == ppm ? -2 : fakeRtlCall("set_freq_correction", ppm);
}

uint32_t rtlsdr_get_sample_rate(rtlsdr_dev_t *d) { return (uint32_t)fakeRtlGet("sample_rate"); }
int rtlsdr_set_sample_rate(rtlsdr_dev_t *d, uint32_t rate) { return fakeRtlCall("set_sample_rate", (int)rate); }
uint32_t rtlsdr_get_center_freq(rtlsdr_dev_t *d) { return (uint32_t)fakeRtlGet("center_freq"); }
int rtlsdr_set_center_freq(rtlsdr_dev_t *d, uint32_t hz) { return fakeRtlCall("set_center_freq", (int)hz); }
int rtlsdr_set_tuner_gain_mode(rtlsdr_dev_t *d, int manual) { return fakeRtlCall("set_tuner_gain_mode", manual); }
int rtlsdr_get_tuner_gains(rtlsdr_dev_t *d, int *gains) { return fakeRtlGains(gains); }
int rtlsdr_get_tuner_gain(rtlsdr_dev_t *d) { return fakeRtlGet("tuner_gain"); }
int rtlsdr_set_tuner_gain(rtlsdr_dev_t *d, int gain) { return fakeRtlCall("set_tuner_gain", gain); }
int rtlsdr_reset_buffer(rtlsdr_dev_t *d) { return fakeRtlCall("reset_buffer", 0); }

int rtlsdr_read_async(rtlsdr_dev_t *d, rtlsdr_read_async_cb_t received, void *context, uint32_t buffers, uint32_t length)
{
	return fakeRtlRead((void *)received, context, buffers, length);
}

int rtlsdr_cancel_async(rtlsdr_dev_t *d) { return fakeRtlCancel(); }

// fake_rtl_deliver calls the callback with a copy that is gone afterwards, as a USB buffer is.
void fake_rtl_deliver(void *received, void *context, const void *bytes, uint32_t n)
{
	unsigned char *b = malloc(n ? n : 1);
	for (uint32_t i = 0; i < n; i++)
		b[i] = ((const unsigned char *)bytes)[i];
	((rtlsdr_read_async_cb_t)received)(b, n, context);
	for (uint32_t i = 0; i < n; i++)
		b[i] = 0xa5;
	free(b);
}
