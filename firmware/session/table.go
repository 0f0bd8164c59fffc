package session

import (
	"fmt"
	"slices"
)

// Guard is the condition on an arrow.
type Guard string

const (
	Always    Guard = "always"
	Due       Guard = "due"       // a plan begins within Early and has not ended
	Lapsed    Guard = "lapsed"    // the plan's end has passed, or the plan was put off
	Settled   Guard = "settled"   // points were told, and each of this step and those before is proven or accepted
	Unsettled Guard = "unsettled" // not so: there is something to decide upon
	LongGap   Guard = "long-gap"  // longer than Config.Gap
)

// Transition is one arrow. Of several that fit, the first in the table is taken.
type Transition struct {
	From  State
	On    Kind
	Guard Guard
	To    State
}

// Transitions is the whole machine.
var Transitions = []Transition{
	{Open, OnStart, Always, Handover},
	{Open, OnTick, Due, Planned},
	{Planned, OnTick, Lapsed, Open},
	{Planned, OnStart, Always, Handover},
	{Planned, OnEnd, Always, Open},

	{Handover, OnTick, Settled, Sweep},
	{Handover, OnPoints, Settled, Sweep},
	{Handover, OnConfirm, Unsettled, Sweep},
	{Handover, OnEnd, Always, Restoring},
	{Handover, OnPowerLoss, Always, Handover},
	{Sweep, OnTick, Settled, Arming},
	{Sweep, OnPoints, Settled, Arming},
	{Sweep, OnConfirm, Unsettled, Arming},
	{Sweep, OnEnd, Always, Restoring},
	{Sweep, OnPowerLoss, Always, Handover},
	{Arming, OnTick, Settled, Closed},
	{Arming, OnPoints, Settled, Closed},
	{Arming, OnConfirm, Unsettled, Closed},
	{Arming, OnEnd, Always, Restoring},
	{Arming, OnPowerLoss, Always, Handover},

	{Closed, OnInterrupt, Always, Interrupted},
	{Closed, OnPowerLoss, LongGap, Interrupted},
	{Closed, OnEnd, Always, Restoring},
	{Interrupted, OnResume, Settled, Closed},
	{Interrupted, OnConfirm, Unsettled, Closed},
	{Interrupted, OnEnd, Always, Restoring},

	{Restoring, OnRestored, Always, Open},
	{Restoring, OnConfirm, Always, Open},
}

// rights tells who may do what. Only the chair decides that a session goes on with something unproven or goes
// back to closed; facility staff may interrupt (somebody must come in), never end.
var rights = map[Kind][]Role{
	OnPlan:      {Chair, Clerk, Admin},
	OnStart:     {Chair, Clerk},
	OnConfirm:   {Chair},
	OnInterrupt: {Chair, Clerk, Facility},
	OnResume:    {Chair},
	OnEnd:       {Chair, Clerk},
}

// May reports whether role may do what kind says. Kinds that are no person's act (points, restored, …) have no
// role and are the unit's own.
func May(role Role, kind Kind) bool {
	roles, person := rights[kind]
	return !person && role == "" || slices.Contains(roles, role)
}

// Allowed returns what a person of the given role can do in the state, in the order of the table; "plan" comes
// first where it is possible. Pages show exactly these buttons.
func Allowed(s State, role Role) []Kind {
	var out []Kind
	if (s == Open || s == Planned) && May(role, OnPlan) {
		out = append(out, OnPlan)
	}
	for _, t := range Transitions {
		if _, person := rights[t.On]; person && t.From == s && May(role, t.On) && !slices.Contains(out, t.On) {
			out = append(out, t.On)
		}
	}
	return out
}

// checkEvent refuses what no state could take.
func checkEvent(e Event) error {
	if !May(e.Role, e.Kind) {
		return &Error{Kind: e.Kind, Role: e.Role, Why: "this role may not"}
	}
	switch e.Kind {
	case OnConfirm:
		return checkReason(e, OverrideReasons)
	case OnInterrupt:
		return checkReason(e, InterruptReasons)
	case OnPlan:
		return checkSchedule(e)
	case OnStart:
		if s := e.Schedule; s.Kind != "" && !slug(s.Kind) || s.Level != "" && !slug(s.Level) {
			return &Error{Kind: e.Kind, Role: e.Role, Why: fmt.Sprintf("kind %.40q, level %.40q: want slugs", s.Kind, s.Level)}
		}
	case OnPoints:
		return checkPoints(e)
	case OnFlag:
		if e.Flag != Degraded && e.Flag != Unsealed {
			return &Error{Kind: e.Kind, Why: fmt.Sprintf("flag %.32q cannot be set from outside", e.Flag)}
		}
	case OnPowerLoss:
		if e.Gap < 0 {
			return &Error{Kind: e.Kind, Why: "the gap is negative"}
		}
	}
	return nil
}

func checkReason(e Event, list []Reason) error {
	if !slices.Contains(list, e.Reason) {
		return &Error{Kind: e.Kind, Role: e.Role, Why: fmt.Sprintf("reason %.40q is not on the list", e.Reason)}
	}
	return nil
}

func checkSchedule(e Event) error {
	s := e.Schedule
	switch {
	case s.From.IsZero() || !s.To.After(s.From):
		return &Error{Kind: e.Kind, Role: e.Role, Why: "the end must come after the beginning"}
	case s.To.Sub(s.From) > maxLength:
		return &Error{Kind: e.Kind, Role: e.Role, Why: fmt.Sprintf("longer than %v", maxLength)}
	case !slug(s.Kind) || !slug(s.Level):
		return &Error{Kind: e.Kind, Role: e.Role, Why: fmt.Sprintf("kind %.40q, level %.40q: want slugs", s.Kind, s.Level)}
	}
	return nil
}

func checkPoints(e Event) error {
	if len(e.Points) > maxPoints {
		return &Error{Kind: e.Kind, Why: fmt.Sprintf("%d points, at most %d", len(e.Points), maxPoints)}
	}
	seen := map[string]bool{}
	for _, p := range e.Points {
		if !slug(p.Name) || seen[p.Name] {
			return &Error{Kind: e.Kind, Why: fmt.Sprintf("point %.40q is no slug or there twice", p.Name)}
		}
		if !p.step().Step() {
			return &Error{Kind: e.Kind, Why: fmt.Sprintf("point %s belongs to %.32q, which is no step", p.Name, p.Step)}
		}
		seen[p.Name] = true
	}
	return nil
}

func slug(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
