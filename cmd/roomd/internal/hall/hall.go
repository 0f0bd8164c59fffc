package hall

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"subrosa/drivers/httpstatus"
	"subrosa/drivers/pjlink"
	"subrosa/drivers/served"
	"subrosa/firmware/av"
	"subrosa/firmware/clock"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

const pjlinkPort = pjlink.Port

// How often a device is asked: while the room is public so that what was before is known, in a handover so that it does
// not wait for an answer, and in a closed session so that what is switched on again is seen.
const (
	everyOpen   = 30 * time.Second
	everyStep   = 2 * time.Second
	everyClosed = 5 * time.Second
	patience    = 4 * time.Second // real time, for one device
)

// asker asks once.
type asker func(ctx context.Context, now time.Time) av.Reading

type asked struct {
	id  string
	by  av.Proof
	ask asker
}

// Watcher asks the devices, each on a goroutine of its own. Build makes one; set the exported fields before Run.
type Watcher struct {
	Clock clock.Clock
	Log   *slog.Logger
	Tell  func(device string, by av.Proof, r av.Reading) // must not wait

	list []asked

	mu    sync.Mutex
	state session.State
	moved chan struct{} // closed when the state changes
}

func (w *Watcher) add(id string, by av.Proof, ask asker) { w.list = append(w.list, asked{id, by, ask}) }

// Show takes the state of the session out of what the pages show. It does not wait.
func (w *Watcher) Show(v wall.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == v.Session.State {
		return
	}
	w.state = v.Session.State
	if w.moved != nil {
		close(w.moved)
	}
	w.moved = make(chan struct{})
}

// pace returns how long to wait before the next question, and what ends the wait early.
func (w *Watcher) pace() (time.Duration, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moved == nil {
		w.moved = make(chan struct{})
	}
	switch {
	case w.state.Step(), w.state == session.Restoring:
		return everyStep, w.moved
	case w.state.Confidential():
		return everyClosed, w.moved
	}
	return everyOpen, w.moved
}

// Run asks until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	for _, a := range w.list {
		wait.Go(func() { w.watch(ctx, a) })
	}
	<-ctx.Done()
	wait.Wait()
	return nil
}

func (w *Watcher) watch(ctx context.Context, a asked) {
	last := av.Reading{}
	for ctx.Err() == nil {
		d, moved := w.pace()
		one, cancel := context.WithTimeout(ctx, patience)
		r := a.ask(one, w.Clock.Now())
		cancel()
		if ctx.Err() != nil {
			return
		}
		r.At = w.Clock.Now()
		if r.State != last.State || r.Why != last.Why {
			w.Log.Info("hall", "device", a.id, "by", a.by, "state", r.State, "why", r.Why)
		}
		last = r
		w.Tell(a.id, a.by, r)
		select {
		case <-ctx.Done():
		case <-moved:
		case <-w.Clock.After(d):
		}
	}
}

func projector(address, password string, mute bool) asker {
	return func(ctx context.Context, _ time.Time) av.Reading {
		s, err := pjlink.Ask(ctx, address, password)
		switch {
		case errors.Is(err, pjlink.ErrPassword):
			return av.Reading{State: av.Unknown, Why: "not-allowed"}
		case errors.Is(err, pjlink.ErrDevice), errors.Is(err, pjlink.ErrUnavailable):
			return av.Reading{State: av.Unknown, Why: "unexpected"}
		case err != nil:
			return av.Reading{State: av.Unknown, Why: "no-answer"}
		case s.Power == pjlink.Standby:
			return av.Reading{State: av.Off, Why: "standby"}
		case s.Power == pjlink.Cooling: // light and sound are off; it cannot be woken meanwhile
			return av.Reading{State: av.Off, Why: "cooling"}
		case mute && s.Muted && s.Mute.Sound:
			return av.Reading{State: av.Off, Why: "muted"}
		}
		return av.Reading{State: av.On, Why: "lit"}
	}
}

func status(p *httpstatus.Probe) asker {
	return func(ctx context.Context, _ time.Time) av.Reading {
		s, why := p.Look(ctx)
		return av.Reading{State: av.State(s), Why: why}
	}
}

// streams asks all addresses at once: one that is served is on; all must be off for off.
func streams(looks []*served.Look) asker {
	return func(ctx context.Context, now time.Time) av.Reading {
		answers := make([]served.Answer, len(looks))
		var wait sync.WaitGroup
		for i, l := range looks {
			wait.Go(func() { answers[i] = l.Ask(ctx, now) })
		}
		wait.Wait()
		out := answers[0]
		for _, a := range answers[1:] {
			if a.State == served.On || a.State == served.Unknown && out.State == served.Off {
				out = a
			}
		}
		return av.Reading{State: av.State(out.State), Why: out.Why}
	}
}
