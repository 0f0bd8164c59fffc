package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Report is what Verify has found.
type Report struct {
	Segments int
	Entries  uint64  // that verify
	Last     Receipt // of them
	Torn     int64   // bytes of a record at the very end whose writing was cut short, or is under way
	Named    []Break // breaks that an entry of the chain names
	Breaks   []Break // breaks that nothing explains
}

// Err is nil if the chain is whole, or every break in it was put on record when it was found.
func (r *Report) Err() error {
	if len(r.Breaks) == 0 {
		return nil
	}
	var all []string
	for _, b := range r.Breaks {
		all = append(all, b.String())
	}
	return fmt.Errorf("journal: %w: %s", ErrBroken, strings.Join(all, "; "))
}

// Verify checks every byte of the journal in dir without writing, also while another process writes it. That
// nothing was cut off at the end, or rewritten from some entry on, shows only against a receipt kept elsewhere.
func Verify(dir string) (Report, error) {
	firsts, err := segments(dir)
	if err != nil {
		return Report{}, err
	}
	v := verifier{dir: dir, firsts: firsts, next: 1, deleted: map[uint64]bool{}}
	for i := range firsts {
		if err := v.segment(i); err != nil {
			return v.r, err
		}
	}
	v.judgePayloads()
	return v.r, nil
}

// verifier goes along the chain.
type verifier struct {
	dir     string
	firsts  []uint64
	next    uint64 // where the chain stands
	prev    digest
	r       Report
	lost    []loss
	named   []Break // of payload files, by KindBroken entries
	deleted map[uint64]bool
}

// loss is what is wrong with the payloads of a segment.
type loss struct {
	first uint64
	spilled
}

func (v *verifier) segment(i int) error {
	first, last := v.firsts[i], i+1 == len(v.firsts)
	s, sp, err := readFile(v.dir, first, -1, v.receipts)
	if err != nil {
		return err
	}
	v.r.Segments++
	v.r.Entries += s.entries
	v.r.Torn = 0
	if s.entries > 0 {
		v.r.Last = Receipt{s.next - 1, s.prev.String()}
	}
	severed := s.follows(first, v.next, v.prev)
	if severed != nil && s.broken != nil {
		s.broken = severed // the first of a file's breaks is the one that Open names
	} else if severed != nil {
		v.r.Breaks = append(v.r.Breaks, *severed)
	}
	if s.broken == nil && !last && s.format == format && sp.broken == nil { // nothing may stand behind the last payload
		if end, err := fileSize(v.dir, payloadName(first)); err == nil && end > sp.good {
			sp.broken = &Break{File: payloadName(first), Line: 1, Reason: "there is more than the entries' payloads"}
		}
	}
	if s.broken == nil && (sp.broken != nil || len(sp.missing) > 0) {
		v.lost = append(v.lost, loss{first, sp})
	}
	v.next, v.prev = s.next, s.prev
	if s.torn > 0 || s.good == 0 && s.broken == nil {
		if last {
			v.r.Torn = s.torn
			return nil
		}
		s.broken = &Break{File: segmentName(first), Line: int(s.entries) + 2, Reason: "ends in the middle of a record"}
	}
	if s.broken == nil {
		return nil
	}
	return v.broken(i, s)
}

// broken judges a segment whose chain breaks.
func (v *verifier) broken(i int, s scanned) error {
	first, last := v.firsts[i], i+1 == len(v.firsts)
	if !last && named(v.dir, v.firsts[i+1], *s.broken) {
		sum, _, err := hashFile(v.dir, first)
		if err != nil {
			return err
		}
		s.broken.SHA256 = sum.String()
		v.r.Named = append(v.r.Named, *s.broken)
		v.next, v.prev = v.firsts[i+1], sum
		return nil
	}
	if n := len(v.r.Breaks); n == 0 || v.r.Breaks[n-1].File != s.broken.File { // else it follows from the header's
		v.r.Breaks = append(v.r.Breaks, *s.broken)
	}
	if !last { // one report a break: the link to the next segment cannot be judged
		if h, err := scanFile(v.dir, v.firsts[i+1], -1, nil); err == nil {
			v.next, v.prev = v.firsts[i+1], h.start
		}
	}
	return nil
}

// receipts remembers what entries say of payloads.
func (v *verifier) receipts(r Record) error {
	switch r.Entry.Kind {
	case KindDeleted:
		var d Deletion
		if json.Unmarshal(r.Entry.Payload, &d) == nil {
			d.each(func(seq uint64) { v.deleted[seq] = true })
		}
	case KindBroken:
		var b Break
		if json.Unmarshal(r.Entry.Payload, &b) == nil {
			v.named = append(v.named, b)
		}
	}
	return nil
}

// judgePayloads compares what is missing with the receipts of deletions.
func (v *verifier) judgePayloads() {
	for _, l := range v.lost {
		l.missing = slices.DeleteFunc(l.missing, func(seq uint64) bool { return v.deleted[seq] })
		b := l.fault(l.first)
		if b == nil {
			continue
		}
		sum, err := hashNamed(v.dir, b.File)
		b.SHA256 = sum.String()
		if err == nil && slices.ContainsFunc(v.named, func(n Break) bool { return n.File == b.File && n.SHA256 == b.SHA256 }) {
			v.r.Named = append(v.r.Named, *b)
			continue
		}
		v.r.Breaks = append(v.r.Breaks, *b)
	}
}

var errFirst = errors.New("first entry seen")

// named reports whether the segment that begins at next was begun because of b, and b's file has not changed
// since.
func named(dir string, next uint64, b Break) bool {
	var open Entry
	s, _, err := readFile(dir, next, -1, func(r Record) error { open = r.Entry; return errFirst })
	if !errors.Is(err, errFirst) || open.Kind != KindBroken {
		return false
	}
	var got Break
	if json.Unmarshal(open.Payload, &got) != nil || got.File != b.File || got.Line != b.Line {
		return false
	}
	sum, err := hashNamed(dir, b.File)
	if err != nil || sum.String() != got.SHA256 {
		return false
	}
	_, records := segmentFirst(b.File)
	return sum == s.start || !records
}
