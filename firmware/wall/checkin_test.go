package wall_test

import (
	"context"
	"crypto/rand"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

// list is a real attendance behind the pages.
type list struct {
	*roster.Attendance
	removed, admitted, lent []string
}

func newList(t *testing.T) *list {
	t.Helper()
	r := new(roster.Roster)
	if _, err := r.Replace(show.At, []roster.Member{{ID: "m-01", Role: roster.Councillor, Devices: []string{"d-7f3a", "d-91c0"}},
		{ID: "m-02", Role: roster.Guest}}); err != nil {
		t.Fatal(err)
	}
	l := &list{Attendance: roster.NewAttendance(r)}
	l.Begin(show.At, "s-1")
	return l
}

func (l *list) Attendees() wall.Attendees {
	a := wall.Attendees{Session: l.Session() != "", Here: l.Here(show.At)}
	where := l.Where()
	for _, m := range l.Roster().Members() {
		a.Members = append(a.Members, wall.Attendee{ID: m.ID, Role: m.Role, Place: where[m.ID], Devices: l.DevicesOf(m.ID)})
	}
	return a
}

func (l *list) Ticket(_ context.Context, _ session.Role, member string, place roster.Place) (string, time.Time, error) {
	token, err := l.Issue(show.At, member, place, time.Time{}, rand.Reader)
	return token, show.At.Add(roster.DoorFor), err
}

func (l *list) Look(token string) (wall.Invitation, error) {
	t, devices, err := l.Attendance.Look(show.At, token)
	return wall.Invitation{Place: t.Place, Until: t.Until, Devices: devices}, err
}

func (l *list) Redeem(_ context.Context, token string, devices []string, private int) error {
	_, err := l.Attendance.Redeem(show.At, token, devices, private)
	return err
}

func (l *list) Remove(_ context.Context, role session.Role, member string) error {
	l.removed = append(l.removed, string(role)+" "+member)
	_, err := l.Bar(show.At, member)
	return err
}

func (l *list) Admit(_ context.Context, role session.Role, as roster.Role) (string, error) {
	l.admitted = append(l.admitted, string(role)+" "+string(as))
	return "guest-1", nil
}

func (l *list) Lend(_ context.Context, role session.Role, member, device string) error {
	l.lent = append(l.lent, string(role)+" "+member+" "+device)
	return nil
}

// send posts a form, as whoever has key; "" as a stranger.
func send(h *wall.Handler, path, key string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		for _, c := range pairing(h, key).Result().Cookies() {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func checkInHandler(t *testing.T) (*wall.Handler, *list) {
	t.Helper()
	l := newList(t)
	h := newHandler(t, func(o *wall.Options) { o.CheckIn, o.HomeBase = l, "https://anmeldung.raum.example/" })
	h.Update(show.Scenes()[1].View)
	return h, l
}

var link = regexp.MustCompile(`https?://[^<"\s]*/anmelden\?t=([A-Z0-9]{32})`)

// home makes a link for home, which the page shows as text.
func home(t *testing.T, h *wall.Handler, member string) (address, token string) {
	t.Helper()
	w := send(h, "/leitung/anwesenheit", clerkKey, url.Values{"act": {"home"}, "member": {member}})
	m := link.FindStringSubmatch(w.Body.String())
	if w.Code != 200 || m == nil || !strings.Contains(w.Body.String(), `<svg class="qr"`) {
		t.Fatalf("%d %s", w.Code, text(w.Body.String()))
	}
	return m[0], m[1]
}

// TestCheckInFromHome: a link opens once; to look at it, as a preview does, uses nothing up.
func TestCheckInFromHome(t *testing.T) {
	h, l := checkInHandler(t)
	address, token := home(t, h, "m-01")
	if !strings.HasPrefix(address, "https://anmeldung.raum.example/anmelden?t=") {
		t.Errorf("link %s", address)
	}
	for range 3 {
		if w := get(h, wall.CheckInPath(token), ""); w.Code != 200 || !strings.Contains(w.Body.String(), "d-7f3a") || !strings.Contains(w.Body.String(), "keine Dritten") {
			t.Fatalf("%d %s", w.Code, text(w.Body.String()))
		}
	}
	form := url.Values{"t": {token}, "device": {"d-7f3a"}}
	if w := send(h, "/anmelden", "", form); w.Code != 409 || l.Here(show.At).Home != 0 {
		t.Errorf("without the number of private devices: %d", w.Code)
	}
	form.Set("private", "2")
	if w := send(h, "/anmelden", "", form); w.Code != 200 || !strings.Contains(w.Body.String(), "Sie sind angemeldet") {
		t.Errorf("%d %s", w.Code, text(w.Body.String()))
	}
	if w := send(h, "/anmelden", "", form); w.Code != 403 {
		t.Errorf("a second time: %d", w.Code)
	}
	if got := l.Here(show.At); got != (roster.Here{Members: 2, Home: 1, Private: 2}) {
		t.Errorf("%+v", got)
	}
	page := text(get(h, "/leitung/anwesenheit", key).Body.String())
	if !strings.Contains(page, "Angemeldet: 1 von 2 · davon von zu Hause: 1 · private Geräte: 2 (nur gezählt)") {
		t.Errorf("list: %s", page)
	}
}

// declarer is a room in which a handover is under way, and the check-in's links speak for their members.
type declarer struct {
	answer map[string]wall.Answered // by secret
	asked  bool
}

func (d *declarer) Declarer(_ context.Context, secret string) (wall.Declaring, error) {
	a, ok := d.answer[secret]
	if !ok {
		return wall.Declaring{}, roster.ErrTicket
	}
	return wall.Declaring{Member: "m-01", Asked: d.asked, Answer: a}, nil
}

func (d *declarer) Declare(_ context.Context, secret string, alone bool) error {
	d.answer[secret] = wall.SaidNotAlone
	if alone {
		d.answer[secret] = wall.SaidAlone
	}
	return nil
}

// TestDeclaresAlone: the link with which a remote member has checked in is from then on where they say that nobody else is
// in their room, and take it back; other links open nothing.
func TestDeclaresAlone(t *testing.T) {
	d := &declarer{answer: map[string]wall.Answered{}}
	l := newList(t)
	h := newHandler(t, func(o *wall.Options) { o.CheckIn, o.Declare = l, d })
	h.Update(scene("planned"))
	_, token := home(t, h, "m-01")
	w := send(h, "/anmelden", "", url.Values{"t": {token}, "private": {"0"}})
	if w.Code != 200 || !strings.Contains(w.Body.String(), "Weiter: keine Dritten im Raum") {
		t.Fatalf("%d %s", w.Code, text(w.Body.String()))
	}
	d.answer[token] = wall.NotSaid
	if page := get(h, wall.CheckInPath(token), "").Body.String(); !strings.Contains(page, "Sobald die Übergabe beginnt") || strings.Contains(page, "<form method=\"post\" action=\"/anmelden\"") {
		t.Errorf("before the handover: %s", text(page))
	}
	d.asked = true
	if page := get(h, wall.CheckInPath(token), "").Body.String(); !strings.Contains(page, `http-equiv="refresh"`) || strings.Count(page, `name="alone"`) != 2 {
		t.Errorf("asked: %s", text(page))
	}
	for _, tt := range []struct {
		alone string
		code  int
		want  wall.Answered
	}{{"yes", 303, wall.SaidAlone}, {"no", 303, wall.SaidNotAlone}, {"maybe", 409, wall.SaidNotAlone}, {"yes", 303, wall.SaidAlone}} {
		if w := send(h, "/anmelden", "", url.Values{"t": {token}, "alone": {tt.alone}}); w.Code != tt.code || d.answer[token] != tt.want {
			t.Errorf("%s: %d, %q", tt.alone, w.Code, d.answer[token])
		}
	}
	if page := text(get(h, wall.CheckInPath(token)+"&lang=en", "").Body.String()); !strings.Contains(page, "You have confirmed that nobody else is in your room") {
		t.Errorf("said: %s", page)
	}
	if w := send(h, "/anmelden", "", url.Values{"t": {"x" + token}, "alone": {"yes"}}); w.Code != 403 {
		t.Errorf("another link: %d", w.Code)
	}
}

// TestDoor: at the door the page shows a code and no address that could be sent on, and says nothing to strangers.
func TestDoor(t *testing.T) {
	h, _ := checkInHandler(t)
	w := send(h, "/leitung/anwesenheit", key, url.Values{"act": {"door"}, "member": {"m-02"}})
	if w.Code != 200 || !strings.Contains(w.Body.String(), `<svg class="qr"`) || link.MatchString(w.Body.String()) {
		t.Errorf("%d %s", w.Code, text(w.Body.String()))
	}
	for _, path := range []string{"/leitung/anwesenheit"} {
		if w := get(h, path, ""); w.Code != 403 || strings.Contains(w.Body.String(), "m-01") {
			t.Errorf("%s for a stranger: %d", path, w.Code)
		}
		if w := send(h, path, "", url.Values{"act": {"remove"}, "member": {"m-01"}}); w.Code != 403 {
			t.Errorf("POST %s by a stranger: %d", path, w.Code)
		}
	}
}

// TestLinksCannotBeGuessed: wrong links are counted as wrong keys are, and even the right one must wait then.
func TestLinksCannotBeGuessed(t *testing.T) {
	h, _ := checkInHandler(t)
	_, token := home(t, h, "m-01")
	for i := range 10 {
		if w := get(h, wall.CheckInPath(strings.Repeat("A", 31)+string(rune('A'+i))), ""); w.Code != 403 || strings.Contains(w.Body.String(), "d-7f3a") {
			t.Fatalf("guess %d: %d", i, w.Code)
		}
	}
	if w := get(h, wall.CheckInPath(token), ""); w.Code != 429 || w.Header().Get("Retry-After") != "60" {
		t.Errorf("after ten guesses: %d", w.Code)
	}
}

func TestAttendanceActs(t *testing.T) {
	h, l := checkInHandler(t)
	for _, f := range []url.Values{{"act": {"remove"}, "member": {"m-02"}}, {"act": {"admit"}, "as": {"interpreter"}}, {"act": {"lend"}, "member": {"m-01"}, "device": {" LOAN-7 "}}} {
		if w := send(h, "/leitung/anwesenheit", clerkKey, f); w.Code != 303 {
			t.Errorf("%v: %d", f, w.Code)
		}
	}
	for _, f := range []url.Values{{"act": {"admit"}, "as": {"chair"}}, {"act": {"lend"}, "member": {"m-01"}, "device": {"Erikas Telefon"}}, {"act": {"door"}, "member": {"m-99"}}, {"act": {"x"}}, {}} {
		if w := send(h, "/leitung/anwesenheit", clerkKey, f); w.Code != 409 {
			t.Errorf("%v: %d", f, w.Code)
		}
	}
	if len(l.removed) != 1 || l.removed[0] != "clerk m-02" || len(l.admitted) != 1 || len(l.lent) != 1 || l.lent[0] != "clerk m-01 loan-7" {
		t.Errorf("%v %v %v", l.removed, l.admitted, l.lent)
	}
	without := newHandler(t, nil)
	if w := get(without, "/anmelden?t=x", ""); w.Code != 404 {
		t.Errorf("a room without roster: %d", w.Code)
	}
}

// TestPhones: the wall says counts and what to do, and no device; the chair's page says both, by state.
func TestPhones(t *testing.T) {
	for name, want := range map[string]string{
		"phones-closed": "Assistenten aus: 11 · Bildschirm gesperrt, bitte einmal entsperren: 3 · nicht verwaltet: 4 · Mikrofon abschaltbar: 5, davon aus: 5",
		"phones-blind":  "Verwaltung der Geräte nicht erreichbar: Telefone ins Schließfach",
		"phones-giving": "Sperre aufgehoben; noch nicht zurückgestellt: 3",
	} {
		for _, s := range show.Scenes() {
			if s.Name != name {
				continue
			}
			h := newHandler(t, nil)
			h.Update(s.View)
			if page := text(get(h, "/", "").Body.String()); !strings.Contains(page, want) {
				t.Errorf("%s: the wall says %s", name, page)
			}
			page := text(get(h, "/leitung", key).Body.String())
			if name == "phones-closed" && (!strings.Contains(page, "Bildschirm gesperrt, bitte einmal entsperrenBitte alle: Dienstgeräte einmal entsperren.3") ||
				!strings.Contains(page, "243 von 250 aus, Stand 18:02")) {
				t.Errorf("%s: the chair's page says %s", name, page)
			}
		}
	}
}
