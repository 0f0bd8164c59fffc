//go:build linux && cgo

package board

// #cgo hackrf pkg-config: libhackrf
// #cgo hackrf CFLAGS: -DSUBROSA_LIBHACKRF
// #include <stdlib.h>
// #include "api.h"
//
// typedef void (*put_function)(void *ring, const void *bytes, size_t n);
//
// struct stream {
// 	hackrf_device *dev;
// 	put_function put;
// 	void *ring;
// };
//
// static int received(hackrf_transfer *t) {
// 	struct stream *s = t->rx_ctx;
// 	s->put(s->ring, t->buffer, (size_t)t->valid_length);
// 	return 0;
// }
//
// static int start(struct stream *s, void *put, void *ring) {
// 	s->put = (put_function)put;
// 	s->ring = ring;
// 	return hackrf_start_rx(s->dev, received, s);
// }
//
// static int count(hackrf_device_list_t *l) { return l->devicecount; }
// static const char *serial(hackrf_device_list_t *l, int i) { return l->serial_numbers[i]; }
// static int open_nth(hackrf_device_list_t *l, int i, struct stream *s) { return hackrf_device_list_open(l, i, &s->dev); }
import "C"

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unsafe"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/hackrf/internal/setting"
	"subrosa/drivers/sdr/internal/capture"
)

// library guards libhackrf's own state.
var library sync.Mutex

// Open opens and sets up a receiver; it samples from the first Read on.
func Open(c setting.Config) (*capture.Stream, error) {
	c = c.WithDefaults()
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("hackrf: %w", err)
	}
	b := &board{ppm: c.PPM, stop: make(chan struct{})}
	if err := b.open(c.Serial); err != nil {
		return nil, fmt.Errorf("hackrf: %w", err)
	}
	s, err := b.setUp(c)
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("hackrf: %w", err)
	}
	return s, nil
}

// board is an open receiver.
type board struct {
	ppm  int
	stop chan struct{} // closed by Stop
	once sync.Once

	mu sync.Mutex // held while c is used, but for the streaming itself
	c  *C.struct_stream
}

// open finds the receiver whose serial number ends so, and opens it.
func (b *board) open(serial string) (err error) {
	library.Lock()
	defer library.Unlock()
	if code := C.hackrf_init(); code != C.HACKRF_SUCCESS {
		return fmt.Errorf("starting the library: %w", fault(code))
	}
	b.c = (*C.struct_stream)(C.calloc(1, C.sizeof_struct_stream))
	defer func() {
		if err != nil {
			C.free(unsafe.Pointer(b.c))
			C.hackrf_exit() // another receiver may be in use: then it does nothing
		}
	}()
	list := C.hackrf_device_list()
	if list == nil {
		return errors.New("no memory for the list of receivers")
	}
	defer C.hackrf_device_list_free(list)
	n, unreadable := int(C.count(list)), 0
	if n == 0 {
		return fmt.Errorf("%w: no receiver is plugged in", sdr.ErrAbsent)
	}
	found, closed := -1, -1
	for i := range n {
		s := C.serial(list, C.int(i))
		switch {
		case s == nil: // it cannot be opened even for asking
			unreadable++
			closed = i
		case strings.HasSuffix(C.GoString(s), serial):
			if found >= 0 && serial != "" {
				return fmt.Errorf("two receivers have serial numbers that end with %q", serial)
			}
			if found < 0 {
				found = i
			}
		}
	}
	if found < 0 && serial == "" {
		found = closed // opening it says what is wrong
	}
	switch {
	case found >= 0:
	case unreadable > 0:
		return fmt.Errorf("serial number %q is none of the readable ones; %d of %d receivers are in use or not permitted", serial, unreadable, n)
	default:
		return fmt.Errorf("%w: none of %d receivers has a serial number that ends with %q", sdr.ErrAbsent, n, serial)
	}
	if code := C.open_nth(list, C.int(found), b.c); code != C.HACKRF_SUCCESS {
		return fmt.Errorf("receiver %d is there and cannot be opened (in use, or not permitted): %w", found, fault(code))
	}
	return nil
}

// setUp brings the receiver into a known state, whoever used it before, and makes the stream.
func (b *board) setUp(c setting.Config) (*capture.Stream, error) {
	dev := b.c.dev
	width := C.hackrf_compute_baseband_filter_bw(C.uint32_t(0.75 * float64(c.Rate)))
	for _, step := range []struct {
		what string
		code func() C.int
	}{
		{"switching the antenna's supply off", func() C.int { return C.hackrf_set_antenna_enable(dev, 0) }},
		{"switching the amplifier off", func() C.int { return C.hackrf_set_amp_enable(dev, 0) }},
		{fmt.Sprintf("%d samples/s", c.Rate), func() C.int { return C.hackrf_set_sample_rate(dev, C.double(b.corrected(float64(c.Rate)))) }},
		{fmt.Sprintf("filter of %d Hz", width), func() C.int { return C.hackrf_set_baseband_filter_bandwidth(dev, width) }},
		{fmt.Sprintf("first gain of %d dB", c.LNADB), func() C.int { return C.hackrf_set_lna_gain(dev, C.uint32_t(c.LNADB)) }},
		{fmt.Sprintf("second gain of %d dB", c.VGADB), func() C.int { return C.hackrf_set_vga_gain(dev, C.uint32_t(c.VGADB)) }},
	} {
		if code := step.code(); code != C.HACKRF_SUCCESS {
			return nil, fmt.Errorf("%s: %w", step.what, fault(code))
		}
	}
	if err := b.Tune(c.Centre); err != nil {
		return nil, err
	}
	return capture.NewStream(b, capture.Config{
		Name: "hackrf", Format: sdr.Format{Rate: c.Rate, Centre: c.Centre}, Lo: setting.Lo, Hi: setting.Hi,
		Block: transferBytes, Blocks: ringBlocks(c.Rate), Settle: int(c.Settle.Seconds() * float64(c.Rate)),
		Stall: c.Stall, Decode: eightbit.Signed,
	})
}

// corrected is what to ask of a clock that is too fast by ppm. The library has no such setting.
func (b *board) corrected(hz float64) float64 { return hz / (1 + float64(b.ppm)*1e-6) }

// watch is how often the library is asked whether it still streams.
const watch = 100 * time.Millisecond

// Run implements capture.Device.
func (b *board) Run(r *capture.Ring) error {
	put, ring := r.Put()
	if code := C.start(b.c, put, ring); code != C.HACKRF_SUCCESS {
		return fmt.Errorf("starting: %w", fault(code))
	}
	ask := time.NewTicker(watch)
	defer ask.Stop()
	for {
		select {
		case <-b.stop:
			C.hackrf_stop_rx(b.c.dev) // Close says it again
			return nil
		case <-ask.C:
			if code := C.hackrf_is_streaming(b.c.dev); code != C.HACKRF_TRUE {
				return fault(code)
			}
		}
	}
}

// Stop implements capture.Device.
func (b *board) Stop() { b.once.Do(func() { close(b.stop) }) }

// errClosed says that the receiver was closed meanwhile.
var errClosed = errors.New("receiver is closed")

// Tune implements capture.Device. The device accepts the frequency or fails; it cannot be asked where it is.
func (b *board) Tune(hz float64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		return errClosed
	}
	if code := C.hackrf_set_freq(b.c.dev, C.uint64_t(math.Round(b.corrected(hz)))); code != C.HACKRF_SUCCESS {
		return fmt.Errorf("%.0f Hz: %w", hz, fault(code))
	}
	return nil
}

// Close implements capture.Device.
func (b *board) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	library.Lock()
	defer library.Unlock()
	code := C.hackrf_close(b.c.dev)
	C.free(unsafe.Pointer(b.c))
	b.c = nil
	C.hackrf_exit() // another receiver may be in use: then it does nothing
	if code != C.HACKRF_SUCCESS {
		return fault(code)
	}
	return nil
}

// fault puts a code of the library into words.
func fault(code C.int) error {
	switch code {
	case C.HACKRF_ERROR_NOT_FOUND:
		return errors.New("libhackrf: -5, not found")
	case C.HACKRF_ERROR_BUSY:
		return errors.New("libhackrf: -6, busy")
	case C.HACKRF_ERROR_INVALID_PARAM:
		return errors.New("libhackrf: -2, refused")
	case C.HACKRF_ERROR_LIBUSB:
		return errors.New("libhackrf: -1000, USB transfer failed")
	case C.HACKRF_ERROR_STREAMING_STOPPED:
		return errors.New("libhackrf: -1003, stream ended, as after an unplugging")
	}
	return fmt.Errorf("libhackrf: %d", code)
}
