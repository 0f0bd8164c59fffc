package export

import (
	"fmt"
	"strconv"
	"strings"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/compliance"
)

func itoa(n int) string { return strconv.Itoa(n) }

// report returns the PDF to sign.
func (e *export) report() ([]byte, error) {
	p := newPaper("Bericht zum Grundschutz-Check: "+e.about.Name+", "+e.period(), e.about.Name+" · "+e.period()+" · Stand: Eintrag Nr. "+
		strconv.FormatUint(e.Figures.StandSeq, 10), e.stand())
	e.opening(p)
	e.scope(p)
	e.requirements(p)
	e.sessions(p)
	e.exceptions(p)
	e.alarms(p)
	if err := e.proof(p); err != nil {
		return nil, err
	}
	e.signatures(p)
	p.heading("Hinweise")
	for _, n := range notices {
		p.bullet(n)
	}
	return p.bytes()
}

func (e *export) opening(p paper) {
	p.font("B", 17)
	p.CellFormat(width, 9, "Bericht zum Grundschutz-Check", "", 1, "L", false, 0, "")
	p.font("", 12)
	sub := e.about.Name + ", " + e.period()
	if e.about.Organisation != "" {
		sub = e.about.Organisation + " · " + sub
	}
	for _, l := range p.SplitText(sub, width) {
		p.CellFormat(width, 6, l, "", 1, "L", false, 0, "")
	}
	p.Ln(2)
	p.font("B", textSize)
	for _, l := range p.SplitText(proposal, width) {
		p.CellFormat(width, leading, l, "", 1, "L", false, 0, "")
	}
	p.heading("Der Zeitraum in Zahlen")
	var rows [][]cell
	for _, f := range e.summary()[2:] {
		rows = append(rows, []cell{{f[0], true}, {f[1], false}})
	}
	p.table([]column{{"", 45}, {"", width - 45}}, rows)
}

func (e *export) scope(p paper) {
	p.heading("Was gemessen wurde, und was nicht messbar ist")
	p.text("Die Raumeinheit prüft Schall und Funk in ihrem Messbereich und die Kontakte an Fenstern und Türen, während der nichtöffentlichen Teile und danach. Sie zeichnet nichts auf. Anteile sind abgedeckte Zeit: ohne gemeldete Ausfälle und ohne Zeiten, in denen die Einheit nicht lief. Nicht messbar sind:")
	for _, u := range unmeasurable {
		p.bullet(u)
	}
}

func (e *export) requirements(p paper) {
	p.heading("Anforderungen mit Vorschlag")
	cols := []column{{"Teil", 25}, {"Inhalt (eigene Worte)", 42}, {"Vorschlag", 18}, {"Abdeckung", 36}, {"Bleibt organisatorisch", width - 121}}
	for _, s := range []compliance.Source{compliance.Edition2023, compliance.Plus, compliance.House, compliance.DSK} {
		var rows [][]cell
		var none []string
		for _, r := range e.Results {
			switch {
			case r.Source != s:
			case !measurable(r):
				none = append(none, r.ID+" "+r.Title)
			default:
				rows = append(rows, e.requirement(r)...)
			}
		}
		if len(rows) == 0 && len(none) == 0 {
			continue
		}
		p.room(40)
		p.font("B", textSize)
		p.CellFormat(width, leading+1, s.Text("de"), "", 1, "L", false, 0, "")
		if len(rows) > 0 {
			p.table(cols, rows)
		}
		if len(none) > 0 {
			p.text("Hierzu misst die Einheit nichts; Nachweis durch die zuständige Stelle: " + strings.Join(none, "; ") + ".")
		}
	}
}

func measurable(r compliance.Result) bool {
	for _, p := range r.Parts {
		if p.Measure != compliance.Organisational {
			return true
		}
	}
	return false
}

func (e *export) requirement(r compliance.Result) [][]cell {
	level := ""
	if r.Level != "" {
		level = " (" + r.Level + ")"
	}
	rows := [][]cell{{{fmt.Sprintf("%s %s%s: %s, Messwerte zu %d von %d Teilen", r.ID, r.Title, level, r.Status.Text("de"), r.Measured(), len(r.Parts)), true}}}
	for _, part := range r.Parts {
		rest := part.Rest.DE
		if part.Measure == compliance.Organisational {
			rest = "alles"
		}
		rows = append(rows, []cell{{part.ID, false}, {part.Text.DE, false}, {part.Status.Text("de"), true}, {coverage(part), false}, {rest, false}})
	}
	return rows
}

func (e *export) sessions(p paper) {
	p.heading("Sitzungen")
	if len(e.Figures.Sessions) == 0 {
		p.text(e.none("Keine Sitzung im Zeitraum."))
		return
	}
	var rows [][]cell
	for _, s := range e.Figures.Sessions {
		day := e.day(s.Began)
		if s.Closed.IsZero() {
			rows = append(rows, []cell{{day, false}, {e.time(s.Began) + " abgebrochen", false}, {"–", false}, {"–", false}, {"–", false}, {"–", false}, {"kein nichtöffentlicher Teil", false}})
			continue
		}
		var notes []string
		for _, n := range []struct {
			n    int
			text string
		}{{len(s.Overrides), "Ausnahmen: %d"}, {len(s.Interruptions), "Unterbrechungen: %d"}, {len(s.Openings), "Öffnungen: %d"}, {s.Gaps, "Zeiten ohne Einheit: %d"}, {s.Hidden, "Einträge ohne lesbaren Inhalt: %d"}} {
			if n.n > 0 {
				notes = append(notes, fmt.Sprintf(n.text, n.n))
			}
		}
		if len(s.Unproven) > 0 {
			notes = append(notes, "nicht nachgewiesen: "+points(s.Unproven))
		}
		if s.Quality != "synced" {
			notes = append(notes, "Uhrzeit nicht geprüft")
		}
		if s.Unsealed {
			notes = append(notes, "Messfühler nicht versiegelt")
		}
		rows = append(rows, []cell{{day, false}, {e.span(s.Closed, s.Ended), false}, {hours(s.Length), false}, {share(s.Sound), false}, {share(s.Radio), false},
			{after(s.After), false}, {strings.Join(notes, "; "), false}})
	}
	p.table([]column{{"Tag", 21}, {"Nichtöffentlich", 26}, {"Dauer", 15}, {"Schall", 16}, {"Funk", 16}, {"Danach", 20}, {"Bemerkungen", width - 114}}, rows)
	if lost := e.lost(); len(lost) > 0 {
		p.text("Nicht abgedeckt waren:")
		for _, l := range lost {
			p.bullet(l)
		}
	}
	p.text(fmt.Sprintf("„Danach“ ist der Stand der Kontakte %d Minuten nach dem Ende. Wer teilnahm, steht nicht in diesem Bericht.", int(compliance.CloseWithin.Minutes())))
}

// lost says when and why less than all of a closed part was covered.
func (e *export) lost() (out []string) {
	for _, s := range e.Figures.Sessions {
		for i, l := range s.Lost {
			if i == maxLost {
				out = append(out, fmt.Sprintf("%s: und %d weitere Zeiten, siehe Tabelle der Befunde", e.day(s.Began), len(s.Lost)-maxLost))
				break
			}
			what := "Schall und Funk"
			switch {
			case !l.Radio:
				what = "Schall"
			case !l.Sound:
				what = "Funk"
			}
			out = append(out, fmt.Sprintf("%s, %s (%s): %s, %s", e.day(l.From), e.span(l.From, l.To), minutes(l.To.Sub(l.From)), what, l.Why.DE))
		}
	}
	return out
}

// maxLost is how many times without coverage of one session are listed.
const maxLost = 8

func (e *export) exceptions(p paper) {
	p.heading("Ausnahmen, Unterbrechungen, Öffnungen")
	var rows [][]cell
	add := func(when, what, why string) { rows = append(rows, []cell{{when, false}, {what, false}, {why, false}}) }
	for _, s := range e.Figures.Sessions {
		for _, o := range s.Overrides {
			add(e.moment(o.At), "Ausnahme ("+steps[string(o.Step)]+"), "+role(string(o.Role)), o.Reason.Words().DE+unproven(o.Points))
		}
		for _, i := range s.Interruptions {
			add(e.day(i.At)+", "+e.span(i.At, i.Until), "Unterbrechung", i.Reason.Words().DE)
		}
		for _, o := range s.Openings {
			length := "bis zum Ende des nichtöffentlichen Teils offen"
			if !o.Until.IsZero() {
				length = minutes(o.Until.Sub(o.At)) + " offen"
			}
			add(e.day(o.At)+", "+e.span(o.At, o.Until), map[string]string{"window": "Fenster", "door": "Tür"}[o.Guards]+" „"+o.Name+"“", length)
		}
	}
	if len(rows) == 0 {
		p.text("Keine.")
		return
	}
	p.table([]column{{"Wann", 50}, {"Was", 56}, {"Grund", width - 106}}, rows)
}

func unproven(slugs []string) string {
	if len(slugs) == 0 {
		return ""
	}
	return "; nicht nachgewiesen: " + points(slugs)
}

func (e *export) alarms(p paper) {
	p.heading("Befunde mit Meldung")
	if len(e.Figures.Alarms) == 0 {
		p.text(e.none("Keine Meldung im Zeitraum. Das gilt nur für das Geprüfte: siehe Abdeckung je Sitzung und „nicht messbar“."))
		return
	}
	var rows [][]cell
	for _, a := range e.Figures.Alarms {
		answer := "ohne Antwort"
		if a.Answered() {
			answer = a.Ack.Text("de")
		}
		where := e.Figures.Where(a.Raised)
		rows = append(rows, []cell{{e.moment(a.Raised), false}, {a.Finding.Title("de") + ", " + where, false}, {a.State.Text("de"), false},
			{a.Finding.Why("de"), false}, {answer, !a.Answered()}})
	}
	p.table([]column{{"Gemeldet", 32}, {"Was gemessen wurde", 46}, {"Stand", 16}, {"Wahrscheinlich harmlos", 40}, {"Antwort", width - 134}}, rows)
	e.coverages(p)
}

// coverages says what was looked through when each finding was told.
func (e *export) coverages(p paper) {
	var order []string
	when := map[string][]string{}
	for _, a := range e.Figures.Alarms {
		c := a.Finding.Coverage
		if c == "" {
			continue
		}
		if when[c] == nil {
			order = append(order, c)
		}
		when[c] = append(when[c], e.moment(a.Raised))
	}
	for _, c := range order {
		p.text("Geprüft war bei der Meldung von " + strings.Join(when[c], ", ") + ": " + coverageDE(c))
	}
}

// germanCoverage are the words in which the unit says what it looked through: the record has them in English.
var germanCoverage = strings.NewReplacer("hall equipment, ", "Saaltechnik, Nachweis über ", "self-test", "Selbsttest des Geräts", "power detector of ", "Leistungsmesser für ",
	"; cannot see: what it is", "; nicht messbar: was es ist", "; cannot see: ", "; nicht messbar: ", "all: ", "ganz: ", "most: ", "das meiste: ", "some: ", "zum Teil: ",
	"none: ", "nichts: ", " to ", " bis ", " dB", " dB")

func coverageDE(c string) string { return germanCoverage.Replace(c) }

func (e *export) proof(p paper) error {
	p.heading("Nachweis")
	f := e.Figures
	p.text(e.ground())
	for _, s := range [][2]string{{"Software: ", strings.Join(f.Software, ", ")}, {"Raumregeln (Prüfsummen): ", strings.Join(f.Policies, ", ")}} {
		if s[1] != "" {
			p.text(s[0] + s[1])
		}
	}
	head, err := checkpoint.ParseShort(e.about.Checkpoint)
	if e.about.Checkpoint != "" && err == nil {
		return p.anchor(head, e.about.Fingerprint)
	}
	for _, l := range [][2]string{{"Fingerabdruck des Raumschlüssels:", e.about.Fingerprint}, {"Prüfsumme (Checkpoint):", e.about.Checkpoint}} {
		if l[1] != "" {
			p.text(l[0] + " " + l[1])
		} else {
			p.line(l[0], 60)
		}
	}
	return nil
}

// ground says which entries the report rests on.
func (e *export) ground() string {
	f := e.Figures
	read := fmt.Sprintf("gelesen bis Nr. %d vom %s", f.StandSeq, e.moment(e.stand()))
	switch {
	case f.StandSeq == 0:
		return "Das Protokoll der Einheit ist leer. Dieser Bericht belegt deshalb nichts: weder dass alles in Ordnung war noch das Gegenteil."
	case f.All.Count == 0:
		return "Das verkettete Protokoll, " + read + ", hat im Zeitraum keinen Eintrag. Dieser Bericht belegt deshalb nichts: weder dass alles in Ordnung war noch das Gegenteil."
	}
	return fmt.Sprintf("Grundlage sind Einträge des verketteten Protokolls (%s), %s. Die Kette zeigt spätere Änderungen nur gegen eine außerhalb aufbewahrte Prüfsumme. Sie zeigt nicht, dass richtig gemessen wurde.",
		evidence(f.All), read)
}

// none returns what is said where a period shows nothing of a kind, unless it has no entry at all: then nobody looked.
func (e *export) none(words string) string {
	if e.Figures.All.Count > 0 {
		return words
	}
	return "Nichts aufgezeichnet: Das Protokoll hat im Zeitraum keinen Eintrag."
}

func (e *export) signatures(p paper) {
	p.room(62)
	p.heading("Geprüft und entschieden")
	p.text("Die Entscheidungen stehen in der Tabelle „Grundschutz-Check“, Spalte „Status (Entscheidung)“.")
	for _, who := range []string{"Informationssicherheitsbeauftragte/r", "Sitzungsleitung"} {
		p.Ln(5)
		y := p.GetY() + 8
		p.SetDrawColor(60, 60, 60)
		p.Line(margin, y, margin+70, y)
		p.Line(margin+80, y, margin+width, y)
		p.SetY(y + 0.8)
		p.font("", 7.5)
		p.CellFormat(80, 4, "Ort, Datum", "", 0, "L", false, 0, "")
		p.CellFormat(width-80, 4, "Unterschrift: "+who, "", 1, "L", false, 0, "")
	}
}
