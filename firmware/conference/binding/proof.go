package binding

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
)

// Proof is an assertion of a passkey (WebAuthn level 3, 7.2) over a claim. Signatures of elliptic curves are r ‖ s, as
// WebCrypto takes them, not the DER that authenticators write.
type Proof struct {
	Key    JWK    `json:"key"`
	Auth   []byte `json:"auth"`   // authenticatorData
	Client []byte `json:"client"` // clientDataJSON
	Sig    []byte `json:"sig"`
}

// JWK is a public key (RFC 7517) of one of the three sorts that passkeys have: ES256, EdDSA with Ed25519, RS256. Values
// are base64url without padding, as the RFC has them.
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

// NewJWK writes a public key.
func NewJWK(key crypto.PublicKey) (JWK, error) {
	e := base64.RawURLEncoding
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			break
		}
		b, err := k.Bytes() // 4 ‖ x ‖ y
		if err != nil {
			return JWK{}, fmt.Errorf("binding: %w", err)
		}
		return JWK{Kty: "EC", Crv: "P-256", X: e.EncodeToString(b[1:33]), Y: e.EncodeToString(b[33:])}, nil
	case ed25519.PublicKey:
		return JWK{Kty: "OKP", Crv: "Ed25519", X: e.EncodeToString(k)}, nil
	case *rsa.PublicKey:
		return JWK{Kty: "RSA", N: e.EncodeToString(k.N.Bytes()), E: e.EncodeToString(big.NewInt(int64(k.E)).Bytes())}, nil
	}
	return JWK{}, fmt.Errorf("binding: %w: a passkey's key is P-256, Ed25519 or RSA, not %T", ErrForm, key)
}

// Public reads the key. RSA keys have 2048 to 4096 bits.
func (k JWK) Public() (crypto.PublicKey, error) {
	bad := fmt.Errorf("binding: %w: not a key of a passkey", ErrForm)
	e := base64.RawURLEncoding.Strict()
	x, errX := e.DecodeString(k.X)
	y, errY := e.DecodeString(k.Y)
	n, errN := e.DecodeString(k.N)
	exp, errE := e.DecodeString(k.E)
	if errX != nil || errY != nil || errN != nil || errE != nil {
		return nil, bad
	}
	switch {
	case k.Kty == "EC" && k.Crv == "P-256" && len(x) == 32 && len(y) == 32 && len(n)+len(exp) == 0:
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return nil, bad
		}
		return pub, nil
	case k.Kty == "OKP" && k.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize && len(y)+len(n)+len(exp) == 0:
		return ed25519.PublicKey(x), nil
	case k.Kty == "RSA" && k.Crv == "" && len(x)+len(y) == 0 && len(n) >= 256 && len(n) <= 512 && n[0] != 0 && len(exp) == 3:
		pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(exp).Int64())}
		if pub.E&1 == 1 && pub.E > 65536 {
			return pub, nil
		}
	}
	return nil, bad
}

// Thumbprint is that of RFC 7638: SHA-256 over the required members in the order of the alphabet.
func (k JWK) Thumbprint() []byte {
	var b []byte
	switch k.Kty {
	case "EC":
		b = fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Crv, k.Kty, k.X, k.Y)
	case "OKP":
		b = fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q}`, k.Crv, k.Kty, k.X)
	default:
		b = fmt.Appendf(nil, `{"e":%q,"kty":%q,"n":%q}`, k.E, k.Kty, k.N)
	}
	h := sha256.Sum256(b)
	return h[:]
}

const (
	flagPresent  = 0x01 // the person was there
	flagVerified = 0x04 // the device has checked who it was
)

// clientData is what a browser says of the ceremony; more fields than these may come.
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// verify checks that the passkey with this thumbprint has signed payload at the origin, with the person verified.
func (p *Proof) verify(payload, thumbprint []byte, origin string) error {
	var client clientData
	if err := json.Unmarshal(p.Client, &client); err != nil {
		return fmt.Errorf("binding: %w: %w", ErrProof, err)
	}
	u, err := url.Parse(origin)
	if err != nil {
		return fmt.Errorf("binding: %w: origin: %w", ErrProof, err)
	}
	rp := sha256.Sum256([]byte(u.Hostname()))
	why := ""
	switch {
	case client.Type != "webauthn.get":
		why = "it is no sign-in"
	case client.Challenge != base64.RawURLEncoding.EncodeToString(Challenge(payload)):
		why = "another claim was signed"
	case origin == "" || client.Origin != origin || client.CrossOrigin:
		why = "it was made on another page"
	case len(p.Auth) < 37 || !bytes.Equal(p.Auth[:32], rp[:]):
		why = "it was made for another name"
	case p.Auth[32]&(flagPresent|flagVerified) != flagPresent|flagVerified:
		why = "the device did not check the person"
	case !bytes.Equal(p.Key.Thumbprint(), thumbprint):
		why = "it is another passkey"
	}
	if why != "" {
		return fmt.Errorf("binding: %w: %s", ErrProof, why)
	}
	pub, err := p.Key.Public()
	if err != nil {
		return err
	}
	hash := sha256.Sum256(p.Client)
	if !signed(pub, append(bytes.Clone(p.Auth), hash[:]...), p.Sig) {
		return fmt.Errorf("binding: %w: its signature is wrong", ErrProof)
	}
	return nil
}

func signed(pub crypto.PublicKey, message, sig []byte) bool {
	digest := sha256.Sum256(message)
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return len(sig) == 64 && ecdsa.Verify(k, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(k, message, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], sig) == nil
	}
	return false
}

func decodeProof(b []byte) (*Proof, error) {
	var p Proof
	if err := strict(b, &p); err != nil {
		return nil, err
	}
	if _, err := p.Key.Public(); err != nil {
		return nil, err
	}
	return &p, nil
}
