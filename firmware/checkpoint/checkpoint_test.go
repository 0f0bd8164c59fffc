package checkpoint_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
)

func key(t testing.TB, origin string) (private, public string, s note.Signer) {
	t.Helper()
	private, public, err := checkpoint.NewKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = checkpoint.NewSigner(private); err != nil {
		t.Fatal(err)
	}
	return private, public, s
}

// log is a tree in memory.
type log struct {
	hashes []tlog.Hash
	n      int64
}

func (l *log) ReadHashes(at []int64) (out []tlog.Hash, err error) {
	for _, i := range at {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

func (l *log) add(t testing.TB, leaf string) tlog.Tree {
	t.Helper()
	h, err := tlog.StoredHashes(l.n, []byte(leaf), l)
	if err != nil {
		t.Fatal(err)
	}
	l.hashes = append(l.hashes, h...)
	l.n++
	root, err := tlog.TreeHash(l.n, l)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: l.n, Hash: root}
}

func sign(t testing.TB, c checkpoint.Checkpoint, s ...note.Signer) []byte {
	t.Helper()
	b, err := checkpoint.Sign(c, s...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpen(t *testing.T) {
	_, public, s := key(t, "ratssaal-1")
	_, other, _ := key(t, "ratssaal-1")
	var l log
	c := checkpoint.Checkpoint{Origin: "ratssaal-1", Tree: l.add(t, "a")}
	b := sign(t, c, s)
	if got, err := checkpoint.Open(b, other, public); err != nil || got != c {
		t.Errorf("got %+v, %v, want %+v", got, err, c)
	}
	if _, err := checkpoint.Open(b, other); !errors.Is(err, checkpoint.ErrUnknown) {
		t.Errorf("another key: %v", err)
	}
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 1
		if _, err := checkpoint.Open(bad, public); err == nil {
			t.Errorf("byte %d changed: no error", at)
		}
	}
	foreign := c
	foreign.Origin = "ausschuss-1" // signed by this unit for another
	if _, err := checkpoint.Open(sign(t, foreign, s), public); !errors.Is(err, checkpoint.ErrForged) {
		t.Errorf("another's origin: %v", err)
	}
	if got, err := checkpoint.ParseShort(c.Short()); err != nil || got != c {
		t.Errorf("%s: got %+v, %v", c.Short(), got, err)
	}
}

// TestPaper: as it is scanned, and as people type it; a slip is told, whichever character it is in.
func TestPaper(t *testing.T) {
	c := checkpoint.Checkpoint{Origin: "ratssaal-1", Tree: tlog.Tree{N: 4711, Hash: tlog.RecordHash([]byte("x"))}}
	paper := c.Paper()
	root := strings.LastIndexByte(paper, ':') + 1
	for _, s := range []string{paper, " " + paper + "\n", "subrosa:1:" + paper[len("SUBROSA:1:"):], paper[:root] + strings.ToLower(paper[root:]),
		paper[:root] + paper[root:root+4] + " " + paper[root+4:root+20] + "\n" + paper[root+20:], c.Short()} {
		if got, err := checkpoint.ParseShort(s); err != nil || got != c {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	slips := 0
	for i := root; i < len(paper); i++ {
		for _, r := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" {
			if paper[i] == '#' || byte(r) == paper[i] {
				continue
			}
			slips++
			if got, err := checkpoint.ParseShort(paper[:i] + string(r) + paper[i+1:]); err == nil && got != c {
				t.Errorf("character %d as %c is another checkpoint", i, r)
			}
		}
	}
	if slips < 1700 || !checkpoint.IsShort("subrosa:1:x") || checkpoint.IsShort("SUBROSA:2:x") || checkpoint.IsShort("") {
		t.Errorf("%d slips", slips)
	}
}

func TestPin(t *testing.T) {
	_, public, _ := key(t, "ratssaal-1")
	_, other, _ := key(t, "ratssaal-1")
	pin, err := checkpoint.PinOf(public)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{pin.String(), "ratssaal-1 " + pin.String(), "# Ratssaal\nratssaal-1 sha256 " + pin.String() + "\n",
		strings.ReplaceAll(pin.String(), "-", " "), strings.ReplaceAll(pin.String(), "-", ""), strings.ToUpper(pin.String()), public} {
		got, err := checkpoint.ParsePin([]byte(text))
		if err != nil || got != pin || !got.Fits(public) || got.Fits(other) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "00", pin.String()[1:], "x" + pin.String(), pin.String() + "-00", "# " + pin.String()} {
		if _, err := checkpoint.ParsePin([]byte(text)); !errors.Is(err, checkpoint.ErrForm) {
			t.Errorf("%q: %v, want ErrForm", text, err)
		}
	}
}

func TestRotation(t *testing.T) {
	a, aPub, _ := key(t, "ratssaal-1")
	b, bPub, _ := key(t, "ratssaal-1")
	c, cPub, _ := key(t, "ratssaal-1")
	x, _, _ := key(t, "other")
	_, mallory, _ := key(t, "ratssaal-1")
	ab, err := checkpoint.SignRotation(a, b)
	if err != nil {
		t.Fatal(err)
	}
	bc, err := checkpoint.SignRotation(b, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.SignRotation(a, x); err == nil {
		t.Error("rotation to another unit's key")
	}
	var all []checkpoint.Rotation
	for _, n := range [][]byte{bc, ab} {
		r, err := checkpoint.ParseRotation(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for _, pinned := range []string{aPub, bPub, cPub} {
		pin, _ := checkpoint.PinOf(pinned)
		if got := checkpoint.Follow(pin, []string{cPub, mallory}, all); len(got) != 3 {
			t.Errorf("pinned %s: trusted %v", pinned, got)
		}
	}
	pin, _ := checkpoint.PinOf(mallory)
	if got := checkpoint.Follow(pin, []string{cPub, mallory}, all); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	for at := range ab {
		bad := bytes.Clone(ab)
		bad[at] ^= 1
		if r, err := checkpoint.ParseRotation(bad); err == nil {
			t.Errorf("byte %d changed: %+v", at, r)
		}
	}
	lines := strings.SplitAfter(string(ab), "\n")
	if _, err := checkpoint.ParseRotation([]byte(strings.Join(lines[:len(lines)-2], ""))); err == nil {
		t.Error("signed by the old key alone: no error")
	}
}

func TestCosign(t *testing.T) {
	_, public, s := key(t, "ratssaal-1")
	w, _, _ := key(t, "isb-laptop")
	witness, err := checkpoint.WitnessKey(w)
	if err != nil {
		t.Fatal(err)
	}
	var l log
	c := checkpoint.Checkpoint{Origin: "ratssaal-1", Tree: l.add(t, "a")}
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	b, err := checkpoint.Cosign(sign(t, c, s), w, at)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := checkpoint.Open(b, public); err != nil || got != c {
		t.Errorf("cosigned: %+v, %v", got, err)
	}
	got, err := checkpoint.Cosignatures(b, witness)
	if err != nil || len(got) != 1 || got[0].Witness != "isb-laptop" || !got[0].At.Equal(at) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := checkpoint.Cosignatures(sign(t, c, s), witness); err != nil || len(got) != 0 {
		t.Errorf("without a witness: %+v, %v", got, err)
	}
	bad := bytes.Replace(b, []byte("ratssaal-1\n1\n"), []byte("ratssaal-1\n2\n"), 1)
	if _, err := checkpoint.Cosignatures(bad, witness); !errors.Is(err, checkpoint.ErrForged) {
		t.Errorf("changed: %v", err)
	}
}

func TestContinues(t *testing.T) {
	var l, fork log
	var trees []tlog.Tree
	for _, leaf := range []string{"a", "b", "c", "d", "e"} {
		trees = append(trees, l.add(t, leaf))
	}
	var forked tlog.Tree
	for _, leaf := range []string{"a", "b", "C", "d", "e", "f"} {
		forked = fork.add(t, leaf)
	}
	at := func(tr tlog.Tree) checkpoint.Checkpoint { return checkpoint.Checkpoint{Origin: "u", Tree: tr} }
	for _, old := range trees {
		p, err := tlog.ProveTree(5, old.N, &l)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkpoint.Continues(at(old), at(trees[4]), p); err != nil {
			t.Errorf("%d → 5: %v", old.N, err)
		}
	}
	if err := checkpoint.Continues(at(trees[4]), at(trees[3]), nil); !errors.Is(err, checkpoint.ErrForged) {
		t.Errorf("shorter: %v", err)
	}
	p, err := tlog.ProveTree(6, 5, &fork)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Continues(at(trees[4]), at(forked), p); !errors.Is(err, checkpoint.ErrForged) {
		t.Errorf("fork: %v", err)
	}
}

func TestProof(t *testing.T) {
	_, public, s := key(t, "ratssaal-1")
	var l log
	var head tlog.Tree
	for _, leaf := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		head = l.add(t, leaf)
	}
	hashes, err := tlog.ProveRecord(7, 3, &l)
	if err != nil {
		t.Fatal(err)
	}
	p := checkpoint.Proof{Index: 3, Hashes: hashes, Checkpoint: sign(t, checkpoint.Checkpoint{Origin: "ratssaal-1", Tree: head}, s)}
	b := p.Format()
	got, err := checkpoint.ParseProof(b)
	if err != nil || !bytes.Equal(got.Format(), b) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, err := got.Check([]byte("d"), public); err != nil {
		t.Error(err)
	}
	if _, err := got.Check([]byte("e"), public); !errors.Is(err, checkpoint.ErrForged) {
		t.Errorf("another leaf: %v", err)
	}
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 1
		q, err := checkpoint.ParseProof(bad)
		if err == nil {
			_, err = q.Check([]byte("d"), public)
		}
		if err == nil {
			t.Errorf("byte %d changed: no error", at)
		}
	}
}

// TestExampleProof reads a proof that another program has written, by the specification.
func TestExampleProof(t *testing.T) {
	b, err := os.ReadFile("testdata/example.tlog-proof")
	if err != nil {
		t.Fatal(err)
	}
	p, err := checkpoint.ParseProof(b)
	if err != nil || p.Index != 4711 || len(p.Hashes) != 17 || !bytes.Equal(p.Format(), b) {
		t.Fatalf("got %+v, %v", p, err)
	}
	c, err := checkpoint.Parse(p.Checkpoint)
	if err != nil || c.N != 100000 || c.Origin != "subrosa.example/raum-1" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/example.tlog-proof")
	if err != nil {
		f.Fatal(err)
	}
	p, err := checkpoint.ParseProof(b)
	if err != nil {
		f.Fatal(err)
	}
	_, public, s := key(f, "u")
	f.Add(b)
	f.Add(p.Checkpoint)
	f.Add(sign(f, checkpoint.Checkpoint{Origin: "u"}, s))
	f.Add([]byte(checkpoint.Checkpoint{Origin: "u"}.Short()))
	f.Add([]byte(public))
	f.Add([]byte("subrosa key rotation v1\n" + public + "\n" + public + "\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := checkpoint.ParseProof(b); err == nil {
			q, err := checkpoint.ParseProof(p.Format())
			if err != nil || q.Index != p.Index || len(q.Hashes) != len(p.Hashes) {
				t.Fatalf("%q: %v", b, err)
			}
		}
		if c, err := checkpoint.Parse(b); err == nil && !strings.HasPrefix(string(b), c.Text()) {
			t.Fatalf("%q is read as %+v", b, c)
		}
		if c, err := checkpoint.ParseShort(string(b)); err == nil {
			if d, err := checkpoint.ParseShort(c.Short()); err != nil || c != d {
				t.Fatalf("%q: %+v, %+v, %v", b, c, d, err)
			}
		}
		if pin, err := checkpoint.ParsePin(b); err == nil {
			if again, err := checkpoint.ParsePin([]byte(pin.String())); err != nil || again != pin {
				t.Fatalf("%q: %v", b, err)
			}
		}
		_, _ = checkpoint.ParseRotation(b)
		_, _ = checkpoint.Cosignatures(b, public)
		if _, err := checkpoint.Open(b, public); err == nil && !bytes.Contains(b, []byte("\u2014 u ")) {
			t.Fatalf("opened %q", b)
		}
	})
}
