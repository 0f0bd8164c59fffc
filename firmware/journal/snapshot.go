package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
)

// ErrUnsigned is returned by Folder.Snapshot if nothing was signed yet.
var ErrUnsigned = errors.New("no checkpoint was signed yet")

// Snapshot is a journal as its last signed checkpoint saw it, for reading only, while another process may write it. It
// is consistent because that checkpoint covers only what was durable, and nothing that it covers is ever changed: what the
// tree's file gives is accepted only if it has the root that was signed. What alone can change meanwhile is that a payload
// is deleted, whose receipt then stands behind the checkpoint.
type Snapshot struct {
	folder Folder
	note   []byte
	tree   *tree
	head   tlog.Tree
}

// Snapshot opens one. Close it after use.
func (d Folder) Snapshot() (*Snapshot, error) {
	b, err := LastCheckpoint(string(d))
	if err == nil && b == nil {
		err = ErrUnsigned
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %s: %w", string(d), err)
	}
	c, err := checkpoint.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("journal: %s: %w", checkpointFile, err)
	}
	t, err := readTree(string(d))
	if err != nil {
		return nil, err
	}
	if err := fits(t, b); err != nil {
		t.f.Close()
		return nil, fmt.Errorf("journal: %s does not fit the checkpoint: %w", treeFile, err)
	}
	return &Snapshot{d, b, t, c.Tree}, nil
}

// readTree opens the tree's file as it is now, for reading.
func readTree(dir string) (*tree, error) {
	f, err := os.Open(filepath.Join(dir, treeFile))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	head := make([]byte, tlog.HashSize)
	_, err = f.ReadAt(head, 0)
	end := int64(0)
	if err == nil {
		end, err = f.Seek(0, io.SeekEnd)
	}
	base := binary.BigEndian.Uint64(head[len(treeMagic):])
	if err == nil && (string(head[:len(treeMagic)]) != treeMagic || base == 0) {
		err = errors.New("not a tree")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %s: %w", treeFile, err), f.Close())
	}
	n := leavesOf(end/tlog.HashSize - 1)
	return &tree{f: f, base: base, n: n, flushed: tlog.StoredHashCount(n)}, nil
}

// Checkpoint returns the signed note whose tree this is.
func (s *Snapshot) Checkpoint() []byte { return s.note }

// Tree returns the tree that was signed, and the sequence number of its first leaf.
func (s *Snapshot) Tree() (base uint64, head tlog.Tree, err error) { return s.tree.base, s.head, nil }

// Records is as that of a Journal, up to the last entry that was signed.
func (s *Snapshot) Records(from uint64, fn func(Record) error) error {
	return s.folder.Records(from, func(r Record) error {
		if r.Seq >= s.tree.base+uint64(s.head.N) {
			return nil
		}
		return fn(r)
	})
}

// Leaves writes the hashes of the first size leaves, 32 bytes each.
func (s *Snapshot) Leaves(w io.Writer, size int64) error {
	if size > s.head.N {
		return fmt.Errorf("journal: %d leaves are more than the %d that were signed", size, s.head.N)
	}
	return writeLeaves(w, size, s.tree.ReadHashes)
}

// Prove returns the proof that entry seq stands in the tree of size leaves.
func (s *Snapshot) Prove(seq uint64, size int64) (tlog.RecordProof, error) {
	if size > s.head.N {
		return nil, fmt.Errorf("journal: %d leaves are more than the %d that were signed", size, s.head.N)
	}
	return s.tree.prove(seq, size)
}

// Close closes what was opened.
func (s *Snapshot) Close() error { return s.tree.f.Close() }
