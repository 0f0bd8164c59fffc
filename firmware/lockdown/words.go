package lockdown

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/report"
	"subrosa/mdm"
)

// Part is a count with its words, for lists, tables and drawings.
type Part struct {
	Slug  string
	Count int
	Text  report.Text
	Do    report.Text // what a person can do; empty: nothing
	Good  bool        // proven off
}

// Parts returns the counts that are not 0, the proven ones first, and the two that are always said.
func (s Status) Parts() (out []Part) {
	for _, p := range []Part{
		{"off", s.Off, report.Text{DE: "Assistenten aus", EN: "assistants off"}, report.Text{}, true},
		{"locked", s.Locked, report.Text{DE: "Bildschirm gesperrt, bitte einmal entsperren", EN: "screen locked, please unlock once"},
			report.Text{DE: "Bitte alle: Dienstgeräte einmal entsperren.", EN: "Everybody, please: unlock your device once."}, false},
		{"claimed", s.Claimed, report.Text{DE: "zugestellt, nicht nachweisbar", EN: "delivered, cannot be proven"},
			report.Text{DE: "Diese Geräte können ihren Zustand nicht melden: ins Schließfach, wo es darauf ankommt.", EN: "These devices cannot report their state: into the locker where it matters."}, false},
		{"declared", s.Declared, report.Text{DE: "als aus erklärt, nicht nachgewiesen", EN: "declared off, not proven"}, report.Text{}, false},
		{"partial", s.Partial, report.Text{DE: "teilweise aus", EN: "partly off"}, report.Text{DE: "Diese Geräte ins Schließfach.", EN: "Put these devices into the locker."}, false},
		{"waiting", s.Waiting, report.Text{DE: "wird gesperrt", EN: "being locked"}, report.Text{}, false},
		{"offline", s.Offline, report.Text{DE: "nicht erreichbar", EN: "not reached"},
			report.Text{DE: "Netz einschalten, oder ins Schließfach.", EN: "Switch the network on, or put them into the locker."}, false},
		{"failed", s.Failed, report.Text{DE: "nicht gesperrt", EN: "not locked"}, report.Text{DE: "Diese Geräte ins Schließfach.", EN: "Put these devices into the locker."}, false},
		{"blind", s.Blind, report.Text{DE: "ohne Rückmeldung", EN: "no answer"}, paper, false},
		{"unmanaged", s.Unmanaged, report.Text{DE: "nicht verwaltet", EN: "not managed"},
			report.Text{DE: "Nicht verwaltete Geräte ins Schließfach.", EN: "Devices that are not managed belong in the locker."}, false},
	} {
		if p.Count > 0 || p.Slug == "off" {
			out = append(out, p)
		}
	}
	return out
}

// paper is the rule that holds without any connector.
var paper = report.Text{DE: "Telefone ins Schließfach", EN: "Phones into the locker"}

// Lines are what people read, the counts first: each line one sentence, "" as the whole when there is nothing to say.
func (s Status) Lines() (out []report.Text) {
	switch s.Phase {
	case Giving:
		return []report.Text{{DE: fmt.Sprintf("Sperre aufgehoben; noch nicht zurückgestellt: %d", s.Returning),
			EN: fmt.Sprintf("Lock ended; not yet given back: %d", s.Returning)}}
	case Over:
		return []report.Text{{DE: "Die Sperre der Sprachassistenten hat ihre längste Dauer erreicht und ist aufgehoben: " + paper.DE,
			EN: "The lock of the voice assistants has reached its longest time and has ended: " + lower(paper.EN)}}
	case Idle:
		return nil
	}
	if s.Connectors == 0 {
		return []report.Text{{DE: "Keine Verwaltung der Geräte verbunden: " + paper.DE, EN: "No device management is connected: " + lower(paper.EN)}}
	}
	if s.Reached == 0 {
		return []report.Text{{DE: "Verwaltung der Geräte nicht erreichbar: " + paper.DE, EN: "Device management cannot be reached: " + lower(paper.EN)}}
	}
	out = append(out, s.Counts())
	if len(s.Lost) > 0 {
		out = append(out, report.Text{DE: fmt.Sprintf("Verbindung zur Geräteverwaltung unterbrochen (%d von %d): %s", len(s.Lost), s.Connectors, paper.DE),
			EN: fmt.Sprintf("Connection to device management lost (%d of %d): %s", len(s.Lost), s.Connectors, lower(paper.EN))})
	}
	return out
}

// Counts is the line of counts.
func (s Status) Counts() report.Text {
	var de, en []string
	for _, p := range s.Parts() {
		de = append(de, fmt.Sprintf("%s: %d", p.Text.DE, p.Count))
		en = append(en, fmt.Sprintf("%s: %d", p.Text.EN, p.Count))
	}
	if s.Microphones > 0 && slices.ContainsFunc(s.Asked, func(r string) bool { return strings.TrimSuffix(r, "?") == "microphone" }) {
		de = append(de, fmt.Sprintf("Mikrofon abschaltbar: %d, davon aus: %d", s.Microphones, s.MicrophonesOff))
		en = append(en, fmt.Sprintf("microphone can be switched off: %d, of these off: %d", s.Microphones, s.MicrophonesOff))
	}
	t := report.Text{DE: strings.Join(de, " · "), EN: strings.Join(en, " · ")}
	t.EN = strings.ToUpper(t.EN[:1]) + t.EN[1:]
	return t
}

// Text is "243 von 250 aus, Stand 18:02", with the date where it is not that of now.
func (p Posture) Text(now time.Time, loc *time.Location) report.Text {
	at, today := p.At.In(loc), now.In(loc)
	de, en := at.Format("15:04"), at.Format("15:04")
	if at.YearDay() != today.YearDay() || at.Year() != today.Year() {
		de, en = at.Format("02.01.2006, 15:04")+" Uhr", at.Format("2006-01-02 15:04")
	}
	t := report.Text{DE: fmt.Sprintf("%d von %d aus, Stand %s", p.Off, p.Total, de), EN: fmt.Sprintf("%d of %d off, as of %s", p.Off, p.Total, en)}
	switch {
	case p.Declared > 0 && p.Proven() > 0:
		t.DE, t.EN = fmt.Sprintf("%s, davon %d erklärt, nicht nachgewiesen", t.DE, p.Declared), fmt.Sprintf("%s, %d of these declared, not proven", t.EN, p.Declared)
	case p.Declared > 0:
		t.DE, t.EN = t.DE+", erklärt, nicht nachgewiesen", t.EN+", declared, not proven"
	}
	return t
}

// FaultText says what keeps a connector from working.
func FaultText(slug string) report.Text {
	if t, ok := faults[slug]; ok {
		return t
	}
	return report.Text{DE: "gestört", EN: "faulty"}
}

var faults = map[string]report.Text{
	mdm.FaultUnreachable: {DE: "Geräteverwaltung antwortet nicht", EN: "device management does not answer"},
	mdm.FaultCredentials: {DE: "Geräteverwaltung nimmt die Anmeldung nicht an", EN: "device management refuses to sign us in"},
	mdm.FaultCert:        {DE: "Zertifikat ist nicht in Ordnung", EN: "certificate is not in order"},
	mdm.FaultPush:        {DE: "Geräte lassen sich nicht wecken", EN: "devices cannot be woken"},
	mdm.FaultWebhook:     {DE: "Antworten mit falscher Unterschrift", EN: "answers with a wrong signature"},
	mdm.FaultAnswer:      {DE: "unverständliche Antworten", EN: "answers that make no sense"},
	mdm.FaultClock:       {DE: "Uhren gehen mehr als zwei Minuten auseinander", EN: "clocks differ by more than two minutes"},
	mdm.FaultState:       {DE: "Speicher der Anbindung lässt sich nicht beschreiben", EN: "the connector's memory cannot be written"},
	mdm.FaultSlow:        {DE: "zu langsam für eine Sitzung", EN: "too slow for a session"},
	mdm.FaultRefused:     {DE: "Geräte lehnen ab", EN: "devices refuse"},
	mdm.FaultCircumvent:  {DE: "auf einem Gerät rückgängig gemacht", EN: "undone on a device"},
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
