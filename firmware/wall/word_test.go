package wall_test

import (
	"html"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

var key, clerkKey = wall.NewToken(), wall.NewToken()

// newHandler returns a handler for both roles whose times are in UTC.
func newHandler(t testing.TB, change func(*wall.Options)) *wall.Handler {
	t.Helper()
	o := wall.Options{ChairToken: key, ClerkToken: clerkKey, Location: time.UTC, Log: quiet, Do: accept}
	if change != nil {
		change(&o)
	}
	h, err := wall.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h *wall.Handler, path, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	if key != "" {
		for _, c := range pairing(h, key).Result().Cookies() {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func pairing(h *wall.Handler, key string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", wall.PairPath(key), nil))
	return w
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// text returns what a person reads of an HTML page.
func text(page string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, "")), " "))
}

func element(page, start, end string) string {
	_, rest, _ := strings.Cut(page, start)
	in, _, _ := strings.Cut(rest, end)
	return text(start + in)
}

// The words of docs on look and words, one by one: this table is the reviewed text, not a copy of the code's.
func TestWallWords(t *testing.T) {
	at := func(h, m int) *time.Time { d := time.Date(2026, 11, 21, h, m, 0, 0, time.UTC); return &d }
	two := []session.Point{{Name: "stream"}, {Name: "recorder"}, {Name: "doors", Proven: true}}
	open, done := []session.Point{{Name: "radio"}}, []session.Point{{Name: "radio", Proven: true}}
	for _, tt := range []struct {
		name   string
		r      session.Report
		de, en string
		notice string
	}{
		{"open", session.Report{State: session.Open}, "Öffentlich", "Public", ""},
		{"planned", session.Report{State: session.Planned, From: at(18, 30)}, "Nichtöffentlich ab 18:30", "Closed from 18:30", ""},
		{"handover", session.Report{State: session.Handover, Points: two}, "Übergabe: noch 2 Punkte", "Handover: 2 points left", ""},
		{"handover, one", session.Report{State: session.Handover, Points: two[1:]}, "Übergabe: noch 1 Punkt", "Handover: 1 point left", ""},
		{"sweep", session.Report{State: session.Sweep}, "Raum wird geprüft …", "Checking the room …", ""},
		{"closed", session.Report{State: session.Closed, Points: done}, "Nichtöffentlich", "Closed session", ""},
		{"reservations", session.Report{State: session.Closed, Points: open},
			"Nichtöffentlich · mit Einschränkungen", "Closed session · with reservations", ""},
		{"override", session.Report{State: session.Closed, Points: open, Flags: []session.Flag{session.Override}},
			"Nichtöffentlich · Ausnahme durch Sitzungsleitung", "Closed session · exception by the chair", ""},
		{"window", session.Report{State: session.Interrupted, Reason: "window-open"}, "Unterbrochen: Fenster offen", "Interrupted: window open", ""},
		{"finding stays silent", session.Report{State: session.Interrupted, Reason: "finding"}, "Unterbrochen", "Interrupted", ""},
		{"restoring", session.Report{State: session.Restoring}, "Wird wiederhergestellt", "Restoring", ""},
		{"degraded", session.Report{State: session.Open, Flags: []session.Flag{session.Degraded}}, "Öffentlich", "Public", "Gerät eingeschränkt Unit degraded"},
		{"unknown state", session.Report{State: "dancing"}, "Anzeige nicht aktuell", "Display not current", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHandler(t, nil)
			h.Update(wall.View{At: show.At, Room: "Ratssaal", Session: tt.r})
			page := get(h, "/", "").Body.String()
			if got := element(page, "<h1", "</h1>"); got != tt.de {
				t.Errorf("got %q, want %q", got, tt.de)
			}
			if got := element(page, `<p class="second"`, "</p>"); got != tt.en {
				t.Errorf("got %q, want %q", got, tt.en)
			}
			if got := element(page, `<p class="notice"`, "</p>"); tt.notice != "" && got != tt.notice {
				t.Errorf("notice: got %q, want %q", got, tt.notice)
			}
		})
	}
}

// every calls f with each state under each set of flags, with points half proven.
func every(f func(name string, v wall.View)) {
	base := show.Scenes()[len(show.Scenes())-1].View
	for _, s := range session.States {
		for set := range 1 << len(session.Flags) {
			v := base
			v.Session.State, v.Session.Flags, v.Session.Next = s, nil, session.NextConfirm
			name := string(s)
			for i, f := range session.Flags {
				if set>>i&1 == 1 {
					v.Session.Flags = append(v.Session.Flags, f)
					name += "+" + string(f)
				}
			}
			f(name, v)
		}
	}
}

// never are words that no page may say: of guilt, of certainty nobody has, of watching people.
var never = []string{"Täter", "Spion", "Überwachung", "abgehört", "Wanze", "Kein Befund", "kein Befund", "sauber", "abhörsicher",
	"culprit", "spy", "surveillance", "no finding", "bug-free",
	"Quittier", "Alarm", "Acknowledge"} // it is "Befund" and "Antworten" on every page, the console's too

func TestEveryStateDrawsOnEveryPage(t *testing.T) {
	every(func(name string, v wall.View) {
		h := newHandler(t, nil)
		h.Update(v)
		for _, p := range []struct{ path, key string }{
			{"/", ""}, {"/leitung?lang=de", key}, {"/leitung?lang=en", key}, {"/leitung?lang=de", clerkKey}, {"/leitung?lang=en", clerkKey},
		} {
			w := get(h, p.path, p.key)
			page := text(w.Body.String())
			if w.Code != 200 || !strings.Contains(page, "Ratssaal") {
				t.Fatalf("%s: %s: got %d %q, want the page", name, p.path, w.Code, page)
			}
			for _, word := range never {
				if strings.Contains(page, word) {
					t.Errorf("%s: %s says %q", name, p.path, word)
				}
			}
			if strings.Contains(w.Body.String(), "<no value>") || strings.Contains(page, "%!") {
				t.Errorf("%s: %s: a text is missing in %q", name, p.path, page)
			}
		}
		wantNotice := slices.Contains(v.Session.Flags, session.Degraded) || slices.Contains(v.Session.Flags, session.Unsealed)
		if got := strings.Contains(get(h, "/", "").Body.String(), "Gerät eingeschränkt"); got != wantNotice {
			t.Errorf("%s: wall says that the unit is restricted: got %v, want %v", name, got, wantNotice)
		}
	})
}

func TestUnsealedIsWrittenOnTheWall(t *testing.T) {
	for _, s := range session.States {
		for _, unsealed := range []bool{false, true} {
			v := show.Scenes()[0].View
			v.Session.State, v.Session.Flags = s, nil
			if unsealed {
				v.Session.Flags = []session.Flag{session.Unsealed}
			}
			h := newHandler(t, nil)
			h.Update(v)
			page := text(get(h, "/", "").Body.String())
			if got := strings.Contains(page, "nicht versiegelt"); got != unsealed {
				t.Errorf("%s, unsealed %v: wall says so: %v", s, unsealed, got)
			}
			if got := strings.Contains(page, "Eine Tonaufnahme kann ihn nicht verlassen"); got == unsealed {
				t.Errorf("%s, unsealed %v: wall promises that no recording leaves: %v", s, unsealed, got)
			}
		}
	}
}

// TestEarlierSweepIsShownWithItsTime on the chair's page.
func TestEarlierSweepIsShownWithItsTime(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) {
		o.Words = map[string]wall.Text{"full-sweep": wall.Text(report.Points()["full-sweep"])}
	})
	h.Update(scene("closed"))
	for lang, want := range map[string]string{"de": "frühere vollständige Prüfung zählt: 18:33 Uhr", "en": "an earlier full sweep counts: 18:33"} {
		if page := text(get(h, "/leitung?lang="+lang, key).Body.String()); !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestBitsOfTheLastHour(t *testing.T) {
	h := newHandler(t, nil)
	v := show.Scenes()[0].View
	v.Sensor.BitsLastHour = 31104
	h.Update(v)
	page := text(get(h, "/", "").Body.String())
	for _, want := range []string{
		"Der Sensor konnte in der letzten Stunde höchstens 31.104 Bit abgeben; Sprache braucht etwa 39 bit/s.",
		"In the last hour the sensor could give away at most 31,104 bits; speech takes about 39 bit/s.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("wall does not say %q", want)
		}
	}
}

func TestCoverageNamesWhatCannotBeChecked(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(show.Scenes()[0].View)
	for path, want := range map[string][]string{
		"/":                {"geprüft: 2,5 bis 24 kHz", "nicht prüfbar: Geräte, die nicht senden", "nicht prüfbar: kein Empfänger angeschlossen"},
		"/leitung?lang=de": {"geprüft: 2,5 bis 24 kHz", "nicht prüfbar: Geräte, die nicht senden"},
		"/leitung?lang=en": {"checked: 2.5 to 24 kHz", "cannot be checked: devices that do not transmit"},
	} {
		page := text(get(h, path, key).Body.String())
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
}
