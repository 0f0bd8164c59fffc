package compliance

import (
	"maps"
	"slices"
	"time"
)

// Posture is the standing posture of what one connector of the device management manages, as it stood at last in the period.
type Posture struct {
	Connector  string
	Off, Total int // assistants proven off, out of devices managed
	At         time.Time
	Reports    int  // in the period
	Declared   bool // rests on what people said of them: not proven
}

// Lock is how the lock of the devices of the house stood in a closed part, as it was counted last.
type Lock struct {
	Present   bool // it was asked for, and a connector could be reached
	Devices   int
	Off       int // by the device's own word
	Unmanaged int
}

// Whole reports whether every device was proven off.
func (l Lock) Whole() bool { return l.Present && l.Devices > 0 && l.Off >= l.Devices }

// counted is the payload of lockdown.counted, as far as it counts here.
type counted struct {
	Phase     string `json:"phase"`
	Devices   int    `json:"devices"`
	Off       int    `json:"off"`
	Unmanaged int    `json:"unmanaged"`
	Reached   int    `json:"reached"`
}

// lock takes a count. What was counted before the room was closed holds until the next count.
func (r *reader) lock(e Numbered, in bool) {
	var c counted
	if !r.payload(e, in, &c) {
		r.locked = Lock{}
		return
	}
	r.locked = Lock{Present: c.Phase == "locking" && c.Reached > 0, Devices: c.Devices, Off: c.Off, Unmanaged: c.Unmanaged}
	if c.Phase == "over" { // the longest time was over: nothing is off any more
		r.locked = Lock{Present: true, Devices: c.Devices}
	}
	if s := r.cur; s != nil && s.closed() {
		s.Lock = r.locked
	}
}

func (r *reader) posture(e Numbered, in bool) {
	var p struct {
		Connector string    `json:"connector"`
		Off       int       `json:"off"`
		Total     int       `json:"total"`
		At        time.Time `json:"at"`
		Declared  bool      `json:"declared"`
	}
	if !r.payload(e, in, &p) || !in || p.Off < 0 || p.Off > p.Total {
		return
	}
	if r.postures == nil {
		r.postures = map[string]Posture{}
	}
	r.postures[p.Connector] = Posture{Connector: p.Connector, Off: p.Off, Total: p.Total, At: p.At, Declared: p.Declared, Reports: r.postures[p.Connector].Reports + 1}
}

// finishDevices takes over the last posture of each connector.
func (r *reader) finishDevices() {
	for _, id := range slices.Sorted(maps.Keys(r.postures)) {
		r.f.Postures = append(r.f.Postures, r.postures[id])
	}
}

var managedDevices = Text{"verwalteten Geräten", "managed devices"}

// standingOff: on managed devices assistants are proven off, by the last report of each connector in the period.
func standingOff(f *Figures) Tally {
	t := Tally{Of: managedDevices}
	for _, p := range f.Postures {
		t.Total += p.Total
		t.Checked += p.Total
		if !p.Declared { // a person's word is none of the device's
			t.Met += p.Off
		}
	}
	return t
}

// lockedInSession: at the end of the closed part every device of the session was off by its own word.
func lockedInSession(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) {
		return s.Lock.Present && s.Hidden == 0, s.Lock.Whole() || !s.Lock.Present
	})
}

// allManaged: every device of the session was managed.
func allManaged(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) {
		return s.Lock.Present && s.Hidden == 0, s.Lock.Unmanaged == 0 || !s.Lock.Present
	})
}

// postureReported: connectors have looked, and said so with a date. Whether the settings are in order is another matter.
func postureReported(f *Figures) Tally {
	t := Tally{Of: Text{"angebundenen Geräteverwaltungen", "device managements connected"}}
	for range f.Postures {
		t.Total++
		t.Checked++
		t.Met++
	}
	return t
}

var (
	lockEntries    = []string{"lockdown.asked", "lockdown.counted", "lockdown.connectors", "session.changed"}
	postureEntries = []string{"lockdown.posture"}
)

// devices are the rows of the lock of voice assistants. Ids and titles are of Edition 2023.
func devices() Catalogue {
	return Catalogue{
		{ID: "SYS.3.2.1.A19", Title: "Verwendung von Sprachassistenten", Level: "S", Source: Edition2023, Parts: []Part{
			{ID: "SYS.3.2.1.A19.1", Text: Text{"Sprachassistenten nur, wo unbedingt nötig, sonst aus", "Voice assistants only where they must be, otherwise off"}, Measure: InPart,
				Measured: Text{"Dauerhafter Zustand verwalteter Geräte, von diesen selbst gemeldet, mit Datum.", "Standing state of managed devices, by their own word, with a date."},
				Rest:     Text{"Ob ein Assistent unerlässlich ist; nicht verwaltete und private Geräte; Uhren, Lautsprecher und Autos.", "Whether an assistant is indispensable; unmanaged and private devices; watches, loudspeakers and cars."},
				Evidence: postureEntries, Judge: standingOff},
			{ID: "SYS.3.2.1.A19.2", Text: Text{"In nichtöffentlichen Teilen waren die Assistenten der Dienstgeräte nachweislich aus", "In closed parts the assistants of the house's devices were proven off"}, Measure: InPart,
				Measured: Text{"Letzte Zählung je nichtöffentlichem Teil: Geräte der Sitzung, und wie viele von sich aus melden, dass der Assistent aus ist.",
					"Last count of each closed part: devices of the session, and how many say themselves that the assistant is off."},
				Rest: Text{"Private Geräte werden nur gezählt; sie gehören ins Schließfach.", "Private devices are only counted; they belong in the locker."}, Evidence: lockEntries, Judge: lockedInSession},
		}},
		{ID: "SYS.3.2.2.A4", Title: "Verteilung der Grundkonfiguration auf mobile Endgeräte", Level: "B", Source: Edition2023, Parts: []Part{
			{ID: "SYS.3.2.2.A4.1", Text: Text{"Alle mobilen Geräte werden verwaltet", "All mobile devices are managed"}, Measure: InPart,
				Measured: Text{"Je nichtöffentlichem Teil: ob unter den Dienstgeräten der Sitzung nicht verwaltete waren.", "For each closed part: whether any of the house's devices in the session was not managed."},
				Rest:     Text{"Alle Geräte, die an keiner Sitzung teilnehmen; Werkszustand und sichere Verbindung bei der Aufnahme.", "All devices that take part in no session; factory state and safe connection when they are taken in."},
				Evidence: lockEntries, Judge: allManaged},
		}},
		{ID: "SYS.3.2.2.A20", Title: "Regelmäßige Überprüfung des MDM", Level: "B", Source: Edition2023, Parts: []Part{
			{ID: "SYS.3.2.2.A20.1", Text: Text{"Einstellungen werden regelmäßig überprüft", "Settings are checked regularly"}, Measure: InPart,
				Measured: Text{"Je angebundener Geräteverwaltung: mindestens eine datierte Meldung des dauerhaften Zustands der Sprachassistenten.",
					"For each device management connected: at least one dated report of the standing state of voice assistants."},
				Rest:     Text{"Alle anderen Einstellungen, neue Betriebssysteme, Berechtigungen.", "All other settings, new operating systems, rights."},
				Evidence: postureEntries, Judge: postureReported},
		}},
	}
}
