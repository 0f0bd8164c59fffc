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
	Clerk    Role = "clerk" // council office: plans, starts and ends sessions
	Facility Role = "facility"
	ISMS     Role = "isms" // information security officer
	Viewer   Role = "viewer"
)

// Roles lists them, most rights first.
var Roles = []Role{Admin, Clerk, Facility, ISMS, Viewer}

// Right is something a role may do.
type Right string

const (
	View     Right = "view"     // rooms, alarms, units
	Session  Right = "session"  // plan, start and end sessions, as far as session.May allows the role
	Ack      Right = "ack"      // answer alarms
	Baseline Right = "baseline" // let a unit learn its surroundings
	Trail    Right = "trail"    // read the audit trail
	Export   Right = "export"   // write exports from a room's journal, and fetch its evidence
	Accounts Right = "accounts" // invite and disable accounts
	Figures  Right = "figures"  // read /metrics from elsewhere than this machine
)

// Table of rights.
var Table = map[Role]map[Right]bool{
	Admin:    {View: true, Session: true, Ack: true, Baseline: true, Trail: true, Export: true, Accounts: true, Figures: true},
	Clerk:    {View: true, Session: true, Ack: true},
	Facility: {View: true, Session: true, Ack: true, Baseline: true},
	ISMS:     {View: true, Ack: true, Trail: true, Export: true, Figures: true},
	Viewer:   {View: true},
}

// May reports whether the role has the right. Unknown roles have none.
func (r Role) May(right Right) bool { return Table[r][right] }

// Valid reports whether r is a role.
func (r Role) Valid() bool { return slices.Contains(slices.Collect(maps.Keys(Table)), r) }

// Who is signed in.
type Who struct {
	Role    Role
	Account int64 // 0: the demo's
}

// Acts returns the roles under which the room's session knows who is signed in; a viewer has none. The demo's
// administrator also stands in for the council office, so that one person can show everything.
func (w Who) Acts() []session.Role {
	switch {
	case w.Account == 0 && w.Role == Admin:
		return []session.Role{session.Admin, session.Clerk, session.Facility}
	case w.Role == Viewer || !w.Role.Valid():
		return nil
	}
	return []session.Role{session.Role(w.Role)}
}

// Allowed returns what w can ask of a session in state s, without repeats.
func (w Who) Allowed(s session.State) []session.Kind {
	if !w.Role.May(Session) {
		return nil
	}
	var out []session.Kind
	for _, r := range w.Acts() {
		for _, k := range session.Allowed(s, r) {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// As returns the role under which w asks for k, "" if w may not.
func (w Who) As(k session.Kind) session.Role {
	for _, r := range w.Acts() {
		if w.Role.May(Session) && session.May(r, k) {
			return r
		}
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
