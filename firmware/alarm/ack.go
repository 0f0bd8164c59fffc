package alarm

import (
	"errors"
	"fmt"
	"slices"
)

// Sentinel errors, wrapped by what Acknowledge returns.
var (
	ErrUnknown = errors.New("no such alarm")
	ErrAck     = errors.New("not out of the pick-list")
)

// Reason is an entry of a pick-list.
type Reason struct {
	Slug string `json:"slug"`
	DE   string `json:"de"`
	EN   string `json:"en"`
}

// Text returns the reason in German, or in English for "en".
func (r Reason) Text(lang string) string { return pick(lang, r.DE, r.EN) }

var roles = []Reason{
	{"chair", "Sitzungsleitung", "Chair"},
	{"clerk", "Schriftführung", "Clerk"},
	{"facility", "Haustechnik", "Facility staff"},
	{"isms", "Informationssicherheit", "Information security"},
}

var verdicts = []Reason{
	{string(Fault), "Störung", "Fault"},
	{string(Explained), "Geklärt", "Explained"},
	{string(FalseAlarm), "Fehlalarm", "False alarm"},
}

var states = []Reason{
	{string(Raised), "neu", "new"},
	{string(Held), "hält an", "lasting"},
	{string(Cleared), "vorbei", "over"},
}

var reasons = map[Verdict][]Reason{
	Fault: {
		{"unit-defect", "Gerät oder Messfühler defekt", "Unit or sensor is defective"},
		{"cabling", "Kabel, Stecker oder Stromversorgung", "Cable, plug or power supply"},
		{"unit-moved", "Gerät verstellt oder verdeckt", "Unit was moved or covered"},
		{"house-network", "Störung im Hausnetz", "Fault in the house network"},
		{"reported", "an den Betrieb gemeldet, Ursache offen", "Reported to operations, cause open"},
	},
	Explained: {
		{"hall-technology", "eigene Saaltechnik", "The hall's own equipment"},
		{"building-services", "Haustechnik oder Beleuchtung", "Building services or lighting"},
		{"approved-device", "freigegebenes Gerät", "Approved device"},
		{"hearing-aid", "Hörhilfe", "Hearing aid"},
		{"put-away", "mitgebrachtes Gerät, jetzt ausgeschaltet oder außerhalb des Raums", "Device brought along, now off or outside the room"},
		{"neighbourhood", "Quelle außerhalb des Raums", "Source outside the room"},
		{"maintenance", "angekündigte Arbeiten", "Announced work"},
		{"exercise", "Übung oder Selbsttest", "Exercise or self-test"},
		{"device-found", "Gerät gefunden und gesichert, Vorfall gemeldet", "Device found and secured, incident reported"},
	},
	FalseAlarm: {
		{"not-found", "nachgesehen, nichts gefunden", "Looked, nothing found"},
		{"ordinary-noise", "gewöhnliches Geräusch im Raum", "Ordinary noise in the room"},
		{"known-radio", "bekannter Funk der Umgebung", "Known radio of the surroundings"},
		{"baseline-old", "Grundbild veraltet, neu anlernen", "Baseline out of date, learn anew"},
	},
}

// Verdicts returns the pick-list of verdicts.
func Verdicts() []Reason { return slices.Clone(verdicts) }

// Reasons returns the pick-list of reasons for v, nil if v is no verdict.
func Reasons(v Verdict) []Reason { return slices.Clone(reasons[v]) }

// Roles returns who may answer.
func Roles() []Reason { return slices.Clone(roles) }

// Text returns the state in German, or in English for "en".
func (s State) Text(lang string) string { return textOf(states, string(s), lang) }

// Text returns the verdict in German, or in English for "en".
func (v Verdict) Text(lang string) string { return textOf(verdicts, string(v), lang) }

// Text returns the answer in one line: verdict, reason and role.
func (a *Ack) Text(lang string) string {
	return fmt.Sprintf("%s: %s (%s)", a.Verdict.Text(lang), textOf(reasons[a.Verdict], a.Reason, lang), textOf(roles, a.Role, lang))
}

// Validate reports whether role, verdict and reason are out of the pick-lists; its error wraps ErrAck.
func (a *Ack) Validate() error {
	switch {
	case !holds(roles, a.Role):
		return fmt.Errorf("alarm: role %q is %w", a.Role, ErrAck)
	case !holds(verdicts, string(a.Verdict)):
		return fmt.Errorf("alarm: verdict %q is %w", a.Verdict, ErrAck)
	case !holds(reasons[a.Verdict], a.Reason):
		return fmt.Errorf("alarm: reason %q for %s is %w", a.Reason, a.Verdict, ErrAck)
	}
	return nil
}

func (a *Ack) same(o Ack) bool {
	return a.Role == o.Role && a.Verdict == o.Verdict && a.Reason == o.Reason
}

func holds(list []Reason, slug string) bool {
	return slices.ContainsFunc(list, func(r Reason) bool { return r.Slug == slug })
}

func textOf(list []Reason, slug, lang string) string {
	for _, r := range list {
		if r.Slug == slug {
			return r.Text(lang)
		}
	}
	return slug
}

func pick(lang, de, en string) string {
	if lang == "en" {
		return en
	}
	return de
}
