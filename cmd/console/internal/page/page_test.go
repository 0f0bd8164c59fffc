package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/dsp/detect"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

var t0 = time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC) // 18:30 in Berlin

var (
	external  = regexp.MustCompile(`(?i)(?:src|href|action|url)\s*=?\s*["'(]\s*(?:https?:)?//`)
	inline    = regexp.MustCompile(`(?i)<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|<script(?:\s[^>]*)?>\s*[^<\s]`)
	forbidden = regexp.MustCompile(`(?i)täter|spion|überwachung von personen|\bspy\b|culprit|quittier|alarme|offener alarm|suspect\b|surveillance`)
	noText    = regexp.MustCompile(`%!|<no value>|&lt;nil&gt;`)
)

// decent checks what holds for every page.
func decent(t *testing.T, where, body string) {
	t.Helper()
	for name, re := range map[string]*regexp.Regexp{"an address elsewhere": external, "inline script or style": inline, "a forbidden word": forbidden, "a broken value": noText} {
		if m := re.FindString(body); m != "" {
			t.Errorf("%s holds %s: %q", where, name, m)
		}
	}
	// Silence is never shown without what was checked and what could not be.
	for _, w := range [][3]string{{"Kein Befund", "Geprüft: ", "Nicht prüfbar: "}, {"No finding", "Checked: ", "Cannot be checked: "}} {
		i := strings.Index(body, w[0])
		if i < 0 {
			continue
		}
		rest := body[i:min(i+600, len(body))]
		if !(strings.Contains(rest, w[1]) && strings.Contains(rest, w[2])) && !strings.Contains(rest, "nicht gemeldet, was es prüfen kann") && !strings.Contains(rest, "has not reported what it can check") {
			t.Errorf("%s says %q without coverage: %s", where, w[0], rest)
		}
	}
	for _, m := range regexp.MustCompile(`<(?:input|select)\b[^>]*\bid="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if !strings.Contains(body, `for="`+m[1]+`"`) {
			t.Errorf("%s: field %q has no label", where, m[1])
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if ids[m[1]] && !strings.HasPrefix(m[1], "sr-") { // the signs' masks are the same wherever they are drawn
			t.Errorf("%s: id %q twice", where, m[1])
		}
		ids[m[1]] = true
	}
}

var stateWords = map[session.State][2]string{
	session.Open: {"Öffentlich", "Public"}, session.Planned: {"Nichtöffentlich ab 19:00", "Closed from 19:00"},
	session.Handover: {"Übergabe: noch 1 Punkt", "Handover: 1 point left"}, session.Sweep: {"Raum wird geprüft", "Checking the room"},
	session.Arming: {"Gleich nichtöffentlich", "Closing"}, session.Closed: {"Nichtöffentlich · mit Einschränkungen", "Closed session · with reservations"},
	session.Interrupted: {"Unterbrochen: Fenster offen", "Interrupted: window open"}, session.Restoring: {"Wird wiederhergestellt", "Restoring"},
}

func TestEveryStateInBothLanguages(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.unit()
	from := t0.Add(30 * time.Minute)
	for _, s := range session.States {
		r := session.Report{State: s, Flags: []session.Flag{}, Points: []session.Point{{Name: "stream", Proven: true}, {Name: "windows"}}, From: &from}
		if s == session.Interrupted {
			r.Reason = "window-open"
		}
		k.report(r)
		for i, lang := range []string{"de", "en"} {
			k.get("/?lang=" + lang)
			for _, path := range []string{"/", "/rooms/ratssaal"} {
				status, body := k.get(path)
				where := fmt.Sprintf("%s in %s, %s", path, s, lang)
				if status != http.StatusOK || !strings.Contains(body, stateWords[s][i]) || !strings.Contains(body, `<html lang="`+lang+`">`) {
					t.Errorf("%s: status %d, want the words %q", where, status, stateWords[s][i])
				}
				decent(t, where, body)
			}
		}
	}
}

func TestEveryPageInBothLanguages(t *testing.T) {
	k := newHouse(t)
	first, err := k.acc.FirstLink(t.Context(), k.now)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"/login": {"Einmalcode", "One-time code"}, "/enrol/" + first: {"Mindestens 12 Zeichen", "At least 12 characters"},
		"/enrol/nonsense": {"unbekannt, schon benutzt", "unknown, used already"}, "/nothing": {"Das gibt es hier nicht", "There is no such thing"},
	}
	check := func() {
		t.Helper()
		for i, lang := range []string{"de", "en"} {
			k.get("/login?lang=" + lang)
			for path, words := range want {
				_, body := k.get(path)
				if !strings.Contains(body, words[i]) {
					t.Errorf("%s in %s lacks %q", path, lang, words[i])
				}
				decent(t, path+" in "+lang, body)
			}
		}
	}
	check()
	k.signIn()
	want = map[string][2]string{
		"/": {"Noch hat sich kein Raum gemeldet", "No room has reported yet"}, "/units": {"Noch hat sich kein Gerät", "No unit has reported"},
		"/trail": {"für die Vorführung angemeldet", "signed in for the demonstration"}, "/accounts": {"Einmal-Link ausstellen", "Issue a one-time link"},
		"/rooms/x": {"Das gibt es hier nicht", "There is no such thing"}, "/export": {"Von keiner Raumeinheit", "There is no unit from which"},
	}
	check()
	k.report(session.Report{State: session.Open})
	k.unit()
	k.alarm(detect.UltrasonicBeacon, "silverpush", 18500)
	want = map[string][2]string{
		"/": {"1 offener Befund", "1 open finding"}, "/units": {"4.212", "4,212"},
		"/export":         {"Ratssaal (ratssaal-1)", "Ratssaal (ratssaal-1)"},
		"/rooms/ratssaal": {"SilverPush", "SilverPush"}, "/rooms/ratssaal?m=1440": {"UKW-Rundfunk", "FM broadcast"},
	}
	check()
}

// TestReminders: the rules that the unit reminds of stand on the room's page, and as a count in the overview, until they are over.
func TestReminders(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.unit()
	k.report(session.Report{State: session.Open})
	remind := []report.Reminder{{Rule: "leaving", DE: "Wer geht, schließt <die> Fenster.", EN: "Whoever leaves shuts the windows.", Since: k.now}}
	policy := report.Policy{Version: 1, Hash: strings.Repeat("0a", 32), Verdicts: map[string]int{"violated": 1}, Reminders: remind}
	k.tell(topic.PolicyReported("ratssaal"), policy)
	for path, want := range map[string]string{"/rooms/ratssaal": "Wer geht, schließt &lt;die&gt; Fenster.", "/": "1 Erinnerung"} {
		_, body := k.get(path)
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %q", path, want)
		}
		decent(t, path, body)
	}
	policy.Version, policy.Reminders = 2, nil
	k.tell(topic.PolicyReported("ratssaal"), policy)
	if _, body := k.get("/rooms/ratssaal"); strings.Contains(body, "Erinnerung") {
		t.Error("still reminded")
	}
}

func TestEveryKindOfAlarm(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.unit()
	k.report(session.Report{State: session.Closed})
	for _, kind := range detect.Kinds() {
		for _, name := range append([]string{""}, kind.Names()[:min(2, len(kind.Names()))]...) {
			k.now = k.now.Add(time.Second)
			k.alarm(kind, name, 433.92e6)
		}
	}
	for _, lang := range []string{"de", "en"} {
		k.get("/?lang=" + lang)
		_, body := k.get("/rooms/ratssaal")
		for _, kind := range detect.Kinds() {
			if !strings.Contains(body, html.EscapeString(finding.KindText(lang, kind))) {
				t.Errorf("%s: no words for %s", lang, kind)
			}
		}
		if strings.Index(body, "Mögliche harmlose Ursache") > strings.Index(body, "Messwerte") && lang == "de" {
			t.Error("figures come before the likely cause")
		}
		decent(t, "alarms in "+lang, body)
	}
}

func TestActions(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.unit()
	k.report(session.Report{State: session.Open})
	a := k.alarm(detect.UltrasonicBeacon, "silverpush", 18500)

	start := url.Values{"act": {"start"}, "kind": {"council"}, "level": {"nonpublic"}}
	if status, body := k.post("/rooms/ratssaal/session", start); status != http.StatusOK || !strings.Contains(body, "Übermittelt") {
		t.Errorf("start: %d", status)
	}
	var e struct {
		Data session.Desired `json:"data"`
	}
	if err := json.Unmarshal(k.out.sent[topic.SessionDesired("ratssaal")], &e); err != nil || e.Data.State != session.Closed || e.Data.Role != session.Clerk {
		t.Errorf("start sent %+v, %v", e.Data, err)
	}
	plan := url.Values{"act": {"plan"}, "from": {"2026-11-21T19:00"}, "to": {"2026-11-21T20:30"}, "kind": {"council"}, "level": {"nonpublic"}}
	if status, _ := k.post("/rooms/ratssaal/session", plan); status != http.StatusOK {
		t.Errorf("plan: %d", status)
	}
	if err := json.Unmarshal(k.out.sent[topic.SessionDesired("ratssaal")], &e); err != nil || e.Data.From == nil || !e.Data.From.Equal(t0.Add(30*time.Minute)) {
		t.Errorf("plan sent %+v, %v; want 18:00 UTC", e.Data, err)
	}
	if status, _ := k.post("/rooms/ratssaal/alarms/"+a.Finding.ID, url.Values{"answer": {"explained/building-services"}}); status != http.StatusOK {
		t.Errorf("answer: %d", status)
	}
	if len(k.out.sent[topic.Ack("ratssaal", strings.ToLower(a.Finding.ID))]) == 0 {
		t.Error("the answer was not sent")
	}
	if status, _ := k.post("/units/ratssaal-1/learn", url.Values{"room": {"ratssaal"}}); status != http.StatusOK {
		t.Errorf("learn: %d", status)
	}
	refused := []struct {
		path   string
		form   url.Values
		status int
	}{
		{"/rooms/ratssaal/session", url.Values{"act": {"confirm"}, "reason": {"urgent"}}, 422},
		{"/rooms/ratssaal/session", url.Values{"act": {"interrupt"}, "reason": {"break"}}, 409}, // not closed
		{"/rooms/ratssaal/session", url.Values{"act": {"interrupt"}, "reason": {"because"}}, 422},
		{"/rooms/ratssaal/session", url.Values{"act": {"start"}, "kind": {"<b>"}, "level": {"nonpublic"}}, 422},
		{"/rooms/ratssaal/session", url.Values{"act": {"plan"}, "from": {"2026-11-21T20:30"}, "to": {"2026-11-21T19:00"}, "kind": {"council"}, "level": {"nonpublic"}}, 422},
		{"/rooms/nowhere/session", start, 404},
		{"/rooms/ratssaal/alarms/" + a.Finding.ID, url.Values{"answer": {"explained/because"}}, 422},
		{"/rooms/ratssaal/alarms/x", url.Values{"answer": {"explained/maintenance"}}, 404},
		{"/units/x/learn", nil, 404},
	}
	for _, tt := range refused {
		if status, _ := k.post(tt.path, tt.form); status != tt.status {
			t.Errorf("%s %v: got %d, want %d", tt.path, tt.form, status, tt.status)
		}
	}
	k.out.err = fleet.ErrBroker
	if status, body := k.post("/rooms/ratssaal/session", start); status != http.StatusBadGateway || !strings.Contains(body, "nichts ausgelöst") {
		t.Errorf("dead broker: %d", status)
	}
	if _, body := k.get("/trail"); !strings.Contains(body, "Geklärt: Haustechnik oder Beleuchtung") {
		t.Error("the trail shows slugs instead of words")
	}
	rows, err := k.st.Trail(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var whats []string
	for _, r := range rows {
		whats = append(whats, r.What)
	}
	if want := []string{"baseline.learn", "alarm.answered", "session.plan", "session.start", "login.demo"}; !slices.Equal(whats, want) {
		t.Errorf("trail: got %v, want %v", whats, want)
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.report(session.Report{State: session.Open})
	for name, header := range map[string][2]string{"another origin": {"Origin", "https://elsewhere.example"}, "fetch metadata": {"Sec-Fetch-Site", "cross-site"}} {
		r, err := http.NewRequest(http.MethodPost, k.srv.URL+"/rooms/ratssaal/session", strings.NewReader("act=start&kind=council&level=nonpublic"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		if resp, _ := k.do(r); resp.StatusCode != http.StatusForbidden || len(k.out.sent) != 0 {
			t.Errorf("%s: status %d, %d messages", name, resp.StatusCode, len(k.out.sent))
		}
	}
}

func TestHeadersAndCookies(t *testing.T) {
	k := newHouse(t)
	for _, path := range []string{"/login", "/static/console.css", "/nothing", "/healthz", "/events", "/api/rooms"} {
		r, _ := http.NewRequest(http.MethodGet, k.srv.URL+path, nil)
		resp, _ := k.do(r)
		if got := resp.Header.Get("Content-Security-Policy"); got != csp || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, resp.Header)
		}
	}
	token, err := k.acc.DemoLink(t.Context(), k.now, "")
	if err != nil {
		t.Fatal(err)
	}
	k.h.Secure = true
	w := httptest.NewRecorder()
	k.h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/demo/"+token, nil))
	c := w.Result().Cookies()
	if len(c) != 1 || !c[0].HttpOnly || !c[0].Secure || c[0].SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c[0].Name, "__Host-") {
		t.Errorf("cookie: %+v", c)
	}
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
}

func TestNothingWithoutSignIn(t *testing.T) {
	k := newHouse(t)
	k.unit()
	k.report(session.Report{State: session.Open})
	k.web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, want := range map[string]int{
		"/": 303, "/rooms/ratssaal": 303, "/rooms/ratssaal/ratssaal-1/bands.png": 303, "/units": 303, "/export": 303, "/export/x": 303, "/export/x/export.zip": 303, "/trail": 303, "/accounts": 303,
		"/events": 401, "/api/rooms": 401, "/api/rooms/ratssaal": 401, "/login": 200, "/healthz": 200,
	} {
		status, body := k.get(path)
		if status != want || strings.Contains(body, "ratssaal") {
			t.Errorf("%s: got %d, want %d", path, status, want)
		}
	}
	for _, path := range []string{"/rooms/ratssaal/session", "/units/ratssaal-1/learn", "/export", "/accounts"} {
		if status, _ := k.post(path, nil); status != 303 {
			t.Errorf("POST %s: got %d, want 303", path, status)
		}
	}
}

// TestRefreshIsNoSignOfLife: a page left open keeps itself up to date, and still signs out after half an hour.
func TestRefreshIsNoSignOfLife(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.report(session.Report{State: session.Open})
	refresh := func() int {
		r, err := http.NewRequest(http.MethodGet, k.srv.URL+"/rooms/ratssaal", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Refresh", "1")
		resp, _ := k.do(r)
		if resp.Request.URL.Path == "/login" {
			return http.StatusUnauthorized
		}
		return resp.StatusCode
	}
	for range 2 {
		k.now = k.now.Add(20 * time.Minute)
		if status, body := k.get("/"); status != 200 || !strings.Contains(body, "Abmelden") {
			t.Fatalf("a person's click after 20 min: %d", status)
		}
	}
	k.now = k.now.Add(20 * time.Minute)
	if got := refresh(); got != 200 {
		t.Errorf("refresh after 20 min: %d", got)
	}
	k.now = k.now.Add(11 * time.Minute)
	if got := refresh(); got != http.StatusUnauthorized {
		t.Errorf("refresh after 31 min without a person: %d, want the sign-in page", got)
	}
}

func TestOpenRedirect(t *testing.T) {
	k := newHouse(t)
	for _, path := range []string{"//elsewhere.example/?lang=en", "/\\elsewhere.example?lang=en"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawQuery = strings.SplitN(path, "?", 2)[0], "lang=en"
		k.h.ServeHTTP(w, r)
		if to := w.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

func TestEnrolmentByHand(t *testing.T) {
	k := newHouse(t)
	token, err := k.acc.FirstLink(t.Context(), k.now)
	if err != nil {
		t.Fatal(err)
	}
	e, err := k.acc.Enrolment(t.Context(), k.now, token)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := k.get("/enrol/" + token + "/qr.png"); status != 200 || !strings.HasPrefix(body, "\x89PNG") {
		t.Errorf("QR code: %d", status)
	}
	code, err := access.Code(e.Secret, k.now)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"name": {"leitstelle-1"}, "password": {"vier Rosen im Saal"}, "again": {"vier Rosen im Saa"}, "code": {code}}
	if status, body := k.post("/enrol/"+token, form); status != 422 || !strings.Contains(body, "verschieden") {
		t.Errorf("different passwords: %d", status)
	}
	form.Set("again", form.Get("password"))
	status, body := k.post("/enrol/"+token, form)
	if status != 200 || strings.Count(body, "<li><code>") != 10 {
		t.Fatalf("enrol: %d", status)
	}
	decent(t, "recovery codes", body)
	if status, body := k.get("/"); status != 200 || strings.Contains(body, "leitstelle-1") {
		t.Errorf("after enrolment: %d", status)
	}
	if status, body := k.post("/accounts", url.Values{"role": {"clerk"}}); status != 200 || !strings.Contains(body, k.srv.URL+"/enrol/") {
		t.Errorf("invitation: %d", status)
	}
	if status, _ := k.post("/accounts/1", url.Values{"active": {"no"}}); status != 409 {
		t.Errorf("disabling the last administrator: %d, want 409", status)
	}
	if status, body := k.post("/logout", nil); status != 200 || !strings.Contains(body, "Einmalcode") {
		t.Errorf("logout: %d", status)
	}
	k.now = k.now.Add(time.Minute)
	if code, err = access.Code(e.Secret, k.now); err != nil {
		t.Fatal(err)
	}
	login := url.Values{"name": {"leitstelle-1"}, "password": {"falsch falsch falsch"}, "code": {code}}
	if status, body := k.post("/login", login); status != 401 || !strings.Contains(body, "stimmen nicht") {
		t.Errorf("wrong password: %d", status)
	}
	for range 4 {
		status, body = k.post("/login", login)
	}
	if status != 429 || !strings.Contains(body, "Wieder möglich ab 18:32:01 Uhr") {
		t.Errorf("locked: %d", status)
	}
	k.now = k.now.Add(time.Minute)
	if code, err = access.Code(e.Secret, k.now); err != nil {
		t.Fatal(err)
	}
	login.Set("password", "vier Rosen im Saal")
	login.Set("code", code)
	if status, body := k.post("/login", login); status != 200 || !strings.Contains(body, "Räume") {
		t.Errorf("login: %d", status)
	}
}

func TestEvents(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.srv.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := k.web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	next("event: hello")
	k.report(session.Report{State: session.Open})
	next("event: rooms")
	next(`data: ["ratssaal"]`)
	k.fleet.Close()
	for lines.Scan() { // ends, although the server does not
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream did not end well: %v", err)
	}
}

func TestAPI(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.unit()
	k.report(session.Report{State: session.Closed})
	k.alarm(detect.Burst, "ism433", 433.92e6)
	var rooms []RoomJSON
	if _, body := k.get("/api/rooms"); json.Unmarshal([]byte(body), &rooms) != nil || len(rooms) != 1 || rooms[0].Open != 1 || rooms[0].Alarms != nil {
		t.Errorf("rooms: %s", body)
	}
	var room RoomJSON
	if _, body := k.get("/api/rooms/ratssaal"); json.Unmarshal([]byte(body), &room) != nil || len(room.Alarms) != 1 || len(room.Units) != 1 || room.Units[0].Levels == nil || room.Session.State != session.Closed {
		t.Errorf("room: %s", body)
	}
	if status, _ := k.get("/api/rooms/x"); status != 404 {
		t.Errorf("unknown room: %d", status)
	}
}

func TestBandsPicture(t *testing.T) {
	tr := fleet.Track{Bands: []string{"fm", "dab"}}
	for i := range 100 {
		r := fleet.Row{At: t0.Add(time.Duration(i) * fleet.RowEvery)}
		r.Bands[0], r.Bands[1] = -90, float32(-90+i%2*40)
		tr.Rows = append(tr.Rows, r)
	}
	var b bytes.Buffer
	if err := writeBands(&b, tr, time.Hour); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds(); got.Dx() != 225 || got.Dy() != 2 {
		t.Fatalf("size %v, want 225 by 2", got)
	}
	if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
		t.Error("a time without rows is coloured")
	}
	lo, hi := img.At(224, 0), img.At(224, 1)
	if lo != palette[1] || hi != palette[255] {
		t.Errorf("newest column: got %v and %v, want the ends of the scale", lo, hi)
	}
	if status := writeBands(io.Discard, fleet.Track{}, time.Hour); status != nil {
		t.Errorf("no rows: %v", status)
	}
}

func TestNumbersAndTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ got, want string }{
		{number("de", 1, 1234.56), "1.234,6"}, {number("en", 1, 1234.56), "1,234.6"}, {number("de", 0, -1234567), "−1.234.567"},
		{number("de", 1, -0.01), "0,0"}, {number("de", 2, 0.5), "0,50"}, {significant("de", 1e-7), "1,0 · 10⁻⁷"}, {significant("de", 23.8), "23,8"},
		{dateTime("de", berlin, t0), "21.11.2026, 18:30 Uhr"}, {dateTime("en", berlin, t0), "2026-11-21 18:30"}, {dateTime("de", berlin, time.Time{}), "–"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
