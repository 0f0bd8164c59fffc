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

// expected is what a run must show: events of one sort in this order, and alarms once the session is on its way to
// closed. Events of different sorts come on topics of their own and may overtake each other. Others may come between.
var expectedSteps = [...]step{
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
	steps    []step
	may      []step // may come as well
	came     []bool
	raised   map[string]string // kind and name → id
	surprise []Event
}

func (j *judge) see(e Event) {
	if j.came == nil {
		j.came = make([]bool, len(j.steps))
	}
	if e.Event == "alarm" && e.State == "raised" && j.surprising(e) {
		j.surprise = append(j.surprise, e)
	}
	for i, s := range j.steps {
		if !j.came[i] && s.event == e.Event {
			j.came[i] = s.matches(e) && (s.event != "alarm" || j.under())
			return
		}
	}
}

// under reports whether the session is at least on its way to closed.
func (j *judge) under() bool {
	return j.came[slices.IndexFunc(j.steps, func(s step) bool { return s.state == "handover" })]
}

// missing returns the first step that has not come, and how many have.
func (j *judge) missing() (first step, came int) {
	for i := len(j.steps) - 1; i >= 0; i-- {
		if j.came != nil && j.came[i] {
			came++
		} else {
			first = j.steps[i]
		}
	}
	return first, came
}

func (j *judge) surprising(e Event) bool {
	if !slices.ContainsFunc(slices.Concat(j.steps, j.may), func(s step) bool { return s.matches(e) }) {
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

func (j *judge) done() bool {
	_, came := j.missing()
	return came == len(j.steps)
}

func (j *judge) err() error {
	if first, came := j.missing(); came < len(j.steps) {
		return fmt.Errorf("demo: %d of %d expected events came; missing: %v", came, len(j.steps), first)
	}
	if len(j.surprise) > 0 {
		e := j.surprise[0]
		return fmt.Errorf("demo: unexpected alarm %s %s at %.1f s", e.Kind, e.Name, e.T)
	}
	return nil
}
