// Package page is the console's pages: server-rendered, in German and English, with a strict content security
// policy and nothing from third parties. They work by reloading; a small script keeps them up to date.
package page

import (
	"bytes"
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/desk"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/store"
)

//go:embed templates static
var files embed.FS

// Options of the pages.
type Options struct {
	Access   *access.Service
	Store    *store.Store
	Fleet    *fleet.Fleet
	Commands fleet.Commands
	Rooms    map[string]string // names of rooms by id; others are named by their id
	Location *time.Location
	Lang     string // "de" or "en": for those who have not chosen
	Secure   bool   // served by TLS: cookies are Secure
	Issuer   string // in authenticator apps
	Metrics  http.Handler
	Health   []Probe
	Desk     *desk.Desk // nil: no exports
	Now      func() time.Time
	Log      *slog.Logger
}

// Probe is one line of /healthz.
type Probe struct {
	Name  string
	Check func(context.Context) error
}

// Handler serves the pages.
type Handler struct {
	Options
	fleet  *fleet.Fleet
	loc    *time.Location
	pages  map[string]map[string]*template.Template // by language, by name
	scale  []byte
	static fs.FS
	guard  *http.CrossOriginProtection
	mux    *http.ServeMux
	slots  chan struct{} // open event streams
}

const maxStreams = 256

// New returns the pages.
func New(o Options) (*Handler, error) {
	h := &Handler{Options: o, fleet: o.Fleet, loc: o.Location, guard: http.NewCrossOriginProtection(), slots: make(chan struct{}, maxStreams)}
	if h.loc == nil {
		h.loc = time.Local
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.Lang != "en" {
		h.Lang = "de"
	}
	var b bytes.Buffer
	if err := writeScale(&b); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	h.scale = b.Bytes()
	var err error
	if h.static, err = fs.Sub(files, "static"); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if err := h.parse(); err != nil {
		return nil, err
	}
	h.guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, http.StatusForbidden, "err.origin") }))
	h.routes()
	return h, nil
}

func (h *Handler) routes() {
	m := http.NewServeMux()
	m.Handle("GET /static/", h.assets())
	m.HandleFunc("GET /static/scale.png", h.getScale)
	m.HandleFunc("GET /healthz", h.getHealth)
	m.HandleFunc("GET /metrics", h.getMetrics)
	m.HandleFunc("GET /login", h.getLogin)
	m.HandleFunc("POST /login", h.postLogin)
	m.HandleFunc("POST /logout", h.postLogout)
	m.HandleFunc("GET /enrol/{token}", h.getEnrol)
	m.HandleFunc("GET /enrol/{token}/qr.png", h.getQR)
	m.HandleFunc("POST /enrol/{token}", h.postEnrol)
	m.HandleFunc("GET /demo/{token}", h.getDemo)

	m.Handle("GET /{$}", h.need(access.View, h.getRooms))
	m.Handle("GET /rooms/{room}", h.need(access.View, h.getRoom))
	m.Handle("GET /rooms/{room}/{unit}/bands.png", h.need(access.View, h.getBands))
	m.Handle("POST /rooms/{room}/session", h.need(access.Session, h.postSession))
	m.Handle("POST /rooms/{room}/alarms/{id}", h.need(access.Ack, h.postAck))
	m.Handle("POST /units/{unit}/learn", h.need(access.Baseline, h.postLearn))
	m.Handle("POST /rooms/{room}/roster", h.need(access.Session, h.postRoster))
	m.Handle("GET /devices", h.need(access.View, h.getDevices))
	m.Handle("GET /units", h.need(access.View, h.getUnits))
	m.Handle("GET /trail", h.need(access.Trail, h.getTrail))
	m.Handle("GET /export", h.need(access.Export, h.getExport))
	if h.Desk != nil {
		m.Handle("POST /export", h.need(access.Export, h.postExport))
		m.Handle("GET /export/{id}", h.need(access.Export, h.getExportJob))
		m.Handle("GET /export/{id}/export.zip", h.need(access.Export, h.getExportFile))
	}
	m.Handle("GET /accounts", h.need(access.Accounts, h.getAccounts))
	m.Handle("POST /accounts", h.need(access.Accounts, h.postInvite))
	m.Handle("POST /accounts/{id}", h.need(access.Accounts, h.postAccount))
	m.Handle("GET /events", h.need(access.View, h.getEvents))
	m.Handle("GET /api/rooms", h.need(access.View, h.apiRooms))
	m.Handle("GET /api/rooms/{room}", h.need(access.View, h.apiRoom))
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, http.StatusNotFound, "err.gone") })
	h.mux = m
}

// csp: nothing but this server; no inline script or style; nobody may frame it.
const csp = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

const maxForm = 16 << 10

// ServeHTTP sets the headers of every answer, refuses cross-origin changes, and passes on to the pages.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hd := w.Header()
	hd.Set("Content-Security-Policy", csp)
	hd.Set("X-Content-Type-Options", "nosniff")
	hd.Set("Referrer-Policy", "no-referrer")
	hd.Set("Cross-Origin-Opener-Policy", "same-origin")
	hd.Set("Cross-Origin-Resource-Policy", "same-origin")
	hd.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	hd.Set("Cache-Control", "no-store")
	if h.Secure {
		hd.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if l := r.URL.Query().Get("lang"); r.Method == http.MethodGet && (l == "de" || l == "en") {
		h.chooseLang(w, r, l)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
	h.guard.Handler(h.mux).ServeHTTP(w, r)
}

func (h *Handler) chooseLang(w http.ResponseWriter, r *http.Request, l string) {
	http.SetCookie(w, &http.Cookie{Name: "lang", Value: l, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteStrictMode})
	q := r.URL.Query()
	q.Del("lang")
	to := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/") // never another host
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (h *Handler) lang(r *http.Request) string {
	if c, err := r.Cookie("lang"); err == nil && (c.Value == "de" || c.Value == "en") {
		return c.Value
	}
	return h.Lang
}

func (h *Handler) assets() http.Handler {
	s := http.StripPrefix("/static/", http.FileServerFS(h.static))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			h.fail(w, r, http.StatusNotFound, "err.gone")
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		s.ServeHTTP(w, r)
	})
}

func (h *Handler) getScale(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/png")
	w.Write(h.scale)
}

type handler func(w http.ResponseWriter, r *http.Request, who access.Who)

// need passes on to f for those who are signed in with the right; others get the sign-in page, or a refusal.
func (h *Handler) need(right access.Right, f handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := h.current(r, byPerson(r))
		machine := strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/events"
		switch {
		case errors.Is(err, access.ErrSignedOut) && machine:
			http.Error(w, "sign in first", http.StatusUnauthorized)
		case errors.Is(err, access.ErrSignedOut):
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		case err != nil:
			h.broken(w, r, err)
		case !who.Role.May(right):
			h.fail(w, r, http.StatusForbidden, "err.right")
		default:
			f(w, r, who)
		}
	})
}

// byPerson reports whether a person asked, so that the login counts as used: not the script that keeps a page up
// to date, nor the pictures it fetches.
func byPerson(r *http.Request) bool {
	return r.Header.Get("X-Refresh") == "" && r.URL.Path != "/events" && !strings.HasSuffix(r.URL.Path, ".png")
}

func (h *Handler) cookieName() string {
	if h.Secure {
		return "__Host-subrosa"
	}
	return "subrosa"
}

func (h *Handler) current(r *http.Request, touch bool) (access.Who, error) {
	c, err := r.Cookie(h.cookieName())
	if err != nil {
		return access.Who{}, access.ErrSignedOut
	}
	return h.Access.Current(r.Context(), h.Now(), c.Value, touch)
}

func (h *Handler) setCookie(w http.ResponseWriter, value string) {
	c := &http.Cookie{Name: h.cookieName(), Value: value, Path: "/", HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteStrictMode, MaxAge: int(access.LoginLife / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// broken answers for a fault of ours: the person learns that it did not work, the log why.
func (h *Handler) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	h.Log.Error("page failed", "route", r.Pattern, "err", err)
	h.fail(w, r, http.StatusInternalServerError, "err.inside")
}

// fail shows the sentence for key.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, status int, key string) {
	lang := h.lang(r)
	f := h.frame(r, in(lang, texts["err.title"]), "")
	h.render(w, r, status, "error", struct {
		frame
		Text string
	}{f, in(lang, texts[key])})
}

func (h *Handler) frame(r *http.Request, title, here string) frame {
	f := frame{Title: title, Here: here, Path: r.URL.Path, Now: h.Now()}
	if who, err := h.current(r, false); err == nil {
		f.Who, f.Signed, f.Demo = who, true, who.Account == 0
	}
	if key := r.URL.Query().Get("done"); key == "session" || key == "ack" || key == "learn" {
		k := map[string]string{"session": "done", "ack": "done.ack", "learn": "done.learn"}[key]
		f.Flash = in(h.lang(r), texts[k])
	}
	return f
}

func (h *Handler) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := h.pages[h.lang(r)][name].ExecuteTemplate(&b, "page", data); err != nil {
		h.Log.Error("page cannot be drawn", "page", name, "err", err)
		http.Error(w, "page cannot be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// local reports whether the request came from this machine, with no proxy between.
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

func (h *Handler) getMetrics(w http.ResponseWriter, r *http.Request) {
	if !local(r) {
		if who, err := h.current(r, false); err != nil || !who.Role.May(access.Figures) {
			http.Error(w, "only for this machine, or signed in", http.StatusForbidden)
			return
		}
	}
	h.Metrics.ServeHTTP(w, r)
}

// getHealth tells anyone whether the console works, and no more than that.
func (h *Handler) getHealth(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	status := http.StatusOK
	for _, p := range h.Health {
		word := "ok"
		if err := p.Check(r.Context()); err != nil {
			word, status = "not ok", http.StatusServiceUnavailable
		}
		fmt.Fprintf(&b, "%s: %s\n", p.Name, word)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, b.String())
}

// Server returns an HTTP server for h with limits against slow peers. Event streams extend their own deadlines.
func (h *Handler) Server(conf *tls.Config) *http.Server {
	return &http.Server{
		Handler: h, TLSConfig: conf, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(h.Log.Handler(), slog.LevelDebug),
	}
}
