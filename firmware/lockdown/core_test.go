package lockdown

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"subrosa/firmware/session"
	"subrosa/mdm"
)

// phone is a simulated device of a simulated management: while its screen is locked it takes no lock, and it says what is in
// force when it is asked.
type phone struct {
	asleep   bool
	standing mdm.Set
	lock     mdm.Set
	tag      string
	pending  []mdm.Command
}

// fleetOf is the real reconciler with simulated phones.
type fleetOf struct {
	t      *testing.T
	core   *mdm.Core
	phones map[string]*phone
	count  uint64
}

func newFleet(t *testing.T, n int) *fleetOf {
	t.Helper()
	f := &fleetOf{t: t, phones: map[string]*phone{}}
	var list []mdm.Device
	for i := range n {
		id := fmt.Sprint("d-", i)
		list = append(list, mdm.Device{ID: id, Enrolment: id, Platform: "ios"})
		f.phones[id] = &phone{asleep: i%4 == 0}
	}
	can := mdm.Assistant | mdm.Dictation | mdm.ScreenRecording | mdm.CallRecording
	var err error
	f.core, err = mdm.New(mdm.Default, list, func(mdm.Device) mdm.Caps {
		return mdm.Caps{Can: can, Proves: can, Best: mdm.Restrictions, Lease: true, Limits: []string{mdm.LimitMicrophone}}
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// work lets the reconciler and the phones do what is to be done at now.
func (f *fleetOf) work(now mdm.Clock) {
	for id, p := range f.phones {
		if p.asleep {
			continue
		}
		for _, c := range p.pending { // the management asks again when the screen is unlocked
			p.carry(c)
			f.core.Take(now, f.answer(id, p, c))
		}
		p.pending = nil
	}
	for range 20 {
		actions := f.core.Step(now)
		if len(actions) == 0 {
			return
		}
		for _, a := range actions {
			f.core.Sent(now, a, nil)
			p := f.phones[a.Device.ID]
			switch c := a.Command; {
			case c.ID == "":
			case p.asleep && (c.Kind == mdm.Lock || c.Kind == mdm.Free):
				p.pending = append(p.pending, c)
				f.core.Take(now, mdm.Event{Device: a.Device.ID, Kind: mdm.Busy, Command: c.ID})
			default:
				p.carry(c)
				f.core.Take(now, f.answer(a.Device.ID, p, c))
			}
		}
	}
}

func (p *phone) carry(c mdm.Command) {
	switch c.Kind {
	case mdm.Stand:
		p.standing = c.Want.Standing
	case mdm.Lock:
		p.lock, p.tag = c.Want.Lock, c.Want.Tag()
	case mdm.Free:
		p.lock, p.tag = 0, ""
	}
}

func (f *fleetOf) answer(id string, p *phone, c mdm.Command) mdm.Event {
	e := mdm.Event{Device: id, Kind: mdm.Acked, Command: c.ID}
	if c.Kind == mdm.Look {
		e.Observed = &mdm.Observed{Standing: p.standing, Lock: p.lock, Locked: p.lock != 0, Tag: p.tag, InForce: p.standing | p.lock, Evidence: mdm.Restrictions}
	}
	return e
}

// TestWithTheReconciler: an evening of the room's desk with the real reconciler of package mdm. Every wish is taken, a session
// that outlasts its plan is locked on without a gap, who leaves early is free at once, and in the end everybody is.
func TestWithTheReconciler(t *testing.T) {
	const n = 40
	d, f := desk(t), newFleet(t, n)
	d.Online(t0, "sim", true)
	var all []string
	for id := range f.phones {
		all = append(all, id)
	}
	slices.Sort(all)
	all = append(all, "d-private")
	open := Situation{State: session.Open}
	s := open
	var most, gap int
	for at := time.Duration(0); at < 4*time.Hour; at += 10 * time.Second {
		now := mdm.Clock{Mono: at, Wall: t0.Add(at)}
		switch at {
		case 10 * time.Minute:
			s = Situation{State: session.Planned, Session: "s-20261121-181500", To: t0.Add(100 * time.Minute), Devices: all}
		case 15 * time.Minute:
			for _, p := range f.phones {
				p.asleep = false
			}
		case 25 * time.Minute:
			s.State = session.Closed
		case 50 * time.Minute:
			s.Devices = all[1:] // d-0 leaves
		case 3*time.Hour + 10*time.Minute: // an hour and a half beyond its plan
			s = open
		}
		if w, ok := d.Step(now.Wall, s); ok {
			if err := f.core.Wish(now, "r", Wire(w), now.Wall); err != nil {
				t.Fatalf("%v: the wish %+v is refused: %v", at, w, err)
			}
		}
		f.work(now)
		if r, ok := f.core.Report(now, "r"); ok {
			f.count++
			r.Version = f.count
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := ReadReport(b)
			if err != nil {
				t.Fatalf("%v: %s: %v", at, b, err)
			}
			d.Take("sim", rep)
		}
		st := d.Status(now.Wall)
		if at == 12*time.Minute && (st.Off != 30 || st.Locked != 10 || st.Unmanaged != 1) {
			t.Errorf("before the screens are unlocked: %+v", st)
		}
		most = max(most, st.Off)
		if at >= 26*time.Minute && at < 50*time.Minute && st.Off != n || at >= 51*time.Minute && at < 3*time.Hour && st.Off != n-1 {
			gap++
		}
		if at == 51*time.Minute && f.phones["d-0"].lock != 0 {
			t.Error("who left early is still locked")
		}
	}
	if gap > 0 || most != n {
		t.Errorf("%d moments with fewer off than there should be; at most %d", gap, most)
	}
	for id, p := range f.phones {
		if p.lock != 0 || !p.standing.Has(mdm.Assistant) {
			t.Errorf("%s in the end: lock %v, standing %v", id, p.lock, p.standing)
		}
	}
	if st := d.Status(t0.Add(4 * time.Hour)); st.Phase != Idle {
		t.Errorf("in the end: %+v", st)
	}
}
