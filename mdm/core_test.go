package mdm

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func bench(t *testing.T, devices ...string) *Core {
	t.Helper()
	var list []Device
	for _, d := range devices {
		list = append(list, Device{ID: d, Platform: "ios"})
	}
	k, err := New(Default, list, modelCaps)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func at(d time.Duration) Clock { return Clock{d, modelStart.Add(d)} }

func modelWish(v uint64, session string, devices ...string) Desired {
	return Desired{Version: v, Session: session, Mode: Locked, Restrict: []string{"dictation"}, LeaseS: 300, HardEnd: modelStart.Add(2 * time.Hour), Devices: devices}
}

func TestWishes(t *testing.T) {
	k := bench(t, "d-1")
	wish := func(now time.Duration, d Desired, made time.Duration) error {
		return k.Wish(at(now), "r", d, modelStart.Add(made))
	}
	w := modelWish(5, "s1", "d-1")
	for _, tt := range []struct {
		name string
		now  time.Duration
		made time.Duration
		d    Desired
		want error
	}{
		{"first", 0, 0, w, nil},
		{"again", time.Second, 0, w, ErrStale},
		{"older", time.Second, 0, modelWish(4, "s1", "d-1"), ErrStale},
		{"clock ahead", time.Second, 3 * time.Minute, modelWish(6, "s1", "d-1"), ErrClock},
		{"of a unit long gone", 10 * time.Minute, 0, modelWish(6, "s1", "d-1"), ErrClock},
		{"renewed", 11 * time.Minute, 11 * time.Minute, modelWish(7, "s1", "d-1"), nil},
	} {
		if err := wish(tt.now, tt.d, tt.made); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	late := modelWish(8, "s1", "d-1")
	late.HardEnd = late.HardEnd.Add(time.Hour)
	if err := wish(12*time.Minute, late, 12*time.Minute); err != nil || !k.rooms["r"].HardEnd.Equal(w.HardEnd) {
		t.Errorf("a hard end was put off to %v, %v", k.rooms["r"].HardEnd, err)
	}
	early := modelWish(9, "s1", "d-1")
	early.HardEnd = modelStart.Add(20 * time.Minute)
	if err := wish(16*time.Minute, early, 16*time.Minute); err != nil {
		t.Error(err)
	}
	if k.Step(at(20*time.Minute + time.Second)); k.rooms["r"].Mode != Open {
		t.Error("still locked after its hard end")
	}
	if err := wish(21*time.Minute, modelWish(10, "s1", "d-1"), 21*time.Minute); !errors.Is(err, ErrOver) {
		t.Errorf("a session goes on after its hard end: %v", err)
	}
	if err := wish(22*time.Minute, modelWish(11, "s2", "d-1"), 22*time.Minute); err != nil || k.rooms["r"].Mode != Locked {
		t.Errorf("the next session: %v", err)
	}
	k.Release(at(23 * time.Minute))
	if err := wish(24*time.Minute, modelWish(12, "s2", "d-1"), 24*time.Minute); !errors.Is(err, ErrOver) || k.rooms["r"].Mode != Open {
		t.Errorf("a released session goes on: %v", err)
	}
}

func TestReport(t *testing.T) {
	k := bench(t, "d-1", "d-2")
	if err := k.Wish(at(0), "r", modelWish(1, "s1", "d-1", "d-2", "d-other"), modelStart); err != nil {
		t.Fatal(err)
	}
	acts := k.Step(at(0))
	if len(acts) != 2 || acts[0].Command.Kind != Look || acts[0].Command.ID != "sr-d-1-1-look" {
		t.Fatalf("first %+v", acts)
	}
	if again := k.Step(at(time.Second)); len(again) != 0 {
		t.Errorf("unanswered, and then %+v", again)
	}
	k.Take(at(time.Second), Event{Device: "d-1", Kind: Acked, Command: "sr-d-1-1-look", Observed: &Observed{Standing: Assistant, Evidence: ProfileList}})
	k.Step(at(2 * time.Second))
	k.Take(at(3*time.Second), Event{Device: "d-1", Kind: Busy, Command: "sr-d-1-2-lock"})
	r, ok := k.Report(at(4*time.Minute), "r")
	if !ok || r.Counts[NotNow] != 1 || r.Counts[Unknown] != 1 || r.Counts[Unmanaged] != 1 || r.DesiredVersion != 1 || r.Check() != nil {
		t.Errorf("%+v, %v", r, r.Check())
	}
	k.Take(at(4*time.Minute), Event{Device: "d-2", Kind: Left})
	p := k.Posture(at(4 * time.Minute))
	if p.Off != 1 || p.Total != 2 || p.Counts[Unmanaged] != 1 || p.Evidence != ProfileList || p.Check() != nil {
		t.Errorf("%+v, %v", p, p.Check())
	}
	if q := k.Posture(at(40 * time.Hour)); q.Off != 0 {
		t.Errorf("after 40 h: %+v", q)
	}
	if k.Take(at(0), Event{Device: "d-9", Kind: Awake}) || k.Take(at(0), Event{Device: "d-1", Kind: Acked, Command: "fleet-123"}) {
		t.Error("somebody else's event was taken")
	}
}

func TestListsAreForgotten(t *testing.T) {
	k := bench(t, "d-1")
	if err := k.Wish(at(0), "r", modelWish(1, "s1", "d-1"), modelStart); err != nil {
		t.Fatal(err)
	}
	k.Step(at(0))
	if err := k.Wish(at(time.Second), "r", Desired{Version: 2, Mode: Open}, modelStart); err != nil {
		t.Fatal(err)
	}
	k.Step(at(2 * time.Second))
	kept := Holding{}
	k.Changed(func(Record) {}, func(h Holding) { kept = h })
	if len(kept.Devices) != 0 {
		t.Errorf("nothing was locked, and %v is remembered", kept.Devices)
	}
}

// BenchmarkStep is one pass over 10 000 devices in 100 rooms, all locked, nothing to do.
func BenchmarkStep(b *testing.B) {
	k, now := crowd(b)
	for b.Loop() {
		now.Mono += time.Millisecond
		if acts := k.Step(now); len(acts) != 0 {
			b.Fatalf("%d actions", len(acts))
		}
	}
}

// BenchmarkReports is what is told after a pass: 100 rooms.
func BenchmarkReports(b *testing.B) {
	k, now := crowd(b)
	for b.Loop() {
		for _, room := range k.Rooms() {
			if r, _ := k.Report(now, room); r.Counts[LockedVerified] != 100 {
				b.Fatalf("%+v", r)
			}
		}
	}
}

// crowd is 10 000 devices, 100 in each of 100 rooms, all locked and proven.
func crowd(tb testing.TB) (*Core, Clock) {
	tb.Helper()
	var list []Device
	for i := range 10_000 {
		list = append(list, Device{ID: fmt.Sprintf("d-%05d", i), Platform: "android"})
	}
	k, err := New(Default, list, modelCaps)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range 100 {
		var ids []string
		for j := i; j < 10_000; j += 100 {
			ids = append(ids, list[j].ID)
		}
		if err := k.Wish(at(0), fmt.Sprintf("r-%02d", i), modelWish(1, "s", ids...), modelStart); err != nil {
			tb.Fatal(err)
		}
	}
	state := map[string]Observed{}
	now := at(0)
	for quiet := 0; quiet < 2; {
		now.Mono, now.Wall = now.Mono+time.Millisecond, now.Wall.Add(time.Millisecond)
		acts := k.Step(now)
		if quiet++; len(acts) > 0 {
			quiet = 0
		}
		for _, a := range acts {
			o := state[a.Device.ID]
			o.Evidence = Restrictions
			switch a.Command.Kind {
			case Stand:
				o.Standing = a.Command.Want.Standing
			case Lock:
				o.Locked, o.Lock, o.Tag = true, a.Command.Want.Lock, a.Command.Want.Tag()
			}
			state[a.Device.ID] = o
			e := Event{Device: a.Device.ID, Kind: Acked, Command: a.Command.ID}
			if a.Command.Kind == Look {
				e.Observed = &o
			}
			k.Take(now, e)
		}
	}
	return k, now
}

// TestOldLeaving: word of a leaving that comes after the device was back, with a lock on its way, loses neither. The lock may still
// be carried out, behind looks that a locked screen lets pass.
func TestOldLeaving(t *testing.T) {
	k := bench(t, "d-1")
	now := time.Duration(0)
	step := func() (last Command) {
		now += 30 * time.Second
		for _, a := range k.Step(at(now)) {
			k.Sent(at(now), a, nil)
			last = a.Command
		}
		return last
	}
	free := Observed{Standing: Assistant, Evidence: Restrictions}
	seen := func(c Command) {
		if c.Kind != Look {
			t.Fatalf("got %q, want a look", c.ID)
		}
		k.Take(at(now), Event{Device: "d-1", Command: c.ID, Kind: Acked, Observed: &free})
	}
	seen(step())
	if err := k.Wish(at(now), "r", modelWish(1, "s1", "d-1"), modelStart.Add(now)); err != nil {
		t.Fatal(err)
	}
	lock := step()
	if lock.Kind != Lock {
		t.Fatalf("got %q, want a lock", lock.ID)
	}
	k.Take(at(now), Event{Device: "d-1", Kind: Left})
	k.Release(at(now))
	for range lostAfter {
		k.Take(at(now), Event{Device: "d-1", Kind: Awake})
	}
	seen(step())
	if d := k.index["d-1"]; !d.mayLock() || d.state(at(now), &Default) == OpenVerified {
		t.Errorf("after one look it is said to be %s", d.state(at(now), &Default))
	}
	k.Take(at(now), Event{Device: "d-1", Command: lock.ID, Kind: Acked})
	c := step()
	k.Take(at(now), Event{Device: "d-1", Command: c.ID, Kind: Acked, Observed: &Observed{Standing: Assistant, Lock: Dictation, Locked: true, Tag: lock.Want.Tag(), Evidence: Restrictions}})
	if c = step(); c.Kind != Free {
		t.Errorf("got %q, want the lock taken back", c.ID)
	}
}

// TestDeclaredAfterRestart: what a person had signed is still declared, not proven, before it is looked at again.
func TestDeclaredAfterRestart(t *testing.T) {
	for best, want := range map[Evidence]int{Signed: 1, Restrictions: 0} {
		k, err := New(Default, []Device{{ID: "d-1", Platform: "linux"}}, func(Device) Caps { return Caps{Can: Default.Standing, Proves: Default.Standing, Best: best} })
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Restore(at(time.Hour), []Record{{ID: "d-1", Heard: true, Proved: at(0).Wall}}, nil); err != nil {
			t.Fatal(err)
		}
		if p := k.Posture(at(time.Hour)); p.Off != 1 || p.Declared() != want {
			t.Errorf("%s: %+v, declared %d, want %d", best, p, p.Declared(), want)
		}
	}
}
