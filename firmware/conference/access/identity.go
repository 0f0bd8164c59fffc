package access

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
	"subrosa/firmware/topic"
)

// Identity is who a request comes from, as of this moment.
type Identity struct {
	Login    string // of the browser; tells two of one member apart and opens nothing. "" with a certificate
	Room     string
	Member   string
	Role     roster.Role
	OnRoster bool
	Factors  []level.Factor
	Consent  bool
	Enrol    bool // may set up a passkey or a code now
	Ends     time.Time
	key      []byte // id of the passkey
}

// Person is what the table decides by.
func (i Identity) Person() level.Person {
	return level.Person{Role: i.Role, OnRoster: i.OnRoster, Factors: i.Factors, Consent: i.Consent}
}

// Identify returns who a request comes from, in a room. Errors: ErrSignedOut, and ErrRoster for somebody who is signed in
// but has no right in this room now.
func (s *Service) Identify(r *http.Request, room string) (Identity, error) {
	now := s.now()
	if s.o.Rosters[room] == nil {
		return Identity{}, fmt.Errorf("%w: no such room", ErrRequest)
	}
	if id, ok := s.certificate(r, room); ok {
		id.Ends = r.TLS.VerifiedChains[0][0].NotAfter
		return id, nil
	}
	l, hash, err := s.current(r, now)
	if err != nil {
		return Identity{}, err
	}
	return s.identity(now, hash, l, room)
}

// Decide says whether a request's sender may come into a room's call as its level is now.
func (s *Service) Decide(r *http.Request, room string) (Identity, level.Verdict) {
	id, err := s.Identify(r, room)
	rule := s.rule(room)
	switch {
	case errors.Is(err, ErrRoster):
		return id, level.Verdict{Reason: level.NotOnRoster}
	case err != nil:
		return id, level.Verdict{Reason: level.NotIdentified}
	}
	return id, rule.Decide(id.Person())
}

// Still reports whether an identity that was let in may stay, at now. A call asks it after a change of level.
func (s *Service) Still(now time.Time, id Identity) level.Verdict {
	if id.Login == "" {
		if !now.Before(id.Ends) {
			return level.Verdict{Reason: level.NotIdentified}
		}
		return s.rule(id.Room).Decide(id.Person())
	}
	var l Login
	found := false
	s.read(func(b *Book) {
		if p := b.Logins[id.Login]; p != nil && now.Before(p.Ends) {
			l, found = *p, true
		}
	})
	if !found {
		return level.Verdict{Reason: level.NotIdentified}
	}
	fresh, err := s.identity(now, id.Login, l, id.Room)
	if err != nil {
		return level.Verdict{Reason: level.NotOnRoster}
	}
	return s.rule(id.Room).Decide(fresh.Person())
}

func (s *Service) rule(room string) level.Rule {
	if s.o.Level == nil {
		return level.For(level.Confidential)
	}
	return level.For(level.Level(s.o.Level(room)))
}

// cookieName carries the prefix that binds the cookie to host and TLS where there is TLS.
func (s *Service) cookieName() string {
	if strings.HasPrefix(s.origin, "https:") {
		return "__Host-subrosa-conference"
	}
	return "subrosa-conference"
}

func (s *Service) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true,
		Secure: strings.HasPrefix(s.origin, "https:"), SameSite: http.SameSiteStrictMode}
}

// current returns the login of a request and its hash.
func (s *Service) current(r *http.Request, now time.Time) (Login, string, error) {
	c, err := r.Cookie(s.cookieName())
	if err != nil || c.Value == "" {
		return Login{}, "", ErrSignedOut
	}
	hash := loginID(c.Value)
	var l Login
	found := false
	s.read(func(b *Book) {
		if p := b.Logins[hash]; p != nil {
			l, found = *p, true
			l.Factors = slices.Clone(p.Factors)
		}
	})
	if !found || !now.Before(l.Ends) {
		return Login{}, "", ErrSignedOut
	}
	return l, hash, nil
}

// identity asks the roster, at now, what a login is in a room.
func (s *Service) identity(now time.Time, hash string, l Login, room string) (Identity, error) {
	id := Identity{Login: hash, Room: room, Member: l.Member, Factors: l.Factors, Enrol: now.Before(l.Enrol), Ends: l.Ends, key: l.Key}
	if l.Room != "" && l.Room != room {
		return id, ErrRoster
	}
	if l.Guest != nil {
		valid := false
		s.read(func(b *Book) { i := b.Invites[l.Guest.Invite]; valid = i != nil && i.Revoked.IsZero() })
		if !valid || !now.Before(l.Guest.To) {
			return id, ErrSignedOut
		}
		id.Role, id.Enrol = l.Guest.Role, false
		return id, nil
	}
	m, ok := s.o.Rosters[room].Member(l.Member)
	if !ok || !m.At(now) {
		return id, ErrRoster
	}
	id.Role, id.OnRoster = m.Role, true
	s.read(func(b *Book) { id.Consent = now.Before(b.Consents[consentKey(room, l.Member)]) })
	return id, nil
}

// certificate returns the identity of a unit or gateway that has shown a verified certificate for the room. Who may sign
// them, the server's TLS configuration says.
func (s *Service) certificate(r *http.Request, room string) (Identity, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Identity{}, false
	}
	who, err := topic.IdentityFromCert(r.TLS.VerifiedChains[0][0])
	if err != nil || !slices.Contains(who.Rooms, room) || slices.Contains(s.o.Deny, who.String()) {
		return Identity{}, false
	}
	id := Identity{Room: room, Factors: []level.Factor{level.Certificate}}
	switch who.Role {
	case topic.Unit:
		id.Member, id.Role = who.Unit, roster.Room
	case topic.Gateway:
		id.Member, id.Role = "gateway-"+room, roster.Gateway
	default:
		return Identity{}, false
	}
	return id, roster.ValidID(id.Member)
}
