package journal

import (
	"errors"
	"fmt"
	"os"
)

// Folder is the journal in a folder, for reading only: nothing is locked, repaired or written, so that another process may
// write it meanwhile. A record that is being written, or was cut short, at the very end is not there yet.
type Folder string

// Read is as that of a Journal.
func (d Folder) Read(from uint64, fn func(seq uint64, e Entry) error) error {
	return d.Records(from, func(r Record) error { return fn(r.Seq, r.Entry) })
}

// Records is Read with what stands in the tree.
func (d Folder) Records(from uint64, fn func(Record) error) error {
	dir := string(d)
	if _, err := os.Stat(dir); err != nil { // segments takes what is not there for empty
		return fmt.Errorf("journal: %w", err)
	}
	firsts, err := segments(dir)
	if err != nil {
		return err
	}
	var breaks []error
	for i, first := range firsts {
		last := i+1 == len(firsts)
		if !last && firsts[i+1] <= from {
			continue
		}
		s, sp, err := readFile(dir, first, -1, func(r Record) error {
			if r.Seq < from {
				return nil
			}
			return fn(r)
		})
		if err != nil {
			return err
		}
		if s.broken == nil && s.torn > 0 && !last {
			s.broken = &Break{File: segmentName(first), Line: int(s.entries) + 2, Reason: "ends in the middle of a record"}
		}
		for _, b := range []*Break{s.broken, sp.broken} {
			if b != nil && (last || !named(dir, firsts[i+1], *b)) {
				breaks = append(breaks, fmt.Errorf("journal: %w: %s", ErrBroken, b))
			}
		}
	}
	return errors.Join(breaks...)
}
