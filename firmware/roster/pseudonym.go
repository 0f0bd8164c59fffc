package roster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// KeyBytes is the length of the key that pseudonyms are made with.
const KeyBytes = 32

// Pseudonyms turns the directory's own identifiers into ids of the roster: HMAC-SHA-256 under a key that stays with the
// council's office, cut to 80 bits. The same identifier always has the same id, nobody without the key can go back, and
// an identifier of a person and of a device never meet.
type Pseudonyms struct{ key []byte }

// NewPseudonyms takes the office's key of KeyBytes random bytes.
func NewPseudonyms(key []byte) (Pseudonyms, error) {
	if len(key) != KeyBytes {
		return Pseudonyms{}, fmt.Errorf("roster: the key of the pseudonyms has %d bytes, want %d", len(key), KeyBytes)
	}
	return Pseudonyms{append([]byte(nil), key...)}, nil
}

// Member returns the id of a person.
func (p Pseudonyms) Member(identifier string) string { return "m-" + p.cut("member", identifier) }

// Device returns the id of a device, which the connectors of the device management are told as well.
func (p Pseudonyms) Device(identifier string) string { return "d-" + p.cut("device", identifier) }

func (p Pseudonyms) cut(what, identifier string) string {
	mac := hmac.New(sha256.New, p.key)
	fmt.Fprintf(mac, "subrosa roster %s v1\x00%s", what, identifier)
	const bytes = 10 // 80 bits: among 5000 members two meet with a probability of 10⁻¹⁷
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)[:bytes]))
}
