package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Algorithms of keys in notes.
const (
	algEd25519     = 1
	algCosignature = 4
)

// NewKey makes a key of a unit or a witness. private is a note's signer key, to be kept secret; public is its verifier
// key.
func NewKey(rand io.Reader, origin string) (private, public string, err error) {
	if !validOrigin(origin) {
		return "", "", fmt.Errorf("checkpoint: name %q: %w", origin, ErrForm)
	}
	private, public, err = note.GenerateKey(rand, origin)
	if err != nil {
		return "", "", fmt.Errorf("checkpoint: %w", err)
	}
	return private, public, nil
}

// NewSigner reads a private key.
func NewSigner(private string) (note.Signer, error) {
	s, err := note.NewSigner(strings.TrimSpace(private))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: private key: %w: %w", ErrForm, err)
	}
	return s, nil
}

// Public returns the verifier key of a private key.
func Public(private string) (string, error) {
	s, seed, err := seedOf(private)
	if err != nil {
		return "", err
	}
	public, err := note.NewEd25519VerifierKey(s.Name(), seed.Public().(ed25519.PublicKey))
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return public, nil
}

func seedOf(private string) (note.Signer, ed25519.PrivateKey, error) {
	s, err := NewSigner(private)
	if err != nil {
		return nil, nil, err
	}
	parts := strings.SplitN(strings.TrimSpace(private), "+", 5)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != algEd25519 {
		return nil, nil, fmt.Errorf("checkpoint: private key: %w", ErrForm)
	}
	return s, ed25519.NewKeyFromSeed(raw[1:]), nil
}

// splitKey takes a verifier key apart and checks its hash.
func splitKey(public string) (name string, alg byte, key []byte, err error) {
	parts := strings.SplitN(public, "+", 3)
	if len(parts) != 3 || !validOrigin(parts[0]) {
		return "", 0, nil, fmt.Errorf("checkpoint: key: %w", ErrForm)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || base64.StdEncoding.EncodeToString(raw) != parts[2] {
		return "", 0, nil, fmt.Errorf("checkpoint: key: %w", ErrForm)
	}
	sum := keySum(parts[0], raw)
	if parts[1] != hex.EncodeToString(sum[:4]) {
		return "", 0, nil, fmt.Errorf("checkpoint: key: its hash does not fit: %w", ErrForm)
	}
	return parts[0], raw[0], raw[1:], nil
}

// keySum is the hash of which a note's signature line has the first four bytes.
func keySum(name string, raw []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(name+"\n"), raw...))
}

// newVerifier accepts keys of units and of witnesses.
func newVerifier(public string) (note.Verifier, error) {
	name, alg, key, err := splitKey(public)
	if err != nil {
		return nil, err
	}
	if alg == algCosignature {
		sum := keySum(name, append([]byte{algCosignature}, key...))
		return cosignatureVerifier{name, binary.BigEndian.Uint32(sum[:4]), key}, nil
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: key: %w: %w", ErrForm, err)
	}
	return v, nil
}

// Origin is the name in a verifier key, "" if it is none.
func Origin(public string) string {
	name, _, _, err := splitKey(public)
	if err != nil {
		return ""
	}
	return name
}

// Pin is the fingerprint of a unit's key, as it is kept on paper: the SHA-256 of which a note's signature line has the
// first four bytes. It is bound to the unit's id.
type Pin [sha256.Size]byte

// PinOf returns the pin of a verifier key.
func PinOf(public string) (Pin, error) {
	name, alg, key, err := splitKey(public)
	if err != nil {
		return Pin{}, err
	}
	return keySum(name, append([]byte{alg}, key...)), nil
}

// String groups the digits for people.
func (p Pin) String() string {
	var b strings.Builder
	for i, c := range hex.EncodeToString(p[:]) {
		if i > 0 && i%8 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Fits reports whether public is the pinned key.
func (p Pin) Fits(public string) bool {
	got, err := PinOf(public)
	return err == nil && subtle.ConstantTimeCompare(got[:], p[:]) == 1
}

// ParsePin reads a pin as it is printed, or a file of one: lines beginning with # are left out, and words before the
// digits. A whole verifier key is a pin, too.
func ParsePin(b []byte) (p Pin, err error) {
	if len(b) > 4096 {
		return p, fmt.Errorf("checkpoint: pin: %w", ErrForm)
	}
	var words []string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			words = append(words, strings.Fields(line)...)
		}
	}
	if len(words) == 1 && strings.Contains(words[0], "+") {
		return PinOf(words[0])
	}
	digits := ""
	for _, w := range slices.Backward(words) { // groups may be parted by spaces
		w = strings.NewReplacer("-", "", ":", "").Replace(w)
		if _, err := hex.DecodeString(w); err != nil || len(digits) >= 2*len(p) {
			break
		}
		digits = w + digits
	}
	if raw, err := hex.DecodeString(digits); err == nil && len(raw) == len(p) {
		copy(p[:], raw)
		return p, nil
	}
	return p, fmt.Errorf("checkpoint: pin: %w", ErrForm)
}

// Rotation is the change from one key of a unit to the next. It is a note signed by both, and the payload of a
// KindRotated entry: {"note":"…"}.
type Rotation struct{ Old, New string } // verifier keys

// KindRotated is the kind of the journal entry whose permanent payload is a RotationPayload.
const KindRotated = "key.rotated"

// RotationPayload is the payload of a KindRotated entry.
type RotationPayload struct {
	Note string `json:"note"`
}

const rotationHead = "subrosa key rotation v1\n"

// SignRotation makes the note, with both private keys.
func SignRotation(oldPrivate, newPrivate string) ([]byte, error) {
	var publics [2]string
	var signers [2]note.Signer
	for i, k := range []string{oldPrivate, newPrivate} {
		var err error
		if signers[i], err = NewSigner(k); err != nil {
			return nil, err
		}
		if publics[i], err = Public(k); err != nil {
			return nil, err
		}
	}
	if signers[0].Name() != signers[1].Name() || publics[0] == publics[1] {
		return nil, fmt.Errorf("checkpoint: rotation: from %s to %s: %w", publics[0], publics[1], ErrForm)
	}
	b, err := note.Sign(&note.Note{Text: rotationHead + publics[0] + "\n" + publics[1] + "\n"}, signers[0], signers[1])
	if err != nil {
		return nil, fmt.Errorf("checkpoint: rotation: %w", err)
	}
	return b, nil
}

// ParseRotation reads the note and checks both signatures. Whether either key is to be trusted it does not say.
func ParseRotation(b []byte) (r Rotation, err error) {
	body, ok := strings.CutPrefix(string(b), rotationHead)
	lines := strings.SplitN(body, "\n", 4)
	if !ok || len(lines) != 4 || lines[2] != "" {
		return r, fmt.Errorf("checkpoint: rotation: %w", ErrForm)
	}
	r = Rotation{lines[0], lines[1]}
	n, err := openNote(b, []string{r.Old, r.New})
	if err != nil {
		return r, fmt.Errorf("checkpoint: rotation: %w", err)
	}
	if len(n.Sigs) != 2 || Origin(r.Old) != Origin(r.New) || r.Old == r.New {
		return r, fmt.Errorf("checkpoint: rotation: not signed by both keys: %w", ErrForged)
	}
	return r, nil
}

// Follow returns the keys that the pin vouches for: the pinned one, if it is among keys or in a rotation, and all that
// rotations, each signed by both of its keys, connect with it.
func Follow(p Pin, keys []string, rotations []Rotation) (trusted []string) {
	for _, r := range rotations {
		keys = append(keys[:len(keys):len(keys)], r.Old, r.New)
	}
	for _, k := range keys {
		if p.Fits(k) && !slices.Contains(trusted, k) {
			trusted = append(trusted, k)
		}
	}
	for range rotations {
		for _, r := range rotations {
			o, n := slices.Contains(trusted, r.Old), slices.Contains(trusted, r.New)
			if o && !n {
				trusted = append(trusted, r.New)
			} else if n && !o {
				trusted = append(trusted, r.Old)
			}
		}
	}
	return trusted
}
