package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"subrosa/cmd/console/internal/store"
)

// Login checks name, password and code (one-time code or recovery code) and returns the cookie of a new login.
// remote is the peer's address, "host:port" or host. Errors: ErrCredentials, ErrReplayed, *Locked, ErrBusy.
//
// Failures are counted for the account's name, whether it exists or not, and for the address. A locked account
// refuses even the right password, so that a lock cannot be used to test guesses.
func (s *Service) Login(ctx context.Context, now time.Time, name, password, code, remote string) (cookie string, err error) {
	keys := failureKeys(name, remote)
	for _, k := range keys {
		f, err := s.st.Failure(ctx, k)
		if err != nil {
			return "", err
		}
		if now.Before(f.Until) {
			return "", &Locked{f.Until}
		}
	}
	u, err := s.check(ctx, now, name, password, code)
	switch {
	case errors.Is(err, ErrCredentials), errors.Is(err, ErrReplayed):
		return "", s.failed(ctx, now, u.ID, keys, err)
	case err != nil:
		return "", err
	}
	for _, k := range keys[:1] { // the address keeps its count: one good account must not whitewash guesses at others
		if err := s.st.ClearFailures(ctx, k); err != nil {
			return "", err
		}
	}
	return s.signIn(ctx, now, Who{Role: Role(u.Role), Account: u.ID}, "login")
}

func failureKeys(name, remote string) []string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		host = ip.Mask(net.CIDRMask(64, 128)).String() // a host owns its /64
	}
	return []string{
		"account:" + hex.EncodeToString(digest(strings.ToLower(name))),
		"address:" + hex.EncodeToString(digest(host)),
	}
}

// check returns the account if everything is right. The account is also returned where only its number is
// wanted, for the audit trail.
func (s *Service) check(ctx context.Context, now time.Time, name, password, code string) (store.User, error) {
	if len(password) > MaxPassword || len(code) > 64 || len(name) > 64 {
		return store.User{}, ErrCredentials
	}
	u, err := s.st.UserByName(ctx, name)
	if errors.Is(err, store.ErrNone) {
		_, err := s.verify(s.dummy, password)
		return store.User{}, errors.Join(ErrCredentials, busy(err))
	}
	if err != nil {
		return u, err
	}
	ok, err := s.verify(u.Password, password)
	if err != nil {
		return u, err
	}
	if !ok || !u.Active {
		return u, ErrCredentials
	}
	return u, s.checkCode(ctx, now, u, normal(code))
}

func busy(err error) error {
	if errors.Is(err, ErrBusy) {
		return err
	}
	return nil
}

func (s *Service) checkCode(ctx context.Context, now time.Time, u store.User, code string) error {
	if len(code) == recoveryChars {
		ok, err := s.st.TakeRecovery(ctx, u.ID, digest(code))
		if err != nil {
			return err
		}
		if !ok {
			return ErrCredentials
		}
		return s.audit(ctx, now, Who{Role(u.Role), u.ID}, "recovery.used", fmt.Sprint(u.ID), "")
	}
	step, err := matchStep(u.Secret, code, now)
	if err != nil {
		return err
	}
	if step == 0 {
		return ErrCredentials
	}
	fresh, err := s.st.TakeStep(ctx, u.ID, step)
	if err != nil {
		return err
	}
	if !fresh {
		return ErrReplayed
	}
	return nil
}

// failed counts a failure and returns cause, or *Locked if this one locked something.
func (s *Service) failed(ctx context.Context, now time.Time, account int64, keys []string, cause error) error {
	detail := "credentials"
	if errors.Is(cause, ErrReplayed) {
		detail = "replayed"
	}
	var until time.Time
	for i, k := range keys {
		tries := accountTries
		if i > 0 {
			tries = addressTries
		}
		f, err := s.st.CountFailure(ctx, k, func(f store.Failure) store.Failure { return Next(f, now, tries) })
		if err != nil {
			return err
		}
		if f.Until.After(until) {
			until = f.Until
		}
	}
	a := store.Audit{At: now, Account: account, What: "login.failed", Detail: detail}
	if until.After(now) {
		a.What = "login.locked"
		cause = &Locked{until}
	}
	return errors.Join(s.st.Append(ctx, a), cause)
}

// Next counts one more failure at now. From the given number of tries on, each further failure locks twice as
// long as the one before: 1 min, 2 min, … 1 h.
func Next(f store.Failure, now time.Time, tries int) store.Failure {
	if now.Sub(f.Last) >= forget {
		f = store.Failure{}
	}
	f.Count++
	f.Last = now
	if over := f.Count - tries; over >= 0 {
		lock := longestLock
		if over < 6 {
			lock = min(firstLock<<over, longestLock)
		}
		f.Until = now.Add(lock)
	}
	return f
}
