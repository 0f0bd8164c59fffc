package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

var ctx = context.Background()

func open(t testing.TB, dir string, opt journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func fill(t testing.TB, j *journal.Journal, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if _, err := j.Append(ctx, journaltest.Entry(n)); err != nil {
			t.Fatalf("Append %d: %v", n, err)
		}
	}
}

// numbers returns the n of every test entry that can be read, and the error of Read.
func numbers(t testing.TB, j *journal.Journal) (ns []int, err error) {
	t.Helper()
	err = j.Read(1, func(_ uint64, e journal.Entry) error {
		var p struct{ N int }
		if e.Kind == "test.entry" {
			if err := json.Unmarshal(e.Payload, &p); err != nil {
				return err
			}
			ns = append(ns, p.N)
		}
		return nil
	})
	return ns, err
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) == 0 {
		t.Fatalf("segments in %s: %v, %v", dir, names, err)
	}
	return names
}

func TestConformance(t *testing.T) {
	for name, opt := range map[string]journal.Options{"one segment": {}, "small segments": {SegmentBytes: 700}} {
		t.Run(name, func(t *testing.T) {
			journaltest.Run(t, func(t *testing.T, dir string) journaltest.Journal { return open(t, dir, opt) })
		})
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("second Open: got %v, want ErrLocked", err)
	}
	j.Close()
	open(t, dir, journal.Options{})
}

// TestTornAtEveryByte cuts the last record at each of its bytes, alone and followed by zeros, as a file system
// may leave it. What was acknowledged before must be there, and the next entry must verify.
func TestTornAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{OpenFile: quick})
	fill(t, j, 0, 2)
	j.Close()
	name := segmentFiles(t, dir)[0]
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, journal.Options{OpenFile: quick})
	fill(t, j, 2, 3)
	j.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	spill := strings.TrimSuffix(name, ".jsonl") + ".payloads" // on disk before the record is begun
	payloads, err := os.ReadFile(spill)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(before); cut <= len(whole); cut++ {
		for _, zeros := range []int{0, 1, 600} {
			if testing.Short() && zeros > 0 && cut%7 > 0 {
				continue
			}
			if cut == len(whole) && zeros > 0 {
				continue // the next record was begun with zeros, which is cut == len(before)
			}
			if err := os.WriteFile(spill, payloads, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, append(bytes.Clone(whole[:cut]), make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
				t.Fatalf("cut at %d + %d zeros: Verify: %v, %v", cut, zeros, err, r.Err())
			}
			j, err := journal.Open(dir, journal.Options{OpenFile: quick})
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			got, err := numbers(t, j)
			want := []int{0, 1}
			if cut >= len(whole)-1 { // only the line feed is missing, if anything
				want = []int{0, 1, 2}
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("cut at %d + %d zeros: got %v, %v, want %v", cut, zeros, got, err, want)
			}
			torn := int64(cut - len(before) + zeros)
			if len(want) == 3 {
				torn = 0
			}
			if rec := j.Recovered(); rec.Torn != torn || rec.Break != nil {
				t.Fatalf("cut at %d + %d zeros: recovered %+v, want %d torn bytes", cut, zeros, rec, torn)
			}
			fill(t, j, 9, 10)
			j.Close()
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Entries != uint64(len(want)+1) || r.Torn != 0 {
				t.Fatalf("cut at %d + %d zeros, one more entry: Verify: %+v, %v", cut, zeros, r, err)
			}
		}
	}
}

// TestTornSegmentStart does the same to the making of a new segment.
func TestTornSegmentStart(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 100})
	fill(t, j, 0, 2)
	j.Close()
	second := segmentFiles(t, dir)[1]
	whole, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n') + 1
	for cut := range header + 40 {
		if err := os.WriteFile(second, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
			t.Fatalf("cut at %d: Verify: %v, %v", cut, err, r.Err())
		}
		j, err := journal.Open(dir, journal.Options{SegmentBytes: 100})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		fill(t, j, 5, 6)
		got, err := numbers(t, j)
		if err != nil || fmt.Sprint(got) != "[0 5]" {
			t.Fatalf("cut at %d: got %v, %v, want [0 5]", cut, got, err)
		}
		j.Close()
		if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Entries != 2 || r.Torn != 0 {
			t.Fatalf("cut at %d: Verify: %+v, %v", cut, r, err)
		}
	}
}

// TestCorruptionIsReported changes every single byte of a journal in turn. No change may pass: Verify reports
// it, and Open either sees it (it reads the last segment) and puts it on record, or leaves it as it is.
func TestCorruptionIsReported(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 1000})
	fill(t, j, 0, 4)
	j.Close()
	names := segmentFiles(t, dir)
	if len(names) != 2 {
		t.Fatalf("got %d segments, want 2", len(names))
	}
	for i, name := range names {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			bad := bytes.Clone(whole)
			bad[at] ^= 1
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := journal.Verify(dir)
			if err != nil || !errors.Is(r.Err(), journal.ErrBroken) || len(r.Breaks) != 1 || r.Breaks[0].File != filepath.Base(name) {
				t.Fatalf("byte %d of segment %d changed: Verify: %+v, %v", at, i, r, err)
			}
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
		t.Fatalf("put right again: %v, %v", err, r.Err())
	}
}

func TestBreakIsPutOnRecord(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
		want   string // entries that can still be read
	}{
		{"middle", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, "[0 100]"},
		{"last byte", func(b []byte) []byte { b[len(b)-1] = ' '; return b }, "[0 1 2 100]"},
		{"garbage after", func(b []byte) []byte { return append(b, "more\n"...) }, "[0 1 2 3 100]"},
		{"zeros after", func(b []byte) []byte { return append(b, 0, 0, '\n') }, "[0 1 2 3 100]"},
		{"header", func(b []byte) []byte { b[3] ^= 1; return b }, "[100]"},
		{"line taken out", func(b []byte) []byte {
			lines := bytes.SplitAfter(b, []byte{'\n'})
			return bytes.Join(append(lines[:2:2], lines[3:]...), nil)
		}, "[0 100]"},
		{"very long line", func(b []byte) []byte { return append(b, bytes.Repeat([]byte{'x'}, 80<<10)...) }, "[0 1 2 3 100]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, journal.Options{})
			fill(t, j, 0, 4)
			j.Close()
			name := segmentFiles(t, dir)[0]
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			bad := tt.damage(whole)
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			checkBreak(t, dir, name, bad, tt.want)
		})
	}
}

// checkBreak opens a journal whose segment name now holds bad, goes on in it, and reads and verifies the whole.
func checkBreak(t *testing.T, dir, name string, bad []byte, want string) {
	t.Helper()
	j := open(t, dir, journal.Options{})
	rec := j.Recovered()
	if rec.Break == nil || rec.Break.File != filepath.Base(name) {
		t.Fatalf("recovered: %+v, want a break in %s", rec, name)
	}
	fill(t, j, 100, 101)
	if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	broken := 0
	err := j.Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == journal.KindBroken {
			broken++
		}
		return nil
	})
	if err != nil || broken != 1 {
		t.Errorf("got %d entries %s, %v, want 1", broken, journal.KindBroken, err)
	}
	j.Close()
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, bad) {
		t.Errorf("the evidence was changed (%v)", err)
	}
	r, err := journal.Verify(dir)
	if err != nil || r.Err() != nil || len(r.Named) != 1 {
		t.Errorf("Verify: %+v, %v, want one named break", r, err)
	}
	open(t, dir, journal.Options{}).Close() // does not break anew
	if got := len(segmentFiles(t, dir)); got != 2 {
		t.Errorf("got %d segments, want 2", got)
	}
	// Evidence that changes once it is on record is a break of its own.
	if err := os.WriteFile(name, append(bad, '!'), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := journal.Verify(dir); err != nil || r.Err() == nil {
		t.Errorf("evidence changed: Verify: %+v, %v, want a break", r, err)
	}
}

func TestVerifyMissingSegment(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 100})
	fill(t, j, 0, 4)
	j.Close()
	names := segmentFiles(t, dir)
	if err := os.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Verify(dir)
	if err != nil || len(r.Breaks) != 1 || r.Breaks[0].File != filepath.Base(names[2]) {
		t.Errorf("got %+v, %v, want one break in %s", r, err, names[2])
	}
}

// TestRandomKills ends the journal without closing its records 300 times, cutting the file at a random byte of
// what was written since the last acknowledgement.
func TestRandomKills(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(2, 11))
	opt := journal.Options{SegmentBytes: 3000}
	acked := 0
	for range 300 {
		j, err := journal.Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		n := rng.IntN(4)
		fill(t, j, acked, acked+n)
		acked += n
		j.Close()
		names := segmentFiles(t, dir)
		last := names[len(names)-1]
		fi, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		j, err = journal.Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, j, 1_000_000, 1_000_001) // this one is not acknowledged
		j.Close()
		if again := segmentFiles(t, dir); len(again) > len(names) {
			last, fi = again[len(again)-1], nil
		}
		size := int64(0)
		if fi != nil {
			size = fi.Size()
		}
		now, err := os.Stat(last)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(last, size+rng.Int64N(now.Size()-size-1)); err != nil { // at least the last two bytes
			t.Fatal(err)
		}
	}
	j := open(t, dir, opt)
	got, err := numbers(t, j)
	if err != nil || len(got) != acked {
		t.Fatalf("got %d entries, %v, want %d", len(got), err, acked)
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("entry %d is number %d", i, n)
		}
	}
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
		t.Errorf("Verify: %v, %v", err, r.Err())
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	j := open(f, dir, journal.Options{})
	fill(f, j, 0, 3)
	j.Close()
	name := filepath.Base(segmentFiles(f, dir)[0])
	whole, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-30])
	f.Add(append(bytes.Clone(whole), 0, 0, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := journal.Verify(dir)
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		j, err := journal.Open(dir, journal.Options{OpenFile: quick})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		fill(t, j, 7, 8)
		j.Close()
		after, err := journal.Verify(dir)
		if err != nil || after.Err() != nil {
			t.Fatalf("after Open and Append: %+v, %v", after, err)
		}
		want := before.Entries + 1 + uint64(len(after.Named))
		if after.Entries != want && after.Entries != want+1 { // +1: a whole record without its line feed
			t.Fatalf("got %d entries, want %d", after.Entries, want)
		}
	})
}
