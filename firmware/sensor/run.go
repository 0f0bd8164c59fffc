package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"subrosa/firmware/record"
	"subrosa/firmware/sense"
	"subrosa/firmware/slot"
)

var errEnded = errors.New("sensor: the process has ended")

// once runs the process until it ends or breaks the rules.
func (w *Watcher) once(ctx context.Context) End {
	p, err := w.Start(ctx)
	if err != nil {
		return End{Err: fmt.Errorf("sensor: start: %w", err)}
	}
	exited := make(chan bool, 1)
	go func() { exited <- p.Wait() == nil }() // nothing else of how it ended is looked at
	err = w.serve(ctx, p)
	p.Control.Close()
	defer p.Records.Close()
	looking := errors.Is(err, errLook) // the end of control is its order to end
	if looking {
		err = nil
	}
	if looking || errors.Is(err, errEnded) {
		select {
		case ok := <-exited:
			return End{OK: ok, Look: looking, Err: err}
		case <-time.After(answerWithin):
		}
	}
	p.Kill()
	select {
	case <-exited:
	case <-time.After(answerWithin):
	}
	return End{Look: looking, Err: err}
}

// serve polls until something ends it.
func (w *Watcher) serve(ctx context.Context, p *Process) error {
	l := &line{control: p.Control, answers: make(chan answer, 2)}
	go l.read(p.Records)
	if err := l.send(w.begin()...); err != nil {
		return err
	}
	nextUrgent := w.Clock.Now()
	nextStatus := nextUrgent
	if t := w.statusAt.Add(slot.StatusEvery); t.After(nextStatus) { // a new run does not win a status
		nextStatus = t
	}
	for {
		next := nextUrgent
		if nextStatus.Before(next) {
			next = nextStatus
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-l.answers: // the end, or what nobody asked for
			return a.err
		case <-w.Clock.After(max(0, next.Sub(w.Clock.Now()))):
		}
		now := w.Clock.Now()
		if w.look.due(now) && w.learning == idle {
			return errLook
		}
		if err := l.send(w.take()...); err != nil {
			return err
		}
		if !now.Before(nextStatus) {
			if err := w.status(ctx, l, now); err != nil {
				return err
			}
			nextStatus = later(nextStatus, slot.StatusEvery, now)
		}
		if !now.Before(nextUrgent) {
			if err := w.urgent(ctx, l, now); err != nil {
				return err
			}
			nextUrgent = later(nextUrgent, slot.UrgentEvery, now)
		}
	}
}

// later returns the first tick after now, keeping the rhythm: missed polls are not made up for.
func later(t time.Time, every time.Duration, now time.Time) time.Time {
	t = t.Add(every)
	if behind := now.Sub(t); behind >= 0 {
		t = t.Add((behind/every + 1) * every)
	}
	return t
}

// line is the connection with one run of the process.
type line struct {
	control io.Writer
	answers chan answer // records that were asked for, then the error that ended the line
	asked   atomic.Bool
}

type answer struct {
	b   [record.Size]byte
	err error
}

// read takes records until one comes that nobody asked for, or the process ends.
func (l *line) read(r io.Reader) {
	for {
		var a answer
		n, err := r.Read(a.b[:])
		if n > 0 && !l.asked.CompareAndSwap(true, false) {
			l.answers <- answer{err: fmt.Errorf("%w: a record that nobody asked for", ErrGrammar)}
			return
		}
		if n > 0 && n < record.Size {
			_, err = io.ReadFull(r, a.b[n:])
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("%w: part of a record", ErrGrammar)
			}
		} else if n > 0 {
			err = nil // if there is one, it comes again
		}
		if err == nil && n == 0 {
			continue
		}
		switch {
		case err == nil, errors.Is(err, ErrGrammar):
		default:
			err = errEnded
		}
		a.err = err
		l.answers <- a
		if err != nil {
			return
		}
	}
}

func (l *line) send(cs ...sense.Control) error {
	for _, c := range cs {
		if _, err := io.WriteString(l.control, c.String()+"\n"); err != nil {
			return errEnded // only a reader that is gone makes a pipe fail
		}
	}
	return nil
}

// ask sends a poll and returns the bytes of the one record that answers it.
func (l *line) ask(ctx context.Context, c sense.Control) ([record.Size]byte, error) {
	l.asked.Store(true)
	if err := l.send(c); err != nil {
		return [record.Size]byte{}, err
	}
	select {
	case a := <-l.answers:
		return a.b, a.err
	case <-ctx.Done():
		return [record.Size]byte{}, ctx.Err()
	case <-time.After(answerWithin):
		return [record.Size]byte{}, fmt.Errorf("sensor: no answer within %v", answerWithin)
	}
}
