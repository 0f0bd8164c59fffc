package page

import (
	"net/http"
	"strconv"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/store"
)

func (h *Handler) getUnits(w http.ResponseWriter, r *http.Request, _ access.Who) {
	h.render(w, r, http.StatusOK, "units", struct {
		frame
		Units []fleet.Unit
	}{h.frame(r, in(h.lang(r), texts["health"]), "units"), h.fleet.Units()})
}

const trailRows = 100

func (h *Handler) getTrail(w http.ResponseWriter, r *http.Request, _ access.Who) {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	rows, err := h.Store.Trail(r.Context(), max(before, 0), trailRows)
	if err != nil {
		h.broken(w, r, err)
		return
	}
	p := struct {
		frame
		Rows  []store.Audit
		Older int64
	}{frame: h.frame(r, in(h.lang(r), texts["trail"]), "trail"), Rows: rows}
	if len(rows) == trailRows && rows[len(rows)-1].Seq > 1 {
		p.Older = rows[len(rows)-1].Seq
	}
	h.render(w, r, http.StatusOK, "trail", p)
}

type accountsPage struct {
	frame
	Users  []store.User
	Roles  []access.Role
	Link   string
	Error  string
	Myself int64
}

func (h *Handler) getAccounts(w http.ResponseWriter, r *http.Request, who access.Who) {
	h.showAccounts(w, r, who, "", "")
}

func (h *Handler) showAccounts(w http.ResponseWriter, r *http.Request, who access.Who, link, key string) {
	us, err := h.Store.Users(r.Context())
	if err != nil {
		h.broken(w, r, err)
		return
	}
	lang := h.lang(r)
	p := accountsPage{frame: h.frame(r, in(lang, texts["accounts"]), "accounts"), Users: us, Roles: access.Roles, Link: link, Myself: who.Account}
	status := http.StatusOK
	if key != "" {
		p.Error, status = in(lang, texts[key]), http.StatusConflict
	}
	h.render(w, r, status, "accounts", p)
}

func (h *Handler) postInvite(w http.ResponseWriter, r *http.Request, who access.Who) {
	if err := r.ParseForm(); err != nil || !access.Role(r.PostForm.Get("role")).Valid() {
		h.fail(w, r, http.StatusUnprocessableEntity, "err.input")
		return
	}
	token, err := h.Access.Invite(r.Context(), h.Now(), who, access.Role(r.PostForm.Get("role")))
	if err != nil {
		h.broken(w, r, err)
		return
	}
	scheme := "http://"
	if h.Secure {
		scheme = "https://"
	}
	h.showAccounts(w, r, who, scheme+r.Host+"/enrol/"+token, "")
}

func (h *Handler) postAccount(w http.ResponseWriter, r *http.Request, who access.Who) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || r.ParseForm() != nil {
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	}
	if err := h.Access.SetActive(r.Context(), h.Now(), who, id, r.PostForm.Get("active") == "yes"); err != nil {
		h.Log.Warn("account not changed", "account", id, "err", err)
		h.showAccounts(w, r, who, "", "accounts.last")
		return
	}
	http.Redirect(w, r, "/accounts", http.StatusSeeOther)
}
