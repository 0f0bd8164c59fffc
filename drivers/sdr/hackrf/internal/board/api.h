// What is used of libhackrf, of which nothing can transmit. With the build tag hackrf it is the library's own header, so
// the compiler compares; without, these lines stand in for it, so that the binding is compiled and tested where the
// library is not. A change here needs "go clean -cache": other packages include this file.
#ifdef SUBROSA_LIBHACKRF
#include <hackrf.h>
#else
#include <stdint.h>

enum hackrf_error {
	HACKRF_SUCCESS = 0,
	HACKRF_TRUE = 1,
	HACKRF_ERROR_INVALID_PARAM = -2,
	HACKRF_ERROR_NOT_FOUND = -5,
	HACKRF_ERROR_BUSY = -6,
	HACKRF_ERROR_LIBUSB = -1000,
	HACKRF_ERROR_STREAMING_STOPPED = -1003
};
enum hackrf_usb_board_id { USB_BOARD_ID_HACKRF_ONE = 0x6089 };

typedef struct hackrf_device hackrf_device;

typedef struct {
	hackrf_device *device;
	uint8_t *buffer;
	int buffer_length;
	int valid_length;
	void *rx_ctx;
	void *tx_ctx;
} hackrf_transfer;

struct hackrf_device_list {
	char **serial_numbers;
	enum hackrf_usb_board_id *usb_board_ids;
	int *usb_device_index;
	int devicecount;
	void **usb_devices;
	int usb_devicecount;
};
typedef struct hackrf_device_list hackrf_device_list_t;
typedef int (*hackrf_sample_block_cb_fn)(hackrf_transfer *transfer);

int hackrf_init(void);
int hackrf_exit(void);
hackrf_device_list_t *hackrf_device_list(void);
void hackrf_device_list_free(hackrf_device_list_t *list);
int hackrf_device_list_open(hackrf_device_list_t *list, int i, hackrf_device **d);
int hackrf_close(hackrf_device *d);
int hackrf_set_antenna_enable(hackrf_device *d, const uint8_t on);
int hackrf_set_amp_enable(hackrf_device *d, const uint8_t on);
int hackrf_set_sample_rate(hackrf_device *d, const double rate);
uint32_t hackrf_compute_baseband_filter_bw(const uint32_t hz);
int hackrf_set_baseband_filter_bandwidth(hackrf_device *d, const uint32_t hz);
int hackrf_set_freq(hackrf_device *d, const uint64_t hz);
int hackrf_set_lna_gain(hackrf_device *d, uint32_t db);
int hackrf_set_vga_gain(hackrf_device *d, uint32_t db);
int hackrf_start_rx(hackrf_device *d, hackrf_sample_block_cb_fn received, void *context);
int hackrf_stop_rx(hackrf_device *d);
int hackrf_is_streaming(hackrf_device *d);
#endif
