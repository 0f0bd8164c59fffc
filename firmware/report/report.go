// Package report is what a unit tells about itself over MQTT: the data of unit/{unit}/health, coverage, levels and
// baseline. Field names are API; docs/asyncapi.yaml describes them.
package report

import "time"

// Health is the data of unit/{unit}/health.
type Health struct {
	Version      uint64  `json:"version,omitempty"`
	OK           bool    `json:"ok"`
	Checks       []Check `json:"checks"`
	BitsLastHour int     `json:"bits_last_hour"`
	BitsCeiling  int     `json:"bits_ceiling"`
	Restarts     int     `json:"restarts"`
}

// Check is one self-test.
type Check struct {
	Name  string    `json:"name"`
	OK    bool      `json:"ok"`
	Since time.Time `json:"since"`
	Note  string    `json:"note,omitempty"`
}

// Coverage is the data of unit/{unit}/coverage.
type Coverage struct {
	Version uint64  `json:"version,omitempty"`
	Senses  []Sense `json:"senses"`
}

// Sense is what one sense sees. Share: 0 none, 1 under half, 2 most, 3 all of it.
type Sense struct {
	Sense  string   `json:"sense"`
	LoHz   float64  `json:"lo_hz"`
	HiHz   float64  `json:"hi_hz"`
	Share  int      `json:"share"`
	Cannot []string `json:"cannot"` // slugs, see CannotText
}

// Levels is the data of unit/{unit}/levels: all of the room that leaves the sensor, coarse. A band that was not
// measured is left out.
type Levels struct {
	Thirds []Third `json:"third_octaves"`
	Bands  []Band  `json:"bands"`
	Open   int     `json:"open"` // findings that last
}

// Third is the mean level of one third-octave, dBFS.
type Third struct {
	Hz float64 `json:"hz"`
	DB float64 `json:"db"`
}

// Band is the highest level in one part of the radio spectrum, dBFS.
type Band struct {
	Name string  `json:"name"`
	DB   float64 `json:"db"`
}

// Contact is the data of room/{room}/contact/{name}.
type Contact struct {
	Version uint64 `json:"version,omitempty"`
	State   string `json:"state"` // open, closed, fault
}

// AV is the data of room/{room}/av/{device}/desired and reported. As desired, unknown asks for nothing.
type AV struct {
	Version uint64 `json:"version,omitempty"`
	Writer  string `json:"writer,omitempty"`
	State   string `json:"state"` // on, off, unknown
}

// Baseline is the data of unit/{unit}/baseline/reported.
type Baseline struct {
	Version  uint64     `json:"version,omitempty"`
	State    string     `json:"state"`    // none, learning, ready
	Progress float64    `json:"progress"` // 0…1
	Learned  *time.Time `json:"learned"`
	Emitters int        `json:"emitters"`
}

// Policy is the data of room/{room}/policy/reported.
type Policy struct {
	Version  uint64         `json:"version,omitempty"`
	Hash     string         `json:"hash"`     // of the policy followed, hex SHA-256 of its file
	Verdicts map[string]int `json:"verdicts"` // how many rules have each: ok, grace, violated, unmeasured, overridden, idle
	// Reminders are for whoever looks after the room, the oldest rule of the policy first; never more than its rules.
	Reminders []Reminder `json:"reminders,omitempty"`
}

// Reminder says that a rule is not kept which asks for somebody to be reminded.
type Reminder struct {
	Rule  string    `json:"rule"` // id in the policy
	DE    string    `json:"de"`   // what it demands, out of the policy
	EN    string    `json:"en"`
	Since time.Time `json:"since"` // broken since
}
