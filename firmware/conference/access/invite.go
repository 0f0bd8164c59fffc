package access

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// Order is what a clerk asks for.
type Order struct {
	Room    string
	Member  string      // on the room's roster, whose role it has; "" for a guest or gateway who is not
	Role    roster.Role // Guest or Gateway without a member; otherwise ignored
	Purpose Purpose
	From    time.Time
	To      time.Time
}

// Made is a fresh invite with its link, which is shown once and stored nowhere. The token is behind the #, so that no server
// or proxy on its way writes it down, and a mail scanner that follows the link does not use it up.
type Made struct {
	Invite Invite
	Link   string
}

// Invite makes an invite. It is in the journal before its link is known; a recovery has by then ended what the member had.
func (s *Service) Invite(by roster.Role, o Order) (Made, error) {
	if !level.May(by, level.InviteOut) {
		return Made{}, ErrRight
	}
	return s.invite(by, o)
}

// FirstInvite makes the invite with which the first clerk or, if there is none, chair of a room sets up a passkey. It is for
// whoever runs the machine, and is refused when one of them has set up something.
func (s *Service) FirstInvite(room string) (Made, error) {
	r := s.o.Rosters[room]
	if r == nil {
		return Made{}, fmt.Errorf("%w: no such room", ErrRequest)
	}
	members := r.Members()
	for _, role := range []roster.Role{roster.Clerk, roster.Chair} {
		i := slices.IndexFunc(members, func(m roster.Member) bool { return m.Role == role && m.At(s.now()) })
		if i < 0 {
			continue
		}
		done := false
		s.read(func(b *Book) { a := b.Accounts[members[i].ID]; done = a != nil && len(a.Keys)+len(a.Secret) > 0 })
		if done {
			return Made{}, errors.New("access: somebody in charge has signed in already; the clerk makes further invites")
		}
		return s.invite("", Order{Room: room, Member: members[i].ID, Purpose: Enrol, From: s.now(), To: s.now().Add(time.Hour)})
	}
	return Made{}, fmt.Errorf("access: nobody on the roster of %s is clerk or chair now; put one there first", room)
}

func (s *Service) invite(by roster.Role, o Order) (Made, error) {
	r := s.o.Rosters[o.Room]
	if r == nil {
		return Made{}, fmt.Errorf("%w: no such room", ErrRequest)
	}
	now := s.now()
	i := Invite{Room: o.Room, Role: o.Role, Member: o.Member, Purpose: o.Purpose, From: o.From, To: o.To, By: by}
	if o.Member != "" {
		m, ok := r.Member(o.Member)
		if !ok {
			return Made{}, ErrRoster
		}
		if m.Role == roster.Room {
			return Made{}, fmt.Errorf("%w: a room comes by its certificate", ErrRequest)
		}
		i.Role = m.Role
	}
	var token string
	var out []Ended
	err := s.change(func(b *Book) error {
		var err error
		if i, token, err = b.invite(now, i); err != nil {
			return err
		}
		if o.Purpose == Recover {
			for _, e := range b.end(func(_ string, l *Login) bool { return l.Member == o.Member && l.Guest == nil }) {
				out = append(out, Ended{Member: e.member, Login: e.login, Reason: EndRecovered, At: now})
			}
		}
		kind := KindInvited
		if o.Purpose == Recover {
			kind = KindRecovered
		}
		return s.record(kind, o.Room, note{Role: i.Role, By: by, Invite: i.ID, Purpose: i.Purpose, Until: &i.To})
	})
	if err != nil {
		return Made{}, err
	}
	s.tell(out...)
	return Made{i, s.origin + "/access/invite#" + token}, nil
}

// Invites lists a room's invites, the latest first. Their hashes stay here.
func (s *Service) Invites(room string) (out []Invite) {
	s.read(func(b *Book) {
		for _, i := range b.Invites {
			if i.Room == room {
				c := *i
				c.Hash = nil
				out = append(out, c)
			}
		}
	})
	slices.SortFunc(out, func(a, b Invite) int { return b.Made.Compare(a.Made) })
	return out
}

// Revoke ends an invite of a room, and what a guest came in with by it.
func (s *Service) Revoke(by roster.Role, room, id string) error {
	if !level.May(by, level.InviteOut) {
		return ErrRight
	}
	now := s.now()
	var out []Ended
	var role roster.Role
	err := s.change(func(b *Book) error {
		if i := b.Invites[id]; i == nil || i.Room != room {
			return ErrInvite
		}
		i, ends, err := b.revoke(now, id)
		if err != nil {
			return err
		}
		role = i.Role
		for _, e := range ends {
			out = append(out, Ended{Room: room, Member: e.member, Login: e.login, Reason: EndRevoked, At: now})
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.tell(out...)
	s.note(KindRevoked, room, note{Role: role, By: by, Invite: id})
	return nil
}

// Redeem uses an invite up and returns the cookie's value and what the invite was for. remote is the peer's address.
func (s *Service) Redeem(token, remote string) (cookie string, i Invite, err error) {
	now := s.now()
	if err := s.hosts.check(now, remote); err != nil {
		return "", i, err
	}
	known := false
	s.read(func(b *Book) { known = b.find(token) != nil })
	if !known { // a guess costs no copy of the book
		s.missed(now, remote)
		return "", i, ErrInvite
	}
	err = s.change(func(b *Book) error {
		p, err := b.redeem(now, token)
		if err != nil {
			return err
		}
		i = *p
		l := Login{Member: p.Member, Room: p.Room, Factors: []level.Factor{level.Invite}}
		if p.Member == "" {
			l.Member, l.Guest = newID("gast-"), &Guest{Invite: p.ID, Role: p.Role, To: p.To}
		} else if m, ok := s.o.Rosters[p.Room].Member(p.Member); !ok || !m.At(now) {
			return ErrInvite
		}
		if p.Purpose == Join {
			l.Ends = p.To // an invite for an evening is none for the next morning
		} else {
			l.Enrol = now.Add(EnrolTime)
		}
		cookie, err = b.login(now, l)
		return err
	})
	if errors.Is(err, ErrInvite) {
		s.missed(now, remote)
	}
	if err != nil {
		return "", Invite{}, err
	}
	s.note(KindEntered, i.Room, note{Role: i.Role, Invite: i.ID, Purpose: i.Purpose, How: level.Invite})
	return cookie, i, nil
}

// missed counts a wrong token of an address; a lock-out is journalled, without the address.
func (s *Service) missed(now time.Time, remote string) {
	if s.hosts.failed(now, remote) {
		s.note(KindLocked, "", note{Reason: "address"})
	}
}

// Leave signs a browser out.
func (s *Service) Leave(id Identity) error {
	now := s.now()
	var out []Ended
	err := s.change(func(b *Book) error {
		for _, e := range b.end(func(h string, _ *Login) bool { return h == id.Login }) {
			out = append(out, Ended{Room: e.room, Member: e.member, Login: e.login, Reason: EndSignedOut, At: now})
		}
		return nil
	})
	s.tell(out...)
	return err
}

// Consent is the chair's: until then a one-time code beside another factor may take a passkey's place, for this member. It
// does not hold before the journal has it. Until the zero time takes it back.
func (s *Service) Consent(by Identity, member string, until time.Time) error {
	now := s.now()
	chair, ok := s.o.Rosters[by.Room].Member(by.Member) // as of now, whatever the identity was when it was asked for
	if !ok || !chair.At(now) || !level.May(chair.Role, level.Consent) {
		return ErrRight
	}
	m, ok := s.o.Rosters[by.Room].Member(member)
	switch {
	case !ok:
		return ErrRoster
	case !until.IsZero() && (!until.After(now) || until.Sub(now) > ConsentLife):
		return fmt.Errorf("%w: a consent holds for at most %d hours", ErrRequest, int(ConsentLife.Hours()))
	}
	k, reason := consentKey(by.Room, member), "given"
	if until.IsZero() {
		reason = "taken-back"
	}
	err := s.change(func(b *Book) error {
		n := note{Role: m.Role, By: by.Role, How: level.Code, Reason: reason}
		if until.IsZero() {
			delete(b.Consents, k)
		} else {
			b.Consents[k], n.Until = until, &until
		}
		return s.record(KindConsented, by.Room, n)
	})
	if err == nil && until.IsZero() {
		s.tell(Ended{Room: by.Room, Member: member, Reason: EndConsent, At: now})
	}
	return err
}
