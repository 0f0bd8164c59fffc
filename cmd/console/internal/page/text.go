package page

import "subrosa/cmd/console/internal/access"

// Text in the two languages of every page.
type Text struct{ DE, EN string }

func in(lang string, t Text) string {
	if lang == "en" {
		return t.EN
	}
	return t.DE
}

// texts are the words of the pages by key. The house's words stand in the notes on look and words: no one is
// accused, no one is named, and silence is never shown as proof.
var texts = map[string]Text{
	"product":  {"subrosa · Leitstelle", "subrosa · console"},
	"skip":     {"Zum Inhalt springen", "Skip to content"},
	"nav":      {"Bereiche", "Sections"},
	"rooms":    {"Räume", "Rooms"},
	"units":    {"Geräte", "Units"},
	"trail":    {"Nachweis", "Audit trail"},
	"accounts": {"Konten", "Accounts"},
	"signout":  {"Abmelden", "Sign out"},
	"other":    {"English", "Deutsch"},
	"otherlng": {"Switch to English", "Auf Deutsch umschalten"},
	"live":     {"Anzeige läuft mit", "Live"},
	"frozen":   {"Verbindung unterbrochen, Stand von eben. Bitte neu laden.", "Connection lost, showing the last state. Please reload."},
	"asof":     {"Stand", "As of"},
	"none":     {"keine", "none"},
	"unknown":  {"nicht bekannt", "not known"},
	"yes":      {"ja", "yes"},
	"no":       {"nein", "no"},
	"table":    {"Werte als Tabelle", "Figures as a table"},
	"back":     {"Zurück", "Back"},
	"onward":   {"Weiter", "Continue"},

	"signin":       {"Anmelden", "Sign in"},
	"signin.lead":  {"Leitstelle der Sitzungsräume", "Console of the meeting rooms"},
	"name":         {"Kontoname", "Account name"},
	"password":     {"Passwort", "Password"},
	"code":         {"Einmalcode", "One-time code"},
	"code.hint":    {"Sechs Ziffern aus der Authenticator-App, oder ein Wiederherstellungscode", "Six digits from the authenticator app, or a recovery code"},
	"err.cred":     {"Kontoname, Passwort oder Einmalcode stimmen nicht.", "Account name, password or one-time code is wrong."},
	"err.replay":   {"Dieser Einmalcode wurde schon benutzt. Bitte den nächsten abwarten.", "This one-time code was used already. Please wait for the next one."},
	"err.locked":   {"Zu viele Fehlversuche. Wieder möglich ab", "Too many failed attempts. Possible again from"},
	"err.busy":     {"Zu viele Anmeldungen gleichzeitig. Bitte in einigen Sekunden erneut versuchen.", "Too many sign-ins at the same time. Please try again in a few seconds."},
	"err.link":     {"Dieser Link ist unbekannt, schon benutzt oder abgelaufen.", "This link is unknown, used already or expired."},
	"err.link2":    {"Einen neuen gibt die Verwaltung aus, den ersten: console --print-link.", "An administrator issues a new one; the first: console --print-link."},
	"err.password": {"Das Passwort braucht mindestens 12 Zeichen.", "The password needs at least 12 characters."},
	"err.same":     {"Die beiden Passwörter sind verschieden.", "The two passwords differ."},
	"err.name":     {"Der Kontoname besteht aus 2 bis 32 Zeichen: a–z, 0–9, Punkt, Bindestrich.", "The account name has 2 to 32 characters: a–z, 0–9, dot, hyphen."},
	"err.taken":    {"Diesen Kontonamen gibt es schon.", "This account name is taken."},
	"err.code":     {"Der Einmalcode passt nicht. Stimmt die Uhr des Telefons?", "The one-time code does not match. Is the phone's clock right?"},
	"err.right":    {"Dafür fehlt diesem Konto das Recht.", "This account may not do that."},
	"err.gone":     {"Das gibt es hier nicht (mehr).", "There is no such thing here (any more)."},
	"err.origin":   {"Die Anfrage kam von einer anderen Seite und wurde abgelehnt.", "The request came from another site and was refused."},
	"err.broker":   {"Der Nachrichtendienst antwortet nicht. Es wurde nichts ausgelöst; bitte erneut versuchen.", "The message broker does not answer. Nothing was done; please try again."},
	"err.input":    {"Die Eingabe ist unvollständig oder nicht möglich.", "The input is incomplete or not possible."},
	"err.state":    {"Im jetzigen Zustand der Sitzung ist das nicht möglich.", "Not possible in the session's present state."},
	"err.inside":   {"Das hat nicht geklappt. Die Ursache steht im Protokoll des Dienstes.", "That did not work. The cause is in the service's log."},
	"err.title":    {"Nicht möglich", "Not possible"},

	"enrol":         {"Konto einrichten", "Set up an account"},
	"enrol.lead":    {"Dieser Link gilt einmal. Rolle:", "This link works once. Role:"},
	"enrol.name":    {"Kontoname: eine Funktion, keine Person (zum Beispiel leitstelle-1)", "Account name: a function, not a person (such as control-1)"},
	"enrol.again":   {"Passwort wiederholen", "Repeat the password"},
	"enrol.min":     {"Mindestens 12 Zeichen. Ein Satz ist besser als Sonderzeichen.", "At least 12 characters. A sentence is better than special characters."},
	"enrol.qr":      {"Bild mit der Authenticator-App aufnehmen", "Scan the picture with the authenticator app"},
	"enrol.secret":  {"oder von Hand eingeben:", "or enter by hand:"},
	"enrol.done":    {"Konto eingerichtet", "Account set up"},
	"recovery":      {"Wiederherstellungscodes", "Recovery codes"},
	"recovery.lead": {"Jeder gilt einmal statt des Einmalcodes. Sie werden nur jetzt gezeigt: bitte ausdrucken und wegschließen.", "Each works once instead of the one-time code. They are shown only now: please print them and lock them away."},
	"demo.in":       {"Angemeldet für die Vorführung.", "Signed in for the demonstration."},

	"export":               {"Export", "Export"},
	"export.lead":          {"Was das Protokoll eines Raums zum Grundschutz-Check beiträgt: Bericht, Tabellen, OSCAL, verinice.veo und das Nachweispaket. Jeder Status ist ein Vorschlag; entschieden wird von Menschen.", "What a room's journal contributes to the Grundschutz check: report, tables, OSCAL, verinice.veo and the evidence bundle. Every status is a proposal; people decide."},
	"export.from":          {"Erster Tag", "First day"},
	"export.to":            {"Letzter Tag (zählt mit)", "Last day (counts)"},
	"export.go":            {"Export erstellen", "Make the export"},
	"export.none":          {"Von keiner Raumeinheit kann die Leitstelle Nachweise holen.", "There is no unit from which the console can fetch evidence."},
	"export.missing":       {"Ohne Adresse der Raumeinheit", "Without the unit's address"},
	"export.missing2":      {"In unit.json „evidence“ setzen und die Einheit in console.json unter „units“ eintragen. Ohne das: subrosa export an der Einheit oder an einer Kopie ihres Ordners.", "Set \"evidence\" in unit.json and enter the unit under \"units\" in console.json. Without: subrosa export at the unit, or on a copy of its folder."},
	"export.what":          {"Woher die Angaben stammen", "Where the figures come from"},
	"export.what2":         {"Das Protokoll liegt nur auf der Raumeinheit. Die Leitstelle holt das Nachweispaket mit ihrem Zertifikat, prüft es gegen den hinterlegten Fingerabdruck und gegen frühere Stände, die sie sich gemerkt hat, und behält davon nichts als das Ergebnis für 30 Minuten.", "The journal lies on the unit alone. The console fetches the evidence bundle with its certificate, checks it against the fingerprint on file and against earlier heads that it has seen, and keeps nothing of it but the result, for 30 minutes."},
	"export.busy":          {"Es wird gerade ein anderer Export erstellt. Bitte in einer Minute erneut versuchen.", "Another export is being made. Please try again in a minute."},
	"export.busy2":         {"in Arbeit", "at work"},
	"export.of":            {"von", "of"},
	"export.reload":        {"Stand aktualisieren", "Refresh"},
	"export.get":           {"ZIP herunterladen", "Download the ZIP"},
	"export.keep":          {"Bis zu 30 Minuten lang, nur in dieser Anmeldung. Den Ordner wie eine Akte behandeln: er enthält Befunde und Zeiten.", "For up to 30 minutes, for this account only. Treat the folder as a file of record: it holds findings and times."},
	"export.proven":        {"Prüfung des Nachweispakets", "Verification of the bundle"},
	"export.step.fetching": {"Nachweispaket wird geholt …", "Fetching the evidence bundle …"},
	"export.step.checking": {"Nachweispaket wird geprüft …", "Checking the evidence bundle …"},
	"export.step.writing":  {"Export wird geschrieben …", "Writing the export …"},
	"export.step.done":     {"Der Export ist fertig.", "The export is ready."},
	"export.step.failed":   {"Kein Export.", "No export."},
	"export.why.reach":     {"Die Raumeinheit antwortet nicht. Ist „evidence“ in ihrer unit.json gesetzt und der Port erreichbar?", "The unit does not answer. Is \"evidence\" set in its unit.json, and the port open?"},
	"export.why.deny":      {"Die Raumeinheit lehnt das Zertifikat der Leitstelle ab (client_tls).", "The unit refuses the console's certificate (client_tls)."},
	"export.why.busy":      {"Die Raumeinheit erstellt gerade ein anderes Paket. Bitte in einer Minute erneut versuchen.", "The unit is making another bundle. Please try again in a minute."},
	"export.why.large":     {"Das Nachweispaket ist zu groß für die Leitstelle: bitte subrosa export an der Einheit verwenden.", "The bundle is too large for the console: use subrosa export at the unit."},
	"export.why.empty":     {"Das Protokoll der Raumeinheit hat noch keinen Eintrag.", "The unit's journal has no entry yet."},
	"export.why.altered":   {"Das Nachweispaket ist verändert oder unvollständig; ein Export darf nicht darauf beruhen. Bitte die Einheit nicht anfassen und nach der Vorlage „Vorfall“ vorgehen.", "The bundle is altered or incomplete; no export may rest on it. Please leave the unit as it is and follow the incident playbook."},
	"export.why.room":      {"Das Protokoll gehört zu einem anderen Raum.", "The journal belongs to another room."},
	"export.why.inside":    {"Die Ursache steht im Protokoll des Dienstes.", "The cause is in the service's log."},
	"err.period":           {"Bitte einen Raum und zwei Tage wählen, der letzte nicht vor dem ersten, höchstens zehn Jahre.", "Please choose a room and two days, the last not before the first, ten years at most."},

	"rooms.none":  {"Noch hat sich kein Raum gemeldet.", "No room has reported yet."},
	"rooms.none2": {"Sobald ein Gerät eingerichtet und verbunden ist, erscheint sein Raum hier.", "As soon as a unit is set up and connected its room appears here."},
	"alarms.0":    {"Nichts zu beantworten", "Nothing to answer"},
	"alarms.1":    {"1 offener Befund", "1 open finding"},
	"alarms.n":    {"offene Befunde", "open findings"},
	"nosession":   {"Kein Zustand gemeldet", "No state reported"},
	"reachable":   {"Gerät verbunden", "Unit connected"},
	"offline":     {"Gerät nicht verbunden", "Unit not connected"},
	"silent":      {"Gerät schweigt", "Unit silent"},
	"nounit":      {"Kein Gerät gemeldet", "No unit reported"},
	"heard":       {"zuletzt gehört", "last heard"},
	"never":       {"seit dem Start der Leitstelle nicht gehört", "not heard since the console started"},
	"sealed":      {"Sensor versiegelt", "Sensor sealed"},
	"unsealed":    {"Sensor nicht versiegelt", "Sensor not sealed"},
	"sees":        {"Geprüft", "Checked"},
	"cannot":      {"Nicht prüfbar", "Cannot be checked"},
	"nothing":     {"nichts", "nothing"},
	"nocoverage":  {"Das Gerät hat nicht gemeldet, was es prüfen kann.", "The unit has not reported what it can check."},
	"nofinding":   {"Kein Befund", "No finding"},
	"nostatement": {"Keine Aussage möglich", "No statement possible"},

	"session":    {"Sitzung", "Session"},
	"since":      {"seit", "since"},
	"points":     {"Punkte der Übergabe", "Points of the handover"},
	"proven":     {"nachgewiesen", "proven"},
	"unproven":   {"nicht nachgewiesen", "not proven"},
	"act.plan":   {"Planen", "Plan"},
	"act.plan2":  {"Nichtöffentlichen Teil planen", "Plan a closed part"},
	"act.start":  {"Nichtöffentlichen Teil beginnen", "Start the closed part"},
	"act.intr":   {"Unterbrechen", "Interrupt"},
	"act.end":    {"Nichtöffentlichen Teil beenden", "End the closed part"},
	"act.drop":   {"Planung aufheben", "Drop the plan"},
	"act.cancel": {"Übergabe abbrechen", "Cancel the handover"},
	"act.sure":   {"Damit wird der Raum für die Öffentlichkeit freigegeben.", "This gives the room back to the public."},
	"from":       {"Beginn", "From"},
	"to":         {"Ende", "To"},
	"kind":       {"Art der Sitzung", "Kind of session"},
	"level":      {"Vertraulichkeit", "Confidentiality"},
	"reason":     {"Grund", "Reason"},
	"choose":     {"bitte wählen", "please choose"},
	"done":       {"Übermittelt. Das Gerät führt es aus und meldet den neuen Zustand.", "Sent. The unit carries it out and reports the new state."},
	"done.ack":   {"Antwort übermittelt.", "Answer sent."},
	"done.learn": {"An das Gerät übermittelt: Umgebung anlernen. Es dauert zehn Minuten und endet vor einer Sitzung.", "Sent to the unit: learn the surroundings. It takes ten minutes and ends before a session."},

	"alarms":      {"Befunde", "Findings"},
	"alarms.open": {"Offen", "Open"},
	"alarms.past": {"Beantwortet oder vorbei", "Answered or over"},
	"likely":      {"Mögliche harmlose Ursache", "Possible harmless cause"},
	"todo":        {"Zu tun", "What to do"},
	"figures":     {"Messwerte", "Figures"},
	"statistic":   {"Messgröße", "Statistic"},
	"threshold":   {"Schwelle", "Threshold"},
	"pfa":         {"Fehlalarm-Wahrscheinlichkeit", "Probability of false alarm"},
	"snr":         {"Abstand zum Rauschen", "Signal to noise"},
	"lvl":         {"Pegel", "Level"},
	"freq":        {"Frequenz", "Frequency"},
	"bw":          {"Breite", "Width"},
	"confidence":  {"Sicherheit der Benennung", "Certainty of the name"},
	"side":        {"Ort", "Place"},
	"side.inside": {"im Raum", "inside"}, "side.outside": {"außerhalb", "outside"}, "side.unknown": {"nicht bekannt", "not known"},
	"raised": {"ausgelöst", "raised"}, "ended": {"Ende", "end"}, "lasting": {"hält an", "lasting"},
	"unrecorded": {"noch nicht im Journal des Geräts", "not yet in the unit's journal"},
	"merged":     {"weitere Vorkommen darin", "further appearances in it"},
	"ack":        {"Antworten", "Answer"},
	"ack.pick":   {"Antwort", "Answer"},
	"ack.wait":   {"Antwort ist unterwegs", "answer is on its way"},

	"coverage": {"Abdeckung", "Coverage"},
	"sense":    {"Sinn", "Sense"},
	"band":     {"Bereich", "Range"},
	"share":    {"Anteil", "Share"},
	"share.0":  {"nicht vorhanden", "absent"}, "share.1": {"unter der Hälfte", "under half"}, "share.2": {"das meiste", "most"}, "share.3": {"alles", "all"},
	"sense.acoustic": {"Schall", "Sound"}, "sense.radio": {"Funk", "Radio"}, "sense.ble": {"Bluetooth", "Bluetooth"},
	"sense.wifi": {"WLAN", "Wi-Fi"}, "sense.net": {"Netz", "Network"}, "sense.av": {"Saaltechnik", "Hall equipment"}, "sense.health": {"Gerät", "Unit"},

	"levels":       {"Pegel", "Levels"},
	"levels.none":  {"Noch keine Pegel empfangen. Der Sensor gibt alle 16 Sekunden eine Zeile ab.", "No levels received yet. The sensor lets out one row every 16 seconds."},
	"thirds":       {"Schall in Terzen", "Sound in third-octaves"},
	"thirds.cap":   {"Pegel je Terz in dB bezogen auf Vollausschlag, Frequenz in Hz. Balken: jetzt. Feld dahinter: kleinster bis größter Wert der letzten 24 Stunden.", "Level per third-octave in dB relative to full scale, frequency in Hz. Bar: now. Field behind: lowest to highest value of the last 24 hours."},
	"bands":        {"Funk im Zeitverlauf", "Radio over time"},
	"bands.cap":    {"Höchster Pegel je Funkbereich in dB bezogen auf Vollausschlag, eine Spalte je 16 Sekunden. Mehr gibt der Sensor nicht ab.", "Highest level per radio band in dB relative to full scale, one column per 16 seconds. The sensor lets out no more."},
	"bands.alt":    {"Farbbild der Funkpegel, Werte in der Tabelle darunter", "Colour picture of radio levels, figures in the table below"},
	"low":          {"leise", "quiet"},
	"high":         {"laut", "loud"},
	"now":          {"jetzt", "now"},
	"min24":        {"kleinster 24 h", "lowest 24 h"},
	"max24":        {"größter 24 h", "highest 24 h"},
	"time":         {"Zeit", "Time"},
	"state":        {"Zustand", "State"},
	"hours":        {"Stunden", "hours"},
	"timeline":     {"Sitzungsverlauf", "Session timeline"},
	"timeline.cap": {"Gemeldete Zustände des Raums. Breite des Streifens: Dauer.", "States the room has reported. Width of the strip: duration."},

	"baseline":          {"Grundbild", "Baseline"},
	"baseline.none":     {"Noch nicht angelernt", "Not learned yet"},
	"baseline.learning": {"Wird angelernt", "Being learned"},
	"baseline.ready":    {"Angelernt", "Learned"},
	"baseline.lead":     {"Was zum Raum gehört, wird einmal bei leerem, offenem Raum angelernt; gemeldet wird, was dazukommt.", "What belongs to the room is learned once while it is empty and open; what comes on top is reported."},
	"baseline.n":        {"feste Sender", "fixed transmitters"},
	"learn":             {"Neu anlernen", "Learn anew"},

	"health":   {"Zustand der Geräte", "Health of the units"},
	"units.no": {"Noch hat sich kein Gerät gemeldet.", "No unit has reported yet."},
	"unit":     {"Gerät", "Unit"}, "room": {"Raum", "Room"}, "software": {"Software", "Software"},
	"checks": {"Selbsttests", "Self-tests"}, "ok": {"in Ordnung", "all right"}, "fault": {"gestört", "faulty"},
	"bits": {"Bit in der letzten Stunde (Sprache bräuchte 140.000)", "bits in the last hour (speech would take 140,000)"}, "restarts": {"Neustarts", "Restarts"},
	"nohealth": {"Noch keine Selbsttests gemeldet.", "No self-tests reported yet."},

	"trail.lead": {"Nur anfügbar, ohne Personennamen. Konten erscheinen mit ihrer Nummer.", "Append-only, without names of people. Accounts appear by number."},
	"when":       {"Wann", "When"}, "who": {"Wer", "Who"}, "what": {"Was", "What"}, "target": {"Woran", "Target"}, "detail": {"Einzelheit", "Detail"},
	"older": {"Ältere Einträge", "Older entries"}, "trail.none": {"Noch keine Einträge.", "No entries yet."},

	"accounts.lead":   {"Ein Konto steht für eine Funktion. Neue Konten entstehen durch einen Einmal-Link, den die Empfängerin oder der Empfänger selbst einlöst.", "An account stands for a function. New accounts come from a one-time link that the recipient redeems."},
	"invite":          {"Einmal-Link ausstellen", "Issue a one-time link"},
	"invite.done":     {"Dieser Link gilt einmal und 24 Stunden. Er wird nur jetzt gezeigt:", "This link works once and for 24 hours. It is shown only now:"},
	"role":            {"Rolle", "Role"},
	"account":         {"Konto", "Account"},
	"created":         {"eingerichtet", "set up"},
	"active":          {"aktiv", "active"},
	"disabled":        {"gesperrt", "disabled"},
	"disable":         {"Sperren", "Disable"},
	"enable":          {"Entsperren", "Enable"},
	"accounts.last":   {"Das letzte Verwaltungskonto bleibt.", "The last administrator's account stays."},
	"role.admin":      {"Verwaltung", "Administrator"},
	"role.clerk":      {"Sitzungsdienst", "Council office"},
	"role.facility":   {"Haustechnik", "Facility staff"},
	"role.isms":       {"Informationssicherheit", "Information security"},
	"role.viewer":     {"Einsicht", "Viewer"},
	"role.unit":       {"Gerät", "Unit"},
	"role.console":    {"Leitstelle", "Console"},
	"role.":           {"niemand angemeldet", "nobody signed in"},
	"kind.council":    {"Ratssitzung", "Council session"},
	"kind.committee":  {"Ausschusssitzung", "Committee session"},
	"kind.internal":   {"interne Besprechung", "internal meeting"},
	"lvl.internal":    {"intern", "internal"},
	"lvl.nonpublic":   {"nichtöffentlich", "closed"},
	"lvl.confidental": {"vertraulich", "confidential"},
}

// kinds and levels are the pick-lists of the plan: slugs of the policy, session.Schedule says.
var (
	kinds = []struct{ Slug, Key string }{
		{"council", "kind.council"}, {"committee", "kind.committee"}, {"internal", "kind.internal"},
	}
	levels = []struct{ Slug, Key string }{
		{"nonpublic", "lvl.nonpublic"}, {"confidential", "lvl.confidental"}, {"internal", "lvl.internal"},
	}
)

// actions name what the audit trail records.
var actions = map[string]Text{
	"login": {"angemeldet", "signed in"}, "login.demo": {"für die Vorführung angemeldet", "signed in for the demonstration"},
	"login.failed": {"Anmeldung misslungen", "sign-in failed"}, "login.locked": {"nach Fehlversuchen gesperrt", "locked after failures"},
	"logout": {"abgemeldet", "signed out"}, "link.made": {"Einmal-Link ausgegeben", "one-time link made"},
	"account.invited": {"Konto eingeladen", "account invited"}, "account.enrolled": {"Konto eingerichtet", "account set up"},
	"account.disabled": {"Konto gesperrt", "account disabled"}, "account.enabled": {"Konto entsperrt", "account enabled"},
	"recovery.used":  {"Wiederherstellungscode benutzt", "recovery code used"},
	"session.plan":   {"Sitzung geplant", "session planned"},
	"session.start":  {"nichtöffentlichen Teil begonnen", "closed part started"},
	"session.end":    {"nichtöffentlichen Teil beendet", "closed part ended"},
	"session.resume": {"Sitzung fortgesetzt", "session resumed"}, "session.interrupt": {"Sitzung unterbrochen", "session interrupted"},
	"session.confirm": {"mit Grund fortgesetzt", "continued with a reason"},
	"alarm.answered":  {"Befund beantwortet", "finding answered"}, "baseline.learn": {"Grundbild neu angelernt", "baseline learned anew"},
	"export.ordered": {"Export erstellt", "export made"},
	"broker.refused": {"Nachricht abgelehnt", "message refused"}, "retention": {"Einzelheiten gelöscht", "details deleted"},
}

// details are the slugs that it adds.
var details = map[string]Text{
	"credentials": {"Name, Passwort oder Code", "name, password or code"}, "replayed": {"Code schon benutzt", "code used already"},
	"connect": {"Verbindung", "connection"}, "publish": {"fremdes Thema", "someone else's topic"}, "subscribe": {"fremdes Abonnement", "someone else's subscription"},
	"will": {"fremder letzter Wille", "someone else's last will"},
}

// checkNames name the self-tests of a unit.
var checkNames = map[string]Text{
	"sensor-process": {"Sensorprozess", "Sensor process"}, "microphone": {"Mikrofon", "Microphone"}, "receiver": {"Funkempfänger", "Receiver"},
	"journal": {"Journal", "Journal"}, "outbox": {"Postausgang", "Outbox"}, "state": {"Zustandsdatei", "State file"}, "broker": {"Nachrichtendienst", "Broker"},
	"clock": {"Uhr", "Clock"}, "storage": {"Speicher", "Storage"}, "panel": {"Lampe, Taster, Kontakte, Relais", "Lamp, button, contacts, relays"},
}

// pointNames name what the handover proves; others appear under their slug.
var pointNames = map[string]Text{
	"stream": {"Übertragung aus", "Stream off"}, "recorder": {"Aufzeichnung aus", "Recorder off"}, "hall-mic": {"Saalmikrofone aus", "Hall microphones off"},
	"hearing-loop": {"Hörschleife geklärt", "Hearing loop settled"}, "overflow": {"Nebenraum aus", "Overflow room off"}, "overflow-speaker": {"Nebenraum aus", "Overflow room off"},
	"gallery": {"Zuhörerbereich geräumt", "Gallery cleared"}, "doors": {"Türen zu", "Doors shut"}, "windows": {"Fenster zu", "Windows shut"},
	"door": {"Tür zu", "Door shut"}, "window": {"Fenster zu", "Window shut"}, "phones": {"Telefone abgelegt", "Phones put away"},
	"sweep": {"Prüfung ohne Befund", "Sweep without finding"}, "devices": {"Geräte gesperrt", "Devices locked down"}, "lockdown": {"Sperre der Sprachassistenten", "Voice assistants locked"},
	"sensor": {"Sensor läuft", "Sensor runs"}, "coverage": {"Abdeckung ausreichend", "Coverage sufficient"}, "alarms": {"Nichts zu beantworten", "Nothing to answer"},
}

func roleText(lang string, r access.Role) string {
	if t, ok := texts["role."+string(r)]; ok {
		return in(lang, t)
	}
	return string(r)
}
