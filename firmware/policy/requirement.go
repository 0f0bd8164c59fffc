package policy

import (
	"slices"

	"subrosa/firmware/report"
)

// House marks a rule that no catalogue asks for.
const House = "Hausregel"

// Requirement is one that a rule can serve: an id of a catalogue, and in our own words what it is about.
type Requirement struct {
	ID   string
	Text report.Text
}

// requirements are IT-Grundschutz-Kompendium, Edition 2023 (INF, ORP, SYS, OPS, DER, APP), by partial requirement for
// INF.10, and Grundschutz++ (DET, SENS, GEB, ARCH, BER, KONF). Ids are facts; the words are ours.
var requirements = []Requirement{
	{House, report.Text{DE: "Regel des Hauses, von keinem Katalog gefordert", EN: "rule of the house, asked for by no catalogue"}},

	{"INF.10.A1.1", report.Text{DE: "Raumtechnik gegen Wegnahme gesichert", EN: "equipment of the room secured against theft"}},
	{"INF.10.A1.2", report.Text{DE: "Verantwortliche für feste Technik benannt", EN: "somebody named for fixed equipment"}},
	{"INF.10.A1.3", report.Text{DE: "Regel für Geräte von Gästen", EN: "a rule for guests' own devices"}},
	{"INF.10.A1.4", report.Text{DE: "Regel, welche Anschlüsse Gäste nutzen", EN: "a rule which sockets guests use"}},
	{"INF.10.A3.1", report.Text{DE: "Fenster und Türen zu, wenn der Raum verlassen wird", EN: "windows and doors shut when the room is left"}},
	{"INF.10.A3.2", report.Text{DE: "Raum mit Technik oder Unterlagen verschlossen", EN: "room with equipment or papers locked"}},
	{"INF.10.A3.3", report.Text{DE: "Verschluss wiederkehrend geprüft", EN: "closing checked again and again"}},
	{"INF.10.A3.4", report.Text{DE: "Brandschutztüren stehen nicht offen", EN: "fire doors do not stand open"}},
	{"INF.10.A4.1", report.Text{DE: "Lage des Raums bedacht", EN: "place of the room considered"}},
	{"INF.10.A4.2", report.Text{DE: "Besucherräume abseits des Vertraulichen", EN: "visitors' rooms away from what is confidential"}},
	{"INF.10.A4.3", report.Text{DE: "höchste Vertraulichkeit je Raum festgelegt", EN: "highest confidentiality set for each room"}},
	{"INF.10.A5.1", report.Text{DE: "Strom, wo Geräte stehen", EN: "power where devices stand"}},
	{"INF.10.A5.2", report.Text{DE: "Kabel am Boden abgedeckt", EN: "cables on the floor covered"}},
	{"INF.10.A6.1", report.Text{DE: "Gastgeräte erreichen keine inneren Systeme", EN: "guests' devices reach no internal systems"}},
	{"INF.10.A6.2", report.Text{DE: "nur vorgesehene Systeme im Netz", EN: "only intended systems on the network"}},
	{"INF.10.A6.3", report.Text{DE: "Gastnetz getrennt", EN: "guests' network separate"}},
	{"INF.10.A6.4", report.Text{DE: "kein Mitlesen im Netz", EN: "no reading along on the network"}},
	{"INF.10.A6.5", report.Text{DE: "Netzdosen gesichert", EN: "network sockets secured"}},
	{"INF.10.A6.6", report.Text{DE: "kein Gerät zugleich innen und im Internet", EN: "no device inside and on the internet at once"}},
	{"INF.10.A6.7", report.Text{DE: "eigener Stromkreis", EN: "own power circuit"}},
	{"INF.10.A7.1", report.Text{DE: "Vortragsrechner schlank eingerichtet", EN: "presentation computers with little on them"}},
	{"INF.10.A7.2", report.Text{DE: "Programme je Veranstaltung festgelegt", EN: "programs set for each event"}},
	{"INF.10.A7.3", report.Text{DE: "Vortragsrechner im eigenen Netz", EN: "presentation computers on their own network"}},
	{"INF.10.A8.1", report.Text{DE: "nachvollziehbar, wer den Raum wann nutzte", EN: "traceable who used the room when"}},
	{"INF.10.A8.2", report.Text{DE: "Nachweis für Schulung und besonders Vertrauliches", EN: "usage record for training and what is most confidential"}},
	{"INF.10.A8.3", report.Text{DE: "Nachweis für offene Räume bedacht", EN: "usage record considered for open rooms"}},
	{"INF.10.A9.1", report.Text{DE: "Verfahren zum Zurücksetzen", EN: "a procedure to reset"}},
	{"INF.10.A9.2", report.Text{DE: "Änderungen der Nutzenden sind fort", EN: "users' changes are gone"}},
	{"INF.1.A6", report.Text{DE: "Fenster und Türen des Gebäudes zu, wenn niemand da ist", EN: "windows and doors of the building shut when nobody is there"}},
	{"INF.1.A7", report.Text{DE: "Zutritt geregelt", EN: "access ruled"}},
	{"ORP.1.A3", report.Text{DE: "Fremde begleitet oder beaufsichtigt", EN: "strangers accompanied or watched"}},
	{"ORP.1.A17", report.Text{DE: "keine Mobiltelefone in vertraulichen Besprechungen", EN: "no mobile phones in confidential meetings"}},
	{"SYS.2.1.A21", report.Text{DE: "Mikrofone und Kameras von Rechnern beherrscht", EN: "microphones and cameras of computers under control"}},
	{"SYS.3.2.1.A19", report.Text{DE: "Sprachassistenten nur, wo unerlässlich", EN: "voice assistants only where indispensable"}},
	{"SYS.3.3.A15", report.Text{DE: "kein Abhören des Raums über Mobiltelefone", EN: "room not overheard by mobile phones"}},
	{"SYS.4.4.A1", report.Text{DE: "Regeln für vernetzte Dinge", EN: "rules for connected things"}},
	{"SYS.4.4.A13", report.Text{DE: "unbenutzter Funk vernetzter Dinge aus", EN: "unused radio of connected things off"}},
	{"OPS.1.1.5.A1", report.Text{DE: "Protokollierung geregelt", EN: "logging ruled"}},
	{"OPS.1.1.5.A3", report.Text{DE: "Ereignisse protokolliert", EN: "events logged"}},
	{"OPS.1.1.5.A4", report.Text{DE: "Uhren abgeglichen", EN: "clocks synchronised"}},
	{"OPS.1.1.5.A5", report.Text{DE: "Recht, Mitbestimmung und Löschung beachtet", EN: "law, co-determination and deletion observed"}},
	{"DER.1.A1", report.Text{DE: "Erkennung von Ereignissen geregelt", EN: "detection of events ruled"}},
	{"DER.1.A2", report.Text{DE: "Recht und Mitbestimmung bei der Erkennung beachtet", EN: "law and co-determination observed in detection"}},
	{"APP.5.4.A4", report.Text{DE: "Telekommunikation sparsam eingerichtet", EN: "communication service set up sparingly"}},
	{"APP.5.4.A5", report.Text{DE: "Rechte in Videokonferenzen geregelt", EN: "rights in video conferences ruled"}},
	{"APP.5.4.A6", report.Text{DE: "Videokonferenz auf dem Weg verschlüsselt", EN: "video conference encrypted on its way"}},
	{"APP.5.4.A7", report.Text{DE: "Videokonferenzen sicher durchgeführt", EN: "video conferences held securely"}},
	{"APP.5.4.A9", report.Text{DE: "Inhalte von Videokonferenzen geschützt", EN: "contents of video conferences protected"}},
	{"APP.5.4.A14", report.Text{DE: "Videokonferenz Ende zu Ende verschlüsselt", EN: "video conference encrypted end to end"}},
	{"APP.5.4.A15", report.Text{DE: "Auswertung durch KI beherrscht", EN: "evaluation by AI under control"}},

	{"DET.3.1.7", report.Text{DE: "Ereignisse mit Zeit, Quelle und Ziel", EN: "events with time, source and target"}},
	{"DET.3.5", report.Text{DE: "Änderungen am Protokoll nachweisbar", EN: "changes of the log provable"}},
	{"DET.3.6", report.Text{DE: "Handlungen nicht abstreitbar", EN: "acts cannot be denied"}},
	{"DET.4.4", report.Text{DE: "Abschalten von Regeln überwacht", EN: "switching off of rules watched"}},
	{"DET.4.19", report.Text{DE: "Räume selbsttätig auf fremde Sender überwacht", EN: "rooms watched by machine for foreign transmitters"}},
	{"SENS.7.11", report.Text{DE: "kein heimliches Aufzeichnen von Videogesprächen", EN: "no covert recording of video calls"}},
	{"SENS.7.18", report.Text{DE: "keine ungenehmigten Geräte in Sicherheitsbereichen", EN: "no unapproved devices in secure areas"}},
	{"SENS.8.2", report.Text{DE: "Besprechungsräume aufgeräumt", EN: "meeting rooms tidied up"}},
	{"SENS.8.4", report.Text{DE: "Fenster und Türen beim Verlassen geschlossen", EN: "windows and doors closed on leaving"}},
	{"SENS.8.5", report.Text{DE: "keine ungenehmigte Technik mitgebracht", EN: "no unapproved equipment brought along"}},
	{"SENS.8.6", report.Text{DE: "Externe begleitet", EN: "outsiders accompanied"}},
	{"SENS.8.7", report.Text{DE: "Externe beaufsichtigt", EN: "outsiders watched"}},
	{"SENS.8.8", report.Text{DE: "Unterlagen weggeschlossen", EN: "papers locked away"}},
	{"GEB.2.4", report.Text{DE: "Abschirmung geprüft", EN: "shielding tested"}},
	{"GEB.3.1", report.Text{DE: "Türen und Fenster überwacht", EN: "doors and windows watched"}},
	{"GEB.3.1.2", report.Text{DE: "mitgeführte Gegenstände geprüft", EN: "objects carried along checked"}},
	{"GEB.3.3.2", report.Text{DE: "Zutritte dokumentiert", EN: "entries documented"}},
	{"GEB.3.7", report.Text{DE: "unbefugter Zutritt bemerkt", EN: "unauthorised entry noticed"}},
	{"GEB.4.1", report.Text{DE: "Sicherheitsbereiche festgelegt", EN: "secure areas defined"}},
	{"GEB.4.2", report.Text{DE: "Sicherheitsbereiche freigegeben", EN: "secure areas authorised"}},
	{"ARCH.2.2.2", report.Text{DE: "Gastnetz getrennt", EN: "guests' network separate"}},
	{"ARCH.3.1", report.Text{DE: "Reichweite des WLAN geplant", EN: "range of the Wi-Fi planned"}},
	{"ARCH.3.2", report.Text{DE: "WLAN in Sicherheitsbereichen begrenzt", EN: "Wi-Fi limited in secure areas"}},
	{"ARCH.4.1", report.Text{DE: "Zugang zum Netz geprüft", EN: "access to the network controlled"}},
	{"BER.4.5", report.Text{DE: "bekannt, was ohne Anmeldung geht", EN: "known what works without signing in"}},
	{"KONF.6.12", report.Text{DE: "Videokonferenz hat eine Leitung", EN: "video conference has a moderator"}},
	{"KONF.11.1.1", report.Text{DE: "nur angemeldete Teilnahme an geplanten Gesprächen", EN: "only signed-in members in planned calls"}},
	{"KONF.11.2", report.Text{DE: "Warteraum eingeschaltet", EN: "waiting room on"}},
	{"KONF.11.5", report.Text{DE: "Raumsysteme ohne Anmeldung begrenzt", EN: "room systems without sign-in limited"}},
	{"KONF.12.8", report.Text{DE: "Beitritt ohne Ton und Bild", EN: "joining without sound and picture"}},
}

// withdrawn are ids that Edition 2023 dropped, and where to look instead.
var withdrawn = map[string]string{"INF.10.A2": "ORP.1.A3", "INF.10.A10": "ORP.1.A17"}

// Requirements returns the list of requirements that rules can serve.
func Requirements() []Requirement { return slices.Clone(requirements) }

// RequirementOf returns the requirement of that id; ok is false if it is not on the list.
func RequirementOf(id string) (r Requirement, ok bool) {
	i := slices.IndexFunc(requirements, func(r Requirement) bool { return r.ID == id })
	if i < 0 {
		return r, false
	}
	return requirements[i], true
}

func requirementIDs() (out []string) {
	for _, r := range requirements {
		out = append(out, r.ID)
	}
	return out
}
