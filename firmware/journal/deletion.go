package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Deletion is the payload of a KindDeleted entry: the receipt for payloads that are no longer kept. Their entries
// stay, and with them what was committed to.
type Deletion struct {
	Reason string      `json:"reason"` // pick-list slug: retention, request, …
	Seqs   [][2]uint64 `json:"seqs"`   // ascending ranges, both ends included
}

// each calls fn for every sequence number of a sound receipt; one that is not says nothing.
func (d Deletion) each(fn func(uint64)) {
	n := uint64(0)
	for i, r := range d.Seqs {
		if r[0] == 0 || r[1] < r[0] || i > 0 && r[0] <= d.Seqs[i-1][1] || r[1]-r[0] > 1<<24 {
			return
		}
		if n += r[1] - r[0] + 1; n > 1<<24 {
			return
		}
	}
	for _, r := range d.Seqs {
		for seq := r[0]; seq <= r[1]; seq++ {
			fn(seq)
		}
	}
}

// Has reports whether the receipt is for the payload of entry seq.
func (d Deletion) Has(seq uint64) bool {
	return slices.ContainsFunc(d.Seqs, func(r [2]uint64) bool { return r[0] <= seq && seq <= r[1] })
}

// maxRanges keeps a receipt below MaxEntry.
const maxRanges = 1000

// Delete deletes the payloads and salts of the entries that which accepts, and returns how many there were. Permanent
// payloads are not offered. stamp gives the receipts their time and quality; its kind and payload are ignored. The
// receipts are on disk before anything is deleted; what a crash left undone is deleted by the next Delete that accepts
// the same entries. The bytes are gone from the files; what a flash chip keeps of them is beyond reach.
func (j *Journal) Delete(ctx context.Context, reason string, stamp Entry, which func(seq uint64, e Entry) bool) (int, error) {
	if !kindForm.MatchString(reason) {
		return 0, fmt.Errorf("journal: %w: reason %q", ErrEntry, reason)
	}
	gone, had := map[uint64]bool{}, map[uint64]bool{}
	var seqs []uint64
	err := j.Records(1, func(r Record) error {
		if r.Entry.Kind == KindDeleted {
			var d Deletion
			if json.Unmarshal(r.Entry.Payload, &d) == nil {
				d.each(func(seq uint64) { had[seq] = true })
			}
		}
		if r.Salt != nil && !r.Entry.Permanent && which(r.Seq, r.Entry) {
			gone[r.Seq] = true
			seqs = append(seqs, r.Seq)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrBroken) {
		return 0, err
	}
	if len(seqs) == 0 {
		return 0, nil
	}
	if err := j.rotate(); err != nil { // the segment that is written keeps its payloads
		return 0, err
	}
	seqs = slices.DeleteFunc(seqs, func(seq uint64) bool { return had[seq] }) // the receipt is there already
	for len(seqs) > 0 {
		var d Deletion
		d.Reason = reason
		seqs = d.take(seqs)
		b, err := json.Marshal(d)
		if err != nil {
			return 0, fmt.Errorf("journal: %w", err)
		}
		e := stamp
		e.Kind, e.Payload, e.Permanent = KindDeleted, b, true
		if _, err := j.Append(ctx, e); err != nil {
			return 0, err
		}
	}
	return len(gone), j.strike(gone)
}

// take fills the receipt with seqs and returns those that it has no room for.
func (d *Deletion) take(seqs []uint64) []uint64 {
	for i, seq := range seqs {
		if n := len(d.Seqs); n > 0 && d.Seqs[n-1][1]+1 == seq {
			d.Seqs[n-1][1] = seq
		} else if n == maxRanges {
			return seqs[i:]
		} else {
			d.Seqs = append(d.Seqs, [2]uint64{seq, seq})
		}
	}
	return nil
}

// rotate begins a new segment unless the one that is written is empty.
func (j *Journal) rotate() error {
	j.commit.Lock()
	defer j.commit.Unlock()
	switch {
	case j.gone:
		return fmt.Errorf("journal: %w", ErrClosed)
	case j.f == nil:
		if err := j.recover(); err != nil {
			return err
		}
	}
	if err := j.cut(); err != nil || j.next == j.first {
		return err
	}
	return j.begin(j.next, j.prev, encoded{})
}

// strike rewrites the files of payloads without those of gone.
func (j *Journal) strike(gone map[uint64]bool) error {
	firsts, err := segments(j.dir)
	if err != nil {
		return err
	}
	j.commit.Lock()
	active := j.first
	j.commit.Unlock()
	for i, first := range firsts {
		if first >= active || i+1 == len(firsts) {
			break
		}
		for seq := range gone {
			if first <= seq && seq < firsts[i+1] {
				if err := strikeFile(j.dir, first, gone); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// strikeFile replaces one file of payloads. Lines that are no payloads stay.
func strikeFile(dir string, first uint64, gone map[uint64]bool) error {
	name := filepath.Join(dir, payloadName(first))
	old, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	w := bufio.NewWriter(f)
	for line := range bytes.Lines(old) {
		if seq, _, _, err := ParsePayload(bytes.TrimSuffix(line, []byte{'\n'})); err == nil && gone[seq] {
			continue
		}
		_, _ = w.Write(line) // Flush tells
	}
	if err = w.Flush(); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %s: %w", payloadName(first), err), os.Remove(name+".new"))
	}
	return syncDir(dir)
}
