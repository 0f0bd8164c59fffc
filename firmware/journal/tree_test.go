package journal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

func signer(t testing.TB) (s note.Signer, public string) {
	t.Helper()
	private, public, err := checkpoint.NewKey(rand.Reader, "ratssaal-1")
	if err != nil {
		t.Fatal(err)
	}
	if s, err = checkpoint.NewSigner(private); err != nil {
		t.Fatal(err)
	}
	return s, public
}

// rootOf computes the root from leaves by the definition in RFC 6962, section 2.1.
func rootOf(leaves [][]byte) tlog.Hash {
	switch len(leaves) {
	case 0:
		h, _ := tlog.TreeHash(0, nil)
		return h
	case 1:
		return tlog.RecordHash(leaves[0])
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(rootOf(leaves[:k]), rootOf(leaves[k:]))
}

func leavesOf(t testing.TB, j *journal.Journal) (seqs []uint64, leaves [][]byte) {
	t.Helper()
	if err := j.Records(1, func(r journal.Record) error {
		if r.Leaf != nil {
			seqs, leaves = append(seqs, r.Seq), append(leaves, r.Leaf)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return seqs, leaves
}

// checkTree compares the tree with the records, and proves each of them.
func checkTree(t *testing.T, j *journal.Journal, base uint64) tlog.Tree {
	t.Helper()
	got, head, err := j.Tree()
	if err != nil {
		t.Fatal(err)
	}
	seqs, leaves := leavesOf(t, j)
	if got != base || head.N != int64(len(leaves)) || head.Hash != rootOf(leaves) {
		t.Fatalf("tree of %d leaves from %d, root %v; want %d from %d, root %v", head.N, got, head.Hash, len(leaves), base, rootOf(leaves))
	}
	for i, seq := range seqs {
		if seq != base+uint64(i) {
			t.Fatalf("leaf %d is entry %d", i, seq)
		}
		p, err := j.Prove(seq, head.N)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p, head.N, head.Hash, int64(i), tlog.RecordHash(leaves[i])); err != nil {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	return head
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	opt := journal.Options{SegmentBytes: 2000}
	var heads []tlog.Tree
	for n := range 12 {
		j := open(t, dir, opt)
		fill(t, j, n*3, n*3+3)
		heads = append(heads, checkTree(t, j, 1))
		last := heads[len(heads)-1]
		for _, old := range heads {
			p, err := j.ProveSince(old.N, last.N)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(p, last.N, last.Hash, old.N, old.Hash); err != nil {
				t.Errorf("%d → %d: %v", old.N, last.N, err)
			}
		}
		j.Close()
	}
}

// TestTreeFile: the file of hashes is a cache; cut at any place, filled with zeros or gone, it is made anew.
func TestTreeFile(t *testing.T) {
	dir := t.TempDir()
	opt := journal.Options{SegmentBytes: 1500}
	j := open(t, dir, opt)
	fill(t, j, 0, 9)
	s, public := signer(t)
	signed, err := j.Checkpoint(s)
	if err != nil {
		t.Fatal(err)
	}
	want := checkTree(t, j, 1)
	if c, err := checkpoint.Open(signed, public); err != nil || c.Tree != want || c.Origin != "ratssaal-1" {
		t.Errorf("checkpoint %+v, %v", c, err)
	}
	j.Close()
	name := filepath.Join(dir, "tree")
	whole := readFile(t, name)
	for _, damage := range []func(b []byte) []byte{
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { return b[:10] },
		func(b []byte) []byte { return b[:32] },
		func(b []byte) []byte { return b[:100] },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { return append(b[:len(b)-320], make([]byte, 320)...) },
		func(b []byte) []byte { return append(b[:32], make([]byte, len(b)-32)...) },
		func(b []byte) []byte { return append(b, make([]byte, 500)...) },
		func(b []byte) []byte { b[3] ^= 1; return b },
	} {
		writeFile(t, name, damage(bytes.Clone(whole)))
		j := open(t, dir, opt)
		if rec := j.Recovered(); rec.Tree != nil {
			t.Errorf("recovered: %+v", rec)
		}
		if got := checkTree(t, j, 1); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		j.Close()
	}
}

// TestTreeKeepsWhatIsLost: entries that the disk has spoilt are gaps in the sequence, and their leaves stay, so that
// earlier checkpoints are still continued.
func TestTreeKeepsWhatIsLost(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	fill(t, j, 0, 8)
	s, _ := signer(t)
	if _, err := j.Checkpoint(s); err != nil {
		t.Fatal(err)
	}
	_, before, err := j.Tree()
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	name := segmentFiles(t, dir)[0]
	b := readFile(t, name)
	b[len(b)/2] ^= 1
	writeFile(t, name, b)
	for range 2 {
		j = open(t, dir, journal.Options{})
		if rec := j.Recovered(); rec.Tree != nil {
			t.Errorf("recovered %+v", rec)
		}
		fill(t, j, 8, 9)
		_, after, err := j.Tree()
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.ProveSince(before.N, after.N)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(p, after.N, after.Hash, before.N, before.Hash); err != nil {
			t.Error(err)
		}
		if last := j.Last(); last.Seq != uint64(after.N) {
			t.Errorf("last entry %d in a tree of %d", last.Seq, after.N)
		}
		j.Close()
	}
}

// TestRolledBack: a disk that was put back behind the last checkpoint is told, once, and the journal goes on.
func TestRolledBack(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	fill(t, j, 0, 3)
	j.Close()
	old := map[string][]byte{}
	for _, name := range append(segmentFiles(t, dir), payloadFiles(t, dir)...) {
		old[name] = readFile(t, name)
	}
	j = open(t, dir, journal.Options{})
	fill(t, j, 3, 6)
	s, _ := signer(t)
	if _, err := j.Checkpoint(s); err != nil {
		t.Fatal(err)
	}
	j.Close()
	for name, b := range old {
		writeFile(t, name, b)
	}
	for i := range 2 {
		j = open(t, dir, journal.Options{})
		if rec := j.Recovered(); (rec.Tree != nil) != (i == 0) {
			t.Errorf("opened %d times: %v", i+1, rec.Tree)
		}
		checkTree(t, j, 1)
		j.Close()
	}
	if _, err := os.Stat(filepath.Join(dir, "checkpoint.broken")); err != nil {
		t.Error(err)
	}
}

// TestBridge goes on in a journal that version 0.1 has written, torn or whole: its files stay, the first entry of the
// tree names them.
func TestBridge(t *testing.T) {
	const src = "testdata/format1"
	for cut := range 4 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(src)); err != nil {
				t.Fatal(err)
			}
			names := segmentFiles(t, dir)
			last := readFile(t, names[1])
			want := "[0 1 2 3 4 100]"
			if n := []int{0, 1, 2, 100}[cut]; n > 0 {
				last = last[:len(last)-n]
				writeFile(t, names[1], last)
				if cut > 1 {
					want = "[0 1 2 3 100]"
				}
			}
			j := open(t, dir, journal.Options{Room: "ratssaal"})
			base := j.Last().Seq
			fill(t, j, 100, 101)
			if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != want {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
			checkTree(t, j, base)
			j.Close()
			j = open(t, dir, journal.Options{})
			checkTree(t, j, base)
			var b journal.Bridge
			if err := j.Read(base, func(seq uint64, e journal.Entry) error {
				if seq == base {
					if e.Kind != journal.KindBridge || !e.Permanent || e.Room != "ratssaal" {
						t.Errorf("bridge: %+v", e)
					}
					return json.Unmarshal(e.Payload, &b)
				}
				return nil
			}); err != nil || b.Last.Seq != base-1 || len(b.Segments) != 2 {
				t.Errorf("bridge %+v, %v", b, err)
			}
			if got := len(segmentFiles(t, dir)); got != 3 {
				t.Errorf("%d segments, want 3", got)
			}
			if cut == 0 {
				for i, name := range names {
					old, err := fs.ReadFile(os.DirFS(src), filepath.Base(name))
					if err != nil || !bytes.Equal(old, readFile(t, names[i])) {
						t.Errorf("%s was changed (%v)", name, err)
					}
				}
			}
			j.Close()
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
				t.Errorf("Verify: %+v, %v", r, err)
			}
		})
	}
}

// TestClockSteps: times may step back and be unsynced; the journal keeps the order of what happened.
func TestClockSteps(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	at := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	for i, step := range []time.Duration{0, time.Hour, -48 * time.Hour, -20 * 365 * 24 * time.Hour, time.Minute} {
		e := journaltest.Entry(i)
		e.Time, e.Quality = at.Add(step), []string{"synced", "unsynced"}[i%2]
		if _, err := j.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != "[0 1 2 3 4]" {
		t.Errorf("got %v, %v", got, err)
	}
	checkTree(t, j, 1)
}

// unsynced is a journal whose disk forgets to sync, and of which only the work is measured.
func unsynced(t testing.TB, dir string) *journal.Journal {
	return open(t, dir, journal.Options{SegmentBytes: 64 << 20, OpenFile: quick})
}

func BenchmarkAppendUnsynced(b *testing.B) {
	j := unsynced(b, b.TempDir())
	e := journaltest.Entry(1)
	for b.Loop() {
		if _, err := j.Append(ctx, e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkProve proves entries in a journal of a million. It takes minutes to fill.
func BenchmarkProve(b *testing.B) {
	const entries = 1_000_000
	j := unsynced(b, b.TempDir())
	e := journal.Entry{Kind: "test.entry", Time: time.Unix(1e9, 0), Quality: "synced"}
	for range entries {
		if _, err := j.Append(ctx, e); err != nil {
			b.Fatal(err)
		}
	}
	n := uint64(0)
	for b.Loop() {
		n = (n + 7919*7) % entries
		if _, err := j.Prove(n+1, entries); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLeavesAreWhatIsDrawn(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{Room: "ratssaal"})
	fill(t, j, 0, 1)
	_, leaves := leavesOf(t, j)
	want := `{"seq":1,"entry":{"kind":"test.entry","time":"2026-11-21T18:30:00.000000005Z","quality":"scenario","requires":["INF.10.A8"],`
	if got := string(leaves[0]); !strings.HasPrefix(got, want) || !strings.Contains(got, `"room":"ratssaal","commit":"`) || strings.Contains(got, "payload") {
		t.Errorf("leaf %s", got)
	}
}
