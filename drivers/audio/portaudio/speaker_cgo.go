//go:build cgo && !noportaudio

package portaudio

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"subrosa/drivers/audio"
)

// Sink is a loudspeaker.
type Sink struct {
	grant    Grant
	format   audio.Format
	channels []int
	physical int
	stream   *stream
	latency  time.Duration
	poll     *time.Ticker
	done     chan struct{} // closed by Close

	use     sync.Mutex // held while the stream is in use
	scratch []float32  // frames of physical channels
	err     error

	closing sync.Once
	closed  error
}

// OpenSink opens a loudspeaker; Config and errors are as for Open. Nothing is heard before the first Write.
func OpenSink(c Config) (audio.Sink, error) {
	c, err := c.complete()
	if err != nil {
		return nil, fmt.Errorf("portaudio: %w", err)
	}
	return initialised(func() (audio.Sink, error) { return prepareSink(c) })
}

func prepareSink(c Config) (audio.Sink, error) {
	device, err := playback.find(c)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (audio.Sink, error) {
		return nil, fmt.Errorf("%s, channels %v at %d Hz: %w", device.name, c.Map, c.Format.Rate, err)
	}
	physical := c.physical()
	if physical > device.outputs {
		return fail(fmt.Errorf("device has %d channels", device.outputs))
	}
	s := &Sink{format: c.Format, channels: c.Map, physical: physical,
		scratch: make([]float32, physical*c.Format.Rate/20), done: make(chan struct{})}
	latency := max(device.outLatency, bridge)
	if s.stream, err = openStream(device, physical, c.Format.Rate, latency, false); err != nil {
		return fail(err)
	}
	if s.grant, err = granted(s.stream, device, c.Format.Rate); err != nil {
		return fail(err)
	}
	s.latency, _ = s.stream.info()
	s.latency = max(s.latency, latency)
	if err := s.stream.start(); err != nil {
		return fail(errors.Join(err, s.stream.close()))
	}
	s.poll = time.NewTicker(5 * time.Millisecond)
	return s, nil
}

// Format is what OpenSink was asked for.
func (s *Sink) Format() audio.Format { return s.format }

// Grant tells what was opened.
func (s *Sink) Grant() Grant { return s.grant }

// Write implements audio.Sink. It never waits inside the library, where nothing could end it.
func (s *Sink) Write(x []float32) (n int, err error) {
	if len(x)%s.format.Channels != 0 {
		return 0, fmt.Errorf("portaudio: %s: %d samples are no frames of %d channels", s.grant.Device, len(x), s.format.Channels)
	}
	for waited := time.Now(); len(x) > 0; {
		k, err := s.put(x)
		if n += k; err != nil {
			return n, err
		}
		if x = x[k*s.format.Channels:]; k > 0 {
			waited = time.Now()
			continue
		}
		if err := s.wait(waited); err != nil {
			return n, err
		}
	}
	return n, nil
}

// wait waits for the next poll.
func (s *Sink) wait(since time.Time) error {
	select {
	case <-s.done:
		return s.ended()
	case now := <-s.poll.C:
		if now.Sub(since) > stalled {
			return fmt.Errorf("portaudio: %s takes no sound, for %v", s.grant.Device, stalled)
		}
	}
	return nil
}

// put writes what finds room without waiting, frames.
func (s *Sink) put(x []float32) (n int, err error) {
	s.use.Lock()
	defer s.use.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	room, err := s.stream.writable()
	if err != nil && !errors.Is(err, outputUnderflowed) {
		return 0, s.fail(err)
	}
	if n = min(room, len(x)/s.format.Channels, len(s.scratch)/s.physical); n <= 0 {
		return 0, nil
	}
	frames := s.scratch[:n*s.physical]
	clear(frames)
	spread(frames, x[:n*s.format.Channels], s.physical, s.channels)
	// An underflow is silence before this, such as there is before the first Write.
	if err := s.stream.write(frames); err != nil && !errors.Is(err, outputUnderflowed) {
		return 0, s.fail(err)
	}
	return n, nil
}

// Drain follows what was written by as much silence as the device holds back, and waits until that has found room.
func (s *Sink) Drain() error {
	silence := make([]float32, s.format.Channels*int(s.latency.Seconds()*float64(s.format.Rate)))
	for range 2 { // what is in PortAudio's buffer, and what is in the host's
		if _, err := s.Write(silence); err != nil {
			return err
		}
	}
	return nil
}

// fail keeps an error that the device will not recover from.
func (s *Sink) fail(err error) error {
	s.err = fmt.Errorf("portaudio: %s has failed or was unplugged: %w", s.grant.Device, err)
	return s.err
}

func (s *Sink) ended() error { return fmt.Errorf("portaudio: %s: %w", s.grant.Device, os.ErrClosed) }

// Close falls silent at once and ends a pending Write.
func (s *Sink) Close() error {
	s.closing.Do(func() {
		close(s.done)
		s.use.Lock()
		defer s.use.Unlock()
		s.err = s.ended()
		s.poll.Stop()
		stopping := s.stream.abort()
		library.Lock()
		defer library.Unlock()
		s.closed = errors.Join(stopping, s.stream.close(), paTerminate())
		if s.closed != nil {
			s.closed = fmt.Errorf("portaudio: %s: %w", s.grant.Device, s.closed)
		}
	})
	return s.closed
}
