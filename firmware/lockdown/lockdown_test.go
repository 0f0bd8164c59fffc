package lockdown

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/session"
)

var t0 = time.Date(2026, 11, 21, 18, 15, 0, 0, time.UTC)

func desk(t testing.TB) *Desk {
	t.Helper()
	d, err := New(Default, bytes.NewReader(bytes.Repeat([]byte{0x80}, 1<<16)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// room is a situation of a session planned from 18:30 to 20:00.
func room(s session.State, devices ...string) Situation {
	return Situation{State: s, Session: "s-1", To: t0.Add(105 * time.Minute), Devices: devices}
}

func TestSessionsLock(t *testing.T) {
	d := desk(t)
	if _, ok := d.Step(t0, room(session.Open, "a")); ok {
		t.Fatal("an open room asks for something")
	}
	if _, ok := d.Step(t0, room(session.Planned)); ok {
		t.Fatal("asked although there is no device")
	}
	w, ok := d.Step(t0, room(session.Planned, "a", "b"))
	if !ok || !w.Locked || !strings.HasPrefix(w.Session, "s-1-") || w.Lease != 300*time.Second || !w.HardEnd.Equal(t0.Add(135*time.Minute)) || !slices.Equal(w.Devices, []string{"a", "b"}) ||
		!slices.Equal(w.Restrict, Default.Restrict) {
		t.Fatalf("15 minutes early: %+v, %v", w, ok)
	}
	if _, ok := d.Step(t0.Add(79*time.Second), room(session.Handover, "a", "b")); ok {
		t.Error("renewed after 79 s: this room's turn is at 80")
	}
	v, holder := w.Version, w.Session
	w, ok = d.Step(t0.Add(81*time.Second), room(session.Handover, "a", "b"))
	if !ok || w.Version <= v || !w.HardEnd.Equal(t0.Add(135*time.Minute)) {
		t.Errorf("renewal: %+v, %v", w, ok)
	}
	w, ok = d.Step(t0.Add(82*time.Second), room(session.Closed, "b")) // somebody left
	if !ok || !slices.Equal(w.Devices, []string{"b"}) || w.Session != holder {
		t.Errorf("early leaver: %+v, %v", w, ok)
	}
	for i, s := range []session.State{session.Interrupted, session.Closed} {
		w, ok = d.Step(t0.Add(time.Duration(3+2*i)*time.Minute), room(s, "b"))
		if !ok || !w.Locked {
			t.Errorf("%s: %+v, %v", s, w, ok)
		}
	}
	v = w.Version
	w, ok = d.Step(t0.Add(90*time.Minute), room(session.Restoring, "b"))
	if !ok || w.Locked || len(w.Devices) != 0 || w.Version <= v {
		t.Errorf("restoring: %+v, %v", w, ok)
	}
	if _, ok = d.Step(t0.Add(91*time.Minute), room(session.Open, "b")); ok {
		t.Error("asked twice to give back")
	}
	if b, err := json.Marshal(d.Memory()); err != nil || bytes.Contains(b, []byte(`"b"`)) {
		t.Errorf("devices are remembered after the session: %s, %v", b, err)
	}
}

// TestOutlasted: a session longer than planned is locked on under a second holder, announced before the first one ends, and
// after six hours no more.
func TestOutlasted(t *testing.T) {
	d := desk(t)
	holders := map[string]time.Time{}
	var last Want
	for now := t0; now.Before(t0.Add(7 * time.Hour)); now = now.Add(5 * time.Second) {
		w, ok := d.Step(now, room(session.Closed, "a"))
		if !ok {
			if last.Locked && !now.Before(last.HardEnd) {
				t.Fatalf("%v: nothing new although %s has ended", now.Sub(t0), last.Session)
			}
			continue
		}
		if end, known := holders[w.Session]; known && w.Locked && w.HardEnd.After(end) {
			t.Fatalf("%v: the end of %s was put off", now.Sub(t0), w.Session)
		}
		if w.Locked {
			holders[w.Session] = w.HardEnd
			if w.HardEnd.After(t0.Add(6 * time.Hour)) {
				t.Fatalf("ends after %v", w.HardEnd.Sub(t0))
			}
		}
		if !w.Locked && now.Before(t0.Add(6*time.Hour)) {
			t.Fatalf("given back after %v", now.Sub(t0))
		}
		last = w
	}
	if last.Locked || len(holders) < 3 || len(holders) > 12 {
		t.Errorf("at the end: %+v; holders %v", last, holders)
	}
	if s := d.Status(t0.Add(7 * time.Hour)); s.Phase != Over || s.Failed != 1 {
		t.Errorf("status %+v", s)
	}
	if d.Proven(t0.Add(7*time.Hour)) != false {
		t.Error("proven although it has ended")
	}
	if w, ok := d.Step(t0.Add(7*time.Hour), Situation{State: session.Planned, Session: "s-2", Devices: []string{"a"}}); !ok || !w.Locked || !strings.HasPrefix(w.Session, "s-2-") {
		t.Errorf("the next session: %+v, %v", w, ok)
	}
}

func TestRestart(t *testing.T) {
	d := desk(t)
	before, _ := d.Step(t0, room(session.Closed, "a"))
	m := d.Memory()
	d = desk(t)
	if err := d.Recall(m); err != nil {
		t.Fatal(err)
	}
	w, ok := d.Step(t0.Add(10*time.Second), room(session.Interrupted, "a"))
	if !ok || w.Version <= before.Version || w.Session != before.Session || !w.HardEnd.Equal(before.HardEnd) {
		t.Errorf("after a restart: %+v, %v", w, ok)
	}
	d = desk(t) // everything lost
	w, ok = d.Step(t0.Add(time.Minute), room(session.Interrupted, "a"))
	if !ok || w.Version <= before.Version {
		t.Errorf("without memory: %+v, %v", w, ok)
	}
	m.Format = 2
	if err := d.Recall(m); err == nil {
		t.Error("format 2 is taken")
	}
	d = desk(t) // away until the session was over
	m.Format = 1
	if err := d.Recall(m); err != nil {
		t.Fatal(err)
	}
	if w, ok := d.Step(t0.Add(5*time.Hour), Situation{State: session.Open}); !ok || w.Locked {
		t.Errorf("open after a restart: %+v, %v", w, ok)
	}
}

// bridge keeps the lock of one room as a connector must: a lease from receipt, an end that only becomes shorter, versions that
// only grow.
type bridge struct {
	version uint64
	session string
	lease   time.Time
	end     time.Time
	devices []string
}

func (b *bridge) take(t *testing.T, now time.Time, w Want) {
	if w.Version <= b.version {
		t.Fatalf("version %d after %d", w.Version, b.version)
	}
	b.version = w.Version
	if !w.Locked {
		b.session, b.devices = "", nil
		return
	}
	if b.session != w.Session || w.HardEnd.Before(b.end) {
		b.end = w.HardEnd
	}
	b.session, b.lease, b.devices = w.Session, now.Add(w.Lease), w.Devices
}

func (b *bridge) locked(now time.Time) bool {
	return b.session != "" && now.Before(b.lease) && now.Before(b.end)
}

// TestAnyEvening: over random evenings with restarts, lost memory, changed plans and people leaving, every device that the
// room wants locked is so without a gap while the unit lives, within the longest time; nothing is locked in an open room; and
// nothing is locked for more than a lease after the unit died.
func TestAnyEvening(t *testing.T) {
	evenings := 300
	if !testing.Short() {
		evenings = 20_000
	}
	renewals := 0
	for seed := range uint64(evenings) {
		r := rand.New(rand.NewPCG(5, seed))
		renewals += evening(t, r, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("measured: %d evenings, %d wishes, no gap and nothing left locked", evenings, renewals)
}

func evening(t *testing.T, r *rand.Rand, seed uint64) (wishes int) {
	const tick = 10 * time.Second
	d := desk(t)
	var b bridge
	s := Situation{State: session.Open}
	sessions, since, dead, lost := 0, time.Time{}, time.Time{}, false
	states := []session.State{session.Planned, session.Handover, session.Closed, session.Interrupted}
	for now := t0; now.Before(t0.Add(9 * time.Hour)); now = now.Add(tick) {
		switch n := r.IntN(400); {
		case n == 0 && s.State == session.Open:
			sessions++
			s = Situation{State: session.Planned, Session: fmt.Sprint("s-", sessions), Devices: []string{"a", "b", "c"}[:1+r.IntN(3)]}
			if r.IntN(3) > 0 {
				s.To = now.Add(time.Duration(r.IntN(300)) * time.Minute)
			}
			since = time.Time{}
		case n == 1 && s.State != session.Open:
			s = Situation{State: session.Open}
		case n < 6 && s.State != session.Open:
			s.State = states[r.IntN(len(states))]
		case n < 8 && s.State == session.Planned && !s.To.IsZero():
			s.To = now.Add(time.Duration(r.IntN(300)) * time.Minute)
		case n < 10 && len(s.Devices) > 1:
			s.Devices = s.Devices[1:]
		case n == 10 && dead.IsZero():
			dead = now.Add(time.Duration(r.IntN(1200)) * time.Second)
		}
		if now.Before(dead) { // the unit is off
			if b.locked(now) && now.After(b.lease) {
				t.Errorf("%v: locked beyond the lease", now.Sub(t0))
			}
			continue
		}
		if !dead.IsZero() {
			m := d.Memory()
			d = desk(t)
			if r.IntN(4) > 0 {
				if err := d.Recall(m); err != nil {
					t.Fatal(err)
				}
			} else {
				since, lost = time.Time{}, true // its memory of the first lock is gone, too
			}
			dead = time.Time{}
		}
		if w, ok := d.Step(now, s); ok {
			wishes++
			lost = false
			b.take(t, now, w)
		}
		if s.State == session.Open || len(s.Devices) == 0 { // an oracle of its own: all other states of these evenings are locked
			if b.locked(now) && !lost { // what nobody remembers ends with its lease
				t.Errorf("%v: locked in %s", now.Sub(t0), s.State)
			}
			continue
		}
		if since.IsZero() {
			since = now
		}
		if over := !now.Before(since.Add(Default.Cap)); b.locked(now) == over {
			t.Errorf("%v: locked %v, %v after the lock began (%+v)", now.Sub(t0), b.locked(now), now.Sub(since), d.Memory())
			return wishes
		} else if !over && !slices.Equal(b.devices, s.Devices) {
			t.Errorf("%v: devices %v, want %v", now.Sub(t0), b.devices, s.Devices)
		}
	}
	return wishes
}

func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"lease":     func(c *Config) { c.Lease = 3 * time.Minute },
		"renew":     func(c *Config) { c.Renew = 0 },
		"cap":       func(c *Config) { c.Cap = 13 * time.Hour },
		"grace":     func(c *Config) { c.Grace = time.Minute },
		"unplanned": func(c *Config) { c.Unplanned = 0 },
		"fresh":     func(c *Config) { c.Fresh = 0 },
	} {
		c := Default
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
