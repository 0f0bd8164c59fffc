package mls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
)

// transcript is what ts-mls, another implementation, wrote and read (testdata/transcript.mjs).
type transcript struct {
	Suite  string
	People []struct{ Who, Message, Ref, Key string }
	Steps  []struct {
		Commit, Welcome string
		Epoch           uint64
		From            string
		Adds            []string
		Removes         []int
		Leaves          map[string]int
	}
	Application string
}

func transcripts(t testing.TB) (ts []transcript) {
	b, err := os.ReadFile("testdata/transcript.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &ts); err != nil || len(ts) != 2 {
		t.Fatal(len(ts), err)
	}
	return ts
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTranscript: who is at which leaf is counted along, and every member of ts-mls must be where it says.
func TestTranscript(t *testing.T) {
	for _, ts := range transcripts(t) {
		packages := map[string]KeyPackage{}
		who := map[string]string{} // by key package
		for _, p := range ts.People {
			k, err := ParseKeyPackage(unhex(t, p.Message))
			if err != nil {
				t.Fatalf("%s: %s: %v", ts.Suite, p.Who, err)
			}
			if hex.EncodeToString(k.Ref()) != p.Ref || hex.EncodeToString(k.Key) != p.Key || string(k.Identity) != p.Who {
				t.Errorf("%s: %s: ref %x, key %x, identity %q", ts.Suite, p.Who, k.Ref(), k.Key, k.Identity)
			}
			packages[p.Who], who[string(k.Raw)] = k, p.Who
		}
		tree := NewTree()
		at := map[string]int{"chair": 0}
		for i, s := range ts.Steps {
			c, err := ParseCommit(unhex(t, s.Commit))
			if err != nil {
				t.Fatalf("%s: step %d: %v", ts.Suite, i, err)
			}
			if string(c.Group) != "0123456789abcdef" || c.Epoch != s.Epoch || c.Sender != at[s.From] || string(c.Data) != "said" || !slices.Equal(c.Removes, s.Removes) && len(s.Removes) > 0 {
				t.Errorf("%s: step %d: %+v", ts.Suite, i, c)
			}
			added, err := tree.Apply(c)
			if err != nil {
				t.Fatalf("%s: step %d: %v", ts.Suite, i, err)
			}
			for w, leaf := range at {
				if slices.Contains(s.Removes, leaf) {
					delete(at, w)
				}
			}
			var refs [][]byte
			for j, k := range c.Adds {
				at[who[string(k.Raw)]] = added[j]
				refs = append(refs, packages[s.Adds[j]].Ref())
			}
			if len(at) != len(s.Leaves) || tree.Len() != len(at) {
				t.Errorf("%s: step %d: counted %v, they say %v", ts.Suite, i, at, s.Leaves)
			}
			for w, leaf := range s.Leaves {
				if at[w] != leaf {
					t.Errorf("%s: step %d: %s at %d, it says %d", ts.Suite, i, w, at[w], leaf)
				}
			}
			if s.Welcome == "" {
				continue
			}
			_, got, err := ParseWelcome(unhex(t, s.Welcome))
			if err != nil || !slices.EqualFunc(got, refs, bytes.Equal) {
				t.Errorf("%s: step %d: the welcome is for %x, %v; want %x", ts.Suite, i, got, err, refs)
			}
		}
		if p, err := ParseApplication(unhex(t, ts.Application)); err != nil || p.Epoch != 10 || string(p.Group) != "0123456789abcdef" {
			t.Errorf("%s: application: %+v, %v", ts.Suite, p, err)
		}
	}
}

// TestCutMessages: every shorter message is refused, and so is one with a byte more.
func TestCutMessages(t *testing.T) {
	ts := transcripts(t)[0]
	read := map[string]func([]byte) error{
		ts.People[0].Message: func(b []byte) error { _, err := ParseKeyPackage(b); return err },
		ts.Steps[0].Commit:   func(b []byte) error { _, err := ParseCommit(b); return err },
		ts.Steps[0].Welcome:  func(b []byte) error { _, _, err := ParseWelcome(b); return err },
		ts.Application:       func(b []byte) error { _, err := ParseApplication(b); return err },
	}
	for h, parse := range read {
		b := unhex(t, h)
		if err := parse(b); err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if err := parse(b[:n:n]); !errors.Is(err, ErrForm) {
				t.Fatalf("%d of %d bytes: %v", n, len(b), err)
			}
		}
		if err := parse(append(b, 0)); !errors.Is(err, ErrForm) {
			t.Errorf("a byte more: %v", err)
		}
		for other, wrong := range read {
			if other != h && wrong(b) == nil {
				t.Errorf("%.12s is read as %.12s", h, other)
			}
		}
	}
}

func TestTreeRefuses(t *testing.T) {
	tree := NewTree()
	if _, err := tree.Apply(Commit{Adds: make([]KeyPackage, 2)}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Commit{"an empty leaf commits": {Sender: 3}, "an empty leaf goes": {Removes: []int{3}}, "twice": {Removes: []int{1, 1}},
		"oneself": {Removes: []int{0}}, "too many": {Adds: make([]KeyPackage, MaxLeaves)}} {
		if _, err := tree.Apply(c); err == nil || tree.Len() != 3 {
			t.Errorf("%s: %v, %d members", name, err, tree.Len())
		}
	}
	if added, err := tree.Apply(Commit{Sender: 2, Removes: []int{0, 1}, Adds: make([]KeyPackage, 3)}); err != nil || !slices.Equal(added, []int{0, 1, 3}) {
		t.Errorf("got %v, %v", added, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, ts := range transcripts(f) {
		f.Add(unhex(f, ts.People[0].Message))
		f.Add(unhex(f, ts.Application))
		for _, s := range ts.Steps {
			f.Add(unhex(f, s.Commit))
			f.Add(unhex(f, s.Welcome))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParseKeyPackage(b); err == nil && (!bytes.Equal(k.Raw, b[4:]) || len(k.Key) > len(b)) {
			t.Fatalf("%x: %+v", b, k)
		}
		if c, err := ParseCommit(b); err == nil {
			if _, err := NewTree().Apply(c); err == nil && c.Sender != 0 {
				t.Fatalf("%x: an empty leaf has committed", b)
			}
		}
		ParseApplication(b)
		ParseWelcome(b)
	})
}
