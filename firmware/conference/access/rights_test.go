package access

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

// withCode enrols a one-time code and returns its secret and the cookie.
func (d *desk) withCode(member string) (secret []byte, cookie string) {
	d.t.Helper()
	cookie = d.redeemed(member, Enrol)
	secret, ceremony, err := d.NewCode(d.who(cookie))
	d.must(err)
	if err := d.ConfirmCode(d.who(cookie), ceremony, "000000"); !errors.Is(err, ErrCode) {
		d.t.Errorf("a wrong code set it up: %v", err)
	}
	d.must(d.ConfirmCode(d.who(cookie), ceremony, d.code(secret)))
	return secret, cookie
}

func (d *desk) code(secret []byte) string {
	d.t.Helper()
	c, err := codeAt(secret, d.now().Unix()/totpPeriod)
	d.must(err)
	return c
}

func TestCode(t *testing.T) {
	d := newDesk(t)
	secret, _ := d.withCode("m-17")
	cookie := d.redeemed("m-17", Join)
	if err := d.Code(d.who(cookie), d.code(secret), peer); !errors.Is(err, ErrCode) {
		t.Errorf("the code that set it up, again: got %v", err)
	}
	d.wait(totpPeriod * time.Second)
	d.must(d.Code(d.who(cookie), " "+d.code(secret)[:3]+" "+d.code(secret)[3:], peer))
	d.level = level.Nonpublic
	if v := d.verdict(cookie); !v.May || !v.Lobby {
		t.Errorf("nonpublic: got %+v", v)
	}
	d.level = level.Confidential
	if v := d.verdict(cookie); v.Reason != level.NeedsPasskey {
		t.Errorf("confidential without consent: got %+v", v)
	}
}

// TestCodesAreLocked: wrong codes lock the account, also after a restart, and for every address.
func TestCodesAreLocked(t *testing.T) {
	d := newDesk(t)
	secret, _ := d.withCode("m-17") // one wrong code was tried, then a right one cleared the count
	cookie := d.redeemed("m-17", Join)
	var locked *Locked
	for i := range accountTries - 1 {
		if err := d.Code(d.who(cookie), "000000", peer); !errors.Is(err, ErrCode) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if err := d.Code(d.who(cookie), "000000", peer); !errors.As(err, &locked) {
		t.Fatalf("try %d: %v", accountTries, err)
	}
	d.open()
	d.wait(firstLock - time.Second)
	if err := d.Code(d.who(cookie), d.code(secret), "198.51.100.1:1"); !errors.As(err, &locked) {
		t.Errorf("the right one while locked, after a restart: %v", err)
	}
	d.wait(time.Second)
	d.must(d.Code(d.who(cookie), d.code(secret), peer))
	if countKind(d.rec, KindLocked) == 0 {
		t.Error("not in the journal")
	}
}

func TestConsent(t *testing.T) {
	d := newDesk(t)
	secret, _ := d.withCode("m-17")
	d.wait(totpPeriod * time.Second)
	cookie := d.redeemed("m-17", Join)
	d.must(d.Code(d.who(cookie), d.code(secret), peer))
	_, chair := d.withPasskey("m-chair")
	_, clerk := d.withPasskey("m-clerk")
	until := d.now().Add(time.Hour)
	if err := d.Consent(d.who(clerk), "m-17", until); !errors.Is(err, ErrRight) {
		t.Errorf("the clerk's: got %v", err)
	}
	if err := d.Consent(d.who(chair), "m-99", until); !errors.Is(err, ErrRoster) {
		t.Errorf("for nobody: got %v", err)
	}
	if err := d.Consent(d.who(chair), "m-17", d.now().Add(ConsentLife+time.Second)); !errors.Is(err, ErrRequest) {
		t.Errorf("for too long: got %v", err)
	}
	d.rec.broken = true
	if err := d.Consent(d.who(chair), "m-17", until); err == nil || d.verdict(cookie).May {
		t.Error("a consent that is not in the journal holds")
	}
	d.rec.broken = false
	d.must(d.Consent(d.who(chair), "m-17", until))
	if v := d.verdict(cookie); !v.May {
		t.Errorf("with consent: got %+v", v)
	}
	d.open() // a restart changes nothing
	if v := d.verdict(cookie); !v.May {
		t.Errorf("with consent, after a restart: got %+v", v)
	}
	id := d.who(cookie)
	d.wait(time.Hour)
	_, err := d.Sweep(d.now())
	d.must(err)
	if v := d.Still(d.now(), id); v.Reason != level.NeedsPasskey {
		t.Errorf("after its end: got %+v", v)
	}
	if !slices.ContainsFunc(d.ended, func(e Ended) bool { return e.Reason == EndConsent && e.Member == "m-17" }) {
		t.Errorf("told: %+v", d.ended)
	}
	d.must(d.Consent(d.who(chair), "m-17", d.now().Add(time.Minute)))
	d.must(d.Consent(d.who(chair), "m-17", time.Time{}))
	if v := d.verdict(cookie); v.May {
		t.Error("taken back, and still in")
	}
}

// TestRosterRules: removal ends everything before Remove returns.
func TestRosterRules(t *testing.T) {
	d := newDesk(t)
	_, cookie := d.withPasskey("m-17")
	link := d.order("m-17", Join)
	id := d.who(cookie)
	began := time.Now()
	_, err := d.roster.Remove(d.now(), "m-17")
	t.Logf("measured: from the removal to login, link and call's notice ended, disk included: %v", time.Since(began).Round(10*time.Microsecond))
	d.must(err)
	if len(d.ended) != 1 || d.ended[0].Member != "m-17" || d.ended[0].Room != "ratssaal" || d.ended[0].Reason != EndRoster {
		t.Fatalf("told: %+v", d.ended)
	}
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("still signed in: %v", err)
	}
	if v := d.Still(d.now(), id); v.May {
		t.Errorf("may stay: %+v", v)
	}
	if _, _, err := d.Redeem(link, peer); !errors.Is(err, ErrInvite) {
		t.Errorf("the link: got %v", err)
	}
	_, err = d.Sweep(d.now())
	d.must(err)
	if countKind(d.rec, KindEnded) != 1 {
		t.Errorf("journal: %v", d.rec.kinds())
	}
	_, err = d.roster.Add(d.now(), roster.Member{ID: "m-17", Role: roster.Councillor})
	d.must(err)
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("back on the roster, and the old cookie works: %v", err)
	}
}

// TestRosterChangesRoles: the role is that of the roster at each moment, and the call is told of a change.
func TestRosterChangesRoles(t *testing.T) {
	d := newDesk(t)
	_, cookie := d.withPasskey("m-chair")
	id := d.who(cookie)
	members := d.roster.Members()
	for i := range members {
		if members[i].ID == "m-chair" {
			members[i].Role = roster.Councillor
		}
		if members[i].ID == "m-18" {
			members[i].Devices = []string{"d-1"} // a change that takes nothing away
		}
	}
	_, err := d.roster.Replace(d.now(), members)
	d.must(err)
	if len(d.ended) != 1 || d.ended[0].Reason != EndRole || d.ended[0].Member != "m-chair" {
		t.Errorf("told: %+v", d.ended)
	}
	if got := d.who(cookie); got.Role != roster.Councillor || level.May(got.Role, level.SignAdmit) {
		t.Errorf("got %+v", got)
	}
	if err := d.Consent(id, "m-17", d.now().Add(time.Hour)); err == nil {
		t.Error("a consent by the role of before")
	}
}

func TestValidityEnds(t *testing.T) {
	d := newDesk(t)
	_, err := d.roster.Add(d.now(), roster.Member{ID: "m-20", Role: roster.Staff, To: t0.Add(time.Hour)})
	d.must(err)
	_, cookie := d.withPasskey("m-20")
	d.wait(time.Hour)
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrRoster) {
		t.Errorf("after its time: got %v", err)
	}
	_, err = d.Sweep(d.now())
	d.must(err)
	if len(d.ended) != 1 || d.ended[0].Reason != EndRoster {
		t.Errorf("told: %+v", d.ended)
	}
}

// TestWhileAway: who left the roster while the program did not run has no login when it starts.
func TestWhileAway(t *testing.T) {
	d := newDesk(t)
	_, cookie := d.withPasskey("m-17")
	_, stays := d.withPasskey("m-18")
	d.must(d.Close())
	_, err := d.roster.Remove(d.now(), "m-17")
	d.must(err)
	d.open()
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("got %v", err)
	}
	if v := d.verdict(stays); !v.May {
		t.Errorf("who stayed: %+v", v)
	}
}

func TestGuest(t *testing.T) {
	d := newDesk(t)
	d.level = level.Internal
	cookie := d.redeemed("", Join)
	id := d.who(cookie)
	if id.Role != roster.Guest || id.OnRoster || !strings.HasPrefix(id.Member, "gast-") {
		t.Errorf("got %+v", id)
	}
	if v := d.verdict(cookie); !v.May || !v.Lobby {
		t.Errorf("internal: got %+v", v)
	}
	d.level = level.Confidential
	if v := d.verdict(cookie); v.Reason != level.NoGuests {
		t.Errorf("confidential: got %+v", v)
	}
	d.must(d.Revoke(roster.Clerk, "ratssaal", d.Invites("ratssaal")[0].ID))
	if len(d.ended) != 1 || d.ended[0].Reason != EndRevoked || d.ended[0].Login != id.Login {
		t.Errorf("told: %+v", d.ended)
	}
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("revoked: got %v", err)
	}
	cookie = d.redeemed("", Join)
	d.wait(LoginLife)
	if n, err := d.Sweep(d.now()); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, err := d.Identify(d.request(cookie), "ratssaal"); !errors.Is(err, ErrSignedOut) {
		t.Errorf("after its end: got %v", err)
	}
}

// TestLoginsAreAskedAgain after a change of level: who came in at an internal session may not stay in a confidential one.
func TestLevelRises(t *testing.T) {
	d := newDesk(t)
	d.level = level.Internal
	cookie := d.redeemed("m-17", Join)
	id := d.who(cookie)
	if v := d.Still(d.now(), id); !v.May {
		t.Fatalf("got %+v", v)
	}
	d.level = level.Confidential
	if v := d.Still(d.now(), id); v.Reason != level.NeedsPasskey {
		t.Errorf("got %+v", v)
	}
	d.must(d.Leave(id))
	if v := d.Still(d.now(), id); v.Reason != level.NotIdentified {
		t.Errorf("signed out: got %+v", v)
	}
}

func TestCertificate(t *testing.T) {
	d := newDesk(t)
	urn := func(s string) *url.URL { return &url.URL{Scheme: "urn", Opaque: s} }
	unit := &x509.Certificate{NotAfter: t0.Add(time.Hour), URIs: []*url.URL{urn("subrosa:role:unit"), urn("subrosa:unit:ratssaal-1"), urn("subrosa:room:ratssaal")}}
	with := func(c *x509.Certificate, verified bool) (Identity, level.Verdict) {
		r := httptest.NewRequest("GET", testURL, nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
		if verified {
			r.TLS.VerifiedChains = [][]*x509.Certificate{{c}}
		}
		return d.Decide(r, "ratssaal")
	}
	id, v := with(unit, true)
	if !v.May || v.Lobby || id.Role != roster.Room || id.Member != "ratssaal-1" {
		t.Errorf("the room's unit: %+v, %+v", id, v)
	}
	d.o.Deny = []string{"unit:ratssaal-1"}
	d.open()
	if _, v := with(unit, true); v.May {
		t.Error("a unit that was reported stolen")
	}
	d.o.Deny = nil
	d.open()
	if _, v := with(unit, false); v.May {
		t.Error("a certificate that nobody has verified lets in")
	}
	other := *unit
	other.URIs = []*url.URL{unit.URIs[0], unit.URIs[1], urn("subrosa:room:ausschuss")}
	if _, v := with(&other, true); v.May {
		t.Error("another room's unit")
	}
	other.URIs = []*url.URL{urn("subrosa:role:console")}
	if _, v := with(&other, true); v.May {
		t.Error("the console's certificate is a room's")
	}
	token, _, _, err := d.Bind(id, make([]byte, ed25519.PublicKeySize))
	d.must(err)
	c, err := binding.ParseUnverified([]byte(token))
	d.must(err)
	if c.To > unit.NotAfter.Unix() {
		t.Error("the binding outlives the certificate")
	}
	d.wait(time.Hour)
	if v := d.Still(d.now(), id); v.May {
		t.Error("the certificate is over, and the room stays")
	}
}

func TestBind(t *testing.T) {
	d := newDesk(t)
	a, cookie := d.withPasskey("m-17")
	leaf := bytes.Repeat([]byte{3}, ed25519.PublicKeySize)
	want := binding.Want{Server: d.PublicKey(), Room: "ratssaal", Key: leaf, Origin: testURL, Level: level.Confidential, Now: t0}
	_, options, ceremony, err := d.Bind(d.who(cookie), leaf)
	d.must(err)
	a.count++
	token, err := d.Bound(d.who(cookie), ceremony, a.get(options))
	d.must(err)
	c, err := binding.Verify(token, want)
	if err != nil || c.Member != "m-17" || len(c.Passkey) == 0 {
		t.Fatalf("got %+v, %v", c, err)
	}
	// The passkey's challenge is of this claim: an answer to a sign-in is none to it, and the other way round.
	in, _, err := d.SignIn(peer)
	d.must(err)
	_, _, ceremony, err = d.Bind(d.who(cookie), leaf)
	d.must(err)
	a.count++
	if _, err := d.Bound(d.who(cookie), ceremony, a.get(in)); !errors.Is(err, ErrPasskey) {
		t.Errorf("a sign-in's answer: got %v", err)
	}
	_, options, _, err = d.Bind(d.who(cookie), leaf)
	d.must(err)
	_, ceremony, err = d.SignIn(peer)
	d.must(err)
	if _, err := d.SignedIn(ceremony, a.get(options)); !errors.Is(err, ErrPasskey) {
		t.Errorf("a binding's answer signs in: got %v", err)
	}
	// Without a passkey the server alone vouches, and members of a confidential room refuse that.
	joined := d.redeemed("m-18", Join)
	token, options, _, err = d.Bind(d.who(joined), leaf)
	if err != nil || options != nil {
		t.Fatalf("got %v, %v", options, err)
	}
	if _, err := binding.Verify(token, want); binding.Slug(err) != "missing" {
		t.Errorf("confidential: got %v", err)
	}
	want.Level = level.Internal
	if _, err := binding.Verify(token, want); err != nil {
		t.Errorf("internal: %v", err)
	}
}

// TestSortsOfPasskeys: each sort of key that is offered can be set up, signs in, and makes bindings that verify.
func TestSortsOfPasskeys(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048) // as Windows Hello makes them
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := bytes.Repeat([]byte{3}, ed25519.PublicKeySize)
	for name, key := range map[string]crypto.Signer{"ed25519": ed, "rs256": rs, "p-384": p384} {
		d := newDesk(t)
		cookie, a := d.redeemed("m-17", Enrol), newAuthenticator(t)
		a.key = key
		options, ceremony, err := d.NewKey(d.who(cookie))
		d.must(err)
		if len(options.Response.Parameters) != 3 {
			t.Errorf("offered: %+v", options.Response.Parameters)
		}
		err = d.EnrolKey(d.who(cookie), ceremony, a.create(options))
		if name == "p-384" {
			if !errors.Is(err, ErrPasskey) {
				t.Errorf("%s, which was not offered: got %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in, ceremony, err := d.SignIn(peer)
		d.must(err)
		cookie, err = d.SignedIn(ceremony, a.get(in))
		if err != nil {
			t.Errorf("%s signs in: %v", name, err)
			continue
		}
		_, in, ceremony, err = d.Bind(d.who(cookie), leaf)
		d.must(err)
		token, err := d.Bound(d.who(cookie), ceremony, a.get(in))
		if err != nil {
			t.Errorf("%s binds: %v", name, err)
			continue
		}
		if _, err := binding.Verify(token, binding.Want{Server: d.PublicKey(), Room: "ratssaal", Key: leaf, Origin: testURL, Level: level.Confidential, Now: t0}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBindAsksTheRosterAgain: a claim that was begun as chair is none when the chair has become a councillor.
func TestBindAsksTheRosterAgain(t *testing.T) {
	d := newDesk(t)
	a, cookie := d.withPasskey("m-chair")
	_, options, ceremony, err := d.Bind(d.who(cookie), make([]byte, ed25519.PublicKeySize))
	d.must(err)
	members := d.roster.Members()
	for i := range members {
		if members[i].ID == "m-chair" {
			members[i].Role = roster.Councillor
		}
	}
	_, err = d.roster.Replace(d.now(), members)
	d.must(err)
	a.count++
	if token, err := d.Bound(d.who(cookie), ceremony, a.get(options)); !errors.Is(err, ErrCeremony) {
		t.Errorf("got %q, %v", token, err)
	}
}

func TestFirstInvite(t *testing.T) {
	d := newDesk(t)
	m, err := d.FirstInvite("ratssaal")
	d.must(err)
	if m.Invite.Member != "m-clerk" || m.Invite.Purpose != Enrol {
		t.Errorf("got %+v", m.Invite)
	}
	d.withPasskey("m-clerk")
	if _, err := d.FirstInvite("ratssaal"); err == nil {
		t.Error("a second first one")
	}
	if _, err := d.FirstInvite("keller"); err == nil {
		t.Error("for a room that is none")
	}
}

// TestBookIsWhole: a book that cannot be written changes nothing, and one of another version is refused.
func TestBookIsWhole(t *testing.T) {
	d := newDesk(t)
	token := d.order("m-17", Join)
	dir := string(d.o.State)
	d.must(os.Rename(dir, dir+".away"))
	if _, _, err := d.Redeem(token, peer); err == nil {
		t.Fatal("redeemed without a disk")
	}
	d.must(os.Rename(dir+".away", dir))
	_, _, err := d.Redeem(token, peer)
	d.must(err)
	if _, err := Open(d.o); err == nil || !strings.Contains(err.Error(), "stop the conference first") {
		t.Errorf("a second writer: %v", err)
	}
	d.must(d.Close())
	d.must(d.o.State.Save(bookName, map[string]int{"format": 2}))
	if _, err := Open(d.o); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("a book of a later version: %v", err)
	}
}

// TestManyMembers: a city's worth of accounts and logins, and how long a removal then takes until the call is told.
func TestManyMembers(t *testing.T) {
	d := newDesk(t)
	d.must(d.change(func(b *Book) error {
		for i := range 1000 {
			m := "x-" + itoa(i)
			b.account(m).Keys = []webauthn.Credential{{ID: bytes.Repeat([]byte{byte(i)}, 32), PublicKey: make([]byte, 77)}}
			for range 3 {
				if _, err := b.login(t0, Login{Member: m, Factors: []level.Factor{level.PasskeyUsed}}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	d.redeemed("m-17", Join)
	var told time.Time
	before := false
	d.Watch(func(Ended) {
		told = time.Now()
		b, err := os.ReadFile(d.o.State.Path(bookName))
		before = err == nil && bytes.Contains(b, []byte(`"member":"m-17","room"`))
	})
	began := time.Now()
	_, err := d.roster.Remove(d.now(), "m-17")
	all := time.Since(began)
	d.must(err)
	t.Logf("measured: 1000 accounts, 3000 logins: the call is told %v after the removal, book on disk after %v", told.Sub(began), all.Round(time.Millisecond))
	if !before {
		t.Error("the call was told after the book was written: it waited for the disk")
	}
	if b, err := os.ReadFile(d.o.State.Path(bookName)); err != nil || bytes.Contains(b, []byte(`"member":"m-17","room":"ratssaal","factors"`)) {
		t.Errorf("the login is still in the book, %v", err)
	}
}
