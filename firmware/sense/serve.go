package sense

import (
	"context"
	"errors"
	"fmt"
	"io"

	"subrosa/firmware/record"
)

// Runner is one pipeline as the server sees it.
type Runner interface {
	Run(context.Context) error
}

// Server answers the room unit. Configure is called with each configuration and baseline before the next poll is
// answered; it chooses the detectors of the pipelines.
type Server struct {
	Control   io.Reader // lines of Control
	Records   io.Writer // one record.Size-byte record for each poll
	Desk      *Desk
	Pipelines []Runner
	Configure func(Config, []Emitter) error
}

// Run serves until the control pipe ends, which means that the room unit is gone, or until a pipeline panics. A
// pipeline that ends or fails leaves the others running; the status shows that its samples stopped.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(s.Pipelines))
	running := 0
	var cfg Config
	var baseline []Emitter
	configured := false
	err := controls(s.Control, func(c Control) error {
		switch c.Verb {
		case 'S', 'U':
			return s.answer(c)
		case 'L':
			s.Desk.SetLearning(c.Learn)
			return nil
		case 'C':
			cfg, configured = *c.Config, true
		case 'B':
			baseline = c.Baseline
		}
		if !configured {
			return nil
		}
		if err := s.Configure(cfg, baseline); err != nil {
			return err
		}
		for ; running < len(s.Pipelines); running++ {
			go s.run(ctx, s.Pipelines[running], ended)
		}
		return nil
	})
	stop()
	for range running {
		if e := <-ended; e != nil && errors.Is(err, io.EOF) {
			err = e
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// run turns a panic into the one record that may tell of it.
func (s *Server) run(ctx context.Context, p Runner, ended chan<- error) {
	var err error
	defer func() {
		if v := recover(); v != nil {
			s.Desk.Die(1)
			err = fmt.Errorf("sense: pipeline panicked")
		}
		ended <- err
	}()
	if err = p.Run(ctx); err != nil && ctx.Err() == nil {
		s.Desk.Die(2)
	}
}

// answer writes exactly one record.
func (s *Server) answer(c Control) error {
	var r record.Record
	if c.Verb == 'S' {
		r = s.Desk.Status()
	} else {
		r = s.Desk.Urgent(c.Left, c.Closed)
	}
	var b [record.Size]byte
	r.Encode(&b)
	if _, err := s.Records.Write(b[:]); err != nil {
		return fmt.Errorf("sense: record: %w", err)
	}
	return nil
}
