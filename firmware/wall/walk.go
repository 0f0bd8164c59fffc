package wall

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"subrosa/firmware/handover"
	"subrosa/firmware/session"
)

// Walk is the way through the room at the handover, in its order.
type Walk struct {
	Steps []Step `json:"steps"`
}

// Step is one thing on that way.
type Step struct {
	session.Point
	May    []session.Role `json:"may,omitempty"`    // who may confirm it, as it is now
	Zone   string         `json:"zone,omitempty"`   // of a look under the seats: its id
	Until  time.Time      `json:"until,omitzero"`   // by when that should be done
	Counts bool           `json:"counts,omitempty"` // things are counted against heads
	Have   int            `json:"have,omitempty"`
	Want   int            `json:"want,omitempty"` // 0: nobody has counted the heads
}

// find returns the step of the view's walk with the name.
func (v *View) find(name string) *Step {
	if v.Walk == nil {
		return nil
	}
	for i := range v.Walk.Steps {
		if v.Walk.Steps[i].Name == name {
			return &v.Walk.Steps[i]
		}
	}
	return nil
}

// ticking reads and checks a confirmation by hand, or a count of heads.
func (o Order) ticking(r *http.Request, v *View) (Order, error) {
	if n := r.PostFormValue("heads"); n != "" {
		heads, err := strconv.Atoi(n)
		if err != nil || heads < 1 || heads > 999 {
			return o, &Refusal{Text{"Bitte eine Zahl von 1 bis 999 eingeben.", "Please enter a number from 1 to 999."}}
		}
		if !slices.ContainsFunc(steps(v), func(s Step) bool { return s.Counts }) {
			return o, refusedRight
		}
		o.Heads = heads
		return o, nil
	}
	s := v.find(r.PostFormValue("point"))
	if s == nil || s.Proven || !slices.Contains(s.May, o.Role) {
		return o, refusedRight
	}
	o.Point, o.Reason = s.Name, session.Reason(r.PostFormValue("reason"))
	if !slices.Contains(handover.Reasons, o.Reason) {
		return o, refusedReason
	}
	return o, nil
}

func steps(v *View) []Step {
	if v.Walk == nil {
		return nil
	}
	return v.Walk.Steps
}

// walkLine is one step as the pages show it.
type walkLine struct {
	ID, Title, State, Detail string
	Number                   int
	Proven, ByHand           bool
	Confirm                  bool // the reader may confirm it
	Counts                   bool
	Heads                    string
	Reasons                  []choice // none: there is only one
	Reason                   string
	Label                    string
}

// walkLines describes the walk for a reader; role "" may do nothing.
func (h *Handler) walkLines(v *View, lang string, role session.Role) (out []walkLine) {
	for i := range steps(v) {
		s := &v.Walk.Steps[i]
		l := walkLine{ID: s.Name, Number: i + 1, Title: h.word(s.Name).In(lang), Proven: s.Proven, ByHand: s.By != "", Counts: s.Counts && role != "" && !s.Proven}
		l.Confirm = slices.Contains(s.May, role)
		l.State = stepState(s).In(lang)
		var details []string
		if s.Counts {
			details = append(details, fmt.Sprintf(Text{"%d Telefone", "%d phones"}.In(lang), s.Have))
			if s.Want > 0 {
				l.Heads = strconv.Itoa(s.Want)
				details = append(details, fmt.Sprintf(Text{"%d Anwesende", "%d people"}.In(lang), s.Want))
			}
		}
		if s.Detail != "" && !(s.Proven && s.Detail == "off") {
			details = append(details, h.word(s.Detail).In(lang))
		}
		if s.Zone != "" && !s.Proven {
			details = append(details, left(s.Until, v.At).In(lang))
		}
		l.Detail = strings.Join(details, " · ")
		l.reasons(s, lang)
		out = append(out, l)
	}
	return out
}

// reasons fills in what the reader may say. What only eyes can tell needs no list: the press itself says it.
func (l *walkLine) reasons(s *Step, lang string) {
	l.Reason, l.Label = string(handover.Reasons[0]), Text{"Bestätigen", "Confirm"}.In(lang)
	switch {
	case s.Zone != "":
		l.Label = Text{"Nachgesehen, nichts gefunden", "Looked, nothing found"}.In(lang)
	case s.Name == handover.Gallery:
		l.Label = Text{"Ist geräumt", "Is cleared"}.In(lang)
	default:
		for _, r := range handover.Reasons {
			l.Reasons = append(l.Reasons, choice{string(r), upper(Text(r.Words()).In(lang))})
		}
	}
}

func stepState(s *Step) Text {
	switch {
	case s.By != "":
		by := roleText(s.By)
		return Text{"bestätigt: " + by.DE, "confirmed: " + by.EN}
	case s.Proven:
		return Text{"nachgewiesen", "proven"}
	case s.Accepted:
		return Text{"hingenommen", "accepted"}
	case s.Detail == "not-measurable", s.Detail == "unknown", s.Detail == "stale":
		return Text{"nicht gemessen", "not measured"}
	}
	return Text{"noch offen", "still open"}
}

// left rounds to ten seconds, so that a page is not drawn anew every second.
func left(until, now time.Time) Text {
	d := until.Sub(now).Round(10 * time.Second)
	if d <= 0 {
		return Text{"zwei Minuten sind um", "two minutes are over"}
	}
	t := fmt.Sprintf("%d:%02d", int(d/time.Minute), int(d%time.Minute/time.Second))
	return Text{"noch " + t, t + " left"}
}

// zonePage is what the QR code of a zone opens.
type zonePage struct {
	page
	Role    session.Role
	Line    *walkLine
	Running bool
	Note    string
}

func (h *Handler) zone(w http.ResponseWriter, r *http.Request) {
	role, err := h.role(r)
	if err != nil {
		h.render(w, r, http.StatusForbidden, "pair.html", h.pairPage(r, ""))
		return
	}
	v, stale := h.view()
	lang := language(r)
	p := zonePage{page: h.page(lang, v, stale), Role: role, Running: !stale && v.Walk != nil}
	name := handover.Seats + r.PathValue("zone")
	if h.word(name) == fallback(name) {
		http.Error(w, "no such zone", http.StatusNotFound)
		return
	}
	p.Title = h.word(name).In(lang)
	for _, l := range h.walkLines(v, lang, role) {
		if l.ID == name && !stale && h.opt.Do != nil {
			p.Line = &l
		}
	}
	h.render(w, r, http.StatusOK, "zone.html", p)
}

// ZonePath is the address of a zone's page on the room unit.
func ZonePath(id string) string { return "/leitung/platz/" + url.PathEscape(id) }
