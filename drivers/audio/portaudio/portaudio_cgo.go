//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gordonklaus/portaudio"

	"subrosa/drivers/audio"
)

// library guards the binding's own state, which is neither locked nor per stream.
var library sync.Mutex

// stalled is how long an open device may deliver nothing before Read calls it broken.
const stalled = 5 * time.Second

// ErrStalled is returned by Read when an open device has stopped delivering.
var ErrStalled = errors.New("portaudio: device delivers no sound")

// Source is a microphone.
type Source struct {
	name   string
	format audio.Format
	stream *portaudio.Stream
	poll   *time.Ticker
	done   chan struct{} // closed by Close

	use   sync.Mutex // held while the stream is in use
	buf   []float32  // the binding reads into what this points at
	loss  *loss
	count int64 // frames read
	at    int64 // index of the next frame: count and what was lost
	err   error

	closing sync.Once
	closed  error // what closing said
}

// Open starts capture. The error wraps audio.ErrAbsent if no such device is there; any other says that the
// device is there and does not do what is asked.
func Open(c Config) (audio.Source, error) {
	c = c.withDefaults()
	library.Lock()
	defer library.Unlock()
	if err := portaudio.Initialize(); err != nil {
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	s, err := start(c)
	if err != nil {
		portaudio.Terminate()
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	return s, nil
}

func start(c Config) (*Source, error) {
	device, err := find(c.Device)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Source, error) {
		return nil, fmt.Errorf("%s, %d channels at %d Hz: %w", device.Name, c.Format.Channels, c.Format.Rate, err)
	}
	if c.Format.Channels > device.MaxInputChannels {
		return fail(fmt.Errorf("device has %d channels", device.MaxInputChannels))
	}
	s := &Source{
		name:   device.Name,
		format: c.Format,
		buf:    make([]float32, c.Format.Channels),
		poll:   time.NewTicker(5 * time.Millisecond),
		done:   make(chan struct{}),
	}
	p := portaudio.HighLatencyParameters(device, nil)
	p.Input.Channels = c.Format.Channels
	// A poll may come late on a busy machine; the buffer has to bridge that.
	p.Input.Latency = max(p.Input.Latency, 200*time.Millisecond)
	p.SampleRate = float64(c.Format.Rate)
	if s.stream, err = portaudio.OpenStream(p, &s.buf); err != nil {
		return fail(err)
	}
	if err := s.stream.Start(); err != nil {
		s.stream.Close()
		return fail(err)
	}
	latency := p.Input.Latency
	if info := s.stream.Info(); info != nil {
		latency = info.InputLatency
	}
	s.loss = newLoss(c.Format.Rate, int(latency.Seconds()*float64(c.Format.Rate)))
	return s, nil
}

// find returns the device whose name is, or starts with, name.
func find(name string) (*portaudio.DeviceInfo, error) {
	if name == "" {
		d, err := portaudio.DefaultInputDevice()
		if errors.Is(err, portaudio.NoDefaultInputDevice) {
			return nil, fmt.Errorf("%w: no capture device", audio.ErrAbsent)
		}
		return d, err
	}
	all, err := portaudio.Devices()
	if err != nil {
		return nil, err
	}
	var found []*portaudio.DeviceInfo
	for _, d := range all {
		switch {
		case d.MaxInputChannels == 0:
		case d.Name == name:
			return d, nil
		case strings.HasPrefix(d.Name, name):
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%w: no capture device %q", audio.ErrAbsent, name)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d capture devices start with %q", len(found), name)
}

// Devices lists the capture devices; none is not an error.
func Devices() ([]Device, error) {
	library.Lock()
	defer library.Unlock()
	if err := portaudio.Initialize(); err != nil {
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	defer portaudio.Terminate()
	all, err := portaudio.Devices()
	if err != nil {
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	standard, err := portaudio.DefaultInputDevice()
	if err != nil && !errors.Is(err, portaudio.NoDefaultInputDevice) {
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	var out []Device
	for _, d := range all {
		if d.MaxInputChannels > 0 {
			out = append(out, Device{Name: d.Name, System: d.HostApi.Name, Rate: d.DefaultSampleRate,
				Channels: d.MaxInputChannels, Default: d == standard})
		}
	}
	return out, nil
}

// Format is what Open was asked for.
func (s *Source) Format() audio.Format { return s.format }

// Read implements audio.Source: it waits until there is sound and may fill less than dst. It never waits
// inside the library, where nothing could end it.
func (s *Source) Read(dst []float32) (at int64, n int, err error) {
	switch {
	case len(dst) == 0:
		return s.at, 0, nil
	case len(dst) < s.format.Channels:
		return s.at, 0, io.ErrShortBuffer
	}
	for waited := time.Now(); ; {
		if at, n, err = s.take(dst); n > 0 || err != nil {
			return at, n, err
		}
		select {
		case <-s.done:
			return at, 0, s.ended()
		case now := <-s.poll.C:
			if now.Sub(waited) > stalled {
				return at, 0, fmt.Errorf("%w: %s, for %v", ErrStalled, s.name, stalled)
			}
		}
	}
}

// take reads what is there without waiting.
func (s *Source) take(dst []float32) (at int64, n int, err error) {
	s.use.Lock()
	defer s.use.Unlock()
	if s.err != nil {
		return s.at, 0, s.err
	}
	waiting, err := s.stream.AvailableToRead()
	overflow := errors.Is(err, portaudio.InputOverflowed)
	if err != nil && !overflow {
		return s.at, 0, s.fail(err)
	}
	n = min(waiting, len(dst)/s.format.Channels)
	s.at += s.loss.observe(s.stream.Time(), s.count+int64(max(waiting, 0)), overflow)
	if n <= 0 {
		return s.at, 0, nil
	}
	s.buf = dst[:n*s.format.Channels]
	err = s.stream.Read()
	if errors.Is(err, portaudio.InputOverflowed) {
		// Lost before what was just read; how much shows now that the buffer is as it will go on.
		rest, _ := s.stream.AvailableToRead()
		s.at += s.loss.observe(s.stream.Time(), s.count+int64(n+max(rest, 0)), true)
	} else if err != nil {
		return s.at, 0, s.fail(err)
	}
	at = s.at
	s.count += int64(n)
	s.at += int64(n)
	return at, n, nil
}

// fail keeps an error that the device will not recover from.
func (s *Source) fail(err error) error {
	s.err = fmt.Errorf("portaudio: %s: %w", s.name, err)
	return s.err
}

func (s *Source) ended() error { return fmt.Errorf("portaudio: %s: %w", s.name, os.ErrClosed) }

// Close ends capture and a pending Read.
func (s *Source) Close() error {
	s.closing.Do(func() {
		close(s.done)
		s.use.Lock()
		defer s.use.Unlock()
		s.err = s.ended()
		s.poll.Stop()
		library.Lock()
		defer library.Unlock()
		s.closed = errors.Join(s.stream.Abort(), s.stream.Close(), portaudio.Terminate())
		if s.closed != nil {
			s.closed = fmt.Errorf("portaudio: %s: %w", s.name, s.closed)
		}
	})
	return s.closed
}
