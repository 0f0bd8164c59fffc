package call

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

func seed(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

// door is a scene whose server checks admissions, with a chair's leaf whose key is known: it takes the place of the one in the
// transcript, whose signatures no server can check.
type door struct {
	*scene
	key   ed25519.PrivateKey
	chair *out
}

func newDoor(t *testing.T) *door {
	d := &door{scene: newScene(t, level.Nonpublic), key: seed(1)}
	d.c.o.Admitted = func(word string, group, chair, reference, identity []byte) error {
		return binding.VerifyAdmission(word, binding.Door{Room: "ratssaal", Group: group, Chair: chair, Package: reference, Binding: string(identity)}, d.now)
	}
	for i, p := range d.ts.People {
		if p.Who == "chair" {
			k := d.keyPackage("chair")
			d.ts.People[i].Message = hex.EncodeToString(bytes.Replace(unhex(p.Message), k.Key, d.key.Public().(ed25519.PublicKey), 1))
		}
	}
	d.chair = d.join("chair", roster.Chair, false)
	d.say(d.chair, "founded", &signal.Founded{Group: []byte("0123456789abcdef")})
	return d
}

func (d *door) keyPackage(who string) mls.KeyPackage {
	d.t.Helper()
	for _, p := range d.ts.People {
		if p.Who == who {
			k, err := mls.ParseKeyPackage(unhex(p.Message))
			if err != nil {
				d.t.Fatal(err)
			}
			return k
		}
	}
	d.t.Fatal("nobody in the transcript is ", who)
	return mls.KeyPackage{}
}

// admission is the word of key that who may be taken in.
func (d *door) admission(key ed25519.PrivateKey, who string, change func(*binding.Admission)) string {
	d.t.Helper()
	k := d.keyPackage(who)
	hash := sha256.Sum256(k.Identity)
	a := binding.Admission{V: 2, Room: "ratssaal", Group: []byte("0123456789abcdef"), Package: k.Ref(), Binding: hash[:], From: d.now.Unix(), To: d.now.Unix() + 600}
	if change != nil {
		change(&a)
	}
	word, err := binding.SignAdmission(key, a)
	if err != nil {
		d.t.Fatal(err)
	}
	return word
}

// with is step i of the transcript with other words in it.
func (d *door) with(i int, data []byte) *signal.Commit {
	d.t.Helper()
	c := unhex(d.ts.Steps[i].Commit)
	said := append(binary.BigEndian.AppendUint16(nil, 1<<14|uint16(len(data))), data...)
	if len(data) < 64 {
		said = append([]byte{byte(len(data))}, data...)
	}
	if !bytes.Contains(c, []byte("\x04said")) {
		d.t.Fatal("the transcript's commits say something else")
	}
	return &signal.Commit{Group: []byte("0123456789abcdef"), Epoch: uint64(i), Commit: bytes.Replace(c, []byte("\x04said"), said, 1), Welcome: unhex(d.ts.Steps[i].Welcome)}
}

func words(w ...string) []byte {
	b, _ := json.Marshal(w)
	return b
}

// enter lets somebody in as the chair's page does.
func (d *door) enter(who string, i int) *out {
	d.t.Helper()
	o := d.join(who, roster.Councillor, true)
	word := d.admission(d.key, who, nil)
	d.say(d.chair, "admit", &signal.Admit{Participant: o.seat.ID(), Admission: word})
	d.say(d.chair, "commit", d.with(i, words(word)))
	if len(take[*signal.Welcome](o)) != 1 {
		d.t.Fatalf("%s is not in: %+v", who, take[*signal.CommitRefused](d.chair))
	}
	return o
}

// TestIntruder: a member's device that adds without the chair's word is refused by the server, too, and nobody is sent the commit.
func TestIntruder(t *testing.T) {
	d := newDoor(t)
	a := d.enter("a", 0)
	ofA := d.admission(d.key, "a", nil)
	d.step(a, 1)
	b := d.enter("b", 2)
	d.step(b, 3)
	d.c.Drop("a", "")
	d.step(d.chair, 4)
	waits := d.join("c", roster.Councillor, true)
	good := d.admission(d.key, "c", nil)
	d.say(d.chair, "admit", &signal.Admit{Participant: waits.seat.ID(), Admission: good})

	attempts := []struct {
		name string
		data []byte
	}{
		{"no words", []byte("said")},
		{"an empty word", words("")},
		{"no word at all", words()},
		{"two words", words(good, good)},
		{"forged by a member", words(d.admission(seed(2), "c", nil))},
		{"that of somebody else, again", words(ofA)},
		{"for another room", words(d.admission(d.key, "c", func(a *binding.Admission) { a.Room = "keller" }))},
		{"for another group", words(d.admission(d.key, "c", func(a *binding.Admission) { a.Group[0]++ }))},
		{"for another key", words(d.admission(d.key, "c", func(a *binding.Admission) { a.Binding[0] ^= 1 }))},
		{"for another key package", words(d.admission(d.key, "c", func(a *binding.Admission) { a.Package[0] ^= 1 }))},
		{"of an hour ago", words(d.admission(d.key, "c", func(a *binding.Admission) { a.From, a.To = a.From-3600, a.To-3600 }))},
	}
	d.notes = nil
	for _, x := range attempts {
		d.forget(d.chair, b, waits)
		d.say(b, "commit", d.with(5, x.data))
		if r := last[*signal.CommitRefused](t, b); r.Why != "unsigned" {
			t.Errorf("%s: refused for %q", x.name, r.Why)
		}
		if len(take[*signal.Committed](d.chair))+len(take[*signal.Committed](b))+len(take[*signal.Welcome](waits)) > 0 || d.c.group.Epoch() != 5 {
			t.Errorf("%s: passed on", x.name)
		}
	}
	alarms := slices.DeleteFunc(slices.Clone(d.notes), func(k string) bool { return k != KindAlarm })
	if len(alarms) != maxOffence {
		t.Errorf("%d alarms in the journal, want %d", len(alarms), maxOffence)
	}
	d.forget(d.chair, b)
	d.say(b, "commit", d.with(5, words(good)))
	if len(take[*signal.Committed](d.chair)) != 1 || len(take[*signal.Welcome](waits)) != 1 {
		t.Errorf("the chair's word: %+v", take[*signal.CommitRefused](b))
	}
}

// TestIntruderIsTold: the chair is told who it was. A group that was made closed stays so, whatever the level becomes.
func TestIntruderIsTold(t *testing.T) {
	d := newDoor(t)
	w := d.join("a", roster.Councillor, true)
	d.say(d.chair, "admit", &signal.Admit{Participant: w.seat.ID(), Admission: d.admission(d.key, "a", nil)})
	d.forget(d.chair)
	d.step(d.chair, 0) // "said" is no word
	if m := last[*signal.Alarm](t, d.chair); m.Why != "unsigned" || m.Track != "" || m.Participant != d.chair.seat.ID() || m.Text.DE == "" {
		t.Errorf("told %+v", m)
	}
	d.c.SetLevel(level.Public, true)
	d.step(d.chair, 0)
	if len(take[*signal.Welcome](w)) != 0 || d.c.group.Open() {
		t.Error("a lower level has opened the group")
	}
	d.c.locked(func() { d.c.regroup("test") })
	if d.c.group == nil || d.c.group.Open() {
		t.Error("the next group of a call that was stricter is open")
	}
}

// TestOpenGroup: at level public a call's group is open from its first moment, and says so in its id; no word is asked for.
func TestOpenGroup(t *testing.T) {
	s := newScene(t, level.Public)
	chair := s.join("chair", roster.Chair, false)
	f := last[*signal.Found](t, chair)
	if f.Group[0]&1 != 1 {
		t.Errorf("found %x", f.Group)
	}
	s.say(chair, "founded", &signal.Founded{Group: f.Group})
	a := s.join("a", roster.Councillor, false)
	if task := last[*signal.Task](t, chair); len(task.Add) != 1 || task.Add[0].Participant != a.seat.ID() {
		t.Errorf("task %+v", task)
	}
	s.say(chair, "raise", &signal.Raise{}) // nothing is pending
	s.c.SetLevel(level.Nonpublic, true)
	s.say(chair, "raise", &signal.Raise{})
	if f := last[*signal.Found](t, chair); f.Group[0]&1 != 0 {
		t.Errorf("after raise: %x", f.Group)
	}
}

// TestUsedPackage: the key package that somebody was in with is not taken a second time, nor is the word for it.
func TestUsedPackage(t *testing.T) {
	d := newDoor(t)
	a := d.enter("a", 0)
	d.step(a, 1)
	word := d.admission(d.key, "a", nil)
	d.say(d.chair, "remove", &signal.Remove{Participant: a.seat.ID()})
	again := d.join("a", roster.Councillor, true) // says the same key package
	if e := last[*signal.Error](t, again); e.To != "key-package" || e.Why != "used" {
		t.Errorf("told %+v", e)
	}
	d.say(d.chair, "admit", &signal.Admit{Participant: again.seat.ID(), Admission: word})
	for _, task := range take[*signal.Task](d.chair) {
		for _, x := range task.Add {
			if x.Participant == again.seat.ID() {
				t.Errorf("to be taken in again: %+v", task)
			}
		}
	}
}

// TestRemovedWaits: who was removed waits in the lobby for a chair's new word, whatever the level says of lobbies; a clerk's is a question
// to the chair.
func TestRemovedWaits(t *testing.T) {
	d := newDoor(t)
	clerk := d.join("clerk", roster.Clerk, false)
	a := d.enter("a", 0)
	d.step(a, 1)
	d.say(clerk, "remove", &signal.Remove{Participant: a.seat.ID()})
	for i, p := range d.ts.People {
		if p.Who == "b" {
			d.ts.People[i].Who = "b of a" // another key package of a's
		}
	}
	again := d.join("a", roster.Councillor, false)
	if !again.seat.lobby {
		t.Fatal("back without a word")
	}
	again.seat.kp = d.keyPackage("b of a")
	d.forget(d.chair)
	d.say(clerk, "admit", &signal.Admit{Participant: again.seat.ID()})
	if !again.seat.lobby {
		t.Error("a clerk's word was enough")
	}
	if k := last[*signal.Knock](t, d.chair); k.By != clerk.seat.ID() {
		t.Errorf("the chair was asked: %+v", k)
	}
	d.say(d.chair, "admit", &signal.Admit{Participant: again.seat.ID(), Admission: d.admission(seed(2), "b of a", nil)})
	if !again.seat.lobby {
		t.Error("a forged word was enough")
	}
	d.say(d.chair, "admit", &signal.Admit{Participant: again.seat.ID(), Admission: d.admission(d.key, "b of a", nil)})
	if again.seat.lobby || again.seat.admission == "" {
		t.Error("the chair's word was not")
	}
}

// TestAdmissionThatDoesNotHold: the chair's device is told at once; one that has run out is asked for again.
func TestAdmissionThatDoesNotHold(t *testing.T) {
	d := newDoor(t)
	w := d.join("a", roster.Councillor, true)
	d.say(d.chair, "admit", &signal.Admit{Participant: w.seat.ID(), Admission: d.admission(seed(2), "a", nil)})
	if e := last[*signal.Error](t, d.chair); e.Why != "admission" || !w.seat.lobby {
		t.Errorf("%+v, lobby %v", e, w.seat.lobby)
	}
	d.say(d.chair, "admit", &signal.Admit{Participant: w.seat.ID(), Admission: d.admission(d.key, "a", nil)})
	d.forget(d.chair)
	d.tick(binding.MaxAdmissionLife + binding.Skew + time.Second)
	if k := last[*signal.Knock](t, d.chair); k.Participant != w.seat.ID() || k.Lobby {
		t.Errorf("knock %+v", k)
	}
	if ts := take[*signal.Task](d.chair); len(ts) > 0 && len(ts[len(ts)-1].Add) > 0 {
		t.Errorf("still a task: %+v", ts)
	}
}

// TestChairReturns: a chair who comes back with the page or the passkey of before may sign for their own device; with another, or another's
// member id, not.
func TestChairReturns(t *testing.T) {
	for _, tt := range []struct {
		name    string
		passkey []byte
		known   string
		before  came
		want    bool
	}{
		{"the same passkey", []byte("passkey"), "c", came{passkey: []byte("passkey")}, true},
		{"another passkey", []byte("another"), "c", came{passkey: []byte("passkey")}, false},
		{"somebody else's", []byte("passkey"), "x", came{passkey: []byte("passkey")}, false},
		{"none, as before", nil, "c", came{key: []byte("another page's")}, false},
		{"none, as before, said otherwise", []byte{}, "c", came{passkey: []byte{}}, false},
		{"none, the same page", nil, "c", came{key: seed(7).Public().(ed25519.PublicKey)}, true},
	} {
		d := newDoor(t)
		d.c.chairs[tt.known] = []came{tt.before}
		key := seed(7)
		for i, p := range d.ts.People {
			if p.Who == "c" {
				d.ts.People[i].Message = hex.EncodeToString(bytes.Replace(unhex(p.Message), d.keyPackage("c").Key, key.Public().(ed25519.PublicKey), 1))
			}
		}
		o := d.join("c", roster.Chair, false)
		o.seat.passkey = tt.passkey
		if err := d.c.admitted(o.seat.kp, d.admission(key, "c", nil)); (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestChairWithoutAChair: where no chair is left, one whom nobody remembers makes the group anew; while one is there, not.
func TestChairWithoutAChair(t *testing.T) {
	for _, left := range []bool{false, true} {
		d := newDoor(t)
		d.enter("a", 0)
		if left {
			d.c.Drop("chair", "")
		}
		o := d.join("c", roster.Chair, false)
		d.say(o, "admit", &signal.Admit{Participant: o.seat.ID(), Admission: d.admission(seed(7), "c", nil)})
		if found := len(take[*signal.Found](o)); (found == 1) != left {
			t.Errorf("chair left %v: asked %d times to found a group", left, found)
		}
	}
}

// TestWaiting: who may let in is told who waits in the lobby, and when they have gone again; nobody else is.
func TestWaiting(t *testing.T) {
	s, chair, a, _ := meet(t, level.Internal)
	lobby := s.join("c", roster.Councillor, true)
	s.tick(200e6)
	if st := last[*signal.State](t, chair); !slices.Equal(st.Waiting, []string{lobby.seat.ID()}) {
		t.Errorf("the chair is told of %q", st.Waiting)
	}
	for _, who := range []*out{a, lobby} {
		if st := last[*signal.State](t, who); st.Waiting != nil {
			t.Errorf("%s is told of %q", who.name, st.Waiting)
		}
	}
	s.c.Drop("c", "c")
	s.tick(200e6)
	if st := last[*signal.State](t, chair); st.Waiting != nil {
		t.Errorf("who has gone still waits: %q", st.Waiting)
	}
}
