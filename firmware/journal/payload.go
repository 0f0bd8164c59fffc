package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// saltSize is the number of random bytes that keep a commitment from being guessed.
const saltSize = 32

// Commitment is what an entry's header says of a payload: the hex SHA-256 of salt ‖ payload.
func Commitment(salt, payload []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(payload)
	return hex.EncodeToString(h.Sum(nil))
}

// Record is an entry as it stands in the tree. Entry.Payload and Salt are nil if the payload was deleted or lost;
// Entry.Commit tells whether there was one.
type Record struct {
	Seq   uint64
	Leaf  []byte // {"seq":…,"entry":{…}}: RFC 6962 hashes these bytes; nil for an entry from before the tree
	Salt  []byte
	Entry Entry
}

// AppendPayload appends a line of payloads, line feed included.
func AppendPayload(dst []byte, seq uint64, salt, payload []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, `,"salt":"`...)
	dst = hex.AppendEncode(dst, salt)
	dst = append(dst, `","payload":`...)
	dst = append(dst, payload...)
	return append(dst, "}\n"...)
}

// ParsePayload reads a line of payloads, without its line feed. The payload is a part of line; whether it is the
// right one, only the commitment tells.
func ParsePayload(line []byte) (seq uint64, salt, payload []byte, err error) {
	bad := errors.New("journal: not a payload")
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	n := bytes.IndexByte(rest, ',')
	if !ok || n < 0 {
		return 0, nil, nil, bad
	}
	if seq, err = strconv.ParseUint(string(rest[:n]), 10, 64); err != nil {
		return 0, nil, nil, bad
	}
	rest, ok = bytes.CutPrefix(rest[n:], []byte(`,"salt":"`))
	if !ok || len(rest) < 2*saltSize {
		return 0, nil, nil, bad
	}
	salt = make([]byte, saltSize)
	if _, err := hex.Decode(salt, rest[:2*saltSize]); err != nil {
		return 0, nil, nil, bad
	}
	rest, ok = bytes.CutPrefix(rest[2*saltSize:], []byte(`","payload":`))
	if !ok || len(rest) < 2 || !bytes.Equal(AppendPayload(nil, seq, salt, rest[:len(rest)-1]), append(line[:len(line):len(line)], '\n')) {
		return 0, nil, nil, bad // not in canonical form
	}
	return seq, salt, rest[:len(rest)-1], nil
}

const payloadSuffix = ".payloads"

func payloadName(first uint64) string { return fmt.Sprintf("%020d%s", first, payloadSuffix) }

// payloads reads the payloads of a segment beside its records, both ascending.
type payloads struct {
	name string
	f    *os.File // nil: there is no such file
	br   *bufio.Reader
	line int
	off  int64 // bytes read
	good int64 // bytes up to the end of the last payload that belongs to a record
	bad  *Break
	have bool
	seq  uint64
	salt []byte
	text []byte // of the payload; valid until the next line is read
}

func openPayloads(dir string, first uint64) (*payloads, error) {
	p := &payloads{name: payloadName(first)}
	f, err := os.Open(filepath.Join(dir, p.name))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	p.f, p.br = f, bufio.NewReaderSize(f, maxLine)
	return p, nil
}

func (p *payloads) close() {
	if p.f != nil {
		p.f.Close()
	}
}

// fault remembers the first line that is wrong.
func (p *payloads) fault(reason string) {
	if p.bad == nil {
		p.bad = &Break{File: p.name, Line: p.line, Reason: reason}
	}
}

// advance reads the next line that is a payload; it returns io.EOF at the end, which an unfinished line is, too.
func (p *payloads) advance() error {
	p.have = false
	if p.f == nil {
		return io.EOF
	}
	for {
		text, err := p.br.ReadSlice('\n')
		switch {
		case err == io.EOF:
			return io.EOF
		case err == bufio.ErrBufferFull:
			p.line++
			p.fault("line is too long")
			p.off += int64(len(text))
			continue
		case err != nil:
			return fmt.Errorf("journal: %s: %w", p.name, err)
		}
		p.line++
		p.off += int64(len(text))
		if p.seq, p.salt, p.text, err = ParsePayload(text[:len(text)-1]); err != nil {
			p.fault("is not a payload")
			continue
		}
		p.have = true
		return nil
	}
}

// find returns the payload of an entry, nil if it is not here. Entries are asked for in ascending order.
func (p *payloads) find(seq uint64, commit string) (salt, payload []byte, err error) {
	for !p.have || p.seq < seq {
		if p.have {
			p.fault("belongs to no entry")
		}
		if err := p.advance(); err == io.EOF {
			return nil, nil, nil
		} else if err != nil {
			return nil, nil, err
		}
	}
	switch {
	case p.seq > seq:
		return nil, nil, nil
	case Commitment(p.salt, p.text) != commit:
		p.fault(fmt.Sprintf("is not the payload that %d has committed to", seq))
		p.have = false
		return nil, nil, nil
	}
	p.have, p.good = false, p.off
	return p.salt, bytes.Clone(p.text), nil
}

// spilled is how a segment's payloads were found.
type spilled struct {
	good    int64    // bytes up to the end of the last payload that belongs to a record
	missing []uint64 // entries whose payload is not here
	broken  *Break   // a line before good is not what it should be
}

// readFile scans the first limit bytes of a segment, all of it if limit < 0, with its payloads.
func readFile(dir string, first uint64, limit int64, fn func(Record) error) (s scanned, sp spilled, err error) {
	p, err := openPayloads(dir, first)
	if err != nil {
		return s, sp, err
	}
	defer p.close()
	s, err = scanFile(dir, first, limit, func(inline bool, seq uint64, raw []byte, e Entry) error {
		r := Record{Seq: seq, Entry: e}
		if !inline {
			r.Leaf = appendLeaf(nil, seq, raw)
		}
		if e.Commit != "" {
			if r.Salt, r.Entry.Payload, err = p.find(seq, e.Commit); err != nil {
				return err
			}
			if r.Salt == nil {
				sp.missing = append(sp.missing, seq)
			}
			if r.Salt != nil && p.bad != nil {
				sp.broken = p.bad
			}
		}
		if fn == nil {
			return nil
		}
		return fn(r)
	})
	sp.good = p.good
	if p.bad != nil && (sp.broken != nil || len(sp.missing) > 0) {
		sp.broken = p.bad
	}
	return s, sp, err
}
