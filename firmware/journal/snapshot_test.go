package journal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
	"subrosa/firmware/journal/journaltest"
)

// TestSnapshot reads what was signed while another goes on writing, signing and beginning new segments.
func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{SegmentBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := journal.Folder(dir).Snapshot(); !errors.Is(err, journal.ErrUnsigned) {
		t.Errorf("got %v, want ErrUnsigned", err)
	}
	private, _, err := checkpoint.NewKey(rand.Reader, "ratssaal-1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := checkpoint.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	grow := func(n int) error {
		if _, err := j.Append(context.Background(), journaltest.Entry(n)); err != nil {
			return err
		}
		if n%3 != 0 {
			return nil
		}
		_, err := j.Checkpoint(signer)
		return err
	}
	if err := grow(0); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; n < 300; n++ {
			if err := grow(n); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 50 {
		s, err := journal.Folder(dir).Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		readSnapshot(t, s)
		s.Close()
	}
	wg.Wait()
}

// readSnapshot holds records, leaves and proofs against the checkpoint.
func readSnapshot(t *testing.T, s *journal.Snapshot) {
	t.Helper()
	c, err := checkpoint.Parse(s.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	base, head, err := s.Tree()
	if err != nil || head != c.Tree || base != 1 {
		t.Fatalf("tree %v from %d, %v; signed %v", head, base, err, c.Tree)
	}
	var leaves bytes.Buffer
	if err := s.Leaves(&leaves, head.N); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	err = s.Records(1, func(r journal.Record) error {
		h := tlog.RecordHash(r.Leaf)
		if !bytes.Equal(h[:], leaves.Next(tlog.HashSize)) {
			t.Errorf("leaf of %d differs", r.Seq)
		}
		p, err := s.Prove(r.Seq, head.N)
		if err == nil {
			err = tlog.CheckRecord(p, head.N, head.Hash, n, h)
		}
		n++
		return err
	})
	if err != nil || n != head.N {
		t.Errorf("%d records, signed %d: %v", n, head.N, err)
	}
	if s.Leaves(&leaves, head.N+1) == nil {
		t.Error("more leaves than were signed")
	}
	if _, err := s.Prove(1, head.N+1); err == nil {
		t.Error("a proof in a tree that was not signed")
	}
}

// TestSnapshotRefuses: what the tree's file holds must be what was signed.
func TestSnapshotRefuses(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if _, err := j.Append(context.Background(), journaltest.Entry(n)); err != nil {
			t.Fatal(err)
		}
	}
	private, _, err := checkpoint.NewKey(rand.Reader, "ratssaal-1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := checkpoint.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Checkpoint(signer); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "tree")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"empty": nil, "short": good[:len(good)-64], "other magic": append([]byte("sr-tree9"), good[8:]...),
		"changed": append(append([]byte(nil), good[:40]...), make([]byte, len(good)-40)...),
	} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := journal.Folder(dir).Snapshot(); err == nil {
			s.Close()
			t.Errorf("%s: no error", what)
		}
	}
	if err := os.WriteFile(name, good, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := journal.Folder(dir).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	readSnapshot(t, s)
}
