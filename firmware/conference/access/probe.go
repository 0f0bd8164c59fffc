package access

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/dsk"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// probeEvery is how often a conference looks at itself; also at each start and change of level.
const probeEvery = 24 * time.Hour

// probed is when a room was looked at last, and at which level.
type probed struct {
	level string
	at    time.Time
}

// probe writes into the journal what the conference sees of itself, where that is due.
func (s *Service) probe(now time.Time) {
	for room := range s.o.Rosters {
		l := string(s.rule(room).Level)
		s.watch.Lock()
		last := s.probes[room]
		due := last.level != l || now.Sub(last.at) >= probeEvery
		if due {
			s.probes[room] = probed{l, now}
		}
		s.watch.Unlock()
		if due {
			s.journal(dsk.KindChecked, room, s.Look(now, room))
		}
	}
}

// Look tries what can be tried of the list on video conferences, on the running service.
func (s *Service) Look(now time.Time, room string) dsk.Report {
	r := dsk.Report{Level: string(s.rule(room).Level)}
	for _, c := range []struct {
		id string
		ok bool
	}{
		{"vk-transport", strings.HasPrefix(s.origin, "https://")},
		{"vk-e2ee", s.refusesUnproven(now, room)},
		{"vk-auth", s.refusesStrangers(room)},
		{"vk-mfa", refused(level.Nonpublic, level.Invite) && refused(level.Nonpublic, level.SSO) && refused(level.Confidential, level.Invite) && refused(level.Confidential, level.SSOStrong)},
		{"vk-guest", s.invitesAreBounded() && !guest(level.Confidential).May},
		{"vk-lobby", waits()},
		{"vk-moderator", s.hasChair(now, room)},
		{"vk-roles", rolesAreApart()},
		{"vk-record-off", !level.For(level.Nonpublic).Recording && !level.For(level.Confidential).Recording},
		{"vk-retention", s.nothingIsLeft(now)},
	} {
		r.Checks = append(r.Checks, dsk.Check{ID: c.id, OK: c.ok})
	}
	return r
}

// refusesUnproven: a binding by the server's word alone does not hold at the confidential level, which is encrypted.
func (s *Service) refusesUnproven(now time.Time, room string) bool {
	key := make([]byte, ed25519.PublicKeySize)
	c := binding.Claim{V: 1, Room: room, Member: "probe", Role: roster.Councillor, Factors: []level.Factor{level.Invite}, Key: key,
		From: now.Unix(), To: now.Unix() + 60, Nonce: make([]byte, 16)}
	payload, err := c.Encode()
	if err != nil {
		return false
	}
	token, err := binding.Sign(s.key, payload, nil)
	if err != nil {
		return false
	}
	_, err = binding.Verify(token, binding.Want{Server: s.PublicKey(), Room: room, Key: key, Origin: s.origin, Level: level.Confidential, Now: now})
	return binding.Slug(err) == "missing" && level.For(level.Nonpublic).Encrypted && level.For(level.Confidential).Encrypted
}

func (s *Service) refusesStrangers(room string) bool {
	r, err := http.NewRequest(http.MethodGet, s.origin, nil)
	if err != nil {
		return false
	}
	_, v := s.Decide(r, room)
	return !v.May
}

func refused(l level.Level, f level.Factor) bool {
	return !level.For(l).Decide(level.Person{Role: roster.Councillor, OnRoster: true, Factors: []level.Factor{f}}).May
}

func guest(l level.Level) level.Verdict {
	return level.For(l).Decide(level.Person{Role: roster.Guest, Factors: []level.Factor{level.Invite, level.Code}})
}

func waits() bool {
	for _, r := range level.Rules {
		if g := guest(r.Level); g.May && !g.Lobby {
			return false
		}
	}
	member := level.Person{Role: roster.Councillor, OnRoster: true, Factors: []level.Factor{level.PasskeyUsed}}
	return level.For(level.Nonpublic).Decide(member).Lobby && level.For(level.Confidential).Decide(member).Lobby
}

func rolesAreApart() bool {
	for _, role := range roster.Roles() {
		if role != roster.Chair && (level.May(role, level.End) || level.May(role, level.SignAdmit) || level.May(role, level.Consent)) {
			return false
		}
	}
	return level.May(roster.Chair, level.End)
}

func (s *Service) hasChair(now time.Time, room string) bool {
	for _, m := range s.o.Rosters[room].Members() {
		if m.Role == roster.Chair && m.At(now) {
			return true
		}
	}
	return false
}

func (s *Service) invitesAreBounded() (ok bool) {
	ok = true
	s.read(func(b *Book) {
		for _, i := range b.Invites {
			ok = ok && len(i.Hash) == 32 && i.To.After(i.From) && i.To.Sub(i.Made) <= InviteLife && (i.Used.IsZero() || i.State(i.From) != "open")
		}
	})
	return ok
}

// nothingIsLeft: what is over is gone. Sweep runs before.
func (s *Service) nothingIsLeft(now time.Time) (ok bool) {
	ok = true
	s.read(func(b *Book) {
		for _, l := range b.Logins {
			ok = ok && now.Before(l.Ends)
		}
		for _, i := range b.Invites {
			ok = ok && now.Sub(i.To) <= keepOver
		}
	})
	return ok
}

// journal records what is no note.
func (s *Service) journal(kind, room string, payload any) {
	b, err := json.Marshal(payload)
	if err == nil {
		err = s.append(kind, room, b)
	}
	if err != nil {
		s.o.Log.Error("access: not in the journal", "kind", kind, "err", err)
	}
}
