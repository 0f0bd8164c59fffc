package access

import (
	"subrosa/firmware/conference/level"
)

// A code is set up in two steps: the secret is shown, and counts once a code of it was entered. In between it waits in memory.

// NewCode returns a fresh secret for a login that may set one up.
func (s *Service) NewCode(id Identity) (secret []byte, ceremony string, err error) {
	if !id.Enrol || !id.OnRoster {
		return nil, "", ErrEnrol
	}
	c := pending{kind: enrolCode, login: id.Login, member: id.Member, secret: newSecret()}
	ceremony, err = s.cer.begin(s.now(), c)
	return c.secret, ceremony, err
}

// ConfirmCode makes the secret that was shown the member's.
func (s *Service) ConfirmCode(id Identity, ceremony, code string) error {
	now := s.now()
	c, err := s.cer.peek(now, ceremony, enrolCode, id.Login)
	if err != nil {
		return err
	}
	step, err := matchStep(c.secret, code, now)
	if err != nil {
		return err
	}
	if step == 0 {
		return ErrCode
	}
	s.cer.drop(ceremony)
	err = s.change(func(b *Book) error {
		a := b.account(id.Member)
		a.Secret, a.Step, a.Fail = c.secret, step, Failure{}
		return b.raise(id, level.Code)
	})
	if err == nil {
		s.note(KindEnrolled, id.Room, note{Role: id.Role, How: level.Code})
	}
	return err
}

// Code adds a one-time code to the factors of a login. Errors: ErrCode, *Locked.
func (s *Service) Code(id Identity, code, remote string) error {
	now := s.now()
	if err := s.hosts.check(now, remote); err != nil {
		return err
	}
	if !id.OnRoster {
		return ErrRight
	}
	var locked bool
	err := s.change(func(b *Book) error {
		a := b.account(id.Member)
		before := a.Fail.Until
		if err := a.take(now, code); err != nil {
			locked = a.Fail.Until.After(before)
			return err
		}
		return b.raise(id, level.Code)
	}, ErrCode)
	if err != nil {
		s.missed(now, remote)
		if locked {
			s.note(KindLocked, id.Room, note{Role: id.Role, Reason: "account"})
		}
		return err
	}
	s.note(KindEntered, id.Room, note{Role: id.Role, How: level.Code})
	return nil
}

// raise adds a factor to a login.
func (b *Book) raise(id Identity, f level.Factor) error {
	l := b.Logins[id.Login]
	if l == nil {
		return ErrSignedOut
	}
	l.Factors = with(l.Factors, f)
	return nil
}

// hasCode reports whether the member has set up a code.
func (s *Service) hasCode(member string) (yes bool) {
	s.read(func(b *Book) { a := b.Accounts[member]; yes = a != nil && len(a.Secret) > 0 })
	return yes
}
