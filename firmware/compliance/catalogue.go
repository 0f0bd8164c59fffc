package compliance

// The tables below name requirements by id and official title, which are facts. What they ask for is said in our own
// words; no sentence of the BSI stands here. Titles and ids of Edition 2023 are those of the compendium of that year:
// INF.10.A2 and INF.10.A10 were dropped in it (today ORP.1.A3 and ORP.1.A17) and must not come back.

// person makes the part of a requirement that people see to.
func person(id, de, en string) Part {
	return Part{ID: id, Text: Text{de, en}, Rest: Text{"Die Einheit misst hier nichts; Nachweis durch die zuständige Stelle.",
		"The unit measures nothing here; whoever is in charge shows it."}}
}

var (
	sessionEntries = []string{"session.changed"}
	contactEntries = []string{"contact.changed", "session.changed"}
	radioEntries   = []string{"session.changed", "alarm.raised", "alarm.changed", "alarm.acknowledged", "baseline.learned", "sensor.ended"}
	soundEntries   = []string{"session.changed", "selftest.done", "selftest.unplayed", "sensor.ended", "alarm.raised"}
	everyEntry     = []string{"unit.started", "unit.stopped", "session.changed", "contact.changed", "alarm.raised", "alarm.changed",
		"alarm.acknowledged", "selftest.done", "journal.broken"}
)

var (
	measuredPhones = Text{
		"Je nichtöffentlichem Teil: Funk durchgehend geprüft; Befunde, wie sie Telefone auslösen können, als Zahl und mit Antwort.",
		"For each closed part: radio looked through all the time; findings as phones may cause them, as a count and with their answer."}
	restPhones = Text{
		"Verbot in der Geschäftsordnung, Schließfächer, Ansprache. Ausgeschaltete Telefone, Flugmodus und nicht abgedeckte Bänder sind nicht messbar.",
		"The ban itself, lockers, asking people. Phones that are off or in flight mode, and bands that are not covered, cannot be measured."}
	measuredAfter = Text{
		"30 Minuten nach jedem nichtöffentlichen Teil: Stand aller Kontakte an Fenstern und Türen.",
		"30 minutes after each closed part: state of every contact at windows and doors."}
	restAfter = Text{
		"Schließen, Fenster und Türen ohne Kontakt, Nutzungen ohne Sitzung.",
		"Closing itself, windows and doors without a contact, uses of the room without a session."}
)

// Default is the table of what this version of the unit bears on.
func Default() Catalogue {
	return append(append(append(edition2023(), devices()...), plus()...), house()...)
}

func edition2023() Catalogue {
	return Catalogue{
		{ID: "INF.10.A1", Title: "Sichere Nutzung von Besprechungs-, Veranstaltungs- und Schulungsräumen", Level: "B", Source: Edition2023, Parts: []Part{
			person("INF.10.A1.1", "Raumtechnik gegen Wegnahme gesichert", "Room equipment is secured against theft"),
			person("INF.10.A1.2", "Verantwortliche für fest eingebaute Technik benannt", "Somebody is in charge of fixed equipment"),
			person("INF.10.A1.3", "Regel für mitgebrachte Geräte von Gästen", "There is a rule for guests' own devices"),
			person("INF.10.A1.4", "Regel, welche Netz- und Telefonanschlüsse Gäste nutzen", "There is a rule for which sockets guests may use"),
		}},
		{ID: "INF.10.A3", Title: "Geschlossene Fenster und Türen", Level: "B", Source: Edition2023, Parts: []Part{
			{ID: "INF.10.A3.1", Text: Text{"Nach der Nutzung sind Fenster und Türen zu", "Windows and doors are shut after use"}, Measure: InPart,
				Measured: measuredAfter, Rest: restAfter, Evidence: contactEntries, Judge: closedAfterUse},
			person("INF.10.A3.2", "Räume mit Technik oder sensiblen Unterlagen werden abgeschlossen", "Rooms with equipment or sensitive papers are locked"),
			{ID: "INF.10.A3.3", Text: Text{"Verschluss wird wiederkehrend kontrolliert", "That they are shut is checked regularly"}, Measure: InPart,
				Measured: Text{"Die selbsttätige Kontrolle nach jedem nichtöffentlichen Teil fand statt.", "The check by the unit itself after each closed part took place."},
				Rest:     Text{"Rundgang, wo keine Kontakte sind und nach anderen Nutzungen.", "The round where there are no contacts, and after other uses."},
				Evidence: contactEntries, Judge: checkedAfterUse},
			person("INF.10.A3.4", "Brand- und Rauchschutztüren stehen nicht offen", "Fire and smoke doors do not stand open"),
		}},
		{ID: "INF.10.A4", Title: "Planung von Besprechungs-, Veranstaltungs- und Schulungsräumen", Level: "S", Source: Edition2023, Parts: []Part{
			person("INF.10.A4.1", "Lage des Raums bei der Planung bewertet", "The room's place was considered when it was planned"),
			person("INF.10.A4.2", "Räume für Besucher abseits vertraulicher Bereiche", "Visitors' rooms lie away from confidential areas"),
			{ID: "INF.10.A4.3", Text: Text{"Je Raum ist eine höchste Vertraulichkeitsstufe festgelegt", "A highest level of confidentiality is set for each room"}, Measure: InPart,
				Measured: Text{"Bei jedem nichtöffentlichen Teil war eine Raumregel in Kraft (Prüfsumme im Protokoll).", "A policy of the room was in force in each closed part (its hash is on record)."},
				Rest:     Text{"Die Einstufung selbst und ihre Eignung.", "The classification itself, and whether it fits."},
				Evidence: sessionEntries, Judge: underPolicy},
		}},
		{ID: "INF.10.A5", Title: "Fliegende Verkabelung", Level: "S", Source: Edition2023, Parts: []Part{
			person("INF.10.A5.1", "Steckdosen dort, wo die Geräte stehen", "Power sockets are where the devices stand"),
			person("INF.10.A5.2", "Kabel am Boden abgedeckt", "Cables on the floor are covered"),
		}},
		{ID: "INF.10.A6", Title: "Einrichtung sicherer Netzzugänge", Level: "S", Source: Edition2023, Parts: []Part{
			person("INF.10.A6.1", "Fremde Geräte haben keinen Weg zu internen Systemen", "Others' devices have no way to internal systems"),
			person("INF.10.A6.2", "Nur zugelassene Systeme im internen Netz", "Only approved systems are on the internal network"),
			person("INF.10.A6.3", "Netz für Gäste getrennt", "The guest network is separate"),
			person("INF.10.A6.4", "Dritte können interne Daten nicht mitlesen", "Third parties cannot read internal data"),
			person("INF.10.A6.5", "Netzdosen im Raum gesichert", "Network sockets in the room are secured"),
			person("INF.10.A6.6", "Kein System zugleich im internen Netz und im Internet", "No system is on the internal network and the internet at once"),
			person("INF.10.A6.7", "Eigener Stromkreis für den Raum", "The room has a power branch of its own"),
		}},
		{ID: "INF.10.A7", Title: "Sichere Konfiguration von Schulungs- und Präsentationsrechnern", Level: "S", Source: Edition2023, Parts: []Part{
			person("INF.10.A7.1", "Vortragsrechner nur mit dem Nötigsten", "Presentation computers hold only what is needed"),
			person("INF.10.A7.2", "Je Veranstaltung ist festgelegt, welche Programme laufen dürfen", "What may run is laid down for each event"),
			person("INF.10.A7.3", "Betrieb nur in einem eigenen, getrennten Netz", "They run only in a separate network of their own"),
		}},
		{ID: "INF.10.A8", Title: "Erstellung eines Nutzungsnachweises für Räume", Level: "S", Source: Edition2023, Parts: []Part{
			{ID: "INF.10.A8.1", Text: Text{"Nachvollziehbar, wer den Raum wann genutzt hat", "It can be told who used the room when"}, Measure: InPart,
				Measured: Text{"Beginn, Ende und Art jeder Sitzung, mit geprüfter Uhrzeit.", "Beginning, end and kind of each session, with a time set by the network."},
				Rest:     Text{"Wer: steht in Buchung und Niederschrift, nie in diesem Protokoll.", "Who: stands in booking and minutes, never in this record."},
				Evidence: sessionEntries, Judge: usage},
			{ID: "INF.10.A8.2", Text: Text{"Nachweis besonders für Schulungen und sehr vertrauliche Sitzungen", "Record above all for trainings and very confidential meetings"}, Measure: InPart,
				Measured: Text{"Beginn und Ende jedes nichtöffentlichen Teils.", "Beginning and end of each closed part."},
				Rest:     Text{"Schulungen und Sitzungen, die ohne die Einheit stattfanden.", "Trainings, and meetings held without the unit."},
				Evidence: sessionEntries, Judge: usage},
			person("INF.10.A8.3", "Für frei zugängliche Räume wurde ein Nachweis erwogen", "A record was considered for rooms open to all"),
		}},
		{ID: "INF.10.A9", Title: "Zurücksetzen von Schulungs- und Präsentationsrechnern", Level: "H", Source: Edition2023, Parts: []Part{
			person("INF.10.A9.1", "Verfahren zum Zurücksetzen auf einen festgelegten Stand", "There is a procedure to reset to a defined state"),
			person("INF.10.A9.2", "Änderungen der Nutzenden verschwinden dabei", "Users' changes are gone afterwards"),
		}},
		{ID: "ORP.1.A3", Title: "Beaufsichtigung oder Begleitung von Fremdpersonen", Level: "B", Source: Edition2023, Parts: []Part{
			person("ORP.1.A3.1", "Fremde werden begleitet oder beaufsichtigt", "Strangers are accompanied or supervised"),
		}},
		{ID: "ORP.1.A17", Title: "Mitführverbot von Mobiltelefonen", Level: "H", Source: Edition2023, Parts: []Part{
			{ID: "ORP.1.A17.1", Text: Text{"Keine Mobiltelefone bei vertraulichen Gesprächen", "No mobile phones at confidential talks"}, Measure: InPart,
				Measured: measuredPhones, Rest: restPhones, Evidence: radioEntries, Judge: withoutPhones},
			{ID: "ORP.1.A17.2", Text: Text{"Bei Bedarf Kontrolle mit einem Gerät, das Mobilfunk erkennt", "Where needed, checked by a device that detects mobile phones"}, Measure: InPart,
				Measured: Text{"Funk wurde während des nichtöffentlichen Teils durchgehend geprüft.", "Radio was looked through during the whole closed part."},
				Rest:     restPhones, Evidence: radioEntries, Judge: searched},
		}},
		{ID: "SYS.3.3.A15", Title: "Schutz vor Abhören der Raumgespräche über Mobiltelefone", Level: "H", Source: Edition2023, Parts: []Part{
			{ID: "SYS.3.3.A15.1", Text: Text{"Dasselbe Verbot aus Sicht des Telefons, Kontrolle mit Messgerät", "The same ban from the phone's side, checked by a device"}, Measure: InPart,
				Measured: measuredPhones, Rest: restPhones, Evidence: radioEntries, Judge: withoutPhones},
		}},
		{ID: "SYS.2.1.A21", Title: "Verhinderung der unautorisierten Nutzung von Rechnermikrofonen und Kameras", Level: "S", Source: Edition2023, Parts: []Part{
			person("SYS.2.1.A21.1", "Mikrofone und Kameras von Rechnern sind aus, abgedeckt oder getrennt, wenn niemand sie braucht", "Computers' microphones and cameras are off, covered or unplugged when not needed"),
		}},
		{ID: "OPS.1.1.5.A4", Title: "Zeitsynchronisation der IT-Systeme", Level: "B", Source: Edition2023, Parts: []Part{
			{ID: "OPS.1.1.5.A4.1", Text: Text{"Protokollierende Systeme gehen nach derselben Uhr", "Systems that log keep the same time"}, Measure: InPart,
				Measured: Text{"Herkunft der Uhrzeit in jedem Eintrag dieser Einheit.", "Origin of the time in each entry of this unit."},
				Rest:     Text{"Alle anderen Systeme.", "All other systems."}, Evidence: everyEntry, Judge: synced},
		}},
		{ID: "OPS.1.1.5.A5", Title: "Einhaltung rechtlicher Rahmenbedingungen", Level: "B", Source: Edition2023, Parts: []Part{
			person("OPS.1.1.5.A5.1", "Protokolle sind rechtmäßig, mitbestimmt und werden gelöscht", "Logs are lawful, agreed with the staff and deleted in time"),
		}},
		{ID: "DER.1.A2", Title: "Einhaltung rechtlicher Bedingungen bei der Auswertung von Protokollierungsdaten", Level: "B", Source: Edition2023, Parts: []Part{
			person("DER.1.A2.1", "Datenschutz und Mitbestimmung sind beim Einsatz von Detektion gewahrt", "Data protection and co-determination are kept where detection runs"),
		}},
	}
}

// plus are controls of Grundschutz++, by the ids of the catalogue's version named in package oscal.
func plus() Catalogue {
	return Catalogue{
		{ID: "DET.4.19", Title: "Unautorisierte Sendeanlagen", Level: "KANN", Source: Plus, Parts: []Part{
			{ID: "DET.4.19.1", Text: Text{"Räume selbsttätig auf nicht genehmigte Sender überwachen", "Watch rooms for unapproved transmitters by machine"}, Measure: InPart,
				Measured: Text{"Je nichtöffentlichem Teil: Funk durchgehend geprüft, jeder Funkbefund beantwortet.", "For each closed part: radio looked through all the time, each radio finding answered."},
				Rest:     Text{"Bänder außerhalb der Abdeckung, Nachsuche durch Fachleute, Verzeichnis genehmigter Sender.", "Bands outside the coverage, search by specialists, list of approved transmitters."},
				Evidence: radioEntries, Judge: answered},
		}},
		{ID: "SENS.7.18", Title: "Mobile Endgeräte in Sicherheitsbereichen", Level: "KANN", Source: Plus, Parts: []Part{
			{ID: "SENS.7.18.1", Text: Text{"Nicht freigegebene Geräte bleiben vor Sicherheitsbereichen", "Devices that are not approved stay outside secure areas"}, Measure: InPart,
				Measured: measuredPhones, Rest: restPhones, Evidence: radioEntries, Judge: withoutPhones},
		}},
		{ID: "SENS.8.4", Title: "Schließen von Türen und Fenstern", Level: "SOLLTE", Source: Plus, Parts: []Part{
			{ID: "SENS.8.4.1", Text: Text{"Beim Verlassen wird geschlossen", "Things are closed on leaving"}, Measure: InPart,
				Measured: measuredAfter, Rest: Text{"Die Unterweisung, um die es hier geht; Fenster und Türen ohne Kontakt.", "The instruction that this is about; windows and doors without a contact."},
				Evidence: contactEntries, Judge: closedAfterUse},
		}},
		{ID: "SENS.8.5", Title: "Mitbringen von IT-Systemen", Level: "KANN", Source: Plus, Parts: []Part{
			person("SENS.8.5.1", "Nicht freigegebene Technik wird nicht mitgebracht", "Equipment that is not approved is not brought along"),
		}},
		{ID: "GEB.4.1", Title: "Einrichtung", Level: "KANN", Source: Plus, Parts: []Part{
			person("GEB.4.1.1", "Sicherheitsbereiche sind festgelegt", "Secure areas are defined"),
		}},
		{ID: "DET.3.1.7", Title: "Was, Wann, Wo", Level: "SOLLTE", Source: Plus, Parts: []Part{
			{ID: "DET.3.1.7.1", Text: Text{"Ereignisse tragen Zeit, Herkunft und Gegenstand", "Events carry time, origin and object"}, Measure: InPart,
				Measured: Text{"Einträge dieser Einheit mit Art und geprüfter Uhrzeit.", "Entries of this unit with kind and a time set by the network."},
				Rest:     Text{"Alle anderen Systeme.", "All other systems."}, Evidence: everyEntry, Judge: dated},
		}},
		{ID: "DET.3.5", Title: "Revisionssicherheit", Level: "SOLLTE", Source: Plus, Parts: []Part{
			{ID: "DET.3.5.1", Text: Text{"Änderungen an Protokollen bleiben nachweisbar", "Changes to logs can be shown"}, Measure: InPart,
				Measured: Text{"Einträge dieser Einheit sind verkettet; Brüche der Kette.", "Entries of this unit are chained; breaks of the chain."},
				Rest:     Text{"Außerhalb aufbewahrte Prüfsummen; alle anderen Systeme.", "Checksums kept elsewhere; all other systems."}, Evidence: everyEntry, Judge: chained},
		}},
	}
}

// house are rules that no requirement of the BSI asks for: INF.10.A3 is about leaving the room, not about meeting in it.
func house() Catalogue {
	return Catalogue{
		{ID: "HAUSREGEL.1", Title: "Fenster und Türen bleiben während der Sitzung geschlossen", Source: House, Parts: []Part{
			{ID: "HAUSREGEL.1.1", Text: Text{"Fenster und Türen mit Kontakt sind im nichtöffentlichen Teil nie offen", "Windows and doors with a contact are never open in the closed part"}, Measure: Full,
				Measured: Text{"Jede Änderung jedes Kontakts.", "Every change of every contact."}, Evidence: contactEntries, Judge: staysClosed},
		}},
		{ID: "HAUSREGEL.2", Title: "Nichtöffentlich erst, wenn alles nachgewiesen ist", Source: House, Parts: []Part{
			{ID: "HAUSREGEL.2.1", Text: Text{"Jeder Punkt der Übergabe war nachgewiesen, keine Entscheidung trat an seine Stelle", "Each point of the handover was proven, no decision took its place"}, Measure: Full,
				Measured: Text{"Punkte der Übergabe und Entscheidungen der Sitzungsleitung.", "Points of the handover and decisions of the chair."}, Evidence: sessionEntries, Judge: proven},
		}},
		{ID: "HAUSREGEL.3", Title: "Schall wird während der Sitzung durchgehend geprüft", Source: House, Parts: []Part{
			{ID: "HAUSREGEL.3.1", Text: Text{"Der Messbereich des Mikrofons war im ganzen nichtöffentlichen Teil abgedeckt", "The microphone's range was covered during the whole closed part"}, Measure: Full,
				Measured: Text{"Abgedeckte Zeit, ohne Ausfälle und Zeiten ohne Einheit.", "Time covered, less failures and times without a unit."}, Evidence: soundEntries, Judge: listened},
		}},
	}
}
