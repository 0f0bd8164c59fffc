package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

func payloadFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.payloads"))
	if err != nil || len(names) == 0 {
		t.Fatalf("payloads in %s: %v, %v", dir, names, err)
	}
	return names
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornPayloadAtEveryByte cuts the payload of an entry whose record was never begun, at each of its bytes.
func TestTornPayloadAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{OpenFile: quick})
	fill(t, j, 0, 2)
	records, before := readFile(t, segmentFiles(t, dir)[0]), readFile(t, payloadFiles(t, dir)[0])
	fill(t, j, 2, 3)
	j.Close()
	whole := readFile(t, payloadFiles(t, dir)[0])
	for cut := len(before); cut <= len(whole); cut++ {
		for _, zeros := range []int{0, 500} {
			if testing.Short() && zeros > 0 && cut%7 > 0 {
				continue
			}
			writeFile(t, segmentFiles(t, dir)[0], records)
			writeFile(t, payloadFiles(t, dir)[0], append(bytes.Clone(whole[:cut]), make([]byte, zeros)...))
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
				t.Fatalf("cut at %d: Verify: %v, %v", cut, err, r.Err())
			}
			j := open(t, dir, journal.Options{OpenFile: quick})
			if rec := j.Recovered(); rec.Break != nil {
				t.Fatalf("cut at %d: recovered %+v", cut, rec)
			}
			fill(t, j, 9, 10)
			if got, err := numbers(t, j); err != nil || fmt.Sprint(got) != "[0 1 9]" {
				t.Fatalf("cut at %d + %d zeros: got %v, %v", cut, zeros, got, err)
			}
			j.Close()
			if r, err := journal.Verify(dir); err != nil || r.Err() != nil || r.Entries != 3 {
				t.Fatalf("cut at %d + %d zeros: Verify: %+v, %v", cut, zeros, r, err)
			}
		}
	}
}

// TestPayloadCorruptionIsReported changes every byte of the payloads in turn: Verify reports it, and Open puts it on
// record if it is the last segment's.
func TestPayloadCorruptionIsReported(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 1500})
	fill(t, j, 0, 5)
	j.Close()
	names := payloadFiles(t, dir)
	if len(names) != 2 {
		t.Fatalf("got %d files, want 2", len(names))
	}
	for _, name := range names {
		whole := readFile(t, name)
		for at := range whole {
			bad := bytes.Clone(whole)
			bad[at] ^= 1
			writeFile(t, name, bad)
			r, err := journal.Verify(dir)
			if err != nil || !errors.Is(r.Err(), journal.ErrBroken) || r.Breaks[0].File != filepath.Base(name) {
				t.Fatalf("byte %d of %s: Verify: %+v, %v", at, filepath.Base(name), r, err)
			}
		}
		writeFile(t, name, whole)
	}
	bad := readFile(t, names[1])
	bad[len(bad)/2] ^= 4
	writeFile(t, names[1], bad)
	j = open(t, dir, journal.Options{})
	if rec := j.Recovered(); rec.Break == nil || rec.Break.File != filepath.Base(names[1]) {
		t.Errorf("recovered %+v, want a break in %s", rec, names[1])
	}
	fill(t, j, 5, 6)
	j.Close()
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil || len(r.Named) != 1 {
		t.Errorf("Verify: %+v, %v, want one named break", r, err)
	}
	open(t, dir, journal.Options{}).Close()
	if got := len(segmentFiles(t, dir)); got != 3 {
		t.Errorf("got %d segments, want 3: it breaks anew each time", got)
	}
}

var stamp = journal.Entry{Time: time.Date(2026, 12, 24, 3, 0, 0, 0, time.UTC), Quality: "synced"}

// TestDelete: payloads and salts are gone from the disk, receipts stand for them, permanent ones stay, and all of it
// verifies.
func TestDelete(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentBytes: 1500})
	fill(t, j, 0, 12)
	summary := journaltest.Entry(99)
	summary.Permanent = true
	if _, err := j.Append(ctx, summary); err != nil {
		t.Fatal(err)
	}
	odd := func(seq uint64, e journal.Entry) bool {
		if e.Permanent {
			t.Errorf("permanent %d is offered", seq)
		}
		return e.Kind == "test.entry" && seq%2 == 1
	}
	if n, err := j.Delete(ctx, "retention", stamp, odd); n != 6 || err != nil {
		t.Fatalf("Delete: %d, %v, want 6", n, err)
	}
	if n, err := j.Delete(ctx, "retention", stamp, odd); n != 0 || err != nil {
		t.Errorf("again: %d, %v, want 0", n, err)
	}
	check := func(j *journal.Journal) {
		t.Helper()
		var left []uint64
		receipts := 0
		err := j.Records(1, func(r journal.Record) error {
			if r.Entry.Commit == "" || r.Salt == nil != (r.Entry.Payload == nil) {
				t.Errorf("record %d: %+v", r.Seq, r)
			}
			if r.Salt != nil && r.Entry.Kind == "test.entry" {
				left = append(left, r.Seq)
			}
			if r.Entry.Kind == journal.KindDeleted {
				var d journal.Deletion
				if err := json.Unmarshal(r.Entry.Payload, &d); err != nil || !d.Has(1) || d.Has(2) || d.Reason != "retention" {
					t.Errorf("receipt %s, %v", r.Entry.Payload, err)
				}
				receipts++
			}
			return nil
		})
		if err != nil || fmt.Sprint(left) != "[2 4 6 8 10 12 13]" || receipts != 1 {
			t.Errorf("left %v, %d receipts, %v", left, receipts, err)
		}
	}
	check(j)
	j.Close()
	for _, name := range payloadFiles(t, dir) {
		for line := range strings.Lines(string(readFile(t, name))) {
			if seq, _, _, err := journal.ParsePayload([]byte(strings.TrimSuffix(line, "\n"))); err != nil || seq < 12 && seq%2 == 1 {
				t.Errorf("%s still has %q (%v)", name, line, err)
			}
		}
	}
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
		t.Errorf("Verify: %+v, %v", r, err)
	}
	j = open(t, dir, journal.Options{})
	check(j)
	fill(t, j, 12, 13)
	j.Close()
	// Without a receipt, what is missing is a break.
	name := payloadFiles(t, dir)[0]
	lines := strings.SplitAfter(string(readFile(t, name)), "\n")
	writeFile(t, name, []byte(strings.Join(lines[1:], "")))
	if r, err := journal.Verify(dir); err != nil || r.Err() == nil {
		t.Errorf("deleted without a receipt: Verify: %+v, %v", r, err)
	}
}

// TestDeleteGoesOn: a crash between receipt and deletion leaves payloads that have a receipt; the next Delete takes
// them away without another one.
func TestDeleteGoesOn(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	fill(t, j, 0, 4)
	j.Close()
	kept := readFile(t, payloadFiles(t, dir)[0])
	j = open(t, dir, journal.Options{})
	all := func(uint64, journal.Entry) bool { return true }
	if n, err := j.Delete(ctx, "retention", stamp, all); n != 4 || err != nil {
		t.Fatalf("Delete: %d, %v", n, err)
	}
	last := j.Last().Seq
	writeFile(t, payloadFiles(t, dir)[0], kept) // as if the crash had come before
	if r, err := journal.Verify(dir); err != nil || r.Err() != nil {
		t.Errorf("Verify: %+v, %v", r, err)
	}
	if n, err := j.Delete(ctx, "retention", stamp, all); n != 4 || err != nil || j.Last().Seq != last {
		t.Errorf("again: %d, %v, last %d, want 4 and no new entry after %d", n, err, j.Last().Seq, last)
	}
	if got := readFile(t, payloadFiles(t, dir)[0]); len(got) != 0 {
		t.Errorf("still there: %s", got)
	}
}

func FuzzParsePayload(f *testing.F) {
	f.Add(bytes.TrimSpace(journal.AppendPayload(nil, 7, make([]byte, 32), []byte(`{"a":1}`))))
	f.Add([]byte(`{"seq":1,"salt":"`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		seq, salt, payload, err := journal.ParsePayload(b)
		if err != nil {
			return
		}
		if got := journal.AppendPayload(nil, seq, salt, payload); string(got) != string(b)+"\n" {
			t.Fatalf("got %q from %q", got, b)
		}
	})
}
