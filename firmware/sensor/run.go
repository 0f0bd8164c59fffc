package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
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

// serve polls until something ends it. It speaks and hears at the ticks of its own clock only: when within a tick an
// answer came, or the end, is the sensor's choice and must not show.
func (w *Watcher) serve(ctx context.Context, p *Process) error {
	l := &line{control: p.Control, answers: make(chan answer, 4)}
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
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.Clock.After(max(0, nextUrgent.Sub(w.Clock.Now()))):
		}
		now := w.Clock.Now()
		missed := now.Sub(nextUrgent) > slot.UrgentEvery/2 // sending was held up, which the sensor can do: not off the grid
		nextUrgent = later(nextUrgent, slot.UrgentEvery, now)
		if missed {
			continue
		}
		waiting, err := w.hear(l, now)
		if err != nil {
			return err
		}
		if waiting {
			continue
		}
		if w.look.due(now) && w.learning == idle {
			return errLook
		}
		if err := l.send(w.take()...); err != nil {
			return err
		}
		if !now.Before(nextStatus) {
			nextStatus = later(nextStatus, slot.StatusEvery, now)
			if err := l.ask(sense.Control{Verb: 'S'}, now); err != nil {
				return err
			}
		}
		closed := w.isClosed()
		if err := l.ask(sense.Control{Verb: 'U', Left: w.left(now, closed), Closed: closed}, now); err != nil {
			return err
		}
	}
}

// hear takes the answers to what was asked at an earlier tick. It reports whether some are still missing: the sensor
// chose to be late, or was busy, and that it could is a slot that it filled.
func (w *Watcher) hear(l *line, now time.Time) (waiting bool, err error) {
	for {
		select {
		case a := <-l.answers:
			if a.err != nil { // the end, or what nobody asked for
				return false, a.err
			}
			if err := w.answer(l.answered(), a.b, now); err != nil {
				return false, err
			}
		default:
			n, since := l.owed()
			if n == 0 {
				return false, nil
			}
			return true, w.late(since, now)
		}
	}
}

// late charges a tick without an answer. In a scenario's time a tick may be shorter than any answer: nothing is charged.
func (w *Watcher) late(since, now time.Time) error {
	if time.Since(since) > answerWithin {
		return fmt.Errorf("sensor: no answer within %v", answerWithin)
	}
	if w.Clock.Quality() == "scenario" {
		return nil
	}
	closed := w.isClosed()
	if w.left(now, closed) == 0 {
		return errors.New("sensor: late, with no slot left to be late in")
	}
	w.Meter.Fill(now, closed)
	w.spoken()
	return nil
}

// answer takes the answer to a poll.
func (w *Watcher) answer(p poll, b [record.Size]byte, now time.Time) error {
	if p.Verb == 'S' {
		return w.status(b, now)
	}
	return w.urgent(b, p, now)
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

	mu    sync.Mutex
	polls []poll // asked and not answered, oldest first
	taken int    // of polls, those whose answer is in answers
}

// poll is something asked of the sensor.
type poll struct {
	sense.Control
	at   time.Time // by the watcher's clock: ages in the answer count from here
	real time.Time
}

type answer struct {
	b   [record.Size]byte
	err error
}

// take reports whether an answer was still owed.
func (l *line) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == len(l.polls) {
		return false
	}
	l.taken++
	return true
}

// answered returns the poll that the next answer belongs to.
func (l *line) answered() poll {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.polls[0]
	l.polls, l.taken = l.polls[1:], l.taken-1
	return c
}

// owed returns how many answers have not been taken yet, and the real time at which the oldest of them was asked for.
func (l *line) owed() (n int, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.polls) > 0 {
		since = l.polls[0].real
	}
	return len(l.polls), since
}

// read takes records until one comes that nobody asked for, or the process ends.
func (l *line) read(r io.Reader) {
	for {
		var a answer
		n, err := r.Read(a.b[:])
		if n > 0 && !l.take() {
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
		if d, ok := l.control.(interface{ SetWriteDeadline(time.Time) error }); ok {
			_ = d.SetWriteDeadline(time.Now().Add(answerWithin)) // where there is none, as in tests, a reader reads
		}
		if _, err := io.WriteString(l.control, c.String()+"\n"); errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%w: it does not read what it is told", ErrGrammar)
		} else if err != nil {
			return errEnded // only a reader that is gone makes a pipe fail
		}
	}
	return nil
}

// ask sends a poll, at now by the watcher's clock.
func (l *line) ask(c sense.Control, now time.Time) error {
	l.mu.Lock()
	l.polls = append(l.polls, poll{c, now, time.Now()})
	l.mu.Unlock()
	return l.send(c)
}
