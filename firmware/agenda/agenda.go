// Package agenda turns what calendars say into what is put to the chair: today's meetings in this room, what of them may
// not be public, and a plan to take over with one press. It proposes; nothing is planned by itself. It is pure: time is an
// argument.
package agenda

import (
	"slices"
	"time"

	"subrosa/drivers/calendar"
)

// Ahead is how long before its start a meeting is shown.
const Ahead = 18 * time.Hour

// usual is how long a meeting is taken to last whose end nobody has said.
const usual = 3 * time.Hour

// longest is what a plan may last; a longer entry of a calendar is cut.
const longest = 12 * time.Hour

// Entry is a meeting of a calendar with what a plan of it is to be.
type Entry struct {
	calendar.Meeting
	Kind, Level string // slugs of the policy
}

// Offer is a meeting as it is put to the chair.
type Offer struct {
	Entry
	From, To time.Time // of the plan
	Guessed  Guess
}

// Guess names what of a plan no calendar has said.
type Guess uint8

const (
	GuessedFrom Guess = 1 << iota // when the closed part begins: the meeting's start is taken
	GuessedTo                     // when it ends
)

// Offers returns the meetings that have not ended and begin within Ahead, the next first. Purely public ones are not
// among them: there is nothing to plan.
func Offers(es []Entry, now time.Time) (out []Offer) {
	seen := map[string]bool{}
	for _, m := range es {
		if m.Public == calendar.Yes || m.Start.IsZero() || seen[m.ID] {
			continue
		}
		o := Offer{Entry: m, From: m.Closed, To: m.End}
		if o.From.IsZero() {
			o.From, o.Guessed = m.Start, GuessedFrom
		}
		if !o.To.After(o.From) {
			o.To, o.Guessed = o.From.Add(usual), o.Guessed|GuessedTo
		}
		if o.To.Sub(o.From) > longest {
			o.To = o.From.Add(longest)
		}
		if now.Before(o.To) && m.Start.Sub(now) <= Ahead {
			seen[m.ID] = true
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b Offer) int { return a.From.Compare(b.From) })
	return out
}

// Find returns the offer of that id.
func Find(os []Offer, id string) (Offer, bool) {
	i := slices.IndexFunc(os, func(o Offer) bool { return o.ID == id })
	if i < 0 {
		return Offer{}, false
	}
	return os[i], true
}
