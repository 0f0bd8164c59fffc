// Package session is the state of a room between public and closed. It is pure: time is an argument and the
// caller persists what it returns.
package session

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
