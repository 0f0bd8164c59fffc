package alarm

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

// TestStorm: the first of each kind is raised however full it is, and every appearance is counted somewhere.
func TestStorm(t *testing.T) {
	s := newScript(t, Config{Storm: 5})
	at := func(n int) Key { return Key{Kind: detect.Burst, Name: "ism868", Hz: 863e6 + float64(n)*100e3} }
	for n := range 50 {
		s.appear("x", at(n), 9)
		s.gone("x")
	}
	s.appear("e", emitter, 9)
	s.appear("h", Key{Kind: detect.SensorDead, Name: "clock"}, 0)
	s.appear("h", Key{Kind: detect.SensorDead, Name: "journal"}, 0)
	if got := len(s.alarms); got != 5+1+2 {
		t.Errorf("got %d alarms, want 5 bursts, an emitter, 2 of health", got)
	}
	if got := appearances(s.tracker); got != 53 {
		t.Errorf("got %d appearances counted, want 53", got)
	}
	// What was merged and comes back holds what it was merged into.
	s.appear("x", at(49), 9)
	if got := appearances(s.tracker); got != 54 || len(s.alarms) != 8 {
		t.Errorf("got %d appearances in %d alarms, want 54 in 8", got, len(s.alarms))
	}
	s.wait(Default.Window)
	s.appear("x", at(60), 9)
	if got := len(s.alarms); got != 9 {
		t.Errorf("after the storm: got %d alarms, want 9", got)
	}
}

// TestStormAlarm: a kind that was raised and cleared within the window has no alarm to be counted into.
func TestStormAlarm(t *testing.T) {
	s := newScript(t, Config{Storm: 1, Clear: 10 * time.Second})
	for range 4 {
		s.appear("x", beacon, 9)
		s.wait(time.Second)
		s.gone("x")
		s.appear("y", emitter, 9)
		s.wait(time.Second)
		s.gone("y")
		s.wait(11 * time.Second)
	}
	var storms int
	for _, a := range s.tracker.Alarms() {
		if a.Finding.Kind == detect.SensorTamper {
			storms++
			if err := a.Finding.Validate(); err != nil || a.Finding.Name != "excess" || a.Finding.Cause != finding.BusyRoom {
				t.Errorf("storm alarm: %+v, %v", a.Finding, err)
			}
		}
	}
	if storms != 3 || len(s.alarms) != 5 || appearances(s.tracker) != 8 {
		t.Errorf("got %d storm alarms, %d alarms, %d appearances, want 3, 5, 8", storms, len(s.alarms), appearances(s.tracker))
	}
}

// appearances counts what all alarms stand for.
func appearances(t *Tracker) (n int) {
	for _, tr := range t.tracks {
		n += tr.Merged
		if !tr.Keys[0].Same(stormKey) {
			n++
		}
	}
	return n
}

// TestFlood: whatever comes, memory is bounded and nothing is uncounted.
func TestFlood(t *testing.T) {
	tr := New(Config{Max: 40, Storm: 30})
	rng := rand.New(rand.NewPCG(1, 2))
	var n ids
	now := start
	kinds := detect.Kinds()
	want := 0
	for range 20_000 {
		now = now.Add(time.Duration(rng.IntN(100)) * time.Millisecond)
		k := kinds[rng.IntN(len(kinds))]
		f := finding.Finding{ID: n.next(now), Kind: k, Alarm: true, Start: now, Hz: rng.Float64() * 6e9}
		if names := k.Names(); names != nil {
			f.Name = names[rng.IntN(len(names))]
		}
		if k == stormKey.Kind && f.Name == stormKey.Name {
			continue // would be counted as a storm alarm by appearances
		}
		tr.Observe(now, f)
		want++
		if rng.IntN(3) > 0 {
			tr.End(now, f.ID)
		}
		tr.Expire(now)
	}
	if got := appearances(tr); got != want {
		t.Errorf("got %d appearances, want %d", got, want)
	}
	live := 0
	for _, x := range tr.tracks {
		if x.Alarm.State != Cleared {
			live++
		}
		if len(x.Keys) > maxKeys || len(x.Open) > maxOpen {
			t.Errorf("alarm has %d keys and %d open findings", len(x.Keys), len(x.Open))
		}
	}
	health := 18 // names of health kinds
	if most := 40 + len(kinds) + health; live > most {
		t.Errorf("got %d alarms at one time, want at most %d", live, most)
	}
	if b, err := json.Marshal(tr.Snapshot()); err != nil || len(b) > 1<<20 {
		t.Errorf("snapshot of %d bytes, %v", len(b), err)
	}
}
