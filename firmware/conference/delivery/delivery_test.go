package delivery

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"subrosa/firmware/conference/mls"
	"subrosa/firmware/conference/signal"
)

// transcript of ts-mls: see package mls.
type transcript struct {
	Suite  string
	People []struct{ Who, Message string }
	Steps  []struct {
		Commit, Welcome string
		Epoch           uint64
		From            string
		Adds            []string
		Removes         []int
		Leaves          map[string]int
	}
}

func read(t *testing.T) (out []transcript) {
	b, err := os.ReadFile("../mls/testdata/transcript.json")
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unhex(s string) []byte {
	b, _ := hex.DecodeString(s)
	return b
}

func nobody(string) bool { return false }

// begin returns the group of the transcript's first step, and who waits, by key package.
func begin(t *testing.T, ts transcript) (*Group, func([]byte) (string, bool)) {
	t.Helper()
	g, err := New(bytes.NewReader([]byte("0123456789abcdef\x00\x01\x02\x03")), signal.Suite(map[bool]string{true: "x25519", false: "xwing"}[ts.Suite[4] == '1']), "chair", false)
	if err != nil {
		t.Fatal(err)
	}
	if g.Tag != 0x01010203 {
		t.Errorf("tag %x", g.Tag)
	}
	if g.Found("a", g.ID, nil) == nil || g.Found("chair", []byte("another group, it"), nil) == nil {
		t.Error("founded by another, or another")
	}
	if err := g.Found("chair", g.ID, []byte("founder's")); err != nil || g.Found("chair", g.ID, nil) == nil {
		t.Error("founded twice, or not at all: ", err)
	}
	by := map[string]string{}
	for _, p := range ts.People {
		k, err := mls.ParseKeyPackage(unhex(p.Message))
		if err != nil {
			t.Fatal(err)
		}
		by[string(k.Raw)] = p.Who
	}
	return g, func(raw []byte) (string, bool) { p, ok := by[string(raw)]; return p, ok }
}

// TestTranscript runs a group of ts-mls through: it is taken step by step, and leaves are where its members are.
func TestTranscript(t *testing.T) {
	for _, ts := range read(t) {
		g, waiting := begin(t, ts)
		for i, s := range ts.Steps {
			m := &signal.Commit{Group: g.ID, Epoch: s.Epoch, Commit: unhex(s.Commit), Welcome: unhex(s.Welcome)}
			for _, who := range []string{"chair", "a", "b", "c", "d"} { // in another's name
				if who != s.From {
					if _, r := g.Commit(who, m, Door{Waiting: waiting, Gone: nobody}); r == nil || r.Why != "sender" {
						t.Fatalf("%s: step %d by %s: %v", ts.Suite, i, who, r)
					}
				}
			}
			c, r := g.Commit(s.From, m, Door{Waiting: waiting, Gone: nobody})
			if r != nil {
				t.Fatalf("%s: step %d: %v", ts.Suite, i, r)
			}
			if c.Epoch != s.Epoch || len(c.Added) != len(s.Adds) || len(c.Removed) != len(s.Removes) || g.Epoch() != s.Epoch+1 {
				t.Errorf("%s: step %d: %+v", ts.Suite, i, c)
			}
			for who, leaf := range s.Leaves {
				if g.Leaf(who) != leaf {
					t.Errorf("%s: step %d: %s at %d, it says %d", ts.Suite, i, who, g.Leaf(who), leaf)
				}
			}
			if want := slices.Sorted(maps.Keys(s.Leaves)); !slices.Equal(slices.Sorted(slices.Values(g.Members())), want) {
				t.Errorf("%s: step %d: %v, want %v", ts.Suite, i, g.Members(), want)
			}
			if _, r := g.Commit(s.From, m, Door{Waiting: waiting, Gone: nobody}); r == nil || r.Why != "late" {
				t.Errorf("%s: step %d again: %v", ts.Suite, i, r)
			}
		}
	}
}

// say puts other authenticated data into a commit; its signature, which nobody checks here, is then wrong.
func say(data string) func(*signal.Commit, *Group) {
	return func(m *signal.Commit, _ *Group) {
		m.Commit = bytes.Replace(m.Commit, []byte("\x04said"), append([]byte{byte(len(data))}, data...), 1)
	}
}

func TestRefusals(t *testing.T) {
	ts := read(t)[0]
	first := ts.Steps[0]
	good := signal.Commit{Epoch: 0, Commit: unhex(first.Commit), Welcome: unhex(first.Welcome)}
	for name, tt := range map[string]struct {
		change   func(*signal.Commit, *Group)
		waiting  func([]byte) (string, bool)
		gone     func(string) bool
		admitted func(mls.KeyPackage, string) error
		want     string
	}{
		"another group":         {change: func(m *signal.Commit, _ *Group) { m.Group = make([]byte, 16) }, want: "group"},
		"a later epoch":         {change: func(m *signal.Commit, _ *Group) { m.Epoch = 1 }, want: "late"},
		"a lie about the epoch": {change: func(m *signal.Commit, g *Group) { m.Commit, m.Epoch = unhex(ts.Steps[1].Commit), 0 }, want: "late"},
		"cut off":               {change: func(m *signal.Commit, _ *Group) { m.Commit = m.Commit[:40] }, want: "form"},
		"nobody waits":          {waiting: func([]byte) (string, bool) { return "", false }, want: "not-admitted"},
		"sender was removed":    {gone: func(string) bool { return true }, want: "sender"},
		"no welcome":            {change: func(m *signal.Commit, _ *Group) { m.Welcome = nil }, want: "welcome"},
		"no words":              {admitted: func(mls.KeyPackage, string) error { return nil }, want: "unsigned"}, // its data is "said"
		"a wrong word":          {admitted: func(mls.KeyPackage, string) error { return errors.New("wrong") }, change: say(`["word"]`), want: "unsigned"},
		"two words for one":     {admitted: func(mls.KeyPackage, string) error { return nil }, change: say(`["a","b"]`), want: "unsigned"},
		"a word, nobody waits":  {admitted: func(mls.KeyPackage, string) error { return nil }, change: say(`["word"]`), waiting: func([]byte) (string, bool) { return "", false }, want: "not-admitted"},
		"another's welcome":     {change: func(m *signal.Commit, _ *Group) { m.Welcome = unhex(ts.Steps[2].Welcome) }, want: "welcome"},
	} {
		g, waiting := begin(t, ts)
		m := good
		m.Group = g.ID
		if tt.change != nil {
			tt.change(&m, g)
		}
		if tt.waiting == nil {
			tt.waiting = waiting
		}
		if tt.gone == nil {
			tt.gone = nobody
		}
		if _, r := g.Commit("chair", &m, Door{Waiting: tt.waiting, Gone: tt.gone, Admitted: tt.admitted}); r == nil || r.Why != tt.want {
			t.Errorf("%s: %v, want %s", name, r, tt.want)
		}
		m = good
		m.Group = g.ID
		if _, r := g.Commit("chair", &m, Door{Waiting: waiting, Gone: nobody}); r != nil || g.Epoch() != 1 { // a refusal has changed nothing
			t.Errorf("%s, then the right one: %v", name, r)
		}
	}
}

// TestOpen: an id says whether its group is open, and only in an open one is no word asked for.
func TestOpen(t *testing.T) {
	for _, open := range []bool{false, true} {
		g, err := New(bytes.NewReader([]byte("0123456789abcdef\x01\x01\x02\x03")), signal.X25519, "chair", open)
		if err != nil || g.Open() != open || g.ID[0]&1 == 1 != open {
			t.Fatalf("open %v: %x, %v", open, g.ID, err)
		}
		c := mls.Commit{Adds: make([]mls.KeyPackage, 1), Data: []byte("said")}
		if r := g.signed(c, func(mls.KeyPackage, string) error { return nil }); (r == nil) != open {
			t.Errorf("open %v: without a word: %v", open, r)
		}
	}
	odd, err := New(bytes.NewReader([]byte("1123456789abcdef\x01\x01\x02\x03")), signal.X25519, "chair", false)
	if err != nil || odd.Open() {
		t.Errorf("a closed group's id %x says open", odd.ID)
	}
}

// TestUsedOnce: who was taken in and removed is not taken in again by the same key package.
func TestUsedOnce(t *testing.T) {
	for _, ts := range read(t) {
		g, waiting := begin(t, ts)
		first := ts.Steps[0]
		m := &signal.Commit{Group: g.ID, Commit: unhex(first.Commit), Welcome: unhex(first.Welcome)}
		ref := func(who string) []byte {
			for _, p := range ts.People {
				if p.Who == who {
					k, err := mls.ParseKeyPackage(unhex(p.Message))
					if err != nil {
						t.Fatal(err)
					}
					return k.Ref()
				}
			}
			t.Fatal("nobody is ", who)
			return nil
		}
		who := first.Adds[0]
		if g.Used(ref(who)) || !g.Used([]byte("founder's")) {
			t.Errorf("%s: before: %v, the founder's %v", ts.Suite, g.Used(ref(who)), g.Used([]byte("founder's")))
		}
		if _, r := g.Commit("chair", m, Door{Waiting: waiting, Gone: nobody}); r != nil || !g.Used(ref(who)) {
			t.Fatalf("%s: %v, used %v", ts.Suite, r, g.Used(ref(who)))
		}
		g.at, g.epoch, g.tree = map[int]string{0: "chair"}, 0, mls.NewTree() // as if removed since
		if _, r := g.Commit("chair", m, Door{Waiting: waiting, Gone: nobody}); r == nil || r.Why != "not-admitted" {
			t.Errorf("%s: a second time: %v", ts.Suite, r)
		}
	}
}
