//go:build cgo && !noportaudio

package portaudio

/*
#cgo pkg-config: portaudio-2.0
#include <portaudio.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// The part of PortAudio's interface (portaudio.h, v19) that is used here: devices, and streams without a callback.

// paError is PortAudio's PaError.
type paError C.PaError

func (e paError) Error() string { return C.GoString(C.Pa_GetErrorText(C.PaError(e))) }

const (
	inputOverflowed   = paError(C.paInputOverflowed)
	outputUnderflowed = paError(C.paOutputUnderflowed)
)

var errNoDevice = errors.New("no default device")

// check makes an error of what a call returned, with the host's own words where PortAudio has none.
func check(code C.PaError) error {
	switch {
	case code >= 0: // counts are not negative
		return nil
	case code == C.paUnanticipatedHostError:
		if h := C.Pa_GetLastHostErrorInfo(); h != nil {
			return fmt.Errorf("%w: %s (%d)", paError(code), C.GoString(h.errorText), int(h.errorCode))
		}
	}
	return paError(code)
}

func paInitialize() error { return check(C.Pa_Initialize()) }
func paTerminate() error  { return check(C.Pa_Terminate()) }

// deviceInfo is a device as PortAudio describes it.
type deviceInfo struct {
	index           int
	name            string
	system          string
	alsa            bool
	inputs, outputs int
	inLatency       time.Duration // the high one
	outLatency      time.Duration
	rate            float64
}

func seconds(t C.PaTime) time.Duration { return time.Duration(float64(t) * float64(time.Second)) }

func device(i C.PaDeviceIndex) *deviceInfo {
	d := C.Pa_GetDeviceInfo(i)
	if d == nil {
		return nil
	}
	out := &deviceInfo{index: int(i), name: C.GoString(d.name), inputs: int(d.maxInputChannels), outputs: int(d.maxOutputChannels),
		inLatency: seconds(d.defaultHighInputLatency), outLatency: seconds(d.defaultHighOutputLatency), rate: float64(d.defaultSampleRate)}
	if h := C.Pa_GetHostApiInfo(d.hostApi); h != nil {
		out.system, out.alsa = C.GoString(h.name), h._type == C.paALSA
	}
	return out
}

func allDevices() ([]*deviceInfo, error) {
	n := C.Pa_GetDeviceCount()
	if err := check(C.PaError(n)); err != nil {
		return nil, err
	}
	var out []*deviceInfo
	for i := range n {
		if d := device(C.PaDeviceIndex(i)); d != nil {
			out = append(out, d)
		}
	}
	return out, nil
}

func defaultDevice(i C.PaDeviceIndex) (*deviceInfo, error) {
	if d := device(i); d != nil {
		return d, nil
	}
	return nil, errNoDevice
}

func defaultInput() (*deviceInfo, error)  { return defaultDevice(C.Pa_GetDefaultInputDevice()) }
func defaultOutput() (*deviceInfo, error) { return defaultDevice(C.Pa_GetDefaultOutputDevice()) }

// stream is an open one, of float32, one way.
type stream struct{ p unsafe.Pointer }

func openStream(d *deviceInfo, channels, rate int, latency time.Duration, in bool) (*stream, error) {
	p := C.PaStreamParameters{device: C.PaDeviceIndex(d.index), channelCount: C.int(channels), sampleFormat: C.paFloat32,
		suggestedLatency: C.PaTime(latency.Seconds())}
	from, to := &p, (*C.PaStreamParameters)(nil)
	if !in {
		from, to = to, from
	}
	s := &stream{}
	if err := check(C.Pa_OpenStream(&s.p, from, to, C.double(rate), C.paFramesPerBufferUnspecified, C.paNoFlag, nil, nil)); err != nil {
		return nil, err
	}
	return s, nil
}

// info returns the latency and the rate that were granted; a rate of 0 if the stream does not tell.
func (s *stream) info() (latency time.Duration, rate float64) {
	i := C.Pa_GetStreamInfo(s.p)
	if i == nil {
		return 0, 0
	}
	return seconds(max(i.inputLatency, i.outputLatency)), float64(i.sampleRate)
}

func (s *stream) start() error { return check(C.Pa_StartStream(s.p)) }
func (s *stream) abort() error { return check(C.Pa_AbortStream(s.p)) }
func (s *stream) close() error { return check(C.Pa_CloseStream(s.p)) }

func (s *stream) time() time.Duration { return seconds(C.Pa_GetStreamTime(s.p)) }

// readable returns how many frames can be read without waiting.
func (s *stream) readable() (int, error) {
	n := C.Pa_GetStreamReadAvailable(s.p)
	return int(max(n, 0)), check(C.PaError(min(n, 0)))
}

// writable returns how many frames can be written without waiting.
func (s *stream) writable() (int, error) {
	n := C.Pa_GetStreamWriteAvailable(s.p)
	return int(max(n, 0)), check(C.PaError(min(n, 0)))
}

// read fills x, which is not empty, with frames.
func (s *stream) read(x []float32, channels int) error {
	return check(C.Pa_ReadStream(s.p, unsafe.Pointer(&x[0]), C.ulong(len(x)/channels)))
}

// write plays x, which is not empty.
func (s *stream) write(x []float32, channels int) error {
	return check(C.Pa_WriteStream(s.p, unsafe.Pointer(&x[0]), C.ulong(len(x)/channels)))
}
