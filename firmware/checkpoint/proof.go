package checkpoint

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const proofHead = "c2sp.org/tlog-proof@v1\n"

// maxProof is the largest number of hashes: a tree of 2^63 leaves has no more.
const maxProof = 63

// Proof is a C2SP tlog-proof: that a leaf stands in the tree of a checkpoint.
type Proof struct {
	Index      int64
	Hashes     tlog.RecordProof
	Checkpoint []byte // the signed note
}

// Format writes the proof's text.
func (p Proof) Format() []byte {
	b := fmt.Appendf(nil, "%sindex %d\n", proofHead, p.Index)
	for _, h := range p.Hashes {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), p.Checkpoint...)
}

// ParseProof reads the text; its extra line, which is for the application, is passed over.
func ParseProof(b []byte) (p Proof, err error) {
	bad := fmt.Errorf("checkpoint: proof: %w", ErrForm)
	rest, ok := bytes.CutPrefix(b, []byte(proofHead))
	if !ok || len(b) > maxNote {
		return p, bad
	}
	head, note, ok := bytes.Cut(rest, []byte("\n\n"))
	if !ok {
		return p, bad
	}
	lines := strings.Split(string(head), "\n")
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		if _, err := base64.StdEncoding.DecodeString(extra); err != nil || len(lines) < 2 {
			return p, bad
		}
		lines = lines[1:]
	}
	index, ok := strings.CutPrefix(lines[0], "index ")
	if p.Index, err = strconv.ParseInt(index, 10, 64); !ok || err != nil || p.Index < 0 || strconv.FormatInt(p.Index, 10) != index {
		return p, bad
	}
	if len(lines)-1 > maxProof {
		return p, bad
	}
	for _, l := range lines[1:] {
		h, err := parseHash(l)
		if err != nil {
			return p, fmt.Errorf("checkpoint: proof: %w", err)
		}
		p.Hashes = append(p.Hashes, h)
	}
	p.Checkpoint = note
	return p, nil
}

// Check reports whether leaf stands where the proof says, in the tree of its checkpoint, which one of the keys has signed.
func (p Proof) Check(leaf []byte, keys ...string) (Checkpoint, error) {
	c, err := Open(p.Checkpoint, keys...)
	if err != nil {
		return c, err
	}
	if p.Index >= c.N {
		return c, fmt.Errorf("checkpoint: proof: leaf %d of a tree of %d: %w", p.Index, c.N, ErrForged)
	}
	if err := tlog.CheckRecord(p.Hashes, c.N, c.Hash, p.Index, tlog.RecordHash(leaf)); err != nil {
		return c, fmt.Errorf("checkpoint: proof: leaf %d: %w: %w", p.Index, ErrForged, err)
	}
	return c, nil
}
