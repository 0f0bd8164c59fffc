package page

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
)

type loginPage struct {
	frame
	Error string
	Name  string
}

func (h *Handler) getLogin(w http.ResponseWriter, r *http.Request) {
	if _, err := h.current(r, false); err == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	h.render(w, r, http.StatusOK, "login", loginPage{frame: h.frame(r, in(h.lang(r), texts["signin"]), "")})
}

func (h *Handler) postLogin(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusBadRequest, "err.input")
		return
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	cookie, err := h.Access.Login(r.Context(), h.Now(), name, r.PostForm.Get("password"), r.PostForm.Get("code"), r.RemoteAddr)
	if err == nil {
		h.Log.Info("signed in")
		h.setCookie(w, cookie)
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	text, status := h.loginError(r, err)
	if status == http.StatusInternalServerError {
		h.broken(w, r, err)
		return
	}
	h.Log.Warn("sign-in refused", "cause", refusalWord(err))
	h.render(w, r, status, "login", loginPage{h.frame(r, in(h.lang(r), texts["signin"]), ""), text, name})
}

// refusalWord says in the log what was refused, without saying to whom.
func refusalWord(err error) string {
	var locked *access.Locked
	switch {
	case errors.As(err, &locked):
		return "locked"
	case errors.Is(err, access.ErrReplayed):
		return "replayed code"
	case errors.Is(err, access.ErrBusy):
		return "busy"
	}
	return "credentials"
}

func (h *Handler) loginError(r *http.Request, err error) (string, int) {
	lang := h.lang(r)
	var locked *access.Locked
	switch {
	case errors.As(err, &locked):
		return in(lang, texts["err.locked"]) + " " + clock(lang, h.loc, locked.Until.Add(time.Second)), http.StatusTooManyRequests
	case errors.Is(err, access.ErrReplayed):
		return in(lang, texts["err.replay"]), http.StatusUnauthorized
	case errors.Is(err, access.ErrBusy):
		return in(lang, texts["err.busy"]), http.StatusServiceUnavailable
	case errors.Is(err, access.ErrCredentials):
		return in(lang, texts["err.cred"]), http.StatusUnauthorized
	}
	return "", http.StatusInternalServerError
}

func (h *Handler) postLogout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(h.cookieName()); err == nil {
		if err := h.Access.Logout(r.Context(), h.Now(), c.Value); err != nil && !errors.Is(err, access.ErrSignedOut) {
			h.broken(w, r, err)
			return
		}
	}
	h.setCookie(w, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

type enrolPage struct {
	frame
	Error  string
	Name   string
	Token  string
	Role   access.Role
	Secret string
}

// enrolErrors pick the sentence; the first that fits.
var enrolErrors = []struct {
	err error
	key string
}{
	{access.ErrName, "err.name"}, {access.ErrPassword, "err.password"}, {access.ErrCode, "err.code"}, {access.ErrTaken, "err.taken"}, {access.ErrBusy, "err.busy"},
}

func (h *Handler) getEnrol(w http.ResponseWriter, r *http.Request) { h.showEnrol(w, r, "", "") }

func (h *Handler) showEnrol(w http.ResponseWriter, r *http.Request, key, name string) {
	token := r.PathValue("token")
	e, err := h.Access.Enrolment(r.Context(), h.Now(), token)
	if errors.Is(err, access.ErrLink) {
		h.fail(w, r, http.StatusNotFound, "err.link")
		return
	}
	if err != nil {
		h.broken(w, r, err)
		return
	}
	lang := h.lang(r)
	p := enrolPage{frame: h.frame(r, in(lang, texts["enrol"]), ""), Name: name, Token: token, Role: e.Role, Secret: groups(access.SecretText(e.Secret))}
	status := http.StatusOK
	if key != "" {
		p.Error, status = in(lang, texts[key]), http.StatusUnprocessableEntity
	}
	h.render(w, r, status, "enrol", p)
}

// groups parts s into fours.
func groups(s string) string {
	var out []string
	for len(s) > 4 {
		out, s = append(out, s[:4]), s[4:]
	}
	return strings.Join(append(out, s), " ")
}

func (h *Handler) getQR(w http.ResponseWriter, r *http.Request) {
	e, err := h.Access.Enrolment(r.Context(), h.Now(), r.PathValue("token"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	if err := access.WriteQR(w, access.OTPAuth(e.Secret, h.Issuer, string(e.Role))); err != nil {
		h.Log.Error("QR code cannot be drawn", "err", err)
	}
}

func (h *Handler) postEnrol(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusBadRequest, "err.input")
		return
	}
	f := r.PostForm
	name := strings.TrimSpace(f.Get("name"))
	if f.Get("password") != f.Get("again") {
		h.showEnrol(w, r, "err.same", name)
		return
	}
	cookie, codes, err := h.Access.Enrol(r.Context(), h.Now(), r.PathValue("token"), name, f.Get("password"), f.Get("code"))
	if errors.Is(err, access.ErrLink) {
		h.fail(w, r, http.StatusNotFound, "err.link")
		return
	}
	for _, e := range enrolErrors {
		if errors.Is(err, e.err) {
			h.showEnrol(w, r, e.key, name)
			return
		}
	}
	if err != nil {
		h.broken(w, r, err)
		return
	}
	h.Log.Info("account set up")
	h.setCookie(w, cookie)
	h.render(w, r, http.StatusOK, "recovery", struct {
		frame
		Codes []string
	}{h.frame(r, in(h.lang(r), texts["enrol.done"]), ""), codes})
}

// getDemo uses the demo's link up. The answer is a page that goes on by itself, not a redirection: browsers keep
// a SameSite=Strict cookie back from a redirection that another site began.
func (h *Handler) getDemo(w http.ResponseWriter, r *http.Request) {
	cookie, err := h.Access.UseDemo(r.Context(), h.Now(), r.PathValue("token"))
	if errors.Is(err, access.ErrLink) {
		h.fail(w, r, http.StatusNotFound, "err.link")
		return
	}
	if err != nil {
		h.broken(w, r, err)
		return
	}
	h.setCookie(w, cookie)
	w.Header().Set("Refresh", "0; url=/")
	h.render(w, r, http.StatusOK, "demo", h.frame(r, in(h.lang(r), texts["demo.in"]), ""))
}
