package binding

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

const testOrigin = "https://konferenz.raum.example"

var t0 = time.Date(2026, 11, 28, 18, 30, 0, 0, time.UTC)

// seed makes a key out of one byte.
func seed(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func claim() Claim {
	return Claim{V: 1, Room: "ratssaal", Member: "m-17", Role: roster.Councillor, Factors: []level.Factor{level.SSO},
		Key: public(seed(2)), From: t0.Unix(), To: t0.Add(4 * time.Hour).Unix(), Nonce: bytes.Repeat([]byte{9}, 16)}
}

func want(l level.Level) Want {
	return Want{Server: public(seed(1)), Room: "ratssaal", Key: public(seed(2)), Origin: testOrigin, Level: l, Now: t0.Add(time.Minute)}
}

// ceremony is what a passkey and a browser do; every field can be falsified.
type ceremony struct {
	key                crypto.Signer
	kind, origin, name string
	flags              byte
	challenge          []byte
	cross              bool
}

func (c ceremony) proof(t testing.TB) *Proof {
	t.Helper()
	jwk, err := NewJWK(c.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	rp := sha256.Sum256([]byte(c.name))
	p := &Proof{Key: jwk, Auth: append(append([]byte{}, rp[:]...), c.flags, 0, 0, 0, 1)}
	p.Client, err = json.Marshal(clientData{Type: c.kind, Challenge: base64.RawURLEncoding.EncodeToString(c.challenge), Origin: c.origin, CrossOrigin: c.cross})
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(p.Client)
	message := append(bytes.Clone(p.Auth), hash[:]...)
	digest, opts := sha256.Sum256(message), crypto.SignerOpts(crypto.SHA256)
	text := digest[:]
	if _, ok := c.key.(ed25519.PrivateKey); ok {
		text, opts = message, crypto.Hash(0)
	}
	if p.Sig, err = c.key.Sign(rand.Reader, text, opts); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.key.(*ecdsa.PrivateKey); ok {
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(p.Sig, &rs); err != nil {
			t.Fatal(err)
		}
		p.Sig = append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
	}
	return p
}

// proven returns a binding with a passkey's proof, changed by change before it is signed.
func proven(t testing.TB, key crypto.Signer, change func(*Claim, *ceremony)) string {
	t.Helper()
	c := claim()
	c.Factors = []level.Factor{level.PasskeyUsed}
	jwk, err := NewJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	c.Passkey = jwk.Thumbprint()
	cer := ceremony{key: key, kind: "webauthn.get", origin: testOrigin, name: "konferenz.raum.example", flags: flagPresent | flagVerified}
	change(&c, &cer)
	payload := encode(t, c)
	if cer.challenge == nil {
		cer.challenge = Challenge(payload)
	}
	return sign(t, payload, cer.proof(t))
}

func encode(t testing.TB, c Claim) []byte {
	t.Helper()
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sign(t testing.TB, payload []byte, p *Proof) string {
	t.Helper()
	token, err := Sign(seed(1), payload, p)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func signers(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"es256": ec, "rs256": rs, "ed25519": seed(3)}
}

func none(*Claim, *ceremony) {}

func TestBinding(t *testing.T) {
	plain := sign(t, encode(t, claim()), nil)
	got, err := Verify(plain, want(level.Nonpublic))
	if err != nil || got.Member != "m-17" || got.Role != roster.Councillor {
		t.Fatalf("got %+v, %v", got, err)
	}
	for name, key := range signers(t) {
		token := proven(t, key, none)
		if _, err := Verify(token, want(level.Confidential)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("measured: a binding by a passkey of %s has %d bytes, one by the server alone %d", name, len(token), len(plain))
	}
}

// TestEveryBitCounts changes each character of a good binding, and each byte of what is in it.
func TestEveryBitCounts(t *testing.T) {
	token := proven(t, signers(t)["es256"], none)
	w := want(level.Confidential)
	for i := range len(token) {
		for _, c := range []byte{'A', 'B', '.', '=', '\n'} {
			if token[i] == c {
				continue
			}
			forged := token[:i] + string(c) + token[i+1:]
			if _, err := Verify(forged, w); err == nil {
				t.Fatalf("character %d changed from %q to %q: still good", i, token[i], c)
			}
		}
	}
	parts := strings.Split(token, ".")
	if _, err := Verify(parts[0]+"."+parts[1], w); Slug(err) != "proof" {
		t.Errorf("the proof left out: got %v", err)
	}
}

func TestAdmission(t *testing.T) {
	bound := sign(t, encode(t, claim()), nil)
	hash := sha256.Sum256([]byte(bound))
	ref := bytes.Repeat([]byte{7}, 64)
	group := []byte("0123456789abcdef")
	a := Admission{V: 2, Room: "ratssaal", Group: group, Package: ref, Binding: hash[:], From: t0.Unix(), To: t0.Add(MaxAdmissionLife).Unix()}
	token, err := SignAdmission(seed(5), a)
	if err != nil {
		t.Fatal(err)
	}
	door := func(change func(*Door)) Door {
		d := Door{Room: "ratssaal", Group: group, Chair: public(seed(5)), Package: ref, Binding: bound}
		change(&d)
		return d
	}
	right := door(func(*Door) {})
	if err := VerifyAdmission(token, right, t0); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, want string
		err        error
	}{
		{"another chair", "signature", VerifyAdmission(token, door(func(d *Door) { d.Chair = public(seed(6)) }), t0)},
		{"no chair", "signature", VerifyAdmission(token, door(func(d *Door) { d.Chair = nil }), t0)},
		{"another room", "room", VerifyAdmission(token, door(func(d *Door) { d.Room = "ausschuss" }), t0)},
		{"another group", "group", VerifyAdmission(token, door(func(d *Door) { d.Group = []byte("0123456789abcdee") }), t0)},
		{"no group", "group", VerifyAdmission(token, door(func(d *Door) { d.Group = nil }), t0)},
		{"another package", "key", VerifyAdmission(token, door(func(d *Door) { d.Package = bytes.Repeat([]byte{8}, 64) }), t0)},
		{"another binding", "key", VerifyAdmission(token, door(func(d *Door) { d.Binding += "x" }), t0)},
		{"too late", "time", VerifyAdmission(token, right, t0.Add(MaxAdmissionLife+Skew))},
		{"too early", "time", VerifyAdmission(token, right, t0.Add(-Skew-time.Second))},
		{"cut", "form", VerifyAdmission(token[:20], right, t0)},
	}
	for _, tt := range tests {
		if Slug(tt.err) != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, tt.err, tt.want)
		}
	}
	a.To = a.From + int64(MaxAdmissionLife/time.Second) + 1
	if _, err := SignAdmission(seed(5), a); err == nil {
		t.Error("an admission for too long was signed")
	}
	a.To, a.Group = a.From+1, nil
	if _, err := SignAdmission(seed(5), a); err == nil {
		t.Error("an admission to no group was signed")
	}
}

func TestClaimsThatAreNone(t *testing.T) {
	for name, change := range map[string]func(*Claim){
		"version":     func(c *Claim) { c.V = 2 },
		"name":        func(c *Claim) { c.Member = "Erika Mustermann" },
		"room":        func(c *Claim) { c.Room = "" },
		"role":        func(c *Claim) { c.Role = "root" },
		"no factor":   func(c *Claim) { c.Factors = nil },
		"bad factor":  func(c *Claim) { c.Factors = []level.Factor{"password"} },
		"short key":   func(c *Claim) { c.Key = c.Key[:31] },
		"short nonce": func(c *Claim) { c.Nonce = nil },
		"thumbprint":  func(c *Claim) { c.Passkey = []byte{} },
		"no time":     func(c *Claim) { c.To = c.From },
		"too long":    func(c *Claim) { c.To = c.From + int64(MaxLife/time.Second) + 1 },
		"overflow":    func(c *Claim) { c.From, c.To = -1<<62, 1<<62 },
	} {
		c := claim()
		change(&c)
		if _, err := c.Encode(); Slug(err) != "form" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParseUnverified(f *testing.F) {
	f.Add([]byte(sign(f, encode(f, claim()), nil)))
	f.Add([]byte(proven(f, signers(f)["es256"], none)))
	f.Add([]byte("e30.e30.e30"))
	f.Fuzz(func(t *testing.T, token []byte) {
		c, err := ParseUnverified(token)
		if err != nil {
			return
		}
		payload, err := c.Encode()
		if err != nil {
			t.Fatalf("parsed what cannot be written: %v", err)
		}
		if !strings.HasPrefix(string(token), base64.RawURLEncoding.EncodeToString(payload)+".") {
			t.Fatal("decoding and encoding is not the identity")
		}
		w := want(level.Confidential)
		w.Server = public(seed(200)) // signs nothing in the tests
		if _, err := Verify(string(token), w); err == nil {
			t.Fatal("verified under a key that did not sign")
		}
	})
}

func FuzzParseAdmission(f *testing.F) {
	token, err := SignAdmission(seed(5), Admission{V: 2, Room: "ratssaal", Group: make([]byte, GroupSize), Package: make([]byte, 32), Binding: make([]byte, 32), From: 1, To: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, _, err := parseAdmission(token); err == nil {
			if VerifyAdmission(token, Door{Room: "ratssaal", Group: make([]byte, GroupSize), Chair: public(seed(200)), Package: make([]byte, 32)}, time.Unix(1, 0)) == nil {
				t.Fatal("verified under a key that did not sign")
			}
		}
	})
}

func FuzzParseWords(f *testing.F) {
	for _, x := range []string{"", "[]", `["a"]`, `["a","b"]`, `["a",null]`, `[1]`, `["a"] x`, `{"0":"a"}`} {
		f.Add([]byte(x), len(x)/4)
	}
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if words, err := ParseWords(data, n); err == nil && len(words) != n {
			t.Fatalf("%d words for %d", len(words), n)
		}
	})
}

func TestParseWords(t *testing.T) {
	if w, err := ParseWords([]byte(`["a","b"]`), 2); err != nil || w[1] != "b" {
		t.Error(w, err)
	}
	for _, bad := range []string{``, `said`, `["a"]`, `["a","b","c"]`, `["a",1]`, `["a","b"]["c"]`, `["a","` + strings.Repeat("x", 3000) + `"]`} {
		if w, err := ParseWords([]byte(bad), 2); err == nil {
			t.Errorf("%.40s: %v", bad, w)
		}
	}
}
