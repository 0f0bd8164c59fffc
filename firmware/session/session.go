// Package session is the state of a room between public and closed. It is pure: time is an argument and the
// caller persists what Snapshot returns.
//
//	                 lapsed                    ┌────── End ──────────────┬─────────┬──────────┐
//	   ┌──────────────────────────┐            │                         │         │          │
//	   ▼      due (15 min early)  │   Start    │  settled    settled     │ settled │          │
//	┌──────┐ ───────────────► ┌─────────┐ ──► ┌──────────┐ ─► ┌───────┐ ─► ┌────────┐ ─► ┌────────┐
//	│ open │                  │ planned │     │ handover │    │ sweep │    │ arming │    │ closed │
//	└──────┘ ── Start ──────────────────────► └──────────┘    └───────┘    └────────┘    └────────┘
//	   ▲                                            Confirm instead of settled: override   │    ▲
//	   │                                                                         Interrupt ▼    │ Resume, if settled;
//	   │ Restored, Confirm     ┌───────────┐           End                        ┌─────────────┐ Confirm otherwise
//	   └───────────────────────│ restoring │ ◄────────────────────────────────────│ interrupted │
//	                           └───────────┘                                      └─────────────┘
//
// Settled means that every point that counts by now is proven, or was accepted by the chair's second press.
// The arrows are data: see Transitions. Each Apply and each Tick makes at most one of them, so that everyone
// sees every state; the caller ticks once a second.
//
// # What it never does
//
// It never ends a session, of whatever kind: out of closed and interrupted leads only a person's decision, with
// one exception: after a long gap (a power loss) closed becomes interrupted, which is as confidential as closed
// but does not claim what nobody watched. It never opens a room by itself, except a plan that lapses unused.
package session

import (
	"time"
)

// State of the room's session.
type State string

const (
	Open        State = "open"
	Planned     State = "planned"
	Handover    State = "handover"
	Sweep       State = "sweep"
	Arming      State = "arming"
	Closed      State = "closed"
	Interrupted State = "interrupted"
	Restoring   State = "restoring"
)

// States lists them in the order of a session.
var States = []State{Open, Planned, Handover, Sweep, Arming, Closed, Interrupted, Restoring}

// Confidential reports whether what is said in the room is not for the public: from closed until the room is
// given back.
func (s State) Confidential() bool { return s == Closed || s == Interrupted }

// Step reports whether s is one of the steps on the way to closed, each with points to prove.
func (s State) Step() bool { return s == Handover || s == Sweep || s == Arming }

// Flag qualifies a state.
type Flag string

const (
	Degraded Flag = "degraded" // part of the unit does not work or cannot see
	Override Flag = "override" // closed by the chair's decision, with something unproven
	Unsealed Flag = "unsealed" // the sensor is not sealed by the kernel
)

// Flags lists them in the order they are reported.
var Flags = []Flag{Degraded, Override, Unsealed}

// Role of a person. Names never come here.
type Role string

const (
	Chair    Role = "chair"
	Clerk    Role = "clerk"
	Facility Role = "facility"
	ISMS     Role = "isms" // information security officer
	Admin    Role = "admin"
)

// Roles lists them.
var Roles = []Role{Chair, Clerk, Facility, ISMS, Admin}

// Point is one thing to prove on the way to closed: a stream off, the gallery cleared, the sweep done.
type Point struct {
	Name   string `json:"name"`             // slug
	Step   State  `json:"step,omitempty"`   // handover (also if empty), sweep or arming
	Proven bool   `json:"proven"`           // by the unit itself or by a person's tick where the policy says so
	Detail string `json:"detail,omitempty"` // slug or measure, never free text
	By     Role   `json:"by,omitempty"`     // the person's role whose word proves it; "": it was measured
	// At is when it was measured, where that is not now: an earlier full sweep that counts. Zero: now.
	At time.Time `json:"at,omitzero"`
	// Advisory points are shown, and while they are unproven the wall says "with reservations"; nothing waits for them.
	Advisory bool `json:"advisory,omitempty"`
	// Accepted is set by Report: unproven, and the chair went on regardless.
	Accepted bool `json:"accepted,omitempty"`
}

// step returns where the point belongs.
func (p Point) step() State {
	if p.Step == "" {
		return Handover
	}
	return p.Step
}

// Schedule of a session that is planned.
type Schedule struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Kind  string    `json:"kind"`  // slug of the policy: council, committee, internal, …
	Level string    `json:"level"` // slug of the policy: internal, nonpublic, confidential
}

// Config holds the machine's times.
type Config struct {
	Early    time.Duration // planned begins so long before From
	Handover time.Duration // after this a step with unproven points asks for the chair's decision
	Sweep    time.Duration
	Arming   time.Duration
	Restore  time.Duration // after this restoring asks for the chair's decision
	Gap      time.Duration // a longer absence of the unit interrupts a closed session
}

// Default times.
var Default = Config{
	Early: 15 * time.Minute, Handover: 2 * time.Minute, Sweep: time.Minute, Arming: 20 * time.Second,
	Restore: time.Minute, Gap: 30 * time.Second,
}

// patience returns how long state s may take before it asks for the chair's decision, 0 for ever.
func (c Config) patience(s State) time.Duration {
	switch s {
	case Handover:
		return c.Handover
	case Sweep:
		return c.Sweep
	case Arming:
		return c.Arming
	case Restoring:
		return c.Restore
	}
	return 0
}

// Next is what the session waits for.
type Next string

const (
	NextStart   Next = "start"   // nothing planned, or the chair's press
	NextProof   Next = "proof"   // points that are being proven
	NextConfirm Next = "confirm" // the chair's second press, with a reason
	NextTick    Next = "tick"    // nothing: it goes on by itself
	NextEnd     Next = "end"     // the chair's word
	NextResume  Next = "resume"  // the chair's word
	NextRestore Next = "restore" // the building to be given back
)

// Report is the data of room/{room}/session/reported. Version is filled in by whoever publishes it.
type Report struct {
	Version        uint64     `json:"version"`
	DesiredVersion uint64     `json:"desired_version"` // highest desired version acted upon
	State          State      `json:"state"`
	Kind           string     `json:"kind"`
	Level          string     `json:"level"`
	Flags          []Flag     `json:"flags"`            // in the order of Flags, never null
	Points         []Point    `json:"points"`           // never null
	Reason         Reason     `json:"reason,omitempty"` // of the interruption or of the last override
	Since          time.Time  `json:"since"`
	From           *time.Time `json:"from,omitempty"` // of the plan, if any
	To             *time.Time `json:"to,omitempty"`
	Next           Next       `json:"next"`
}

// Unproven returns the names of the points that are not proven.
func (r Report) Unproven() []string {
	var out []string
	for _, p := range r.Points {
		if !p.Proven {
			out = append(out, p.Name)
		}
	}
	return out
}

// Left returns how many points of the present step are neither proven nor accepted, advisory ones aside.
func (r Report) Left() int {
	n := 0
	for _, p := range r.Points {
		if !p.Proven && !p.Accepted && !p.Advisory && p.step() == r.State {
			n++
		}
	}
	return n
}

// Has reports whether the flag is set.
func (r Report) Has(f Flag) bool {
	for _, g := range r.Flags {
		if g == f {
			return true
		}
	}
	return false
}
