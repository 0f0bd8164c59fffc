package binding

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"subrosa/firmware/roster"
)

const admissionDomain = "subrosa admission v2\x00"

// Admission is the word of the chair's device that somebody may be taken into the group:
//
//	payload . signature        base64url without padding
//
// payload is the JSON object below, written like a Claim; the signature is Ed25519 by the signature key of the chair's
// own leaf over "subrosa admission v2" ‖ 0x00 ‖ payload. The chair's device makes it in the browser; members refuse an add
// without one. It is for one group and one key package, which is used up by it. Go checks it where the server can, and holds the
// vectors.
type Admission struct {
	V       int    `json:"v"` // 2
	Room    string `json:"room"`
	Group   []byte `json:"group"`   // id of the MLS group, GroupSize bytes
	Package []byte `json:"package"` // reference of the key package (RFC 9420, 5.2): RefHash of the suite, 32 or 64 bytes
	Binding []byte `json:"binding"` // SHA-256 of the binding in its leaf
	From    int64  `json:"from"`
	To      int64  `json:"to"`
}

// GroupSize is how many bytes the id of a call's group has.
const GroupSize = 16

// Check reports the first thing that is wrong with a.
func (a *Admission) Check() error {
	life := time.Duration(a.To-a.From) * time.Second
	switch {
	case a.V != 2 || !roster.ValidID(a.Room):
		return fmt.Errorf("admission: %w: version or room", ErrForm)
	case len(a.Group) != GroupSize:
		return fmt.Errorf("admission: %w: the group's id has %d bytes", ErrForm, len(a.Group))
	case len(a.Package) != 32 && len(a.Package) != 48 && len(a.Package) != 64 || len(a.Binding) != sha256.Size:
		return fmt.Errorf("admission: %w: a hash has a wrong length", ErrForm)
	case a.From < 0 || a.To > 1<<40 || a.To <= a.From || life > MaxAdmissionLife:
		return fmt.Errorf("admission: %w: it holds for %v, at most %v", ErrForm, life, MaxAdmissionLife)
	}
	return nil
}

// SignAdmission returns the token. The chair's browser does this; here it is for tests and for members without a browser.
func SignAdmission(key ed25519.PrivateKey, a Admission) (string, error) {
	if err := a.Check(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("admission: %w", err)
	}
	e := base64.RawURLEncoding
	return e.EncodeToString(payload) + "." + e.EncodeToString(ed25519.Sign(key, append([]byte(admissionDomain), payload...))), nil
}

// Door is what an admission must be for.
type Door struct {
	Room    string
	Group   []byte            // id of the MLS group
	Chair   ed25519.PublicKey // signature key of a leaf whose own binding says chair
	Package []byte            // reference of the key package
	Binding string            // the whole binding in its leaf
}

// VerifyAdmission checks that an admission lets through d. Its errors are ErrForm, ErrSignature, ErrRoom, ErrGroup, ErrKey and ErrTime.
func VerifyAdmission(token string, d Door, now time.Time) error {
	a, payload, sig, err := parseAdmission(token)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(d.Binding))
	skew := int64(Skew / time.Second)
	switch {
	case len(d.Chair) != ed25519.PublicKeySize || !ed25519.Verify(d.Chair, append([]byte(admissionDomain), payload...), sig):
		return fmt.Errorf("admission: the chair's %w", ErrSignature)
	case a.Room != d.Room:
		return fmt.Errorf("admission: %w", ErrRoom)
	case string(a.Group) != string(d.Group):
		return fmt.Errorf("admission: %w", ErrGroup)
	case string(a.Package) != string(d.Package) || string(a.Binding) != string(hash[:]):
		return fmt.Errorf("admission: %w", ErrKey)
	case now.Unix() < a.From-skew || now.Unix() >= a.To+skew:
		return fmt.Errorf("admission: %w", ErrTime)
	}
	return nil
}

func parseAdmission(token string) (a Admission, payload, sig []byte, err error) {
	p, s, ok := strings.Cut(token, ".")
	e := base64.RawURLEncoding.Strict()
	payload, errP := e.DecodeString(p)
	sig, errS := e.DecodeString(s)
	if !ok || errP != nil || errS != nil || len(token) > 1024 || strings.ContainsAny(token, "\r\n") {
		return a, nil, nil, fmt.Errorf("admission: %w payload.signature", ErrForm)
	}
	if err := strict(payload, &a); err != nil {
		return a, nil, nil, err
	}
	if err := a.Check(); err != nil {
		return a, nil, nil, err
	}
	if again, err := json.Marshal(a); err != nil || string(again) != string(payload) {
		return a, nil, nil, fmt.Errorf("admission: %w: the payload is not written canonically", ErrForm)
	}
	return a, payload, sig, nil
}

// ParseWords reads the admissions in the authenticated data of a commit that adds n: a JSON list of n texts, one for each add in
// their order, "" for one that has none.
func ParseWords(data []byte, n int) ([]string, error) {
	var words []string
	if len(data) > n*1100+2 {
		return nil, fmt.Errorf("admission: %w: %d bytes of words for %d", ErrForm, len(data), n)
	}
	if err := strict(data, &words); err != nil {
		return nil, err
	}
	if len(words) != n {
		return nil, fmt.Errorf("admission: %w: %d words for %d", ErrForm, len(words), n)
	}
	return words, nil
}
