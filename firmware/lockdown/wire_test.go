package lockdown

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"subrosa/firmware/event"
	"subrosa/mdm"
)

func TestWire(t *testing.T) {
	d := desk(t)
	w, _ := d.Step(t0, room("planned", "d-7f3a"))
	b, err := json.Marshal(Wire(w))
	if err != nil {
		t.Fatal(err)
	}
	got, err := mdm.ReadDesired(b)
	if err != nil || got.Mode != mdm.Locked || got.Version != w.Version || got.LeaseS != 300 || !slices.Equal(got.Devices, []string{"d-7f3a"}) {
		t.Errorf("%s, %v", b, err)
	}
	w, _ = d.Step(t0, room("open"))
	b, err = json.Marshal(Wire(w))
	if _, bad := mdm.ReadDesired(b); err != nil || bad != nil || !strings.Contains(string(b), `"mode":"open"`) || !strings.Contains(string(b), `"devices":[]`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestRead(t *testing.T) {
	for _, bad := range []string{`[]`, `{"mode":"locked","evidence":"none","counts":{"notnow":-1}}`, `{"mode":"locked","evidence":"none","counts":{"asleep":1}}`,
		`{"mode":"locked","evidence":"none","microphones":{"can":1,"off":2}}`, `{"mode":"locked","evidence":"none","names":[]}`} {
		if r, err := ReadReport([]byte(bad)); err == nil {
			t.Errorf("report %s is read as %+v", bad, r)
		}
	}
	for _, bad := range []string{`[]`, `{"off":1,"total":2,"evidence":"none"}`, `{"off":3,"total":2,"at":"2026-11-21T18:02:00Z","evidence":"none"}`,
		`{"off":-1,"total":2,"at":"2026-11-21T18:02:00Z","evidence":"none"}`} {
		if p, err := ReadPosture([]byte(bad)); err == nil {
			t.Errorf("posture %s is read as %+v", bad, p)
		}
	}
	for _, bad := range []string{`{}`, `{"online":"yes"}`, ``, `x`} {
		if on, err := ReadOnline([]byte(bad)); err == nil || on {
			t.Errorf("online %q is read as %v", bad, on)
		}
	}
	if on, err := ReadOnline(nil); on || err != nil {
		t.Errorf("emptied: %v, %v", on, err)
	}
}

// FuzzRead: what is read can be counted without going wrong.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"version":1,"desired_version":1e9,"mode":"locked","counts":{"locked-verified":11,"notnow":3,"unmanaged":4},"microphones":{"can":5,"off":5},"evidence":"restrictions"}`))
	f.Add([]byte(`{"off":243,"total":250,"at":"2026-11-21T18:02:00Z","evidence":"restrictions"}`))
	f.Add([]byte(`{"online":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := desk(t)
		d.Step(t0, room("closed", "a", "b"))
		if on, err := ReadOnline(b); err == nil {
			d.Online(t0, "x", on)
		}
		d.Online(t0, "y", true)
		if p, err := ReadPosture(b); err == nil && p != nil {
			d.Standing("x", p)
		}
		if r, err := ReadReport(b); err == nil && r != nil {
			d.Take("y", r)
		}
		s := d.Status(t0)
		if s.Off < 0 || s.Unmanaged < 0 || s.Blind < 0 || s.Microphones < s.MicrophonesOff {
			t.Fatalf("%+v", s)
		}
		for _, l := range s.Lines() {
			if l.DE == "" || l.EN == "" {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// TestFollow: who only looks on counts as the room does, also when it comes in the middle.
func TestFollow(t *testing.T) {
	room1, console := desk(t), desk(t)
	w, _ := room1.Step(t0, room("planned", "a", "b"))
	first := w.Version
	late := desk(t)
	for _, d := range []*Desk{room1, console, late} {
		d.Online(t0, "x", true)
		d.Take("x", &Report{Count: 1, Version: first, States: map[mdm.State]int{mdm.LockedVerified: 1, mdm.NotNow: 1}})
	}
	console.Follow(Wire(w))
	w, ok := room1.Step(t0.Add(Default.Renew+Default.Spread), room("closed", "a", "b"))
	if !ok {
		t.Fatal("no renewal")
	}
	console.Follow(Wire(w))
	late.Follow(Wire(w))
	want := words(room1.Status(t0))
	if want != "Assistenten aus: 1 · Bildschirm gesperrt, bitte einmal entsperren: 1" {
		t.Errorf("the room: %s", want)
	}
	for name, d := range map[string]*Desk{"from the beginning": console, "late": late} {
		if got := words(d.Status(t0)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if b, err := json.Marshal(late.Memory()); err != nil || strings.Contains(string(b), `"a"`) {
		t.Errorf("%s, %v", b, err)
	}
	w, _ = room1.Step(t0, room("open"))
	console.Follow(Wire(w))
	if s := console.Status(t0); s.Phase == Locking {
		t.Errorf("%+v", s)
	}
}

// TestWishSize: a wish for a whole council's devices fits well into a message.
func TestWishSize(t *testing.T) {
	for _, n := range []int{250, 2000} {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("d-%016d", i))
		}
		w, _ := desk(t).Step(t0, room("planned", ids...))
		b, err := json.Marshal(Wire(w))
		if err != nil || len(b) > event.MaxSize-1024 {
			t.Errorf("%d devices: %d bytes, %v", n, len(b), err)
		}
		t.Logf("measured: a wish for %d devices has %d bytes", n, len(b))
	}
}
