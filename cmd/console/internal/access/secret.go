package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"golang.org/x/crypto/argon2"
)

// Limits of passwords, in characters and bytes.
const (
	MinPassword = 12
	MaxPassword = 256
)

// Argon2id parameters for new passwords: 19 MiB, two passes, one lane (OWASP's first recommendation). Those in a
// stored password win.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonLanes  = 1
)

// NewToken returns 256 random bits for an address or a cookie.
func NewToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// digest of a token; only this is stored. Tokens are long and random: a plain hash cannot be reversed.
func digest(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// CheckPassword returns ErrPassword unless p may become a password.
func CheckPassword(p string) error {
	if n := utf8.RuneCountInString(p); n < MinPassword || len(p) > MaxPassword || !utf8.ValidString(p) {
		return ErrPassword
	}
	return nil
}

// hashPassword returns the PHC string of p.
func hashPassword(p string) string {
	var salt [16]byte
	rand.Read(salt[:])
	key := argon2.IDKey([]byte(p), salt[:], argonPasses, argonMemory, argonLanes, 32)
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		e.EncodeToString(salt[:]), e.EncodeToString(key))
}

// verifyPassword reports whether p is the password of the PHC string. A string that is not one is an error.
func verifyPassword(phc, p string) (bool, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, errors.New("access: stored password has an unknown form")
	}
	var m, t uint32
	var l uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &l); err != nil || m == 0 || m > 1<<20 || t == 0 || t > 64 || l == 0 {
		return false, errors.New("access: stored password has unknown parameters")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("access: stored password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 || len(want) > 128 {
		return false, errors.New("access: stored password has a broken hash")
	}
	got := argon2.IDKey([]byte(p), salt, t, m, l, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// TOTP (RFC 6238): SHA-1, six digits, 30 s, one step of slack to either side.
const (
	totpPeriod = 30
	totpSlack  = 1
	secretLen  = 20
)

func newSecret() []byte {
	b := make([]byte, secretLen)
	rand.Read(b)
	return b
}

// SecretText returns the secret as people type it.
func SecretText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// Code returns the one-time code of secret at t.
func Code(secret []byte, t time.Time) (string, error) {
	return codeAt(secret, t.Unix()/totpPeriod)
}

func codeAt(secret []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(SecretText(secret), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// matchStep returns the step whose code it is, 0 if none near now.
func matchStep(secret []byte, code string, now time.Time) (int64, error) {
	var found int64
	for d := int64(-totpSlack); d <= totpSlack; d++ {
		step := now.Unix()/totpPeriod + d
		want, err := codeAt(secret, step)
		if err != nil {
			return 0, fmt.Errorf("access: one-time code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 {
			found = step
		}
	}
	return found, nil
}

// normal strips what people put into codes for legibility.
func normal(code string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(code)))
}

const (
	recoveryCodes = 10
	recoveryChars = 12 // 60 bits: a guess is one of 1.2e18, and failures lock the account
)

// newRecovery returns codes as shown and the digests of their normal form.
func newRecovery() (codes []string, hashes [][]byte) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	for range recoveryCodes {
		var b [recoveryChars]byte
		rand.Read(b[:])
		for i := range b {
			b[i] = alphabet[b[i]&31]
		}
		c := string(b[:])
		codes = append(codes, c[:4]+"-"+c[4:8]+"-"+c[8:])
		hashes = append(hashes, digest(c))
	}
	return codes, hashes
}
