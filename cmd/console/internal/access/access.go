package access

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"sync"
	"time"

	"subrosa/cmd/console/internal/store"
)

// What a person can do wrong; the page has a sentence for each.
var (
	ErrCredentials = errors.New("access: name, password or code is wrong")
	ErrReplayed    = errors.New("access: the code was used already")
	ErrLink        = errors.New("access: the link is unknown, used or too old")
	ErrPassword    = errors.New("access: a password has 12 to 256 characters")
	ErrName        = errors.New("access: an account name has 2 to 32 of a-z, 0-9, dot and hyphen")
	ErrTaken       = errors.New("access: the account name is taken")
	ErrCode        = errors.New("access: the code does not match")
	ErrSignedOut   = errors.New("access: not signed in")
	ErrBusy        = errors.New("access: too many sign-ins at the same time")
)

// Locked says until when an account or an address is locked out.
type Locked struct{ Until time.Time }

func (l *Locked) Error() string {
	return "access: locked until " + l.Until.UTC().Format(time.RFC3339)
}

// Times and counts.
const (
	LinkLife   = 15 * time.Minute // of an enrolment link, real time
	InviteLife = 24 * time.Hour   // of a link that an administrator makes for someone else
	LoginLife  = 12 * time.Hour
	LoginIdle  = 30 * time.Minute

	accountTries = 5  // failures before an account is locked
	addressTries = 20 // failures before an address is locked
	firstLock    = time.Minute
	longestLock  = time.Hour
	forget       = 24 * time.Hour // failures older than this do not count
	touchEvery   = time.Minute
)

// Service is safe for concurrent use.
type Service struct {
	st    *store.Store
	dummy string        // password of nobody, so that unknown names take as long
	slots chan struct{} // password hashes at the same time: each takes 19 MiB

	mu      sync.Mutex
	pending map[string][]byte // TOTP secrets shown for links not used yet
}

// New returns the service over st.
func New(st *store.Store) *Service {
	return &Service{st: st, dummy: hashPassword(NewToken()), slots: make(chan struct{}, 4), pending: map[string][]byte{}}
}

// NeedsFirst reports whether there is no active administrator.
func (s *Service) NeedsFirst(ctx context.Context) (bool, error) {
	us, err := s.st.Users(ctx)
	for _, u := range us {
		if u.Active && Role(u.Role) == Admin {
			return false, nil
		}
	}
	return true, err
}

// FirstLink returns the token of a fresh link for the first administrator, valid for LinkLife; earlier ones
// stop working. It is an error if there is one already.
func (s *Service) FirstLink(ctx context.Context, now time.Time) (token string, err error) {
	need, err := s.NeedsFirst(ctx)
	if err != nil {
		return "", err
	}
	if !need {
		return "", errors.New("access: there is an administrator already")
	}
	token = NewToken()
	l := store.Link{Role: string(Admin), Purpose: "enrol", Created: now, Expires: now.Add(LinkLife)}
	if err := s.st.PutLink(ctx, digest(token), l, true); err != nil {
		return "", err
	}
	return token, s.st.Append(ctx, store.Audit{At: now, Role: "console", What: "link.made", Detail: string(Admin)})
}

// Invite returns the token of a link with which someone enrols as role, valid for InviteLife.
func (s *Service) Invite(ctx context.Context, now time.Time, by Who, role Role) (token string, err error) {
	if !by.Role.May(Accounts) || !role.Valid() {
		return "", fmt.Errorf("access: %s may not invite %q", by.Role, role)
	}
	token = NewToken()
	l := store.Link{Role: string(role), Purpose: "enrol", Created: now, Expires: now.Add(InviteLife)}
	if err := s.st.PutLink(ctx, digest(token), l, false); err != nil {
		return "", err
	}
	return token, s.audit(ctx, now, by, "account.invited", "", string(role))
}

// DemoLink makes a link that signs in as administrator without an account, once. token has at least 22
// characters (128 bits); "" makes one.
func (s *Service) DemoLink(ctx context.Context, now time.Time, token string) (string, error) {
	if token == "" {
		token = NewToken()
	}
	if len(token) < 22 {
		return "", errors.New("access: a one-time token needs at least 22 characters")
	}
	l := store.Link{Role: string(Admin), Purpose: "demo", Created: now, Expires: now.Add(LinkLife)}
	return token, s.st.PutLink(ctx, digest(token), l, true)
}

// CheckListen returns an error unless the demo's link may exist on a server that listens at addr.
func CheckListen(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("access: address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("access: the demo's sign-in link works on a loopback address only, not on %q", addr)
	}
	return nil
}

func usable(purpose string, now time.Time) func(store.Link) error {
	return func(l store.Link) error {
		if l.Purpose != purpose || !l.Used.IsZero() || !now.Before(l.Expires) || !Role(l.Role).Valid() {
			return ErrLink
		}
		return nil
	}
}

// UseDemo uses the demo's link up and returns the cookie of a login.
func (s *Service) UseDemo(ctx context.Context, now time.Time, token string) (cookie string, err error) {
	l, _, err := s.st.UseLink(ctx, digest(token), now, usable("demo", now), nil, nil)
	if err != nil {
		return "", asLink(err)
	}
	return s.signIn(ctx, now, Who{Role: Role(l.Role)}, "login.demo")
}

func asLink(err error) error {
	if errors.Is(err, store.ErrNone) {
		return ErrLink
	}
	return err
}

// Enrolment is what the page of an enrolment link shows.
type Enrolment struct {
	Role   Role
	Secret []byte // TOTP; stays the same until the link is used or the program ends
}

// Enrolment returns the role that the link is for and the secret to show. It does not use the link up.
func (s *Service) Enrolment(ctx context.Context, now time.Time, token string) (Enrolment, error) {
	l, err := s.st.Link(ctx, digest(token))
	if err != nil {
		return Enrolment{}, asLink(err)
	}
	if err := usable("enrol", now)(l); err != nil {
		return Enrolment{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := string(digest(token))
	if s.pending[key] == nil {
		s.pending[key] = newSecret()
	}
	return Enrolment{Role: Role(l.Role), Secret: s.pending[key]}, nil
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,31}$`)

// Enrol makes the account, uses the link up, and signs in. It returns the recovery codes, shown once.
func (s *Service) Enrol(ctx context.Context, now time.Time, token, name, password, code string) (cookie string, recovery []string, err error) {
	e, err := s.Enrolment(ctx, now, token)
	if err != nil {
		return "", nil, err
	}
	if !nameForm.MatchString(name) {
		return "", nil, ErrName
	}
	if err := CheckPassword(password); err != nil {
		return "", nil, err
	}
	step, err := matchStep(e.Secret, normal(code), now)
	if err != nil {
		return "", nil, err
	}
	if step == 0 {
		return "", nil, ErrCode
	}
	if _, err := s.st.UserByName(ctx, name); err == nil {
		return "", nil, ErrTaken
	}
	phc, err := s.hash(password)
	if err != nil {
		return "", nil, err
	}
	codes, hashes := newRecovery()
	u := &store.User{Name: name, Password: phc, Secret: e.Secret, Step: step}
	l, id, err := s.st.UseLink(ctx, digest(token), now, usable("enrol", now), u, hashes)
	if err != nil {
		return "", nil, asLink(err)
	}
	s.mu.Lock()
	delete(s.pending, string(digest(token)))
	s.mu.Unlock()
	who := Who{Role: Role(l.Role), Account: id}
	if err := s.audit(ctx, now, who, "account.enrolled", fmt.Sprint(id), l.Role); err != nil {
		return "", nil, err
	}
	cookie, err = s.signIn(ctx, now, who, "login")
	return cookie, codes, err
}

func (s *Service) hash(p string) (string, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		return hashPassword(p), nil
	default:
		return "", ErrBusy
	}
}

func (s *Service) verify(phc, p string) (bool, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		return verifyPassword(phc, p)
	default:
		return false, ErrBusy
	}
}

func (s *Service) signIn(ctx context.Context, now time.Time, who Who, what string) (cookie string, err error) {
	cookie = NewToken()
	l := store.Login{User: who.Account, Role: string(who.Role), Created: now, Seen: now}
	if err := s.st.PutLogin(ctx, digest(cookie), l); err != nil {
		return "", err
	}
	return cookie, s.audit(ctx, now, who, what, "", "")
}

// Current returns who the cookie belongs to; ErrSignedOut if nobody, or if it is too old, idle for too long, or
// its account was disabled. With touch the login counts as used now.
func (s *Service) Current(ctx context.Context, now time.Time, cookie string, touch bool) (Who, error) {
	if cookie == "" {
		return Who{}, ErrSignedOut
	}
	h := digest(cookie)
	l, err := s.st.Login(ctx, h)
	if errors.Is(err, store.ErrNone) {
		return Who{}, ErrSignedOut
	}
	if err != nil {
		return Who{}, err
	}
	if now.Sub(l.Created) >= LoginLife || now.Sub(l.Seen) >= LoginIdle {
		return Who{}, errors.Join(ErrSignedOut, s.st.DropLogin(ctx, h))
	}
	if l.User != 0 {
		u, err := s.st.UserByID(ctx, l.User)
		if err != nil {
			return Who{}, err
		}
		if !u.Active {
			return Who{}, ErrSignedOut
		}
	}
	if touch && now.Sub(l.Seen) >= touchEvery {
		if err := s.st.TouchLogin(ctx, h, now); err != nil {
			return Who{}, err
		}
	}
	return Who{Role: Role(l.Role), Account: l.User}, nil
}

// Logout ends the login.
func (s *Service) Logout(ctx context.Context, now time.Time, cookie string) error {
	who, err := s.Current(ctx, now, cookie, false)
	if err != nil {
		return err
	}
	if err := s.st.DropLogin(ctx, digest(cookie)); err != nil {
		return err
	}
	return s.audit(ctx, now, who, "logout", "", "")
}

// SetActive enables or disables an account.
func (s *Service) SetActive(ctx context.Context, now time.Time, by Who, id int64, active bool) error {
	if !by.Role.May(Accounts) {
		return fmt.Errorf("access: %s may not change accounts", by.Role)
	}
	if err := s.st.SetActive(ctx, id, active, string(Admin)); err != nil {
		return err
	}
	what := "account.disabled"
	if active {
		what = "account.enabled"
	}
	return s.audit(ctx, now, by, what, fmt.Sprint(id), "")
}

func (s *Service) audit(ctx context.Context, now time.Time, who Who, what, target, detail string) error {
	return s.st.Append(ctx, store.Audit{At: now, Role: string(who.Role), Account: who.Account, What: what, Target: target, Detail: detail})
}
