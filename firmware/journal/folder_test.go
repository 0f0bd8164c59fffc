package journal_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

func count(t *testing.T, r journal.Reader, from uint64) (n int, err error) {
	t.Helper()
	err = r.Read(from, func(uint64, journal.Entry) error { n++; return nil })
	return n, err
}

// TestFolder reads while another writes, over several segments, and leaves everything as it is.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{SegmentBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for n := range 20 {
		if _, err := j.Append(context.Background(), journaltest.Entry(n)); err != nil {
			t.Fatal(err)
		}
		if got, err := count(t, journal.Folder(dir), 1); got != n+1 || err != nil {
			t.Fatalf("after %d entries: got %d, %v", n+1, got, err)
		}
	}
	for _, from := range []uint64{0, 7, 20, 21} {
		if got, err := count(t, journal.Folder(dir), from); got != max(0, 20-max(0, int(from)-1)) || err != nil {
			t.Errorf("from %d: got %d, %v", from, got, err)
		}
	}
}

func TestFolderTornAndBroken(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := j.Append(context.Background(), journaltest.Entry(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		if err := os.WriteFile(names[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	torn := whole[:len(whole)-20]
	write(torn)
	if n, err := count(t, journal.Folder(dir), 1); n != 2 || err != nil {
		t.Errorf("torn: got %d, %v, want 2 entries", n, err)
	}
	if now, err := os.ReadFile(names[0]); err != nil || len(now) != len(torn) {
		t.Errorf("the file was changed: %d bytes, %v", len(now), err)
	}
	spoilt := append([]byte(nil), whole...)
	spoilt[len(spoilt)/2] ^= 1
	write(spoilt)
	if _, err := count(t, journal.Folder(dir), 1); !errors.Is(err, journal.ErrBroken) {
		t.Errorf("a flipped bit: got %v, want ErrBroken", err)
	}
	if _, err := count(t, journal.Folder(filepath.Join(dir, "none")), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
}
