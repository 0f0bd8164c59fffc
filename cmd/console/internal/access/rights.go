// Package access decides who may use the console: accounts with password and one-time codes, one-time links,
// lock-out, logins, and the table of rights. Time is an argument everywhere.
//
// Accounts are functions, not people: their names never leave the sign-in page and the list of accounts, and
// logs and audit entries hold the role and the account's number only.
package access

import (
	"maps"
	"slices"

	"subrosa/firmware/session"
)

// Role of an account.
type Role string

const (
	Admin    Role = "admin"
	Facility Role = "facility"
	ISMS     Role = "isms" // information security officer
	Viewer   Role = "viewer"
)

// Roles lists them, most rights first.
var Roles = []Role{Admin, Facility, ISMS, Viewer}

// Right is something a role may do.
type Right string

const (
	View     Right = "view"     // rooms, alarms, units
	Session  Right = "session"  // plan, start and end sessions, as far as session.May allows the role
	Ack      Right = "ack"      // answer alarms
	Baseline Right = "baseline" // let a unit learn its surroundings
	Trail    Right = "trail"    // read the audit trail
	Accounts Right = "accounts" // invite and disable accounts
	Figures  Right = "figures"  // read /metrics from elsewhere than this machine
)

// Table of rights.
var Table = map[Role]map[Right]bool{
	Admin:    {View: true, Session: true, Ack: true, Baseline: true, Trail: true, Accounts: true, Figures: true},
	Facility: {View: true, Session: true, Ack: true, Baseline: true},
	ISMS:     {View: true, Ack: true, Trail: true, Figures: true},
	Viewer:   {View: true},
}

// May reports whether the role has the right. Unknown roles have none.
func (r Role) May(right Right) bool { return Table[r][right] }

// Valid reports whether r is a role.
func (r Role) Valid() bool { return slices.Contains(slices.Collect(maps.Keys(Table)), r) }

// Session returns the role under which the room's session knows r; a viewer has none.
func (r Role) Session() session.Role {
	switch r {
	case Admin:
		return session.Admin
	case Facility:
		return session.Facility
	case ISMS:
		return session.ISMS
	}
	return ""
}

// Answering returns the role under which r answers alarms. The administrator stands in for the facility staff.
func (r Role) Answering() string {
	if r == Admin {
		return string(Facility)
	}
	return string(r)
}
