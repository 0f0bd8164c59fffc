package export

import (
	"fmt"
	"strings"
	"time"

	"subrosa/firmware/compliance"
	"subrosa/firmware/report"
)

// proposal is what must stand beside every proposed status.
const proposal = "Vorschlag der Raumeinheit. Über den Status entscheidet die oder der Informationssicherheitsbeauftragte."

// notices are said at the end of the report and in the table.
var notices = []string{
	"Ein Befund ist ein Anlass nachzusehen, kein Beweis. „Kein Befund“ gilt nur für das Geprüfte.",
	"Der Bericht unterscheidet keine Personen. Er dient nicht der Kontrolle von Leistung oder Verhalten.",
	"Anforderungen sind mit eigenen Worten wiedergegeben; maßgeblich ist der Text des BSI. INF.10.A10 ist in der Edition 2023 entfallen (heute ORP.1.A17). „Hausregel“ bezeichnet Regeln des Raums, die das BSI nicht verlangt.",
	"Kennungen und Titel von Grundschutz++: Bundesamt für Sicherheit in der Informationstechnik, Stand-der-Technik-Bibliothek, CC BY-SA 4.0 (creativecommons.org/licenses/by-sa/4.0). Der unveränderte Auszug liegt im Ordner „oscal“ bei.",
	"Die Einheit erhebt keinen Anspruch für Verschlusssachen. Dieser Bericht ist keine Rechtsberatung.",
}

// unmeasurable is what no figure in an export speaks about.
var unmeasurable = []string{
	"Aufnahmegeräte, die nicht senden, und Telefone, die ausgeschaltet oder im Flugmodus sind",
	"Funk außerhalb der geprüften Bänder; welche es waren, steht bei jedem Befund",
	"hörbarer Schall: er wird nicht ausgewertet und nicht aufgezeichnet",
	"Fenster und Türen ohne Kontakt; Nutzungen des Raums ohne Sitzung",
	"wer im Raum war: das steht in der Niederschrift",
}

func (e *export) day(t time.Time) string  { return t.In(e.zone).Format("02.01.2006") }
func (e *export) time(t time.Time) string { return t.In(e.zone).Format("15:04") }

// moment is "21.11.2026, 18:30 Uhr".
func (e *export) moment(t time.Time) string { return e.day(t) + ", " + e.time(t) + " Uhr" }

// span is "18:30–20:05", with days where they differ.
func (e *export) span(from, to time.Time) string {
	switch {
	case to.IsZero():
		return e.time(from) + "–…"
	case e.day(from) != e.day(to):
		return e.time(from) + "–" + e.day(to) + " " + e.time(to)
	}
	return e.time(from) + "–" + e.time(to)
}

// period is "01.11.2026 bis 30.11.2026": the last day is the one before Period.To.
func (e *export) period() string {
	p := e.Figures.Period
	return e.day(p.From) + " bis " + e.day(p.To.Add(-time.Nanosecond))
}

// hours is "4:50 h".
func hours(d time.Duration) string {
	m := int(d.Round(time.Minute) / time.Minute)
	return fmt.Sprintf("%d:%02d h", m/60, m%60)
}

// minutes is "4 min", "<1 min".
func minutes(d time.Duration) string {
	if d < time.Minute {
		return "<1 min"
	}
	return fmt.Sprintf("%d min", int(d/time.Minute))
}

func share(s compliance.Share) string {
	if p := s.Percent(); p >= 0 {
		return fmt.Sprintf("%d %%", p)
	}
	return "nicht geprüft"
}

func points(slugs []string) string {
	var out []string
	for _, s := range slugs {
		out = append(out, report.PointText(s).DE)
	}
	return strings.Join(out, ", ")
}

var roles = map[string]string{"chair": "Sitzungsleitung", "clerk": "Schriftführung", "facility": "Haustechnik",
	"isms": "Informationssicherheit", "admin": "Verwaltung"}

func role(slug string) string {
	if r, ok := roles[slug]; ok {
		return r
	}
	return slug
}

var steps = map[string]string{"handover": "Übergabe", "sweep": "Prüfung", "arming": "Scharfschaltung", "interrupted": "nach Unterbrechung"}

var qualities = []struct{ slug, text string }{
	{"synced", "geprüfte Uhrzeit"}, {"unsynced", "Uhrzeit nicht geprüft"}, {"scenario", "Uhrzeit einer Vorführung"},
}

func (e *export) quality() string {
	var out []string
	for _, q := range qualities {
		if n := e.Figures.Qualities[q.slug]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, q.text))
		}
	}
	return strings.Join(out, ", ")
}

func after(a compliance.After) string {
	return map[compliance.After]string{compliance.AllClosed: "alles zu", compliance.LeftOpen: "etwas offen", compliance.AfterUnknown: "nicht geprüft"}[a]
}

func evidence(v compliance.Evidence) string {
	switch {
	case v.Count == 0:
		return "keine"
	case v.Count == 1:
		return fmt.Sprintf("Nr. %d", v.First)
	}
	return fmt.Sprintf("%d, Nr. %d–%d", v.Count, v.First, v.Last)
}

// coverage says in one line what the proposal for a part rests on.
func coverage(p compliance.PartResult) string {
	if p.Measure == compliance.Organisational {
		return "organisatorisch, nicht gemessen"
	}
	return p.Tally.Text("de")
}
