package page

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// lock has a room ask for the lock of three devices, and two connectors answer.
func (k *house) lock() {
	k.t.Helper()
	k.tell(topic.MDMOnline("nanomdm"), map[string]any{"version": 1, "online": true})
	k.tell(topic.MDMOnline("agent"), map[string]any{"version": 1, "online": true})
	k.tell(topic.MDMPosture("nanomdm"), mdm.Posture{Version: 1, Off: 243, Total: 250, At: k.now.Add(-28 * time.Minute), Evidence: mdm.Restrictions, Standing: []string{"assistant"}})
	k.tell(topic.LockdownDesired("ratssaal"), mdm.Desired{Version: 7, Session: "s-1-7", Mode: mdm.Locked, Restrict: []string{"assistant", "microphone?"}, LeaseS: 300,
		HardEnd: k.now.Add(2 * time.Hour), Devices: []string{"d-7f3a", "d-91c0", "d-aa01"}})
	k.tell(topic.LockdownReported("ratssaal", "nanomdm"), mdm.Report{Version: 1, DesiredVersion: 7, Mode: mdm.Locked, Evidence: mdm.Restrictions,
		Counts: map[mdm.State]int{mdm.LockedVerified: 1, mdm.NotNow: 1, mdm.Unmanaged: 1}})
	k.tell(topic.LockdownReported("ratssaal", "agent"), mdm.Report{Version: 1, DesiredVersion: 7, Mode: mdm.Locked, Evidence: mdm.AgentSays,
		Counts: map[mdm.State]int{mdm.Unmanaged: 3}, Microphones: mdm.Count{Can: 1, Off: 1}})
}

// TestDevices: postures and locks as counts with rings and the tables behind them, in both languages; no device anywhere.
func TestDevices(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	if _, body := k.get("/devices"); !strings.Contains(body, "Es ist keine Geräteverwaltung angebunden") {
		t.Error("nothing is said where nothing is connected")
	}
	k.unit()
	k.report(session.Report{State: session.Closed})
	k.lock()
	want := map[string][2][]string{
		"/devices": {{"243 von 250 aus, Stand 18:02", "Assistent aus, vom Gerät gemeldet", "verbunden", "Bildschirm gesperrt, bitte einmal entsperren: 1", "Nicht verwaltet: 1"},
			{"243 of 250 off, as of 18:02", "Screen locked, please unlock once: 1"}},
		"/rooms/ratssaal": {{"Assistenten aus", "Bitte alle: Dienstgeräte einmal entsperren.", "Nicht verwaltete Geräte ins Schließfach.", "Mikrofon abschaltbar, davon aus: 1 / 1"},
			{"Assistants off", "unlock your device once"}},
	}
	for i, lang := range []string{"de", "en"} {
		k.get("/?lang=" + lang)
		for path, words := range want {
			_, body := k.get(path)
			for _, w := range words[i] {
				if !strings.Contains(body, w) {
					t.Errorf("%s in %s lacks %q", path, lang, w)
				}
			}
			if !strings.Contains(body, `<svg class="ring"`) || !strings.Contains(body, `<table class="parts">`) {
				t.Errorf("%s in %s: no ring with its table", path, lang)
			}
			if strings.Contains(body, "d-7f3a") {
				t.Errorf("%s names a device", path)
			}
			decent(t, path+" in "+lang, body)
		}
	}
	k.get("/?lang=de")
	k.tell(topic.MDMOnline("nanomdm"), map[string]any{"version": 2, "online": false})
	k.tell(topic.MDMOnline("agent"), map[string]any{"version": 2, "online": false})
	if _, body := k.get("/rooms/ratssaal"); !strings.Contains(body, "Verwaltung der Geräte nicht erreichbar: Telefone ins Schließfach") {
		t.Error("a lost connector is not said at once")
	}
}

// upload posts a roster file.
func (k *house) upload(csv string) (int, string) {
	k.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	w, err := m.CreateFormFile("file", "liste.csv")
	if err == nil {
		_, err = w.Write([]byte(csv))
	}
	if err != nil || m.Close() != nil {
		k.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, k.srv.URL+"/rooms/ratssaal/roster", &b)
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Origin", k.srv.URL)
	resp, body := k.do(r)
	return resp.StatusCode, body
}

// TestRoster: a list is published under a version above all that were seen, and one with names is refused and not repeated.
func TestRoster(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.report(session.Report{State: session.Open})
	k.tell(topic.Roster("ratssaal"), map[string]any{"version": 41, "writer": "unit:ratssaal-1", "members": []roster.Member{{ID: "m-9", Role: roster.Guest}}})
	big := "id;role;devices;from;to\n"
	for i := range 1200 { // more than a form may have otherwise
		big += "m-" + strings.Repeat("0", 3) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ";councillor;;;\n"
	}
	if status, body := k.upload(big); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	e, err := event.Decode(k.out.sent[topic.Roster("ratssaal")])
	if err != nil {
		t.Fatal(err)
	}
	version, members, err := roster.Decode(e.Data)
	if err != nil || version != 42 || len(members) != 1200 {
		t.Errorf("published version %d, %d members, %v", version, len(members), err)
	}
	clear(k.out.sent)
	for _, bad := range []string{"id,role,devices,from,to\nErika Mustermann,guest,,,\n", "name\n", "", big + strings.ReplaceAll(big[strings.Index(big, "\n")+1:], "m-", "n-")} {
		status, body := k.upload(bad)
		if status != http.StatusUnprocessableEntity || strings.Contains(body, "Erika") || len(k.out.sent) > 0 {
			t.Errorf("%.60q: %d", bad, status)
		}
		decent(t, "refused roster", body)
	}
	if status, _ := k.post("/rooms/ratssaal/roster", nil); status != http.StatusUnprocessableEntity {
		t.Errorf("no file: %d", status)
	}
}

// TestDeclaredApart: what people or lists say is not among what is proven, and a list is judged by its age.
func TestDeclaredApart(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	list := mdm.Posture{Version: 1, Off: 4, Total: 5, At: k.now.Add(-time.Hour), Evidence: mdm.Signed, Counts: map[mdm.State]int{mdm.Declared: 4}, Standing: []string{"assistant"}}
	k.tell(topic.MDMPosture("jamf"), list)
	_, body := k.get("/devices")
	for _, w := range []string{"eingelesene Liste", "4 von 5 aus", "erklärt, nicht nachgewiesen", `</span>Assistent aus, erklärt (nicht nachgewiesen)</th><td>4</td>`,
		`</span>Assistent aus, vom Gerät gemeldet</th><td>0</td>`, `text-anchor="middle">0</text>`} {
		if !strings.Contains(body, w) {
			t.Errorf("lacks %q", w)
		}
	}
	for _, w := range []string{"veraltet", "nicht erreichbar"} {
		if strings.Contains(body, w) {
			t.Errorf("a fresh list is %q", w)
		}
	}
	decent(t, "declared", body)
	list.Version, list.At = 2, k.now.Add(-25*time.Hour)
	k.tell(topic.MDMPosture("jamf"), list)
	if _, body := k.get("/devices"); !strings.Contains(body, "veraltet") {
		t.Error("an old list is not said to be old")
	}
}
