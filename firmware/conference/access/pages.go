package access

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
)

//go:embed page
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "page/*.html"))

// view is what every page is made of.
type view struct {
	Lang  string
	Title string
	Name  string // of the conference
	Room  string
	Rooms []choice
	Error string
	Done  string
	Who   *about
	SSO   bool
	Next  string
	Clerk *clerkView
	Made  *madeView
	Token *tokenView
	query string // of the page, for the change of language
}

type choice struct{ ID, Name string }

// T picks a text by the page's language; templates say both beside each other.
func (v view) T(de, en string) string {
	if v.Lang == "en" {
		return en
	}
	return de
}

// Other is the address of this page in the other language.
func (v view) Other() string { return "?" + v.query + "lang=" + v.T("en", "de") }

func language(r *http.Request) string {
	switch l := r.URL.Query().Get("lang"); l {
	case "de", "en":
		return l
	}
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		switch tag, _, _ := strings.Cut(strings.TrimSpace(part), ";"); {
		case strings.HasPrefix(tag, "de"):
			return "de"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return "de"
}

func (s *Service) view(r *http.Request, titleDE, titleEN string) view {
	v := view{Lang: language(r), Name: s.o.Name, Room: s.room(r.FormValue("room")), SSO: s.o.SSO != nil}
	if s.o.Rosters[v.Room] == nil {
		v.Room = ""
	} else {
		v.query = "room=" + v.Room + "&"
	}
	v.Title = v.T(titleDE, titleEN)
	for id := range s.o.Rosters {
		v.Rooms = append(v.Rooms, choice{id, s.roomName(id)})
	}
	slices.SortFunc(v.Rooms, func(a, b choice) int { return strings.Compare(a.Name, b.Name) })
	v.Next = s.next(v.Room)
	return v
}

func (s *Service) roomName(room string) string {
	if n := s.o.Rooms[room]; n != "" {
		return n
	}
	return room
}

func (s *Service) render(w http.ResponseWriter, status int, name string, v view) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		s.o.Log.Error("access: page", "page", name, "err", err)
		http.Error(w, "500", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// fail puts an error into a page.
func (s *Service) fail(v *view, err error) int {
	status, a := refusal(err, s)
	v.Error = v.T(a.Text.DE, a.Text.EN)
	return status
}

func (s *Service) startPage(w http.ResponseWriter, r *http.Request) {
	v := s.view(r, "Anmelden", "Sign in")
	if v.Room != "" {
		id, err := s.Identify(r, v.Room)
		switch {
		case err == nil:
			v.Who = s.about(id)
			v.Title = v.T("Ihr Zugang", "Your access")
		case !errors.Is(err, ErrSignedOut):
			s.fail(&v, err)
		}
	}
	s.render(w, http.StatusOK, "start.html", v)
}

// invitePage knows no token: it is behind the # and stays in the browser until the person presses the button.
func (s *Service) invitePage(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, "invite.html", s.view(r, "Einladung annehmen", "Accept the invitation"))
}

// RoleName is a role for people.
func (v view) RoleName(r string) string {
	t := map[roster.Role]level.Text{
		roster.Chair: {DE: "Sitzungsleitung", EN: "chair"}, roster.Clerk: {DE: "Geschäftsstelle", EN: "clerk"},
		roster.Councillor: {DE: "Ratsmitglied", EN: "councillor"}, roster.Staff: {DE: "Verwaltung", EN: "staff"},
		roster.Guest: {DE: "Gast", EN: "guest"}, roster.Interpreter: {DE: "Dolmetschen", EN: "interpreter"},
		roster.Gateway: {DE: "Telefon oder fremdes System", EN: "telephone or other system"}, roster.Room: {DE: "Saal", EN: "room"},
	}[roster.Role(r)]
	return v.T(t.DE, t.EN)
}

// Factors says how somebody has signed in.
func (v view) Factors(fs []level.Factor) string {
	var out []string
	for _, f := range fs {
		t := map[level.Factor]level.Text{
			level.Invite: {DE: "Einladungslink", EN: "invitation"}, level.SSO: {DE: "Dienstkonto", EN: "city account"},
			level.SSOStrong:   {DE: "Dienstkonto mit zweitem Faktor", EN: "city account with a second factor"},
			level.PasskeyUsed: {DE: "Passkey", EN: "passkey"}, level.Code: {DE: "Einmalcode", EN: "one-time code"},
			level.Certificate: {DE: "Gerätezertifikat", EN: "certificate"},
		}[f]
		out = append(out, v.T(t.DE, t.EN))
	}
	return strings.Join(out, " + ")
}

// ReasonText says why somebody may not come in.
func (v view) ReasonText(r level.Reason) string { t := r.Text(); return v.T(t.DE, t.EN) }

// when writes a time as the language does.
func (s *Service) when(v view, t time.Time) string {
	zone := s.o.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format(v.T("02.01.2006, 15:04 Uhr", "2006-01-02 15:04"))
}

func (s *Service) ssoCookieName() string {
	if strings.HasPrefix(s.origin, "https:") {
		return "__Host-" + ssoCookie
	}
	return ssoCookie
}

// opened reports whether a browser asks for a page that somebody sees, and not for what another page has put in, such as a
// picture: those would use up what one address may begin. Browsers without Sec-Fetch-Mode are believed.
func opened(r *http.Request) bool {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return (mode == "" || mode == "navigate") && (dest == "" || dest == "document")
}

// ssoBegin sends the browser to the city. Its cookie must come back along with a redirect from there, so it is lax.
func (s *Service) ssoBegin(w http.ResponseWriter, r *http.Request) {
	v := s.view(r, "Anmelden", "Sign in")
	if !opened(r) {
		s.render(w, s.fail(&v, ErrRequest), "start.html", v)
		return
	}
	var link *Identity
	if r.URL.Query().Get("link") == "1" {
		id, err := s.Identify(r, v.Room)
		if err != nil {
			s.render(w, s.fail(&v, err), "start.html", v)
			return
		}
		link = &id
	}
	address, browser, err := s.SSOBegin(r.Context(), v.Room, r.RemoteAddr, link)
	if err != nil {
		s.o.Log.Warn("access: sso", "err", logged(err))
		s.render(w, s.fail(&v, err), "start.html", v)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: s.ssoCookieName(), Value: browser, Path: "/", MaxAge: int(flowLife.Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(s.origin, "https:"), SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// ssoEnd answers with a page that goes on by itself rather than a redirect: after a way through another site a browser would
// not send the strict cookie along with a redirect.
func (s *Service) ssoEnd(w http.ResponseWriter, r *http.Request) {
	v := s.view(r, "Anmelden", "Sign in")
	browser := ""
	if c, err := r.Cookie(s.ssoCookieName()); err == nil {
		browser = c.Value
	}
	http.SetCookie(w, &http.Cookie{Name: s.ssoCookieName(), Path: "/", MaxAge: -1, HttpOnly: true, Secure: strings.HasPrefix(s.origin, "https:"), SameSite: http.SameSiteLaxMode})
	q := r.URL.Query()
	cookie, room, err := "", "", error(ErrSSO)
	if s.o.SSO != nil && q.Get("error") == "" {
		cookie, room, err = s.SSOEnd(r.Context(), q.Get("state"), q.Get("code"), browser, r.RemoteAddr)
	}
	if err != nil {
		s.o.Log.Warn("access: sso", "err", logged(err))
		status := s.fail(&v, err)
		if _, id, ok := strings.Cut(err.Error(), ErrRoster.Error()+": "); ok {
			v.Error += " " + v.T("Ihre Kennung ist ", "Your id is ") + id + "."
		}
		s.render(w, status, "start.html", v)
		return
	}
	if cookie != "" {
		http.SetCookie(w, s.cookie(cookie, int(LoginLife.Seconds())))
	}
	v.Room, v.Next = room, "/access/?room="+room
	s.render(w, http.StatusOK, "on.html", v)
}
