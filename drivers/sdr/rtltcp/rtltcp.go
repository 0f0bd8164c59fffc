// Package rtltcp reads an RTL2832U receiver on another machine, from a server that speaks as rtl_tcp does. It is for
// development: samples cross the network in the clear, which no appliance does.
//
// What it cannot do: the server answers nothing, so no setting can be verified, nor that the antenna's supply is off;
// and it drops what the network does not take without a word, so the index counts the samples that came and is behind
// the time from then on. There is no gap to see but after Retune.
package rtltcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"subrosa/drivers/internal/eightbit"
	"subrosa/drivers/internal/frame"
	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/internal/rtl"
)

// ErrStalled is wrapped by Read when the server is there and sends nothing.
var ErrStalled = errors.New("server sends nothing")

// Config says which server to call and what to ask of it.
type Config struct {
	Address string // host:port; rtl_tcp listens on 1234

	Rate        int     // samples per second, 225001…300000 or 900001…3200000
	Centre      float64 // Hz
	PPM         int     // by how much the receiver's crystal is too fast
	AutoGain    bool    // levels then move with what is received
	GainTenthDB int     // tenths of dB; the server takes one near to it

	// Settle is how long samples after a retune are discarded, 0: 0.5 s. The network may hold more than that.
	Settle time.Duration
	Stall  time.Duration // after which a server that sends nothing is broken; 0: 5 s
}

// Source is an sdr.Source over a connection. It does not reconnect.
type Source struct {
	conn   net.Conn
	name   string
	header Header
	rate   int
	settle int64
	stall  time.Duration

	sending sync.Mutex
	centre  atomic.Uint64 // float64
	tuned   atomic.Bool   // since Read last looked

	samples *frame.Reader
	at      int64
	discard int64
	err     error
	closed  atomic.Bool
}

// Open calls the server. The error wraps sdr.ErrAbsent if nobody answers there; any other says that what answers is
// no such server, or that it does not reach the frequency.
func Open(ctx context.Context, c Config) (*Source, error) {
	if c.Settle == 0 {
		c.Settle = 500 * time.Millisecond
	}
	if c.Stall == 0 {
		c.Stall = 5 * time.Second
	}
	asked := rtl.Config{Rate: c.Rate, PPM: c.PPM, Settle: c.Settle, Stall: c.Stall}
	if err := asked.Check(); err != nil {
		return nil, fmt.Errorf("rtltcp: %w", err)
	}
	conn, err := (&net.Dialer{Timeout: c.Stall}).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("rtltcp: %w: %w", sdr.ErrAbsent, err)
	}
	s := &Source{conn: conn, name: "rtltcp: " + c.Address, rate: c.Rate, stall: c.Stall, settle: int64(c.Settle.Seconds() * float64(c.Rate))}
	s.samples = frame.NewReader(patient{s}, 2, frame.Unbounded)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = s.setUp(c)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

func (s *Source) setUp(c Config) error {
	var b [headerSize]byte
	if _, err := io.ReadFull(patient{s}, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("greeting: %w", err)
	}
	var err error
	if s.header, err = ParseHeader(b[:]); err != nil {
		return err
	}
	if !s.header.Tuner.Known() {
		return fmt.Errorf("%v", s.header.Tuner)
	}
	if err := s.header.Tuner.CheckCentre(c.Centre); err != nil {
		return err
	}
	s.centre.Store(math.Float64bits(c.Centre))
	manual := uint32(1)
	if c.AutoGain {
		manual = 0
	}
	out := appendCommand(nil, setBiasTee, 0)
	out = appendCommand(out, setDirect, 0)
	out = appendCommand(out, setAGC, 0)
	out = appendCommand(out, setPPM, uint32(int32(c.PPM)))
	out = appendCommand(out, setRate, uint32(c.Rate))
	out = appendCommand(out, setCentre, uint32(math.Round(c.Centre)))
	out = appendCommand(out, setManual, manual)
	if !c.AutoGain {
		out = appendCommand(out, setGain, uint32(int32(c.GainTenthDB)))
	}
	if err := s.send(out); err != nil {
		return err
	}
	s.discard = s.settle // the server sends from when it is called, at whatever was set before
	return nil
}

func (s *Source) send(b []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.stall)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	return err
}

// patient reads from the connection, but not for ever.
type patient struct{ s *Source }

func (p patient) Read(b []byte) (int, error) {
	if err := p.s.conn.SetReadDeadline(time.Now().Add(p.s.stall)); err != nil {
		return 0, err
	}
	n, err := p.s.conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w, for %v", ErrStalled, p.s.stall)
	}
	return n, err
}

// Close closes the connection, for frame.Reader.
func (p patient) Close() error { return p.s.conn.Close() }

// Header is the server's greeting.
func (s *Source) Header() Header { return s.header }

// Format is what was asked for; Centre follows Retune.
func (s *Source) Format() sdr.Format {
	return sdr.Format{Rate: s.rate, Centre: math.Float64frombits(s.centre.Load())}
}

// Read implements sdr.Source. A server that ends the connection gives io.ErrUnexpectedEOF.
func (s *Source) Read(dst []complex64) (at int64, n int, err error) {
	if len(dst) == 0 {
		return s.at, 0, nil
	}
	if s.closed.Load() {
		return s.at, 0, fmt.Errorf("%s: %w", s.name, os.ErrClosed)
	}
	for s.err == nil {
		if s.tuned.Swap(false) {
			s.discard = s.settle
		}
		want := int64(len(dst))
		if s.discard > 0 {
			want = s.discard
		}
		b, err := s.samples.Next(int(want))
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			s.err = fmt.Errorf("%s: %w", s.name, err)
			break
		}
		at, n = s.at, len(b)/2
		s.at += int64(n)
		if s.discard > 0 {
			s.discard -= int64(n)
			continue
		}
		eightbit.Unsigned(dst[:n], b)
		return at, n, nil
	}
	return s.at, 0, s.err
}

// Retune asks the server for another frequency. Samples of the next Settle are discarded and show as a jump of the
// index. That is a guess: what is on its way from before is nothing that a client can know.
func (s *Source) Retune(hz float64) error {
	if err := s.header.Tuner.CheckCentre(hz); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.send(appendCommand(nil, setCentre, uint32(math.Round(hz)))); err != nil {
		return fmt.Errorf("%s: tuning to %g Hz: %w", s.name, hz, err)
	}
	s.centre.Store(math.Float64bits(hz))
	s.tuned.Store(true)
	return nil
}

// Close ends the connection and a pending Read.
func (s *Source) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if err := s.samples.Close(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}
