package wall_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

func TestKeysAreLongEnough(t *testing.T) {
	for _, tt := range []struct {
		key string
		ok  bool
	}{
		{wall.NewToken(), true}, {strings.Repeat("a", 22), true}, {strings.Repeat("a", 21), false}, {strings.Repeat("a", 129), false},
		{strings.Repeat("a", 22) + "&", false}, {strings.Repeat("ä", 22), false}, {"", true},
	} {
		_, err := wall.New(wall.Options{ChairToken: tt.key})
		if (err == nil) != tt.ok {
			t.Errorf("%q: got %v, want ok %v", tt.key, err, tt.ok)
		}
	}
	if a, b := wall.NewToken(), wall.NewToken(); a == b {
		t.Errorf("two new keys are the same: %s", a)
	}
}

func TestOnlyAKeyOpensTheChairsPage(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(alarmScene())
	private := []string{"/leitung", "/leitung/events", "/api/view"}
	for _, cookie := range []*http.Cookie{
		nil, {Name: "subrosa-chair", Value: ""}, {Name: "subrosa-chair", Value: "x"}, {Name: "subrosa-chair", Value: key},
		{Name: "__Host-subrosa-chair", Value: pairing(h, key).Result().Cookies()[0].Value}, // a TLS cookie without TLS
	} {
		for _, path := range private {
			r := httptest.NewRequest("GET", path, nil)
			if cookie != nil {
				r.AddCookie(cookie)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 403 || strings.Contains(w.Body.String(), "SilverPush") {
				t.Errorf("%s with %v: got %d", path, cookie, w.Code)
			}
		}
	}
	for _, path := range []string{"/leitung", "/api/view"} {
		if w := get(h, path, key); w.Code != 200 {
			t.Errorf("%s with the key: got %d", path, w.Code)
		}
	}
}

func TestPairing(t *testing.T) {
	h := newHandler(t, nil)
	for _, wrong := range []string{"x", key + "x", key[:25], strings.ToLower(key), wall.NewToken()} {
		if w := pairing(h, wrong); w.Code != 403 || len(w.Result().Cookies()) != 0 {
			t.Errorf("%q: got %d with cookies %v", wrong, w.Code, w.Result().Cookies())
		}
	}
	w := pairing(h, key)
	c := w.Result().Cookies()[0]
	if w.Code != 200 || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure {
		t.Errorf("got %d, cookie %v", w.Code, c)
	}
	if strings.Contains(c.Value, key) || strings.Contains(w.Body.String(), key) {
		t.Error("cookie or page gives the key away")
	}
	r := httptest.NewRequest("POST", "/leitung/pair", strings.NewReader(url.Values{"key": {clerkKey}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.TLS = new(tls.ConnectionState)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	c = w.Result().Cookies()[0]
	if w.Code != 200 || c.Name != "__Host-subrosa-chair" || !c.Secure {
		t.Errorf("by TLS: got %d, cookie %v", w.Code, c)
	}
}

func TestOldKeysAndCookiesDieWithRotation(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(alarmScene())
	old := pairing(h, key).Result().Cookies()[0]
	use := func() int {
		r := httptest.NewRequest("GET", "/leitung", nil)
		r.AddCookie(old)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if got := use(); got != 200 {
		t.Fatalf("before: got %d", got)
	}
	next := wall.NewToken()
	if err := h.SetToken(session.Chair, next); err != nil {
		t.Fatal(err)
	}
	if got := use(); got != 403 {
		t.Errorf("old cookie: got %d, want 403", got)
	}
	if w := pairing(h, key); w.Code != 403 {
		t.Errorf("old key: got %d, want 403", w.Code)
	}
	if w := pairing(h, next); w.Code != 200 {
		t.Errorf("new key: got %d, want 200", w.Code)
	}
	if w := get(h, "/leitung", clerkKey); w.Code != 200 {
		t.Errorf("the clerk's key: got %d, want it untouched", w.Code)
	}
	if err := h.SetToken(session.Clerk, ""); err != nil {
		t.Fatal(err)
	}
	if w := pairing(h, clerkKey); w.Code != 403 {
		t.Errorf("a key that was taken away: got %d, want 403", w.Code)
	}
}

func TestWrongKeysAreLimitedByAddress(t *testing.T) {
	h := newHandler(t, nil)
	try := func(addr, key string) int {
		r := httptest.NewRequest("GET", wall.PairPath(key), nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i := range 10 {
		if got := try(fmt.Sprintf("192.0.2.1:%d", 1000+i), "wrong"); got != 403 {
			t.Fatalf("try %d: got %d, want 403", i+1, got)
		}
	}
	if got := try("192.0.2.1:2000", key); got != 429 {
		t.Errorf("eleventh try: got %d, want 429 even with the right key", got)
	}
	if got := try("192.0.2.2:2000", key); got != 200 {
		t.Errorf("another address: got %d, want 200", got)
	}
	for i := range 3000 { // a flood from everywhere neither locks the chair out nor fills the memory
		try(fmt.Sprintf("198.51.%d.%d:1", i/250, i%250), "wrong")
	}
	if got := try("203.0.113.9:1", key); got != 200 {
		t.Errorf("after a flood: got %d, want 200", got)
	}
}

func TestLeaving(t *testing.T) {
	h := newHandler(t, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/leitung/leave", nil))
	if c := w.Result().Cookies(); w.Code != 303 || len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("got %d, cookies %v, want the cookie gone", w.Code, c)
	}
}

func TestWithoutKeysNobodyComesIn(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) { o.ChairToken, o.ClerkToken = "", "" })
	h.Update(show.Scenes()[0].View)
	for _, k := range []string{key, "", "0"} {
		if w := pairing(h, k); len(w.Result().Cookies()) != 0 {
			t.Errorf("%q opened a page that has no key", k)
		}
	}
}
