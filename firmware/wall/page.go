package wall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
	"subrosa/firmware/wall/sign"
)

func (h *Handler) funcs() template.FuncMap {
	return template.FuncMap{
		"tr": func(lang, de, en string) string { return Text{de, en}.In(lang) },
		"dict": func(pairs ...any) (map[string]any, error) {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				k, ok := pairs[i].(string)
				if !ok {
					return nil, fmt.Errorf("key %v is no string", pairs[i])
				}
				m[k] = pairs[i+1]
			}
			return m, nil
		},
	}
}

// Unsure is what the lamp "recording" says when nobody knows.
func (p page) Unsure() *Text {
	if !p.View.RecordingUnknown || len(p.View.Recording) > 0 {
		return nil
	}
	return &Text{"Aufzeichnung: nicht bekannt", "Recording: not known"}
}

// page is what the templates of all pages share.
type page struct {
	Build string
	Title string
	Lang  string
	View  *View
	Stale bool
	Look  look
	Sign  template.HTML
}

// Icon draws a small sign within a line.
func (page) Icon(name string) template.HTML {
	return sign.SVG(sign.Name(name), sign.Options{Class: "icon"})
}

func (h *Handler) page(lang string, v *View, stale bool) page {
	p := page{Build: h.build, Lang: lang, View: v, Stale: stale, Look: lookOf(v.Session, stale, h.opt.Location)}
	p.Sign = p.Look.svg()
	return p
}

// wallPage is the wall. Its View has no alarms, notices and proposal, so that no template can show them.
type wallPage struct {
	page
	Size     string // class of the word, by its length
	Kind     *Text  // of the session, where one is planned or held
	Next     *Text
	Notices  []Text
	Findings []Text // only where the policy says so
	Walk     []walkLine
	Phones   []Text // counts of the lock, and what to do
	Call     []Text // the conference, as counts
	Key      *RoomCode
	Program  string // checksum of the conference's program: its beginning
	Whole    string // and all of it
	Sealed   bool
	Bits     Text
}

func (h *Handler) wallPage() wallPage {
	v, stale := h.view()
	bare := *v
	bare.Alarms, bare.Proposal, bare.Notices = nil, nil, nil
	if !h.opt.WallShowsFindings && bare.Session.Reason == "finding" {
		bare.Session.Reason = "" // "interrupted" is all the wall says
	}
	p := wallPage{page: h.page("de", &bare, stale), Bits: bitsText(v.Sensor), Sealed: !v.Session.Has(session.Unsealed)}
	p.Title = p.Look.Word.DE + " · " + v.Room
	p.Size = size(p.Look.Main().DE)
	if stale {
		return p
	}
	if k := v.Session.Kind; k != "" {
		t := h.word(k)
		p.Kind = &t
	}
	if bare.Session.State == session.Handover {
		p.Walk = h.walkLines(v, "de", "")
	}
	p.Phones, p.Call, p.Key = wallPhones(v), v.Call.Lines(), v.Call.Key()
	p.Program, p.Whole = v.Call.Program()
	p.Next = nextText(&bare.Session, v.At, h.opt.Location)
	if p.Look.Note != (Text{}) {
		p.Notices = append(p.Notices, p.Look.Note)
	}
	if h.opt.WallShowsFindings {
		p.Findings = kindsOf(v.Alarms)
	}
	return p
}

// size sorts words by the room they need: by the longest, which must fit a line, and by how many there are.
func size(word string) string {
	longest := 0
	for w := range strings.FieldsSeq(word) {
		longest = max(longest, utf8.RuneCountInString(w))
	}
	switch {
	case longest > 15 || utf8.RuneCountInString(word) > 30:
		return "long"
	case longest > 11:
		return "middle"
	}
	return "short"
}

// kindsOf names each kind of open alarm once: never a figure, place or time.
func kindsOf(alarms []alarm.Alarm) (out []Text) {
	for i := range alarms {
		a := &alarms[i]
		if t := kindText(a.Finding.Kind); isOpen(a) && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func isOpen(a *alarm.Alarm) bool { return a.Ack == nil }

func (h *Handler) wall(w http.ResponseWriter, r *http.Request) {
	h.render(w, r, http.StatusOK, "wall.html", h.wallPage())
}

func (h *Handler) wallEvents(w http.ResponseWriter, r *http.Request) {
	h.stream(w, r, false, func() (frame, error) {
		p := h.wallPage()
		return h.frame(p.page, p, "wall-", "lamp", "head", "stage", "foot")
	})
}

// frame draws the named parts of a page.
func (h *Handler) frame(p page, data any, prefix string, parts ...string) (frame, error) {
	f := frame{Build: h.build, Live: !p.Stale, Tone: string(p.Look.Tone), Title: p.Title, Parts: make(map[string]string)}
	var b bytes.Buffer
	for _, name := range parts {
		b.Reset()
		if err := h.pages.ExecuteTemplate(&b, prefix+name, data); err != nil {
			return frame{}, fmt.Errorf("wall: part %s: %w", name, err)
		}
		f.Parts[name] = b.String()
	}
	return f, nil
}

// render draws a whole page, or nothing of it.
func (h *Handler) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := h.pages.ExecuteTemplate(&b, name, data); err != nil {
		h.log.Error("wall: page", "name", name, "err", err)
		http.Error(w, "page could not be drawn", http.StatusInternalServerError)
		return
	}
	if lang := r.URL.Query().Get("lang"); lang == "de" || lang == "en" {
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: lang, Path: "/", MaxAge: cookieAge,
			HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader that has gone is no news
}

// language is that of the query, else of the cookie, else German.
func language(r *http.Request) string {
	lang := r.URL.Query().Get("lang")
	if lang == "" {
		if c, err := r.Cookie("lang"); err == nil {
			lang = c.Value
		}
	}
	if lang == "en" {
		return "en"
	}
	return "de"
}

// pairPage is the page in front of the chair's page.
type pairPage struct {
	page
	Note string // "", wrong, limit, in
}

func (h *Handler) pairPage(r *http.Request, note string) pairPage {
	return pairPage{
		page: page{Build: h.build, Lang: language(r), Sign: sign.SVG(sign.Bud, sign.Options{})},
		Note: note,
	}
}

func (h *Handler) api(w http.ResponseWriter, r *http.Request) {
	role, err := h.role(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	v, stale := h.view()
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(struct {
		Role  session.Role `json:"role"`
		Stale bool         `json:"stale"`
		*View
	}{role, stale, v})
}

func favicon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	svg := string(sign.SVG(sign.Rose, sign.Options{Size: 64}))
	svg = strings.Replace(svg, "<svg ", `<svg xmlns="http://www.w3.org/2000/svg" color="#8c2249" `, 1)
	_, _ = w.Write([]byte(svg))
}
