//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"subrosa/drivers/audio"
)

// stalled is how long an open device may deliver nothing before Read calls it broken.
const stalled = 5 * time.Second

const (
	bridge       = 200 * time.Millisecond // a poll may come late on a busy machine: the buffer has to hold that much
	serverBridge = 3 * time.Second        // PulseAudio may deliver only every two seconds
)

// ErrStalled is returned by Read when an open device has stopped delivering.
var ErrStalled = errors.New("portaudio: device delivers no sound")

// Source is a microphone.
type Source struct {
	grant    Grant
	format   audio.Format
	channels []int
	physical int
	stream   *stream
	poll     *time.Ticker
	done     chan struct{} // closed by Close

	use     sync.Mutex // held while the stream is in use
	started bool
	scratch []float32 // frames of physical channels; nil if the map is straight
	loss    *loss
	count   int64 // frames read
	at      int64 // index of the next frame: count and what was lost
	err     error

	closing sync.Once
	closed  error // what closing said
}

// Open opens a microphone. The error wraps audio.ErrAbsent if no such device is there; any other says that the
// device is there and does not do what is asked.
//
// Everything that needs a file is done here. Capture begins with the first Read, which opens nothing, so that the
// process may give up its rights to open files in between.
func Open(c Config) (audio.Source, error) {
	c, err := c.complete()
	if err != nil {
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	return initialised(func() (audio.Source, error) { return prepare(c) })
}

func prepare(c Config) (audio.Source, error) {
	device, err := capture.find(c)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (audio.Source, error) {
		return nil, fmt.Errorf("%s, channels %v at %d Hz: %w", device.name, c.Map, c.Format.Rate, err)
	}
	physical := c.physical()
	if physical > device.inputs {
		return fail(fmt.Errorf("device has %d channels", device.inputs))
	}
	s := &Source{format: c.Format, channels: c.Map, physical: physical, done: make(chan struct{})}
	if !c.straight() {
		s.scratch = make([]float32, physical*c.Format.Rate/20)
	}
	latency := max(device.inLatency, bridge)
	if !raw(device) {
		latency = max(latency, serverBridge)
	}
	if s.stream, err = openStream(device, physical, c.Format.Rate, latency, true); err != nil {
		return fail(err)
	}
	if s.grant, err = granted(s.stream, device, c.Format.Rate); err != nil {
		return fail(err)
	}
	latency, _ = s.stream.info()
	s.loss = newLoss(c.Format.Rate, int(latency.Seconds()*float64(c.Format.Rate)))
	s.poll = time.NewTicker(5 * time.Millisecond)
	return s, nil
}

// Format is what Open was asked for.
func (s *Source) Format() audio.Format { return s.format }

// Grant tells what was opened.
func (s *Source) Grant() Grant { return s.grant }

// Read implements audio.Source: it waits until there is sound and may fill less than dst. It never waits
// inside the library, where nothing could end it. A device that is unplugged is an error that stays: its return needs
// a new Open.
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
				return at, 0, fmt.Errorf("%w: %s, for %v", ErrStalled, s.grant.Device, stalled)
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
	if !s.started {
		if err := s.stream.start(); err != nil {
			return s.at, 0, s.fail(err)
		}
		s.started = true
	}
	waiting, err := s.stream.readable()
	overflow := errors.Is(err, inputOverflowed)
	if err != nil && !overflow {
		return s.at, 0, s.fail(err)
	}
	n = min(waiting, len(dst)/s.format.Channels)
	into := dst
	if s.scratch != nil {
		into = s.scratch
		n = min(n, len(into)/s.physical)
	}
	s.at += s.loss.observe(s.stream.time(), s.count+int64(max(waiting, 0)), overflow)
	if n <= 0 {
		return s.at, 0, nil
	}
	into = into[:n*s.physical]
	err = s.stream.read(into)
	if errors.Is(err, inputOverflowed) {
		// Lost before what was just read; how much shows now that the buffer is as it will go on.
		rest, _ := s.stream.readable()
		s.at += s.loss.observe(s.stream.time(), s.count+int64(n+max(rest, 0)), true)
	} else if err != nil {
		return s.at, 0, s.fail(err)
	}
	if s.scratch != nil {
		pick(dst, into, s.physical, s.channels)
	}
	at = s.at
	s.count += int64(n)
	s.at += int64(n)
	return at, n, nil
}

// fail keeps an error that the device will not recover from.
func (s *Source) fail(err error) error {
	s.err = fmt.Errorf("portaudio: %s has failed or was unplugged: %w", s.grant.Device, err)
	return s.err
}

func (s *Source) ended() error { return fmt.Errorf("portaudio: %s: %w", s.grant.Device, os.ErrClosed) }

// Close ends capture and a pending Read.
func (s *Source) Close() error {
	s.closing.Do(func() {
		close(s.done)
		s.use.Lock()
		defer s.use.Unlock()
		s.err = s.ended()
		s.poll.Stop()
		var stopping error
		if s.started {
			stopping = s.stream.abort()
		}
		library.Lock()
		defer library.Unlock()
		clear(s.scratch)
		s.closed = errors.Join(stopping, s.stream.close(), paTerminate())
		if s.closed != nil {
			s.closed = fmt.Errorf("portaudio: %s: %w", s.grant.Device, s.closed)
		}
	})
	return s.closed
}
