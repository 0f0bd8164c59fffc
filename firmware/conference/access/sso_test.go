package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// The OpenID provider of these tests is that of github.com/zitadel/oidc, as its own example runs it, on
// loopback: discovery, login page, codes, PKCE and signed tokens are theirs. Its user id1 signs in with
// a password of the example.
const (
	opUser, opPassword = "test-user@localhost", "verysecure"
	clientID           = "konferenz"
)

// city is the provider and a browser that goes through its login page.
type city struct {
	*httptest.Server
	t testing.TB
	// classes is what the provider says of how it signed in; the example knows none of its own.
	classes string
}

// classStore adds an authentication context class to the example's requests.
type classStore struct {
	*storage.Storage
	city *city
}

type classRequest struct {
	op.AuthRequest
	acr string
}

func (r classRequest) GetACR() string { return r.acr }

func (s classStore) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	r, err := s.Storage.AuthRequestByID(ctx, id)
	return classRequest{r, s.city.classes}, err
}

func (s classStore) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	r, err := s.Storage.AuthRequestByCode(ctx, code)
	return classRequest{r, s.city.classes}, err
}

func newCity(t testing.TB) *city {
	t.Helper()
	c := &city{t: t}
	var handler http.Handler
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(c.Close)
	issuer := strings.Replace(c.URL, "127.0.0.1", "localhost", 1)
	c.URL = issuer
	storage.RegisterClients(storage.NativeClient(clientID, testURL+"/access/sso/back"), storage.NativeClient("another", testURL+"/access/sso/back"))
	store := classStore{storage.NewStorage(storage.NewUserStore(issuer + "/")), c}
	old := slog.Default()
	handler = exampleop.SetupServer(issuer, store, slog.New(slog.DiscardHandler), false)
	slog.SetDefault(old)
	return c
}

var hidden = regexp.MustCompile(`name="id" value="([^"]*)"`)

// signIn goes where the conference sends a browser, signs in, and returns the address that the provider sends it back to.
func (c *city) signIn(address string) *url.URL {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var back *url.URL
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == testHost {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page := c.body(client.Get(address))
	m := hidden.FindStringSubmatch(page)
	if m == nil {
		c.t.Fatalf("no login page came from the provider:\n%.600s", page)
	}
	c.body(client.PostForm(c.URL+"/login/username", url.Values{"username": {opUser}, "password": {opPassword}, "id": {m[1]}}))
	if back == nil {
		c.t.Fatal("the provider did not send the browser back")
	}
	return back
}

func (c *city) body(r *http.Response, err error) string {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// ssoDesk is a desk with the city's sign-in; its clock is the real one, for the provider's tokens have real times.
func ssoDesk(t *testing.T, c *city, change func(*SSO)) *desk {
	t.Helper()
	p, err := roster.NewPseudonyms([]byte(strings.Repeat("k", roster.KeyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.at = time.Now()
	d.o.SSO = &SSO{Issuer: c.URL, ClientID: clientID, Pseudonyms: p}
	change(d.o.SSO)
	d.must(d.o.SSO.Check())
	d.open()
	return d
}

func (d *desk) onTheRoster(sub string) string {
	d.t.Helper()
	id := d.o.SSO.Pseudonyms.Member(sub)
	_, err := d.roster.Add(d.now(), roster.Member{ID: id, Role: roster.Councillor})
	d.must(err)
	return id
}

// through runs a whole sign-in.
func (d *desk) through(c *city) (cookie string, err error) {
	d.t.Helper()
	address, browser, err := d.SSOBegin(d.t.Context(), "ratssaal", peer, nil)
	d.must(err)
	back := c.signIn(address).Query()
	cookie, _, err = d.SSOEnd(d.t.Context(), back.Get("state"), back.Get("code"), browser, peer)
	return cookie, err
}

func TestSSO(t *testing.T) {
	c := newCity(t)
	d := ssoDesk(t, c, func(*SSO) {})
	if _, err := d.through(c); !errors.Is(err, ErrRoster) {
		t.Fatalf("not on the roster: got %v", err)
	}
	member := d.onTheRoster("id1") // the provider's subject
	cookie, err := d.through(c)
	d.must(err)
	id := d.who(cookie)
	if id.Member != member || !slices.Equal(id.Factors, []level.Factor{level.SSO}) {
		t.Errorf("got %+v", id)
	}
	for _, e := range d.rec.entries {
		if strings.Contains(string(e.Payload), "id1") || strings.Contains(string(e.Payload), member) {
			t.Errorf("the journal names somebody: %s", e.Payload)
		}
	}
	d.level = level.Nonpublic
	if v := d.verdict(cookie); v.Reason != level.NeedsSecond {
		t.Errorf("nonpublic: got %+v", v)
	}
}

// TestSSOAsksForLittle: what the browser is sent to the city with.
func TestSSOAsksForLittle(t *testing.T) {
	c := newCity(t)
	d := ssoDesk(t, c, func(o *SSO) { o.ACR = []string{"substantial", "high"} })
	address, _, err := d.SSOBegin(t.Context(), "ratssaal", peer, nil)
	d.must(err)
	u, err := url.Parse(address)
	d.must(err)
	q := u.Query()
	if q.Get("scope") != "openid" || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("acr_values") != "substantial high" {
		t.Errorf("asked for %v", q)
	}
	for _, k := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(k)) < 43 {
			t.Errorf("%s %q has less than 256 bits", k, q.Get(k))
		}
	}
}

func TestSSORefused(t *testing.T) {
	c := newCity(t)
	d := ssoDesk(t, c, func(*SSO) {})
	d.onTheRoster("id1")
	begin := func() (state, code, browser string) {
		t.Helper()
		address, browser, err := d.SSOBegin(t.Context(), "ratssaal", peer, nil)
		d.must(err)
		back := c.signIn(address).Query()
		return back.Get("state"), back.Get("code"), browser
	}
	alter := func(state string, change func(*flow)) {
		x := d.flows.by[state]
		change(&x)
		d.flows.by[state] = x
	}
	for name, try := range map[string]func() error{
		"another browser": func() error {
			state, code, _ := begin()
			_, _, err := d.SSOEnd(t.Context(), state, code, newToken(), peer)
			return err
		},
		"no cookie": func() error {
			state, code, _ := begin()
			_, _, err := d.SSOEnd(t.Context(), state, code, "", peer)
			return err
		},
		"another state": func() error {
			_, code, browser := begin()
			_, _, err := d.SSOEnd(t.Context(), newToken(), code, browser, peer)
			return err
		},
		"used twice": func() error {
			state, code, browser := begin()
			_, _, err := d.SSOEnd(t.Context(), state, code, browser, peer)
			d.must(err)
			_, _, err = d.SSOEnd(t.Context(), state, code, browser, peer)
			return err
		},
		"too late": func() error {
			state, code, browser := begin()
			alter(state, func(x *flow) { x.until = d.now() })
			_, _, err := d.SSOEnd(t.Context(), state, code, browser, peer)
			return err
		},
		"another nonce": func() error { // a token of another sign-in, injected
			state, code, browser := begin()
			alter(state, func(x *flow) { x.nonce = newToken() })
			_, _, err := d.SSOEnd(t.Context(), state, code, browser, peer)
			return err
		},
		"another verifier": func() error { // a stolen code: the provider itself refuses it
			state, code, browser := begin()
			alter(state, func(x *flow) { x.verifier = strings.Repeat("v", 43) })
			_, _, err := d.SSOEnd(t.Context(), state, code, browser, peer)
			return err
		},
		"invented code": func() error {
			state, _, browser := begin()
			_, _, err := d.SSOEnd(t.Context(), state, "x", browser, peer)
			return err
		},
	} {
		if err := try(); !errors.Is(err, ErrSSO) && !errors.Is(err, ErrCeremony) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestSSOIsStrict: issuer, audience, class and time.
func TestSSOIsStrict(t *testing.T) {
	c := newCity(t)
	for name, tt := range map[string]struct {
		class  string
		change func(*SSO)
		want   level.Factor // "": refused
	}{
		"no class is asked for":   {"", func(*SSO) {}, level.SSO},
		"accepted class":          {"substantial", func(o *SSO) { o.ACR = []string{"substantial"} }, level.SSO},
		"strong class":            {"high", func(o *SSO) { o.ACR, o.Strong = []string{"substantial", "high"}, []string{"high"} }, level.SSOStrong},
		"strong by method":        {"", func(o *SSO) { o.StrongAMR = []string{"pwd"} }, level.SSOStrong}, // the example says "pwd"
		"class is not accepted":   {"low", func(o *SSO) { o.ACR = []string{"substantial"} }, ""},
		"class is missing":        {"", func(o *SSO) { o.ACR = []string{"substantial"} }, ""},
		"claim is missing":        {"", func(o *SSO) { o.Claim = "employee" }, ""},
		"token for another place": {"", func(o *SSO) { o.ClientID = "another" }, ""},
	} {
		d := ssoDesk(t, c, tt.change)
		c.classes = tt.class
		d.onTheRoster("id1")
		address, browser, err := d.SSOBegin(t.Context(), "ratssaal", peer, nil)
		d.must(err)
		back := c.signIn(address).Query()
		if name == "token for another place" {
			d.o.SSO.ClientID = clientID
		}
		cookie, _, err := d.SSOEnd(t.Context(), back.Get("state"), back.Get("code"), browser, peer)
		switch {
		case tt.want == "" && !errors.Is(err, ErrSSO):
			t.Errorf("%s: got %v", name, err)
		case tt.want != "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want != "" && !slices.Contains(d.who(cookie).Factors, tt.want):
			t.Errorf("%s: got %v", name, d.who(cookie).Factors)
		}
	}
	d := ssoDesk(t, c, func(*SSO) {})
	d.onTheRoster("id1")
	d.wait(maxAge + time.Minute) // the token then looks older than this sign-in may be
	if _, err := d.through(c); !errors.Is(err, ErrSSO) {
		t.Errorf("an old token: got %v", err)
	}
	d = ssoDesk(t, c, func(o *SSO) { o.Issuer = c.URL + "/other" })
	if _, _, err := d.SSOBegin(t.Context(), "ratssaal", peer, nil); err == nil {
		t.Error("an issuer that is none was taken")
	}
}

func TestSSOLink(t *testing.T) {
	c := newCity(t)
	d := ssoDesk(t, c, func(*SSO) {})
	cookie := d.redeemed("m-17", Enrol)
	id := d.who(cookie)
	address, browser, err := d.SSOBegin(t.Context(), "ratssaal", peer, &id)
	d.must(err)
	back := c.signIn(address).Query()
	if got, _, err := d.SSOEnd(t.Context(), back.Get("state"), back.Get("code"), browser, peer); err != nil || got != "" {
		t.Fatalf("got %q, %v", got, err)
	}
	later, err := d.through(c)
	d.must(err)
	if id := d.who(later); id.Member != "m-17" {
		t.Errorf("got %+v", id)
	}
	joined := d.who(d.redeemed("m-18", Join))
	if _, _, err := d.SSOBegin(t.Context(), "ratssaal", peer, &joined); !errors.Is(err, ErrEnrol) {
		t.Errorf("linked by an invite to take part: got %v", err)
	}
	d.order("m-17", Recover)
	if _, err := d.through(c); !errors.Is(err, ErrRoster) {
		t.Errorf("after a device was lost the account is still tied: got %v", err)
	}
}

// TestJudge: what a provider that means ill could put into a token that it has signed itself.
func TestJudge(t *testing.T) {
	p, err := roster.NewPseudonyms([]byte(strings.Repeat("k", roster.KeyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	c := &SSO{ClientID: clientID, Pseudonyms: p, Strong: []string{"high"}, StrongAMR: []string{"mfa"}}
	good := func() (*oidc.IDToken, map[string]any) {
		return &oidc.IDToken{Nonce: "n", Audience: []string{clientID}, IssuedAt: t0}, map[string]any{"sub": "u"}
	}
	for name, change := range map[string]func(*oidc.IDToken, map[string]any){
		"no nonce":       func(id *oidc.IDToken, _ map[string]any) { id.Nonce = "" },
		"azp of another": func(_ *oidc.IDToken, m map[string]any) { m["azp"] = "another" },
		"two audiences":  func(id *oidc.IDToken, _ map[string]any) { id.Audience = append(id.Audience, "another") },
		"from the past":  func(id *oidc.IDToken, _ map[string]any) { id.IssuedAt = t0.Add(-maxAge - time.Second) },
		"from tomorrow":  func(id *oidc.IDToken, _ map[string]any) { id.IssuedAt = t0.Add(24 * time.Hour) },
		"no subject":     func(_ *oidc.IDToken, m map[string]any) { delete(m, "sub") },
		"number":         func(_ *oidc.IDToken, m map[string]any) { m["sub"] = 7.0 },
		"long subject":   func(_ *oidc.IDToken, m map[string]any) { m["sub"] = strings.Repeat("x", 256) },
	} {
		id, claims := good()
		change(id, claims)
		if _, _, err := c.judge(id, claims, flow{nonce: "n"}, t0); !errors.Is(err, ErrSSO) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	id, claims := good()
	if _, _, err := c.judge(id, claims, flow{}, t0); !errors.Is(err, ErrSSO) {
		t.Errorf("a flow without nonce: got %v", err)
	}
	for _, tt := range []struct {
		acr  any
		amr  any
		want level.Factor
	}{{nil, nil, level.SSO}, {"high", nil, level.SSOStrong}, {"low", []any{"pwd"}, level.SSO}, {"", []any{"pwd", "mfa"}, level.SSOStrong}, {7.0, "mfa", level.SSO}} {
		id, claims := good()
		claims["acr"], claims["amr"] = tt.acr, tt.amr
		who, f, err := c.judge(id, claims, flow{nonce: "n"}, t0)
		if err != nil || f != tt.want || !roster.ValidID(who) || strings.Contains(who, "u") && len(who) < 10 {
			t.Errorf("acr %v, amr %v: got %s, %v, %v", tt.acr, tt.amr, who, f, err)
		}
	}
}

// TestSSOFlood: one address cannot use up all the room for sign-ins.
func TestSSOFlood(t *testing.T) {
	c := newCity(t)
	d := ssoDesk(t, c, func(*SSO) {})
	for range maxPlace {
		_, _, err := d.SSOBegin(t.Context(), "ratssaal", peer, nil)
		d.must(err)
	}
	if _, _, err := d.SSOBegin(t.Context(), "ratssaal", peer, nil); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	if _, _, err := d.SSOBegin(t.Context(), "ratssaal", "198.51.100.1:1", nil); err != nil {
		t.Errorf("another address: %v", err)
	}
}

// TestSSOFromAnyPage: what a page somewhere on the web can make the browsers of a town hall ask for locks nobody there out.
func TestSSOFromAnyPage(t *testing.T) {
	c := newCity(t)
	d := ssoDesk(t, c, func(*SSO) {})
	h := d.Handler()
	get := func(path, mode, dest string) int {
		r := httptest.NewRequest("GET", d.origin+path, nil)
		r.RemoteAddr = peer
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", mode)
		r.Header.Set("Sec-Fetch-Dest", dest)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for range 2 * addressTries {
		get("/access/sso/back?state=x&code=y", "no-cors", "image")
		get("/access/sso/back?state=x&code=y", "navigate", "iframe")
	}
	if _, _, err := d.Redeem("guess", peer); !errors.Is(err, ErrInvite) {
		t.Errorf("the address is locked out of invites: %v", err)
	}
	for range maxPlace + 10 {
		get("/access/sso?room=ratssaal", "no-cors", "image")
	}
	if code := get("/access/sso?room=ratssaal", "navigate", "document"); code != http.StatusSeeOther {
		t.Errorf("the address cannot sign in any more: %d", code)
	}
}

func TestSSOConfigurations(t *testing.T) {
	for i, c := range []*SSO{{}, {Issuer: "http://sso.raum.example", ClientID: "x"}, {Issuer: "https://sso.raum.example"},
		{Issuer: "https://sso.raum.example", ClientID: "x", ACR: []string{"a"}, Strong: []string{"b"}}} {
		if c.Check() == nil {
			t.Error(fmt.Sprint(i, " passed"))
		}
	}
}
