package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// What people can do wrong; the pages have a sentence for each.
var (
	ErrInvite    = errors.New("access: the invite is unknown, used, revoked or not valid now")
	ErrSignedOut = errors.New("access: not signed in")
	ErrRoster    = errors.New("access: not on the roster")
	ErrRight     = errors.New("access: the role may not do this")
	ErrCode      = errors.New("access: the code does not match or was used already")
	ErrPasskey   = errors.New("access: the passkey was not accepted")
	ErrCeremony  = errors.New("access: the ceremony is unknown, used or too old")
	ErrEnrol     = errors.New("access: this sign-in may not set up a new passkey or code")
	ErrFull      = errors.New("access: too many at once, try again later")
	ErrRequest   = errors.New("access: the request is not of the form")
	ErrSSO       = errors.New("access: the city's sign-in was not accepted")
)

// Times and counts.
const (
	LoginLife   = 12 * time.Hour
	EnrolTime   = time.Hour      // after an invite to enrol was used
	EnrolLife   = 48 * time.Hour // longest life of an invite to enrol
	InviteLife  = 31 * 24 * time.Hour
	ConsentLife = 12 * time.Hour

	maxInvites = 4000
	maxLogins  = 4000
	maxKeys    = 8                   // passkeys of a member
	keepOver   = 30 * 24 * time.Hour // used and ended invites stay in the list for so long, and what a member signs in with after leaving
)

// Purpose of an invite.
type Purpose string

const (
	Join    Purpose = "join"    // to take part
	Enrol   Purpose = "enrol"   // to set up a passkey or a one-time code, and take part
	Recover Purpose = "recover" // the same after a device was lost: the old ones ended when it was made
)

// Invite lets one person in, once. Its token has 256 random bits and is nowhere stored.
type Invite struct {
	ID      string      `json:"id"`   // for lists and the journal; opens nothing
	Hash    []byte      `json:"hash"` // SHA-256 of the token
	Room    string      `json:"room"`
	Role    roster.Role `json:"role"`
	Member  string      `json:"member,omitempty"` // empty for a guest who is not on the roster
	Purpose Purpose     `json:"purpose"`
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	By      roster.Role `json:"by"`
	Made    time.Time   `json:"made"`
	Used    time.Time   `json:"used,omitzero"`
	Revoked time.Time   `json:"revoked,omitzero"`
}

// State of an invite at a time: open, early, used, over or revoked.
func (i *Invite) State(now time.Time) string {
	switch {
	case !i.Revoked.IsZero():
		return "revoked"
	case !i.Used.IsZero():
		return "used"
	case !now.Before(i.To):
		return "over"
	case now.Before(i.From):
		return "early"
	}
	return "open"
}

// Account is what a member signs in with.
type Account struct {
	Handle []byte                `json:"handle"` // user handle of passkeys: random, tells nothing
	Keys   []webauthn.Credential `json:"keys,omitempty"`
	Secret []byte                `json:"secret,omitempty"` // of one-time codes
	Step   int64                 `json:"step,omitempty"`   // last one used: a code works once
	Fail   Failure               `json:"fail,omitzero"`    // wrong codes
	Left   time.Time             `json:"left,omitzero"`    // since when on no roster; kept for keepOver, for imports err
}

// Login is a browser that has signed in.
type Login struct {
	Member  string         `json:"member"`
	Guest   *Guest         `json:"guest,omitempty"` // not on the roster: the invite is the right
	Room    string         `json:"room,omitempty"`  // only this one; empty: every room whose roster has the member
	Factors []level.Factor `json:"factors"`
	Key     []byte         `json:"key,omitempty"` // id of the passkey among Factors
	Made    time.Time      `json:"made"`
	Ends    time.Time      `json:"ends"`
	Enrol   time.Time      `json:"enrol,omitzero"` // until then a passkey or code may be set up
}

// Guest is what an invite gives to somebody who is not on the roster.
type Guest struct {
	Invite string      `json:"invite"`
	Role   roster.Role `json:"role"`
	To     time.Time   `json:"to"`
}

const format = 1

// Book is all that access knows, as it lies on disk. It holds no name, and of tokens only hashes. Its methods are
// pure, with time as an argument; Service guards it.
type Book struct {
	Format   int                     `json:"format"`
	Invites  map[string]*Invite      `json:"invites"`           // by id
	Accounts map[string]*Account     `json:"accounts"`          // by member
	Logins   map[string]*Login       `json:"logins"`            // by the hex SHA-256 of the cookie
	Consents map[string]time.Time    `json:"consents"`          // room/member: until when a code may take a passkey's place
	Linked   map[string]string       `json:"linked"`            // salted hash of a city account: member
	Streams  map[string]*StreamToken `json:"streams,omitempty"` // by id
}

func newBook() *Book {
	b := &Book{Format: format}
	b.fill()
	return b
}

func (b *Book) fill() {
	if b.Invites == nil {
		b.Invites = map[string]*Invite{}
	}
	if b.Accounts == nil {
		b.Accounts = map[string]*Account{}
	}
	if b.Logins == nil {
		b.Logins = map[string]*Login{}
	}
	if b.Consents == nil {
		b.Consents = map[string]time.Time{}
	}
	if b.Linked == nil {
		b.Linked = map[string]string{}
	}
	if b.Streams == nil {
		b.Streams = map[string]*StreamToken{}
	}
}

// newToken returns 256 random bits for a link or a cookie.
func newToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newID returns a short random id, which opens nothing.
func newID(prefix string) string {
	var b [5]byte
	rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}

// digest of a token. Tokens are long and random: a plain hash cannot be reversed, and looking one up tells nothing.
func digest(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

func loginID(cookie string) string { return hex.EncodeToString(digest(cookie)) }

// invite puts an invite into the book and returns its token.
func (b *Book) invite(now time.Time, i Invite) (Invite, string, error) {
	b.prune(now)
	longest := InviteLife
	if i.Purpose != Join {
		longest = EnrolLife
	}
	switch {
	case i.Purpose != Join && i.Purpose != Enrol && i.Purpose != Recover:
		return i, "", fmt.Errorf("%w: purpose", ErrRequest)
	case !roster.ValidID(i.Room) || !i.Role.Valid() || i.Role == roster.Room:
		return i, "", fmt.Errorf("%w: room or role", ErrRequest)
	case i.Member == "" && i.Role != roster.Guest && i.Role != roster.Gateway:
		return i, "", fmt.Errorf("%w: only guests and gateways need no member", ErrRequest)
	case i.Member == "" && i.Purpose != Join:
		return i, "", fmt.Errorf("%w: only members set up a passkey", ErrRequest)
	case !i.To.After(i.From) || !i.To.After(now):
		return i, "", fmt.Errorf("%w: it would be over before it begins", ErrRequest)
	case i.To.Sub(now) > longest:
		return i, "", fmt.Errorf("%w: it would be valid for more than %d hours", ErrRequest, int(longest.Hours()))
	case len(b.Invites) >= maxInvites:
		return i, "", ErrFull
	}
	token := newToken()
	i.ID, i.Hash, i.Made = newID("e-"), digest(token), now
	i.Used, i.Revoked = time.Time{}, time.Time{}
	if i.Purpose == Recover {
		b.forget(now, i.Member)
	}
	b.Invites[i.ID] = &i
	return i, token, nil
}

// forget ends what a member has signed in with so far.
func (b *Book) forget(now time.Time, member string) {
	if a := b.Accounts[member]; a != nil {
		a.Keys, a.Secret, a.Step, a.Fail = nil, nil, 0, Failure{}
	}
	for hash, m := range b.Linked {
		if m == member {
			delete(b.Linked, hash)
		}
	}
	for _, i := range b.Invites { // an older link would be a way back for whoever has the lost device
		if i.Member == member && i.Used.IsZero() && i.Revoked.IsZero() {
			i.Revoked = now
		}
	}
}

// find returns the invite that a token is for, nil if there is none.
func (b *Book) find(token string) *Invite {
	hash := digest(token)
	for _, i := range b.Invites {
		if string(i.Hash) == string(hash) {
			return i
		}
	}
	return nil
}

// redeem uses an invite up.
func (b *Book) redeem(now time.Time, token string) (*Invite, error) {
	i := b.find(token)
	if i == nil || i.State(now) != "open" {
		return nil, ErrInvite
	}
	i.Used = now
	return i, nil
}

// revoke ends an invite, and for a guest the logins that came of it; it returns those.
func (b *Book) revoke(now time.Time, id string) (*Invite, []ended, error) {
	i := b.Invites[id]
	if i == nil || !i.Revoked.IsZero() {
		return nil, nil, ErrInvite
	}
	i.Revoked = now
	return i, b.end(func(_ string, l *Login) bool { return l.Guest != nil && l.Guest.Invite == id }), nil
}

type ended struct{ login, member, room string }

// end takes out the logins for which fn is true.
func (b *Book) end(fn func(id string, l *Login) bool) (out []ended) {
	for id, l := range b.Logins {
		if fn(id, l) {
			out = append(out, ended{id, l.Member, l.Room})
			delete(b.Logins, id)
		}
	}
	return out
}

// login puts a login into the book and returns its cookie.
func (b *Book) login(now time.Time, l Login) (cookie string, err error) {
	b.prune(now)
	if len(b.Logins) >= maxLogins {
		return "", ErrFull
	}
	cookie = newToken()
	l.Made = now
	if l.Ends.IsZero() || l.Ends.Sub(now) > LoginLife {
		l.Ends = now.Add(LoginLife)
	}
	b.Logins[loginID(cookie)] = &l
	return cookie, nil
}

// prune drops what is over for good.
func (b *Book) prune(now time.Time) {
	for id, i := range b.Invites {
		if now.Sub(i.To) > keepOver {
			delete(b.Invites, id)
		}
	}
	for id, k := range b.Streams {
		if now.Sub(k.To) > keepOver {
			delete(b.Streams, id)
		}
	}
	for k, until := range b.Consents {
		if !now.Before(until) {
			delete(b.Consents, k)
		}
	}
	for m, a := range b.Accounts {
		if !a.Left.IsZero() && now.Sub(a.Left) > keepOver {
			delete(b.Accounts, m)
		}
	}
	for hash, m := range b.Linked {
		if b.Accounts[m] == nil {
			delete(b.Linked, hash)
		}
	}
}

// leave takes a member's rights in a room; elsewhere says whether another roster still has the member.
func (b *Book) leave(now time.Time, room, member string, elsewhere bool) {
	for _, i := range b.Invites {
		if i.Member == member && i.Room == room && i.Used.IsZero() && i.Revoked.IsZero() {
			i.Revoked = now
		}
	}
	delete(b.Consents, consentKey(room, member))
	b.end(func(_ string, l *Login) bool {
		return l.Member == member && l.Guest == nil && (l.Room == room || !elsewhere)
	})
	if a := b.Accounts[member]; a != nil && !elsewhere {
		a.Left = now
	}
}

// account returns a member's account, made if need be.
func (b *Book) account(member string) *Account {
	a := b.Accounts[member]
	if a == nil {
		a = &Account{Handle: digest(newToken())}
		b.Accounts[member] = a
	}
	return a
}

// byHandle finds the member whose passkeys carry a user handle.
func (b *Book) byHandle(handle []byte) (member string, a *Account) {
	for m, a := range b.Accounts {
		if len(handle) > 0 && string(a.Handle) == string(handle) {
			return m, a
		}
	}
	return "", nil
}

func consentKey(room, member string) string { return room + "/" + member }

// with returns the factors and f, once, in a fixed order.
func with(factors []level.Factor, f level.Factor) []level.Factor {
	if slices.Contains(factors, f) {
		return slices.Clone(factors)
	}
	out := append(slices.Clone(factors), f)
	slices.Sort(out)
	return out
}
