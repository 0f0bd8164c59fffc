package wall_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

var paths = []string{"/", "/events-of-nobody", "/leitung", "/leitung/pair", "/api/view", "/healthz", "/favicon.svg",
	"/static/base.css", "/static/wall.css", "/static/chair.css", "/static/live.js", "/static/", "/static/none.css", "/static/..%2fwall.go"}

func TestEveryAnswerIsHardened(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(show.Scenes()[0].View)
	for _, path := range paths {
		hd := get(h, path, key).Header()
		csp := hd.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: content security policy %q", path, csp)
		}
		for _, name := range []string{"microphone=()", "camera=()"} {
			if got := hd.Get("Permissions-Policy"); !strings.Contains(got, name) {
				t.Errorf("%s: permissions policy %q, want %s", path, got, name)
			}
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if got := hd.Get(name); got != want {
				t.Errorf("%s: %s: got %q, want %q", path, name, got, want)
			}
		}
	}
}

// The policy would silently drop what is inline; a browser would fetch what is foreign.
func TestPagesHoldNothingInlineOrForeign(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script(?:\s+[a-z]+(="[^"]*")?)*>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	address := regexp.MustCompile(`(?:href|src|action|data-events)="([^"]*)"`)
	for _, s := range show.Scenes() {
		h := newHandler(t, nil)
		h.Update(s.View)
		for _, path := range []string{"/", "/leitung", "/leitung/pair", "/leitung/pair?key=wrong"} {
			page := get(h, path, key).Body.String()
			if m := inline.FindString(page); m != "" {
				t.Errorf("%s: %s: inline %q", s.Name, path, m)
			}
			for _, m := range address.FindAllStringSubmatch(page, -1) {
				if !strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "?lang=") || strings.HasPrefix(m[1], "//") {
					t.Errorf("%s: %s: foreign address %q", s.Name, path, m[1])
				}
			}
		}
	}
}

func TestEveryLinkedFileIsServed(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(show.Scenes()[0].View)
	link := regexp.MustCompile(`(?:href|src)="(/(?:static|favicon)[^"]*)"`)
	seen := 0
	for _, path := range []string{"/", "/leitung", "/leitung/pair"} {
		for _, m := range link.FindAllStringSubmatch(get(h, path, key).Body.String(), -1) {
			seen++
			w := get(h, m[1], "")
			typ := w.Header().Get("Content-Type")
			if w.Code != 200 || w.Body.Len() == 0 || !regexp.MustCompile(`^(text/css|text/javascript|image/svg)`).MatchString(typ) {
				t.Errorf("%s: got %d, %q", m[1], w.Code, typ)
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d links found", seen)
	}
}

func TestPagesWorkWithoutScript(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(show.Scenes()[0].View)
	for _, path := range []string{"/", "/leitung"} {
		if page := get(h, path, key).Body.String(); !strings.Contains(page, `<noscript><meta http-equiv="refresh"`) {
			t.Errorf("%s does not refresh itself without script", path)
		}
	}
}

func TestNamesAreEscaped(t *testing.T) {
	h := newHandler(t, nil)
	v := show.Scenes()[2].View
	const evil = `<script src="https://x.example/x.js"></script>"'>`
	v.Room, v.Unit.ID, v.Unit.Software = evil, evil, evil
	v.Coverage = []wall.Coverage{{Sense: wall.Text{DE: evil, EN: evil}, Sees: wall.Text{DE: evil, EN: evil}, Cannot: []wall.Text{{DE: evil, EN: evil}}, Share: 99}}
	v.Proposal = &wall.Proposal{Act: wall.End, By: evil, Why: wall.Text{DE: evil, EN: evil}}
	h.Update(v)
	for _, path := range []string{"/", "/leitung"} {
		if w := get(h, path, key); w.Code != 200 || strings.Contains(w.Body.String(), `src="https://x`) {
			t.Errorf("%s: got %d, unescaped", path, w.Code)
		}
	}
}

func TestLanguageIsRemembered(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(show.Scenes()[0].View)
	w := get(h, "/leitung?lang=en", key)
	if !strings.Contains(w.Body.String(), "Start the closed part") {
		t.Error("?lang=en is not English")
	}
	r := httptest.NewRequest("GET", "/leitung", nil)
	for _, c := range append(pairing(h, key).Result().Cookies(), w.Result().Cookies()...) {
		r.AddCookie(c)
	}
	again := httptest.NewRecorder()
	h.ServeHTTP(again, r)
	if !strings.Contains(again.Body.String(), "Start the closed part") {
		t.Error("the language was forgotten")
	}
	if page := get(h, "/leitung?lang=xx", key).Body.String(); !strings.Contains(page, "Nichtöffentlichen Teil beginnen") {
		t.Error("an unknown language is not German")
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	h := newHandler(t, nil)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/nothing", 404}, {"POST", "/", 405}, {"GET", "/leitung/do?lang=en", 303}, {"DELETE", "/api/view", 405}, {"GET", "/static/../wall.go", 301},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, http.NoBody))
		if w.Code != tt.want && !(tt.want == 301 && w.Code >= 300 && w.Code < 500) {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.want)
		}
	}
}
