package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Bridge is the payload of a KindBridge entry: what stands before the tree, in the first format.
type Bridge struct {
	Last     Receipt         `json:"last"` // of the chain up to here
	Segments []BridgeSegment `json:"segments"`
}

// BridgeSegment names one file.
type BridgeSegment struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// recover finds the end of the chain and makes it writable. A last segment without entries says nothing: it is
// taken away, and the one before decides.
func (j *Journal) recover() error {
	firsts, err := segments(j.dir)
	if err != nil {
		return err
	}
	j.recovered = Recovery{}
	if err := j.end(firsts); err != nil {
		return err
	}
	if err := j.plant(); err != nil {
		return err
	}
	return j.compare()
}

func (j *Journal) end(firsts []uint64) error {
	for ; len(firsts) > 0; firsts = firsts[:len(firsts)-1] {
		first := firsts[len(firsts)-1]
		s, sp, err := readFile(j.dir, first, -1, nil)
		switch {
		case err != nil:
			return err
		case s.broken != nil:
			b, err := j.firstBreak(firsts, s)
			if err != nil {
				return err
			}
			return j.leave(first, b)
		case s.format == formatInline && (s.entries > 0 || s.whole):
			return j.bridge(firsts, s)
		case s.entries > 0 || s.whole:
			return j.resume(first, s, sp)
		}
		if err := os.Remove(filepath.Join(j.dir, segmentName(first))); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		_ = os.Remove(filepath.Join(j.dir, payloadName(first))) // of records that there are not
		j.recovered.Torn += s.torn
	}
	return j.begin(1, digest{}, encoded{})
}

// firstBreak is the first break of the last segment, which has one: the header may not continue the segment before it. If
// that one is broken itself, Verify judges the two together.
func (j *Journal) firstBreak(firsts []uint64, s scanned) (Break, error) {
	next, prev := uint64(1), digest{}
	if i := len(firsts) - 1; i > 0 {
		before, err := scanFile(j.dir, firsts[i-1], -1, nil)
		if err != nil {
			return Break{}, err
		}
		if before.broken != nil || before.torn > 0 || before.good == 0 {
			return *s.broken, nil
		}
		next, prev = before.next, before.prev
	}
	if b := s.follows(firsts[len(firsts)-1], next, prev); b != nil {
		return *b, nil
	}
	return *s.broken, nil
}

// resume goes on in a segment after its last good record.
func (j *Journal) resume(first uint64, s scanned, sp spilled) error {
	f, err := j.opt.OpenFile(filepath.Join(j.dir, segmentName(first)), os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	pf, err := j.opt.OpenFile(filepath.Join(j.dir, payloadName(first)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), f.Close())
	}
	j.use(f, pf)
	j.first, j.size, j.psize, j.next, j.prev = first, s.good, sp.good, s.next, s.prev
	if s.torn > 0 {
		if err := j.mend(s); err != nil {
			return err
		}
		if s, sp, err = readFile(j.dir, first, j.size, nil); err != nil {
			return err
		}
		j.psize = sp.good
	}
	if b := sp.fault(first); b != nil {
		return j.leavePayloads(first, *b)
	}
	if end, err := fileSize(j.dir, payloadName(first)); err != nil || end > j.psize { // payloads whose records did not follow
		j.dirty = true
		_ = j.cut() // if the disk does not let it, the next Append tries again
	}
	return nil
}

func fileSize(dir, name string) (int64, error) {
	fi, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// fault is the break that lost payloads are, nil if there are none. In the last segment nothing is ever deleted.
func (sp spilled) fault(first uint64) *Break {
	switch {
	case sp.broken != nil:
		return sp.broken
	case len(sp.missing) > 0:
		return &Break{File: payloadName(first), Line: 1, Reason: fmt.Sprintf("the payload of %d is not here", sp.missing[0])}
	}
	return nil
}

func (j *Journal) use(f, pf File) {
	if j.f != nil { // everything in it is on disk
		j.f.Close()
		j.pf.Close()
	}
	j.f, j.pf, j.dirty = f, pf, false
}

// mend cuts off a torn record, or ends it if only the line feed is missing. That the disk does not let it is no
// reason not to start: the next Append tries again to cut.
func (j *Journal) mend(s scanned) error {
	j.dirty = true
	if s.whole {
		end := s.good + s.torn
		err := j.f.Truncate(end) // zeros may follow
		if err == nil {
			_, err = j.f.WriteAt([]byte{'\n'}, end)
		}
		if err == nil && j.f.Sync() == nil {
			if s, err = scanFile(j.dir, j.first, -1, nil); err != nil {
				return err
			}
			j.size, j.next, j.prev, j.dirty = s.good, s.next, s.prev, false
			return nil
		}
	}
	j.recovered.Torn += s.torn
	if err := j.f.Truncate(j.size); err == nil {
		j.dirty = false
	}
	return nil
}

// bridge goes over from the first format: its last segment is mended, and the tree begins behind it.
func (j *Journal) bridge(firsts []uint64, s scanned) error {
	first := firsts[len(firsts)-1]
	if s.torn > 0 {
		f, err := j.opt.OpenFile(filepath.Join(j.dir, segmentName(first)), os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		old := &Journal{dir: j.dir, opt: j.opt, f: f, first: first, size: s.good, next: s.next, prev: s.prev}
		err = old.mend(s)
		j.recovered.Torn += old.recovered.Torn
		if err == nil && old.dirty {
			err = f.Truncate(old.size) // once more, for its error
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("journal: %s: %w", segmentName(first), err)
		}
		s.next, s.prev = old.next, old.prev
	}
	b := Bridge{Last: Receipt{s.next - 1, s.prev.String()}}
	for _, first := range firsts {
		sum, _, err := hashFile(j.dir, first)
		if err != nil {
			return err
		}
		b.Segments = append(b.Segments, BridgeSegment{segmentName(first), sum.String()})
	}
	entry, err := j.own(KindBridge, b)
	if err != nil {
		return err
	}
	return j.begin(s.next, s.prev, entry)
}

// own makes an entry of the journal's own.
func (j *Journal) own(kind string, payload any) (encoded, error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return encoded{}, fmt.Errorf("journal: %w", err)
	}
	return j.encode(Entry{Kind: kind, Time: j.opt.Now(), Quality: j.opt.Quality, Permanent: true, Payload: b})
}

// leave goes on after a break: the broken file stays as it is, its hash is the prev of the new segment, and the
// first entry there says so.
func (j *Journal) leave(first uint64, b Break) error {
	sum, lines, err := hashFile(j.dir, first)
	if err != nil {
		return err
	}
	b.SHA256 = sum.String()
	entry, err := j.own(KindBroken, b)
	if err != nil {
		return err
	}
	j.recovered.Break = &b
	next := first + lines + 1
	if t := j.treeNext(); t > next { // the tree still knows of more
		next = t
	}
	return j.begin(next, sum, entry)
}

// leavePayloads goes on after a break in the payloads of a segment whose records are whole.
func (j *Journal) leavePayloads(first uint64, b Break) error {
	sum, err := hashNamed(j.dir, b.File)
	if err != nil {
		return err
	}
	b.SHA256 = sum.String()
	entry, err := j.own(KindBroken, b)
	if err != nil {
		return err
	}
	j.recovered.Break = &b
	if err := j.begin(j.next, j.prev, entry); err != nil {
		j.f.Close()
		j.pf.Close()
		j.f, j.pf = nil, nil
		return err
	}
	return nil
}

// begin makes a new segment, with a first entry unless that is empty, and goes over to it.
func (j *Journal) begin(first uint64, prev digest, entry encoded) error {
	if j.tree != nil {
		if err := j.tree.sync(); err != nil {
			return err
		}
	}
	name, pname := filepath.Join(j.dir, segmentName(first)), filepath.Join(j.dir, payloadName(first))
	pf, err := j.opt.OpenFile(pname, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	f, err := j.opt.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), pf.Close(), os.Remove(pname))
	}
	head, next := appendHeader(nil, format, prev, first), first
	var spill []byte
	if entry.header != nil {
		head, prev = appendRecord(head, prev, first, entry.header)
		if entry.payload != nil {
			spill = AppendPayload(nil, first, entry.salt, entry.payload)
		}
		next++
	}
	if len(spill) > 0 {
		if _, err = pf.WriteAt(spill, 0); err == nil {
			err = pf.Sync()
		}
	}
	if err == nil {
		_, err = f.WriteAt(head, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(j.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %s: %w", filepath.Base(name), err), f.Close(), pf.Close(), os.Remove(name), os.Remove(pname))
	}
	j.use(f, pf)
	j.first, j.size, j.psize, j.next, j.prev = first, int64(len(head)), int64(len(spill)), next, prev
	return nil
}

// base returns the sequence number of the tree's first leaf: the first of the first segment that is not in the first
// format, or next if there is none.
// The tree's own file knows it, too, if that segment's header no longer does.
func (j *Journal) base(firsts []uint64, next uint64) (uint64, error) {
	if base, ok := treeBase(j.dir); ok && base <= next {
		return base, nil
	}
	for _, first := range firsts {
		s, err := scanFile(j.dir, first, 512, nil) // the header
		if err != nil {
			return 0, err
		}
		if s.format == format {
			return first, nil
		}
	}
	return next, nil
}

// treeNext is the sequence number after the last leaf that the tree's file knows, 0 if it knows none.
func (j *Journal) treeNext() uint64 {
	firsts, err := segments(j.dir)
	if err != nil {
		return 0
	}
	base, err := j.base(firsts, 0)
	if err != nil || base == 0 {
		return 0
	}
	t, err := openTree(j.dir, base)
	if err != nil {
		return 0
	}
	defer t.f.Close()
	return t.base + uint64(t.n)
}

// plant opens the tree and has it fit the records. The leaves of the last two segments are made anew: a break may lie
// between them. If the file does not reach that far, all are.
func (j *Journal) plant() error {
	if j.tree != nil {
		j.tree.f.Close()
		j.tree = nil
	}
	firsts, err := segments(j.dir)
	if err != nil {
		return err
	}
	base, err := j.base(firsts, j.next)
	if err != nil {
		return err
	}
	t, err := openTree(j.dir, base)
	if err != nil {
		return err
	}
	for len(firsts) > 0 && firsts[0] < base {
		firsts = firsts[1:]
	}
	if young := firsts[max(0, len(firsts)-2):]; len(young) > 0 && t.base+uint64(t.n) >= young[0] {
		firsts = young
	}
	if err = growTree(t, j.dir, firsts, j.next); err == nil {
		err = t.sync()
	}
	if err != nil {
		return errors.Join(err, t.f.Close())
	}
	j.tree = t
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("journal: %s: %w", dir, err)
	}
	return nil
}
