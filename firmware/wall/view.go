package wall

import (
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
)

// View is one consistent snapshot of everything the pages may show. It is read-only once given to Update: the
// slices are not copied.
type View struct {
	At       time.Time      `json:"at"`   // when it was taken, on the unit's clock
	Room     string         `json:"room"` // the room's own name, such as "Ratssaal"
	Session  session.Report `json:"session"`
	Alarms   []alarm.Alarm  `json:"alarms"` // newest first; never on the wall unless the policy says so
	Proposal *Proposal      `json:"proposal,omitempty"`
	Notices  []Notice       `json:"notices,omitempty"` // of rules that are not kept, to chair and clerk; never on the wall
	Coverage []Coverage     `json:"coverage"`          // one per sense, also those that are absent
	Sensor   Sensor         `json:"sensor"`
	Unit     Unit           `json:"unit"`

	Agenda    *Agenda `json:"agenda,omitempty"`    // what calendars say of today, while no session is on its way; never on the wall
	Walk      *Walk   `json:"walk,omitempty"`      // through the room, while the session is on its way to closed
	Recording []Text  `json:"recording,omitempty"` // what of the hall's equipment records or streams: its own lamp
	// RecordingUnknown says that of a recorder or a stream nobody knows whether it is on: the lamp must not be dark.
	RecordingUnknown bool `json:"recording_unknown,omitempty"`

	Here     *roster.Here     `json:"here,omitempty"`     // who has checked in, as counts; nil: the room has no roster
	Lockdown *lockdown.Status `json:"lockdown,omitempty"` // of the voice assistants, as counts; nil: nothing is known of any device
	// Checklist is what somebody has to look at on devices that no management reaches, by pseudonym: to chair and clerk, never on the wall.
	Checklist []CheckPoint `json:"checklist,omitempty"`
	Call      *Call        `json:"call,omitempty"` // the conference, as counts; nil: there is none to speak of
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

// Proposal is a suggestion to the chair. The unit and the clerk propose; the chair decides.
type Proposal struct {
	Act Act       `json:"act"` // Start, Interrupt, Resume, Confirm or End
	By  string    `json:"by"`  // "unit" or "clerk"
	Why Text      `json:"why"`
	At  time.Time `json:"at"`
}

// Notice tells chair and clerk that a rule of the room is not kept. It is over when the rule is kept.
type Notice struct {
	Rule  string       `json:"rule"`
	Text  Text         `json:"text"`  // what the rule demands
	Since time.Time    `json:"since"` // broken since
	Seen  session.Role `json:"seen,omitempty"`
}

// Coverage says what one sense sees.
type Coverage struct {
	Sense  Text   `json:"sense"`  // such as "Schall" / "Sound"
	Sees   Text   `json:"sees"`   // such as "2,5 bis 24 kHz"; empty when Share is 0
	Share  int    `json:"share"`  // 0…3: none, under half, most, all
	Cannot []Text `json:"cannot"` // what cannot be proven, one short phrase each
}

// Sensor is the sealed sensor's account of itself. Whether it is sealed is a flag of the session.
type Sensor struct {
	BitsLastHour int64 `json:"bits_last_hour"` // upper bound of what can have left it in the last 3600 s
	BitsCeiling  int64 `json:"bits_ceiling"`   // what it is allowed in the same hour; 0: not said
}

// Unit is the room unit itself.
type Unit struct {
	ID       string `json:"id"`
	Software string `json:"software"`
	MQTT     Link   `json:"mqtt"`
	Outbox   int    `json:"outbox"` // messages that wait for the broker
}

// Link is the state of the connection to the broker.
type Link string

const (
	LinkUp   Link = "up"
	LinkDown Link = "down" // was up, or is being tried
	LinkNone Link = "none" // not configured
)
