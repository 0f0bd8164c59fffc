package wall

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"subrosa/firmware/session"
)

// NewToken returns a fresh key for a page, 26 characters with at least 128 bits of randomness.
func NewToken() string { return rand.Text() }

// PairPath returns the path and query of the link that opens the chair's page with token.
func PairPath(token string) string { return "/leitung/pair?key=" + token }

const (
	minKey       = 22             // characters: 128 bits in base64
	cookieAge    = 30 * 24 * 3600 // seconds
	tries        = 10             // wrong keys from one address …
	triesWindow  = time.Minute    // … in this time
	maxAddresses = 1024           // addresses remembered
)

// door knows the keys and lets people in. The cookie is not the key but derived from it, so that neither gives
// away the other, and a new key closes all doors opened with the old one.
type door struct {
	mu     sync.Mutex
	cookie map[session.Role]string   // cookie value by role
	digest map[session.Role][32]byte // SHA-256 of the key: compared in constant time and length
	misses map[string]miss           // by address
}

type miss struct {
	n     int
	since time.Time
}

func newDoor() *door {
	return &door{cookie: map[session.Role]string{}, digest: map[session.Role][32]byte{}, misses: map[string]miss{}}
}

func (d *door) setKey(role session.Role, key string) error {
	if key != "" {
		if err := checkKey(key); err != nil {
			return fmt.Errorf("wall: key of the %s: %w", role, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if key == "" {
		delete(d.cookie, role)
		delete(d.digest, role)
		return nil
	}
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "subrosa page cookie v1 %s", role)
	d.cookie[role] = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	d.digest[role] = sha256.Sum256([]byte(key))
	return nil
}

func checkKey(key string) error {
	if len(key) < minKey || len(key) > 128 {
		return fmt.Errorf("%d characters, want %d to 128 (128 bits or more)", len(key), minKey)
	}
	for _, c := range []byte(key) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return fmt.Errorf("character %q, want A–Z a–z 0–9 - _", c)
		}
	}
	return nil
}

// open returns whose key it is. All keys are compared, so that the time tells nothing.
func (d *door) open(key string) (role session.Role, cookie string, ok bool) {
	got := sha256.Sum256([]byte(key))
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range pageRoles {
		want, set := d.digest[r]
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && set {
			role, cookie, ok = r, d.cookie[r], true
		}
	}
	return role, cookie, ok
}

// enter returns the role a cookie stands for.
func (d *door) enter(cookie string) (role session.Role, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range pageRoles {
		want, set := d.cookie[r]
		if set && subtle.ConstantTimeCompare([]byte(cookie), []byte(want)) == 1 {
			role, ok = r, true
		}
	}
	return role, ok
}

// allow reports whether the address may try a key at now; missed counts a wrong one.
func (d *door) allow(addr string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.misses[addr]
	return m.n < tries || now.Sub(m.since) >= triesWindow
}

func (d *door) missed(addr string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for a, m := range d.misses {
		if now.Sub(m.since) >= triesWindow {
			delete(d.misses, a)
		}
	}
	m, known := d.misses[addr]
	if !known && len(d.misses) >= maxAddresses {
		return // a flood from many addresses costs us no memory; 128 bits bear the tries
	}
	if !known {
		m.since = now
	}
	m.n++
	d.misses[addr] = m
}

// cookieName carries the prefix that binds the cookie to host and TLS where there is TLS.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-subrosa-chair"
	}
	return "subrosa-chair" // cookies do not know ports: the console on the same host has its own name
}

func (h *Handler) role(r *http.Request) (session.Role, error) {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return "", errNoRole
	}
	role, ok := h.door.enter(c.Value)
	if !ok {
		return "", errNoRole
	}
	return role, nil
}

// pair changes a key for a cookie. The answer is a page that goes on by itself rather than a redirect: after a
// link from elsewhere a browser would not send the strict cookie along with a redirect.
func (h *Handler) pair(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	key, addr := r.FormValue("key"), address(r)
	if key == "" {
		h.render(w, r, http.StatusOK, "pair.html", h.pairPage(r, ""))
		return
	}
	if !h.door.allow(addr, time.Now()) {
		w.Header().Set("Retry-After", "60")
		h.render(w, r, http.StatusTooManyRequests, "pair.html", h.pairPage(r, "limit"))
		return
	}
	role, cookie, ok := h.door.open(key)
	if !ok {
		h.door.missed(addr, time.Now())
		h.log.Warn("wall: wrong key", "page", "leitung")
		h.render(w, r, http.StatusForbidden, "pair.html", h.pairPage(r, "wrong"))
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: cookie, Path: "/", MaxAge: cookieAge,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	h.log.Info("wall: paired", "role", role)
	h.render(w, r, http.StatusOK, "pair.html", h.pairPage(r, "in"))
}

// leave takes the cookie away from this browser.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Path: "/", MaxAge: -1, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/leitung/pair", http.StatusSeeOther)
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
