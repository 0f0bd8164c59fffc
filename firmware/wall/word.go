package wall

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

// words are those slugs of sessions, of points and of their details that every policy is likely to use.
// Options.Words adds others and goes first.
var words = map[string]Text{
	"council":   {"Ratssitzung", "Council session"},
	"committee": {"Ausschusssitzung", "Committee session"},
	"hearing":   {"Anhörung", "Hearing"},
	"briefing":  {"Besprechung", "Meeting"},

	"public":       {"öffentlich", "public"},
	"internal":     {"intern", "internal"},
	"nonpublic":    {"nichtöffentlich", "closed"},
	"confidential": {"vertraulich", "confidential"},

	"stream":           {"Übertragung aus", "Stream off"},
	"stream-off":       {"Übertragung aus", "Stream off"},
	"recorder":         {"Aufzeichnung aus", "Recorder off"},
	"recorder-off":     {"Aufzeichnung aus", "Recorder off"},
	"hall-mic":         {"Saalmikrofone aus", "Hall microphones off"},
	"hall-mic-off":     {"Saalmikrofone aus", "Hall microphones off"},
	"hearing-loop":     {"Höranlage aus", "Hearing loop off"},
	"hearing-loop-off": {"Höranlage aus", "Hearing loop off"},
	"overflow":         {"Ton in Nebenräumen aus", "Sound in other rooms off"},
	"overflow-off":     {"Ton in Nebenräumen aus", "Sound in other rooms off"},
	"gallery":          {"Zuhörerplätze geräumt", "Gallery cleared"},
	"gallery-cleared":  {"Zuhörerplätze geräumt", "Gallery cleared"},
	"doors":            {"Türen geschlossen", "Doors closed"},
	"doors-closed":     {"Türen geschlossen", "Doors closed"},
	"windows":          {"Fenster geschlossen", "Windows closed"},
	"windows-closed":   {"Fenster geschlossen", "Windows closed"},
	"phones":           {"Telefone abgegeben", "Phones handed in"},
	"assistants":       {"Sperre der Sprachassistenten", "Voice assistants locked"},
	"roster":           {"Teilnehmende bestätigt", "Attendance confirmed"},
	"baseline":         {"Grundbild des Funks angelernt", "Radio baseline learned"},
	"baseline-ready":   {"Grundbild des Funks angelernt", "Radio baseline learned"},
	"coverage":         {"Abdeckung ausreichend", "Coverage sufficient"},
	"sound":            {"Schall geprüft", "Sound checked"},
	"sound-clear":      {"Schall geprüft", "Sound checked"},
	"radio":            {"Funk geprüft", "Radio checked"},
	"radio-clear":      {"Funk geprüft", "Radio checked"},
	"no-open-alarm":    {"Keine offenen Befunde", "No open findings"},
	"alarms":           {"Keine offenen Befunde", "No open findings"},
	"sensor":           {"Sensor arbeitet", "Sensor at work"},
	"sensor-alive":     {"Sensor arbeitet", "Sensor at work"},
	"sensor-sealed":    {"Sensor versiegelt", "Sensor sealed"},
	"journal":          {"Nachweis wird geführt", "Journal is kept"},
	"journal-ready":    {"Nachweis wird geführt", "Journal is kept"},
	"sweep":            {"Raum geprüft", "Room checked"},
	"armed":            {"Sensor bereit", "Sensor ready"},
	"self-test":        {"Selbsttest bestanden", "Self-test passed"},
	"not-measurable":   {"nicht messbar", "cannot be measured"},
	"waiting":          {"wird noch geprüft", "still being checked"},
	"on":               {"noch eingeschaltet", "still on"},
	"off":              {"ausgeschaltet", "off"},
	"open":             {"noch offen", "still open"},
	"closed":           {"geschlossen", "closed"},
	"unknown":          {"keine Rückmeldung", "no answer"},
	"fault":            {"gestört", "faulty"},
}

// word returns the words for a slug; one that is not known is shown with its hyphens as spaces.
func (h *Handler) word(slug string) Text {
	if t, ok := h.opt.Words[slug]; ok {
		return t
	}
	if t, ok := words[slug]; ok {
		return t
	}
	return fallback(slug)
}

// fallback is how a slug that nothing names is shown.
func fallback(slug string) Text {
	s := upper(strings.ReplaceAll(slug, "-", " "))
	return Text{s, s}
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func roleText(role session.Role) Text {
	for _, r := range alarm.Roles() {
		if r.Slug == string(role) {
			return Text{r.DE, r.EN}
		}
	}
	return Text{string(role), string(role)}
}
