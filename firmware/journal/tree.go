package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// The tree's file is a cache of hashes in the order of tlog.StoredHashIndex, behind a header of the same size:
//
//	"sr-tree2" ‖ base: 8 bytes, big endian ‖ 16 zeros ‖ hash 0 ‖ hash 1 ‖ …
//
// base is the sequence number of leaf 0. The file is synced before a new segment begins, so that only the leaves of
// the last segment have to be made anew after a power loss.
const (
	treeFile  = "tree"
	treeMagic = "sr-tree2"
)

// tree is the RFC 6962 tree over the entries.
type tree struct {
	f       *os.File
	base    uint64      // sequence number of leaf 0
	n       int64       // leaves
	flushed int64       // hashes in the file
	tail    []tlog.Hash // hashes that are not
}

// openTree opens or makes the tree's file. A file with another base is of no use and is begun anew.
func openTree(dir string, base uint64) (*tree, error) {
	f, err := os.OpenFile(filepath.Join(dir, treeFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	t := &tree{f: f, base: base}
	head := make([]byte, tlog.HashSize)
	copy(head, treeMagic)
	binary.BigEndian.PutUint64(head[len(treeMagic):], base)
	got := make([]byte, tlog.HashSize)
	if _, err := f.ReadAt(got, 0); err == nil && string(got) == string(head) {
		var end int64
		if end, err = f.Seek(0, io.SeekEnd); err == nil {
			t.n = leavesOf(end/tlog.HashSize - 1)
			t.flushed = tlog.StoredHashCount(t.n)
			return t, nil
		}
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(head, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %s: %w", treeFile, err), f.Close())
	}
	return t, nil
}

// treeBase returns the base that the tree's file names.
func treeBase(dir string) (uint64, bool) {
	f, err := os.Open(filepath.Join(dir, treeFile))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	head := make([]byte, tlog.HashSize)
	if _, err := f.ReadAt(head, 0); err != nil || string(head[:len(treeMagic)]) != treeMagic {
		return 0, false
	}
	base := binary.BigEndian.Uint64(head[len(treeMagic):])
	return base, base > 0
}

// leavesOf returns how many leaves hashes stored hashes are enough for.
func leavesOf(hashes int64) int64 {
	lo, hi := int64(0), max(0, hashes)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if tlog.StoredHashCount(mid) <= hashes {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= t.flushed {
			if at-t.flushed >= int64(len(t.tail)) {
				return nil, fmt.Errorf("journal: %s: no hash %d", treeFile, at)
			}
			out[i] = t.tail[at-t.flushed]
			continue
		}
		if _, err := t.f.ReadAt(out[i][:], (at+1)*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("journal: %s: %w", treeFile, err)
		}
	}
	return out, nil
}

// add appends the hash of the next leaf.
func (t *tree) add(leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(t.n, leaf, t)
	if err != nil {
		return err
	}
	t.tail = append(t.tail, hashes...)
	t.n++
	return nil
}

// leaf returns the hash of leaf n.
func (t *tree) leaf(n int64) (tlog.Hash, error) {
	h, err := t.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
	if err != nil {
		return tlog.Hash{}, err
	}
	return h[0], nil
}

// cut forgets leaf n and those after it.
func (t *tree) cut(n int64) error {
	if n >= t.n {
		return nil
	}
	keep := tlog.StoredHashCount(n)
	t.tail = t.tail[:max(0, min(int64(len(t.tail)), keep-t.flushed))]
	if keep < t.flushed {
		if err := t.f.Truncate((keep + 1) * tlog.HashSize); err != nil {
			return fmt.Errorf("journal: %s: %w", treeFile, err)
		}
		t.flushed = keep
	}
	t.n = n
	return nil
}

// flush writes what is not in the file. What the disk does not take stays in memory and is tried again.
func (t *tree) flush() error {
	if len(t.tail) == 0 {
		return nil
	}
	buf := make([]byte, 0, len(t.tail)*tlog.HashSize)
	for _, h := range t.tail {
		buf = append(buf, h[:]...)
	}
	if _, err := t.f.WriteAt(buf, (t.flushed+1)*tlog.HashSize); err != nil {
		return fmt.Errorf("journal: %s: %w", treeFile, err)
	}
	t.flushed += int64(len(t.tail))
	t.tail = t.tail[:0]
	return nil
}

// sync makes the file durable.
func (t *tree) sync() error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.f.Sync(); err != nil {
		return fmt.Errorf("journal: %s: %w", treeFile, err)
	}
	return nil
}

// root returns the tree's head.
func (t *tree) root() (tlog.Tree, error) {
	h, err := tlog.TreeHash(t.n, t)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("journal: %w", err)
	}
	return tlog.Tree{N: t.n, Hash: h}, nil
}

// growTree has the tree hold what the segments from first on hold; leaves of lost entries that it still knows are
// kept, others become gaps. Leaves before first must be in it already. next is the sequence number after the last
// entry; leaves from there on were never acknowledged.
func growTree(t *tree, dir string, firsts []uint64, next uint64) error {
	if len(firsts) == 0 {
		return t.cut(int64(next - t.base))
	}
	at := int64(firsts[0] - t.base) // of the leaf that is looked at
	known := make([]tlog.Hash, 0, max(0, t.n-at))
	for n := at; n < t.n; n++ {
		h, err := t.leaf(n)
		if err != nil {
			return err
		}
		known = append(known, h)
	}
	if err := t.cut(at); err != nil {
		return err
	}
	gap := func(to uint64) error { // leaves without an entry
		for seq := t.base + uint64(t.n); seq < to; seq++ {
			h := tlog.RecordHash(gapLeaf(seq))
			if i := t.n - at; i < int64(len(known)) {
				h = known[i]
			}
			if err := t.add(h); err != nil {
				return err
			}
		}
		return nil
	}
	for _, first := range firsts {
		_, err := scanFile(dir, first, -1, func(_ bool, seq uint64, raw []byte, _ Entry) error {
			if seq >= next || seq < t.base+uint64(t.n) {
				return nil
			}
			if err := gap(seq); err != nil {
				return err
			}
			return t.add(tlog.RecordHash(appendLeaf(nil, seq, raw)))
		})
		if err != nil {
			return err
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if err := gap(next); err != nil {
		return err
	}
	return t.flush()
}
