package nanomdm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"subrosa/mdm"
	"subrosa/mdm/nanomdm"
	"subrosa/mdm/nanomdm/nanomdmtest"
)

// happening is what a session, a screen or a network does.
type happening int

const (
	begins happening = iota
	ends
	screenOff
	screenOn
	netOff
	netOn
)

var happeningNames = [...]string{"begin", "end", "screen off", "screen on", "net off", "net on"}

// orderings are all in which each pair is in its order: 6!/8 = 90.
func orderings() (out [][]happening) {
	var walk func(so []happening, next [3]happening)
	walk = func(so []happening, next [3]happening) {
		if len(so) == 6 {
			out = append(out, append([]happening{}, so...))
			return
		}
		for i, h := range next {
			if h < happening(2*i+2) {
				n := next
				n[i]++
				walk(append(so, h), n)
			}
		}
	}
	walk(nil, [3]happening{begins, screenOff, netOff})
	return out
}

// course is one phone in one ordering.
type course struct {
	*nanomdmtest.Phone
	order    []happening
	on, dark bool // session, screen
	away     bool

	state mdm.State // as ours reports it; "": nothing to say
}

func (c *course) does(h happening) {
	switch h {
	case begins, ends:
		c.on = h == begins
	case screenOff, screenOn:
		c.dark = h == screenOff
		c.Screen(c.dark)
	case netOff, netOn:
		c.away = h == netOff
		c.Reach(!c.away)
	}
}

func (c *course) locked() bool { _, on := c.Profiles()["de.subrosa.lockdown"]; return on }

func (c *course) name() string {
	var s []string
	for _, h := range c.order {
		s = append(s, happeningNames[h])
	}
	return strings.Join(s, ", ")
}

// settled reports whether the phone has got where it can get before the next happening: where it is wanted, or at "not now".
func (c *course) settled() bool {
	log := c.Log()
	put := len(log) > 0 && strings.HasSuffix(log[len(log)-1], "notnow")
	switch {
	case c.away:
		return true
	case c.on && !c.dark:
		return c.state == mdm.LockedVerified && c.locked()
	case c.on:
		return c.state == mdm.NotNow || c.state == mdm.LockedVerified || put
	case !c.dark:
		return c.state == "" && !c.locked()
	}
	return c.state == "" && !c.locked() || put
}

// crowd is a phone for each ordering at one real NanoMDM, whose queue is the one with the bug.
func crowd(t *testing.T) (*nanomdmtest.Server, []*course, []mdm.Device) {
	s := nanomdmtest.Start(t)
	var all []*course
	var devices []mdm.Device
	for i, o := range orderings() {
		if testing.Short() && i%9 != 4 {
			continue
		}
		c := &course{Phone: s.Phone(t, fmt.Sprintf("d-%02d", i)), order: o}
		c.Budget(2) // its connections end after two commands, as those of a phone in a pocket do
		all, devices = append(all, c), append(devices, c.Device)
	}
	return s, all, devices
}

// driver runs our reconciler on the backend; rooms are named like their one device.
type driver struct {
	t       *testing.T
	core    *mdm.Core
	backend *nanomdm.Backend
	events  chan mdm.Event
	began   time.Time
	version uint64
	states  map[string]mdm.State
}

func (d *driver) clock() mdm.Clock {
	now := time.Now()
	return mdm.Clock{Mono: now.Sub(d.began), Wall: now}
}

func (d *driver) wish(c *course) {
	d.t.Helper()
	d.version++
	w := mdm.Desired{Version: d.version, Session: "s-" + c.Device.ID, Mode: mdm.Open}
	if c.on {
		w.Mode, w.Restrict, w.LeaseS, w.Devices = mdm.Locked, []string{"dictation"}, 600, []string{c.Device.ID}
		w.HardEnd = time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	}
	if err := d.core.Wish(d.clock(), c.Device.ID, w, time.Now()); err != nil {
		d.t.Fatal(err)
	}
}

// pass is one round of the bridge.
func (d *driver) pass(all []*course) {
	for {
		select {
		case e := <-d.events:
			d.core.Take(d.clock(), e)
			continue
		default:
		}
		break
	}
	for _, a := range d.core.Step(d.clock()) {
		var err error
		if a.Command.ID != "" {
			err = d.backend.Send(d.t.Context(), a.Device, a.Command)
		} else {
			err = d.backend.Wake(d.t.Context(), a.Device)
		}
		d.core.Sent(d.clock(), a, err)
	}
	d.core.Devices(d.clock(), func(id string, r mdm.DeviceReport, say bool) bool {
		d.states[id] = r.State // "" if there is nothing to say
		return true
	})
	for _, c := range all {
		c.state = d.states[c.Device.ID]
	}
}

func (d *driver) until(what string, all []*course, ok func(*course) bool) {
	d.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; {
		d.pass(all)
		d.pass(all)
		var left *course
		for _, c := range all {
			if !ok(c) {
				left = c
			}
		}
		if left == nil {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("no %s: %s in the order %s, session %v, state %q: %v", what, left.Device.ID, left.name(), left.on, left.state, left.Log())
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestEveryOrdering is the counterpart of TestNaive: the same phones, the same NanoMDM with the same queue, and ours. Session, screen
// and network begin and end in each of the 90 orders. Wherever a phone can be reached it is as it should be, and in the end all are
// free. The naive connector goes through the same orders as a control.
func TestEveryOrdering(t *testing.T) {
	s, all, devices := crowd(t)
	conf := mdm.Default
	conf.Wake, conf.WakeMax, conf.Lost, conf.Settle = 300*time.Millisecond, time.Second, time.Second, 300*time.Millisecond
	conf.Retry, conf.RetryMax = 100*time.Millisecond, 500*time.Millisecond
	d := &driver{t: t, backend: connect(t, s, devices...), events: make(chan mdm.Event, 4096), began: time.Now(), states: map[string]mdm.State{}}
	var err error
	if d.core, err = mdm.New(conf, devices, d.backend.Caps); err != nil {
		t.Fatal(err)
	}
	go d.backend.Run(t.Context(), func(e mdm.Event) { d.events <- e }) //nolint:errcheck // ends with its context
	d.until("standing posture", all, func(c *course) bool { _, on := c.Profiles()["de.subrosa.standing"]; return on && c.state == "" })
	for i := range 6 {
		for _, c := range all {
			c.does(c.order[i])
			if c.order[i] <= ends {
				d.wish(c)
			}
		}
		d.until(fmt.Sprintf("rest after happening %d", i+1), all, (*course).settled)
	}
	d.until("return", all, func(c *course) bool { return c.state == "" && !c.locked() })
	installs := 0
	for _, c := range all {
		log := strings.Join(c.Log(), ", ")
		installs += strings.Count(log, "InstallProfile ok") - 1
		if strings.Contains(log, "RemoveProfile error") {
			t.Errorf("%s: a removal was there before its lock: %s", c.name(), log)
		}
	}
	if installs < len(all)/3 {
		t.Errorf("only %d locks in %d orders", installs, len(all))
	}
	t.Logf("measured: ours, %d orders: %d locks carried out, all free in the end", len(all), installs)
}

// TestNaiveInEveryOrdering is the control: it must go wrong, or the orders prove nothing.
func TestNaiveInEveryOrdering(t *testing.T) {
	s, all, _ := crowd(t)
	stuck, never := 0, 0
	quiet := func() { // nobody has done anything for a while
		done := func() (n int) {
			for _, c := range all {
				n += len(c.Log())
			}
			return n
		}
		last, since := done(), time.Now()
		for time.Since(since) < 200*time.Millisecond {
			<-time.After(20 * time.Millisecond)
			if n := done(); n != last {
				last, since = n, time.Now()
			}
		}
	}
	for i := range 6 {
		for _, c := range all {
			c.does(c.order[i])
			n := naive{t, s, c.Phone}
			switch c.order[i] {
			case begins:
				n.install("I-" + c.Device.ID)
			case ends:
				n.remove("R-" + c.Device.ID)
				n.look("L-" + c.Device.ID)
			}
		}
		quiet()
	}
	for k := range 4 { // they are asked to come until they have come for everything
		for _, c := range all {
			naive{t, s, c.Phone}.look(fmt.Sprintf("E%d-%s", k, c.Device.ID))
		}
		quiet()
	}
	for _, c := range all {
		if c.locked() {
			stuck++
		}
		if !strings.Contains(strings.Join(c.Log(), ", "), "InstallProfile ok") {
			never++
		}
	}
	if stuck == 0 {
		t.Errorf("the naive connector gave all %d back: then these orders prove nothing of ours", len(all))
	}
	t.Logf("measured: naive, %d orders: %d locked for ever, %d never locked", len(all), stuck, never)
}
