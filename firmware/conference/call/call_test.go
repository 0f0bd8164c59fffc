package call

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/sfu"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/conference/tripwire"
	"subrosa/firmware/roster"
)

// media takes note of what is asked of it.
type media struct {
	did    []string
	tracks []sfu.TrackInfo
}

func (m *media) note(format string, args ...any) { m.did = append(m.did, fmt.Sprintf(format, args...)) }
func (m *media) Offer(p string, _ *tripwire.Sender, o *signal.Offer) (*signal.Answer, error) {
	m.note("offer %s", p)
	return &signal.Answer{N: o.N, SDP: "v=0"}, nil
}
func (m *media) Stream(p string, _ *tripwire.Sender, o *signal.Offer) (*signal.Answer, error) {
	m.note("stream %s", p)
	return &signal.Answer{SDP: "v=0"}, nil
}
func (m *media) Feed(p, audio, video string)       { m.note("feed %s %s %s", p, audio, video) }
func (m *media) Remove(p string)                   { m.note("remove %s", p) }
func (m *media) Prefer(p string, _ signal.Prefer)  { m.note("prefer %s", p) }
func (m *media) Mute(p, source string, muted bool) { m.note("mute %s %s %v", p, source, muted) }
func (m *media) KeyFrame(t string)                 { m.note("key %s", t) }
func (m *media) Floor(p string)                    { m.note("floor %s", p) }
func (m *media) Tracks() []sfu.TrackInfo           { return m.tracks }
func (m *media) Close()                            {}

// out keeps what a participant was sent.
type out struct {
	name   string
	scene  *scene
	got    []signal.Message
	closed bool
	seat   *Seat
	resume string
	seen   uint64
}

func (o *out) Send(l *signal.Letter) {
	b, err := l.Bytes()
	if err != nil {
		o.scene.t.Fatalf("%s is sent %+v: %v", o.name, l.Message, err)
	}
	back, err := signal.DecodeServer(b)
	if err != nil {
		o.scene.t.Fatalf("%s is sent %s: %v", o.name, b, err)
	}
	o.got = append(o.got, back)
	switch m := back.(type) {
	case *signal.Joined:
		o.resume = m.Resume
	case *signal.Committed:
		o.seen = m.Seq
	case *signal.Welcome:
		o.seen = m.Seq
	case *signal.Delivered:
		o.seen = m.Seq
	}
}
func (o *out) Close() { o.closed = true }

// take returns the messages of a type, and forgets all.
func take[M signal.Message](o *out) (ms []M) {
	for _, m := range o.got {
		if x, ok := m.(M); ok {
			ms = append(ms, x)
		}
	}
	return ms
}

type scene struct {
	t      *testing.T
	c      *Call
	m      *media
	now    time.Time
	ts     transcript
	notes  []string
	report []Report
	still  func(Identity) level.Verdict
}

// transcript of a group of ts-mls (package mls); the call's group gets its id.
type transcript struct {
	People []struct{ Who, Message string }
	Steps  []struct{ Commit, Welcome string }
}

func newScene(t *testing.T, l level.Level) *scene {
	b, err := os.ReadFile("../mls/testdata/transcript.json")
	if err != nil {
		t.Fatal(err)
	}
	var ts []transcript
	if err := json.Unmarshal(b, &ts); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, m: &media{}, now: time.Unix(1e9, 0), ts: ts[1], still: func(Identity) level.Verdict { return level.Verdict{May: true} }}
	s.c = New(Options{Room: "ratssaal", Seats: 30, LastN: 9, Suites: []signal.Suite{signal.XWing}, Media: func(sfu.Events) Media { return s.m },
		Still:  func(i Identity) level.Verdict { return s.still(i) },
		Record: func(kind string, _ map[string]any) { s.notes = append(s.notes, kind) }, Report: func(r Report) { s.report = append(s.report, r) },
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: func() time.Time { return s.now },
		Rand: bytes.NewReader(bytes.Repeat([]byte("0123456789abcdef\x81\x02\x03\x04"), 9))})
	s.c.SetLevel(l, true)
	return s
}

func unhex(s string) []byte { b, _ := hex.DecodeString(s); return b }

func (s *scene) tick(d time.Duration) {
	s.now = s.now.Add(d)
	s.c.locked(nil)
}

func (s *scene) join(name string, role roster.Role, lobby bool) *out {
	s.t.Helper()
	o := &out{name: name, scene: s}
	seat, err := s.c.Join(Identity{Login: name, Member: name, Role: role, OnRoster: true}, level.Verdict{May: true, Lobby: lobby}, &signal.Hello{Protocol: 1, Declaration: true}, o)
	if err != nil {
		s.t.Fatal(err)
	}
	o.seat = seat
	for _, p := range s.ts.People {
		if p.Who == name {
			s.say(o, "key-package", &signal.KeyPackage{Suite: signal.XWing, Package: unhex(p.Message)})
		}
	}
	return o
}

func (s *scene) say(o *out, name string, m signal.Message) bool {
	ok := o.seat.Handle(name, m)
	s.tick(100 * time.Millisecond)
	return ok
}

// step has somebody send a commit of the transcript, in the call's group.
func (s *scene) step(o *out, i int) {
	s.say(o, "commit", s.grouped(&signal.Commit{Group: []byte("0123456789abcdef"), Epoch: uint64(i), Commit: unhex(s.ts.Steps[i].Commit), Welcome: unhex(s.ts.Steps[i].Welcome)}))
}

// grouped puts the id of the call's group into a commit: an open one has another. Nobody here checks the signature.
func (s *scene) grouped(m *signal.Commit) *signal.Commit {
	if s.c.group != nil {
		m.Commit, m.Group = bytes.ReplaceAll(m.Commit, m.Group, s.c.group.ID), s.c.group.ID
	}
	return m
}

func (s *scene) forget(os ...*out) {
	for _, o := range os {
		o.got = nil
	}
}

// meet brings chair, a and b into the group, as the transcript has it: four commits.
func meet(t *testing.T, l level.Level) (s *scene, chair, a, b *out) {
	s = newScene(t, l)
	chair = s.join("chair", roster.Chair, false)
	f := take[*signal.Found](chair)
	if len(f) != 1 || f[0].Tag != 0x81020304 || string(f[0].Group[1:]) != "123456789abcdef" {
		t.Fatalf("found: %+v", f)
	}
	s.say(chair, "founded", &signal.Founded{Group: f[0].Group})
	a = s.enter(chair, "a", 0)
	s.step(a, 1)
	b = s.enter(chair, "b", 2)
	s.step(b, 3)
	return s, chair, a, b
}

// enter lets somebody in by the chair, whose device commits step i.
func (s *scene) enter(chair *out, name string, i int) *out {
	s.t.Helper()
	s.forget(chair)
	o := s.join(name, roster.Councillor, true)
	k := take[*signal.Knock](chair)
	if len(k) == 0 || !k[len(k)-1].Lobby || k[len(k)-1].Package == nil {
		s.t.Fatalf("the chair was told %+v", k)
	}
	if st := take[*signal.State](o); len(st) == 0 || len(st[len(st)-1].People) != 1 {
		s.t.Errorf("in the lobby %s sees %+v", name, st)
	}
	s.say(chair, "admit", &signal.Admit{Participant: k[0].Participant, Admission: "signed.word"})
	task := take[*signal.Task](chair)
	if len(task) != 1 || len(task[0].Add) != 1 || task[0].Add[0].Admission != "signed.word" {
		s.t.Fatalf("the chair's task: %+v", task)
	}
	s.step(chair, i)
	if w := take[*signal.Welcome](o); len(w) != 1 || len(w[0].Welcome) == 0 || len(take[*signal.Committed](o)) != 0 {
		s.t.Fatalf("%s got %d welcomes", name, len(w))
	}
	return o
}

func last[M signal.Message](t *testing.T, o *out) M {
	t.Helper()
	ms := take[M](o)
	if len(ms) == 0 {
		t.Fatalf("%s got no %T", o.name, *new(M))
	}
	return ms[len(ms)-1]
}

func TestCall(t *testing.T) {
	s, chair, a, b := meet(t, level.Nonpublic)
	st := last[*signal.State](t, b)
	leaves := []int{}
	for _, p := range st.People {
		leaves = append(leaves, p.Leaf)
	}
	if !slices.Equal(leaves, []int{0, 1, 2}) || st.Epoch != 4 || st.Encryption != signal.EndToEnd {
		t.Errorf("state %+v", st)
	}
	s.forget(chair, a, b)
	aID := a.seat.ID()
	s.m.did = nil

	s.c.Drop("a", "") // the roster's word
	if s.m.did[0] != "remove "+aID {
		t.Errorf("media was told %v", s.m.did)
	}
	if e := last[*signal.Ended](t, a); e.Reason != signal.EndedRoster || e.Again || !a.closed {
		t.Errorf("a was told %+v", e)
	}
	if task := last[*signal.Task](t, chair); !slices.Equal(task.Remove, []int{1}) {
		t.Errorf("task %+v", task)
	}
	s.forget(chair, b)
	s.step(b, 3) // of an epoch that is over
	if r := last[*signal.CommitRefused](t, b); r.Why != "late" || r.Winner == nil || r.Winner.Epoch != 3 {
		t.Errorf("refused %+v", r)
	}
	s.step(chair, 4)
	for _, o := range []*out{chair, b} {
		if c := last[*signal.Committed](t, o); len(c.Removed) != 1 || c.Removed[0] != (signal.Seat{Participant: aID, Leaf: 1}) {
			t.Errorf("%s: %+v", o.name, c)
		}
	}
	if a.seat.Handle("ping", &signal.Ping{}) {
		t.Error("a's connection goes on")
	}
	if !slices.Contains(s.notes, KindRemoved) || s.report[len(s.report)-1] != (Report{State: "running", Level: level.Nonpublic, Seats: 2}) {
		t.Errorf("notes %v, report %+v", s.notes, s.report)
	}
}

// TestReturn: after a loss, what was missed comes once and in order; who stays away for 30 s is removed.
func TestReturn(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	s.c.Drop("a", "")
	s.forget(chair, b)
	s.c.locked(func() {})
	b.seat.Lost(b)
	s.step(chair, 4)
	if take[*signal.Committed](b) != nil {
		t.Fatal("sent to a connection that is gone")
	}
	again := &out{name: "b again", scene: s}
	who := Identity{Login: "b", Member: "b", Role: roster.Councillor, OnRoster: true}
	seat, err := s.c.Join(who, level.Verdict{May: true, Lobby: true}, &signal.Hello{Protocol: 1, Declaration: true, Resume: b.resume, Seen: b.seen}, again)
	if err != nil || seat != b.seat {
		t.Fatal(err)
	}
	if j := last[*signal.Joined](t, again); !j.Resumed || j.Lobby || j.Participant != seat.ID() {
		t.Errorf("joined %+v", j)
	}
	if c := take[*signal.Committed](again); len(c) != 1 || c[0].Epoch != 4 {
		t.Errorf("missed %+v", c)
	}
	if len(take[*signal.Welcome](again)) != 0 {
		t.Error("the welcome came twice")
	}
	seat.Lost(again) // and its answer never arrived: the token of before is still the seat's
	lost := again
	again = &out{name: "b once more", scene: s}
	if seat, err = s.c.Join(who, level.Verdict{May: true, Lobby: true}, &signal.Hello{Protocol: 1, Declaration: true, Resume: b.resume, Seen: b.seen}, again); err != nil || seat != b.seat {
		t.Fatalf("the seat is lost with the answer: %v", err)
	}
	if b.resume == again.resume || lost.resume == again.resume {
		t.Error("a token was given twice")
	}
	thief := &out{name: "thief", scene: s} // another login with the same token
	if seat, err := s.c.Join(Identity{Login: "x", Member: "x", Role: roster.Councillor}, level.Verdict{May: true, Lobby: true}, &signal.Hello{Protocol: 1, Declaration: true, Resume: again.resume}, thief); err != nil || seat == b.seat {
		t.Error("somebody else has taken the seat: ", err)
	}
	seat.Lost(again)
	s.forget(chair)
	s.tick(signal.ResumeFor - time.Second)
	if len(take[*signal.Task](chair)) != 0 {
		t.Error("removed too early")
	}
	s.tick(2 * time.Second)
	if task := last[*signal.Task](t, chair); !slices.Equal(task.Remove, []int{2}) {
		t.Errorf("task %+v", task)
	}
	_ = a
}

// TestElsewhere: the same browser again ends the seat of before.
func TestElsewhere(t *testing.T) {
	s, chair, a, _ := meet(t, level.Internal)
	s.forget(chair)
	s.join("a", roster.Councillor, false)
	if e := last[*signal.Ended](t, a); e.Reason != signal.EndedElsewhere {
		t.Errorf("ended %+v", e)
	}
	if task := last[*signal.Task](t, chair); !slices.Equal(task.Remove, []int{1}) {
		t.Errorf("task %+v", task)
	}
}

// TestStricter: a public call goes on until the chair says; then who may not stay goes, and the group is made anew.
func TestStricter(t *testing.T) {
	s, chair, a, b := meet(t, level.Public)
	s.forget(chair, a, b)
	s.c.SetLevel(level.Confidential, true)
	s.tick(time.Second)
	if st := last[*signal.State](t, b); st.Pending != level.Confidential || st.Level != level.Public {
		t.Errorf("state %+v", st)
	}
	if s.report[len(s.report)-1].State != "pending" {
		t.Errorf("report %+v", s.report)
	}
	late := &out{name: "late", scene: s}
	if _, err := s.c.Join(Identity{Login: "c", Member: "c", Role: roster.Councillor}, level.Verdict{May: true}, &signal.Hello{Protocol: 1, Declaration: true}, late); err == nil {
		t.Error("somebody came in meanwhile")
	}
	s.say(a, "raise", &signal.Raise{})
	if e := last[*signal.Error](t, a); e.Why != "right" {
		t.Errorf("a councillor raises: %+v", e)
	}
	s.still = func(i Identity) level.Verdict { return level.Verdict{May: i.Member != "b"} }
	s.say(chair, "raise", &signal.Raise{})
	if e := last[*signal.Ended](t, b); e.Reason != signal.EndedLevel {
		t.Errorf("b: %+v", e)
	}
	last[*signal.Found](t, chair)
	if st := last[*signal.State](t, a); st.Level != level.Confidential || st.Pending != "" || st.Group != nil {
		t.Errorf("state %+v", st)
	}
}

// TestEncryptedFollows: a call that was encrypted takes a stricter level by itself.
func TestEncryptedFollows(t *testing.T) {
	s, _, a, b := meet(t, level.Internal)
	s.still = func(i Identity) level.Verdict { return level.Verdict{May: i.Member != "b"} }
	s.c.SetLevel(level.Confidential, true)
	s.tick(time.Second)
	if e := last[*signal.Ended](t, b); e.Reason != signal.EndedLevel {
		t.Errorf("b: %+v", e)
	}
	if st := last[*signal.State](t, a); st.Level != level.Confidential {
		t.Errorf("state %+v", st)
	}
	s.c.SetLevel(level.Confidential, false)
	if !a.closed {
		t.Error("not allowed, and a is still there")
	}
}

// TestStuck: a commit that members refuse ends its sender's seat, and the group is made anew.
func TestStuck(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	s.forget(chair, a, b)
	by := s.c.group.Last().From // b
	s.say(a, "stuck", &signal.Stuck{Group: []byte("0123456789abcdef"), Epoch: 3, Why: "identity"})
	if b.closed || s.c.group.Last().From != by {
		t.Error("one of two is not enough")
	}
	s.say(chair, "stuck", &signal.Stuck{Group: []byte("0123456789abcdef"), Epoch: 3, Why: "identity"})
	if !b.closed || len(take[*signal.Found](chair)) != 1 {
		t.Error("the chair's word is")
	}
}

func TestRights(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	for name, m := range map[string]signal.Message{"remove": &signal.Remove{Participant: b.seat.ID()}, "admit": &signal.Admit{Participant: b.seat.ID()}, "end": &signal.End{},
		"floor": &signal.Floor{Participant: a.seat.ID()}, "ask-mute": &signal.AskMute{Participant: b.seat.ID()}, "stream": &signal.Stream{On: true}, "recording": &signal.Recording{What: signal.RecordingBegin},
		"hand": &signal.Hand{Participant: b.seat.ID()}} {
		s.forget(a)
		s.say(a, name, m)
		if e := last[*signal.Error](t, a); e.Why != "right" || e.Text.DE == "" {
			t.Errorf("%s by a councillor: %+v", name, e)
		}
	}
	s.say(a, "hand", &signal.Hand{Up: true})
	s.say(b, "hand", &signal.Hand{Up: true})
	if st := last[*signal.State](t, chair); st.People[1].Hand != 1 || st.People[2].Hand != 2 {
		t.Errorf("the speaking list: %+v", st.People)
	}
	s.say(chair, "floor", &signal.Floor{Participant: a.seat.ID()})
	if st := last[*signal.State](t, b); st.Floor != a.seat.ID() || st.People[2].Hand != 1 {
		t.Errorf("floor %+v", st)
	}
	s.say(chair, "stream", &signal.Stream{On: true})
	if e := last[*signal.Error](t, chair); e.To != "stream" {
		t.Error("a stream at a level that has none")
	}
	for range 25 {
		if !s.say(a, "remove", &signal.Remove{Participant: "p"}) {
			return
		}
	}
	t.Error("twenty-five wrong messages, and the connection goes on")
}

// TestAlarm: what the tripwire drops is told to the sender, to the chair and to the journal.
func TestAlarm(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	s.forget(chair, a, b)
	s.c.locked(func() { s.c.alarm(sfu.Alarm{Peer: a.seat.id, Track: "t1", Why: tripwire.Plain}) })
	if last[*signal.Alarm](t, a).Why != "plain" || last[*signal.Alarm](t, chair).Participant != a.seat.ID() || len(take[*signal.Alarm](b)) != 0 {
		t.Error("told to the wrong people")
	}
	if !slices.Contains(s.notes, KindAlarm) {
		t.Errorf("notes %v", s.notes)
	}
}

// TestHallLeaves: the hall's button ends the seat of the room and nobody else's, and forwards nothing more to it.
func TestHallLeaves(t *testing.T) {
	s := newScene(t, level.Internal)
	hall := s.join("unit", roster.Room, true)
	other := s.join("m1", roster.Councillor, true)
	s.c.LeaveHall()
	if e := last[*signal.Ended](t, hall); e.Reason != signal.EndedHall || e.Again || e.Text.DE == "" {
		t.Errorf("ended %+v", e)
	}
	if !slices.Contains(s.m.did, "remove "+hall.seat.id) {
		t.Errorf("media did %v", s.m.did)
	}
	if s.c.seats[other.seat.id] == nil {
		t.Error("a member was ended, too")
	}
}
