// Package alarm turns findings into alarms that people can answer: raised, held, cleared, acknowledged.
package alarm

import (
	"context"
	"time"

	"subrosa/firmware/finding"
)

// State of an alarm.
type State string

const (
	Raised  State = "raised"
	Held    State = "held" // lasts longer than the hold time, or came back before it was cleared
	Cleared State = "cleared"
)

// Verdict is the pick-list with which a person closes an alarm.
type Verdict string

const (
	Fault      Verdict = "fault"
	Explained  Verdict = "explained"
	FalseAlarm Verdict = "false-alarm"
)

// Ack is a person's answer, by role, never by name.
type Ack struct {
	Role    string    `json:"role"`    // chair, clerk, facility, isms
	Verdict Verdict   `json:"verdict"` // pick-list
	Reason  string    `json:"reason"`  // slug out of Reasons(Verdict)
	At      time.Time `json:"at"`
}

// Alarm is a finding that people have to know of. Version grows with every change; a reader keeps the highest.
type Alarm struct {
	Finding finding.Finding `json:"finding"`
	Room    string          `json:"room"`
	State   State           `json:"state"`
	Ack     *Ack            `json:"ack,omitempty"`
	Merged  int             `json:"merged,omitempty"` // further appearances counted into this one (storm limit)
	Version uint64          `json:"version"`
	Raised  time.Time       `json:"raised"` // when the journal's fsync had returned
	Changed time.Time       `json:"changed"`
}

// Sink takes alarms. Deliver must not wait for the network; an error means that the alarm was not taken.
type Sink interface {
	Deliver(context.Context, Alarm) error
}
