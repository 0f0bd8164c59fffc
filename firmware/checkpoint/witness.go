package checkpoint

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// cosigned is what a witness signs, by C2SP tlog-cosignature.
func cosigned(at uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

type cosignatureVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (v cosignatureVerifier) Name() string    { return v.name }
func (v cosignatureVerifier) KeyHash() uint32 { return v.hash }

// Verify checks a signature: 8 bytes of POSIX seconds, big endian, and the Ed25519 signature.
func (v cosignatureVerifier) Verify(text, sig []byte) bool {
	return len(sig) == 8+ed25519.SignatureSize && ed25519.Verify(v.key, cosigned(binary.BigEndian.Uint64(sig), text), sig[8:])
}

type cosigner struct {
	cosignatureVerifier
	private ed25519.PrivateKey
	at      uint64
}

func (s cosigner) Sign(text []byte) ([]byte, error) {
	return append(binary.BigEndian.AppendUint64(nil, s.at), ed25519.Sign(s.private, cosigned(s.at, text))...), nil
}

func newCosigner(private string, at time.Time) (cosigner, error) {
	s, key, err := seedOf(private)
	if err != nil {
		return cosigner{}, err
	}
	public := key.Public().(ed25519.PublicKey)
	sum := keySum(s.Name(), append([]byte{algCosignature}, public...))
	return cosigner{cosignatureVerifier{s.Name(), binary.BigEndian.Uint32(sum[:4]), public}, key, uint64(max(0, at.Unix()))}, nil
}

// WitnessKey returns the verifier key of the cosignatures that a private key makes. It differs from the one of its
// checkpoints, so that neither can pass for the other.
func WitnessKey(private string) (string, error) {
	c, err := newCosigner(private, time.Unix(0, 0))
	if err != nil {
		return "", err
	}
	raw := append([]byte{algCosignature}, c.key...)
	return c.name + "+" + hex.EncodeToString(binary.BigEndian.AppendUint32(nil, c.hash)) + "+" + base64.StdEncoding.EncodeToString(raw), nil
}

// Cosign adds a witness's line to a checkpoint, which the caller has found to continue what the witness saw before.
func Cosign(b []byte, private string, at time.Time) ([]byte, error) {
	if _, err := Parse(b); err != nil {
		return nil, err
	}
	c, err := newCosigner(private, at)
	if err != nil {
		return nil, err
	}
	_, err = note.Open(b, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return nil, fmt.Errorf("checkpoint: %w", errors.Join(ErrForm, err))
	}
	n := unverified.Note
	out, err := note.Sign(&note.Note{Text: n.Text, UnverifiedSigs: n.UnverifiedSigs}, c)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return out, nil
}

// Cosignature is one witness's line.
type Cosignature struct {
	Witness string
	At      time.Time
}

// Cosignatures returns the lines of a checkpoint that the witnesses with these verifier keys have signed.
func Cosignatures(b []byte, witnesses ...string) ([]Cosignature, error) {
	n, err := openNote(b, witnesses)
	if errors.Is(err, ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var out []Cosignature
	for _, s := range n.Sigs {
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil || len(raw) != 4+8+ed25519.SignatureSize {
			continue // a unit's own
		}
		out = append(out, Cosignature{s.Name, time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()})
	}
	return out, nil
}

// Continues reports whether next goes on where last ended, by a consistency proof; proof is nil if the sizes are equal.
// An error that wraps ErrForged is a fork or a rewritten past.
func Continues(last, next Checkpoint, proof tlog.TreeProof) error {
	switch {
	case last.Origin != next.Origin:
		return fmt.Errorf("checkpoint: of %s, the last was of %s: %w", next.Origin, last.Origin, ErrForm)
	case next.N < last.N:
		return fmt.Errorf("checkpoint: of %d entries, the last had %d: %w", next.N, last.N, ErrForged)
	case next.N == last.N && next.Hash != last.Hash:
		return fmt.Errorf("checkpoint: two of %d entries differ: %w", next.N, ErrForged)
	case next.N == last.N || last.N == 0:
		return nil
	}
	if err := tlog.CheckTree(proof, next.N, next.Hash, last.N, last.Hash); err != nil {
		return fmt.Errorf("checkpoint: of %d entries does not continue the one of %d: %w: %w", next.N, last.N, ErrForged, err)
	}
	return nil
}
