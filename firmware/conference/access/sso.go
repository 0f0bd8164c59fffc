package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// SSO is the city's sign-in by OpenID Connect: the code flow with PKCE (S256), state and nonce. Of what the city tells, one claim is
// read, and only its pseudonym is kept; names and addresses are not even asked for.
type SSO struct {
	Issuer   string `json:"issuer"` // https://…; http only on localhost
	ClientID string `json:"client_id"`
	// SecretFile holds the client's secret; none for a public client. PseudonymsFile holds the office's key.
	SecretFile     string `json:"secret_file,omitempty"`
	PseudonymsFile string `json:"pseudonyms_file"`
	Secret         string `json:"-"`
	// Claim that tells people apart, "sub" by default; the same that the directory's SCIM id has, so that the pseudonyms meet.
	Claim string `json:"claim,omitempty"`
	// ACR lists the authentication context classes that are accepted; empty: all. Strong lists those among them in which the city
	// has itself asked for a second factor. AMR methods count the same way, by StrongAMR (RFC 8176: "mfa", "hwk").
	ACR       []string `json:"acr,omitempty"`
	Strong    []string `json:"strong_acr,omitempty"`
	StrongAMR []string `json:"strong_amr,omitempty"`
	// Ports are further ones of the issuer's endpoints, should it be down when the conference starts and asks for them.
	Ports []uint16 `json:"ports,omitempty"`
	// Pseudonyms is made with the office's key, the same as in the roster's import.
	Pseudonyms roster.Pseudonyms `json:"-"`
	Client     *http.Client      `json:"-"` // towards the issuer; nil: http.DefaultClient with a limit of time

	once     sync.Mutex
	provider *oidc.Provider
}

const (
	flowLife = 10 * time.Minute
	maxFlows = 2048
	maxPlace = 256             // of one address: a town hall may be one
	maxAge   = 5 * time.Minute // a token issued longer ago is none of this sign-in
)

// flow is a sign-in on its way through the city's pages.
type flow struct {
	nonce, verifier string
	browser         [32]byte // hash of the cookie of the browser that began it
	link            string   // login that wants to be linked; "": sign in
	room            string
	place           string // whence it was begun
	until           time.Time
}

type flows struct {
	mu sync.Mutex
	by map[string]flow // by state
}

func (f *flows) begin(now time.Time, state string, x flow) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[string]flow{}
	}
	n := 0
	for k, o := range f.by {
		switch {
		case !now.Before(o.until):
			delete(f.by, k)
		case o.place == x.place:
			n++
		}
	}
	if len(f.by) >= maxFlows || n >= maxPlace {
		return ErrFull
	}
	f.by[state] = x
	return nil
}

func (f *flows) take(now time.Time, state string) (flow, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, ok := f.by[state]
	delete(f.by, state)
	return x, ok && now.Before(x.until)
}

// Check reports what is wrong with the configuration.
func (c *SSO) Check() error {
	switch {
	case !strings.HasPrefix(c.Issuer, "https://") && !strings.HasPrefix(c.Issuer, "http://localhost:"):
		return fmt.Errorf("access: sso: issuer %q: want https://…", c.Issuer)
	case c.ClientID == "":
		return errors.New("access: sso: client_id is missing")
	}
	for _, a := range c.Strong {
		if len(c.ACR) > 0 && !slices.Contains(c.ACR, a) {
			return fmt.Errorf("access: sso: strong_acr %q is not among acr", a)
		}
	}
	return nil
}

// discover asks the issuer once for its addresses and keys; the library fetches keys again when it meets a new one.
func (c *SSO) discover(ctx context.Context) (*oidc.Provider, error) {
	c.once.Lock()
	defer c.once.Unlock()
	if c.provider != nil {
		return c.provider, nil
	}
	p, err := oidc.NewProvider(context.WithoutCancel(c.context(ctx)), c.Issuer) // it keeps the context for its keys
	if err != nil {
		return nil, fmt.Errorf("access: sso: the issuer does not answer as one: %w", err)
	}
	c.provider = p
	return p, nil
}

// Endpoints asks the issuer which addresses a sign-in connects to: those of tokens and keys.
func (c *SSO) Endpoints(ctx context.Context) ([]string, error) {
	p, err := oidc.NewProvider(c.context(ctx), c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("access: sso: the issuer does not answer as one: %w", err)
	}
	var doc struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&doc); err != nil {
		return nil, fmt.Errorf("access: sso: the issuer's document: %w", err)
	}
	return []string{p.Endpoint().TokenURL, doc.Keys}, nil
}

func (c *SSO) context(ctx context.Context) context.Context {
	client := c.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	return oidc.ClientContext(ctx, client)
}

func (s *Service) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: s.o.SSO.ClientID, ClientSecret: s.o.SSO.Secret, Endpoint: p.Endpoint(),
		RedirectURL: s.origin + "/access/sso/back", Scopes: []string{oidc.ScopeOpenID}}
}

// SSOBegin returns where the browser goes, and the value of a cookie that it must bring back. link is the identity that wants the
// city's account tied to it, nil to sign in.
func (s *Service) SSOBegin(ctx context.Context, room, remote string, link *Identity) (address, browser string, err error) {
	if s.o.SSO == nil {
		return "", "", ErrSSO
	}
	if link != nil && (!link.Enrol || !link.OnRoster) {
		return "", "", ErrEnrol
	}
	p, err := s.o.SSO.discover(ctx)
	if err != nil {
		return "", "", err
	}
	state, x := newToken(), flow{nonce: newToken(), verifier: oauth2.GenerateVerifier(), room: room, place: place(remote), until: s.now().Add(flowLife)}
	browser = newToken()
	x.browser = sha256.Sum256([]byte(browser))
	if link != nil {
		x.link = link.Login
	}
	if err := s.flows.begin(s.now(), state, x); err != nil {
		return "", "", err
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(x.nonce), oauth2.S256ChallengeOption(x.verifier)}
	if len(s.o.SSO.ACR) > 0 {
		opts = append(opts, oauth2.SetAuthURLParam("acr_values", strings.Join(s.o.SSO.ACR, " ")))
	}
	return s.oauth(p).AuthCodeURL(state, opts...), browser, nil
}

// SSOEnd takes what the browser brings back. It returns the room that the sign-in was for, and the value of the login's cookie; ""
// where an account was linked to a login that there is.
func (s *Service) SSOEnd(ctx context.Context, state, code, browser, remote string) (cookie, room string, err error) {
	now := s.now()
	if err := s.hosts.check(now, remote); err != nil {
		return "", "", err
	}
	x, ok := s.flows.take(now, state)
	got := sha256.Sum256([]byte(browser))
	if !ok || subtle.ConstantTimeCompare(got[:], x.browser[:]) != 1 {
		return "", "", ErrCeremony // not counted: any page of the web could send people's browsers here, and nobody guesses 256 bits
	}
	who, factor, err := s.o.SSO.exchange(ctx, s, x, code)
	if err != nil {
		s.missed(now, remote)
		return "", x.room, err
	}
	if x.link != "" {
		return "", x.room, s.link(x.link, who)
	}
	member := who
	s.read(func(b *Book) {
		if m := b.Linked[who]; m != "" {
			member = m
		}
	})
	if !s.onAnyRoster(member) {
		return "", x.room, fmt.Errorf("%w: %s", ErrRoster, member)
	}
	err = s.change(func(b *Book) error {
		cookie, err = b.login(now, Login{Member: member, Factors: []level.Factor{factor}})
		return err
	})
	if err == nil {
		s.note(KindEntered, x.room, note{How: factor})
	}
	return cookie, x.room, err
}

// exchange changes the code for a token and returns the pseudonym and how strongly the city has looked.
func (c *SSO) exchange(ctx context.Context, s *Service, x flow, code string) (pseudonym string, f level.Factor, err error) {
	p, err := c.discover(ctx)
	if err != nil {
		return "", "", err
	}
	ctx = c.context(ctx)
	token, err := s.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(x.verifier))
	if err != nil {
		return "", "", fmt.Errorf("%w: the code was not changed for a token: %w", ErrSSO, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", "", fmt.Errorf("%w: no ID token came", ErrSSO)
	}
	id, err := p.VerifierContext(ctx, &oidc.Config{ClientID: c.ClientID, Now: s.now}).Verify(ctx, raw)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrSSO, err)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return "", "", fmt.Errorf("%w: claims: %w", ErrSSO, err)
	}
	return c.judge(id, claims, x, s.now())
}

// judge checks what the library leaves to its user (OpenID Connect Core 1.0, 3.1.3.7).
func (c *SSO) judge(id *oidc.IDToken, claims map[string]any, x flow, now time.Time) (string, level.Factor, error) {
	text := func(name string) string { v, _ := claims[name].(string); return v }
	claim := c.Claim
	if claim == "" {
		claim = "sub"
	}
	acr := text("acr")
	switch {
	case x.nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(x.nonce)) != 1:
		return "", "", fmt.Errorf("%w: the token is of another sign-in (nonce)", ErrSSO)
	case len(id.Audience) != 1 && text("azp") != c.ClientID:
		return "", "", fmt.Errorf("%w: the token is for several clients, and azp is not this one", ErrSSO)
	case text("azp") != "" && text("azp") != c.ClientID:
		return "", "", fmt.Errorf("%w: the token was issued to another client (azp)", ErrSSO)
	case now.Sub(id.IssuedAt) > maxAge || id.IssuedAt.Sub(now) > maxAge:
		return "", "", fmt.Errorf("%w: the token was issued at another time (iat)", ErrSSO)
	case len(c.ACR) > 0 && !slices.Contains(c.ACR, acr):
		return "", "", fmt.Errorf("%w: the city signed in by a class that is not accepted (acr)", ErrSSO)
	case len(text(claim)) == 0 || len(text(claim)) > 255:
		return "", "", fmt.Errorf("%w: claim %s is missing", ErrSSO, claim)
	}
	f := level.SSO
	methods, _ := claims["amr"].([]any)
	for _, m := range methods {
		if v, ok := m.(string); ok && slices.Contains(c.StrongAMR, v) {
			f = level.SSOStrong
		}
	}
	if acr != "" && slices.Contains(c.Strong, acr) {
		f = level.SSOStrong
	}
	return c.Pseudonyms.Member(text(claim)), f, nil
}

// link ties a city account to the member of a login that may set things up.
func (s *Service) link(login, who string) error {
	now := s.now()
	var room string
	err := s.change(func(b *Book) error {
		l := b.Logins[login]
		if l == nil || l.Guest != nil || !now.Before(l.Enrol) {
			return ErrEnrol
		}
		if m := b.Linked[who]; m != "" && m != l.Member {
			return fmt.Errorf("%w: the account belongs to another member", ErrSSO)
		}
		b.account(l.Member)
		b.Linked[who], room = l.Member, l.Room
		l.Factors = with(l.Factors, level.SSO)
		return nil
	})
	if err == nil {
		s.note(KindEnrolled, room, note{How: level.SSO})
	}
	return err
}
