package warden

import (
	"context"
	"sync"
	"time"

	"subrosa/mdm"
)

// Run steps whenever something may have changed, a wish has come (kick), or time is up, and tells every report that says
// something new or answers a wish. It returns when ctx ends, having given nothing back: a lock outlasts the program, and the next
// start goes on with it.
func (w *Warden) Run(ctx context.Context, kick <-chan struct{}, tell func(mdm.DeviceReport)) {
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, s := range w.switches {
		wg.Go(func() { w.watch(ctx, s, notify) })
	}
	var last mdm.DeviceReport
	for {
		r, err := w.Step(ctx, time.Now())
		if err != nil {
			w.log.Error("the state could not be written", "err", err)
		}
		if ctx.Err() != nil {
			return
		}
		if !same(last, r) {
			last = r
			tell(r)
		}
		t := time.NewTimer(w.Next(time.Now()))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-changed:
		case <-kick:
		case <-t.C:
		}
		t.Stop()
	}
}

// watch keeps watching a switch that lost sight of its things.
func (w *Warden) watch(ctx context.Context, s Switch, changed func()) {
	pause := 250 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := s.Watch(ctx, changed)
		if ctx.Err() != nil {
			return
		}
		changed()
		if time.Since(began) > time.Minute {
			pause = 250 * time.Millisecond
		}
		w.log.Debug("watching ended, again soon", "switch", s.Name(), "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*time.Second)
	}
}

// same reports whether b says nothing that a did not. A wish is always answered.
func same(a, b mdm.DeviceReport) bool {
	eq := func(x, y []string) bool {
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if x[i] != y[i] {
				return false
			}
		}
		return true
	}
	return a.DesiredVersion == b.DesiredVersion && a.Command == b.Command && a.State == b.State && a.Error == b.Error && a.Since.Equal(b.Since) &&
		eq(a.InForce, b.InForce) && eq(a.Limits, b.Limits)
}
