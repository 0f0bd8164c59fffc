//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"time"

	pa "github.com/gordonklaus/portaudio"
)

// The part of PortAudio that is used here: devices, and streams without a callback.
//
// The binding numbers its streams and hands the number to C as a pointer, which the race detector's check of pointers
// takes for one from the second stream on. ./run switches that check off for the binding alone:
// -gcflags=github.com/gordonklaus/portaudio=-d=checkptr=0.

const (
	inputOverflowed   = pa.InputOverflowed
	outputUnderflowed = pa.OutputUnderflowed
)

var errNoDevice = errors.New("no default device")

func paInitialize() error { return pa.Initialize() }
func paTerminate() error  { return pa.Terminate() }

// deviceInfo is a device as PortAudio describes it.
type deviceInfo struct {
	info            *pa.DeviceInfo
	index           int
	name            string
	system          string
	alsa            bool
	inputs, outputs int
	inLatency       time.Duration // the high one
	outLatency      time.Duration
	rate            float64
}

func device(d *pa.DeviceInfo) *deviceInfo {
	out := &deviceInfo{info: d, index: d.Index, name: d.Name, inputs: d.MaxInputChannels, outputs: d.MaxOutputChannels,
		inLatency: d.DefaultHighInputLatency, outLatency: d.DefaultHighOutputLatency, rate: d.DefaultSampleRate}
	if d.HostApi != nil {
		out.system, out.alsa = d.HostApi.Name, d.HostApi.Type == pa.ALSA
	}
	return out
}

func allDevices() ([]*deviceInfo, error) {
	ds, err := pa.Devices()
	var out []*deviceInfo
	for _, d := range ds {
		out = append(out, device(d))
	}
	return out, err
}

func standard(d *pa.DeviceInfo, err error) (*deviceInfo, error) {
	switch {
	case errors.Is(err, pa.NoDefaultInputDevice), errors.Is(err, pa.NoDefaultOutputDevice), errors.Is(err, pa.DeviceUnavailable), err == nil && d == nil:
		return nil, errNoDevice
	case err != nil:
		return nil, err
	}
	return device(d), nil
}

func defaultInput() (*deviceInfo, error)  { return standard(pa.DefaultInputDevice()) }
func defaultOutput() (*deviceInfo, error) { return standard(pa.DefaultOutputDevice()) }

// stream is an open one, of float32, one way.
type stream struct {
	s   *pa.Stream
	buf []float32 // what the binding reads into or writes from
}

func openStream(d *deviceInfo, channels, rate int, latency time.Duration, in bool) (*stream, error) {
	p := pa.StreamParameters{SampleRate: float64(rate), FramesPerBuffer: pa.FramesPerBufferUnspecified}
	way := pa.StreamDeviceParameters{Device: d.info, Channels: channels, Latency: latency}
	if in {
		p.Input = way
	} else {
		p.Output = way
	}
	s := &stream{buf: make([]float32, channels)}
	var err error
	s.s, err = pa.OpenStream(p, &s.buf)
	return s, err
}

// info returns the latency and the rate that were granted; a rate of 0 if the stream does not tell.
func (s *stream) info() (latency time.Duration, rate float64) {
	i := s.s.Info()
	if i == nil {
		return 0, 0
	}
	return max(i.InputLatency, i.OutputLatency), i.SampleRate
}

func (s *stream) start() error { return s.s.Start() }
func (s *stream) abort() error { return s.s.Abort() }
func (s *stream) close() error { return s.s.Close() }

func (s *stream) time() time.Duration { return s.s.Time() }

// readable returns how many frames can be read without waiting.
func (s *stream) readable() (int, error) { return s.s.AvailableToRead() }

// writable returns how many frames can be written without waiting.
func (s *stream) writable() (int, error) { return s.s.AvailableToWrite() }

// read fills x, which is not empty, with frames of the stream's channels.
func (s *stream) read(x []float32) error {
	s.buf = x
	return s.s.Read()
}

// write plays x, which is not empty.
func (s *stream) write(x []float32) error {
	s.buf = x
	return s.s.Write()
}
