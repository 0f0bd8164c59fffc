package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrBroken is wrapped by errors about records that do not verify.
var ErrBroken = errors.New("chain is broken")

// Break says where a segment stopped making sense. It is the payload of a KindBroken entry.
type Break struct {
	File   string `json:"file"`
	Line   int    `json:"line"` // from 1, the header
	Reason string `json:"reason"`
	SHA256 string `json:"sha256"` // of the file as it was found; prev of the segment after it
}

func (b Break) String() string { return fmt.Sprintf("%s:%d: %s", b.File, b.Line, b.Reason) }

// maxLine is the longest line a segment can have, line feed included.
const maxLine = MaxEntry + 1024

// scanned is what a segment turned out to hold.
type scanned struct {
	next    uint64 // sequence number after the last good record
	prev    digest // hash of the last good record
	good    int64  // bytes up to the end of the last good line
	torn    int64  // bytes of a record, or a header, whose writing was cut short
	whole   bool   // the torn record, of that length, lacks only its line feed
	broken  *Break // set if anything else follows the good lines; SHA256 is empty
	start   digest // prev of the header
	format  int    // of the header; 0: there is none
	entries uint64
}

// visitor is called for a record that verifies; raw are the entry's bytes in the line, which it must not keep.
// In a segment of the first format the payload is inline.
type visitor func(inline bool, seq uint64, raw []byte, e Entry) error

// scan reads one segment. first is what the name says. fn, which may be nil, is called for every record that
// verifies; its error ends the scan and is returned as it is.
func scan(r io.Reader, name string, first uint64, fn visitor) (s scanned, err error) {
	br := bufio.NewReaderSize(r, maxLine)
	s.next = first
	for line := 1; ; line++ {
		text, err := br.ReadSlice('\n')
		switch {
		case err == io.EOF && len(text) == 0:
			return s, nil
		case err == io.EOF:
			s.tail(name, first, line, text)
			return s, nil
		case err == bufio.ErrBufferFull:
			s.broken = &Break{File: name, Line: line, Reason: "line is too long"}
			return s, nil
		case err != nil:
			return s, fmt.Errorf("journal: %s: %w", name, err)
		}
		if err := s.line(line, text[:len(text)-1], first, fn); err != nil {
			var bad lineError
			if !errors.As(err, &bad) {
				return s, err
			}
			s.broken = &Break{File: name, Line: line, Reason: bad.Error()}
			return s, nil
		}
		s.good += int64(len(text))
	}
}

// follows is the break between a segment and the chain that stands at next and prev, nil if there is none.
func (s *scanned) follows(first, next uint64, prev digest) *Break {
	if s.good == 0 || first == next && s.start == prev {
		return nil
	}
	return &Break{File: segmentName(first), Line: 1, Reason: fmt.Sprintf("does not continue the chain at %d", next)}
}

// lineError tells a bad line from an error of the caller's.
type lineError struct{ error }

func (s *scanned) line(n int, text []byte, first uint64, fn visitor) error {
	if n == 1 {
		h, prev, err := parseHeader(text)
		if err == nil && h.First != first {
			err = fmt.Errorf("header: begins at %d, the name says %d", h.First, first)
		}
		if err != nil {
			return lineError{err}
		}
		s.start, s.prev, s.format = prev, prev, h.Format
		return nil
	}
	e, raw, d, err := parseRecord(text, s.prev, s.next)
	if err == nil && s.format != formatInline && len(e.Payload) > 0 {
		err = errors.New("the payload stands in the header")
	}
	if err != nil {
		return lineError{err}
	}
	seq := s.next
	s.prev, s.next = d, s.next+1
	s.entries++
	if fn == nil {
		return nil
	}
	return fn(s.format == formatInline, seq, raw, e)
}

// tail judges what follows the last line feed. Only what a write that was cut short leaves behind, the
// beginning of the next record or header and perhaps blocks of zeros, is torn; anything else is a break.
func (s *scanned) tail(name string, first uint64, line int, text []byte) {
	begun := bytes.TrimRight(text, "\x00")
	head, most := recordHead(nil, s.prev, s.next), maxLine-1
	if line == 1 {
		head = headerHead(format, first)
		if old := headerHead(formatInline, first); bytes.HasPrefix(begun, old[:min(len(old), len(begun))]) {
			head = old
		}
		most = len(head) + 2*sha256.Size + len(`"}`)
	}
	n := min(len(head), len(begun))
	switch {
	case line > 1 && parses(begun, s.prev, s.next):
		s.torn, s.whole = int64(len(begun)), true
	case line > 1 && s.overrun(begun):
		s.broken = &Break{File: name, Line: line, Reason: "more than a record and its line feed"}
	case bytes.Equal(head[:n], begun[:n]) && !bytes.Contains(begun, []byte{0}) && len(begun) <= most:
		s.torn = int64(len(text))
	case line == 1:
		s.broken = &Break{File: name, Line: line, Reason: "header is not in canonical form"}
	default:
		s.broken = &Break{File: name, Line: line, Reason: fmt.Sprintf("does not continue the chain at %d", s.next)}
	}
}

// overrun reports whether text is a whole record with something else than a line feed after it.
func (s *scanned) overrun(text []byte) bool {
	const mark = `,"hash":"`
	for at := 0; ; at++ {
		i := bytes.Index(text[at:], []byte(mark))
		if i < 0 {
			return false
		}
		at += i
		if end := at + len(mark) + 2*sha256.Size + len(`"}`); end <= len(text) && parses(text[:end], s.prev, s.next) {
			return true
		}
	}
}

const suffix = ".jsonl"

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, suffix) }

// segments returns the first sequence numbers of the segments in dir, ascending.
func segments(dir string) ([]uint64, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var firsts []uint64
	for _, f := range files {
		if n, ok := segmentFirst(f.Name()); ok {
			firsts = append(firsts, n)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// segmentFirst is the inverse of segmentName.
func segmentFirst(name string) (uint64, bool) {
	base, ok := strings.CutSuffix(name, suffix)
	n, err := strconv.ParseUint(base, 10, 64)
	return n, ok && err == nil && n > 0 && segmentName(n) == name
}

// scanFile scans the first limit bytes of a segment, all of it if limit < 0.
func scanFile(dir string, first uint64, limit int64, fn visitor) (scanned, error) {
	f, err := os.Open(filepath.Join(dir, segmentName(first)))
	if err != nil {
		return scanned{}, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if limit >= 0 {
		r = io.LimitReader(f, limit)
	}
	return scan(r, segmentName(first), first, fn)
}

// hashNamed returns the SHA-256 of a file of the journal.
func hashNamed(dir, name string) (d digest, err error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return d, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return d, fmt.Errorf("journal: %w", err)
	}
	h.Sum(d[:0])
	return d, nil
}

// hashFile returns the SHA-256 of a segment as it lies there and the number of its line feeds.
func hashFile(dir string, first uint64) (d digest, lines uint64, err error) {
	f, err := os.Open(filepath.Join(dir, segmentName(first)))
	if err != nil {
		return d, 0, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		lines += uint64(bytes.Count(buf[:n], []byte{'\n'}))
		if err == io.EOF {
			h.Sum(d[:0])
			return d, lines, nil
		}
		if err != nil {
			return d, lines, fmt.Errorf("journal: %w", err)
		}
	}
}
