package access

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"

	"subrosa/firmware/conference/level"
)

// ask sends a request to the handler as a browser on the page would.
func (d *desk) ask(method, path, body, cookie string, change func(*http.Request)) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, testURL+path, strings.NewReader(body))
	r.RemoteAddr = peer
	r.Header.Set("Origin", testURL)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: d.cookieName(), Value: cookie})
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

func decoded(t *testing.T, w *httptest.ResponseRecorder) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return m
}

func TestHandler(t *testing.T) {
	d := newDesk(t)
	token := d.order("m-17", Join)
	w := d.ask("POST", "/access/invite", `{"token":"`+token+`"}`, "", nil)
	if w.Code != 200 || decoded(t, w)["next"] != "/room/ratssaal" {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	if c.Name != "__Host-subrosa-conference" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	w = d.ask("GET", "/access/me", "", c.Value, nil)
	id, _ := decoded(t, w)["identity"].(map[string]any)
	if id["member"] != "m-17" || id["may"] != false || id["reason"] != string(level.NeedsPasskey) {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	for k, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := w.Header().Get(k); got != want {
			t.Errorf("%s: %q", k, got)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
		t.Errorf("policy %q", csp)
	}
	w = d.ask("POST", "/access/leave", `{}`, c.Value, nil)
	if w.Code != 200 || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if w = d.ask("GET", "/access/me", "", c.Value, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("after leaving: %d", w.Code)
	}
}

func TestHandlerRefuses(t *testing.T) {
	d := newDesk(t)
	_, clerk := d.withPasskey("m-clerk")
	weak := d.redeemed("m-clerk", Join)
	_, member := d.withPasskey("m-17")
	token := d.order("m-18", Join)
	good := `{"token":"` + token + `"}`
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	inviteForm := url.Values{"room": {"ratssaal"}, "member": {"m-18"}, "purpose": {"join"}, "from": {"2026-11-28T18:30"}, "to": {"2026-11-29T18:30"}}.Encode()
	for name, tt := range map[string]struct {
		method, path, body, cookie string
		change                     func(*http.Request)
		want                       int
	}{
		"another site":          {"POST", "/access/invite", good, "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"another origin":        {"POST", "/access/invite", good, "", func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://x.example") }, 403},
		"a form":                {"POST", "/access/invite", good, "", form, 400},
		"unknown field":         {"POST", "/access/invite", `{"token":"x","admin":true}`, "", nil, 400},
		"two objects":           {"POST", "/access/invite", good + good, "", nil, 400},
		"too long":              {"POST", "/access/invite", `{"token":"` + strings.Repeat("x", maxBody) + `"}`, "", nil, 400},
		"no token":              {"POST", "/access/invite", `{}`, "", nil, 403},
		"GET for POST":          {"GET", "/access/leave", "", clerk, nil, 405},
		"unknown room":          {"GET", "/access/me?room=keller", "", clerk, nil, 400},
		"passkey without login": {"POST", "/access/passkey/new", `{}`, "", nil, 401},
		"garbage for a passkey": {"POST", "/access/passkey/signed-in", `{"ceremony":"x","response":{}}`, "", nil, 409},
		"code without login":    {"POST", "/access/code", `{"code":"123456"}`, "", nil, 401},
		"bind without login":    {"POST", "/access/bind", `{"key":"AAAA"}`, "", nil, 401},
		"bind with one factor":  {"POST", "/access/bind", `{"key":"AAAA"}`, weak, nil, 403},
		"bind a short key":      {"POST", "/access/bind", `{"key":"AAAA"}`, member, nil, 400},
		"clerk's page, member":  {"GET", "/access/clerk", "", member, nil, 403},
		"clerk's page, nobody":  {"GET", "/access/clerk", "", "", nil, 401},
		"clerk with one factor": {"GET", "/access/clerk", "", weak, nil, 403},
		"invite by a member":    {"POST", "/access/clerk/invite", inviteForm, member, form, 403},
		"invite from elsewhere": {"POST", "/access/clerk/invite", inviteForm, clerk, func(r *http.Request) { form(r); r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		"no times":              {"POST", "/access/clerk/invite", "room=ratssaal&member=m-18&purpose=join", clerk, form, 400},
		"consent by the clerk":  {"POST", "/access/clerk/consent", "room=ratssaal&member=m-18&give=1", clerk, form, 403},
		"revoke nothing":        {"POST", "/access/clerk/revoke", "room=ratssaal&invite=e-0", clerk, form, 403},
		"sso where there is no": {"GET", "/access/sso", "", "", nil, 403},
		"sso back, invented":    {"GET", "/access/sso/back?state=x&code=y", "", "", nil, 403},
		"elsewhere":             {"GET", "/access/static/../handler.go", "", "", nil, 307},
	} {
		if w := d.ask(tt.method, tt.path, tt.body, tt.cookie, tt.change); w.Code != tt.want {
			t.Errorf("%s: got %d, want %d: %.200s", name, w.Code, tt.want, w.Body)
		}
	}
	if n := len(d.Invites("ratssaal")); n != 4 {
		t.Errorf("%d invites, want the 4 that were made", n)
	}
	if w := d.ask("POST", "/access/clerk/invite", inviteForm, clerk, form); w.Code != 200 || !strings.Contains(w.Body.String(), testURL+"/access/invite#") {
		t.Errorf("a good one: %d", w.Code)
	}
	if _, _, err := d.Redeem(token, peer); err != nil {
		t.Errorf("the token was used up by refusals: %v", err)
	}
}

// TestOtherNames: a page that was opened by an IP address goes on at the name that passkeys are for.
func TestOtherNames(t *testing.T) {
	d := newDesk(t)
	for host, want := range map[string]string{"192.0.2.1:8444": testURL + "/access/?room=ratssaal", testHost: "", testHost + ":8444": testURL + "/access/?room=ratssaal"} {
		w := d.ask("GET", "/access/?room=ratssaal", "", "", func(r *http.Request) { r.Host = host })
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s: sent to %q, want %q", host, got, want)
		}
	}
}

// TestPagesEscape: nothing that comes with a request gets into a page as it is.
func TestPagesEscape(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/access/?room=%22%3E%3Cscript%3E", "/access/?lang=%22%3E%3Cscript%3E", "/access/invite?room=%3Cscript%3E", "/access/sso/back?error=%3Cscript%3E"} {
		if w := d.ask("GET", path, "", "", nil); strings.Contains(w.Body.String(), `"><script>`) || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%s: the page holds it", path)
		}
	}
}

func FuzzAsk(f *testing.F) {
	f.Add([]byte(`{"room":"ratssaal","token":"x","key":"AAAA","response":{"id":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAsk(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeAsk(again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
	})
}

// FuzzPasskey: what a browser may send as a passkey's answer never panics, and never enrols or signs in.
func FuzzPasskey(f *testing.F) {
	d := newDesk(f)
	a, cookie := d.withPasskey("m-17")
	options, ceremony, err := d.NewKey(d.who(cookie))
	d.must(err)
	f.Add(newAuthenticator(f).create(options))
	in, _, err := d.SignIn(peer)
	d.must(err)
	f.Add(a.get(in))
	creation := d.cer.by[ceremony]
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, _, err := d.assert(pending{session: creation.session}, b); err == nil {
			t.Fatal("signed in by an answer to nothing")
		}
		protocol.ParseCredentialCreationResponseBytes(b)
		if _, err := jwk(b); err == nil && len(b) < 32 {
			t.Fatal("a key of a few bytes")
		}
	})
}
