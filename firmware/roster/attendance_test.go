package roster

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// present is a roster of three with a session under way.
func present(t *testing.T) (*Roster, *Attendance) {
	t.Helper()
	r := new(Roster)
	a := NewAttendance(r)
	if _, err := r.Replace(now, []Member{member("m1"), member("m2"), {ID: "m3", Role: Guest}}); err != nil {
		t.Fatal(err)
	}
	a.Begin(now, "s1")
	return r, a
}

func issue(t *testing.T, a *Attendance, m string, p Place) string {
	t.Helper()
	token, err := a.Issue(now, m, p, time.Time{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestCheckIn(t *testing.T) {
	_, a := present(t)
	if got := a.Devices(now, true); len(got) != 0 {
		t.Errorf("devices before anybody came: %v", got)
	}
	if got := a.Devices(now, false); len(got) != 4 {
		t.Errorf("devices of the roster: %v", got)
	}
	door, home := issue(t, a, "m1", Door), issue(t, a, "m2", Home)
	if _, devices, err := a.Look(now, door); err != nil || !slices.Equal(devices, []string{"m1-tablet", "m1-phone"}) {
		t.Errorf("look: %v, %v", devices, err)
	}
	if _, err := a.Redeem(now, door, []string{"m2-phone"}, 0); !errors.Is(err, ErrDevice) {
		t.Errorf("another's device: got %v", err)
	}
	if _, err := a.Redeem(now, door, nil, 10); err == nil {
		t.Error("ten private devices are taken")
	}
	for _, tt := range []struct {
		token string
		at    time.Time
		want  error
	}{
		{door, now.Add(DoorFor), ErrTicket},                    // over
		{strings.ToLower(door), now, ErrTicket},                // not the same
		{"", now, ErrTicket},                                   // nothing
		{door, now.Add(DoorFor - 1), nil},                      // once …
		{door, now, ErrTicket},                                 // … and no more
		{home, now.Add(HomeFor - 1), nil},                      // a day
		{strings.Repeat("A", len(home)), now, ErrTicket},       // guessed
		{strings.Repeat("A", 10*len(home)), now, ErrTicket},    // long
		{issue(t, a, "m3", Home), now.Add(HomeFor), ErrTicket}, // over
	} {
		device := []string{"m1-phone"}
		if tt.token == home {
			device = nil
		}
		if _, err := a.Redeem(tt.at, tt.token, device, 1); !errors.Is(err, tt.want) {
			t.Errorf("%s at %v: got %v, want %v", tt.token, tt.at.Sub(now), err, tt.want)
		}
	}
	if got := a.Devices(now, true); !slices.Equal(got, []string{"m1-phone"}) {
		t.Errorf("bound: %v", got)
	}
	if got, want := a.Here(now), (Here{Members: 3, Door: 1, Home: 1, Private: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestOneTicketForOnePlace: a second link ends the first, so that one that was sent to the wrong address is worth nothing.
func TestOneTicketForOnePlace(t *testing.T) {
	_, a := present(t)
	first := issue(t, a, "m1", Home)
	second, door := issue(t, a, "m1", Home), issue(t, a, "m1", Door)
	if _, _, err := a.Look(now, first); !errors.Is(err, ErrTicket) {
		t.Errorf("first: got %v", err)
	}
	for _, token := range []string{second, door} {
		if _, _, err := a.Look(now, token); err != nil {
			t.Error(err)
		}
	}
	if b, err := json.Marshal(a.Memory()); err != nil || strings.Contains(string(b), second) {
		t.Errorf("%v: the ticket itself is kept: %s", err, b)
	}
}

func TestRaceForATicket(t *testing.T) {
	_, a := present(t)
	token := issue(t, a, "m1", Door)
	var wg sync.WaitGroup
	won := make(chan bool, 8)
	for range 8 {
		wg.Go(func() {
			_, err := a.Redeem(now, token, nil, 1)
			won <- err == nil
		})
	}
	wg.Wait()
	n := 0
	for range 8 {
		if <-won {
			n++
		}
	}
	if n != 1 || a.Here(now).Private != 1 {
		t.Errorf("%d have used one ticket, %d private devices", n, a.Here(now).Private)
	}
}

func TestBarred(t *testing.T) {
	r, a := present(t)
	token, left := issue(t, a, "m1", Door), issue(t, a, "m1", Home)
	if _, err := a.Redeem(now, token, []string{"m1-phone"}, 0); err != nil {
		t.Fatal(err)
	}
	events, err := a.Bar(now, "m1")
	if err != nil || brief(events) != "removed m1 -m1-tablet -m1-phone" {
		t.Errorf("got %q, %v", brief(events), err)
	}
	if got := a.Devices(now, false); slices.Contains(got, "m1-phone") || len(got) != 2 {
		t.Errorf("devices %v", got)
	}
	if _, _, err := a.Look(now, left); !errors.Is(err, ErrTicket) {
		t.Errorf("the link of someone removed opens: %v", err)
	}
	if a.Here(now).Door != 0 {
		t.Error("still present")
	}
	if events, err := a.Import(now, []Member{member("m1"), member("m2")}); err != nil || brief(events) != "removed m3" {
		t.Errorf("import: got %q, %v", brief(events), err)
	}
	if _, err := a.Add(now, member("m1")); !errors.Is(err, ErrBarred) {
		t.Errorf("add: got %v", err)
	}
	a.End(now)
	if _, err := a.Import(now, []Member{member("m1"), member("m2")}); err != nil || !r.May("m1", now) {
		t.Errorf("after the session: %v", err)
	}
}

func TestLoan(t *testing.T) {
	_, a := present(t)
	if err := a.Bind(now, "m3", "loan-7"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		member, device string
		want           error
	}{{"m1", "loan-7", ErrTaken}, {"m3", "m1-phone", ErrTaken}, {"m9", "x", ErrUnknown}, {"m3", "loan-7", nil}} {
		if err := a.Bind(now, tt.member, tt.device); !errors.Is(err, tt.want) {
			t.Errorf("%s to %s: got %v, want %v", tt.device, tt.member, err, tt.want)
		}
	}
	if err := a.Bind(now, "m3", "Erikas Telefon"); err == nil {
		t.Error("a name is taken for an id")
	}
	if got := a.Devices(now, true); !slices.Equal(got, []string{"loan-7"}) {
		t.Errorf("devices %v", got)
	}
}

func TestEndOfSession(t *testing.T) {
	r, a := present(t)
	if _, err := a.Add(now, Member{ID: "g1", Role: Guest, Devices: []string{"g1-phone"}}); err != nil {
		t.Fatal(err)
	}
	token := issue(t, a, "g1", Door)
	if err := a.Bind(now, "m3", "loan-7"); err != nil {
		t.Fatal(err)
	}
	if got := brief(a.End(now)); got != "removed g1 -g1-phone" {
		t.Errorf("got %q", got)
	}
	b, err := json.Marshal(a.Memory())
	if err != nil || string(b) != `{"format":1,"session":"","private":0}` {
		t.Errorf("left behind: %s, %v", b, err)
	}
	if len(r.Members()) != 3 {
		t.Errorf("standing members %v", r.Members())
	}
	if _, err := a.Issue(now, "m1", Door, time.Time{}, rand.Reader); !errors.Is(err, ErrSession) {
		t.Errorf("issue: got %v", err)
	}
	if _, _, err := a.Look(now, token); !errors.Is(err, ErrTicket) {
		t.Errorf("look: got %v", err)
	}
	if _, err := a.Add(now, Member{ID: "g2", Role: Guest}); !errors.Is(err, ErrSession) {
		t.Errorf("add: got %v", err)
	}
}

func TestAttendanceSurvives(t *testing.T) {
	r, a := present(t)
	token := issue(t, a, "m1", Home)
	if err := a.Bind(now, "m3", "loan-7"); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(a.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var m AttendanceMemory
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	again := NewAttendance(r)
	if err := again.Recall(now, m); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Redeem(now, token, []string{"m1-phone"}, 0); err != nil {
		t.Error(err)
	}
	if got := again.Devices(now, true); !slices.Equal(got, []string{"loan-7", "m1-phone"}) {
		t.Errorf("devices %v", got)
	}
	m.Barred = []string{"m2"} // and a file brings them back
	if err := again.Recall(now, m); err != nil || r.May("m2", now) {
		t.Errorf("barred: %v", err)
	}
	m.Format = 2
	if err := again.Recall(now, m); err == nil {
		t.Error("format 2 is taken")
	}
}
