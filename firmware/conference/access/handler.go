package access

import (
	"crypto/ed25519"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"subrosa/firmware/conference/level"
)

//go:embed static
var static embed.FS

const (
	maxBody   = 64 << 10
	maxForm   = 8 << 10
	ssoCookie = "subrosa-sso"
)

// Handler serves /access/ and nothing else. Requests that change something are refused when they come from another site.
func (s *Service) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /access/{$}", s.named(s.startPage))
	m.HandleFunc("GET /access/invite", s.named(s.invitePage))
	m.Handle("GET /access/static/", http.StripPrefix("/access/", http.FileServerFS(static)))
	m.HandleFunc("GET /access/me", s.api(s.me))
	m.HandleFunc("POST /access/invite", s.api(s.redeem))
	m.HandleFunc("POST /access/leave", s.api(s.leave))
	m.HandleFunc("POST /access/passkey/new", s.api(s.newKey))
	m.HandleFunc("POST /access/passkey/enrol", s.api(s.enrolKey))
	m.HandleFunc("POST /access/passkey/sign-in", s.api(s.signIn))
	m.HandleFunc("POST /access/passkey/signed-in", s.api(s.signedIn))
	m.HandleFunc("POST /access/code/new", s.api(s.newCode))
	m.HandleFunc("POST /access/code/confirm", s.api(s.confirmCode))
	m.HandleFunc("POST /access/code", s.api(s.code))
	m.HandleFunc("POST /access/bind", s.api(s.bind))
	m.HandleFunc("POST /access/bound", s.api(s.bound))
	m.HandleFunc("GET /access/sso", s.ssoBegin)
	m.HandleFunc("GET /access/sso/back", s.ssoEnd)
	m.HandleFunc("GET /access/clerk", s.named(s.clerkPage))
	m.HandleFunc("POST /access/clerk/invite", s.clerkInvite)
	m.HandleFunc("POST /access/clerk/revoke", s.clerkRevoke)
	m.HandleFunc("POST /access/clerk/consent", s.clerkConsent)
	m.HandleFunc("POST /access/clerk/stream", s.clerkStream)
	m.HandleFunc("POST /access/clerk/stream/revoke", s.clerkStreamRevoke)
	return headers(http.NewCrossOriginProtection().Handler(m))
}

// named sends who has opened a page by another name, such as an IP address, to the one that passkeys are for. What is behind the #
// goes along.
func (s *Service) named(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, host, _ := strings.Cut(s.origin, "://"); r.Host != host {
			http.Redirect(w, r, s.origin+r.URL.RequestURI(), http.StatusSeeOther)
			return
		}
		page(w, r)
	}
}

// headers that every answer has.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
		if !strings.HasPrefix(r.URL.Path, "/access/static/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// ask is the body of every request of the API; each uses some of it.
type ask struct {
	Room     string          `json:"room,omitempty"`
	Token    string          `json:"token,omitempty"`
	Ceremony string          `json:"ceremony,omitempty"`
	Code     string          `json:"code,omitempty"`
	Key      []byte          `json:"key,omitempty"`
	Response json.RawMessage `json:"response,omitempty"` // of navigator.credentials, as PublicKeyCredential.toJSON writes it
}

// answer is the body of every answer of the API.
type answer struct {
	Error    string      `json:"error,omitempty"` // slug
	Text     *level.Text `json:"text,omitempty"`  // the same for people
	Seconds  int         `json:"seconds,omitempty"`
	Identity *about      `json:"identity,omitempty"`
	Ceremony string      `json:"ceremony,omitempty"`
	Options  any         `json:"options,omitempty"` // for navigator.credentials
	Secret   string      `json:"secret,omitempty"`
	QR       string      `json:"qr,omitempty"` // data: address of a PNG
	Binding  string      `json:"binding,omitempty"`
	Server   []byte      `json:"server,omitempty"` // Ed25519 key that bindings are signed with
	Next     string      `json:"next,omitempty"`   // where the page goes on
	Purpose  Purpose     `json:"purpose,omitempty"`
}

// about is an identity as its own browser may know it.
type about struct {
	Room    string         `json:"room"`
	Member  string         `json:"member"`
	Role    string         `json:"role"`
	Factors []level.Factor `json:"factors"`
	Enrol   bool           `json:"enrol"`
	HasCode bool           `json:"has_code"`
	May     bool           `json:"may"`   // come into the call, as its level is now
	Lobby   bool           `json:"lobby"` // past the lobby
	Reason  level.Reason   `json:"reason,omitempty"`
	Rights  []level.Right  `json:"rights"`

	Declaration bool `json:"declaration"` // the level asks whether somebody else is in the room
}

// errorTexts are what people read; the slug is for programs. The first that fits counts.
var errorTexts = []struct {
	err    error
	slug   string
	status int
	text   level.Text
}{
	{ErrInvite, "invite", http.StatusForbidden, level.Text{DE: "Dieser Link gilt nicht: Er wurde schon benutzt, ist abgelaufen, noch nicht gültig oder zurückgenommen. Bitte lassen Sie sich von der Geschäftsstelle einen neuen geben.", EN: "This link is not valid: it was used, is over, not valid yet or was revoked. Please ask the clerk for a new one."}},
	{ErrToken, "token", http.StatusUnauthorized, level.Text{DE: "Dieser Schlüssel gilt nicht: Er ist unbekannt, abgelaufen, noch nicht gültig oder zurückgenommen. Bitte lassen Sie sich von der Geschäftsstelle einen neuen geben.", EN: "This token is not valid: it is unknown, over, not valid yet or was revoked. Please ask the clerk for a new one."}},
	{ErrUse, "use", http.StatusForbidden, level.Text{DE: "Dieser Schlüssel ist für etwas anderes: zum Senden oder zum Abspielen, oder für einen anderen Raum.", EN: "This token is for something else: for sending or for playing, or for another room."}},
	{ErrSignedOut, "signed-out", http.StatusUnauthorized, level.Text{DE: "Sie sind nicht angemeldet.", EN: "You are not signed in."}},
	{ErrRoster, "roster", http.StatusForbidden, level.NotOnRoster.Text()},
	{ErrRight, "right", http.StatusForbidden, level.Text{DE: "Das darf Ihre Rolle nicht.", EN: "Your role may not do this."}},
	{ErrCode, "code", http.StatusForbidden, level.Text{DE: "Der Code stimmt nicht oder wurde schon benutzt. Bitte warten Sie auf den nächsten und prüfen Sie die Uhr Ihres Telefons.", EN: "The code does not match or was used already. Please wait for the next one, and check your phone's clock."}},
	{ErrPasskey, "passkey", http.StatusForbidden, level.Text{DE: "Der Passkey wurde nicht angenommen. Gilt er für diese Konferenz? Ein neuer Link der Geschäftsstelle hilft weiter.", EN: "The passkey was not accepted. Is it for this conference? A new link by the clerk helps."}},
	{ErrCeremony, "ceremony", http.StatusConflict, level.Text{DE: "Das hat zu lange gedauert. Bitte beginnen Sie noch einmal.", EN: "That took too long. Please begin again."}},
	{ErrEnrol, "enrol", http.StatusForbidden, level.Text{DE: "Mit dieser Anmeldung lässt sich nichts Neues einrichten. Bitte lassen Sie sich von der Geschäftsstelle einen Link zum Einrichten geben.", EN: "With this sign-in nothing new can be set up. Please ask the clerk for a link to set it up."}},
	{ErrSSO, "sso", http.StatusForbidden, level.Text{DE: "Die Anmeldung bei der Stadt wurde nicht angenommen. Bitte versuchen Sie es noch einmal.", EN: "The city's sign-in was not accepted. Please try again."}},
	{ErrFull, "busy", http.StatusServiceUnavailable, level.Text{DE: "Im Augenblick geht es nicht. Bitte versuchen Sie es in einer Minute noch einmal.", EN: "Not at the moment. Please try again in a minute."}},
	{ErrRequest, "request", http.StatusBadRequest, level.Text{DE: "Die Angaben passen nicht zusammen.", EN: "These entries do not fit together."}},
}

var failed = level.Text{DE: "Das hat nicht geklappt. Der Grund steht im Protokoll des Geräts.", EN: "That did not work. The unit's log has the reason."}

// refusal returns what an error is for the page and the browser.
func refusal(err error, s *Service) (status int, a answer) {
	var locked *Locked
	if errors.As(err, &locked) {
		sec := max(1, int(locked.Until.Sub(s.now()).Seconds()))
		return http.StatusTooManyRequests, answer{Error: "locked", Seconds: sec, Text: &level.Text{
			DE: fmt.Sprintf("Zu viele falsche Versuche. Bitte warten Sie %d Sekunden.", sec), EN: fmt.Sprintf("Too many wrong tries. Please wait %d seconds.", sec)}}
	}
	for _, e := range errorTexts {
		if errors.Is(err, e.err) {
			return e.status, answer{Error: e.slug, Text: &e.text}
		}
	}
	return http.StatusInternalServerError, answer{Error: "failed", Text: &failed}
}

// api wraps a function that reads a request and answers it.
func (s *Service) api(do func(w http.ResponseWriter, r *http.Request, a ask) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := readAsk(w, r)
		var out answer
		if err == nil {
			out, err = do(w, r, a)
		}
		status := http.StatusOK
		if err != nil {
			status, out = refusal(err, s)
			s.o.Log.Log(r.Context(), severity(status), "access: refused", "path", r.URL.Path, "error", out.Error, "err", logged(err))
			if out.Seconds > 0 {
				w.Header().Set("Retry-After", fmt.Sprint(out.Seconds))
			}
		}
		b, err := json.Marshal(out)
		if err != nil {
			status, b = http.StatusInternalServerError, []byte(`{"error":"failed"}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(b) // a browser that has gone needs no answer
	}
}

// severity of a refusal for the log: that somebody is not signed in is everyday, that something failed is not.
func severity(status int) slog.Level {
	switch {
	case status == http.StatusUnauthorized:
		return slog.LevelDebug
	case status >= 500:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// logged is an error without what a peer has sent: it may hold a name.
func logged(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Sprintf("%.200q", text)
}

// readAsk reads a request strictly. It must be JSON: no form of another site can send that without being asked first.
func readAsk(w http.ResponseWriter, r *http.Request) (ask, error) {
	if r.Method == http.MethodGet {
		return ask{Room: r.URL.Query().Get("room")}, nil
	}
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct != "application/json" {
		return ask{}, fmt.Errorf("%w: want application/json", ErrRequest)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return ask{}, fmt.Errorf("%w: too long", ErrRequest)
	}
	return decodeAsk(b)
}

func decodeAsk(b []byte) (a ask, err error) {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return ask{}, fmt.Errorf("%w: not the JSON that is expected", ErrRequest)
	}
	if _, err := d.Token(); err != io.EOF {
		return ask{}, fmt.Errorf("%w: more after the end of the object", ErrRequest)
	}
	return a, nil
}

// room returns the room that is meant: the one that is named, or the only one.
func (s *Service) room(name string) string {
	if name == "" && len(s.o.Rosters) == 1 {
		for only := range s.o.Rosters {
			return only
		}
	}
	return name
}

func (s *Service) next(room string) string {
	if s.o.After == nil {
		return "/room/" + room
	}
	return s.o.After(room)
}

func (s *Service) me(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.Identify(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	return answer{Identity: s.about(id), Server: s.PublicKey(), Next: s.next(id.Room)}, nil
}

func (s *Service) about(id Identity) *about {
	rule := s.rule(id.Room)
	v := rule.Decide(id.Person())
	out := &about{Room: id.Room, Member: id.Member, Role: string(id.Role), Factors: id.Factors, Enrol: id.Enrol, HasCode: s.hasCode(id.Member),
		May: v.May, Lobby: v.Lobby, Reason: v.Reason, Rights: []level.Right{}, Declaration: rule.Declaration}
	for _, right := range level.Rights {
		if level.May(id.Role, right) {
			out.Rights = append(out.Rights, right)
		}
	}
	return out
}

func (s *Service) redeem(w http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	cookie, i, err := s.Redeem(a.Token, r.RemoteAddr)
	if err != nil {
		return answer{}, err
	}
	http.SetCookie(w, s.cookie(cookie, int(LoginLife.Seconds())))
	out := answer{Purpose: i.Purpose, Next: s.next(i.Room)}
	if i.Purpose != Join {
		out.Next = "/access/?room=" + i.Room
	}
	return out, nil
}

func (s *Service) leave(w http.ResponseWriter, r *http.Request, _ ask) (answer, error) {
	_, hash, err := s.current(r, s.now())
	if err != nil {
		return answer{}, err
	}
	http.SetCookie(w, s.cookie("", -1))
	return answer{Next: "/access/"}, s.Leave(Identity{Login: hash})
}

func (s *Service) newKey(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.Identify(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	options, ceremony, err := s.NewKey(id)
	if err != nil {
		return answer{}, err
	}
	return answer{Options: options.Response, Ceremony: ceremony}, nil
}

func (s *Service) enrolKey(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.Identify(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	return answer{Next: s.next(id.Room)}, s.EnrolKey(id, a.Ceremony, a.Response)
}

func (s *Service) signIn(_ http.ResponseWriter, r *http.Request, _ ask) (answer, error) {
	options, ceremony, err := s.SignIn(r.RemoteAddr)
	if err != nil {
		return answer{}, err
	}
	return answer{Options: options.Response, Ceremony: ceremony}, nil
}

func (s *Service) signedIn(w http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	cookie, err := s.SignedIn(a.Ceremony, a.Response)
	if err != nil {
		return answer{}, err
	}
	http.SetCookie(w, s.cookie(cookie, int(LoginLife.Seconds())))
	return answer{Next: s.next(s.room(a.Room))}, nil
}

func (s *Service) newCode(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.Identify(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	secret, ceremony, err := s.NewCode(id)
	if err != nil {
		return answer{}, err
	}
	image, err := qrImage(otpAuth(secret, s.o.Name, id.Member))
	return answer{Secret: secretText(secret), QR: string(image), Ceremony: ceremony}, err
}

func (s *Service) confirmCode(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.Identify(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	return answer{Next: s.next(id.Room)}, s.ConfirmCode(id, a.Ceremony, a.Code)
}

func (s *Service) code(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.Identify(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	return answer{Next: s.next(id.Room)}, s.Code(id, a.Code, r.RemoteAddr)
}

// bind answers with a whole binding, or with what the passkey is to sign and "bound" ends. Only who may come in is bound.
func (s *Service) bind(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.mayEnter(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	if len(a.Key) != ed25519.PublicKeySize {
		return answer{}, fmt.Errorf("%w: key has not %d bytes", ErrRequest, ed25519.PublicKeySize)
	}
	token, options, ceremony, err := s.Bind(id, a.Key)
	out := answer{Binding: token, Ceremony: ceremony, Server: s.PublicKey()}
	if options != nil {
		out.Options = options.Response
	}
	return out, err
}

func (s *Service) bound(_ http.ResponseWriter, r *http.Request, a ask) (answer, error) {
	id, err := s.mayEnter(r, s.room(a.Room))
	if err != nil {
		return answer{}, err
	}
	token, err := s.Bound(id, a.Ceremony, a.Response)
	return answer{Binding: token, Server: s.PublicKey()}, err
}

func (s *Service) mayEnter(r *http.Request, room string) (Identity, error) {
	id, v := s.Decide(r, room)
	switch {
	case v.May:
		return id, nil
	case v.Reason == level.NotIdentified:
		return id, ErrSignedOut
	case slices.Contains([]level.Reason{level.NeedsPasskey, level.NeedsSecond}, v.Reason):
		return id, ErrRight
	}
	return id, ErrRoster
}
