package wall

import (
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

// View is one consistent snapshot of everything the pages may show. It is read-only once given to Update: the
// slices are not copied.
type View struct {
	At       time.Time     `json:"at"`   // when it was taken, on the unit's clock
	Room     string        `json:"room"` // the room's own name, such as "Ratssaal"
	Session  Session       `json:"session"`
	Points   []Point       `json:"points"`             // what handover has to prove, in order
	Alarms   []alarm.Alarm `json:"alarms"`             // newest first; never on the wall unless the policy says so
	Proposal *Proposal     `json:"proposal,omitempty"` // what the unit or the clerk suggests, if anything
	Coverage []Coverage    `json:"coverage"`           // one per sense, also those that are absent
	Sensor   Sensor        `json:"sensor"`
	Unit     Unit          `json:"unit"`
}

// Session is the state of the room's session.
type Session struct {
	State session.State `json:"state"`
	Flags []string      `json:"flags"` // degraded, override, unsealed
	Kind  Text          `json:"kind"`  // such as "Haupt- und Finanzausschuss"; may be empty
	Level Text          `json:"level"` // confidentiality level of the part; may be empty
	Since time.Time     `json:"since"` // when State was entered
	From  time.Time     `json:"from"`  // planned start of the closed part; zero: none
	Next  time.Time     `json:"next"`  // next planned change; zero: none
	Why   Text          `json:"why"`   // cause of an interruption, such as "Fenster offen" / "window open"
}

// Text is a sentence or a word in the two languages of the pages.
type Text struct {
	DE string `json:"de"`
	EN string `json:"en"`
}

// In returns the text in lang, "en" or anything else for German.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.EN
	}
	return t.DE
}

// Point is one thing that handover proves or fails to prove.
type Point struct {
	Name   string `json:"name"` // slug
	Title  Text   `json:"title"`
	Proven bool   `json:"proven"`
	Detail Text   `json:"detail"` // what was measured, or why nothing could be
}

// Proposal is a suggestion to the chair. The machine and the clerk propose; the chair decides.
type Proposal struct {
	Act Act       `json:"act"`
	By  string    `json:"by"` // "unit" or "clerk"
	Why Text      `json:"why"`
	At  time.Time `json:"at"`
}

// Coverage says what one sense sees.
type Coverage struct {
	Sense  Text   `json:"sense"`  // such as "Schall" / "sound"
	Sees   Text   `json:"sees"`   // such as "2,5 bis 24 kHz"; empty when Share is 0
	Share  int    `json:"share"`  // 0…3: none, under half, most, all
	Cannot []Text `json:"cannot"` // what cannot be proven, one short phrase each
}

// Sensor is the sealed sensor's account of itself.
type Sensor struct {
	Sealed       bool  `json:"sealed"`
	BitsLastHour int64 `json:"bits_last_hour"` // upper bound of what can have left it in the last 3600 s
	BitsCeiling  int64 `json:"bits_ceiling"`   // what the contract allows for the same hour
}

// Unit is the room unit itself.
type Unit struct {
	ID       string `json:"id"`
	Software string `json:"software"`
	MQTT     Link   `json:"mqtt"`
	Outbox   int    `json:"outbox"` // messages that wait for the broker
	Lamp     string `json:"lamp"`   // what the lamp shows, as named by session.Look
}

// Link is the state of the connection to the broker.
type Link string

const (
	LinkUp   Link = "up"
	LinkDown Link = "down" // was up, or is being tried
	LinkNone Link = "none" // not configured
)
