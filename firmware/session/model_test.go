package session

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// randomEvent draws an event of every kind, with roles and reasons that may and may not.
func randomEvent(r *rand.Rand, now time.Time) Event {
	kinds := []Kind{OnPlan, OnStart, OnConfirm, OnPoints, OnPoints, OnPoints, OnInterrupt, OnResume, OnEnd, OnRestored, OnPowerLoss, OnFlag, OnTick, OnTick}
	pick := func(list []Reason) Reason {
		if r.IntN(8) == 0 {
			return "free text"
		}
		return list[r.IntN(len(list))]
	}
	e := Event{Kind: kinds[r.IntN(len(kinds))], Desired: uint64(r.IntN(1000))}
	if _, person := rights[e.Kind]; person || r.IntN(50) == 0 {
		e.Role = append([]Role{Chair, Chair, Chair, "", "mayor"}, Roles...)[r.IntN(5+len(Roles))]
	}
	switch e.Kind {
	case OnPlan:
		from := now.Add(time.Duration(r.IntN(7200)-1800) * time.Second)
		e.Schedule = Schedule{From: from, To: from.Add(time.Duration(r.IntN(7200)-60) * time.Second), Kind: "council", Level: "nonpublic"}
	case OnConfirm:
		e.Reason = pick(OverrideReasons)
	case OnInterrupt:
		e.Reason = pick(InterruptReasons)
	case OnPoints:
		for _, name := range []string{"stream", "recorder", "sweep", "armed"} {
			step := map[string]State{"sweep": Sweep, "armed": Arming}[name]
			e.Points = append(e.Points, Point{Name: name, Step: step, Proven: r.IntN(4) > 0})
		}
		e.Points = e.Points[:r.IntN(len(e.Points)+1)]
	case OnPowerLoss:
		e.Gap = time.Duration(r.IntN(100)-1) * time.Second
	case OnFlag:
		e.Flag, e.On = append(Flags, "x")[r.IntN(4)], r.IntN(2) == 0
	}
	return e
}

// TestRandomSchedules runs 100 000 schedules of 40 events. It meets every state with every kind of event.
func TestRandomSchedules(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	met := map[State]map[Kind]int{}
	for _, s := range States {
		met[s] = map[Kind]int{}
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		now := t0
		m := New(now, conf)
		for range 40 {
			now = now.Add(time.Duration(r.IntN(300)) * time.Second)
			m = step(t, m, r, now, met)
		}
		toOpen(t, m, now)
	}
	for s, kinds := range met {
		for _, k := range []Kind{OnPlan, OnStart, OnConfirm, OnPoints, OnInterrupt, OnResume, OnEnd, OnRestored, OnPowerLoss, OnFlag, OnTick} {
			if kinds[k] == 0 {
				t.Errorf("%s never met %s", s, k)
			}
		}
	}
}

// step applies one random event and checks what must hold for each; now and then it goes on with a restored
// machine.
func step(t *testing.T, m *Machine, r *rand.Rand, now time.Time, met map[State]map[Kind]int) *Machine {
	before, was := m.State(), m.mem
	was.Points, was.Flags = slices.Clone(was.Points), slices.Clone(was.Flags)
	e := randomEvent(r, now)
	met[before][e.Kind]++
	c, err := m.Apply(now, e)
	legal(t, m)
	if err != nil && !reflect.DeepEqual(m.mem, was) {
		t.Fatalf("%s by %s was refused (%v) but changed %+v to %+v", e.Kind, e.Role, err, was, m.mem)
	}
	if !c.Report && !reflect.DeepEqual(m.Report(), (&Machine{conf: conf, mem: was}).Report()) {
		t.Fatalf("%s in %s changed the report silently", e.Kind, before)
	}
	if c.To != m.State() || c.From != before {
		t.Fatalf("changed says %s → %s, was %s → %s", c.From, c.To, before, m.State())
	}
	after := m.State()
	if before.Confidential() && !after.Confidential() && (e.Kind != OnEnd || e.Role != Chair && e.Role != Clerk) {
		t.Fatalf("left %s by %s of %q", before, e.Kind, e.Role)
	}
	if before == Closed && after == Interrupted && e.Kind != OnInterrupt && !(e.Kind == OnPowerLoss && e.Gap > conf.Gap) {
		t.Fatalf("interrupted by %s", e.Kind)
	}
	if before != Closed && after == Closed && len(m.Report().Unproven()) > 0 && !m.Report().Has(Override) {
		t.Fatalf("closed with %v unproven and no override", m.Report().Unproven())
	}
	if after == Open && before != Open && before != Planned && before != Restoring {
		t.Fatalf("opened out of %s", before)
	}
	if r.IntN(20) > 0 {
		return m
	}
	b, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Restore(b, conf)
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if x, y := m.Report(), back.Report(); !reflect.DeepEqual(x, y) {
		t.Fatalf("restored\ngot  %+v\nwant %+v", y, x)
	}
	if b2, _ := back.Snapshot(); string(b) != string(b2) {
		t.Fatalf("got %s, want %s", b2, b)
	}
	return back
}

// toOpen checks that two presses and the building's answer lead back to open from wherever it is.
func toOpen(t *testing.T, m *Machine, now time.Time) {
	for range 3 {
		if m.State() == Open {
			return
		}
		if m.State() == Restoring {
			m.Apply(now, Restored())
			continue
		}
		if _, err := m.Apply(now, End(Chair)); err != nil {
			t.Fatal(err)
		}
	}
	if m.State() != Open {
		t.Fatalf("stuck in %s", m.State())
	}
}
