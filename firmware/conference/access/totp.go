package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// One-time codes (RFC 6238): SHA-1, six digits, 30 s, one step of slack to either side, each code once.
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

// secretText returns the secret as people type it.
func secretText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// otpAuth returns the address that authenticator apps read. The account is the pseudonym.
func otpAuth(secret []byte, issuer, account string) string {
	q := url.Values{"secret": {secretText(secret)}, "issuer": {issuer}, "period": {fmt.Sprint(totpPeriod)}, "digits": {"6"}, "algorithm": {"SHA1"}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + q.Encode()
}

func codeAt(secret []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(secretText(secret), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// take checks a code and uses it up; the account counts what is wrong. It returns ErrCode or *Locked.
func (a *Account) take(now time.Time, code string) error {
	if now.Before(a.Fail.Until) {
		return &Locked{a.Fail.Until}
	}
	step, err := matchStep(a.Secret, code, now)
	if err != nil {
		return err
	}
	if step <= a.Step { // none, or used already
		a.Fail = a.Fail.next(now, accountTries)
		if now.Before(a.Fail.Until) {
			return &Locked{a.Fail.Until}
		}
		return ErrCode
	}
	a.Step, a.Fail = step, Failure{}
	return nil
}

// matchStep returns the step whose code it is, 0 if none near now.
func matchStep(secret []byte, code string, now time.Time) (int64, error) {
	if len(secret) == 0 {
		return 0, nil
	}
	code = strings.NewReplacer(" ", "", "\u00a0", "").Replace(strings.TrimSpace(code))
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
