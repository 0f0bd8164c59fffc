// Package mdmtest is the conformance suite of mdm.Backend: what every backend must do to a device behind it, as told by the
// device itself.
package mdmtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"subrosa/mdm"
)

// Bench is one backend with one scripted device behind it. What a platform cannot do is left nil, and its part skipped.
type Bench struct {
	Backend mdm.Backend
	Device  mdm.Device
	Truth   func() (standing, lock mdm.Set) // what is off at the device, by the test's own look
	Screen  func(locked bool)               // a locked screen answers "not now"
	Refuse  func(bool)                      // the device, or its management, refuses
	Reach   func(online bool)               // the device's network
	Tick    func()                          // lets the device speak with its management, where it does not by itself
	Down    func()                          // the management cannot be reached any more
}

// Deadline of everything that is waited for.
const Deadline = 20 * time.Second

// Run holds what make returns against the contract; each part gets its own.
func Run(t *testing.T, fresh func(t *testing.T) *Bench) {
	for _, part := range []struct {
		name string
		f    func(*testing.T, *run)
	}{
		{"caps", caps}, {"stand", stand}, {"lock and free", lockAndFree}, {"the same command twice", twice}, {"another lock", replaced},
		{"free without a lock", freeNothing}, {"locked screen", screen}, {"refusing", refuse}, {"offline", offline}, {"management down", down},
	} {
		t.Run(part.name, func(t *testing.T) {
			b := fresh(t)
			ctx, stop := context.WithCancel(context.Background())
			r := &run{Bench: b, t: t, ctx: ctx, want: mdm.Want{Standing: b.Backend.Caps(b.Device).Can & mdm.Assistant}}
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := b.Backend.Run(ctx, r.emit); err != nil && ctx.Err() == nil {
					t.Errorf("Run: %v", err)
				}
			})
			t.Cleanup(func() { stop(); wg.Wait() })
			part.f(t, r)
		})
	}
}

type run struct {
	*Bench
	t    *testing.T
	ctx  context.Context
	want mdm.Want
	n    int

	mu     sync.Mutex
	events []mdm.Event
}

func (r *run) emit(e mdm.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// find returns the last event about the command of one of the kinds.
func (r *run) find(id string, kinds ...mdm.EventKind) (mdm.Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.events) {
		if e.Device == r.Device.ID && e.Command == id && slices.Contains(kinds, e.Kind) {
			return e, true
		}
	}
	return mdm.Event{}, false
}

// until polls f.
func (r *run) until(what string, f func() bool) {
	r.t.Helper()
	for end := time.Now().Add(Deadline); !f(); {
		if time.Now().After(end) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("no %s within %v; events %+v", what, Deadline, r.events)
		}
		if r.Tick != nil {
			r.Tick()
		}
		pause()
	}
}

func pause() { <-time.After(5 * time.Millisecond) }

func (r *run) command(k mdm.Kind) mdm.Command {
	r.n++
	return mdm.Command{ID: fmt.Sprintf("sr-%s-%d-%s", r.Device.ID, r.n, k), Kind: k, Want: r.want}
}

// do sends a command and waits for the answer of one of the kinds.
func (r *run) do(c mdm.Command, kinds ...mdm.EventKind) mdm.Event {
	r.t.Helper()
	if err := r.Backend.Send(r.ctx, r.Device, c); err != nil {
		r.t.Fatalf("%s: %v", c.ID, err)
	}
	return r.answer(c, kinds...)
}

func (r *run) answer(c mdm.Command, kinds ...mdm.EventKind) (e mdm.Event) {
	r.t.Helper()
	if len(kinds) == 0 {
		kinds = []mdm.EventKind{mdm.Acked}
	}
	r.until("answer to "+c.ID, func() (ok bool) { e, ok = r.find(c.ID, kinds...); return ok })
	return e
}

// look asks in as many rounds as the backend wants, and puts them together as the reconciler does.
func (r *run) look() mdm.Observed {
	r.t.Helper()
	var all mdm.Observed
	for round := 0; ; round++ {
		c := r.command(mdm.Look)
		c.Round = round
		e := r.do(c)
		if e.Observed == nil {
			r.t.Fatalf("%s: answered without saying what is in force", c.ID)
		}
		if round == 0 {
			all = *e.Observed
		} else {
			all.InForce, all.Evidence = e.Observed.InForce, e.Observed.Evidence
		}
		if !e.Observed.More {
			return all
		}
		if round > 3 {
			r.t.Fatal("a look never ends")
		}
	}
}

// lockable is what a lock of this device can hold, beside the standing posture.
func (r *run) lockable() mdm.Set { return r.Backend.Caps(r.Device).Can &^ r.want.Standing }

func (r *run) lock(until time.Duration) mdm.Command {
	r.want.Lock, r.want.Until, r.want.Lease = r.lockable(), time.Now().Add(until).Truncate(time.Second), 5*time.Minute
	return r.command(mdm.Lock)
}

func (r *run) sessions() {
	r.t.Helper()
	if c := r.Backend.Caps(r.Device); c.Slow || c.Can&^mdm.Assistant == 0 {
		r.t.Skip("not for sessions")
	}
}

func (r *run) proves() bool { return r.Backend.Caps(r.Device).Best.Proves() }

func caps(t *testing.T, r *run) {
	c := r.Backend.Caps(r.Device)
	if c.Can == 0 || c.Can&^mdm.All != 0 || !c.Can.Has(c.Proves) {
		t.Errorf("can %v, proves %v", c.Can, c.Proves)
	}
	if !slices.Contains(mdm.Ladder, c.Best) || c.Proves != 0 && !c.Best.Proves() {
		t.Errorf("proves %v by %q", c.Proves, c.Best)
	}
	for _, l := range c.Limits {
		if err := mdm.CheckID(l); err != nil {
			t.Error(err)
		}
	}
	if !c.Best.Proves() && !slices.Contains(c.Limits, mdm.LimitNoProof) {
		t.Errorf("proves nothing, and its limits %v do not say %s", c.Limits, mdm.LimitNoProof)
	}
	if d := (mdm.Device{ID: "x", Platform: "nothing known"}); r.Backend.Caps(d).Can != 0 {
		t.Errorf("can %v on an unknown platform", r.Backend.Caps(d).Can)
	}
}

func stand(t *testing.T, r *run) {
	r.do(r.command(mdm.Stand))
	if s, l := r.Truth(); s != r.want.Standing || l != 0 {
		t.Errorf("off by posture %v, by lock %v, want %v and nothing", s, l, r.want.Standing)
	}
	if !r.proves() {
		return
	}
	if o := r.look(); o.Standing != r.want.Standing || o.Locked || !o.Evidence.Proves() {
		t.Errorf("observed %+v", o)
	}
}

func lockAndFree(t *testing.T, r *run) {
	r.sessions()
	r.do(r.command(mdm.Stand))
	r.do(r.lock(time.Hour))
	if s, l := r.Truth(); s != r.want.Standing || l != r.want.Lock {
		t.Errorf("locked: off by posture %v, by lock %v, want %v and %v", s, l, r.want.Standing, r.want.Lock)
	}
	if r.proves() {
		o := r.look()
		if !o.Locked || o.Lock != r.want.Lock || o.Standing != r.want.Standing || o.Tag != "" && o.Tag != r.want.Tag() {
			t.Errorf("locked: observed %+v, want %+v", o, r.want)
		}
		if p := r.Backend.Caps(r.Device).Proves; o.InForce != 0 && !o.InForce.Has((r.want.Standing|r.want.Lock)&p) {
			t.Errorf("locked: %v in force", o.InForce)
		}
	}
	r.want = mdm.Want{Standing: r.want.Standing}
	r.do(r.command(mdm.Free))
	if s, l := r.Truth(); s != r.want.Standing || l != 0 {
		t.Errorf("freed: off by posture %v, by lock %v, want %v and nothing", s, l, r.want.Standing)
	}
	if r.proves() {
		if o := r.look(); o.Locked || o.Lock != 0 || o.Standing != r.want.Standing {
			t.Errorf("freed: observed %+v", o)
		}
	}
}

// twice: to send the same command again does nothing, and is at most an error that does not claim that nobody has it.
func twice(t *testing.T, r *run) {
	r.sessions()
	c := r.lock(time.Hour)
	r.do(c)
	r.Backend.Send(r.ctx, r.Device, c) //nolint:errcheck // either is right
	if _, l := r.Truth(); l != r.want.Lock {
		t.Errorf("off by lock %v, want %v", l, r.want.Lock)
	}
}

func replaced(t *testing.T, r *run) {
	r.sessions()
	r.do(r.lock(time.Hour))
	r.do(r.lock(2 * time.Hour))
	if r.proves() {
		if o := r.look(); o.Tag != "" && o.Tag != r.want.Tag() || !o.Locked {
			t.Errorf("observed %+v, want tag %s", o, r.want.Tag())
		}
	}
	r.want = mdm.Want{Standing: r.want.Standing}
	r.do(r.command(mdm.Free))
	if _, l := r.Truth(); l != 0 {
		t.Errorf("%v is left of two locks", l)
	}
}

func freeNothing(t *testing.T, r *run) {
	r.sessions()
	r.do(r.command(mdm.Free), mdm.Acked, mdm.Failed)
	if _, l := r.Truth(); l != 0 {
		t.Errorf("off by lock %v", l)
	}
}

func screen(t *testing.T, r *run) {
	r.sessions()
	if r.Screen == nil {
		t.Skip("this platform does not mind a locked screen")
	}
	r.Screen(true)
	c := r.lock(time.Hour)
	r.do(c, mdm.Busy)
	if _, l := r.Truth(); l != 0 {
		t.Errorf("off by lock %v behind a locked screen", l)
	}
	r.Screen(false)
	r.until("lock after unlocking", func() bool { _, l := r.Truth(); return l == r.want.Lock })
	r.answer(c)
}

func refuse(t *testing.T, r *run) {
	r.sessions()
	if r.Refuse == nil {
		t.Skip("nothing to refuse with")
	}
	r.Refuse(true)
	c := r.lock(time.Hour)
	if err := r.Backend.Send(r.ctx, r.Device, c); err == nil {
		r.answer(c, mdm.Failed)
	}
	if _, l := r.Truth(); l != 0 {
		t.Errorf("off by lock %v although it refuses", l)
	}
}

func offline(t *testing.T, r *run) {
	r.sessions()
	if r.Reach == nil {
		t.Skip("no network to take away")
	}
	r.Reach(false)
	c := r.lock(time.Hour)
	if err := r.Backend.Send(r.ctx, r.Device, c); err != nil {
		if slug := mdm.Slug(err); slug == "" {
			t.Errorf("%v has no slug", err)
		}
	}
	if _, ok := r.find(c.ID, mdm.Acked); ok {
		t.Error("acknowledged by a device without network")
	}
	r.Reach(true)
	r.Backend.Send(r.ctx, r.Device, c) //nolint:errcheck // the same command again
	r.Backend.Wake(r.ctx, r.Device)    //nolint:errcheck // it may not know how
	r.until("lock once it is back", func() bool { _, l := r.Truth(); return l == r.want.Lock })
}

func down(t *testing.T, r *run) {
	if err := r.Backend.Health(r.ctx); err != nil {
		t.Errorf("healthy, and says %v", err)
	}
	if r.Down == nil {
		t.Skip("the management cannot be switched off here")
	}
	r.Down()
	ctx, stop := context.WithTimeout(r.ctx, Deadline)
	defer stop()
	err := r.Backend.Health(ctx)
	if err == nil || !slices.Contains([]string{mdm.FaultUnreachable, mdm.FaultCert}, mdm.Slug(err)) {
		t.Errorf("Health says %v (%s)", err, mdm.Slug(err))
	}
	if err := r.Backend.Send(ctx, r.Device, r.command(mdm.Look)); err == nil {
		t.Error("a command was taken by nobody")
	}
}
