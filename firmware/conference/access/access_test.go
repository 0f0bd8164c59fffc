package access

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/journal"
	"subrosa/firmware/roster"
	"subrosa/firmware/state"
)

const (
	testHost = "konferenz.raum.example"
	testURL  = "https://" + testHost
	peer     = "192.0.2.7:1234"
)

var t0 = time.Date(2026, 11, 28, 18, 30, 0, 0, time.UTC)

// record is a journal in memory.
type record struct {
	mu      sync.Mutex
	entries []journal.Entry
	broken  bool
}

func (r *record) Append(_ context.Context, e journal.Entry) (journal.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return journal.Receipt{}, errors.New("disk is full")
	}
	if err := e.Validate(); err != nil {
		return journal.Receipt{}, err
	}
	r.entries = append(r.entries, e)
	return journal.Receipt{Seq: uint64(len(r.entries))}, nil
}

func (r *record) kinds() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		out = append(out, e.Kind)
	}
	return out
}

// desk is a service with a roster, a journal and a clock of the test's.
type desk struct {
	*Service
	t      testing.TB
	roster *roster.Roster
	rec    *record
	mu     sync.Mutex
	at     time.Time
	level  level.Level
	ended  []Ended
	o      Options
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, roster: &roster.Roster{}, rec: &record{}, at: t0, level: level.Confidential}
	for id, role := range map[string]roster.Role{"m-chair": roster.Chair, "m-clerk": roster.Clerk, "m-17": roster.Councillor, "m-18": roster.Councillor, "g-1": roster.Guest} {
		if _, err := d.roster.Add(t0, roster.Member{ID: id, Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d.o = Options{URL: testURL, Name: "Konferenz Musterstadt", State: folder, Rosters: map[string]*roster.Roster{"ratssaal": d.roster}, Journal: d.rec,
		Level: func(string) string { return string(d.level) }, Log: slog.New(slog.DiscardHandler),
		Time: func() (time.Time, string) { d.mu.Lock(); defer d.mu.Unlock(); return d.at, "synced" }}
	d.open()
	return d
}

func (d *desk) open() {
	d.t.Helper()
	if d.Service != nil {
		d.Service.Close() // it may be closed already
	}
	s, err := Open(d.o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { s.Close() })
	s.Watch(func(e Ended) { d.ended = append(d.ended, e) })
	d.Service = s
}

func (d *desk) wait(dur time.Duration) { d.mu.Lock(); d.at = d.at.Add(dur); d.mu.Unlock() }

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// request is one with a cookie.
func (d *desk) request(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, testURL+"/", nil)
	r.RemoteAddr = peer
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: d.cookieName(), Value: cookie})
	}
	return r
}

func (d *desk) who(cookie string) Identity {
	d.t.Helper()
	id, err := d.Identify(d.request(cookie), "ratssaal")
	d.must(err)
	return id
}

// order makes an invite as the clerk and returns its token.
func (d *desk) order(member string, p Purpose) string {
	d.t.Helper()
	o := Order{Room: "ratssaal", Member: member, Purpose: p, From: d.now(), To: d.now().Add(24 * time.Hour)}
	if member == "" {
		o.Role = roster.Guest
	}
	m, err := d.Invite(roster.Clerk, o)
	d.must(err)
	_, token, ok := strings.Cut(m.Link, "#")
	if !ok || !strings.HasPrefix(m.Link, testURL+"/access/invite#") {
		d.t.Fatalf("link %q", m.Link)
	}
	return token
}

func (d *desk) redeemed(member string, p Purpose) (cookie string) {
	d.t.Helper()
	cookie, _, err := d.Redeem(d.order(member, p), peer)
	d.must(err)
	return cookie
}

// withPasskey enrols a passkey for a member and returns it and the cookie.
func (d *desk) withPasskey(member string) (*authenticator, string) {
	d.t.Helper()
	cookie, a := d.redeemed(member, Enrol), newAuthenticator(d.t)
	options, ceremony, err := d.NewKey(d.who(cookie))
	d.must(err)
	d.must(d.EnrolKey(d.who(cookie), ceremony, a.create(options)))
	return a, cookie
}

func (d *desk) verdict(cookie string) level.Verdict {
	_, v := d.Decide(d.request(cookie), "ratssaal")
	return v
}

func TestInviteLetsInOnce(t *testing.T) {
	d := newDesk(t)
	token := d.order("m-17", Join)
	if len(token) < 43 {
		t.Errorf("a token of %d characters has less than 256 bits", len(token))
	}
	cookie, i, err := d.Redeem(token, peer)
	d.must(err)
	if id := d.who(cookie); id.Member != "m-17" || id.Role != roster.Councillor || !id.OnRoster || i.Room != "ratssaal" {
		t.Errorf("got %+v", id)
	}
	if _, _, err := d.Redeem(token, peer); !errors.Is(err, ErrInvite) {
		t.Errorf("used again: got %v", err)
	}
	if _, err := d.Identify(d.request(cookie), "ausschuss"); err == nil {
		t.Error("the invite opens another room")
	}
	d.level = level.Internal
	if v := d.verdict(cookie); !v.May {
		t.Errorf("internal: got %+v", v)
	}
	d.level = level.Confidential
	if v := d.verdict(cookie); v.Reason != level.NeedsPasskey {
		t.Errorf("confidential: got %+v", v)
	}
}

// TestLoginEndsWithTheInvite: an evening's invite, used late, is no login for the next morning.
func TestLoginEndsWithTheInvite(t *testing.T) {
	d := newDesk(t)
	token := d.order("m-17", Join)
	d.wait(24*time.Hour - time.Minute)
	cookie, _, err := d.Redeem(token, peer)
	d.must(err)
	d.who(cookie)
	d.wait(time.Minute)
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("got %v", err)
	}
}

func TestInvitesEnd(t *testing.T) {
	d := newDesk(t)
	early, err := d.Invite(roster.Clerk, Order{Room: "ratssaal", Member: "m-17", Purpose: Join, From: t0.Add(time.Hour), To: t0.Add(2 * time.Hour)})
	d.must(err)
	token := func(m Made) string { _, s, _ := strings.Cut(m.Link, "#"); return s }
	refused := func(what, token string) {
		t.Helper()
		if _, _, err := d.Redeem(token, peer); !errors.Is(err, ErrInvite) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	refused("early", token(early))
	d.wait(2 * time.Hour)
	refused("over", token(early))
	gone := d.order("m-18", Join)
	_, err = d.roster.Remove(d.now(), "m-18")
	d.must(err)
	refused("off the roster", gone)
	d.wait(time.Second) // the list is by time
	revoked := d.order("m-17", Join)
	d.must(d.Revoke(roster.Clerk, "ratssaal", d.Invites("ratssaal")[0].ID))
	refused("revoked", revoked)
	if err := d.Revoke(roster.Clerk, "ausschuss", d.Invites("ratssaal")[0].ID); err == nil {
		t.Error("revoked from another room")
	}
	for _, i := range d.Invites("ratssaal") {
		if i.Hash != nil || i.State(d.now()) == "open" {
			t.Errorf("listed: %+v", i)
		}
	}
}

func TestInvitesRefused(t *testing.T) {
	d := newDesk(t)
	ok := Order{Room: "ratssaal", Member: "m-17", Purpose: Join, From: t0, To: t0.Add(time.Hour)}
	for name, tt := range map[string]struct {
		by     roster.Role
		change func(*Order)
	}{
		"councillor":          {roster.Councillor, func(*Order) {}},
		"nobody":              {"", func(*Order) {}},
		"unknown room":        {roster.Clerk, func(o *Order) { o.Room = "x" }},
		"unknown member":      {roster.Clerk, func(o *Order) { o.Member = "m-99" }},
		"no member":           {roster.Clerk, func(o *Order) { o.Member, o.Role = "", roster.Chair }},
		"guest sets up":       {roster.Clerk, func(o *Order) { o.Member, o.Role, o.Purpose = "", roster.Guest, Enrol }},
		"unknown purpose":     {roster.Clerk, func(o *Order) { o.Purpose = "" }},
		"over already":        {roster.Clerk, func(o *Order) { o.From, o.To = t0.Add(-2*time.Hour), t0 }},
		"backwards":           {roster.Clerk, func(o *Order) { o.To = o.From }},
		"too long":            {roster.Clerk, func(o *Order) { o.To = t0.Add(InviteLife + time.Second) }},
		"too long to enrol":   {roster.Clerk, func(o *Order) { o.Purpose, o.To = Enrol, t0.Add(EnrolLife+time.Second) }},
		"too long to recover": {roster.Clerk, func(o *Order) { o.Purpose, o.To = Recover, t0.Add(EnrolLife+time.Second) }},
	} {
		o := ok
		tt.change(&o)
		if m, err := d.Invite(tt.by, o); err == nil {
			t.Errorf("%s: got %+v", name, m.Invite)
		}
	}
	d.rec.broken = true
	if _, err := d.Invite(roster.Clerk, ok); err == nil {
		t.Error("an invite without a journal")
	}
	if n := len(d.Invites("ratssaal")); n != 0 {
		t.Errorf("%d invites after refusals", n)
	}
}

// TestGuessing: an address is locked after addressTries wrong tokens, and a right one does not help then. Others are not.
func TestGuessing(t *testing.T) {
	d := newDesk(t)
	a, _ := d.withPasskey("m-18")
	token := d.order("m-17", Join)
	var locked *Locked
	for i := range addressTries {
		if _, _, err := d.Redeem(newToken(), peer); !errors.Is(err, ErrInvite) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, _, err := d.Redeem(token, peer); !errors.As(err, &locked) || locked.Until.Sub(t0) != firstLock {
		t.Errorf("the right token from the locked address: got %v", err)
	}
	if _, _, err := d.Redeem(token, "198.51.100.1:1"); err != nil {
		t.Errorf("another address: %v", err)
	}
	options, ceremony, err := d.SignIn(peer)
	d.must(err)
	a.count++
	if _, err := d.SignedIn(ceremony, a.get(options)); err != nil {
		t.Errorf("a passkey from the locked address: %v", err)
	}
	if n := countKind(d.rec, KindLocked); n != 1 {
		t.Errorf("%d lock-outs in the journal", n)
	}
	d.wait(firstLock)
	if _, _, err := d.Redeem(newToken(), "[2001:db8::1]:1"); !errors.Is(err, ErrInvite) {
		t.Error(err)
	}
	if place("[2001:db8::1]:1") != place("[2001:db8::2]:9") || place("[2001:db8::1]:1") == place("[2001:db8:0:1::1]:1") {
		t.Error("addresses of one /64 count as one, others apart")
	}
}

func countKind(r *record, kind string) (n int) {
	for _, k := range r.kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

// TestManyAddresses: a flood of addresses takes bounded memory and is counted together.
func TestManyAddresses(t *testing.T) {
	var a addresses
	for i := range maxAddresses + 100 {
		a.failed(t0, "10.0."+itoa(i/256)+"."+itoa(i%256)+":1")
	}
	if len(a.by) > maxAddresses+1 {
		t.Errorf("%d addresses are remembered", len(a.by))
	}
	if err := a.check(t0, "203.0.113.9:1"); err == nil {
		t.Error("the overflow is not locked after 100 failures")
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestPasskey(t *testing.T) {
	d := newDesk(t)
	a, first := d.withPasskey("m-17")
	if v := d.verdict(first); !v.May || !v.Lobby {
		t.Errorf("just enrolled: got %+v", v)
	}
	options, ceremony, err := d.SignIn(peer)
	d.must(err)
	if options.Response.UserVerification != "required" || options.Response.RelyingPartyID != testHost || len(options.Response.AllowedCredentials) != 0 {
		t.Errorf("options: %+v", options.Response)
	}
	a.count = 1
	answer := a.get(options)
	cookie, err := d.SignedIn(ceremony, answer)
	d.must(err)
	id := d.who(cookie)
	if id.Member != "m-17" || !slices.Equal(id.Factors, []level.Factor{level.PasskeyUsed}) {
		t.Errorf("got %+v", id)
	}
	if v := d.verdict(cookie); !v.May {
		t.Errorf("confidential: got %+v", v)
	}
	if _, err := d.SignedIn(ceremony, answer); !errors.Is(err, ErrCeremony) {
		t.Errorf("replayed: got %v", err)
	}
}

func TestPasskeyRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*desk, *authenticator)
		want   error
	}{
		"another page":           {func(_ *desk, a *authenticator) { a.origin = "https://konferenz.raum.example.invalid" }, ErrPasskey},
		"another port":           {func(_ *desk, a *authenticator) { a.origin += ":8444" }, ErrPasskey},
		"another name":           {func(_ *desk, a *authenticator) { a.rp = "raum.example" }, ErrPasskey},
		"person not verified":    {func(_ *desk, a *authenticator) { a.flags = 1 }, ErrPasskey},
		"person not present":     {func(_ *desk, a *authenticator) { a.flags = 4 }, ErrPasskey},
		"another key":            {func(_ *desk, a *authenticator) { a.key = newAuthenticator(a.t).key }, ErrPasskey},
		"another user's handle":  {func(_ *desk, a *authenticator) { a.handle = make([]byte, 32) }, ErrPasskey},
		"counter stands still":   {func(_ *desk, a *authenticator) { a.count = 5 }, ErrPasskey},
		"counter goes back":      {func(_ *desk, a *authenticator) { a.count = 4 }, ErrPasskey},
		"too late":               {func(d *desk, _ *authenticator) { d.wait(ceremonyLife) }, ErrCeremony},
		"off the roster":         {func(d *desk, _ *authenticator) { d.roster.Remove(d.now(), "m-17") }, ErrRoster},
		"reported lost by clerk": {func(d *desk, _ *authenticator) { d.order("m-17", Recover) }, ErrPasskey},
	} {
		d := newDesk(t)
		a, _ := d.withPasskey("m-17")
		options, ceremony, err := d.SignIn(peer)
		d.must(err)
		a.count = 5
		_, err = d.SignedIn(ceremony, a.get(options))
		d.must(err)
		options, ceremony, err = d.SignIn(peer)
		d.must(err)
		a.count = 6
		tt.change(d, a)
		if _, err := d.SignedIn(ceremony, a.get(options)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if strings.HasPrefix(name, "counter") {
			options, ceremony, err := d.SignIn(peer)
			d.must(err)
			a.count = 100
			if _, err := d.SignedIn(ceremony, a.get(options)); !errors.Is(err, ErrPasskey) {
				t.Errorf("%s, and then a high one: got %v", name, err)
			}
			if countKind(d.rec, KindCloned) == 0 {
				t.Errorf("%s: not in the journal", name)
			}
		}
	}
}

func TestEnrolOnlyByInvite(t *testing.T) {
	d := newDesk(t)
	joined := d.redeemed("m-17", Join)
	if _, _, err := d.NewKey(d.who(joined)); !errors.Is(err, ErrEnrol) {
		t.Errorf("by an invite to take part: got %v", err)
	}
	if _, _, err := d.NewCode(d.who(joined)); !errors.Is(err, ErrEnrol) {
		t.Errorf("code by an invite to take part: got %v", err)
	}
	cookie := d.redeemed("m-17", Enrol)
	options, ceremony, err := d.NewKey(d.who(cookie))
	d.must(err)
	other := d.redeemed("m-18", Enrol)
	if err := d.EnrolKey(d.who(other), ceremony, newAuthenticator(t).create(options)); !errors.Is(err, ErrCeremony) {
		t.Errorf("another's ceremony: got %v", err)
	}
	d.wait(EnrolTime)
	if _, _, err := d.NewKey(d.who(cookie)); !errors.Is(err, ErrEnrol) {
		t.Errorf("an hour later: got %v", err)
	}
	options, ceremony, err = d.NewKey(func() Identity { _, c := d.withPasskey("m-18"); return d.who(c) }())
	d.must(err)
	_, _ = options, ceremony // a passkey may add another
	guest := d.redeemed("", Join)
	if _, _, err := d.NewKey(d.who(guest)); !errors.Is(err, ErrEnrol) {
		t.Errorf("a guest: got %v", err)
	}
}

// TestEnrolRefuses what is not made here, by a verified person, with a key that browsers can check.
func TestEnrolRefuses(t *testing.T) {
	for name, change := range map[string]func(*authenticator){
		"another page":        func(a *authenticator) { a.origin = "https://raum.example" },
		"another name":        func(a *authenticator) { a.rp = "raum.example" },
		"person not verified": func(a *authenticator) { a.flags = 1 },
		"person not present":  func(a *authenticator) { a.flags = 4 },
	} {
		d := newDesk(t)
		cookie, a := d.redeemed("m-17", Enrol), newAuthenticator(t)
		change(a)
		options, ceremony, err := d.NewKey(d.who(cookie))
		d.must(err)
		if options.Response.Attestation != "none" || options.Response.AuthenticatorSelection.ResidentKey != "required" {
			t.Errorf("options %+v", options.Response)
		}
		if err := d.EnrolKey(d.who(cookie), ceremony, a.create(options)); !errors.Is(err, ErrPasskey) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestFlood: one address cannot use up all the room for sign-ins.
func TestFlood(t *testing.T) {
	d := newDesk(t)
	var err error
	for range maxOfAddress {
		_, _, err = d.SignIn(peer)
		d.must(err)
	}
	if _, _, err = d.SignIn(peer); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	if _, _, err = d.SignIn("198.51.100.1:1"); err != nil {
		t.Errorf("another address: %v", err)
	}
	d.wait(ceremonyLife)
	if _, _, err = d.SignIn(peer); err != nil {
		t.Errorf("later: %v", err)
	}
}

// TestDeviceBound: a passkey that may be copied by its maker's cloud (flag BE, 8) is refused where only bound ones are wanted.
func TestDeviceBound(t *testing.T) {
	for _, bound := range []bool{false, true} {
		d := newDesk(t)
		d.o.Bound = bound
		d.open()
		cookie, a := d.redeemed("m-17", Enrol), newAuthenticator(t)
		a.flags |= 8
		options, ceremony, err := d.NewKey(d.who(cookie))
		d.must(err)
		if err := d.EnrolKey(d.who(cookie), ceremony, a.create(options)); (err != nil) != bound || bound && !errors.Is(err, ErrPasskey) {
			t.Errorf("bound %v: got %v", bound, err)
		}
	}
}

func TestRecovery(t *testing.T) {
	d := newDesk(t)
	_, cookie := d.withPasskey("m-17")
	pendingLink := d.order("m-17", Join)
	token := d.order("m-17", Recover)
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("the lost device is still signed in: %v", err)
	}
	if len(d.ended) != 1 || d.ended[0].Reason != EndRecovered {
		t.Errorf("told: %+v", d.ended)
	}
	if _, _, err := d.Redeem(pendingLink, peer); !errors.Is(err, ErrInvite) {
		t.Errorf("an older link: got %v", err)
	}
	if countKind(d.rec, KindRecovered) != 1 {
		t.Error("not in the journal")
	}
	c, _, err := d.Redeem(token, peer)
	d.must(err)
	if id := d.who(c); !id.Enrol {
		t.Errorf("got %+v", id)
	}
}

func TestURLsOfAConference(t *testing.T) {
	for _, bad := range []string{"", "konferenz.raum.example", "http://konferenz.raum.example", "https://192.0.2.1", "https://[2001:db8::1]", "https://[2001:db8::1]:8444",
		"http://127.0.0.1:8082", "https://Konferenz.raum.example", "https://konferenz.raum.example/x", "https://u@konferenz.raum.example", "ftp://localhost",
		"https://konferenz.raum.example:443", "https://konferenz.raum.example.", "http://localhost:80"} {
		if _, err := CheckURL(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
	for _, good := range []string{testURL, testURL + ":8444", testURL + "/", "http://localhost:8082", "https://localhost"} {
		if _, err := CheckURL(good); err != nil {
			t.Error(err)
		}
	}
}

// TestNothingToSteal: neither the book nor the journal holds a token, a cookie or a name.
func TestNothingToSteal(t *testing.T) {
	d := newDesk(t)
	token := d.order("m-17", Join)
	cookie, _, err := d.Redeem(token, peer)
	d.must(err)
	_, key := d.withPasskey("m-18")
	b, err := os.ReadFile(d.o.State.Path(bookName))
	d.must(err)
	for _, e := range d.rec.entries {
		if text := string(e.Payload); strings.Contains(text, "m-17") || strings.Contains(text, "m-18") {
			t.Errorf("the journal names a member: %s", text)
		}
		b = append(b, e.Payload...)
	}
	for _, secret := range []string{token, cookie, key} {
		if strings.Contains(string(b), secret) {
			t.Error("a token lies on disk as it is")
		}
	}
}
