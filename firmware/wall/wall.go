// Package wall serves the pages of a room: the wall, which anyone may read, and the chair's page, behind a key.
//
// The wall says one thing, from six metres: whether the room is public or closed. Findings go silently to the
// chair and the clerk; the wall shows them only where the policy asks for it.
//
// The package is a leaf: it holds no state of the session. Its owner gives it a View with every change, and at
// least every Options.StaleAfter; what people press comes back as an Order. A page that hears nothing any more
// says so in place of the session's word: a wall that shows yesterday's state is worse than a dark one.
//
//	GET  /                 the wall            GET /events          its stream (SSE)
//	GET  /leitung          the chair's page    GET /leitung/events  its stream (SSE)
//	POST /leitung/do       an order            GET /api/view        the View as JSON, for chair and clerk
//	GET  /leitung/platz/ID a zone to look through
//	GET  /leitung/pair     a key for a cookie  GET /healthz         200 while Views arrive
//	GET  /leitung/anwesenheit  who attends     GET /anmelden?t=…    a member checks in; POST does it
package wall

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"subrosa/firmware/session"
)

//go:embed page static
var assets embed.FS

// Options of a Handler. The zero value serves the wall alone.
type Options struct {
	// ChairToken and ClerkToken are the keys of the chair's page: at least 128 bits in at least 22 characters of
	// A–Z a–z 0–9 - _, such as NewToken makes. Empty: nobody has that role.
	ChairToken, ClerkToken string
	// Do carries out an order. It is called at most once per press and may take its time; its error is a
	// *Refusal if the person should read why. Nil: the pages are for reading only.
	Do func(context.Context, Order) error
	// CheckIn is the list of those who attend; nil: this room has none.
	CheckIn CheckIn
	// Declare is how remote members say that nobody else is in their room; nil: they are not asked.
	Declare Declarer
	// HomeBase is the address, such as https://anmeldung.raum.example, under which people reach /anmelden from home;
	// "": that of the pages.
	HomeBase string
	// WallShowsFindings puts the kinds of open findings on the wall. Off unless the policy says otherwise: it
	// warns whoever listens, and shames a guest.
	WallShowsFindings bool
	// StaleAfter is how long a View is believed without a new one; 0 means a minute.
	StaleAfter time.Duration
	// Words adds the policy's own words for slugs of sessions, points and their details.
	Words    map[string]Text
	Location *time.Location // for the times on the pages; nil: time.Local
	Log      *slog.Logger   // nil: slog.Default
}

// Handler serves the pages of one room.
type Handler struct {
	opt   Options
	log   *slog.Logger
	pages *template.Template
	build string // of pages and static files; an open page reloads itself when it changes
	door  *door
	mux   http.Handler
	now   atomic.Pointer[snapshot]

	mu     sync.Mutex
	subs   map[*subscriber]struct{}
	closed bool
}

type snapshot struct {
	View
	taken time.Time // on this machine's own clock
}

// New returns a handler without a View: until the first Update its pages say that the display is not current.
func New(o Options) (*Handler, error) {
	if o.StaleAfter <= 0 {
		o.StaleAfter = time.Minute
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &Handler{opt: o, log: o.Log, door: newDoor(), subs: make(map[*subscriber]struct{})}
	for role, key := range map[session.Role]string{session.Chair: o.ChairToken, session.Clerk: o.ClerkToken} {
		if key == "" {
			continue
		}
		if err := h.door.setKey(role, key); err != nil {
			return nil, err
		}
	}
	var err error
	if h.pages, err = template.New("").Funcs(h.funcs()).ParseFS(assets, "page/*.html"); err != nil {
		return nil, fmt.Errorf("wall: pages: %w", err)
	}
	if h.build, err = buildOf(assets); err != nil {
		return nil, err
	}
	h.mux = h.routes()
	return h, nil
}

func buildOf(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("wall: static files: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// Update shows v on all open pages. It never waits for a page and may be called from any goroutine; of two
// concurrent calls either may win.
func (h *Handler) Update(v View) {
	h.now.Store(&snapshot{View: v, taken: time.Now()})
	h.wake()
}

// SetToken changes the key of a role, or takes it away with "". Whoever came in with the old one is out at once.
func (h *Handler) SetToken(role session.Role, token string) error {
	if err := h.door.setKey(role, token); err != nil {
		return err
	}
	h.wake()
	return nil
}

// Close ends the open streams, so that http.Server.Shutdown does not wait for them. Pages are served on.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.wake()
}

// view returns the newest View and whether it is too old to be shown as true. It is never nil.
func (h *Handler) view() (v *View, stale bool) {
	s := h.now.Load()
	if s == nil {
		return new(View), true
	}
	return &s.View, time.Since(s.taken) > h.opt.StaleAfter
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

func (h *Handler) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.wall)
	mux.HandleFunc("GET /events", h.wallEvents)
	mux.HandleFunc("GET /leitung", h.chair)
	mux.HandleFunc("GET /leitung/events", h.chairEvents)
	mux.HandleFunc("GET /leitung/platz/{zone}", h.zone)
	mux.HandleFunc("GET /leitung/pair", h.pair)
	mux.HandleFunc("POST /leitung/pair", h.pair)
	mux.HandleFunc("POST /leitung/leave", h.leave)
	mux.HandleFunc("POST /leitung/do", h.do)
	mux.HandleFunc("GET /leitung/do", again)
	mux.HandleFunc("GET /leitung/anwesenheit", h.attendance)
	mux.HandleFunc("POST /leitung/anwesenheit", h.attendance)
	mux.HandleFunc("GET /anmelden", h.checkIn)
	mux.HandleFunc("POST /anmelden", h.checkIn)
	mux.HandleFunc("GET /api/view", h.api)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /favicon.svg", favicon)
	mux.HandleFunc("GET /static/{file}", static)
	return harden(http.NewCrossOriginProtection().Handler(mux))
}

// harden sets what every answer carries: nothing but our own files, no camera or microphone in the browser,
// nothing kept.
func harden(next http.Handler) http.Handler {
	const csp = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hd := w.Header()
		hd.Set("Content-Security-Policy", csp)
		hd.Set("Permissions-Policy", "microphone=(), camera=(), display-capture=(), geolocation=(), usb=(), hid=(), serial=()")
		hd.Set("Cache-Control", "no-store")
		hd.Set("Referrer-Policy", "no-referrer")
		hd.Set("X-Content-Type-Options", "nosniff")
		hd.Set("X-Frame-Options", "DENY")
		hd.Set("Cross-Origin-Opener-Policy", "same-origin")
		hd.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// again leads from the answer to a refused press, which stands at the address of the form, back to the page: for
// browsers that refresh or change the language there.
func again(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: "/leitung", RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// static serves a style sheet or the script.
func static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	b, err := fs.ReadFile(assets, "static/"+name)
	if err != nil {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	_, _ = w.Write(b)
}

func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, stale := h.view(); stale {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "stale: no view of the room lately")
		return
	}
	fmt.Fprintln(w, "ok")
}

var errNoRole = errors.New("wall: no key, or one that no longer opens")
