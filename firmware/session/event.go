package session

import "time"

// Kind of event.
type Kind string

const (
	OnPlan      Kind = "plan"
	OnStart     Kind = "start"
	OnConfirm   Kind = "confirm"
	OnPoints    Kind = "points"
	OnInterrupt Kind = "interrupt"
	OnResume    Kind = "resume"
	OnEnd       Kind = "end"
	OnRestored  Kind = "restored"
	OnPowerLoss Kind = "power-loss"
	OnFlag      Kind = "flag"
	OnTick      Kind = "tick" // made by Tick
)

// Event is something that happened. Make it with the functions below.
type Event struct {
	Kind     Kind
	Role     Role
	Reason   Reason
	Schedule Schedule
	Points   []Point
	Gap      time.Duration
	Flag     Flag
	On       bool
	Desired  uint64 // version of the desired state that asked for it, 0 if none
}

// Plan asks for a session. A second plan replaces the first as long as the session has not begun.
func Plan(role Role, from, to time.Time, kind, level string) Event {
	return Event{Kind: OnPlan, Role: role, Schedule: Schedule{From: from, To: to, Kind: kind, Level: level}}
}

// Start is the chair's one press. Without a plan, Schedule.Kind and Level may be set in what it returns.
func Start(role Role) Event { return Event{Kind: OnStart, Role: role} }

// Confirm is the second press: go on although points are unproven.
func Confirm(role Role, reason Reason) Event {
	return Event{Kind: OnConfirm, Role: role, Reason: reason}
}

// Points replaces the list of points by what is known now.
func Points(list []Point) Event { return Event{Kind: OnPoints, Points: list} }

// Interrupt pauses a closed session; the room stays confidential.
func Interrupt(role Role, reason Reason) Event {
	return Event{Kind: OnInterrupt, Role: role, Reason: reason}
}

// Resume goes back to closed, if everything is proven.
func Resume(role Role) Event { return Event{Kind: OnResume, Role: role} }

// End gives the room back, or drops the plan.
func End(role Role) Event { return Event{Kind: OnEnd, Role: role} }

// Restored says that everything switched off for the session is as it was.
func Restored() Event { return Event{Kind: OnRestored} }

// PowerLoss says that the unit did not run for gap. Apply it once after Restore.
func PowerLoss(gap time.Duration) Event { return Event{Kind: OnPowerLoss, Gap: gap} }

// SetFlag sets or clears Degraded or Unsealed. Override is the machine's own.
func SetFlag(f Flag, on bool) Event { return Event{Kind: OnFlag, Flag: f, On: on} }

// Reason is a slug of a pick-list, never free text.
type Reason string

// OverrideReasons is the pick-list of Confirm.
var OverrideReasons = []Reason{"checked-by-hand", "not-present", "technical-fault", "urgent", "accepted"}

// InterruptReasons is the pick-list of Interrupt. "power-loss" is the machine's own.
var InterruptReasons = []Reason{"break", "window-open", "door-open", "person-enters", "finding", "technical"}

// PowerLost is the reason after a long gap.
const PowerLost Reason = "power-loss"
