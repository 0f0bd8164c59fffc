package page

import (
	"strings"
	"testing"

	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// TestMeeting: the room's page says how its conference stands, and no code of an epoch that is over.
func TestMeeting(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.report(session.Report{State: session.Closed})
	if _, body := k.get("/rooms/ratssaal"); strings.Contains(body, "meeting-h") {
		t.Error("a conference is shown that has said nothing")
	}
	code, sum := "123456789012345678901234567890", strings.Repeat("0a1b2c3d", 8)
	n := uint64(0)
	tells := func(c report.Conference, want ...string) {
		t.Helper()
		n++
		c.Version = n
		k.tell(topic.ConferenceReported("ratssaal"), c)
		for i, lang := range []string{"de", "en"} {
			k.get("/?lang=" + lang)
			_, body := k.get("/rooms/ratssaal")
			_, part, _ := strings.Cut(body, `id="meeting"`)
			part, _, _ = strings.Cut(part, "</section>")
			if !strings.Contains(part, want[i]) {
				t.Errorf("%+v in %s lacks %q: %s", c, lang, want[i], part)
			}
			if has := strings.Contains(part, "67890"); has != (len(c.CodeLabel) > 10 && c.State == "running") {
				t.Errorf("%+v in %s: digits shown: %v", c, lang, has)
			}
			if has := strings.Contains(part, "<code>0a1b 2c3d …</code>"); has != (c.Bundle != "") {
				t.Errorf("%+v in %s: checksum shown: %v", c, lang, has)
			}
			decent(t, "the conference in "+lang, body)
		}
	}
	tells(report.Conference{State: "closed", Level: "confidential", Bundle: sum}, "keine Konferenz zugelassen", "No conference is allowed")
	tells(report.Conference{State: "idle", Level: "nonpublic", Bundle: sum}, "erlaubt: nichtöffentlich", "allowed: closed to the public")
	tells(report.Conference{State: "waiting", Level: "nonpublic", Seats: 2}, "wartet auf die Sitzungsleitung, Plätze belegt: 2", "waits for the chair, seats taken: 2")
	tells(report.Conference{State: "running", Level: "nonpublic", Seats: 3, CodeLabel: "chair " + code, Bundle: sum}, "von der Sitzungsleitung gemeldet", "as the chair&#39;s device says")
	tells(report.Conference{State: "running", Level: "nonpublic", Seats: 3, Bundle: sum}, "noch nicht gemeldet", "not reported for this state yet")
	tells(report.Conference{State: "running", Level: "nonpublic", Seats: 3, CodeLabel: "room " + code}, "vom Saal selbst berechnet", "computed by the hall itself")
	tells(report.Conference{State: "running", Level: "nonpublic", Seats: 3, CodeLabel: "differ"}, "verschiedene Raumschlüssel", "different room codes")
	tells(report.Conference{State: "idle", Level: "public", Kept: []string{"page-certificate", "roster"}}, "die vorige gilt weiter: Teilnehmerliste", "the one of before still holds: certificate of the pages")
	tells(report.Conference{State: "running", Level: "nonpublic", Seats: 3, CodeLabel: "differ"}, "verschiedene Raumschlüssel", "different room codes")
	k.tell(topic.ConferenceReported("ratssaal"), report.Conference{Version: 1, State: "idle", Level: "public"}) // an older one, again
	if _, body := k.get("/rooms/ratssaal"); !strings.Contains(body, "different room codes") {
		t.Error("an older report was believed")
	}
}
