//go:build linux && cgo

package dongle

// #cgo rtlsdr pkg-config: librtlsdr
// #cgo rtlsdr CFLAGS: -DSUBROSA_LIBRTLSDR
// #include <stdlib.h>
// #include "api.h"
//
// typedef void (*put_function)(void *ring, const void *bytes, size_t n);
//
// struct stream {
// 	rtlsdr_dev_t *dev;
// 	put_function put;
// 	void *ring;
// };
//
// static void received(unsigned char *bytes, uint32_t n, void *context) {
// 	struct stream *s = context;
// 	s->put(s->ring, bytes, n);
// }
//
// static int run(struct stream *s, void *put, void *ring, uint32_t transfers, uint32_t length) {
// 	s->put = (put_function)put;
// 	s->ring = ring;
// 	return rtlsdr_read_async(s->dev, received, s, transfers, length);
// }
import "C"

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/internal/capture"
	"subrosa/drivers/sdr/internal/rtl"
)

// Open opens and sets up a receiver; it samples from the first Read on.
func Open(c rtl.Config) (*capture.Stream, error) {
	c = c.WithDefaults()
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("rtlsdr: %w", err)
	}
	index, err := find(c)
	if err != nil {
		return nil, fmt.Errorf("rtlsdr: %w", err)
	}
	name := fmt.Sprintf("rtlsdr: receiver %d", index)
	if c.Serial != "" {
		name += " (" + c.Serial + ")"
	}
	d := &dongle{c: (*C.struct_stream)(C.calloc(1, C.sizeof_struct_stream))}
	if code := C.rtlsdr_open(&d.c.dev, index); code < 0 {
		C.free(unsafe.Pointer(d.c))
		return nil, fmt.Errorf("%s: opening: %w", name, fault(code))
	}
	s, err := d.setUp(name, c)
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// find returns the index of the receiver, or sdr.ErrAbsent.
func find(c rtl.Config) (C.uint32_t, error) {
	count := C.rtlsdr_get_device_count()
	if count == 0 {
		return 0, fmt.Errorf("%w: no receiver is plugged in", sdr.ErrAbsent)
	}
	if c.Serial == "" {
		if c.Index >= int(count) {
			return 0, fmt.Errorf("%w: no receiver %d, there are %d", sdr.ErrAbsent, c.Index, count)
		}
		return C.uint32_t(c.Index), nil
	}
	serial := C.CString(c.Serial)
	defer C.free(unsafe.Pointer(serial))
	index := C.rtlsdr_get_index_by_serial(serial)
	if index < 0 {
		return 0, fmt.Errorf("%w: none of %d receivers has the serial number %q", sdr.ErrAbsent, count, c.Serial)
	}
	return C.uint32_t(index), nil
}

// dongle is an open receiver.
type dongle struct {
	stop atomic.Bool

	mu sync.Mutex // held while c is used, but for the streaming itself
	c  *C.struct_stream
}

// setUp brings the receiver into a known state, whoever used it before, and makes the stream.
func (d *dongle) setUp(name string, c rtl.Config) (*capture.Stream, error) {
	dev := d.c.dev
	if code := C.rtlsdr_set_bias_tee(dev, 0); code != 0 {
		return nil, fmt.Errorf("switching the antenna's supply off: %w", fault(code))
	}
	tuner := rtl.Tuner(C.rtlsdr_get_tuner_type(dev))
	if !tuner.Known() {
		return nil, fmt.Errorf("%v", tuner)
	}
	if err := tuner.CheckCentre(c.Centre); err != nil {
		return nil, err
	}
	if C.rtlsdr_get_direct_sampling(dev) != 0 {
		if code := C.rtlsdr_set_direct_sampling(dev, 0); code != 0 {
			return nil, fmt.Errorf("leaving direct sampling: %w", fault(code))
		}
	}
	if code := C.rtlsdr_set_agc_mode(dev, 0); code != 0 {
		return nil, fmt.Errorf("switching the digital gain control off: %w", fault(code))
	}
	for _, step := range []func() error{
		func() error { return d.setPPM(c.PPM) },
		func() error { return d.setRate(c.Rate) },
		func() error { return d.Tune(c.Centre) },
		func() error { return d.setGain(c.AutoGain, c.GainTenthDB) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	lo, hi := tuner.Limits()
	return capture.NewStream(d, capture.Config{
		Name: name, Format: sdr.Format{Rate: c.Rate, Centre: c.Centre}, Lo: lo, Hi: hi,
		Block: transferBytes, Blocks: ringBlocks, Settle: int(c.Settle.Seconds() * float64(c.Rate)),
		Stall: c.Stall, Decode: eightbit.Unsigned,
	})
}

func (d *dongle) setPPM(ppm int) error {
	if C.rtlsdr_get_freq_correction(d.c.dev) == C.int(ppm) {
		return nil // the library calls it an error to set what is set
	}
	if code := C.rtlsdr_set_freq_correction(d.c.dev, C.int(ppm)); code != 0 {
		return fmt.Errorf("correcting by %d ppm: %w", ppm, fault(code))
	}
	if got := C.rtlsdr_get_freq_correction(d.c.dev); got != C.int(ppm) {
		return fmt.Errorf("correcting by %d ppm: receiver says %d", ppm, got)
	}
	return nil
}

// setRate accepts what the resampler makes of the rate, less than a crystal's error away from it.
func (d *dongle) setRate(rate int) error {
	if code := C.rtlsdr_set_sample_rate(d.c.dev, C.uint32_t(rate)); code != 0 {
		return fmt.Errorf("%d samples/s: %w", rate, fault(code))
	}
	if got := C.rtlsdr_get_sample_rate(d.c.dev); math.Abs(float64(got)-float64(rate)) > 1+1e-6*float64(rate) {
		return fmt.Errorf("%d samples/s: receiver says %d", rate, got)
	}
	return nil
}

func (d *dongle) setGain(auto bool, tenths int) error {
	manual := C.int(1)
	if auto {
		manual = 0
	}
	if code := C.rtlsdr_set_tuner_gain_mode(d.c.dev, manual); code != 0 {
		return fmt.Errorf("gain mode: %w", fault(code))
	}
	if auto {
		return nil
	}
	n := C.rtlsdr_get_tuner_gains(d.c.dev, nil)
	if n <= 0 {
		return fmt.Errorf("gains of the tuner: %w", fault(n))
	}
	list := make([]C.int, n)
	if got := C.rtlsdr_get_tuner_gains(d.c.dev, &list[0]); got != n {
		return fmt.Errorf("gains of the tuner: %d, then %d", n, got)
	}
	gains := make([]int, n)
	for i, g := range list {
		gains[i] = int(g)
	}
	gain := rtl.Nearest(gains, tenths)
	if code := C.rtlsdr_set_tuner_gain(d.c.dev, C.int(gain)); code != 0 {
		return fmt.Errorf("gain of %d/10 dB: %w", gain, fault(code))
	}
	if got := C.rtlsdr_get_tuner_gain(d.c.dev); int(got) != gain {
		return fmt.Errorf("gain of %d/10 dB: receiver says %d/10", gain, got)
	}
	return nil
}

// Run implements capture.Device.
func (d *dongle) Run(r *capture.Ring) error {
	if code := C.rtlsdr_reset_buffer(d.c.dev); code != 0 {
		return fmt.Errorf("emptying the receiver: %w", fault(code))
	}
	if d.stop.Load() {
		return nil
	}
	put, ring := r.Put()
	code := C.run(d.c, put, ring, transfers, transferBytes)
	if d.stop.Load() {
		return nil
	}
	if code == 0 { // so it answers when the receiver was pulled out
		return errors.New("unplugged")
	}
	return fault(code)
}

// Stop implements capture.Device. It does not wait for a call that hangs in the library. The library forgets a cancel
// that comes before it has begun; the next Stop says it again.
func (d *dongle) Stop() {
	d.stop.Store(true)
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	if d.c != nil {
		C.rtlsdr_cancel_async(d.c.dev)
	}
}

// errClosed says that the receiver was closed meanwhile.
var errClosed = errors.New("receiver is closed")

// Tune implements capture.Device. The library says where the tuner was told to be, not where it is.
func (d *dongle) Tune(hz float64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c == nil {
		return errClosed
	}
	want := C.uint32_t(math.Round(hz))
	if code := C.rtlsdr_set_center_freq(d.c.dev, want); code != 0 {
		return fmt.Errorf("%d Hz: %w", want, fault(code))
	}
	if got := C.rtlsdr_get_center_freq(d.c.dev); got != want {
		return fmt.Errorf("%d Hz: receiver says %d", want, got)
	}
	return nil
}

// Close implements capture.Device.
func (d *dongle) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	code := C.rtlsdr_close(d.c.dev)
	C.free(unsafe.Pointer(d.c))
	d.c = nil
	if code != 0 {
		return fault(code)
	}
	return nil
}

// fault puts a code of the library into words. Negative ones are libusb's where it passes those on.
func fault(code C.int) error {
	switch code {
	case -1:
		return errors.New("librtlsdr: -1, input or output failed")
	case -3:
		return errors.New("librtlsdr: -3, not permitted (is there a udev rule for the receiver?)")
	case -4:
		return errors.New("librtlsdr: -4, no such device any more")
	case -6:
		return errors.New("librtlsdr: -6, in use by another program or kernel driver")
	}
	return fmt.Errorf("librtlsdr: %d", code)
}
