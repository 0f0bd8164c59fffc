package access

import (
	"bytes"
	"errors"
	"image/png"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/session"
)

var t0 = time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)

const (
	goodPassword = "vier Rosen im Saal"
	peer         = "192.0.2.7:1234"
)

type desk struct {
	*Service
	t      *testing.T
	secret []byte
	codes  []string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return &desk{Service: New(st), t: t}
}

// enrol makes the first administrator, called chief, at t0.
func (d *desk) enrol() {
	d.t.Helper()
	token, err := d.FirstLink(d.t.Context(), t0)
	if err != nil {
		d.t.Fatal(err)
	}
	e, err := d.Enrolment(d.t.Context(), t0, token)
	if err != nil {
		d.t.Fatal(err)
	}
	d.secret = e.Secret
	_, codes, err := d.Enrol(d.t.Context(), t0, token, "chief", goodPassword, d.code(t0))
	if err != nil {
		d.t.Fatal(err)
	}
	d.codes = codes
}

func (d *desk) code(at time.Time) string {
	d.t.Helper()
	c, err := Code(d.secret, at)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func (d *desk) trail() (out []string) {
	d.t.Helper()
	as, err := d.st.Trail(d.t.Context(), 0, 1000)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, a := range as {
		out = append(out, a.What)
		if strings.Contains(a.Target+a.Detail+a.Role, "chief") {
			d.t.Errorf("the trail names the account: %+v", a)
		}
	}
	return out
}

func TestEnrolAndLogin(t *testing.T) {
	d := newDesk(t)
	d.enrol()
	now := t0.Add(time.Minute)
	cookie, err := d.Login(t.Context(), now, "Chief", goodPassword, d.code(now), peer)
	if err != nil {
		t.Fatal(err)
	}
	who, err := d.Current(t.Context(), now, cookie, true)
	if err != nil || who != (Who{Admin, 1}) {
		t.Fatalf("got %+v, %v", who, err)
	}
	if err := d.Logout(t.Context(), now, cookie); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Current(t.Context(), now, cookie, true); !errors.Is(err, ErrSignedOut) {
		t.Errorf("after logout: got %v", err)
	}
	if got := strings.Join(d.trail(), " "); got != "logout login login account.enrolled link.made" {
		t.Errorf("trail: got %q", got)
	}
	if _, err := d.FirstLink(t.Context(), now); err == nil {
		t.Error("a second first administrator")
	}
}

func TestLinkIsUsedOnceAndExpires(t *testing.T) {
	d := newDesk(t)
	token, err := d.FirstLink(t.Context(), t0)
	if err != nil {
		t.Fatal(err)
	}
	if len(token) < 22 {
		t.Errorf("token of %d characters", len(token))
	}
	if _, err := d.Enrolment(t.Context(), t0.Add(LinkLife-time.Second), token); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	if _, err := d.Enrolment(t.Context(), t0.Add(LinkLife), token); !errors.Is(err, ErrLink) {
		t.Errorf("at its end: got %v, want %v", err, ErrLink)
	}
	fresh, err := d.FirstLink(t.Context(), t0.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enrolment(t.Context(), t0.Add(time.Minute), token); !errors.Is(err, ErrLink) {
		t.Errorf("an older link lives on beside a fresh one: %v", err)
	}
	e, err := d.Enrolment(t.Context(), t0.Add(time.Minute), fresh)
	if err != nil {
		t.Fatal(err)
	}
	d.secret = e.Secret
	now := t0.Add(2 * time.Minute)
	if _, _, err := d.Enrol(t.Context(), now, fresh, "chief", goodPassword, d.code(now)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Enrol(t.Context(), now, fresh, "second", goodPassword, d.code(now)); !errors.Is(err, ErrLink) {
		t.Errorf("used again: got %v, want %v", err, ErrLink)
	}
}

func TestEnrolRefuses(t *testing.T) {
	d := newDesk(t)
	token, err := d.FirstLink(t.Context(), t0)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Enrolment(t.Context(), t0, token)
	if err != nil {
		t.Fatal(err)
	}
	d.secret = e.Secret
	tests := []struct {
		name, password, code string
		want                 error
	}{
		{"A B", goodPassword, d.code(t0), ErrName},
		{"", goodPassword, d.code(t0), ErrName},
		{"chief", "elf Zeichen", d.code(t0), ErrPassword},
		{"chief", strings.Repeat("x", 257), d.code(t0), ErrPassword},
		{"chief", goodPassword, "000000", ErrCode},
		{"chief", goodPassword, "", ErrCode},
	}
	for _, tt := range tests {
		if _, _, err := d.Enrol(t.Context(), t0, token, tt.name, tt.password, tt.code); !errors.Is(err, tt.want) {
			t.Errorf("%q, %d characters, %q: got %v, want %v", tt.name, len(tt.password), tt.code, err, tt.want)
		}
	}
	if us, err := d.st.Users(t.Context()); err != nil || len(us) != 0 {
		t.Errorf("accounts: %v, %v", us, err)
	}
}

func TestCodeIsNotReplayed(t *testing.T) {
	d := newDesk(t)
	d.enrol()
	if _, err := d.Login(t.Context(), t0, "chief", goodPassword, d.code(t0), peer); !errors.Is(err, ErrReplayed) {
		t.Errorf("the code of the enrolment: got %v, want %v", err, ErrReplayed)
	}
	now := t0.Add(time.Minute)
	code := d.code(now)
	if _, err := d.Login(t.Context(), now, "chief", goodPassword, code, peer); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Login(t.Context(), now.Add(time.Second), "chief", goodPassword, code, peer); !errors.Is(err, ErrReplayed) {
		t.Errorf("the same code: got %v, want %v", err, ErrReplayed)
	}
	if _, err := d.Login(t.Context(), now.Add(time.Second), "chief", goodPassword, d.code(now.Add(-totpPeriod*time.Second)), peer); !errors.Is(err, ErrReplayed) {
		t.Errorf("an earlier code: got %v, want %v", err, ErrReplayed)
	}
}

func TestLockOut(t *testing.T) {
	d := newDesk(t)
	d.enrol()
	now := t0.Add(time.Hour)
	for i := range accountTries {
		_, err := d.Login(t.Context(), now, "chief", "falsches Passwort", d.code(now), peer)
		var l *Locked
		if last := i == accountTries-1; errors.As(err, &l) != last {
			t.Fatalf("failure %d: got %v", i+1, err)
		}
	}
	var l *Locked
	if _, err := d.Login(t.Context(), now.Add(firstLock-time.Second), "chief", goodPassword, d.code(now), peer); !errors.As(err, &l) {
		t.Fatalf("right password while locked: got %v", err)
	}
	if !l.Until.Equal(now.Add(firstLock)) {
		t.Errorf("locked until %v, want %v", l.Until, now.Add(firstLock))
	}
	now = now.Add(firstLock)
	if _, err := d.Login(t.Context(), now, "chief", goodPassword, d.code(now), "198.51.100.1:1"); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestAddressLockOut(t *testing.T) {
	d := newDesk(t)
	now := t0
	var l *Locked
	for i := range addressTries {
		_, err := d.Login(t.Context(), now, "nobody-"+string(rune('a'+i)), "falsches Passwort", "123456", peer)
		if last := i == addressTries-1; errors.As(err, &l) != last {
			t.Fatalf("failure %d: got %v", i+1, err)
		}
	}
	if _, err := d.Login(t.Context(), now, "someone", goodPassword, "123456", peer); !errors.As(err, &l) {
		t.Errorf("same address: got %v, want locked", err)
	}
	if _, err := d.Login(t.Context(), now, "someone", goodPassword, "123456", "198.51.100.1:1"); !errors.Is(err, ErrCredentials) {
		t.Errorf("other address: got %v, want %v", err, ErrCredentials)
	}
}

func TestNextLocksLonger(t *testing.T) {
	var f store.Failure
	now := t0
	want := []time.Duration{0, 0, 1, 2, 4, 8, 16, 32, 60, 60}
	for i, w := range want {
		f = Next(f, now, 3)
		if got := f.Until.Sub(now); w == 0 && !f.Until.IsZero() || w > 0 && got != w*time.Minute {
			t.Errorf("failure %d: locked for %v, want %v", i+1, got, w*time.Minute)
		}
	}
	if f = Next(f, now.Add(forget), 3); f.Count != 1 {
		t.Errorf("a day later: count %d, want 1", f.Count)
	}
}

func TestRecoveryCodeWorksOnce(t *testing.T) {
	d := newDesk(t)
	d.enrol()
	if len(d.codes) != recoveryCodes {
		t.Fatalf("got %d codes", len(d.codes))
	}
	typed := " " + strings.ToLower(strings.ReplaceAll(d.codes[0], "-", " "))
	if _, err := d.Login(t.Context(), t0, "chief", goodPassword, typed, peer); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Login(t.Context(), t0, "chief", goodPassword, typed, peer); !errors.Is(err, ErrCredentials) {
		t.Errorf("again: got %v, want %v", err, ErrCredentials)
	}
	if n, err := d.st.RecoveryLeft(t.Context(), 1); err != nil || n != recoveryCodes-1 {
		t.Errorf("left: %d, %v", n, err)
	}
}

func TestLoginEnds(t *testing.T) {
	d := newDesk(t)
	d.enrol()
	login := func(now time.Time) string {
		t.Helper()
		c, err := d.Login(t.Context(), now, "chief", goodPassword, d.code(now), peer)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := t0.Add(time.Hour)
	c := login(now)
	if _, err := d.Current(t.Context(), now.Add(LoginIdle), c, true); !errors.Is(err, ErrSignedOut) {
		t.Errorf("idle: got %v", err)
	}
	now = now.Add(24 * time.Hour)
	c = login(now)
	for at := now; at.Before(now.Add(LoginLife)); at = at.Add(20 * time.Minute) {
		if _, err := d.Current(t.Context(), at, c, true); err != nil {
			t.Fatalf("after %v: %v", at.Sub(now), err)
		}
	}
	if _, err := d.Current(t.Context(), now.Add(LoginLife), c, true); !errors.Is(err, ErrSignedOut) {
		t.Errorf("after %v: got %v", LoginLife, err)
	}
	now = now.Add(48 * time.Hour)
	c = login(now)
	if _, err := d.Current(t.Context(), now.Add(LoginIdle-time.Second), c, false); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Current(t.Context(), now.Add(LoginIdle), c, true); !errors.Is(err, ErrSignedOut) {
		t.Errorf("looking without touching kept the login alive: %v", err)
	}
}

func TestDemo(t *testing.T) {
	d := newDesk(t)
	if _, err := d.DemoLink(t.Context(), t0, "short"); err == nil {
		t.Error("a short token was taken")
	}
	token, err := d.DemoLink(t.Context(), t0, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enrolment(t.Context(), t0, token); !errors.Is(err, ErrLink) {
		t.Errorf("the demo's link enrols: %v", err)
	}
	c, err := d.UseDemo(t.Context(), t0, token)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := d.Current(t.Context(), t0, c, true); err != nil || who != (Who{Role: Admin}) {
		t.Errorf("got %+v, %v", who, err)
	}
	if _, err := d.UseDemo(t.Context(), t0, token); !errors.Is(err, ErrLink) {
		t.Errorf("again: got %v", err)
	}
	for _, addr := range []string{":8080", "0.0.0.0:8080", "192.0.2.1:80", "[::]:1", "example.org:80", "nonsense"} {
		if CheckListen(addr) == nil {
			t.Errorf("the demo may listen on %s", addr)
		}
	}
	for _, addr := range []string{"127.0.0.1:8080", "[::1]:0", "localhost:80"} {
		if err := CheckListen(addr); err != nil {
			t.Error(err)
		}
	}
}

func TestRights(t *testing.T) {
	for _, r := range Roles {
		if !r.Valid() || !r.May(View) {
			t.Errorf("%s: cannot even look", r)
		}
		if r != Admin && r.May(Accounts) {
			t.Errorf("%s may change accounts", r)
		}
	}
	if Role("").Valid() || Role("root").May(View) {
		t.Error("an unknown role has rights")
	}
	tests := []struct {
		who  Who
		kind session.Kind
		want session.Role
	}{
		{Who{Clerk, 3}, session.OnStart, session.Clerk},
		{Who{Clerk, 3}, session.OnEnd, session.Clerk},
		{Who{Facility, 3}, session.OnInterrupt, session.Facility},
		{Who{Facility, 3}, session.OnEnd, ""},
		{Who{Admin, 3}, session.OnPlan, session.Admin},
		{Who{Admin, 3}, session.OnStart, ""},
		{Who{Admin, 0}, session.OnStart, session.Clerk},
		{Who{Admin, 0}, session.OnConfirm, ""}, // the chair's alone
		{Who{Viewer, 3}, session.OnPlan, ""},
		{Who{ISMS, 3}, session.OnPlan, ""},
	}
	for _, tt := range tests {
		if got := tt.who.As(tt.kind); got != tt.want {
			t.Errorf("%+v, %s: got %q, want %q", tt.who, tt.kind, got, tt.want)
		}
	}
}

func TestPasswordHash(t *testing.T) {
	a, b := hashPassword(goodPassword), hashPassword(goodPassword)
	if a == b {
		t.Error("two hashes are the same: no salt")
	}
	if ok, err := verifyPassword(a, goodPassword); !ok || err != nil {
		t.Errorf("right password: %v, %v", ok, err)
	}
	if ok, err := verifyPassword(a, goodPassword+"."); ok || err != nil {
		t.Errorf("wrong password: %v, %v", ok, err)
	}
	for _, bad := range []string{"", "x", "$argon2i$v=19$m=1,t=1,p=1$AA$AA", "$argon2id$v=19$m=999999999,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=8,t=1,p=1$*$AAAA"} {
		if ok, err := verifyPassword(bad, goodPassword); ok || err == nil {
			t.Errorf("%q: got %v, %v", bad, ok, err)
		}
	}
}

// TestCodeVectors holds the six-digit ends of RFC 6238, appendix B (SHA-1).
func TestCodeVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"} {
		if got, err := Code(secret, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("at %d: got %s, %v, want %s", at, got, err, want)
		}
	}
}

func TestQR(t *testing.T) {
	var b bytes.Buffer
	if err := WriteQR(&b, OTPAuth(newSecret(), "subrosa Stadt Musterstadt", "admin")); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil || img.Bounds().Dx() < 150 {
		t.Errorf("got %v, %v", img.Bounds(), err)
	}
}

func FuzzVerifyPassword(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAA", "x")
	f.Fuzz(func(t *testing.T, phc, p string) {
		if strings.Contains(phc, "m=") && !strings.Contains(phc, "m=8,t=1,p=1") {
			t.Skip() // not to burn memory for nothing
		}
		_, _ = verifyPassword(phc, p)
	})
}
