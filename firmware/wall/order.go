package wall

import (
	"slices"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

// Role is who sits in front of the page. Roles, never names.
type Role string

const (
	Chair Role = "chair"
	Clerk Role = "clerk"
)

// Act is what a person may ask of the unit.
type Act string

const (
	Start     Act = "start"     // one press: handover begins; closed follows by itself when all is proven
	Confirm   Act = "confirm"   // second press, with a reason, for what stays unproven
	Interrupt Act = "interrupt" // with a reason
	Resume    Act = "resume"
	End       Act = "end"
	Answer    Act = "ack"     // an alarm, with verdict and reason
	Decline   Act = "decline" // the open proposal
	Propose   Act = "propose" // Order.Proposes to the chair
)

// Order is one checked request from a page: the role may ask it and the state it was made in still holds.
type Order struct {
	Act      Act
	Role     Role
	Reason   string        // slug of a pick-list; Confirm, Interrupt, Answer
	Alarm    string        // finding id; Answer
	Verdict  alarm.Verdict // Answer
	Proposes Act           // Propose
}

// Refusal is an error whose text is meant for the person at the page. Any other error of Options.Do is logged
// and shown as a plain "did not work".
type Refusal struct{ Text Text }

func (r *Refusal) Error() string { return "refused: " + r.Text.EN }

// acts lists what the state machine can be asked in each state, the main button first.
var acts = map[session.State][]Act{
	session.Open:        {Start},
	session.Planned:     {Start, End},
	session.Handover:    {Confirm, End},
	session.Sweep:       {Confirm, End},
	session.Arming:      {Confirm, End},
	session.Closed:      {Interrupt, End},
	session.Interrupted: {Resume, End},
	session.Restoring:   nil,
}

// offered returns what role may press now.
func offered(v *View, role Role) []Act {
	var out []Act
	for _, a := range acts[v.Session.State] {
		if a == Confirm && !slices.ContainsFunc(v.Points, func(p Point) bool { return !p.Proven }) {
			continue // nothing to take responsibility for: closed follows by itself
		}
		out = append(out, a)
	}
	if role == Chair {
		return out
	}
	return slices.DeleteFunc(out, func(a Act) bool { return a == Confirm })
}
