package binding

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

var update = flag.Bool("update", false, "write the vectors anew")

const vectorsFile = "testdata/vectors.json"

// vectors are for the browser's side as well: an implementation accepts those with error "" and names the others' error.
type vectors struct {
	About      string            `json:"about"`
	Server     []byte            `json:"server"` // Ed25519 public key of the conference
	Challenges []challengeVector `json:"challenges"`
	Bindings   []bindingVector   `json:"bindings"`
	Admissions []admissionVector `json:"admissions"`
}

type challengeVector struct {
	Payload   string `json:"payload"`
	Challenge []byte `json:"challenge"`
}

type bindingVector struct {
	Name   string      `json:"name"`
	Token  string      `json:"token"`
	Room   string      `json:"room"`
	Key    []byte      `json:"key"`
	Origin string      `json:"origin"`
	Level  level.Level `json:"level"`
	Now    int64       `json:"now"`
	Error  string      `json:"error"`
	Claim  *Claim      `json:"claim,omitempty"` // what it says if it is good
}

type admissionVector struct {
	Name    string `json:"name"`
	Token   string `json:"token"`
	Chair   []byte `json:"chair"`
	Room    string `json:"room"`
	Group   []byte `json:"group"`
	Package []byte `json:"package"`
	Binding string `json:"binding"` // the whole binding, of which the admission holds the SHA-256
	Now     int64  `json:"now"`
	Error   string `json:"error"`
}

func TestVectors(t *testing.T) {
	if *update {
		write(t, makeVectors(t))
	}
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, c := range v.Challenges {
		if !bytes.Equal(Challenge([]byte(c.Payload)), c.Challenge) {
			t.Errorf("challenge of %q is another", c.Payload)
		}
	}
	for _, x := range v.Bindings {
		seen[x.Error]++
		c, err := Verify(x.Token, Want{Server: v.Server, Room: x.Room, Key: x.Key, Origin: x.Origin, Level: x.Level, Now: time.Unix(x.Now, 0)})
		if Slug(err) != x.Error {
			t.Errorf("%s: got %v, want %q", x.Name, err, x.Error)
		}
		if x.Claim != nil && string(encode(t, c)) != string(encode(t, *x.Claim)) {
			t.Errorf("%s says %+v, want %+v", x.Name, c, *x.Claim)
		}
	}
	for _, x := range v.Admissions {
		seen[x.Error]++
		err := VerifyAdmission(x.Token, Door{Room: x.Room, Group: x.Group, Chair: x.Chair, Package: x.Package, Binding: x.Binding}, time.Unix(x.Now, 0))
		if Slug(err) != x.Error {
			t.Errorf("%s: got %v, want %q", x.Name, err, x.Error)
		}
	}
	for _, slug := range []string{"", "form", "signature", "time", "room", "group", "key", "proof", "missing"} {
		if seen[slug] == 0 {
			t.Errorf("no vector with error %q", slug)
		}
	}
	t.Logf("measured: %d bindings, %d admissions, %d challenges", len(v.Bindings), len(v.Admissions), len(v.Challenges))
}

func write(t *testing.T, v vectors) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err == nil {
		err = os.MkdirAll("testdata", 0o755)
	}
	if err == nil {
		err = os.WriteFile(vectorsFile, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func makeVectors(t *testing.T) vectors {
	keys := signers(t)
	ec := keys["es256"]
	v := vectors{
		About:  "Vectors of package firmware/conference/binding, made by go test -run TestVectors -update. Bytes are standard base64. The signatures are synthetic.",
		Server: public(seed(1)),
	}
	payload := encode(t, claim())
	v.Challenges = []challengeVector{{string(payload), Challenge(payload)}, {"", Challenge(nil)}}
	add := func(name, token string, change func(*bindingVector)) {
		x := bindingVector{Name: name, Token: token, Room: "ratssaal", Key: public(seed(2)), Origin: testOrigin, Level: level.Confidential, Now: t0.Unix() + 60}
		change(&x)
		if x.Error == "" {
			c, err := ParseUnverified([]byte(token))
			if err != nil {
				t.Fatal(err)
			}
			x.Claim = &c
		}
		v.Bindings = append(v.Bindings, x)
	}
	good := func(*bindingVector) {}
	fails := func(slug string) func(*bindingVector) { return func(x *bindingVector) { x.Error = slug } }
	for _, name := range []string{"es256", "ed25519", "rs256"} {
		add("passkey of "+name, proven(t, keys[name], none), good)
	}
	plain := sign(t, payload, nil)
	add("server alone, nonpublic", plain, func(x *bindingVector) { x.Level = level.Nonpublic })
	add("server alone, confidential", plain, fails("missing"))
	code := claim()
	code.Factors = []level.Factor{level.SSO, level.Code}
	add("one-time code by the chair's consent", sign(t, encode(t, code), nil), good)
	room := claim()
	room.Role, room.Factors, room.Member = roster.Room, []level.Factor{level.Certificate}, "ratssaal-1"
	add("the room's unit", sign(t, encode(t, room), nil), good)
	for _, role := range roster.Roles() { // whoever may be on a roster may be in a call
		c := claim()
		c.Role = role
		add("role "+string(role), sign(t, encode(t, c), nil), func(x *bindingVector) { x.Level = level.Nonpublic })
	}
	badBindings(t, ec, plain, add, fails)
	v.Admissions = admissionVectors(t, plain)
	return v
}

// badBindings are those that must be refused.
func badBindings(t *testing.T, ec crypto.Signer, plain string, add func(string, string, func(*bindingVector)), fails func(string) func(*bindingVector)) {
	t.Helper()
	ok := proven(t, ec, none)
	for name, change := range map[string]func(*Claim, *ceremony){
		"registration for sign-in":  func(_ *Claim, c *ceremony) { c.kind = "webauthn.create" },
		"another challenge":         func(_ *Claim, c *ceremony) { c.challenge = Challenge([]byte("{}")) },
		"another page":              func(_ *Claim, c *ceremony) { c.origin = "https://konferenz.raum.example.invalid" },
		"another port":              func(_ *Claim, c *ceremony) { c.origin = testOrigin + ":8444" },
		"in a frame of another":     func(_ *Claim, c *ceremony) { c.cross = true },
		"another relying party":     func(_ *Claim, c *ceremony) { c.name = "raum.example" },
		"person not verified":       func(_ *Claim, c *ceremony) { c.flags = flagPresent },
		"person not present":        func(_ *Claim, c *ceremony) { c.flags = flagVerified },
		"another passkey":           func(_ *Claim, c *ceremony) { c.key = seed(4) },
		"thumbprint of another key": func(c *Claim, _ *ceremony) { c.Passkey = bytes.Repeat([]byte{1}, 32) },
	} {
		add(name, proven(t, ec, change), fails("proof"))
	}
	foreign, err := Sign(seed(6), encode(t, claim()), nil)
	if err != nil {
		t.Fatal(err)
	}
	add("another server", foreign, fails("signature"))
	add("another room", ok, func(x *bindingVector) { x.Room, x.Error = "ausschuss", "room" })
	add("another leaf's key", ok, func(x *bindingVector) { x.Key, x.Error = public(seed(7)), "key" })
	add("too late", ok, func(x *bindingVector) { x.Now, x.Error = t0.Add(4*time.Hour+Skew).Unix(), "time" })
	add("too early", ok, func(x *bindingVector) { x.Now, x.Error = t0.Add(-Skew).Unix()-1, "time" })
	add("just not too late", ok, func(x *bindingVector) { x.Now = t0.Add(4*time.Hour+Skew).Unix() - 1 })
	add("empty", "", fails("form"))
	add("padding", plain+"=", fails("form"))
	add("four parts", ok+".e30", fails("form"))
	add("unknown field", sealed(t, bytes.Replace(encode(t, claim()), []byte(`{"v":1`), []byte(`{"x":0,"v":1`), 1)), fails("form"))
	add("field twice", sealed(t, bytes.Replace(encode(t, claim()), []byte(`{"v":1`), []byte(`{"v":1,"v":1`), 1)), fails("form"))
	add("spaces", sealed(t, bytes.Replace(encode(t, claim()), []byte(`{"v":1`), []byte(`{ "v":1`), 1)), fails("form"))
	add("chair instead of councillor", sealed(t, bytes.Replace(encode(t, claim()), []byte("councillor"), []byte("chair"), 1)), func(x *bindingVector) { x.Level = level.Nonpublic })
	add("the same without signing again", swapped(plain), func(x *bindingVector) { x.Level, x.Error = level.Nonpublic, "signature" })
}

func admissionVectors(t *testing.T, bound string) (out []admissionVector) {
	t.Helper()
	hash := sha256.Sum256([]byte(bound))
	ref := bytes.Repeat([]byte{7}, 64)
	group := []byte("0123456789abcdef")
	token, err := SignAdmission(seed(5), Admission{V: 2, Room: "ratssaal", Group: group, Package: ref, Binding: hash[:], From: t0.Unix(), To: t0.Unix() + 300})
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, slug string, change func(*admissionVector)) {
		x := admissionVector{Name: name, Token: token, Chair: public(seed(5)), Room: "ratssaal", Group: group, Package: ref, Binding: bound, Now: t0.Unix() + 10, Error: slug}
		change(&x)
		out = append(out, x)
	}
	add("good", "", func(*admissionVector) {})
	add("not the chair", "signature", func(x *admissionVector) { x.Chair = public(seed(2)) })
	add("another room", "room", func(x *admissionVector) { x.Room = "ausschuss" })
	add("another group", "group", func(x *admissionVector) { x.Group = []byte("0123456789abcdee") })
	add("of the version before", "form", func(x *admissionVector) { x.Token = versionBefore(t, ref, hash[:]) })
	add("another key package", "key", func(x *admissionVector) { x.Package = bytes.Repeat([]byte{8}, 64) })
	add("another binding", "key", func(x *admissionVector) { x.Binding = "a.b" })
	add("over", "time", func(x *admissionVector) { x.Now = t0.Unix() + 300 + 120 })
	add("cut", "form", func(x *admissionVector) { x.Token = x.Token[:40] })
	return out
}

// versionBefore is an admission that names no group.
func versionBefore(t *testing.T, ref, hash []byte) string {
	t.Helper()
	e := base64.RawURLEncoding
	payload, err := json.Marshal(struct {
		V       int    `json:"v"`
		Room    string `json:"room"`
		Package []byte `json:"package"`
		Binding []byte `json:"binding"`
		From    int64  `json:"from"`
		To      int64  `json:"to"`
	}{1, "ratssaal", ref, hash, t0.Unix(), t0.Unix() + 300})
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeToString(payload) + "." + e.EncodeToString(ed25519.Sign(seed(5), append([]byte("subrosa admission v1\x00"), payload...)))
}

// sealed signs any payload, as a careless server would.
func sealed(t *testing.T, payload []byte) string {
	t.Helper()
	e := base64.RawURLEncoding
	return e.EncodeToString(payload) + "." + e.EncodeToString(ed25519.Sign(seed(1), append([]byte(claimDomain), payload...)))
}

// swapped changes the role and keeps the signature.
func swapped(token string) string {
	p, s, _ := strings.Cut(token, ".")
	b, _ := base64.RawURLEncoding.DecodeString(p)
	return base64.RawURLEncoding.EncodeToString(bytes.Replace(b, []byte("councillor"), []byte("chair"), 1)) + "." + s
}
