package report

// Text is a word or clause in the two languages of the pages.
type Text struct{ DE, EN string }

// In returns the text in lang, "en" or anything else for German.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.EN
	}
	return t.DE
}

// points are the names of what the handover proves.
var points = map[string]Text{
	"sensor-alive":      {"Sensor misst", "Sensor is measuring"},
	"journal-writes":    {"Nachweis wird geschrieben", "Record is being written"},
	"sound-covered":     {"Schall geprüft", "Sound examined"},
	"radio-covered":     {"Funk geprüft", "Radio examined"},
	"windows-closed":    {"Fenster geschlossen", "Windows closed"},
	"doors-closed":      {"Türen geschlossen", "Doors closed"},
	"microphone-proven": {"Mikrofon hört den Prüfton", "Microphone hears the test sound"},
	"stream-off":        {"Livestream aus", "Live stream off"},
	"recorder-off":      {"Aufzeichnung aus", "Recorder off"},
	"hall-mic-off":      {"Saalmikrofone aus", "Hall microphones off"},
	"hearing-loop-off":  {"Höranlage aus", "Hearing loop off"},
	"overflow-off":      {"Ton in Nebenräumen aus", "Sound in other rooms off"},
	"remote-alone":      {"Zugeschaltete: keine Dritten im Raum", "Remote members: nobody else in their room"},
	"remote-waiting":    {"noch nicht von allen bestätigt", "not yet confirmed by all"},
	"remote-not-alone":  {"jemand ist nicht allein", "somebody is not alone"},
	"remote-said":       {"von allen bestätigt", "confirmed by all"},
	"gallery-cleared":   {"Zuhörerplätze geräumt", "Gallery cleared"},
	"phones-handed-in":  {"Telefone im Schließfach", "Phones in the locker"},
	"assistants":        {"Sprachassistenten der Dienstgeräte aus", "Voice assistants of the house's devices off"},

	// details of them
	"stale":                {"letzte Rückmeldung zu alt", "last answer too old"},
	"heads-unknown":        {"Anwesende noch nicht gezählt", "people present not counted yet"},
	"phones-missing":       {"weniger Telefone als Anwesende", "fewer phones than people present"},
	"checked-by-hand":      {"von Hand geprüft", "checked by hand"},
	"not-present":          {"nicht vorhanden", "not present"},
	"unlock-once":          {"Bildschirm gesperrt, bitte einmal entsperren", "screen locked, please unlock once"},
	"no-device-management": {"Verwaltung der Geräte nicht erreichbar: Telefone ins Schließfach", "device management cannot be reached: phones into the locker"},
	"devices-refuse":       {"einige Geräte sind nicht gesperrt: ins Schließfach", "some devices are not locked: into the locker"},
	"devices-declared":     {"einige Geräte sind nur als aus erklärt", "some devices are only declared to be off"},
	"devices-unmanaged":    {"einige Geräte sind nicht verwaltet: ins Schließfach", "some devices are not managed: into the locker"},
	"full-sweep":           {"frühere vollständige Prüfung zählt", "an earlier full sweep counts"},
	"unsupervised":         {"Kontakt ohne Leitungsüberwachung", "contact without supervision of its line"},
	"line-fault":           {"Leitung zum Kontakt gestört", "fault in the line to a contact"},
}

// cannot are the things that a sense does not see.
var cannot = map[string]Text{
	"audible":          {"hörbarer Schall unter 15 kHz: er wird nicht ausgewertet", "audible sound below 15 kHz: it is not looked through"},
	"above-range":      {"Schall oberhalb des Messbereichs", "sound above the range measured"},
	"silent-recorders": {"Aufnahmegeräte, die nicht senden", "recorders that do not transmit"},
	"outside-span":     {"Funk außerhalb des Messbereichs", "radio outside the range measured"},
	"mobile-wlan-ble":  {"Mobilfunk, WLAN und Bluetooth", "mobile phones, Wi-Fi and Bluetooth"},
	"no-microphone":    {"kein Mikrofon", "no microphone"},
	"no-receiver":      {"kein Funkempfänger", "no receiver"},
	"not-in-version":   {"in dieser Version nicht gemessen", "not measured in this version"},
}

// PointText names a point of the handover by its slug; an unknown slug stands for itself.
func PointText(slug string) Text { return lookUp(points, slug) }

// CannotText says what a sense cannot see, by its slug.
func CannotText(slug string) Text { return lookUp(cannot, slug) }

func lookUp(m map[string]Text, slug string) Text {
	if t, ok := m[slug]; ok {
		return t
	}
	return Text{slug, slug}
}

// Points returns the names of all points by slug.
func Points() map[string]Text {
	out := make(map[string]Text, len(points))
	for k, v := range points {
		out[k] = v
	}
	return out
}
