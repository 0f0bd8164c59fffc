// Package dsk is the list of technical requirements for video conferences that can be checked, after the guidance of the
// German data protection conference (DSK, Orientierungshilfe Videokonferenzsysteme, 23 October 2020), IT-Grundschutz APP.5.4 and
// SYS.3.2.1, and the catalogue Grundschutz++ (KONF). Ids and sources are facts; what is expected is said in our own words.
//
// The list says for each row who can look: the running conference itself (API), a laptop's agent (Agent), or people (Manual). A row
// that the conference looks at is at best met in part: it can see its own settings, not what people do.
package dsk

import "slices"

// Probe says who looks.
type Probe string

const (
	API    Probe = "api"    // the running conference, see KindChecked
	Agent  Probe = "agent"  // the agent on laptops, or the unit
	Manual Probe = "manual" // a declaration with date and role
)

// Text is a text in the languages of the exports.
type Text struct{ DE, EN string }

// Rule is one row.
type Rule struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Expected Text   `json:"expected"`
	Probe    Probe  `json:"probe"`
	Evidence Text   `json:"evidence"`
	Source   string `json:"source"`
}

// KindChecked is the kind of the journal's entry that a conference makes of itself; payload: Report.
const KindChecked = "conference.checked"

// Report is what a conference has seen of itself at one time.
type Report struct {
	Level  string  `json:"level"`
	Checks []Check `json:"checks"`
}

// Check is one row as seen. What could not be looked at is not in the report.
type Check struct {
	ID string `json:"id"`
	OK bool   `json:"ok"`
}

var declared = Text{"Erklärung mit Datum und Rolle.", "Declaration with date and role."}

// Rules is the list.
var Rules = []Rule{
	{"vk-transport", "Transportverschlüsselung", Text{"Seiten und Signalisierung nur über TLS, Medien nur über SRTP", "Pages and signalling over TLS alone, media over SRTP alone"}, API,
		Text{"Adresse der Konferenz mit TLS; nicht gesehen: Verfahren und Schlüssellängen nach TR-02102.", "Address of the conference with TLS; not seen: ciphers and key lengths of TR-02102."}, "DSK 4.1; APP.5.4.A6"},
	{"vk-e2ee", "Ende-zu-Ende-Verschlüsselung", Text{"Bei hohem Risiko Ende-zu-Ende, Geräte weisen sich einander nach, Schlüssel je Sitzung ohne den Betreiber", "At high risk end to end, devices show each other who they are, keys of each meeting without the operator"}, API,
		Text{"Regel der Stufe, und dass eine Bindung ohne Passkey in vertraulicher Stufe abgelehnt wird; nicht gesehen: was Geräte der Teilnehmenden tun.", "The level's rule, and that a binding without a passkey is refused at the confidential level; not seen: what participants' devices do."}, "DSK 4.1; APP.5.4.A14"},
	{"vk-storage-enc", "Verschlüsselte Ablage", Text{"Gespeichertes ist verschlüsselt und nur nach Anmeldung lesbar", "What is stored is encrypted, and read only after signing in"}, Manual, declared, "DSK 4.1; APP.5.4.A9"},
	{"vk-auth", "Anmeldung", Text{"Niemand nimmt ohne Anmeldung teil; geratene Links und Codes werden gesperrt", "Nobody takes part without signing in; guessing at links and codes is locked out"}, API,
		Text{"Eine Anfrage ohne Anmeldung wurde abgewiesen.", "A request without a sign-in was refused."}, "DSK 4.2.1"},
	{"vk-mfa", "Zwei Faktoren", Text{"Bei hohem Risiko zwei Faktoren", "Two factors at high risk"}, API,
		Text{"Ein Faktor allein wurde in nichtöffentlicher und vertraulicher Stufe abgewiesen.", "One factor alone was refused at the nonpublic and the confidential level."}, "DSK 4.2.2; APP.5.4.A17"},
	{"vk-guest", "Gäste", Text{"Gäste begrenzt, mit eigenem Link je Sitzung, vom Gastgeber eingelassen", "Guests are limited, have a link of their own for each meeting, and are let in by the host"}, API,
		Text{"Jede Einladung ist begrenzt und einmalig; Gäste warten; in vertraulicher Stufe keine.", "Every invitation is limited and for one use; guests wait; none at the confidential level."}, "DSK 4.2.4; APP.5.4.A7; KONF.11.1.1"},
	{"vk-lobby", "Vorraum", Text{"Vorraum an", "The lobby is on"}, API, Text{"Gäste warten in jeder Stufe, alle übrigen ab nichtöffentlich.", "Guests wait at every level, all others from nonpublic on."}, "KONF.11.2"},
	{"vk-moderator", "Moderation", Text{"Jemand von der einladenden Stelle leitet", "Somebody of the inviting body is in charge"}, API, Text{"Auf der Teilnahmeliste steht zurzeit eine Sitzungsleitung.", "The roster has a chair now."}, "APP.5.4.A7; KONF.6.12"},
	{"vk-roles", "Rollen", Text{"Rechte von Leitung, Geschäftsstelle und Teilnehmenden sind getrennt", "Rights of chair, clerk and participants are apart"}, API, Text{"Rechte der Leitung wurden den übrigen Rollen verwehrt.", "The chair's rights were denied to the other roles."}, "DSK 4.4; APP.5.4.A5"},
	{"vk-join-muted", "Stumm beim Eintreten", Text{"Kamera und Mikrofon sind beim Eintreten aus", "Camera and microphone are off on coming in"}, Agent, Text{"Durch die Browser-Tests des Programms gehalten, nicht im Betrieb gesehen.", "Held by the program's browser tests, not seen at work."}, "KONF.12.8; DSK 4.5"},
	{"vk-no-auto-answer", "Kein selbsttätiges Annehmen", Text{"Der Saal nimmt nicht von selbst ab; seine Kamera steuert niemand von außen", "The room does not pick up by itself; nobody outside moves its camera"}, Manual, declared, "KONF.11.5"},
	{"vk-record-off", "Aufzeichnung", Text{"Aus; sonst sichtbar, begrenzt und mit Einwilligung aller", "Off; else visible, limited and with everyone's consent"}, API, Text{"In nichtöffentlicher und vertraulicher Stufe nicht angeboten; nicht gesehen: fremde Aufnahmen.", "Not offered at the nonpublic and confidential levels; not seen: others' recordings."}, "DSK 3.4.2, 3.4.8; APP.5.4.A5, A7, A9"},
	{"vk-no-content-analysis", "Keine Auswertung der Inhalte", Text{"Keine Mitschrift, Zusammenfassung oder Auswertung durch Maschinen", "No transcription, summary or analysis by machines"}, Manual, declared, "APP.5.4.A10, A15"},
	{"vk-telemetry", "Keine Telemetrie", Text{"Keine Messdaten an Hersteller; kein fremder Abruf", "No measurements to makers; nothing asked of others"}, Manual, Text{"Die Seiten sprechen nach ihrer Richtlinie nur mit diesem Gerät; die Browser der Teilnehmenden sieht niemand.", "The pages by their policy talk to this unit alone; nobody sees participants' browsers."}, "DSK 3.4.6, 4.5; APP.5.4.A4, A9"},
	{"vk-retention", "Löschung", Text{"Einladungen, Anmeldungen und Nachrichten werden nach Plan gelöscht", "Invitations, sign-ins and messages are deleted on schedule"}, API, Text{"Keine Anmeldung über ihre Zeit, keine Einladung länger als 30 Tage nach ihrem Ende.", "No sign-in beyond its time, no invitation more than 30 days after its end."}, "DSK 4.5; APP.5.4.A4, A17"},
	{"vk-update", "Aktualität", Text{"Programme sind aktuell, und nur was nötig ist, ist installiert", "Programs are current, and only what is needed is installed"}, Agent, declared, "DSK 4.3"},
	{"vk-background", "Hintergrund", Text{"Neutraler Hintergrund, keine Dritten im Bild", "Neutral background, no third persons in the picture"}, Manual, declared, "DSK 3.4.5, 3.4.7"},
	{"vk-assistant-off", "Sprachsteuerung", Text{"Sprachsteuerung der Raumtechnik ist aus", "Voice control of the room's equipment is off"}, Agent, declared, "SYS.3.2.1.A19; BER.4.5"},
	{"vk-mic-cut", "Mikrofone getrennt", Text{"Außerhalb von Sitzungen sind Mikrofone getrennt, und das Gerät prüft es", "Outside of sessions microphones are cut, and the unit looks"}, Agent, declared, "SYS.2.1.A21"},
	{"vk-shared-endpoint", "Gemeinsame Endgeräte", Text{"Regeln und Aufräumen für Geräte des Saals", "Rules and clearing up for the room's devices"}, Manual, declared, "APP.5.4.A7"},
	{"vk-dsfa", "Folgenabschätzung", Text{"Datenschutz-Folgenabschätzung liegt vor", "There is a data protection impact assessment"}, Manual, declared, "DSK 3.5.6"},
	{"vk-avv", "Auftragsverarbeitung", Text{"Verträge liegen vor, oder es gibt keinen Auftrag", "There are contracts, or nobody is commissioned"}, Manual, declared, "DSK 3.5.2"},
	{"vk-third-country", "Drittländer", Text{"Keine Übermittlung in Drittländer, oder sie ist geprüft", "Nothing goes to third countries, or that was looked into"}, Manual, declared, "DSK 3.5.5"},
}

// Find returns the rule with an id.
func Find(id string) (Rule, bool) {
	i := slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return Rules[i], true
}
