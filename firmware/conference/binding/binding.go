// Package binding ties an identity to the signature key of a client's MLS leaf, so that the members of a call, and not
// only its server, can tell who stands behind a leaf.
//
// A binding is three parts in base64url without padding, joined by dots; the last only with a passkey:
//
//	payload . signature . proof
//
//	payload    the JSON object of Claim, its keys in that order and without spaces
//	signature  Ed25519 by the conference's own key, over "subrosa binding v1" ‖ 0x00 ‖ payload
//	proof      the JSON object of Proof: the passkey's own signature. Its challenge is
//	           SHA-256("subrosa passkey v1" ‖ 0x00 ‖ payload), so that the passkey itself has signed the leaf's key
//
// The ASCII bytes of a binding are the identity in the leaf's MLS BasicCredential. A member checks it when somebody is
// to be taken in, and again for every leaf of a group that it joins: Verify says all there is to check.
//
// What it proves. Without proof: the server says so, and a server that lies can say anything. With proof: whoever holds the
// passkey did sign this key for this room and time. That the passkey is the member's, the server said once; a client that
// remembers Claim.Passkey by member sees when it changes. An Admission is signed by the chair's leaf, not by the server.
package binding

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// Longest times that a binding and an admission hold. A clock may be off by Skew.
const (
	MaxLife          = 12 * time.Hour
	MaxAdmissionLife = 10 * time.Minute
	Skew             = 2 * time.Minute
	MaxToken         = 4096 // bytes
)

const (
	claimDomain   = "subrosa binding v1\x00"
	passkeyDomain = "subrosa passkey v1\x00"
)

// Errors, wrapped by what is returned; Slug names them in the vectors that the browser's side is tested with.
var (
	ErrForm      = errors.New("is not of the form")
	ErrSignature = errors.New("signature does not verify")
	ErrTime      = errors.New("is not valid at this time")
	ErrRoom      = errors.New("is for another room")
	ErrGroup     = errors.New("is for another group")
	ErrKey       = errors.New("is for another key")
	ErrProof     = errors.New("passkey's proof does not verify")
	ErrMissing   = errors.New("has no proof by a passkey")
)

// Slug returns the short name of what is wrong with a binding or admission, "" with nil.
func Slug(err error) string {
	for _, e := range []struct {
		err  error
		slug string
	}{{ErrForm, "form"}, {ErrSignature, "signature"}, {ErrTime, "time"}, {ErrRoom, "room"}, {ErrGroup, "group"}, {ErrKey, "key"}, {ErrProof, "proof"}, {ErrMissing, "missing"}} {
		if errors.Is(err, e.err) {
			return e.slug
		}
	}
	return ""
}

// Claim is what a binding says. Bytes are standard base64 with padding in its JSON, as encoding/json writes them.
type Claim struct {
	V       int            `json:"v"` // 1
	Room    string         `json:"room"`
	Member  string         `json:"member"` // pseudonym
	Role    roster.Role    `json:"role"`
	Factors []level.Factor `json:"factors"`
	Key     []byte         `json:"key"`     // Ed25519 public key of the MLS leaf, 32 bytes
	From    int64          `json:"from"`    // seconds since 1970
	To      int64          `json:"to"`      // first second after
	Nonce   []byte         `json:"nonce"`   // 16 random bytes
	Passkey []byte         `json:"passkey"` // SHA-256 thumbprint (RFC 7638) of the passkey in Proof, or null
}

// Check reports the first thing that is wrong with c.
func (c *Claim) Check() error {
	life := time.Duration(c.To-c.From) * time.Second
	switch {
	case c.V != 1:
		return fmt.Errorf("binding: %w: version %d", ErrForm, c.V)
	case !roster.ValidID(c.Room) || !roster.ValidID(c.Member):
		return fmt.Errorf("binding: %w: room or member is no id", ErrForm)
	case !c.Role.Valid():
		return fmt.Errorf("binding: %w: unknown role", ErrForm)
	case len(c.Factors) == 0 || len(c.Factors) > 8 || slices.ContainsFunc(c.Factors, func(f level.Factor) bool { return !f.Valid() }):
		return fmt.Errorf("binding: %w: factors", ErrForm)
	case len(c.Key) != ed25519.PublicKeySize || len(c.Nonce) != 16:
		return fmt.Errorf("binding: %w: key or nonce has a wrong length", ErrForm)
	case c.Passkey != nil && len(c.Passkey) != sha256.Size:
		return fmt.Errorf("binding: %w: thumbprint has %d bytes", ErrForm, len(c.Passkey))
	case c.From < 0 || c.To > 1<<40 || c.To <= c.From || life > MaxLife:
		return fmt.Errorf("binding: %w: it holds for %v, at most %v", ErrForm, life, MaxLife)
	}
	return nil
}

// Encode returns the payload.
func (c *Claim) Encode() ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("binding: %w", err)
	}
	return b, nil
}

// Challenge is what a passkey signs to prove the claim.
func Challenge(payload []byte) []byte {
	h := sha256.Sum256(append([]byte(passkeyDomain), payload...))
	return h[:]
}

// Sign returns the binding. proof is nil without a passkey; whether it is right, Verify says.
func Sign(key ed25519.PrivateKey, payload []byte, proof *Proof) (token string, err error) {
	if _, err := decodeClaim(payload); err != nil {
		return "", err
	}
	e := base64.RawURLEncoding
	sig := ed25519.Sign(key, append([]byte(claimDomain), payload...))
	token = e.EncodeToString(payload) + "." + e.EncodeToString(sig)
	if proof != nil {
		b, err := json.Marshal(proof)
		if err != nil {
			return "", fmt.Errorf("binding: %w", err)
		}
		token += "." + e.EncodeToString(b)
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("binding: %w: %d bytes, at most %d", ErrForm, len(token), MaxToken)
	}
	return token, nil
}

// Want is what a member checks a binding against.
type Want struct {
	Server ed25519.PublicKey // of the conference
	Room   string
	Key    []byte // signature key of the leaf that carries the binding
	Origin string // of the page: https://konferenz.raum.example
	Level  level.Level
	Now    time.Time
}

// Verify checks a binding and returns what it says. At a level that asks for passkeys it must have a proof, unless it
// says that a one-time code took its place.
func Verify(token string, w Want) (Claim, error) {
	c, payload, sig, proof, err := parse(token)
	if err != nil {
		return Claim{}, err
	}
	at := w.Now.Unix()
	skew := int64(Skew / time.Second)
	switch {
	case len(w.Server) != ed25519.PublicKeySize || !ed25519.Verify(w.Server, append([]byte(claimDomain), payload...), sig):
		return Claim{}, fmt.Errorf("binding: the server's %w", ErrSignature)
	case at < c.From-skew || at >= c.To+skew:
		return Claim{}, fmt.Errorf("binding: %w", ErrTime)
	case c.Room != w.Room:
		return Claim{}, fmt.Errorf("binding: %w", ErrRoom)
	case !bytes.Equal(c.Key, w.Key):
		return Claim{}, fmt.Errorf("binding: %w", ErrKey)
	case (proof == nil) != (len(c.Passkey) == 0):
		return Claim{}, fmt.Errorf("binding: %w: it names a passkey without its proof, or the other way round", ErrProof)
	}
	if proof != nil {
		if err := proof.verify(payload, c.Passkey, w.Origin); err != nil {
			return Claim{}, err
		}
	}
	if proof == nil && c.Role != roster.Room && level.For(w.Level).Factors == level.Passkey && !slices.Contains(c.Factors, level.Code) {
		return Claim{}, fmt.Errorf("binding: %w", ErrMissing)
	}
	return c, nil
}

// parse takes a binding apart without checking any signature.
func parse(token string) (c Claim, payload, sig []byte, proof *Proof, err error) {
	parts := strings.Split(token, ".")
	if len(token) > MaxToken || len(parts) < 2 || len(parts) > 3 {
		return c, nil, nil, nil, fmt.Errorf("binding: %w payload.signature[.proof]", ErrForm)
	}
	e := base64.RawURLEncoding.Strict()
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		if raw[i], err = e.DecodeString(p); err != nil || strings.ContainsAny(p, "\r\n") {
			return c, nil, nil, nil, fmt.Errorf("binding: %w: part %d is not base64url", ErrForm, i+1)
		}
	}
	if c, err = decodeClaim(raw[0]); err != nil {
		return c, nil, nil, nil, err
	}
	if len(parts) == 3 {
		if proof, err = decodeProof(raw[2]); err != nil {
			return c, nil, nil, nil, err
		}
	}
	return c, raw[0], raw[1], proof, nil
}

// ParseUnverified reads what a binding says without believing it.
func ParseUnverified(token []byte) (Claim, error) {
	c, _, _, _, err := parse(string(token))
	return c, err
}

func decodeClaim(b []byte) (Claim, error) {
	var c Claim
	if err := strict(b, &c); err != nil {
		return c, err
	}
	again, err := c.Encode()
	if err != nil {
		return c, err
	}
	if !bytes.Equal(again, b) {
		return c, fmt.Errorf("binding: %w: the payload is not written canonically", ErrForm)
	}
	return c, nil
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("binding: %w: %w", ErrForm, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("binding: %w: more after the end of the object", ErrForm)
	}
	return nil
}
