package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"subrosa/dsp/detect"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

// Type of a fact.
type Type string

const (
	Bool   Type = "bool"
	Count  Type = "count"  // a whole number from 0
	Choice Type = "choice" // one word of a list
)

// Source is where a fact comes from.
type Source string

const (
	FromSession    Source = "session"
	FromPolicy     Source = "policy" // worked out from the session and the policy
	FromContacts   Source = "contacts"
	FromOccupancy  Source = "occupancy"
	FromLocker     Source = "locker"
	FromSensor     Source = "sensor"
	FromAlarms     Source = "alarms"
	FromUnit       Source = "unit"
	FromHandover   Source = "handover" // the point of the handover that Fact.Point names
	FromPeople     Source = "people-count"
	FromConference Source = "conference"
	FromLockdown   Source = "lockdown"
	FromRoster     Source = "roster"
	FromDetector   Source = "detector" // of a kind of finding that nothing detects yet
)

// absent are the sources that this version of the unit does not have. Their facts are not measured.
var absent = []Source{FromDetector}

// Exists reports whether this version of the unit can have the source. Whether one unit does depends on what is wired.
func (s Source) Exists() bool { return !slices.Contains(absent, s) }

// Fact is one thing that a condition can name.
type Fact struct {
	Name   string
	Type   Type
	Values []string // of a Choice
	Unit   string   // of a Count
	Source Source
	// Point is the point of the session that proves the same; "" for none, and with a hyphen at its end all that begin so.
	// A source that is absent is read from it, as soon as the room has one.
	Point string
	Text  report.Text // as it reads when it is true
}

// LevelWithin is the fact that Evaluate works out itself.
const LevelWithin = "level_within"

// facts is the table. Names are API.
var facts = append([]Fact{
	{Name: "session_state", Type: Choice, Values: strs(session.States), Source: FromSession, Text: report.Text{DE: "Zustand der Sitzung", EN: "state of the session"}},
	{Name: "session_kind", Type: Choice, Values: strs(Kinds), Source: FromSession, Text: report.Text{DE: "Art der Sitzung", EN: "kind of the session"}},
	{Name: LevelWithin, Type: Bool, Source: FromPolicy, Text: report.Text{DE: "Stufe der Sitzung ist im Raum zulässig", EN: "level of the session is allowed in the room"}},

	{Name: "windows_closed", Type: Bool, Source: FromContacts, Point: "windows-closed", Text: report.Text{DE: "alle Fenster geschlossen", EN: "all windows closed"}},
	{Name: "doors_closed", Type: Bool, Source: FromContacts, Point: "doors-closed", Text: report.Text{DE: "alle Türen geschlossen", EN: "all doors closed"}},
	{Name: "contact_lines_sound", Type: Bool, Source: FromContacts, Text: report.Text{DE: "Leitungen der Kontakte in Ordnung", EN: "lines to the contacts in order"}},
	{Name: "enclosure_closed", Type: Bool, Source: FromContacts, Text: report.Text{DE: "Gehäuse des Geräts geschlossen", EN: "case of the unit closed"}},
	{Name: "room_occupied", Type: Bool, Source: FromOccupancy, Text: report.Text{DE: "Raum ist belegt", EN: "room is occupied"}},
	{Name: "locker_slots", Type: Count, Unit: "slots", Source: FromLocker, Text: report.Text{DE: "Fächer des Telefonschranks", EN: "slots of the phone locker"}},
	{Name: "phones_in_locker", Type: Count, Unit: "phones", Source: FromLocker, Text: report.Text{DE: "abgegebene Telefone", EN: "phones in the locker"}},
	{Name: "people_counted", Type: Count, Unit: "people", Source: FromPeople, Text: report.Text{DE: "gezählte Personen", EN: "people counted"}},

	{Name: "sensor_alive", Type: Bool, Source: FromSensor, Point: "sensor-alive", Text: report.Text{DE: "Sensor misst", EN: "sensor is measuring"}},
	{Name: "sensor_sealed", Type: Bool, Source: FromSensor, Text: report.Text{DE: "Sensor ist versiegelt", EN: "sensor is sealed"}},
	{Name: "microphone_proven", Type: Bool, Source: FromSensor, Point: "microphone-proven", Text: report.Text{DE: "Mikrofon hört den Prüfton", EN: "microphone hears the test sound"}},
	{Name: "sound_covered", Type: Bool, Source: FromSensor, Point: "sound-covered", Text: report.Text{DE: "Schall wird geprüft", EN: "sound is examined"}},
	{Name: "radio_covered", Type: Bool, Source: FromSensor, Point: "radio-covered", Text: report.Text{DE: "Funk wird geprüft", EN: "radio is examined"}},
	{Name: "baseline_learned", Type: Bool, Source: FromSensor, Text: report.Text{DE: "Grundbild des Funks ist angelernt", EN: "radio baseline is learned"}},

	{Name: "alarms_open", Type: Count, Unit: "alarms", Source: FromAlarms, Text: report.Text{DE: "offene Befunde aus Schall und Funk", EN: "open findings of sound and radio"}},
	{Name: "alarms_sound", Type: Count, Unit: "alarms", Source: FromAlarms, Text: report.Text{DE: "offene Befunde aus Schall", EN: "open findings of sound"}},
	{Name: "alarms_radio", Type: Count, Unit: "alarms", Source: FromAlarms, Text: report.Text{DE: "offene Befunde aus Funk", EN: "open findings of radio"}},
	{Name: "alarms_unit", Type: Count, Unit: "alarms", Source: FromAlarms, Text: report.Text{DE: "offene Meldungen des Geräts selbst", EN: "open notices of the unit itself"}},

	{Name: "journal_writes", Type: Bool, Source: FromUnit, Point: "journal-writes", Text: report.Text{DE: "Nachweis wird geschrieben", EN: "record is being written"}},
	{Name: "broker_reached", Type: Bool, Source: FromUnit, Text: report.Text{DE: "Leitstelle ist erreichbar", EN: "console can be reached"}},
	{Name: "time_synced", Type: Bool, Source: FromUnit, Text: report.Text{DE: "Uhr ist abgeglichen", EN: "clock is synchronised"}},

	{Name: "stream_off", Type: Bool, Source: FromHandover, Point: "stream-off", Text: report.Text{DE: "Übertragung aus", EN: "stream off"}},
	{Name: "recorder_off", Type: Bool, Source: FromHandover, Point: "recorder-off", Text: report.Text{DE: "Aufzeichnung aus", EN: "recorder off"}},
	{Name: "hall_microphones_off", Type: Bool, Source: FromHandover, Point: "hall-mic-off", Text: report.Text{DE: "Saalmikrofone aus", EN: "hall microphones off"}},
	{Name: "hearing_loop_off", Type: Bool, Source: FromHandover, Point: "hearing-loop-off", Text: report.Text{DE: "Höranlage aus", EN: "hearing loop off"}},
	{Name: "overflow_off", Type: Bool, Source: FromHandover, Point: "overflow-off", Text: report.Text{DE: "Ton in Nebenräumen aus", EN: "sound in other rooms off"}},
	{Name: "gallery_cleared", Type: Bool, Source: FromHandover, Point: "gallery-cleared", Text: report.Text{DE: "Zuhörerplätze geräumt", EN: "gallery cleared"}},
	{Name: "seats_looked", Type: Bool, Source: FromHandover, Point: "seats-", Text: report.Text{DE: "unter den Sitzen nachgesehen", EN: "seats looked under"}},

	{Name: "roster_confirmed", Type: Bool, Source: FromRoster, Point: "roster", Text: report.Text{DE: "alle Anwesenden sind angemeldet", EN: "everybody present has checked in"}},
	{Name: "members_expected", Type: Count, Unit: "people", Source: FromRoster, Text: report.Text{DE: "Personen auf der Liste der Sitzung", EN: "people on the session's list"}},
	{Name: "members_checked_in", Type: Count, Unit: "people", Source: FromRoster, Text: report.Text{DE: "angemeldete Personen", EN: "people checked in"}},
	{Name: "devices_private", Type: Count, Unit: "devices", Source: FromRoster, Text: report.Text{DE: "angegebene private Geräte", EN: "private devices declared"}},
	{Name: "assistants_locked", Type: Bool, Source: FromLockdown, Point: "assistants", Text: report.Text{DE: "Sprachassistenten aller Dienstgeräte aus, von diesen selbst gemeldet", EN: "voice assistants of all devices of the house off, by the devices' own word"}},
	{Name: "device_management_reached", Type: Bool, Source: FromLockdown, Text: report.Text{DE: "Verwaltung der Geräte erreichbar", EN: "device management can be reached"}},
	{Name: "devices_wanted", Type: Count, Unit: "devices", Source: FromLockdown, Text: report.Text{DE: "Dienstgeräte der Sitzung", EN: "devices of the house in the session"}},
	{Name: "devices_assistant_off", Type: Count, Unit: "devices", Source: FromLockdown, Text: report.Text{DE: "Dienstgeräte mit Sprachassistenten aus", EN: "devices of the house whose assistants are off"}},
	{Name: "devices_to_unlock", Type: Count, Unit: "devices", Source: FromLockdown, Text: report.Text{DE: "Dienstgeräte, die einmal zu entsperren sind", EN: "devices of the house to be unlocked once"}},
	{Name: "conference_off", Type: Bool, Source: FromConference, Text: report.Text{DE: "die Videokonferenz des Raums ist aus", EN: "the room's video conference is off"}},
	{Name: "conference_encrypted", Type: Bool, Source: FromConference, Text: report.Text{DE: "die Videokonferenz des Raums ist Ende zu Ende verschlüsselt", EN: "the room's video conference is encrypted end to end"}},
	{Name: "remote_alone_confirmed", Type: Bool, Source: FromHandover, Point: "remote-alone", Text: report.Text{DE: "Zugeschaltete haben bestätigt, dass keine Dritten im Raum sind", EN: "remote members have confirmed that nobody else is in their room"}},
}, kindFacts()...)

// detected are the kinds of alarms that a detector of this version, or the unit itself, raises.
var detected = []detect.Kind{detect.UltrasonicBeacon, detect.UltrasonicNoise, detect.NewEmitter, detect.Burst, detect.OccupiedBand,
	detect.SensorTamper, detect.SensorDead, detect.CoverageLoss}

// kindFacts returns a count of open alarms for each kind of finding that is an alarm.
func kindFacts() (out []Fact) {
	for _, k := range detect.Kinds() {
		if k == detect.UltrasonicTone { // information only
			continue
		}
		f := Fact{Name: AlarmFact(k), Type: Count, Unit: "alarms", Source: FromAlarms,
			Text: report.Text{DE: "offene Befunde " + k.String(), EN: "open findings " + k.String()}}
		if !slices.Contains(detected, k) {
			f.Source = FromDetector
		}
		out = append(out, f)
	}
	return out
}

// AlarmFact names the fact that counts open alarms of a kind.
func AlarmFact(k detect.Kind) string { return "alarms_" + strings.ReplaceAll(k.String(), "-", "_") }

var factIndex = func() map[string]int {
	m := make(map[string]int, len(facts))
	for i, f := range facts {
		m[f.Name] = i
	}
	return m
}()

// Table returns all facts.
func Table() []Fact { return slices.Clone(facts) }

// FactOf returns the fact of that name; ok is false if there is none.
func FactOf(name string) (f Fact, ok bool) {
	i, ok := factIndex[name]
	if ok {
		f = facts[i]
	}
	return f, ok
}

// Facts are what is known of a room at one moment. What was not set is not measured.
type Facts struct{ values []ref.Val }

// NewFacts returns facts of which none is measured.
func NewFacts() *Facts { return &Facts{values: make([]ref.Val, len(facts))} }

// Clear makes every fact not measured.
func (f *Facts) Clear() { clear(f.values) }

// Clone returns facts that do not change with f.
func (f *Facts) Clone() *Facts { return &Facts{values: slices.Clone(f.values)} }

// Measured reports whether the fact is known.
func (f *Facts) Measured(name string) bool {
	i, ok := factIndex[name]
	return ok && f.values[i] != nil
}

// Set sets a fact: a bool, an int from 0, or a word of its list; nil means not measured.
func (f *Facts) Set(name string, value any) error {
	i, ok := factIndex[name]
	if !ok {
		return fmt.Errorf("policy: no fact is called %.64q%s", name, near(name, factNames()))
	}
	if name == LevelWithin {
		return fmt.Errorf("policy: %s is worked out from session_kind and the policy, and cannot be set", name)
	}
	switch v := value.(type) {
	case nil:
		f.values[i] = nil
		return nil
	case bool:
		if facts[i].Type == Bool {
			f.values[i] = types.Bool(v)
			return nil
		}
	case int:
		if facts[i].Type == Count && v >= 0 {
			f.values[i] = types.Int(v)
			return nil
		}
	case string:
		if facts[i].Type == Choice && slices.Contains(facts[i].Values, v) {
			f.values[i] = types.String(v)
			return nil
		}
	}
	return fmt.Errorf("policy: fact %s cannot be %.40s, want %s", name, fmt.Sprint(value), facts[i].wants())
}

// Must is Set for names and values that are the program's own. It panics if they do not fit.
func (f *Facts) Must(name string, value any) {
	if err := f.Set(name, value); err != nil {
		panic(err)
	}
}

// word returns the value of a choice, "" if it is not measured.
func (f *Facts) word(i int) string {
	s, _ := f.values[i].(types.String)
	return string(s)
}

// wants says what values the fact takes.
func (f Fact) wants() string {
	switch f.Type {
	case Bool:
		return "true or false"
	case Count:
		return "a whole number from 0"
	}
	return "one of " + strings.Join(f.Values, ", ")
}

func factNames() (out []string) {
	for _, f := range facts {
		out = append(out, f.Name)
	}
	return out
}

func strs[T ~string](list []T) (out []string) {
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

// near returns ", did you mean …?" where one of the names differs from s by little.
func near(s string, names []string) string {
	best, at := 1+min(3, len(s)/3), ""
	for _, n := range names {
		if len(s) > 64 {
			break
		}
		if d := distance(s, n); d < best {
			best, at = d, n
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", at)
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
