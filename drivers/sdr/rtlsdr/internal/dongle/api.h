// What is used of librtlsdr. With the build tag rtlsdr it is the library's own header, so the compiler compares; without,
// these lines stand in for it, so that the binding is compiled and tested where the library is not. A change here
// needs "go clean -cache": other packages include this file.
#ifdef SUBROSA_LIBRTLSDR
#include <rtl-sdr.h>
#else
#include <stdint.h>

typedef struct rtlsdr_dev rtlsdr_dev_t;
typedef void (*rtlsdr_read_async_cb_t)(unsigned char *bytes, uint32_t n, void *context);
enum rtlsdr_tuner { RTLSDR_TUNER_UNKNOWN = 0 };

uint32_t rtlsdr_get_device_count(void);
int rtlsdr_get_index_by_serial(const char *serial);
int rtlsdr_open(rtlsdr_dev_t **d, uint32_t index);
int rtlsdr_close(rtlsdr_dev_t *d);
enum rtlsdr_tuner rtlsdr_get_tuner_type(rtlsdr_dev_t *d);
int rtlsdr_set_bias_tee(rtlsdr_dev_t *d, int on);
int rtlsdr_get_direct_sampling(rtlsdr_dev_t *d);
int rtlsdr_set_direct_sampling(rtlsdr_dev_t *d, int on);
int rtlsdr_set_agc_mode(rtlsdr_dev_t *d, int on);
int rtlsdr_get_freq_correction(rtlsdr_dev_t *d);
int rtlsdr_set_freq_correction(rtlsdr_dev_t *d, int ppm);
uint32_t rtlsdr_get_sample_rate(rtlsdr_dev_t *d);
int rtlsdr_set_sample_rate(rtlsdr_dev_t *d, uint32_t rate);
uint32_t rtlsdr_get_center_freq(rtlsdr_dev_t *d);
int rtlsdr_set_center_freq(rtlsdr_dev_t *d, uint32_t hz);
int rtlsdr_set_tuner_gain_mode(rtlsdr_dev_t *d, int manual);
int rtlsdr_get_tuner_gains(rtlsdr_dev_t *d, int *gains);
int rtlsdr_get_tuner_gain(rtlsdr_dev_t *d);
int rtlsdr_set_tuner_gain(rtlsdr_dev_t *d, int gain);
int rtlsdr_reset_buffer(rtlsdr_dev_t *d);
int rtlsdr_read_async(rtlsdr_dev_t *d, rtlsdr_read_async_cb_t received, void *context, uint32_t buffers, uint32_t length);
int rtlsdr_cancel_async(rtlsdr_dev_t *d);
#endif
