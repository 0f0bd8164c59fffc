package page

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/desk"
	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/compliance"
)

// exportPage is the form with which an export is ordered.
type exportPage struct {
	frame
	Choices  []option // room/unit
	Missing  []string // rooms whose unit has no address
	From, To string
	Error    string
}

func (h *Handler) getExport(w http.ResponseWriter, r *http.Request, _ access.Who) {
	h.showExport(w, r, http.StatusOK, "")
}

// showExport offers the month before this one.
func (h *Handler) showExport(w http.ResponseWriter, r *http.Request, status int, key string) {
	lang := h.lang(r)
	now := h.Now().In(h.loc)
	first := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, h.loc)
	p := exportPage{frame: h.frame(r, in(lang, texts["export"]), "export"), From: first.Format(time.DateOnly), To: first.AddDate(0, 1, -1).Format(time.DateOnly)}
	if v := r.PostForm.Get("from"); v != "" {
		p.From, p.To = v, r.PostForm.Get("to")
	}
	for _, room := range h.fleet.Rooms() {
		known := false
		for _, u := range room.Units {
			if h.Desk != nil && h.Desk.Knows(u.ID) {
				known = true
				p.Choices = append(p.Choices, option{room.ID + "/" + u.ID, h.roomName(room.ID) + " (" + u.ID + ")"})
			}
		}
		if !known {
			p.Missing = append(p.Missing, h.roomName(room.ID))
		}
	}
	if key != "" {
		p.Error = in(lang, texts[key])
	}
	h.render(w, r, status, "export", p)
}

func (h *Handler) postExport(w http.ResponseWriter, r *http.Request, who access.Who) {
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusUnprocessableEntity, "err.input")
		return
	}
	o, err := h.exportOrder(r, who)
	if err != nil {
		h.showExport(w, r, http.StatusUnprocessableEntity, "err.period")
		return
	}
	id, err := h.Desk.Start(o)
	switch {
	case errors.Is(err, desk.ErrBusy):
		h.showExport(w, r, http.StatusConflict, "export.busy")
		return
	case err != nil:
		h.broken(w, r, err)
		return
	}
	err = h.Store.Append(r.Context(), store.Audit{At: h.Now(), Role: string(who.Role), Account: who.Account, What: "export.ordered", Target: o.Room,
		Detail: o.Period.From.Format(time.DateOnly) + " – " + o.Period.To.AddDate(0, 0, -1).Format(time.DateOnly)})
	if err != nil {
		h.broken(w, r, err)
		return
	}
	http.Redirect(w, r, "/export/"+id, http.StatusSeeOther)
}

// maxYears is the longest period of an export.
const maxYears = 10

// exportOrder reads the form. The room and unit must be ones that belong together and can be asked.
func (h *Handler) exportOrder(r *http.Request, who access.Who) (o desk.Order, err error) {
	roomID, unit, _ := strings.Cut(r.PostForm.Get("room"), "/")
	room, ok := h.fleet.Room(roomID)
	if ok {
		ok = false
		for _, u := range room.Units {
			ok = ok || u.ID == unit
		}
	}
	if !ok || h.Desk == nil || !h.Desk.Knows(unit) {
		return o, errors.New("no such room and unit")
	}
	var p compliance.Period
	if p.From, err = time.ParseInLocation(time.DateOnly, r.PostForm.Get("from"), h.loc); err != nil {
		return o, err
	}
	if p.To, err = time.ParseInLocation(time.DateOnly, r.PostForm.Get("to"), h.loc); err != nil {
		return o, err
	}
	if p.To.Before(p.From) || p.To.After(p.From.AddDate(maxYears, 0, 0)) {
		return o, errors.New("no period")
	}
	p.To = p.To.AddDate(0, 0, 1)
	return desk.Order{Account: who.Account, Room: roomID, Title: h.roomName(roomID), Unit: unit, Period: p}, nil
}

// exportJobPage shows how far an export is.
type exportJobPage struct {
	frame
	desk.Job
	Room, Days  string
	Proven      string // the report in words
	Why         string
	Percent     int
	HaveMB, All float64 // 10⁶ bytes
}

func (h *Handler) getExportJob(w http.ResponseWriter, r *http.Request, who access.Who) {
	j, ok := h.Desk.Job(r.PathValue("id"), who.Account)
	if !ok {
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	}
	lang := h.lang(r)
	p := exportJobPage{frame: h.frame(r, in(lang, texts["export"]), "export"), Job: j, Room: h.roomName(j.Order.Room),
		Days:   date(lang, j.Period.From) + " – " + date(lang, j.Period.To.AddDate(0, 0, -1)),
		HaveMB: float64(j.Have) / 1e6, All: float64(max(0, j.All)) / 1e6}
	if j.All > 0 {
		p.Percent = int(100 * j.Have / j.All)
	}
	if j.Report != nil && j.Over() {
		p.Proven = j.Report.Text(lang)
	}
	if j.Step == desk.Failed {
		p.Why = in(lang, texts["export.why."+j.Why])
	}
	p.Announce = in(lang, texts["export.step."+string(j.Step)])
	h.render(w, r, http.StatusOK, "exportjob", p)
}

// downloadFor is how long a download may take.
const downloadFor = 10 * time.Minute

func (h *Handler) getExportFile(w http.ResponseWriter, r *http.Request, who access.Who) {
	j, ok := h.Desk.Job(r.PathValue("id"), who.Account)
	if !ok || j.Step != desk.Done {
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	}
	f, err := os.Open(j.File)
	if err != nil {
		h.broken(w, r, err)
		return
	}
	defer f.Close()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadFor))
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, j.Name()))
	http.ServeContent(w, r, "", time.Time{}, f)
}
