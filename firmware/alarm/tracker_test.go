package alarm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
)

var start = time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)

// ids makes ids that are the same in each run.
type ids uint64

func (n *ids) next(at time.Time) string {
	*n++
	var b [16]byte
	binary.BigEndian.PutUint64(b[2:], uint64(*n))
	return finding.NewID(at, bytes.NewReader(b[:]))
}

// script drives a tracker in seconds after start and writes down what changes.
type script struct {
	t       *testing.T
	tracker *Tracker
	ids     ids
	at      time.Time
	open    map[string]finding.Finding // by the name that the test gives a finding
	alarms  map[string]string          // alarm id → the letter it is written as
	log     []string
}

func newScript(t *testing.T, cfg Config) *script {
	return &script{t: t, tracker: New(cfg), at: start, open: map[string]finding.Finding{}, alarms: map[string]string{}}
}

func (s *script) note(changes []Change) {
	for _, c := range changes {
		id := c.Alarm.Finding.ID
		if s.alarms[id] == "" {
			s.alarms[id] = string(rune('A' + len(s.alarms)))
		}
		line := fmt.Sprintf("%s %s", s.alarms[id], c.What)
		if c.Alarm.Merged > 0 {
			line += fmt.Sprintf(" +%d", c.Alarm.Merged)
		}
		s.log = append(s.log, line)
	}
}

// id returns the id of the alarm that is written as letter.
func (s *script) id(letter string) string {
	for id, l := range s.alarms {
		if l == letter {
			return id
		}
	}
	s.t.Fatalf("no alarm %s", letter)
	return ""
}

func (s *script) expect(want ...string) {
	s.t.Helper()
	if got := strings.Join(s.log, ", "); got != strings.Join(want, ", ") {
		s.t.Errorf("after %v: got %q, want %q", s.at.Sub(start), got, strings.Join(want, ", "))
	}
	s.log = nil
}

func (s *script) wait(d time.Duration) {
	for end := s.at.Add(d); s.at.Before(end); {
		s.at = s.at.Add(time.Second)
		s.note(s.tracker.Expire(s.at))
	}
}

func (s *script) appear(name string, k Key, snr float64) {
	f := finding.Finding{ID: s.ids.next(s.at), Kind: k.Kind, Name: k.Name, Hz: k.Hz, BwHz: k.BwHz, Alarm: true, Sense: k.Kind.Sense(),
		Side: finding.Unknown, Start: s.at, SNRDB: snr, Confidence: 0.5}
	s.open[name] = f
	s.note(s.tracker.Observe(s.at, f))
}

func (s *script) gone(name string) {
	f := s.open[name]
	end := s.at
	f.End = &end
	s.note(s.tracker.Observe(s.at, f))
}

var (
	beacon  = Key{Kind: detect.UltrasonicBeacon, Name: "silverpush", Hz: 18500}
	emitter = Key{Kind: detect.NewEmitter, Name: "fm", Hz: 99.9e6, BwHz: 180e3}
)

func TestLife(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(s *script)
	}{
		{"short: raised, ended, cleared, forgotten", func(s *script) {
			s.appear("x", beacon, 9)
			s.expect("A raised")
			s.wait(3 * time.Second)
			s.gone("x")
			s.expect("A counted")
			s.wait(Default.Clear - time.Second)
			s.expect()
			s.wait(time.Second)
			s.expect("A cleared")
			s.wait(Default.Keep)
			s.expect("A forgotten")
			if as := s.tracker.Alarms(); len(as) != 0 {
				s.t.Errorf("got %v, want none", as)
			}
		}},
		{"lasting: held once", func(s *script) {
			s.appear("x", beacon, 9)
			s.wait(Default.Hold - time.Second)
			s.expect("A raised")
			s.wait(time.Hour)
			s.expect("A held")
			s.gone("x")
			s.expect()
			s.wait(time.Second)
			s.expect("A counted")
			s.wait(Default.Clear)
			s.expect("A cleared")
		}},
		{"back within Clear: the same alarm", func(s *script) {
			s.appear("x", beacon, 9)
			s.gone("x")
			s.wait(Default.Clear - time.Second)
			s.appear("y", beacon, 9)
			s.expect("A raised", "A counted", "A held +1")
			s.wait(10 * Default.Clear)
			s.expect()
		}},
		{"back after Clear: a new alarm, acknowledged or not", func(s *script) {
			s.appear("x", beacon, 9)
			s.gone("x")
			ack := Ack{Role: "chair", Verdict: Explained, Reason: "put-away", At: s.at}
			changes, err := s.tracker.Acknowledge(s.at, s.id("A"), ack)
			if err != nil {
				s.t.Fatal(err)
			}
			s.note(changes)
			s.wait(Default.Clear)
			s.appear("y", beacon, 9)
			s.expect("A raised", "A counted", "A acknowledged", "A cleared", "B raised")
		}},
		{"pulsed for long: few changes, every pulse counted", func(s *script) {
			for range 100 { // Prontoly: a word every four seconds
				s.appear("x", beacon, 9)
				s.wait(time.Second)
				s.gone("x")
				s.wait(3 * time.Second)
			}
			changes := len(s.log)
			s.log = nil
			s.wait(Default.Counters)
			s.expect("A counted +99")
			if most := 3 + int(400*time.Second/Default.Counters); changes > most {
				s.t.Errorf("got %d changes in 400 s, want at most %d", changes, most)
			}
		}},
		{"two at once: over when both are", func(s *script) {
			s.appear("x", emitter, 9)
			near := emitter
			near.Hz += 80e3
			s.appear("y", near, 9)
			s.gone("x")
			s.wait(Default.Clear + time.Second)
			s.expect("A raised", "A held +1")
			s.gone("y")
			s.wait(Default.Clear)
			s.expect("A counted +1", "A cleared +1")
		}},
		{"sensor restarts while it lasts", func(s *script) {
			s.appear("x", beacon, 9)
			s.wait(Default.Hold)
			s.note(s.tracker.EndAll(s.at, nil))
			s.wait(time.Minute)
			s.appear("y", beacon, 9) // a new id for the same thing
			s.wait(time.Hour)
			s.expect("A raised", "A held", "A counted", "A counted +1")
		}},
		{"only what comes from the lost source is ended", func(s *script) {
			s.appear("x", beacon, 9)
			s.appear("y", emitter, 9)
			s.note(s.tracker.EndAll(s.at, func(a Alarm) bool { return a.Finding.Sense == detect.Radio }))
			s.wait(Default.Clear + time.Second)
			s.expect("A raised", "B raised", "B counted", "A held", "B cleared")
		}},
		{"repeats and strangers change nothing", func(s *script) {
			s.appear("x", beacon, 9)
			s.note(s.tracker.Observe(s.at, s.open["x"]))
			s.gone("x")
			s.gone("x")
			s.note(s.tracker.Observe(s.at, s.open["x"]))
			s.note(s.tracker.End(s.at, s.open["x"].ID))
			s.note(s.tracker.End(s.at, s.ids.next(s.at)))
			s.wait(Default.Clear)
			s.gone("x")
			s.expect("A raised", "A counted", "A cleared")
		}},
		{"appeared and gone in one", func(s *script) {
			end := s.at.Add(time.Second)
			s.note(s.tracker.Observe(s.at, finding.Finding{ID: s.ids.next(s.at), Kind: detect.Burst, Name: "ism433", Alarm: true, Start: s.at, End: &end}))
			s.expect("A raised")
			s.wait(Default.Clear)
			s.expect("A cleared")
		}},
		{"information only", func(s *script) {
			s.note(s.tracker.Observe(s.at, finding.Finding{ID: s.ids.next(s.at), Kind: detect.UltrasonicTone, Start: s.at}))
			s.wait(Default.Hold)
			s.expect()
		}},
		{"the clock is set back", func(s *script) {
			s.appear("x", beacon, 9)
			s.gone("x")
			s.at = s.at.Add(-24 * time.Hour)
			s.wait(Default.Clear + time.Second)
			s.expect("A raised", "A counted", "A cleared")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(newScript(t, Config{})) })
	}
}

func TestKeys(t *testing.T) {
	unknown := Key{Kind: detect.UltrasonicBeacon, Name: "unknown", Hz: 19_999.9}
	for _, tt := range []struct {
		name string
		a, b Key
		want bool
	}{
		{"named beacon at another of its tones", beacon, Key{beacon.Kind, beacon.Name, 19_900, 0}, true},
		{"another name", beacon, Key{beacon.Kind, "lisnr", 18_500, 0}, false},
		{"either side of a round number", unknown, Key{unknown.Kind, unknown.Name, 20_000.1, 0}, true},
		{"unknown beacons far apart", unknown, Key{unknown.Kind, unknown.Name, 22_000, 0}, false},
		{"receiver drift", Key{detect.Burst, "ism433", 433.92e6, 0}, Key{detect.Burst, "ism433", 433.94e6, 0}, true},
		{"another transmitter of the band", Key{detect.Burst, "ism433", 433.92e6, 0}, Key{detect.Burst, "ism433", 434.42e6, 0}, false},
		{"within the wider one's band", emitter, Key{emitter.Kind, "fm", 99.98e6, 12e3}, true},
		{"occupied band", Key{detect.OccupiedBand, "gsm900-ul", 890e6, 0}, Key{detect.OccupiedBand, "gsm900-ul", 910e6, 0}, true},
		{"health", Key{Kind: detect.SensorDead, Name: "clock"}, Key{Kind: detect.SensorDead, Name: "journal"}, false},
		{"kind", Key{Kind: detect.Hotspot}, Key{Kind: detect.CameraSetup}, false},
	} {
		if got := tt.a.Same(tt.b); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if got := tt.b.Same(tt.a); got != tt.want {
			t.Errorf("%s, the other way round: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFiguresOfTheStrongest(t *testing.T) {
	s := newScript(t, Config{})
	s.appear("x", beacon, 9)
	s.gone("x")
	louder := beacon
	louder.Hz = 19_000
	s.appear("y", louder, 20)
	s.appear("z", beacon, 3)
	s.wait(Default.Counters)
	a, ok := s.tracker.Alarm(s.id("A"))
	if !ok || a.Finding.SNRDB != 20 || a.Finding.Hz != 19_000 || !a.Finding.Start.Equal(start) || a.Merged != 2 {
		t.Errorf("got %+v, want the figures of the strongest, the start of the first, 2 merged", a)
	}
}

func TestAcknowledge(t *testing.T) {
	s := newScript(t, Config{})
	s.appear("x", beacon, 9)
	id := s.id("A")
	good := Ack{Role: "chair", Verdict: Explained, Reason: "put-away", At: s.at.Add(time.Second)}
	for _, tt := range []struct {
		name string
		id   string
		edit func(*Ack)
		err  error
		n    int
	}{
		{"stranger", s.ids.next(s.at), func(*Ack) {}, ErrUnknown, 0},
		{"no id", "x", func(*Ack) {}, ErrUnknown, 0},
		{"role", id, func(a *Ack) { a.Role = "visitor" }, ErrAck, 0},
		{"verdict", id, func(a *Ack) { a.Verdict = "boring" }, ErrAck, 0},
		{"free text", id, func(a *Ack) { a.Reason = "it was X's phone" }, ErrAck, 0},
		{"reason of another verdict", id, func(a *Ack) { a.Reason = "unit-defect" }, ErrAck, 0},
		{"good", id, func(*Ack) {}, nil, 1},
		{"again", id, func(*Ack) {}, nil, 0},
		{"older", id, func(a *Ack) { a.At, a.Verdict, a.Reason = s.at, FalseAlarm, "not-found" }, nil, 0},
		{"younger", id, func(a *Ack) { a.At, a.Verdict, a.Reason = s.at.Add(2*time.Second), FalseAlarm, "not-found" }, nil, 1},
	} {
		ack := good
		tt.edit(&ack)
		changes, err := s.tracker.Acknowledge(s.at, tt.id, ack)
		if !errors.Is(err, tt.err) || len(changes) != tt.n {
			t.Errorf("%s: got %d changes, %v, want %d, %v", tt.name, len(changes), err, tt.n, tt.err)
		}
	}
	a, _ := s.tracker.Alarm(id)
	if a.Ack == nil || a.Ack.Verdict != FalseAlarm || a.State != Raised || a.Version != 3 {
		t.Errorf("got %+v, want acknowledged as a false alarm, still raised, version 3", a)
	}
	a.Ack.Role = "nobody"
	if b, _ := s.tracker.Alarm(id); b.Ack.Role != "chair" {
		t.Error("an alarm shares its Ack with the tracker")
	}
}

func TestPickLists(t *testing.T) {
	seen := map[string]bool{}
	check := func(what string, list []Reason) {
		if len(list) == 0 {
			t.Errorf("%s: empty", what)
		}
		for _, r := range list {
			if r.Slug == "" || r.DE == "" || r.EN == "" || r.DE == r.EN || seen[what+r.Slug] || len([]rune(r.DE)) > 80 {
				t.Errorf("%s: %+v", what, r)
			}
			seen[what+r.Slug] = true
			if r.Text("de") != r.DE || r.Text("en") != r.EN || r.Text("") != r.DE {
				t.Errorf("%s: Text of %+v", what, r)
			}
		}
	}
	check("roles", Roles())
	check("verdicts", Verdicts())
	for _, v := range []Verdict{Fault, Explained, FalseAlarm} {
		check(string(v), Reasons(v))
	}
	if Reasons("boring") != nil {
		t.Error("reasons for no verdict")
	}
	ack := Ack{Role: "clerk", Verdict: FalseAlarm, Reason: "not-found"}
	if got, want := ack.Text("de"), "Fehlalarm: nachgesehen, nichts gefunden (Schriftführung)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, s := range []State{Raised, Held, Cleared} {
		if s.Text("de") == string(s) || s.Text("en") == "" {
			t.Errorf("state %s has no text", s)
		}
	}
}

// TestSnapshot stops and restores a tracker at random points: nothing but the versions may differ from one that
// ran through, and those grow.
func TestSnapshot(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		through, stopped := New(Config{Storm: 6}), New(Config{Storm: 6})
		var n ids
		now := start
		var last []string
		versions := map[string]uint64{}
		for range 200 {
			now = now.Add(time.Duration(rng.IntN(15_000)) * time.Millisecond)
			f := finding.Finding{ID: n.next(now), Kind: detect.Burst, Name: "ism433", Alarm: true, Start: now, Sense: detect.Radio,
				Side: finding.Unknown, Hz: 433e6 + float64(rng.IntN(20))*100e3, SNRDB: float64(rng.IntN(30))}
			acts := []func(tr *Tracker) []Change{
				func(tr *Tracker) []Change { return tr.Observe(now, f) },
				func(tr *Tracker) []Change { return tr.Expire(now) },
			}
			if len(last) > 0 {
				id := last[rng.IntN(len(last))]
				acts = append(acts, func(tr *Tracker) []Change { return tr.End(now, id) })
			}
			act := acts[rng.IntN(len(acts))]
			last = append(last, f.ID)
			want, got := act(through), act(stopped)
			for i := range got {
				id := got[i].Alarm.Finding.ID
				if got[i].Alarm.Version <= versions[id] {
					t.Fatalf("seed %d: version %d after %d", seed, got[i].Alarm.Version, versions[id])
				}
				versions[id] = got[i].Alarm.Version
			}
			if !reflect.DeepEqual(unversioned(got), unversioned(want)) {
				t.Fatalf("seed %d: got %+v, want %+v", seed, got, want)
			}
			if rng.IntN(10) > 0 {
				continue
			}
			b, err := json.Marshal(stopped.Snapshot())
			if err != nil {
				t.Fatal(err)
			}
			var s Snapshot
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			stopped = New(Config{Storm: 6})
			if err := stopped.Restore(s); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func unversioned(changes []Change) []Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].Alarm.Version = 0
	}
	return out
}

func TestRestoreRefuses(t *testing.T) {
	s := newScript(t, Config{})
	s.appear("x", beacon, 9)
	for name, damage := range map[string]func(*Snapshot){
		"twice":   func(s *Snapshot) { s.Tracks = append(s.Tracks, s.Tracks[0]) },
		"id":      func(s *Snapshot) { s.Tracks[0].Alarm.Finding.ID = "x" },
		"state":   func(s *Snapshot) { s.Tracks[0].Alarm.State = "asleep" },
		"no key":  func(s *Snapshot) { s.Tracks[0].Keys = nil },
		"version": func(s *Snapshot) { s.Tracks[0].Alarm.Version = 0 },
	} {
		snap := s.tracker.Snapshot()
		damage(&snap)
		if err := New(Config{}).Restore(snap); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := New(Config{}).Restore(s.tracker.Snapshot()); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}
