package session

import (
	"errors"
	"slices"
	"testing"
	"time"
)

var (
	t0   = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	conf = Default
)

var (
	unproven = []Point{{Name: "stream", Step: Handover}, {Name: "sweep", Step: Sweep}, {Name: "armed", Step: Arming}}
	proven   = []Point{{Name: "stream", Step: Handover, Proven: true}, {Name: "sweep", Step: Sweep, Proven: true}, {Name: "armed", Step: Arming, Proven: true}}
)

// run applies events at one-second steps and fails on the first that is refused.
func run(t *testing.T, m *Machine, now time.Time, events ...Event) time.Time {
	t.Helper()
	for _, e := range events {
		now = now.Add(time.Second)
		if _, err := m.Apply(now, e); err != nil {
			t.Fatal(err)
		}
	}
	return now
}

func want(t *testing.T, m *Machine, s State) {
	t.Helper()
	if m.State() != s {
		t.Fatalf("state is %s, want %s", m.State(), s)
	}
}

// closed returns a machine brought to closed with everything proven.
func closed(t *testing.T) (*Machine, time.Time) {
	t.Helper()
	m := New(t0, conf)
	now := run(t, m, t0, Start(Chair), Points(proven), Points(proven), Points(proven))
	want(t, m, Closed)
	return m, now
}

func TestOnePressWhenProven(t *testing.T) {
	m := New(t0, conf)
	now := run(t, m, t0, Start(Chair))
	want(t, m, Handover)
	if got := m.Tick(now.Add(time.Second)); got.Moved() {
		t.Fatalf("went on to %s before any point was told", got.To)
	}
	var seen []State
	run(t, m, now, Points(proven))
	seen = append(seen, m.State())
	for i := range 2 {
		if c := m.Tick(now.Add(time.Duration(i+2) * time.Second)); !c.Moved() || !c.Report {
			t.Fatalf("tick %d: %+v", i, c)
		}
		seen = append(seen, m.State())
	}
	if w := []State{Sweep, Arming, Closed}; !slices.Equal(seen, w) {
		t.Errorf("went through %v, want %v", seen, w)
	}
	if r := m.Report(); r.Has(Override) || r.Next != NextEnd {
		t.Errorf("report %+v", r)
	}
}

func TestSecondPressForWhatIsUnproven(t *testing.T) {
	m := New(t0, conf)
	now := run(t, m, t0, Start(Clerk), Points(unproven))
	want(t, m, Handover)
	if n := m.Report().Next; n != NextProof {
		t.Errorf("next = %s, want proof while there is patience", n)
	}
	m.Tick(now.Add(conf.Handover))
	if n := m.Report().Next; n != NextConfirm {
		t.Errorf("next = %s, want confirm", n)
	}
	for _, e := range []Event{Confirm(Clerk, "urgent"), Confirm(Chair, "because"), Confirm(Chair, ""), Confirm("", "urgent")} {
		if _, err := m.Apply(now, e); err == nil {
			t.Errorf("%s by %q with reason %q was taken", e.Kind, e.Role, e.Reason)
		}
	}
	now = run(t, m, now, Confirm(Chair, "urgent"))
	want(t, m, Sweep)
	list := slices.Clone(proven)
	list[0].Proven = false
	run(t, m, now, Points(list), Points(list))
	want(t, m, Closed)
	r := m.Report()
	if !r.Has(Override) || r.Reason != "urgent" || !slices.Equal(r.Unproven(), []string{"stream"}) {
		t.Errorf("report %+v", r)
	}
}

func TestConfirmNeedsSomethingUnproven(t *testing.T) {
	m := New(t0, conf)
	now := run(t, m, t0, Start(Chair), Points(proven))
	want(t, m, Sweep)
	var e *Error
	if _, err := m.Apply(now, Confirm(Chair, "urgent")); !errors.As(err, &e) || e.State != Sweep {
		t.Errorf("got %v", err)
	}
}

func TestPlanBeginsEarlyAndLapses(t *testing.T) {
	from, to := t0.Add(30*time.Minute), t0.Add(2*time.Hour)
	m := New(t0, conf)
	run(t, m, t0, Plan(Clerk, from, to, "council", "nonpublic"))
	m.Tick(from.Add(-conf.Early - time.Nanosecond))
	want(t, m, Open)
	m.Tick(from.Add(-conf.Early))
	want(t, m, Planned)
	run(t, m, from.Add(-conf.Early), Plan(Clerk, from.Add(time.Hour), to, "council", "nonpublic"))
	m.Tick(from.Add(-conf.Early))
	want(t, m, Open) // put off, but not dropped
	if r := m.Report(); r.From == nil || !r.From.Equal(from.Add(time.Hour)) {
		t.Errorf("from = %v", r.From)
	}
	m.Tick(from.Add(time.Hour))
	want(t, m, Planned)
	m.Tick(to)
	want(t, m, Open)
	if r := m.Report(); r.From != nil {
		t.Error("the lapsed plan is still there")
	}
}

func TestSessionIsNotEndedByItsPlan(t *testing.T) {
	m := New(t0, conf)
	now := run(t, m, t0, Plan(Chair, t0.Add(time.Minute), t0.Add(time.Hour), "internal", "internal"), Start(Chair), Points(proven), Points(proven), Points(proven))
	want(t, m, Closed)
	for range 100 {
		now = now.Add(time.Hour)
		m.Tick(now)
		want(t, m, Closed)
	}
	run(t, m, now, Interrupt(Facility, "break"))
	m.Tick(now.Add(1000 * time.Hour))
	want(t, m, Interrupted)
}

func TestInterruptAndResume(t *testing.T) {
	m, now := closed(t)
	now = run(t, m, now, Interrupt(Clerk, "window-open"), Points(unproven))
	want(t, m, Interrupted)
	if _, err := m.Apply(now, Resume(Clerk)); err == nil {
		t.Error("the clerk resumed")
	}
	now = run(t, m, now, Resume(Chair))
	want(t, m, Interrupted)
	if n := m.Report().Next; n != NextConfirm {
		t.Errorf("next = %s, want confirm", n)
	}
	if _, err := m.Apply(now, Resume(Chair)); err == nil {
		t.Error("resumed with unproven points")
	}
	now = run(t, m, now, Confirm(Chair, "accepted"))
	want(t, m, Closed)
	if !m.Report().Has(Override) {
		t.Error("no override after confirming")
	}
	run(t, m, now, Interrupt(Chair, "break"), Points(proven), Resume(Chair))
	want(t, m, Closed)
	if m.Report().Has(Override) {
		t.Error("override although all is proven again")
	}
}

func TestEndRestores(t *testing.T) {
	m, now := closed(t)
	for _, r := range []Role{Facility, ISMS, Admin, ""} {
		if _, err := m.Apply(now, End(r)); err == nil {
			t.Errorf("%q ended the session", r)
		}
	}
	now = run(t, m, now, SetFlag(Degraded, true), End(Chair))
	want(t, m, Restoring)
	m.Tick(now.Add(conf.Restore))
	want(t, m, Restoring)
	if n := m.Report().Next; n != NextConfirm {
		t.Errorf("next = %s, want confirm", n)
	}
	run(t, m, now, Restored())
	want(t, m, Open)
	if r := m.Report(); !slices.Equal(r.Flags, []Flag{Degraded}) || len(r.Points) != 0 {
		t.Errorf("report %+v", r)
	}
}

func TestPowerLoss(t *testing.T) {
	at := func(to State) *Machine {
		m := New(t0, conf)
		path := map[State][]Event{
			Open: nil, Planned: {Plan(Chair, t0.Add(time.Minute), t0.Add(time.Hour), "council", "nonpublic"), {Kind: OnTick}},
			Handover: {Start(Chair), Points(unproven)}, Sweep: {Start(Chair), Points(unproven), Confirm(Chair, "urgent")},
			Arming: {Start(Chair), Points(proven), Points(proven)},
			Closed: {Start(Chair), Points(proven), Points(proven), Points(proven)},
		}
		path[Interrupted] = append(slices.Clone(path[Closed]), Interrupt(Chair, "break"))
		path[Restoring] = append(slices.Clone(path[Closed]), End(Chair))
		run(t, m, t0, path[to]...)
		want(t, m, to)
		return m
	}
	tests := []struct {
		in   State
		gap  time.Duration
		want State
	}{
		{Open, time.Hour, Open}, {Planned, time.Hour, Planned}, {Handover, time.Second, Handover}, {Sweep, time.Second, Handover},
		{Arming, time.Second, Handover}, {Closed, conf.Gap, Closed}, {Closed, conf.Gap + 1, Interrupted},
		{Interrupted, time.Hour, Interrupted}, {Restoring, time.Hour, Restoring},
	}
	for _, tt := range tests {
		m := at(tt.in)
		b, err := m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		m, err = Restore(b, conf)
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.Apply(t0.Add(time.Hour), PowerLoss(tt.gap))
		if err != nil || m.State() != tt.want {
			t.Errorf("%s after %v: got %s, %v, want %s", tt.in, tt.gap, m.State(), err, tt.want)
		}
		r := m.Report()
		if tt.want.Step() && r.Has(Override) {
			t.Errorf("%s: a confirmation survived the power loss", tt.in)
		}
		if (tt.want.Step() || tt.want == Closed) && len(r.Points) > 0 && len(r.Unproven()) != len(r.Points) {
			t.Errorf("%s: proofs survived the power loss: %+v", tt.in, r.Points)
		}
		if tt.want == Interrupted && tt.in == Closed && (r.Reason != PowerLost || !c.Moved()) {
			t.Errorf("reason %q, changed %+v", r.Reason, c)
		}
	}
	m := Lost(t0, conf)
	want(t, m, Interrupted)
	run(t, m, t0, Points(proven), Resume(Chair))
	want(t, m, Closed)
}

func TestRestoreRefuses(t *testing.T) {
	for _, s := range []string{
		"", "{}", "null", `{"format":2,"state":"open"}`, `{"format":1,"state":"ajar"}`, `{"format":1,"state":"planned"}`,
		`{"format":1,"state":"open","flags":["override"]}`, `{"format":1,"state":"closed","flags":["x"]}`, `{"format":1,"state":"open","misspelt":1}`,
		`{"format":1,"state":"closed","points":[{"name":"A"}]}`, `{"format":1,"state":"open"} {}`,
	} {
		if m, err := Restore([]byte(s), conf); err == nil {
			t.Errorf("%s gave %s", s, m.State())
		}
	}
}

func FuzzRestore(f *testing.F) {
	m := New(t0, conf)
	b, _ := m.Snapshot()
	f.Add(b)
	f.Add([]byte(`{"format":1,"state":"closed","points":[{"name":"a","step":"sweep"}],"flags":["override"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Restore(b, conf)
		if err != nil {
			return
		}
		legal(t, m)
		again, err := m.Snapshot()
		if err != nil {
			return // a year beyond 9999 has no JSON form
		}
		if _, err := Restore(again, conf); err != nil {
			t.Fatalf("Restore(Snapshot): %v", err)
		}
	})
}

// legal fails if the machine is in a state that must not be.
func legal(t testing.TB, m *Machine) {
	t.Helper()
	if err := m.mem.check(); err != nil {
		t.Fatalf("illegal: %v in %+v", err, m.mem)
	}
	r := m.Report()
	if r.Flags == nil || r.Points == nil || r.Next == "" {
		t.Fatalf("report is incomplete: %+v", r)
	}
	a := Look(r, time.UTC)
	if a.Word.DE == "" || a.Word.EN == "" || a.Sign == "" || a.Lamp == "" {
		t.Fatalf("no look for %+v", r)
	}
}

func TestAllowedIsWhatApplyTakes(t *testing.T) {
	for _, role := range Roles {
		for _, s := range States {
			for kind := range rights {
				m := &Machine{conf: conf, mem: memory{State: s, Since: t0, Told: true, Points: slices.Clone(unproven)}}
				if s == Interrupted && kind == OnResume {
					m.mem.Points = slices.Clone(proven)
				}
				if s == Planned {
					m.mem.Schedule = &Schedule{From: t0, To: t0.Add(time.Hour), Kind: "council", Level: "nonpublic"}
				}
				e := Event{Kind: kind, Role: role, Schedule: Schedule{From: t0, To: t0.Add(time.Hour), Kind: "council", Level: "nonpublic"}}
				e.Reason = map[Kind]Reason{OnConfirm: "urgent", OnInterrupt: "break"}[kind]
				_, err := m.Apply(t0, e)
				if got, want := slices.Contains(Allowed(s, role), kind), err == nil; got != want {
					t.Errorf("%s by %s in %s: allowed %v, Apply says %v", kind, role, s, got, err)
				}
			}
		}
	}
}

func TestDesired(t *testing.T) {
	from, to := t0.Add(5*time.Minute), t0.Add(time.Hour)
	m := New(t0, conf)
	now := t0
	do := func(d Desired, s State) {
		t.Helper()
		now = now.Add(time.Second)
		e, ok, err := m.Event(d)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if _, err := m.Apply(now, e); err != nil {
				t.Fatal(err)
			}
		}
		m.Tick(now)
		want(t, m, s)
		if ok && m.Report().DesiredVersion != d.Version {
			t.Errorf("desired version %d, want %d", m.Report().DesiredVersion, d.Version)
		}
	}
	do(Desired{Version: 1, Role: Clerk, State: Planned, From: &from, To: &to, Kind: "council", Level: "nonpublic"}, Planned)
	do(Desired{Version: 2, Role: Chair, State: Closed}, Handover)
	now = run(t, m, now, Points(unproven))
	do(Desired{Version: 3, Role: Chair, State: Closed}, Handover)
	do(Desired{Version: 4, Role: Chair, State: Closed, Reason: "urgent"}, Sweep)
	now = run(t, m, now, Points(proven), Points(proven))
	do(Desired{Version: 5, Role: Chair, State: Closed}, Closed)
	do(Desired{Version: 6, Role: Chair, State: Interrupted, Reason: "break"}, Interrupted)
	do(Desired{Version: 7, Role: Chair, State: Interrupted}, Interrupted)
	do(Desired{Version: 8, Role: Chair, State: Closed}, Closed)
	do(Desired{Version: 9, Role: Chair, State: Open}, Restoring)
	do(Desired{Version: 10, Role: Chair, State: Open}, Restoring)
	if _, _, err := m.Event(Desired{Version: 11, Role: Chair, State: Closed}); err == nil {
		t.Error("closed was taken while restoring")
	}
	for _, s := range []State{Sweep, Restoring, "", "ajar"} {
		if _, _, err := m.Event(Desired{State: s}); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	m = New(t0, conf)
	do(Desired{Version: 1, Role: Chair, State: Closed, Kind: "internal", Level: "internal"}, Handover)
	if r := m.Report(); r.Kind != "internal" || r.Level != "internal" || r.From != nil {
		t.Errorf("report %+v", r)
	}
}

func TestTransitionsAreLegal(t *testing.T) {
	for _, tr := range Transitions {
		if !slices.Contains(States, tr.From) || !slices.Contains(States, tr.To) {
			t.Errorf("%+v: unknown state", tr)
		}
		if tr.From.Confidential() && !tr.To.Confidential() && tr.On != OnEnd {
			t.Errorf("%+v leaves a confidential state by something else than End", tr)
		}
		if tr.To == Open && tr.From != Planned && tr.From != Restoring {
			t.Errorf("%+v opens the room", tr)
		}
	}
}

func TestLook(t *testing.T) {
	from := time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC)
	berlin := time.FixedZone("CET", 3600)
	tests := []struct {
		r      Report
		de, en string
		sign   Sign
		lamp   Lamp
		wrench bool
	}{
		{Report{State: Open}, "Öffentlich", "Public", Rose, SoftWhite, false},
		{Report{State: Open, Flags: []Flag{Degraded}}, "Öffentlich", "Public", Rose, SoftWhite, true},
		{Report{State: Planned, From: &from}, "Nichtöffentlich ab 18:30", "Closed from 18:30", RoseClock, WhiteBreath, false},
		{Report{State: Handover, Points: []Point{{Name: "a"}, {Name: "b"}, {Name: "c", Step: Sweep}}}, "Übergabe: noch 2 Punkte", "Handover: 2 points left", RoseRing, AmberMoving, false},
		{Report{State: Handover, Points: []Point{{Name: "a"}, {Name: "b", Proven: true}}}, "Übergabe: noch 1 Punkt", "Handover: 1 point left", RoseRing, AmberMoving, false},
		{Report{State: Sweep}, "Raum wird geprüft …", "Checking the room …", RoseRing, AmberMoving, false},
		{Report{State: Closed}, "Nichtöffentlich", "Closed session", Bud, DeepRose, false},
		{Report{State: Closed, Points: []Point{{Name: "a"}}}, "Nichtöffentlich · mit Einschränkungen", "Closed session · with reservations", BudDot, RoseDot, false},
		{Report{State: Closed, Points: []Point{{Name: "a"}}, Flags: []Flag{Override, Unsealed}}, "Nichtöffentlich · Ausnahme durch Sitzungsleitung", "Closed session · exception by the chair", BudOpenBar, RoseAmber, true},
		{Report{State: Interrupted, Reason: "window-open"}, "Unterbrochen: Fenster offen", "Interrupted: window open", BudBar, AmberBlink, false},
		{Report{State: Restoring}, "Wird wiederhergestellt", "Restoring", RoseOpening, White, false},
	}
	for _, tt := range tests {
		a := Look(tt.r, berlin)
		if a.Word != (Text{tt.de, tt.en}) || a.Sign != tt.sign || a.Lamp != tt.lamp || a.Wrench != tt.wrench || a.Wrench != (a.Note.DE != "") {
			t.Errorf("%s: got %+v, want %q %q %s %s", tt.r.State, a, tt.de, tt.en, tt.sign, tt.lamp)
		}
	}
	for _, r := range slices.Concat(OverrideReasons, InterruptReasons, []Reason{PowerLost}) {
		if w := r.Words(); w.DE == string(r) || w.DE == "" || w.EN == "" {
			t.Errorf("reason %s has no words", r)
		}
	}
}
