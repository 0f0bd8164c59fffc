package panel

import (
	"strings"
	"testing"
	"time"

	"subrosa/drivers/button"
	"subrosa/drivers/contact"
	"subrosa/drivers/display"
	"subrosa/drivers/lamp"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

var t0 = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

func finds(ids ...string) (out []alarm.Alarm) {
	for _, id := range ids {
		out = append(out, alarm.Alarm{Finding: finding.Finding{ID: id, Kind: detect.NewEmitter, Alarm: true}, State: alarm.Raised})
	}
	return out
}

// scenes are all states with all flags and something unproven.
func scenes() (out []wall.View) {
	from := t0.Add(30 * time.Minute)
	for _, s := range session.States {
		for _, flags := range [][]session.Flag{nil, {session.Degraded}, {session.Override}, {session.Degraded, session.Override, session.Unsealed}} {
			for _, proven := range []bool{true, false} {
				for _, reason := range append([]session.Reason{"", "finding", session.PowerLost}, session.InterruptReasons...) {
					points := []session.Point{{Name: "a", Step: session.Handover, Proven: proven}, {Name: "b", Step: session.Arming, Proven: proven}}
					out = append(out, wall.View{At: t0, Session: session.Report{State: s, Flags: flags, Points: points, Reason: reason, From: &from}})
				}
			}
		}
	}
	return out
}

// TestSilent: with any alarms, lamp and screen are what they are without, at any time, unless the policy says so.
func TestSilent(t *testing.T) {
	shown := 0
	for _, v := range scenes() {
		quiet := v
		v.Alarms = finds("1", "2")
		if v.Session.Reason == "finding" {
			quiet.Session.Reason = ""
		}
		a, b := NewScene(v, Facts{}, Policy{}), NewScene(quiet, Facts{}, Policy{})
		c := NewScene(v, Facts{}, Policy{ShowsFindings: true})
		for i := range 40 {
			now := t0.Add(time.Duration(i) * 110 * time.Millisecond)
			var x, y, z [8]lamp.RGB
			if a.Lamp(x[:], now); x != [8]lamp.RGB(b.Lamp(y[:], now)) {
				t.Fatalf("%v: the lamp shows a finding", v.Session.State)
			}
			if c.Lamp(z[:], now); z != x {
				shown++
			}
		}
		if words(a) != words(b) {
			t.Errorf("%v: the screen shows a finding: %s", v.Session.State, words(a))
		}
		if !strings.Contains(words(c), "Befund") {
			t.Errorf("%v: the policy's screen shows none: %s", v.Session.State, words(c))
		}
	}
	if shown == 0 {
		t.Error("the policy's lamp shows no finding")
	}
}

func words(s Scene) string {
	var out []string
	for _, l := range s.Lines() {
		out = append(out, l.Text)
	}
	return strings.Join(out, " ")
}

// TestColours: every light that is on is neither green nor red, and a state is told by more than its colour.
func TestColours(t *testing.T) {
	for _, v := range scenes() {
		s := NewScene(v, Facts{}, Policy{})
		dark := true
		for i := range 30 {
			var row [9]lamp.RGB
			for j, c := range s.Lamp(row[:], t0.Add(time.Duration(i)*170*time.Millisecond)) {
				if c == (lamp.RGB{}) {
					continue
				}
				dark = false
				if c.G > c.R {
					t.Fatalf("%v: light %d is green: %v", v.Session.State, j, c)
				}
				if int(c.R) > 8 && 4*int(max(c.G, c.B)) < 2*int(c.R) {
					t.Fatalf("%v: light %d is red: %v", v.Session.State, j, c)
				}
			}
		}
		if dark {
			t.Errorf("%v: dark", v.Session.State)
		}
	}
	for a, la := range lamps() {
		for b, lb := range lamps() {
			if a != b && la == lb {
				t.Errorf("%s and %s look the same", a, b)
			}
		}
	}
	if got := (Scene{}).Lamp(nil, t0); len(got) != 0 {
		t.Error("a row without lights")
	}
}

// TestRecordingLamp: it is lit while something records, dark only while that is known of nothing, and neither red nor green.
func TestRecordingLamp(t *testing.T) {
	on := func(s Scene) (lit int) {
		for i := range 80 { // four seconds
			var row [2]lamp.RGB
			for _, c := range s.Record(row[:], t0.Add(time.Duration(i)*50*time.Millisecond)) {
				if c != (lamp.RGB{}) {
					lit++
				}
				if c.G > c.R || c.R > 8 && c.B < c.R/2 {
					t.Errorf("red or green: %v", c)
				}
			}
		}
		return lit
	}
	for _, tt := range []struct {
		name        string
		scene       Scene
		least, most int
	}{
		{"nothing is heard of the room", Scene{}, 10, 40},
		{"nobody can say", NewScene(wall.View{RecordingUnknown: true}, Facts{}, Policy{}), 10, 40},
		{"off", NewScene(wall.View{}, Facts{}, Policy{}), 0, 0},
		{"on", NewScene(wall.View{Recording: []wall.Text{{DE: "Aufzeichnung läuft"}}}, Facts{}, Policy{}), 160, 160},
		{"one is on, one unknown", NewScene(wall.View{Recording: []wall.Text{{}}, RecordingUnknown: true}, Facts{}, Policy{}), 160, 160},
		{"in a public session", NewScene(wall.View{Session: session.Report{State: session.Open}, Recording: []wall.Text{{}}}, Facts{}, Policy{}), 160, 160},
	} {
		if n := on(tt.scene); n < tt.least || n > tt.most {
			t.Errorf("%s: %d of 160 lights are on, want %d to %d", tt.name, n, tt.least, tt.most)
		}
	}
}

// lamps returns a second of each pattern as text.
func lamps() map[session.Lamp]string {
	out := map[session.Lamp]string{}
	for _, l := range []session.Lamp{session.SoftWhite, session.WhiteBreath, session.White, session.AmberMoving, session.AmberBlink, session.DeepRose, session.RoseDot, session.RoseAmber} {
		s := Scene{Look: session.Appearance{Lamp: l}}
		var b strings.Builder
		for i := range 10 {
			var row [5]lamp.RGB
			for _, c := range s.Lamp(row[:], t0.Add(time.Duration(i)*100*time.Millisecond)) {
				b.WriteString(string(rune('a' + c.R/16)))
				b.WriteString(string(rune('a' + c.B/16)))
			}
		}
		out[l] = b.String()
	}
	return out
}

func TestLinesFit(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range scenes() {
		for _, show := range []bool{false, true} {
			v.Alarms = finds("1")
			s := NewScene(v, Facts{Slots: 64, Phones: 64}, Policy{ShowsFindings: show})
			if n := high(s.Lines()); n > display.Height {
				t.Errorf("%v %v: %d dots high: %s", v.Session.State, v.Session.Flags, n, words(s))
			}
			for _, l := range s.Lines() {
				if !l.Fits() {
					t.Errorf("%q does not fit", l.Text)
				}
			}
			seen[words(s)] = true
		}
	}
	t.Logf("measured: %d different screens", len(seen))
	if got := words(Scene{Session: session.Report{State: "lost"}}); got != "Anzeige nicht aktuell" {
		t.Errorf("a state that is not known: %s", got)
	}
}

func TestRelay(t *testing.T) {
	s := Scene{Session: session.Report{State: session.Closed}}
	if !s.Relay([]session.State{session.Arming, session.Closed}) || s.Relay([]session.State{session.Open}) || s.Relay(nil) {
		t.Error("a relay does not follow its states")
	}
}

func TestTell(t *testing.T) {
	var c Chair
	v := wall.View{Session: session.Report{State: session.Closed, Next: session.NextEnd}}
	tell := func(wantLight button.Light, wantPattern button.Pattern) {
		t.Helper()
		l, p := c.Tell(t0, v)
		if l != wantLight || len(p) != len(wantPattern) {
			t.Errorf("got light %v, pattern %v, want %v, %v", l, p, wantLight, wantPattern)
		}
	}
	tell(button.Dark, nil)
	v.Alarms = finds("1")
	tell(button.Blink, AlarmPattern)
	tell(button.Blink, nil) // once
	if _, ok := c.Press(t0, button.Short, v, Facts{}, Policy{}); ok {
		t.Error("seen is no order")
	}
	tell(button.Lit, nil)
	v.Alarms = finds("2", "1")
	tell(button.Blink, AlarmPattern)
	c.Press(t0, button.Short, v, Facts{}, Policy{})
	v.Notices = []wall.Notice{{Rule: "phones"}}
	tell(button.Blink, NoticePattern)
	tell(button.Blink, nil)
	c.Press(t0, button.Short, v, Facts{}, Policy{})
	tell(button.Lit, nil)
	v.Notices = []wall.Notice{{Rule: "phones", Seen: session.Clerk}}
	tell(button.Lit, nil)
	v.Alarms[0].Ack, v.Alarms[1].Ack = &alarm.Ack{}, &alarm.Ack{}
	tell(button.Dark, nil)
	v.Session.State, v.Session.Next = session.Interrupted, session.NextResume
	tell(button.Lit, nil)
	v.Session.Next = session.NextConfirm
	tell(button.Hurry, AskPattern)
	tell(button.Hurry, nil)
}

// TestPress holds the table of the package comment, and that every order is one that the chair may give.
func TestPress(t *testing.T) {
	tests := []struct {
		state session.State
		next  session.Next
		press button.Press
		want  wall.Act
	}{
		{session.Open, session.NextStart, button.Short, wall.Start},
		{session.Open, session.NextStart, button.Long, ""},
		{session.Planned, session.NextStart, button.Short, wall.Start},
		{session.Planned, session.NextStart, button.Long, ""},
		{session.Handover, session.NextProof, button.Short, ""},
		{session.Handover, session.NextProof, button.Long, wall.End},
		{session.Handover, session.NextConfirm, button.Short, wall.Confirm},
		{session.Sweep, session.NextConfirm, button.Short, wall.Confirm},
		{session.Arming, session.NextConfirm, button.Long, wall.End},
		{session.Closed, session.NextEnd, button.Short, ""},
		{session.Closed, session.NextEnd, button.Long, wall.Interrupt},
		{session.Interrupted, session.NextResume, button.Short, wall.Resume},
		{session.Interrupted, session.NextResume, button.Long, ""},
		{session.Interrupted, session.NextConfirm, button.Short, wall.Confirm},
		{session.Restoring, session.NextConfirm, button.Short, wall.Confirm},
		{session.Restoring, session.NextRestore, button.Long, ""},
		{session.Closed, session.NextEnd, button.None, ""},
	}
	for _, tt := range tests {
		v := wall.View{Session: session.Report{State: tt.state, Next: tt.next}}
		var c Chair
		c.Tell(t0, v)
		o, ok := c.Press(t0.Add(2*time.Second), tt.press, v, Facts{}, Policy{Reason: "urgent"})
		if ok != (tt.want != "") || ok && o.Act != tt.want {
			t.Errorf("%s/%s, %v: got %q, %v, want %q", tt.state, tt.next, tt.press, o.Act, ok, tt.want)
		}
		if ok && (o.Role != session.Chair || !session.May(session.Chair, session.Kind(o.Act))) {
			t.Errorf("%s: %s is not the chair's to order", tt.state, o)
		}
	}
}

func TestSecondPress(t *testing.T) {
	v := wall.View{Session: session.Report{State: session.Handover, Next: session.NextConfirm}}
	var c Chair
	c.Tell(t0, v)
	if _, ok := c.Press(t0.Add(500*time.Millisecond), button.Short, v, Facts{}, Policy{Reason: "urgent"}); ok {
		t.Error("a press that was on its way is taken for the answer")
	}
	if o, ok := c.Press(t0.Add(time.Second), button.Short, v, Facts{}, Policy{Reason: "urgent"}); !ok || o.Reason != "urgent" {
		t.Errorf("got %+v", o)
	}
	o, ok := c.Press(t0.Add(time.Second), button.Short, v, Facts{}, Policy{})
	if !ok || o.Act != wall.Propose || o.Proposes != wall.Confirm || o.Role != "unit" {
		t.Errorf("without a reason: got %+v", o)
	}
}

func TestInterruptReason(t *testing.T) {
	v := wall.View{Session: session.Report{State: session.Closed}}
	for _, tt := range []struct {
		f      Facts
		alarms []alarm.Alarm
		want   session.Reason
	}{
		{Facts{}, nil, "break"},
		{Facts{}, finds("1"), "finding"},
		{Facts{Contacts: []Contact{{"w", Window, contact.Open, true}}}, finds("1"), "window-open"},
		{Facts{Contacts: []Contact{{"w", Window, contact.Closed, true}, {"d", Door, contact.Open, true}}}, nil, "door-open"},
		{Facts{Contacts: []Contact{{"c", Case, contact.Open, true}, {"w", Window, contact.Cut, true}}}, nil, "break"},
	} {
		v.Alarms = tt.alarms
		var c Chair
		if o, ok := c.Press(t0, button.Long, v, tt.f, Policy{}); !ok || o.Reason != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.f, o.Reason, tt.want)
		}
	}
}

func TestPoints(t *testing.T) {
	w := func(s contact.State, supervised bool) Contact { return Contact{"w", Window, s, supervised} }
	for _, tt := range []struct {
		contacts []Contact
		proven   bool
		detail   string
	}{
		{[]Contact{w(contact.Closed, true), w(contact.Closed, true)}, true, ""},
		{[]Contact{w(contact.Closed, true), w(contact.Closed, false)}, true, "unsupervised"},
		{[]Contact{w(contact.Open, true), w(contact.Closed, true)}, false, ""},
		{[]Contact{w(contact.Closed, false), w(contact.Cut, true)}, false, "line-fault"},
		{[]Contact{w(contact.Unknown, true)}, false, ""},
		{[]Contact{w(contact.Closed, true), {"d", Door, contact.Open, true}, {"c", Case, contact.Open, true}}, true, ""},
	} {
		f := Facts{Contacts: tt.contacts}
		p := f.Points()
		if len(p) == 0 || p[0].Name != "windows-closed" || p[0].Proven != tt.proven || p[0].Detail != tt.detail {
			t.Errorf("%v: got %+v", tt.contacts, p)
		}
	}
	if p := (Facts{}).Points(); p != nil {
		t.Errorf("no contacts: %v", p)
	}
	f := Facts{Contacts: []Contact{{"d", Door, contact.Closed, true}, {"c", Case, contact.Short, true}}}
	if p := f.Points(); len(p) != 1 || p[0].Step != session.Arming || !p[0].Proven || !f.Tampered() || f.Ajar() != "" {
		t.Errorf("got %+v", f.Points())
	}
	g := f.Clone()
	if !g.Equal(f) {
		t.Error("a clone differs")
	}
	if g.Contacts[1].State = contact.Closed; g.Equal(f) || g.Tampered() {
		t.Error("a clone is the same")
	}
}

func TestPublished(t *testing.T) {
	for s, want := range map[contact.State]string{contact.Unknown: "", contact.Short: "fault", contact.Closed: "closed", contact.Open: "open", contact.Cut: "fault"} {
		if got := (Contact{State: s}).Published(); got != want {
			t.Errorf("%v: got %q, want %q", s, got, want)
		}
	}
}
