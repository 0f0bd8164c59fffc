package sense

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"subrosa/firmware/record"
)

// Runner is one pipeline as the server sees it.
type Runner interface {
	Run(context.Context) error
}

// Server answers the room unit. It numbers the records, so that a lost or doubled one shows.
type Server struct {
	Control   io.Reader // lines of Control
	Records   io.Writer // one record.Size-byte record for each poll
	Desk      *Desk
	Pipelines []Runner

	Configure func(Config) error    // chooses the detectors
	Hearing   *Hearing              // self-test of the microphone; nil: there is none
	Baseline  func([]Emitter) error // tells those of radio what is known on the air

	seq  uint8
	over atomic.Bool // the next urgent record is the last
}

var errPanicked = errors.New("sense: a programming error")

// Run serves until the control pipe ends, which means that the room unit is gone; that is nil. It also ends, once the
// record that says so has left, when a pipeline panics. A source that fails is told, and the others go on: to look for it
// again the room unit starts the process anew, because this one cannot open anything any more.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{}, len(s.Pipelines))
	running := 0
	start := func() {
		for ; running < len(s.Pipelines); running++ {
			p := s.Pipelines[running]
			go func() {
				s.run(ctx, p)
				ended <- struct{}{}
			}()
		}
	}
	err := controls(s.Control, func(c Control) error {
		switch c.Verb {
		case 'C':
			err := s.Configure(*c.Config)
			if err == nil {
				start()
			}
			return err
		case 'B':
			return s.Baseline(c.Baseline)
		case 'L':
			return s.learn(c.Learn)
		case 'K':
			return s.test(c.Chirp)
		}
		return s.answer(c)
	})
	stop()
	for range running {
		<-ended
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// run turns a panic into the one record that may tell of it.
func (s *Server) run(ctx context.Context, p Runner) {
	defer func() {
		if recover() != nil {
			s.Desk.Fail(record.Panicked)
			s.over.Store(true)
		}
	}()
	p.Run(ctx) // what a source failed of is told at the desk
}

// test begins the self-test of the microphone, or cancels it.
func (s *Server) test(c Chirp) error {
	switch {
	case s.Hearing == nil:
		return nil
	case c == (Chirp{}):
		s.Hearing.Cancel()
		return nil
	}
	return s.Hearing.Begin(c)
}

// learn begins to learn, with nothing known, so that everything is found; or ends it, and what was learned is known
// at once, long before it has left.
func (s *Server) learn(on bool) error {
	switch {
	case !s.Desk.SetLearning(on):
		return nil
	case on:
		return s.Baseline(nil)
	}
	return s.Baseline(s.Desk.Learned())
}

// answer writes exactly one record.
func (s *Server) answer(c Control) error {
	var b [record.Size]byte
	over := s.over.Load()
	if !s.encode(&b, c) {
		if over = true; c.Verb == 'S' || c.Left == 0 {
			return errPanicked
		}
		s.seq = (s.seq + 1) & 15
		(&record.Record{Type: record.Dying, Seq: s.seq, Cause: record.Panicked}).Encode(&b)
	}
	if _, err := s.Records.Write(b[:]); err != nil {
		return fmt.Errorf("sense: record: %w", err)
	}
	if c.Verb != 'U' {
		return nil
	}
	if over {
		return errPanicked
	}
	return nil
}

// encode makes the record that answers c; false if that panicked.
func (s *Server) encode(b *[record.Size]byte, c Control) (ok bool) {
	defer func() { ok = recover() == nil }()
	var r record.Record
	if c.Verb == 'S' {
		r = s.Desk.Status()
	} else {
		r = s.Desk.Urgent(c.Left, c.Closed)
	}
	r.Seq = (s.seq + 1) & 15
	r.Encode(b)
	if r.Type != record.Empty {
		s.seq = r.Seq
	}
	return true
}
