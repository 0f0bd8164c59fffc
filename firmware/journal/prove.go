package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/checkpoint"
)

const checkpointFile = "checkpoint"

// planted returns the tree, opened again if an error has closed it. The caller holds commit.
func (j *Journal) planted() (*tree, error) {
	switch {
	case j.gone:
		return nil, fmt.Errorf("journal: %w", ErrClosed)
	case j.f == nil:
		if err := j.recover(); err != nil {
			return nil, err
		}
	case j.tree == nil:
		if err := j.plant(); err != nil {
			return nil, err
		}
	}
	return j.tree, nil
}

// Tree returns the tree as it is now, and the sequence number of its first leaf: leaf n is entry base+n.
func (j *Journal) Tree() (base uint64, head tlog.Tree, err error) {
	j.commit.Lock()
	defer j.commit.Unlock()
	t, err := j.planted()
	if err != nil {
		return 0, tlog.Tree{}, err
	}
	head, err = t.root()
	return t.base, head, err
}

// Prove returns the proof that entry seq stands in the tree of size leaves.
func (j *Journal) Prove(seq uint64, size int64) (tlog.RecordProof, error) {
	j.commit.Lock()
	defer j.commit.Unlock()
	t, err := j.planted()
	if err != nil {
		return nil, err
	}
	return t.prove(seq, size)
}

func (t *tree) prove(seq uint64, size int64) (tlog.RecordProof, error) {
	if seq < t.base || size > t.n || seq-t.base >= uint64(max(0, size)) {
		return nil, fmt.Errorf("journal: entry %d is not in the tree of %d leaves from %d on", seq, size, t.base)
	}
	p, err := tlog.ProveRecord(size, int64(seq-t.base), t)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return p, nil
}

// ProveSince returns the proof that the tree of size leaves continues that of old leaves, 0 < old ≤ size.
func (j *Journal) ProveSince(old, size int64) (tlog.TreeProof, error) {
	j.commit.Lock()
	defer j.commit.Unlock()
	t, err := j.planted()
	if err != nil {
		return nil, err
	}
	if old < 1 || old > size || size > t.n {
		return nil, fmt.Errorf("journal: no tree of %d and %d leaves; there are %d", old, size, t.n)
	}
	p, err := tlog.ProveTree(size, old, t)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return p, nil
}

// Leaves writes the hashes of the first size leaves, 32 bytes each.
func (j *Journal) Leaves(w io.Writer, size int64) error { return writeLeaves(w, size, j.hashes) }

func writeLeaves(w io.Writer, size int64, read func([]int64) ([]tlog.Hash, error)) error {
	const block = 512
	for at := int64(0); at < size; at += block {
		var indexes []int64
		for n := at; n < min(size, at+block); n++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, n))
		}
		hashes, err := read(indexes)
		if err != nil {
			return err
		}
		for _, h := range hashes {
			if _, err := w.Write(h[:]); err != nil {
				return fmt.Errorf("journal: leaves: %w", err)
			}
		}
	}
	return nil
}

func (j *Journal) hashes(indexes []int64) ([]tlog.Hash, error) {
	j.commit.Lock()
	defer j.commit.Unlock()
	t, err := j.planted()
	if err != nil {
		return nil, err
	}
	return t.ReadHashes(indexes)
}

// Checkpoint signs the tree as it is now, keeps the note in the file "checkpoint", and returns it. The signer's name is
// the origin. Only what is durable is signed.
func (j *Journal) Checkpoint(s note.Signer) ([]byte, error) {
	j.commit.Lock()
	defer j.commit.Unlock()
	t, err := j.planted()
	if err != nil {
		return nil, err
	}
	if err := j.cut(); err != nil {
		return nil, err
	}
	if err := errors.Join(j.pf.Sync(), j.f.Sync()); err != nil { // Open may have found entries that were never synced
		return nil, fmt.Errorf("journal: %s: %w", segmentName(j.first), err)
	}
	head, err := t.root()
	if err != nil {
		return nil, err
	}
	b, err := checkpoint.Sign(checkpoint.Checkpoint{Origin: s.Name(), Tree: head}, s)
	if err != nil {
		return nil, err
	}
	return b, j.keep(b)
}

// keep replaces the file of the last checkpoint.
func (j *Journal) keep(b []byte) error {
	name := filepath.Join(j.dir, checkpointFile)
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %s: %w", checkpointFile, err), os.Remove(name+".new"))
	}
	return syncDir(j.dir)
}

// LastCheckpoint reads the checkpoint that was signed last in dir; it is nil if there is none.
func LastCheckpoint(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return b, nil
}

// compare looks whether the tree still continues what was signed last. If it does not, acknowledged entries were lost or
// changed below us: the checkpoint is set aside as "checkpoint.broken", and the journal says so in an entry.
func (j *Journal) compare() error {
	b, err := LastCheckpoint(j.dir)
	if b == nil {
		return err
	}
	why := fits(j.tree, b)
	if why == nil {
		return nil
	}
	if err := j.replant(); err != nil { // the tree's file is but a cache
		return err
	}
	if why = fits(j.tree, b); why == nil {
		return nil
	}
	sum, err := hashNamed(j.dir, checkpointFile)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(Break{File: checkpointFile, Line: 1, Reason: why.Error(), SHA256: sum.String()})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	x, err := j.encode(Entry{Kind: KindBroken, Time: j.opt.Now(), Quality: j.opt.Quality, Permanent: true, Payload: payload})
	if err != nil {
		return err
	}
	r := &request{entry: x}
	j.mu.Lock()
	j.queue = append(j.queue, r)
	j.mu.Unlock()
	if j.write(); r.err != nil {
		return r.err
	}
	j.recovered.Tree = why
	name := filepath.Join(j.dir, checkpointFile)
	if err := os.Rename(name, name+".broken"); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// fits reports why the tree does not continue a checkpoint.
func fits(t *tree, b []byte) error {
	c, err := checkpoint.Parse(b)
	if err != nil {
		return err
	}
	if c.N > t.n {
		return fmt.Errorf("signed %d entries, there are %d", c.N, t.n)
	}
	h, err := tlog.TreeHash(c.N, t)
	if err != nil {
		return err
	}
	if h != c.Hash {
		return fmt.Errorf("the %d entries that were signed have changed", c.N)
	}
	return nil
}

// replant makes the tree anew from the records alone.
func (j *Journal) replant() error {
	if err := j.tree.cut(0); err != nil {
		return err
	}
	return j.plant()
}
