// Package checkpoint is the signed head of a unit's journal, and what is proven against it: keys and their pins,
// rotations, inclusion proofs, cosignatures of witnesses. It does no I/O.
//
// Formats, all of them text: checkpoints are signed notes as in C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint),
// origin is the unit's id, the key Ed25519; proofs are C2SP tlog-proof; cosignatures C2SP tlog-cosignature.
package checkpoint

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Sentinel errors, wrapped by what is returned.
var (
	ErrForm    = errors.New("not in the form it should have") // cannot be read
	ErrUnknown = errors.New("no known key has signed it")     // readable, unproven
	ErrForged  = errors.New("a signature is wrong")
)

// Checkpoint is the head of a journal's tree.
type Checkpoint struct {
	Origin string // unit id
	tlog.Tree
}

// Text is what is signed.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.N, base64.StdEncoding.EncodeToString(c.Hash[:]))
}

// parseText reads what was signed; extension lines are kept out.
func parseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || !validOrigin(lines[0]) {
		return c, fmt.Errorf("checkpoint: %w", ErrForm)
	}
	c.Origin = lines[0]
	if c.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.N < 0 {
		return c, fmt.Errorf("checkpoint: size %q: %w", lines[1], ErrForm)
	}
	if c.Hash, err = parseHash(lines[2]); err != nil {
		return c, fmt.Errorf("checkpoint: root: %w", err)
	}
	if c.Text() != text {
		return c, fmt.Errorf("checkpoint: %w", ErrForm)
	}
	return c, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || base64.StdEncoding.EncodeToString(b) != s {
		return h, fmt.Errorf("hash %q: %w", s, ErrForm)
	}
	copy(h[:], b)
	return h, nil
}

// validOrigin is what a note allows as a key's name.
func validOrigin(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '+' || r >= 0x7f })
}

// Sign returns the checkpoint as a signed note. The signers' name is the origin.
func Sign(c Checkpoint, signers ...note.Signer) ([]byte, error) {
	if !validOrigin(c.Origin) {
		return nil, fmt.Errorf("checkpoint: origin %q: %w", c.Origin, ErrForm)
	}
	b, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return b, nil
}

// Parse reads a checkpoint without judging its signatures.
func Parse(b []byte) (Checkpoint, error) {
	i := strings.Index(string(b), "\n\n")
	if i < 0 || len(b) > maxNote {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", ErrForm)
	}
	return parseText(string(b[:i+1]))
}

// maxNote is the longest note that is read, in bytes.
const maxNote = 64 << 10

// Open reads a checkpoint that one of the keys has signed; keys are verifier keys of notes, of the checkpoint's origin.
func Open(b []byte, keys ...string) (Checkpoint, error) {
	n, err := openNote(b, keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseText(n.Text)
	if err == nil && n.Sigs[0].Name != c.Origin {
		return c, fmt.Errorf("checkpoint: of %s, signed by %s: %w", c.Origin, n.Sigs[0].Name, ErrForged)
	}
	return c, err
}

// openNote sorts the errors of note.Open.
func openNote(b []byte, keys []string) (*note.Note, error) {
	var list []note.Verifier
	for _, k := range keys {
		v, err := newVerifier(k)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(b) > maxNote {
		return nil, ErrForm
	}
	n, err := note.Open(b, note.VerifierList(list...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return nil, ErrUnknown
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	for _, s := range append(n.Sigs[:len(n.Sigs):len(n.Sigs)], n.UnverifiedSigs...) { // base64 has bits that mean nothing
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("%w: signature of %s: %w", ErrForm, s.Name, err)
		}
	}
	return n, nil
}

const shortPrefix = "SUBROSA:1:"

var shortBase = base32.StdEncoding.WithPadding(base32.NoPadding)

// Short is the checkpoint for paper and a QR code, without a signature: whoever keeps the paper is its witness.
//
//	SUBROSA:1:ratssaal-1:4711:<root, base32>
func (c Checkpoint) Short() string {
	return shortPrefix + c.Origin + ":" + strconv.FormatInt(c.N, 10) + ":" + shortBase.EncodeToString(c.Hash[:])
}

// Paper is Short with a check group, so that a slip of who types it from paper is told from a journal that was rewritten:
//
//	SUBROSA:1:ratssaal-1:4711:<root, base32>#<four characters>
func (c Checkpoint) Paper() string { return c.Short() + "#" + checkGroup(c.Short()) }

func checkGroup(short string) string {
	sum := sha256.Sum256([]byte(short))
	return shortBase.EncodeToString(sum[:])[:4]
}

// IsShort reports whether s is meant to be a checkpoint from paper, typed well or not.
func IsShort(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= len(shortPrefix) && strings.EqualFold(s[:len(shortPrefix)], shortPrefix)
}

// ParseShort is the inverse of Short and of Paper. Case and white space do not matter in prefix, root and check group.
func ParseShort(s string) (c Checkpoint, err error) {
	if !IsShort(s) {
		return c, fmt.Errorf("checkpoint: %w", ErrForm)
	}
	rest, check, checked := strings.Cut(strings.TrimSpace(s)[len(shortPrefix):], "#")
	root := strings.LastIndexByte(rest, ':')
	if root < 0 {
		return c, fmt.Errorf("checkpoint: %w", ErrForm)
	}
	origin, size, ok := cutLast(rest[:root])
	if !ok || !validOrigin(origin) {
		return c, fmt.Errorf("checkpoint: %w", ErrForm)
	}
	c.Origin = origin
	if c.N, err = strconv.ParseInt(size, 10, 64); err != nil || c.N < 0 || strconv.FormatInt(c.N, 10) != size {
		return c, fmt.Errorf("checkpoint: size %q: %w", size, ErrForm)
	}
	b, err := shortBase.DecodeString(compact(rest[root+1:]))
	if err != nil || len(b) != len(c.Hash) {
		return c, fmt.Errorf("checkpoint: root: %w", ErrForm)
	}
	copy(c.Hash[:], b)
	if checked && compact(check) != checkGroup(c.Short()) {
		return c, fmt.Errorf("checkpoint: the check group %.8q does not fit: a slip in typing? %w", check, ErrForm)
	}
	return c, nil
}

// compact takes white space and case out of base32.
func compact(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
