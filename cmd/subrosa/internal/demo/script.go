package demo

import (
	"fmt"
	"slices"
	"time"
)

// The programme of the demo, in seconds of scenario time. It repeats every period.
const (
	period    = 180.0
	planAt    = 4.0
	pressAt   = 10.0
	beaconAt  = 38.0
	bugAt     = 52.0
	bugUntil  = 92.0
	answerAt  = 70.0
	endAt     = 104.0
	patience  = 20.0  // for which an act waits for what it needs
	onceUntil = 150.0 // by then everything has been seen, or it will not be
)

// Event is something that was seen: on MQTT, as any client with the right to read would see it.
type Event struct {
	T      float64   `json:"t"` // s since the scenario's start
	Time   time.Time `json:"time"`
	Event  string    `json:"event"` // unit, session, alarm
	State  string    `json:"state"` // online, offline; the session's; raised, held, cleared, acknowledged
	Kind   string    `json:"kind,omitempty"`
	Name   string    `json:"name,omitempty"`
	Cause  string    `json:"cause,omitempty"`
	ID     string    `json:"id,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// step is one thing that must be seen, after the one before it.
type step struct{ event, state, kind, name string }

func (s step) String() string {
	out := s.event + " " + s.state
	if s.kind != "" {
		out += fmt.Sprintf(" (%s %s)", s.kind, s.name)
	}
	return out
}

func (s step) matches(e Event) bool {
	return e.Event == s.event && e.State == s.state && (s.kind == "" || s.kind == e.Kind && s.name == e.Name)
}

// expected is what a run must show, in this order. Other events may come between.
var expected = []step{
	{"unit", "online", "", ""},
	{"session", "open", "", ""},
	{"session", "planned", "", ""},
	{"session", "handover", "", ""},
	{"session", "sweep", "", ""},
	{"session", "arming", "", ""},
	{"session", "closed", "", ""},
	{"alarm", "raised", "ultrasonic-beacon", "ggwave"},
	{"alarm", "raised", "new-emitter", "ism433"},
	{"alarm", "acknowledged", "ultrasonic-beacon", "ggwave"},
	{"session", "restoring", "", ""},
	{"session", "open", "", ""},
}

// judge follows the expected steps through the events. Nothing but the alarms among them is planted: another one, or one
// of them twice, is a surprise.
type judge struct {
	next     int
	raised   map[string]string // kind and name → id
	surprise []Event
}

func (j *judge) see(e Event) {
	if e.Event == "alarm" && e.State == "raised" && j.surprising(e) {
		j.surprise = append(j.surprise, e)
	}
	if j.next < len(expected) && expected[j.next].matches(e) {
		j.next++
	}
}

func (j *judge) surprising(e Event) bool {
	if !slices.ContainsFunc(expected, func(s step) bool { return s.matches(e) }) {
		return true
	}
	what := e.Kind + " " + e.Name
	if id, before := j.raised[what]; before && id != e.ID {
		return true
	}
	if j.raised == nil {
		j.raised = map[string]string{}
	}
	j.raised[what] = e.ID
	return false
}

func (j *judge) done() bool { return j.next == len(expected) }

func (j *judge) err() error {
	if !j.done() {
		return fmt.Errorf("demo: %d of %d expected events came; missing: %v", j.next, len(expected), expected[j.next])
	}
	if len(j.surprise) > 0 {
		e := j.surprise[0]
		return fmt.Errorf("demo: unexpected alarm %s %s at %.1f s", e.Kind, e.Name, e.T)
	}
	return nil
}
