package wall_test

import (
	"encoding/json"
	"strings"
	"testing"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

// traces are what a finding would leave on a page: its kind, name, figures, ids and sign.
func traces() []string {
	out := []string{"silverpush", "SilverPush", "Ultraschall", "Ultrasonic", "18,5", "18.5", "433,92", "Funkaussendung", "ultrasonic-beacon",
		"harmlos", "Befund", "data-alarm", "thorn"}
	for _, a := range show.Alarms() {
		out = append(out, a.Finding.ID)
	}
	return out
}

func alarmScene() wall.View {
	v := show.Scenes()[len(show.Scenes())-1].View
	v.Coverage = nil // it may speak of ultrasound
	return v
}

func TestFindingsAreSilentOnTheWall(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(alarmScene())
	stream := string(firstEvent(t, h, "/events", "").raw)
	for name, got := range map[string]string{"wall": get(h, "/", "").Body.String(), "its stream": stream} {
		for _, s := range traces() {
			if strings.Contains(got, s) {
				t.Errorf("%s holds %q", name, s)
			}
		}
	}
	chair := get(h, "/leitung", key).Body.String()
	e := firstEvent(t, h, "/leitung/events", key)
	for _, want := range []string{"SilverPush", "18,5", show.Alarms()[0].Finding.ID} {
		if !strings.Contains(chair, want) {
			t.Errorf("the chair's page does not hold %q", want)
		}
		if !strings.Contains(e.Parts["alarms"], want) {
			t.Errorf("the chair's stream does not hold %q", want)
		}
	}
	if !strings.HasPrefix(e.Title, "(2) ") {
		t.Errorf("title: got %q, want it to count two open alarms", e.Title)
	}
}

// The wall must not change in any byte when an alarm comes: that would tell whoever watches it.
func TestTheWallDoesNotStir(t *testing.T) {
	h := newHandler(t, nil)
	v := alarmScene()
	v.Alarms, v.Proposal = nil, nil
	h.Update(v)
	before := get(h, "/", "").Body.String()
	h.Update(alarmScene())
	if after := get(h, "/", "").Body.String(); after != before {
		t.Errorf("the wall differs with and without alarms")
	}
}

// TestNoticesAreForChairAndClerk: the wall holds nothing of them and does not change with them; their page does.
func TestNoticesAreForChairAndClerk(t *testing.T) {
	h := newHandler(t, nil)
	v := scene("told")
	h.Update(v)
	with := get(h, "/", "").Body.String()
	for k, want := range map[string]string{key: "Nicht eingehalten: Es sind so viele Telefone", clerkKey: "gesehen: Schriftführung"} {
		if page := get(h, "/leitung", k).Body.String(); !strings.Contains(page, want) || strings.Count(page, ">Gesehen<") != 1 {
			t.Errorf("the page does not say %q, or offers the wrong presses", want)
		}
	}
	v.Notices = nil
	h.Update(v)
	if got := get(h, "/", "").Body.String(); got != with || strings.Contains(got, "eingehalten") {
		t.Error("the wall changes with a notice")
	}
	if !strings.Contains(with, "Aufzeichnung: nicht bekannt") {
		t.Error("the wall does not say that nothing is known of the recorder")
	}
}

func TestPolicyMayShowKindsOnTheWall(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) { o.WallShowsFindings = true })
	v := alarmScene()
	h.Update(v)
	page := text(get(h, "/", "").Body.String())
	for _, want := range []string{"Ultraschallsignal mit Daten", "Short radio emission"} {
		if !strings.Contains(page, want) {
			t.Errorf("the wall does not say %q", want)
		}
	}
	for _, not := range []string{"SilverPush", "18,5", "Saaltechnik noch eingeschaltet" /* acknowledged */} {
		if strings.Contains(page, not) {
			t.Errorf("the wall says %q", not)
		}
	}
	v.Session.State, v.Session.Reason = session.Interrupted, "finding"
	h.Update(v)
	if got := element(get(h, "/", "").Body.String(), "<h1", "</h1>"); got != "Unterbrochen: Befund wird geklärt" {
		t.Errorf("got %q", got)
	}
}

func TestAlarmNamesTheInnocentCauseFirst(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(alarmScene())
	for lang, want := range map[string][]string{
		"de": {"Mögliche harmlose Ursache: Werbung oder App-Signal", "Ultraschallsignal mit Daten (SilverPush)", "Um das Schließen von Apps", "Messwerte", "14,2 dB"},
		"en": {"Possible harmless cause: Advertisement or app beacon", "Ultrasonic data signal (SilverPush)", "Ask for apps", "Figures", "14.2 dB"},
	} {
		page := element(get(h, "/leitung?lang="+lang, key).Body.String(), `<article class="card alarm"`, "</article>")
		for _, w := range want {
			_, rest, ok := strings.Cut(page, w)
			if !ok {
				t.Errorf("%s: %q is missing, or not in this order, in %q", lang, w, page)
				break
			}
			page = rest
		}
	}
}

func TestAPIView(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(alarmScene())
	if w := get(h, "/api/view", ""); w.Code != 403 || strings.Contains(w.Body.String(), "silverpush") {
		t.Errorf("without a key: got %d %s", w.Code, w.Body)
	}
	w := get(h, "/api/view", clerkKey)
	var got struct {
		Role  string `json:"role"`
		Stale bool   `json:"stale"`
		wall.View
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if got.Role != "clerk" || got.Stale || got.Room != "Ratssaal" || len(got.Alarms) != 3 || got.Session.State != session.Closed {
		t.Errorf("got %+v", got)
	}
}
