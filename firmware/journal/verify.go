package journal

import (
	"encoding/json"
	"errors"
	"fmt"
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
	var r Report
	firsts, err := segments(dir)
	if err != nil {
		return r, err
	}
	chain := struct {
		next uint64
		prev digest
	}{next: 1}
	for i, first := range firsts {
		s, err := scanFile(dir, first, -1, nil)
		if err != nil {
			return r, err
		}
		r.Segments++
		r.Entries += s.entries
		r.Torn = 0
		if s.entries > 0 {
			r.Last = Receipt{s.next - 1, s.prev.String()}
		}
		if s.good > 0 && (first != chain.next || s.start != chain.prev) {
			r.Breaks = append(r.Breaks, Break{File: segmentName(first), Line: 1,
				Reason: fmt.Sprintf("does not continue the chain at %d", chain.next)})
		}
		chain.next, chain.prev = s.next, s.prev
		last := i+1 == len(firsts)
		if s.torn > 0 || s.good == 0 && s.broken == nil {
			if last {
				r.Torn = s.torn
				continue
			}
			s.broken = &Break{File: segmentName(first), Line: int(s.entries) + 2, Reason: "ends in the middle of a record"}
		}
		if s.broken == nil {
			continue
		}
		if !last && named(dir, firsts[i+1], *s.broken) {
			sum, _, err := hashFile(dir, first)
			if err != nil {
				return r, err
			}
			s.broken.SHA256 = sum.String()
			r.Named = append(r.Named, *s.broken)
			chain.next, chain.prev = firsts[i+1], sum
			continue
		}
		if n := len(r.Breaks); n == 0 || r.Breaks[n-1].File != s.broken.File { // else it follows from the header's
			r.Breaks = append(r.Breaks, *s.broken)
		}
		if !last { // one report a break: the link to the next segment cannot be judged
			if h, err := scanFile(dir, firsts[i+1], -1, nil); err == nil {
				chain.next, chain.prev = firsts[i+1], h.start
			}
		}
	}
	return r, nil
}

var errFirst = errors.New("first entry seen")

// named reports whether the segment that begins at next was begun because of b, and b's file has not changed
// since.
func named(dir string, next uint64, b Break) bool {
	var open Entry
	s, err := scanFile(dir, next, -1, func(_ uint64, e Entry) error { open = e; return errFirst })
	if !errors.Is(err, errFirst) || open.Kind != KindBroken {
		return false
	}
	var got Break
	if json.Unmarshal(open.Payload, &got) != nil || got.File != b.File || got.Line != b.Line {
		return false
	}
	first, ok := segmentFirst(b.File)
	if !ok {
		return false
	}
	sum, _, err := hashFile(dir, first)
	return err == nil && sum == s.start && sum.String() == got.SHA256
}
