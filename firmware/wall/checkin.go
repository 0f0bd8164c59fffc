package wall

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"subrosa/firmware/roster"
	"subrosa/firmware/session"
)

// CheckIn is how the pages reach the list of those who attend. Members are pseudonyms; nothing here knows a name. A
// *Refusal is shown to the person, any other error is logged.
type CheckIn interface {
	// Attendees returns the list, for chair and clerk.
	Attendees() Attendees
	// Ticket returns a link's secret with which the member checks in once, and until when it opens.
	Ticket(ctx context.Context, role session.Role, member string, place roster.Place) (token string, until time.Time, err error)
	// Look says what a ticket is for, without using it up.
	Look(token string) (Invitation, error)
	// Redeem uses it up.
	Redeem(ctx context.Context, token string, devices []string, private int) error
	// Remove takes a member off this session, Admit puts a new one onto it, Lend gives one a device of the house.
	Remove(ctx context.Context, role session.Role, member string) error
	Admit(ctx context.Context, role session.Role, as roster.Role) (member string, err error)
	Lend(ctx context.Context, role session.Role, member, device string) error
}

// Attendees is the list as chair and clerk see it.
type Attendees struct {
	Session bool // one is planned or under way
	Here    roster.Here
	Members []Attendee
}

// Attendee is a member with how they have checked in.
type Attendee struct {
	ID      string
	Role    roster.Role
	Place   roster.Place // "": not yet
	Devices int          // of the house
	Alone   Answered     // of those at home
}

// Answered is whether a remote member has said that nobody else is in their room.
type Answered string

// What they have said since the handover began.
const (
	NotSaid      Answered = ""
	SaidAlone    Answered = "alone"
	SaidNotAlone Answered = "not-alone"
)

// Declaring is a remote member who speaks by their link.
type Declaring struct {
	Member string
	Asked  bool // the handover has begun, or the session is closed
	Answer Answered
}

// Declarer is how remote members say whether they are alone: with the link that they have checked in with. An error of the
// first means that the link is nobody's.
type Declarer interface {
	Declarer(ctx context.Context, secret string) (Declaring, error)
	Declare(ctx context.Context, secret string, alone bool) error
}

// Invitation is what a ticket is for.
type Invitation struct {
	Place   roster.Place
	Until   time.Time
	Devices []string // ids as on the devices' labels
}

// roleWords of the roster, for pages.
var roleWords = map[roster.Role]Text{
	roster.Chair: {"Sitzungsleitung", "chair"}, roster.Clerk: {"Schriftführung", "clerk"}, roster.Councillor: {"Mitglied", "member"},
	roster.Staff: {"Verwaltung", "staff"}, roster.Guest: {"Gast", "guest"}, roster.Interpreter: {"Dolmetschen", "interpreter"},
	roster.Gateway: {"Einwahl", "gateway"}, roster.Room: {"Raum", "room"},
}

// admittable are the roles that somebody may be added with at the door.
var admittable = []roster.Role{roster.Guest, roster.Staff, roster.Interpreter, roster.Councillor}

var refusedTicket = &Refusal{Text{"Dieser Link gilt nicht mehr. Bitte bei der Schriftführung einen neuen geben lassen.",
	"This link is no longer valid. Please ask the clerk for a new one."}}

// attendancePage is the list at the door, or a link just made.
type attendancePage struct {
	page
	Role    session.Role
	Note    string
	Session bool
	Line    string
	Groups  []attendeeGroup
	Admit   []choice
	Link    *linkCard
}

type attendeeGroup struct {
	Title   string
	Members []attendeeLine
}

type attendeeLine struct {
	ID, State string
	Here      bool
	Devices   string
}

// linkCard is a fresh link: as a QR code to be read at the door, or to be sent.
type linkCard struct {
	Member, Title, Text, URL string
	Home                     bool
	QR                       template.HTML
}

func (h *Handler) attendancePage(role session.Role, lang, note string) attendancePage {
	v, stale := h.view()
	p := attendancePage{page: h.page(lang, v, stale), Role: role, Note: note}
	p.Title = Text{"Anwesenheit", "Attendance"}.In(lang)
	a := h.opt.CheckIn.Attendees()
	p.Session = a.Session
	p.Line = hereText(a.Here).In(lang)
	for _, r := range admittable {
		p.Admit = append(p.Admit, choice{string(r), upper(roleWords[r].In(lang))})
	}
	for _, r := range roster.Roles() {
		g := attendeeGroup{Title: upper(roleWords[r].In(lang))}
		for _, m := range a.Members {
			if m.Role == r {
				g.Members = append(g.Members, newAttendeeLine(lang, m))
			}
		}
		if len(g.Members) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	return p
}

func newAttendeeLine(lang string, m Attendee) attendeeLine {
	l := attendeeLine{ID: m.ID, Here: m.Place != "", State: Text{"noch nicht angemeldet", "not checked in yet"}.In(lang)}
	switch m.Place {
	case roster.Door:
		l.State = Text{"angemeldet an der Tür", "checked in at the door"}.In(lang)
	case roster.Home:
		l.State = Text{"angemeldet von zu Hause", "checked in from home"}.In(lang) + " · " + aloneWords[m.Alone].In(lang)
	}
	switch m.Devices {
	case 0:
		l.Devices = Text{"kein Dienstgerät", "no device of the house"}.In(lang)
	case 1:
		l.Devices = Text{"1 Dienstgerät", "1 device of the house"}.In(lang)
	default:
		l.Devices = number(lang, int64(m.Devices)) + Text{" Dienstgeräte", " devices of the house"}.In(lang)
	}
	return l
}

// hereText counts who has checked in.
func hereText(h roster.Here) Text {
	n := func(lang string, v int) string { return number(lang, int64(v)) }
	return Text{
		"Angemeldet: " + n("de", h.Door+h.Home) + " von " + n("de", h.Members) + " · davon von zu Hause: " + n("de", h.Home) +
			" · private Geräte: " + n("de", h.Private) + " (nur gezählt)",
		"Checked in: " + n("en", h.Door+h.Home) + " of " + n("en", h.Members) + " · from home: " + n("en", h.Home) +
			" · private devices: " + n("en", h.Private) + " (only counted)",
	}
}

// attendance is the list at the door. A press that makes a link is answered with it, and no browser shows it again.
func (h *Handler) attendance(w http.ResponseWriter, r *http.Request) {
	role, err := h.role(r)
	if err != nil {
		h.render(w, r, http.StatusForbidden, "pair.html", h.pairPage(r, ""))
		return
	}
	if h.opt.CheckIn == nil {
		http.Error(w, "no roster in this room", http.StatusNotFound)
		return
	}
	lang := language(r)
	if r.Method == http.MethodGet {
		h.render(w, r, http.StatusOK, "attendance.html", h.attendancePage(role, lang, ""))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "form could not be read", http.StatusBadRequest)
		return
	}
	card, err := h.attend(r, role)
	switch {
	case err != nil:
		h.log.Warn("wall: attendance", "act", known(attendActs, r.PostFormValue("act")), "role", role, "err", err)
		refusal, ok := errors.AsType[*Refusal](err)
		if !ok {
			refusal = failed
		}
		h.render(w, r, http.StatusConflict, "attendance.html", h.attendancePage(role, lang, refusal.Text.In(lang)))
	case card != nil:
		p := h.attendancePage(role, lang, "")
		p.Link = card
		h.render(w, r, http.StatusOK, "attendance.html", p)
	default:
		http.Redirect(w, r, "/leitung/anwesenheit", http.StatusSeeOther)
	}
}

var attendActs = []string{"door", "home", "remove", "admit", "lend"}

func known(list []string, s string) string {
	if slices.Contains(list, s) {
		return s
	}
	return "unknown"
}

// attend carries out what chair or clerk pressed.
func (h *Handler) attend(r *http.Request, role session.Role) (*linkCard, error) {
	if _, stale := h.view(); stale {
		return nil, failed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	member, c := r.PostFormValue("member"), h.opt.CheckIn
	switch act := r.PostFormValue("act"); act {
	case "door", "home":
		place := roster.Place(act)
		token, until, err := c.Ticket(ctx, role, member, place)
		if err != nil {
			return nil, err
		}
		return h.linkCard(r, member, place, token, until)
	case "remove":
		return nil, c.Remove(ctx, role, member)
	case "admit":
		as := roster.Role(r.PostFormValue("as"))
		if !slices.Contains(admittable, as) {
			return nil, refusedRight
		}
		_, err := c.Admit(ctx, role, as)
		return nil, err
	case "lend":
		device := strings.ToLower(strings.TrimSpace(r.PostFormValue("device")))
		if !roster.ValidID(device) {
			return nil, &Refusal{Text{"Bitte die Nummer vom Etikett des Geräts eingeben: a–z, 0–9 und -.", "Please enter the number on the device's label: a–z, 0–9 and -."}}
		}
		return nil, c.Lend(ctx, role, member, device)
	}
	return nil, refusedRight
}

func (h *Handler) linkCard(r *http.Request, member string, place roster.Place, token string, until time.Time) (*linkCard, error) {
	lang := language(r)
	base := "http"
	if r.TLS != nil {
		base = "https"
	}
	base += "://" + r.Host
	if place == roster.Home && h.opt.HomeBase != "" {
		base = strings.TrimSuffix(h.opt.HomeBase, "/")
	}
	c := &linkCard{Member: member, URL: base + CheckInPath(token), Home: place == roster.Home}
	v, _ := h.view()
	at := clockTime(lang, until, v.At, h.opt.Location)
	c.Title = Text{"Bitte mit dem eigenen Gerät lesen", "Please read with your own device"}.In(lang)
	c.Text = Text{"Gilt einmal, bis " + at + ".", "Valid once, until " + at + "."}.In(lang)
	if c.Home {
		c.Title = Text{"Link für die Anmeldung von zu Hause", "Link for checking in from home"}.In(lang)
	}
	var err error
	c.QR, err = qrSVG(c.URL, c.Title)
	return c, err
}

// CheckInPath returns the path and query of the link with which a member checks in.
func CheckInPath(token string) string { return "/anmelden?t=" + url.QueryEscape(token) }

// checkInPage is what a member sees, on their own device.
type checkInPage struct {
	page
	Note    string
	Token   string
	Devices []string
	Private []int
	Home    bool
	Done    bool
	Until   string
	Again   string // where a remote member says whether they are alone
	Declare *Declaring
}

var aloneWords = map[Answered]Text{
	NotSaid:      {"noch nicht bestätigt, dass keine Dritten im Raum sind", "has not confirmed yet that nobody else is in the room"},
	SaidAlone:    {"bestätigt: keine Dritten im Raum", "confirmed: nobody else in the room"},
	SaidNotAlone: {"sagt: nicht allein", "says: not alone"},
}

// declares answers for the page of a remote member who has checked in; it reports false if the link is nobody's.
func (h *Handler) declares(w http.ResponseWriter, r *http.Request, p checkInPage, token string) bool {
	if h.opt.Declare == nil || token == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	who, err := h.opt.Declare.Declarer(ctx, token)
	if err != nil {
		return false
	}
	p.Declare, p.Again = &who, CheckInPath(token)
	p.Title = Text{"Keine Dritten im Raum", "Nobody else in the room"}.In(p.Lang)
	if r.Method == http.MethodGet {
		h.render(w, r, http.StatusOK, "checkin.html", p)
		return true
	}
	var refused *Refusal
	switch r.PostFormValue("alone") {
	case "yes", "no":
		if err = h.opt.Declare.Declare(ctx, token, r.PostFormValue("alone") == "yes"); err == nil {
			http.Redirect(w, r, CheckInPath(token), http.StatusSeeOther)
			return true
		}
		h.log.Warn("wall: declaration not taken", "err", err)
		if !errors.As(err, &refused) {
			refused = failed
		}
	default:
		refused = refusedChanged
	}
	p.Note = refused.Text.In(p.Lang)
	h.render(w, r, http.StatusConflict, "checkin.html", p)
	return true
}

// checkIn is the member's page. To look uses nothing up, so that a preview of the link does no harm. Wrong links from one
// address are counted as wrong keys are.
func (h *Handler) checkIn(w http.ResponseWriter, r *http.Request) {
	if h.opt.CheckIn == nil {
		http.Error(w, "no roster in this room", http.StatusNotFound)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	lang, token, addr := language(r), r.FormValue("t"), address(r)
	v, stale := h.view()
	bare := *v
	bare.Alarms, bare.Proposal, bare.Notices = nil, nil, nil
	p := checkInPage{page: h.page(lang, &bare, stale), Token: token}
	p.Title = Text{"Anmeldung zur Sitzung", "Check-in for the session"}.In(lang)
	show := func(status int, note Text) {
		p.Note = note.In(lang)
		h.render(w, r, status, "checkin.html", p)
	}
	if !h.door.allow(addr, time.Now()) {
		w.Header().Set("Retry-After", "60")
		p.Token = ""
		show(http.StatusTooManyRequests, Text{"Zu viele Versuche. Bitte eine Minute warten.", "Too many attempts. Please wait a minute."})
		return
	}
	inv, err := h.opt.CheckIn.Look(token)
	if err != nil && h.declares(w, r, p, token) {
		return
	}
	if err != nil {
		h.door.missed(addr, time.Now())
		h.log.Warn("wall: wrong link", "page", "anmelden")
		p.Token = ""
		show(http.StatusForbidden, refusedTicket.Text)
		return
	}
	p.Devices, p.Home = inv.Devices, inv.Place == roster.Home
	p.Until = clockTime(lang, inv.Until, v.At, h.opt.Location)
	for n := range roster.MaxPrivate + 1 {
		p.Private = append(p.Private, n)
	}
	if r.Method == http.MethodGet {
		show(http.StatusOK, Text{})
		return
	}
	private, err := strconv.Atoi(r.PostFormValue("private"))
	if err != nil || private < 0 || private > roster.MaxPrivate {
		show(http.StatusConflict, Text{"Bitte angeben, wie viele private Geräte dabei sind.", "Please say how many private devices you have with you."})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	if err := h.opt.CheckIn.Redeem(ctx, token, r.PostForm["device"], private); err != nil {
		h.log.Warn("wall: not checked in", "err", err)
		refusal, ok := errors.AsType[*Refusal](err)
		if !ok {
			refusal = failed
		}
		show(http.StatusConflict, refusal.Text)
		return
	}
	p.Done, p.Token = true, ""
	if p.Home && h.opt.Declare != nil {
		p.Again = CheckInPath(token)
	}
	show(http.StatusOK, Text{})
}
