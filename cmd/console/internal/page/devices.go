package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/event"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/roster"
)

// slice is one part of a ring, and a row of the table behind it.
type slice struct {
	Slug, Text, Do string
	Count          int
}

// lockView is how the lock of voice assistants stands in one room. It knows counts; no device, no name.
type lockView struct {
	ID, Name string // of the room
	Members  int    // on its roster
	Phase    lockdown.Phase
	Devices  int
	Lines    []string // beside the counts
	Slices   []slice
	Ring     template.HTML
	MicOff   int
	Mic      int
	Until    time.Time
}

func newLockView(lang, id, name string, l lockdown.Status, members int) lockView {
	v := lockView{ID: id, Name: name, Members: members, Phase: l.Phase, Devices: l.Devices, Mic: l.Microphones, MicOff: l.MicrophonesOff, Until: l.Until}
	lines := l.Lines()
	if l.Phase == lockdown.Locking {
		if l.Reached > 0 {
			lines = lines[1:] // the table says the counts
		}
		for _, p := range l.Parts() {
			v.Slices = append(v.Slices, slice{p.Slug, upper(p.Text.In(lang)), p.Do.In(lang), p.Count})
		}
		v.Ring = ringSVG(v.Slices, l.Off, l.Devices, in(lang, texts["lock.ring"]))
	}
	for _, t := range lines {
		v.Lines = append(v.Lines, t.In(lang))
	}
	return v
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] // our own words begin with ASCII letters
}

// postureView is the standing posture of one connector.
type postureView struct {
	Conn   string
	Online bool
	Dated  bool // a list that was read, not a connection
	Known  bool
	Old    bool
	Text   string
	Slices []slice
	Ring   template.HTML
}

// freshFor is how old a posture may be.
const freshFor = 24 * time.Hour

// devicesPage is the site's page of devices.
type devicesPage struct {
	frame
	Postures   []postureView
	Rooms      []lockView
	Off, Total int
}

func (h *Handler) getDevices(w http.ResponseWriter, r *http.Request, _ access.Who) {
	lang := h.lang(r)
	p := devicesPage{frame: h.frame(r, in(lang, texts["devices"]), "devices")}
	for _, c := range h.fleet.Connectors() {
		v := postureView{Conn: c.ID, Online: c.Online, Dated: c.Dated}
		if q := c.Posture; q != nil {
			v.Known, v.Text = true, q.Text(h.Now(), h.loc).In(lang)
			v.Old = !c.Online && !c.Dated || h.Now().Sub(q.At) > freshFor
			v.Slices = []slice{{"off", in(lang, texts["posture.off"]), "", q.Proven()}}
			if q.Declared > 0 {
				v.Slices = append(v.Slices, slice{"declared", in(lang, texts["posture.said"]), "", q.Declared})
			}
			v.Slices = append(v.Slices, slice{"open", in(lang, texts["posture.open"]), "", q.Total - q.Off})
			v.Ring = ringSVG(v.Slices, q.Proven(), q.Total, in(lang, texts["posture.ring"]))
			p.Off, p.Total = p.Off+q.Proven(), p.Total+q.Total
		}
		p.Postures = append(p.Postures, v)
	}
	for _, room := range h.fleet.Rooms() {
		p.Rooms = append(p.Rooms, newLockView(lang, room.ID, h.roomName(room.ID), room.Lock, room.Members))
	}
	h.render(w, r, http.StatusOK, "devices", p)
}

// ringSVG draws counts as a ring that begins at the top, with the first of them as a figure in the middle. Colours come from
// the style sheet by class; words and figures stand in the table.
func ringSVG(list []slice, first, total int, title string) template.HTML {
	sum := 0
	for _, s := range list {
		sum += s.Count
	}
	if sum == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="ring" viewBox="0 0 120 120" role="img" aria-label="%s">`, template.HTMLEscapeString(title))
	b.WriteString(`<g transform="rotate(-90 60 60)">`)
	at := 0.0
	for _, s := range list {
		share := 100 * float64(s.Count) / float64(sum)
		if s.Count > 0 {
			gap := 0.0
			if share < 100 {
				gap = min(0.8, share/2)
			}
			fmt.Fprintf(&b, `<circle class="part-%s" cx="60" cy="60" r="48" fill="none" stroke-width="18" pathLength="100" stroke-dasharray="%.3f %.3f" stroke-dashoffset="%.3f"/>`,
				s.Slug, share-gap, 100-share+gap, -at)
		}
		at += share
	}
	fmt.Fprintf(&b, `</g><text class="big" x="60" y="62" text-anchor="middle">%d</text><text class="tick" x="60" y="80" text-anchor="middle">/ %d</text></svg>`, first, total)
	return template.HTML(b.String())
}

// maxRoster is the largest file of a roster that is taken, with what a form adds.
const maxRoster = roster.MaxCSV + 64<<10

// postRoster takes a room's standing list from a CSV file and publishes it. The file is read in memory, and is nowhere kept.
func (h *Handler) postRoster(w http.ResponseWriter, r *http.Request, who access.Who) {
	id := r.PathValue("room")
	if _, ok := h.fleet.Room(id); !ok {
		h.fail(w, r, http.StatusNotFound, "err.gone")
		return
	}
	members, err := h.readRoster(r)
	if err != nil {
		lang := h.lang(r)
		f := h.frame(r, in(lang, texts["err.title"]), "rooms")
		h.render(w, r, http.StatusUnprocessableEntity, "error", struct {
			frame
			Text string
		}{f, in(lang, texts["err.roster"]) + " " + err.Error()})
		return
	}
	h.order(w, r, who, order{
		audit: store.Audit{What: "roster.published", Target: id, Detail: fmt.Sprintf("%d", len(members))}, back: "/rooms/" + id + "?done=session",
		do: func() error { return h.Commands.Attend(r.Context(), h.Now(), id, members) },
	})
}

var errNoFile = errors.New("roster: no file")

// readRoster reads the one file of the form.
func (h *Handler) readRoster(r *http.Request) ([]roster.Member, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, errNoFile
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, errNoFile
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil, errNoFile
		}
		if err != nil {
			return nil, fmt.Errorf("roster: %w", err)
		}
		if part.FormName() == "file" {
			members, err := roster.ReadCSV(part, h.loc)
			if err != nil {
				return nil, err
			}
			if b, err := json.Marshal(members); err != nil || len(b) > event.MaxSize-4<<10 {
				return nil, fmt.Errorf("roster: %d members do not fit into one message of %d bytes; a room takes about 1000", len(members), event.MaxSize)
			}
			return members, nil
		}
	}
}

// bodyLimit is how much of a body the route of the request may read.
func bodyLimit(r *http.Request) int64 {
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/rooms/") && strings.HasSuffix(r.URL.Path, "/roster") {
		return maxRoster
	}
	return maxForm
}

// Trouble reports whether anything of the lock needs a person, for the page's mark.
func (v lockView) Trouble() bool {
	return slices.ContainsFunc(v.Slices, func(s slice) bool { return s.Slug != "off" && s.Slug != "waiting" && s.Count > 0 }) || len(v.Lines) > 0
}
