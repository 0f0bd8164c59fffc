//go:build linux && cgo

package capture

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"subrosa/drivers/sdr"
)

var (
	// ErrGone is wrapped by Read when the receiver has ended: unplugged, or given up by its library.
	ErrGone = errors.New("receiver delivers no more")
	// ErrStalled is wrapped by Read when an open receiver has stopped delivering.
	ErrStalled = errors.New("receiver delivers nothing")
	// ErrHangs is wrapped by Close when the library does not come back. The receiver and its memory are then given up.
	ErrHangs = errors.New("the receiver's library does not come back")
)

// Device is an open receiver as its library offers it.
type Device interface {
	// Run has the library put samples into the ring until Stop, then it returns nil, or until the receiver ends.
	// It is called at most once, in a thread of its own.
	Run(*Ring) error
	// Stop makes Run return, even one that is only about to begin. It is called again until Run has returned.
	Stop()
	// Tune returns once the receiver has been told. It may run beside Run.
	Tune(hz float64) error
	// Close frees the receiver. Nothing is called afterwards but Stop, and Tune, which then fails.
	Close() error
}

// Config says how to read a receiver.
type Config struct {
	Name   string // of the receiver, for errors
	Format sdr.Format
	Lo, Hi float64 // Hz it can be tuned to
	Block  int     // bytes that its library hands over at once
	Blocks int     // that the ring holds
	Settle int     // samples discarded once it has been told to tune
	// Stall is how long nothing may arrive before Read fails, 0: 5 s. Patience is how long Close waits for the
	// library, 0: 5 s.
	Stall, Patience time.Duration
	// Decode converts as many samples as dst holds, two bytes each. It may change b.
	Decode func(dst []complex64, b []byte)
}

// Stream is an sdr.Source over a Device. It reads nothing from the receiver before the first Read.
type Stream struct {
	c    Config
	dev  Device
	ring *Ring

	locked bool // the ring's memory

	start   chan struct{}
	starts  sync.Once
	stop    chan struct{}
	stops   sync.Once
	done    chan struct{} // the device is closed
	runErr  error         // of Run; set before the ring ends
	endErr  error         // of the device's Close; set before done
	stopErr error         // what Close answered

	tuning sync.Mutex
	centre atomic.Uint64 // float64
	tuned  atomic.Int64  // ns when the last retune was done; 0: none that Read has not seen
	broken atomic.Pointer[error]

	reading sync.Mutex
	have    block // bytes not yet handed out
	holding bool
	at      int64 // index of the next sample
	skip    int64 // samples before this index are discarded
	retuned int64 // ns; blocks that arrived before are discarded
	pace    pace
	err     error
}

// NewStream makes the ring and the thread in which the device will run. If it fails the device is not closed.
func NewStream(dev Device, c Config) (*Stream, error) {
	ring, err := newRing(c.Block, c.Blocks)
	if err != nil {
		return nil, fmt.Errorf("%s: ring: %w", c.Name, err)
	}
	if c.Stall == 0 {
		c.Stall = 5 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	s := &Stream{c: c, dev: dev, ring: ring, locked: ring.locked(), start: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
		pace: newPace(c.Format.Rate, c.Block/2)}
	s.centre.Store(math.Float64bits(c.Format.Centre))
	ready := make(chan struct{})
	go s.run(ready)
	<-ready
	return s, nil
}

// run is the device's thread, which exists before the process gives up its rights.
func (s *Stream) run(ready chan<- struct{}) {
	runtime.LockOSThread()
	close(ready)
	defer close(s.done)
	select {
	case <-s.start:
		s.runErr = s.dev.Run(s.ring)
		s.ring.end()
		<-s.stop
	case <-s.stop:
	}
	s.endErr = s.dev.Close()
}

// Format is what the receiver was opened with; Centre follows Retune.
func (s *Stream) Format() sdr.Format {
	return sdr.Format{Rate: s.c.Format.Rate, Centre: math.Float64frombits(s.centre.Load())}
}

// Locked says whether the memory of the samples is kept from being swapped out; the limit is RLIMIT_MEMLOCK.
func (s *Stream) Locked() bool { return s.locked }

// Read implements sdr.Source. It waits until there are samples and may fill less than dst.
func (s *Stream) Read(dst []complex64) (at int64, n int, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if len(dst) == 0 {
		return s.at, 0, nil
	}
	select {
	case <-s.stop:
		return s.at, 0, s.errClosed()
	default:
	}
	s.starts.Do(func() { close(s.start) })
	if s.err != nil {
		return s.at, 0, s.err
	}
	if broken := s.broken.Load(); broken != nil {
		s.err = *broken
		return s.at, 0, s.err
	}
	for began := now(); !s.ready(began); {
		if s.err != nil {
			return s.at, 0, s.err
		}
	}
	for at = s.at; ; {
		k := min(len(dst)-n, len(s.have.bytes)/2)
		s.c.Decode(dst[n:n+k], s.have.bytes[:2*k])
		s.have.bytes = s.have.bytes[2*k:]
		n += k
		s.at += int64(k)
		// More only if it is there and follows without a gap.
		if n == len(dst) || !s.next(0) || s.at != at+int64(n) {
			return at, n, nil
		}
	}
}

// ready waits for samples to hand out, in a Read that began then.
func (s *Stream) ready(began int64) bool {
	left := int64(s.c.Stall) - (now() - max(began, s.have.at))
	if left <= 0 {
		s.err = fmt.Errorf("%s: %w, for %v", s.c.Name, ErrStalled, s.c.Stall)
		return false
	}
	return s.next(left)
}

// next has a block with at least a sample to hand out in s.have, or returns false: nothing came, it is to be
// discarded, or the stream has ended, which s.err says.
func (s *Stream) next(wait int64) bool {
	if t := s.tuned.Swap(0); t != 0 {
		s.retuned, s.skip = t, math.MaxInt64
	}
	if !s.holding || len(s.have.bytes) == 0 || s.skip == math.MaxInt64 {
		if !s.fetch(wait) {
			return false
		}
	}
	if s.skip <= s.at {
		return true
	}
	k := min(s.skip-s.at, int64(len(s.have.bytes)/2))
	s.have.bytes = s.have.bytes[2*k:]
	s.at += k
	return len(s.have.bytes) > 0
}

// fetch takes a block out of the ring and counts what was lost before it.
func (s *Stream) fetch(wait int64) bool {
	if s.holding {
		s.at += int64(len(s.have.bytes) / 2)
		s.ring.release()
		s.holding = false
	}
	b, st := s.ring.take(wait)
	switch st {
	case taken:
	case timeout:
		return false
	case ended:
		s.err = s.ended()
		return false
	default:
		s.err = s.errClosed()
		return false
	}
	s.have, s.holding = b, true
	s.at += b.lost
	n := int64(len(b.bytes) / 2)
	// What arrived together was captured one after the other.
	captured := b.at - int64(float64(b.rest/2)/float64(s.c.Format.Rate)*1e9)
	s.at += s.pace.observe(captured, s.at+n)
	if s.skip == math.MaxInt64 && b.at > s.retuned {
		s.skip = max(s.at, int64(math.Ceil(s.pace.captured(s.retuned)))) + int64(s.c.Settle)
	}
	return true
}

func (s *Stream) errClosed() error { return fmt.Errorf("%s: %w", s.c.Name, os.ErrClosed) }

func (s *Stream) ended() error {
	if s.runErr == nil {
		return fmt.Errorf("%s: %w", s.c.Name, ErrGone)
	}
	return fmt.Errorf("%s: %w: %w", s.c.Name, ErrGone, s.runErr)
}

// Retune tunes to hz. The stream's index goes on in time: whatever was captured before the receiver had been told,
// and the samples in which it settles, are discarded and show as a jump. A Read that begins after Retune has
// returned has no sample from before. A frequency out of range changes nothing; any other failure leaves it
// unknown where the receiver is, so it ends the stream.
func (s *Stream) Retune(hz float64) error {
	if !(hz >= s.c.Lo && hz <= s.c.Hi) {
		return fmt.Errorf("%s: cannot be tuned to %g Hz, only from %g to %g", s.c.Name, hz, s.c.Lo, s.c.Hi)
	}
	s.tuning.Lock()
	defer s.tuning.Unlock()
	if err := s.dev.Tune(hz); err != nil {
		err = fmt.Errorf("%s: tuning to %g Hz: %w", s.c.Name, hz, err)
		s.broken.Store(&err)
		return err
	}
	s.centre.Store(math.Float64bits(hz))
	s.tuned.Store(now())
	return nil
}

// Close ends sampling and a pending Read, and frees the receiver. After an unplugging it is no error.
func (s *Stream) Close() error {
	s.stops.Do(func() {
		close(s.stop)
		s.ring.close()
		again := time.NewTicker(10 * time.Millisecond)
		defer again.Stop()
		patience := time.NewTimer(s.c.Patience)
		defer patience.Stop()
		for {
			s.dev.Stop()
			select {
			case <-s.done:
			case <-again.C:
				continue
			case <-patience.C:
				s.stopErr = fmt.Errorf("%s: %w, for %v", s.c.Name, ErrHangs, s.c.Patience)
				return // the ring stays: the library may still write
			}
			break
		}
		if s.endErr != nil && s.runErr == nil {
			s.stopErr = fmt.Errorf("%s: closing: %w", s.c.Name, s.endErr)
		}
		s.reading.Lock()
		defer s.reading.Unlock()
		s.ring.free()
	})
	return s.stopErr
}
