package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is a passkey in software, for tests: one credential, attestation none (WebAuthn level 3, 6.5, 8.7). Real
// ones are met in the browser's test.
type authenticator struct {
	t      testing.TB
	key    crypto.Signer // P-256 if nothing else is set
	id     []byte
	handle []byte
	count  uint32
	origin string
	rp     string
	flags  byte // present 1, verified 4
}

func newAuthenticator(t testing.TB) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{t: t, key: key, id: make([]byte, 32), origin: testURL, rp: testHost, flags: 1 | 4}
	rand.Read(a.id)
	return a
}

func (a *authenticator) b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) client(kind string, challenge []byte) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": a.b64(challenge), "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *authenticator) auth(flags byte) []byte {
	rp := sha256.Sum256([]byte(a.rp))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), a.count)
}

func (a *authenticator) answer(response map[string]string) []byte {
	b, err := json.Marshal(map[string]any{"id": a.b64(a.id), "rawId": a.b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// create answers a registration.
func (a *authenticator) create(o *protocol.CredentialCreation) []byte {
	a.t.Helper()
	handle, ok := o.Response.User.ID.(protocol.URLEncodedBase64)
	if !ok {
		a.t.Fatalf("user id is a %T", o.Response.User.ID)
	}
	a.handle = handle
	cose := a.cbor(a.cose())
	auth := append(a.auth(a.flags|0x40), make([]byte, 16)...) // attested data: AAGUID, length, id, key
	auth = binary.BigEndian.AppendUint16(auth, uint16(len(a.id)))
	auth = append(append(auth, a.id...), cose...)
	object := a.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": auth})
	return a.answer(map[string]string{"clientDataJSON": a.b64(a.client("webauthn.create", o.Response.Challenge)), "attestationObject": a.b64(object)})
}

// cose is the public key (RFC 9053, 7; RFC 8230, 4).
func (a *authenticator) cose() map[int]any {
	switch k := a.key.Public().(type) {
	case ed25519.PublicKey:
		return map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(k)}
	case *rsa.PublicKey:
		return map[int]any{1: 3, 3: -257, -1: k.N.Bytes(), -2: big.NewInt(int64(k.E)).Bytes()}
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			a.t.Fatal(err)
		}
		return map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}
	}
	a.t.Fatalf("key is a %T", a.key)
	return nil
}

func (a *authenticator) cbor(v any) []byte {
	b, err := webauthncbor.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// get answers a sign-in.
func (a *authenticator) get(o *protocol.CredentialAssertion) []byte {
	a.t.Helper()
	client, auth := a.client("webauthn.get", o.Response.Challenge), a.auth(a.flags)
	hash := sha256.Sum256(client)
	message := append(auth[:len(auth):len(auth)], hash[:]...)
	digest, opts := sha256.Sum256(message), crypto.SignerOpts(crypto.SHA256)
	text := digest[:]
	if _, ok := a.key.(ed25519.PrivateKey); ok {
		text, opts = message, crypto.Hash(0)
	}
	sig, err := a.key.Sign(rand.Reader, text, opts)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]string{"clientDataJSON": a.b64(client), "authenticatorData": a.b64(auth), "signature": a.b64(sig), "userHandle": a.b64(a.handle)})
}
