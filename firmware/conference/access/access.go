// Package access is who may come into a conference: invites, passkeys, one-time codes, the city's sign-in, and what becomes
// of all that when somebody leaves the roster.
//
//	invite ──► login ──► passkey or code set up        a browser holds a cookie, the book only its hash
//	sign-in ─┘   │
//	passkey ─────┤
//	certificate ─┴─► Identify ──► level.Rule.Decide ──► lobby or call         at each request, by the roster of this moment
//
// A login never carries a role: the role is what the roster says now. Who leaves the roster has, before the roster's change
// returns, no login and no invite any more, and whoever watches (the call) is told. Guests who are not on the roster have
// the right of their invite, until it ends or is revoked.
//
// Nothing here is a password, a meeting number or a name. Every token has 256 random bits and is stored as a hash; wrong ones
// are counted by address, wrong codes by account, and lock-outs are journalled.
package access

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"subrosa/firmware/journal"
	"subrosa/firmware/roster"
	"subrosa/firmware/state"
)

// Options of a Service.
type Options struct {
	URL     string                     // of the conference: https://konferenz.raum.example, or http://localhost:8082
	Name    string                     // of the conference, for authenticators and pages: "Konferenz Musterstadt"
	State   state.Folder               // where the book lies; one writer
	Rosters map[string]*roster.Roster  // by room
	Rooms   map[string]string          // names of rooms, for people; default the id
	Level   func(room string) string   // of the session as it is now; nil: always confidential
	Journal journal.Appender           // what happened, without names
	Time    func() (time.Time, string) // wall time and its quality; nil: time.Now, "unsynced"
	SSO     *SSO                       // the city's sign-in; nil: none
	Bound   bool                       // only passkeys that cannot leave their device; not those that a maker's cloud copies
	Deny    []string                   // certificates that are shut out, such as a stolen unit's: "unit:ratssaal-1"
	Zone    *time.Location             // of times on pages; nil: UTC
	Log     *slog.Logger
	// Streams says whether a room has public streams; nil: none has.
	Streams func(room string) bool
	// After is where a browser goes when it has signed in; nil: /room/ROOM.
	After func(room string) string
}

// Service is safe for concurrent use. Close it.
type Service struct {
	o       Options
	origin  string
	name    string // host of the URL: the relying party of passkeys
	auth    *webauthn.WebAuthn
	key     ed25519.PrivateKey
	hosts   addresses
	players addresses // that have shown wrong tokens of streams
	cer     ceremonies
	flows   flows
	stops   []func()
	queue   chan queued // for the journal
	locked  *os.File

	mu   sync.Mutex
	book *Book
	over []string // stream tokens whose end was told

	watch    sync.Mutex // apart from mu, which is held while the disk writes
	watchers map[int]func(Ended)
	serial   int
	probes   map[string]probed // by room
	seen     roles
}

// CheckURL reports why an address cannot be that of a conference. Browsers refuse passkeys and cameras on IP addresses and
// without TLS, so a unit without a name could never hold a confidential session.
func CheckURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("access: url: %w", err)
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || host != "localhost"):
		return nil, fmt.Errorf("access: url %q: want https://NAME, or http://localhost:PORT for development", address)
	case net.ParseIP(strings.Trim(host, "[]")) != nil:
		return nil, fmt.Errorf("access: url %q: browsers refuse passkeys and cameras on IP addresses; give the conference a name (docs/operation.md)", address)
	case u.Port() == "443" && u.Scheme == "https" || u.Port() == "80" && u.Scheme == "http":
		return nil, fmt.Errorf("access: url %q: leave the usual port out, as browsers do", address)
	case strings.HasSuffix(host, ".") || host == "" || host != strings.ToLower(host) || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("access: url %q: want a lower-case name and at most a port, without a path", address)
	}
	return u, nil
}

// Open returns the service with the book that lies in the state folder.
func Open(o Options) (*Service, error) {
	u, err := CheckURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Journal == nil || len(o.Rosters) == 0 || o.Log == nil {
		return nil, errors.New("access: wants a journal, a log and the roster of at least one room")
	}
	s := &Service{o: o, origin: u.Scheme + "://" + u.Host, name: u.Hostname(), watchers: map[int]func(Ended){}, probes: map[string]probed{}, seen: roles{by: map[string]roster.Role{}}, queue: make(chan queued, 4*roster.MaxMembers)}
	yes := true
	s.auth, err = webauthn.New(&webauthn.Config{
		RPID: s.name, RPDisplayName: o.Name, RPOrigins: []string{s.origin}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &yes, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired},
	})
	if err != nil {
		return nil, fmt.Errorf("access: passkeys: %w", err)
	}
	if o.Bound {
		s.auth.Config.Filtering = &webauthn.FilteringConfig{ProhibitBackupEligibility: true}
	}
	if err := s.lock(); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for room, r := range o.Rosters {
		for _, m := range r.Members() {
			s.seen.put(consentKey(room, m.ID), roster.Event{Member: m})
		}
		s.stops = append(s.stops, r.Watch(func(e roster.Event) { s.rosterChanged(room, e) }))
	}
	if _, err := s.Sweep(s.now()); err != nil { // the roster may have changed while the program did not run
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close stops watching rosters, and writes what the journal has not had yet.
func (s *Service) Close() error {
	for _, stop := range s.stops {
		stop()
	}
	s.drain()
	return s.locked.Close()
}

// lock makes sure that the book has one writer. A second one would undo what the first has written, such as the invite for the
// first clerk.
func (s *Service) lock() error {
	f, err := os.OpenFile(s.o.State.Path(bookName)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("access: %s is in use by another process: stop the conference first (%w)", s.o.State.Path(bookName), err)
	}
	s.locked = f
	return nil
}

const (
	bookName = "access"
	keyName  = "access-key"
)

func (s *Service) load() error {
	s.book = newBook()
	err := s.o.State.Load(bookName, s.book)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("access: %w", err)
	}
	if s.book.Format != format {
		return fmt.Errorf("access: %s: format %d, this program knows %d", s.o.State.Path(bookName), s.book.Format, format)
	}
	s.book.fill()
	var k struct {
		Seed []byte `json:"seed"`
	}
	err = s.o.State.Load(keyName, &k)
	if errors.Is(err, fs.ErrNotExist) {
		k.Seed = make([]byte, ed25519.SeedSize)
		rand.Read(k.Seed)
		err = s.o.State.Save(keyName, k)
	}
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	if len(k.Seed) != ed25519.SeedSize {
		return fmt.Errorf("access: %s holds no key", s.o.State.Path(keyName))
	}
	s.key = ed25519.NewKeyFromSeed(k.Seed)
	return nil
}

// PublicKey is the key that bindings are signed with.
func (s *Service) PublicKey() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

func (s *Service) now() time.Time {
	t, _ := s.time()
	return t
}

func (s *Service) time() (time.Time, string) {
	if s.o.Time == nil {
		return time.Now(), "unsynced"
	}
	return s.o.Time()
}

// change lets fn alter a copy of the book, writes it and only then makes it the book. keep says for which errors of fn the
// copy counts all the same, such as a wrong code, which must be counted.
func (s *Service) change(fn func(*Book) error, keep ...error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := json.Marshal(s.book)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	b := &Book{}
	if err := json.Unmarshal(raw, b); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	b.fill()
	err = fn(b)
	var locked *Locked
	counts := err == nil || errors.As(err, &locked)
	for _, k := range keep {
		counts = counts || errors.Is(err, k)
	}
	if !counts {
		return err
	}
	if saveErr := s.o.State.Save(bookName, b); saveErr != nil {
		return errors.Join(err, fmt.Errorf("access: %w", saveErr))
	}
	s.book = b
	return err
}

// read lets fn look at the book.
func (s *Service) read(fn func(*Book)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s.book)
}

// Ended is the end of a right that the call must act on at once.
type Ended struct {
	Room   string // "" every room
	Member string
	Login  string // Identity.Login; "" all of the member's
	Reason EndReason
	At     time.Time
}

// EndReason says why a right ended, out of a list.
type EndReason string

const (
	EndRoster    EndReason = "roster"       // off the roster, or its time is over
	EndRole      EndReason = "role-changed" // another role: come in again
	EndRevoked   EndReason = "revoked"      // the guest's invite
	EndRecovered EndReason = "recovered"    // a device was reported lost
	EndSignedOut EndReason = "signed-out"
	EndExpired   EndReason = "expired"
	EndConsent   EndReason = "consent-ended" // to a code in place of a passkey
)

// Watch calls fn for everything that ends from now on, before the call that ended it returns. fn must not block and must
// not call the service. The returned function ends it.
func (s *Service) Watch(fn func(Ended)) (stop func()) {
	s.watch.Lock()
	defer s.watch.Unlock()
	n := s.serial
	s.serial++
	s.watchers[n] = fn
	return func() {
		s.watch.Lock()
		defer s.watch.Unlock()
		delete(s.watchers, n)
	}
}

func (s *Service) tell(events ...Ended) {
	s.watch.Lock()
	var fns []func(Ended)
	for _, fn := range s.watchers {
		fns = append(fns, fn)
	}
	s.watch.Unlock()
	for _, e := range events {
		for _, fn := range fns {
			fn(e)
		}
	}
}

// rosterChanged acts on an event of a room's roster. The call is told first: it must not wait for a disk.
func (s *Service) rosterChanged(room string, e roster.Event) {
	id := e.Member.ID
	was := s.seen.put(consentKey(room, id), e)
	switch {
	case e.What == roster.Added:
		s.returned(id)
		return
	case e.What == roster.Changed && was != e.Member.Role:
		s.tell(Ended{Room: room, Member: id, Reason: EndRole, At: e.At})
		s.later(KindEnded, room, note{Role: was, Reason: string(EndRole)})
		return // the login stays; what it may is asked anew
	case e.What == roster.Changed && e.Member.At(e.At):
		return
	}
	s.tell(Ended{Room: room, Member: id, Reason: EndRoster, At: e.At})
	s.later(KindEnded, room, note{Role: was, Reason: string(EndRoster)})
	if e.What == roster.Changed { // its time has not come yet, or is over
		return
	}
	elsewhere := s.onAnyRoster(id)
	err := s.change(func(b *Book) error {
		b.leave(e.At, room, id, elsewhere)
		return nil
	})
	if err != nil { // the roster is asked at each request, so nobody comes in by this; Sweep tidies up
		s.o.Log.Error("access: rights ended, but the book was not written", "err", err)
	}
}

// returned forgets that a member had left.
func (s *Service) returned(member string) {
	left := false
	s.read(func(b *Book) { a := b.Accounts[member]; left = a != nil && !a.Left.IsZero() })
	if !left {
		return
	}
	err := s.change(func(b *Book) error { b.account(member).Left = time.Time{}; return nil })
	if err != nil {
		s.o.Log.Error("access: the book was not written", "err", err)
	}
}

// roles remembers the role that each member had in each room, for an event tells only the new one.
type roles struct {
	mu sync.Mutex
	by map[string]roster.Role
}

// put takes note of an event and returns the role of before, the event's if there was none.
func (r *roles) put(key string, e roster.Event) roster.Role {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, known := r.by[key]
	if !known {
		was = e.Member.Role
	}
	r.by[key] = e.Member.Role
	if e.What == roster.Removed {
		delete(r.by, key)
	}
	return was
}

func (s *Service) onAnyRoster(member string) bool {
	for _, r := range s.o.Rosters {
		if _, ok := r.Member(member); ok {
			return true
		}
	}
	return false
}

// Sweep ends what is over at now, writes what waits for the journal, and lets the conference look at itself where that is due.
// Call it every few seconds.
func (s *Service) Sweep(now time.Time) (n int, err error) {
	n, err = s.sweep(now)
	s.probe(now)
	return n, err
}

func (s *Service) sweep(now time.Time) (n int, err error) {
	for _, r := range s.o.Rosters {
		r.Expire(now) // tells rosterChanged
	}
	s.drain()
	var out []Ended
	over := func(l *Login) bool {
		return !now.Before(l.Ends) || l.Guest != nil && !now.Before(l.Guest.To) || l.Guest == nil && !s.onAnyRoster(l.Member)
	}
	any := false
	var streams []Ended
	s.read(func(b *Book) {
		for _, l := range b.Logins {
			any = any || over(l)
		}
		for _, until := range b.Consents {
			any = any || !now.Before(until)
		}
		for _, i := range b.Invites {
			any = any || now.Sub(i.To) > keepOver
		}
		for _, k := range b.overStreams(now) {
			if !slices.Contains(s.over, k.ID) { // told once; the token itself is asked for its time at each use
				s.over = append(s.over, k.ID)
				streams = append(streams, Ended{Room: k.Room, Member: k.ID, Reason: EndExpired, At: now})
			}
		}
	})
	s.tell(streams...)
	if !any {
		return 0, nil
	}
	err = s.change(func(b *Book) error {
		for _, e := range b.end(func(_ string, l *Login) bool { return over(l) }) {
			out = append(out, Ended{Room: e.room, Member: e.member, Login: e.login, Reason: EndExpired, At: now})
		}
		for k, until := range b.Consents {
			if !now.Before(until) {
				room, member, _ := strings.Cut(k, "/")
				out = append(out, Ended{Room: room, Member: member, Reason: EndConsent, At: now})
			}
		}
		b.prune(now)
		return nil
	})
	s.tell(out...)
	for _, e := range out {
		s.note(KindEnded, e.Room, note{Reason: string(e.Reason)})
	}
	return len(out), err
}

// Run sweeps until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(2 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if _, err := s.Sweep(s.now()); err != nil {
				s.o.Log.Error("access: sweep", "err", err)
			}
		}
	}
}
