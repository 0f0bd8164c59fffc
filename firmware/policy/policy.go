// Package policy is what a room's rules are: which facts must hold in which state of the session, how long they may
// not, what follows, and who may decide otherwise. It is pure: the caller brings the facts and the time, and keeps the
// State that Evaluate returns.
//
//	file ──► Parse ──► Policy ─┐
//	sensors, contacts ─► Facts ├─► Evaluate ──► findings, one for each rule ──► points, proposals, journal
//	              State, time ─┘           └──► State
//
// # Three values
//
// A fact is true, false (or a number, or a word), or not measured. What is not measured never counts as kept: a rule is
// kept only if it would be kept whatever the facts that are not measured turned out to be. A fact that nothing on the
// unit measures yet is declared all the same, so that a rule can name it today and is reported as not measured.
//
// # Conditions
//
// A condition says what must hold. It is written in CEL (https://cel.dev), of which only this is allowed: names of facts,
// true and false, whole numbers, words in quotes, && || ! == != < <= > >= in ?: and brackets. Without arithmetic and
// functions a condition cannot fail, always ends, and can be tried out on every arrangement of its facts, which is how
// rules are found that can never be kept or never be broken.
package policy

import (
	"slices"
	"time"

	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

// Format is the version of the file.
const Format = 1

// Kind is how confidential a session is.
type Kind string

// Kinds of session, the least confidential first. They are the levels that a plan names; public is the room while no
// session is on its way. There is none for classified matter (VS-NfD and above): the unit is not approved for it.
const (
	Public       Kind = "public"
	Internal     Kind = "internal"
	Nonpublic    Kind = "nonpublic"
	Confidential Kind = "confidential"
)

// Kinds lists them in order.
var Kinds = []Kind{Public, Internal, Nonpublic, Confidential}

// Within reports whether k is no more confidential than highest; false for what is no kind.
func (k Kind) Within(highest Kind) bool {
	i := slices.Index(Kinds, k)
	return i >= 0 && i <= slices.Index(Kinds, highest)
}

// Reaction is what follows when a rule is not kept.
type Reaction string

const (
	BlockClosing        Reaction = "block-closing"        // a point of the handover, until the rule is kept or the chair decides
	ProposeInterruption Reaction = "propose-interruption" // in a closed session, to the chair; the unit never interrupts
	InformChair         Reaction = "inform-chair"         // and the clerk, silently: their page and the chair's button
	Remind              Reaction = "remind"               // whoever looks after the room, at the console
	Lamp                Reaction = "lamp"                 // lamp and wall show "with reservations" while the session is closed
	Record              Reaction = "record"               // the journal alone, where every violation goes
)

// Reactions lists them.
var Reactions = []Reaction{BlockClosing, ProposeInterruption, InformChair, Remind, Lamp, Record}

// Override says who may decide that the session goes on regardless, why, and for how long that holds.
type Override struct {
	Roles   []session.Role
	Reasons []session.Reason // out of session.OverrideReasons
	For     time.Duration
}

// Rule is one rule.
type Rule struct {
	ID        string
	Text      report.Text // what it demands, in one sentence
	Condition string      // CEL: what must hold
	States    []session.State
	Kinds     []Kind
	Grace     time.Duration
	Reactions []Reaction
	Step      session.State // at which it blocks: handover unless the file says sweep or arming
	Override  *Override     // nil: nobody may
	Serves    []string      // ids of requirements, or House

	parts []part
}

// Policy is the rules of one room.
type Policy struct {
	ID      string
	Text    report.Text
	Highest Kind   // that the room is for
	Kinds   []Kind // of sessions that are held in it
	Rules   []Rule
	Hash    string // hex SHA-256 of the file
}

// Rule returns the rule of that id, nil if there is none.
func (p *Policy) Rule(id string) *Rule {
	for i := range p.Rules {
		if p.Rules[i].ID == id {
			return &p.Rules[i]
		}
	}
	return nil
}

// Has reports whether the reaction follows.
func (r *Rule) Has(x Reaction) bool { return slices.Contains(r.Reactions, x) }

// Facts returns the names of the facts that the condition needs, in its order.
func (r *Rule) Facts() (names []string) {
	for _, p := range r.parts {
		for _, n := range p.names {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

// applies reports whether the rule counts now. A state or kind that is not known counts as every one: the strict answer.
// A rule that blocks closing, and counts in a closed session, counts while it is interrupted, for that is to be closed
// again.
func (r *Rule) applies(s session.State, k Kind) bool {
	again := s == session.Interrupted && r.Has(BlockClosing) && slices.Contains(r.States, session.Closed)
	return (s == "" || again || slices.Contains(r.States, s)) && (k == "" || slices.Contains(r.Kinds, k))
}

// own returns k, or "" for a kind that the policy does not have: a session that is not meant for this room keeps every rule.
func (p *Policy) own(k Kind) Kind {
	if !slices.Contains(p.Kinds, k) {
		return ""
	}
	return k
}

// Blocks reports whether the rule is a point of the session now; later means that it counts only in a step to come.
func (p *Policy) Blocks(r *Rule, s session.State, k Kind) (blocks, later bool) {
	k = p.own(k)
	switch {
	case !r.Has(BlockClosing):
		return false, false
	case r.applies(s, k):
		return true, false
	}
	later = s.Step() && slices.Index(session.States, s) < slices.Index(session.States, r.Step) && r.applies(r.Step, k)
	return later, later
}

// Shows reports whether lamp and wall show it in this state, and on the way there the pages, when the rule is not kept.
func (p *Policy) Shows(r *Rule, s session.State, k Kind) bool {
	return r.Has(Lamp) && (s.Step() || s.Confidential()) && r.applies(s, p.own(k))
}

// meet reports whether a session of that kind can be in the state: the room is public while it is open, and only then.
func meet(s session.State, k Kind) bool { return (s == session.Open) == (k == Public) }
