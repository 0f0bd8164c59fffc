// Package panel maps what the room's unit knows to its lamp, screen, relays and the chair's button, and what its
// contacts and sensors read to points of the handover. It is pure: time is an argument, and no hardware is named.
//
//	session, alarms ──► Scene ──► lamp, screen, relays, light and vibration of the chair's button
//	press ──► Chair.Press ──► an order to the room, the same as from the chair's page
//	contacts, occupancy, locker ──► Facts ──► points, proposals, room/{room}/contact/{name}
//
// Silent first: what was found reaches the chair's button alone. The lamp and the screen say what the wall says, and
// show a finding only where the policy lets the wall show it.
//
// # The chair's button
//
//	state                         short press                           long press (1.5 s)
//	open, planned                 handover begins                       –
//	handover, sweep, arming       –                                     the handover is given up
//	the same, a decision waits    go on: see below                      the handover is given up
//	closed                        "seen": the light is steady again     interrupt
//	interrupted                   resume                                –
//	the same, a decision waits    go on: see below                      –
//	restoring, decision waits     go on: see below                      –
//
// A session is never ended by the button: no thumb ends one. Going on with something unproven needs a reason, and a
// button has none: the press counts as one only where the policy names the reason it stands for; otherwise it puts
// the question on the chair's page. A press within a second after the question came up is taken for one that
// meant something else.
package panel

import (
	"slices"
	"time"

	"subrosa/drivers/button"
	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// Policy is what the room's rules say about the panel.
type Policy struct {
	ShowsFindings bool           // lamp and screen may show that something was found
	Reason        session.Reason // that a second press stands for; "" asks on the chair's page
	Location      *time.Location
}

// Scene is what the panel shows of a View.
type Scene struct {
	Session session.Report
	Look    session.Appearance
	Finding bool // shown: only with Policy.ShowsFindings
	Tally   Tally
	Facts   Facts
	loc     *time.Location
}

// NewScene takes from the view what everybody in the room may see.
func NewScene(v wall.View, f Facts, p Policy) Scene {
	s := Scene{Session: v.Session, Tally: TallyOff, Facts: f, loc: p.Location}
	switch {
	case len(v.Recording) > 0:
		s.Tally = TallyOn
	case v.RecordingUnknown:
		s.Tally = TallyUnknown
	}
	if s.loc == nil {
		s.loc = time.UTC
	}
	if !p.ShowsFindings && s.Session.Reason == "finding" {
		s.Session.Reason = "" // "interrupted" is all it says
	}
	s.Finding = p.ShowsFindings && len(open(v.Alarms)) > 0
	s.Look = session.Look(s.Session, s.loc)
	return s
}

// open returns the ids of the alarms that nobody has answered.
func open(alarms []alarm.Alarm) (ids []string) {
	for i := range alarms {
		if alarms[i].Ack == nil {
			ids = append(ids, alarms[i].Finding.ID)
		}
	}
	return ids
}

// Tally is what the recording lamp says.
type Tally uint8

const (
	TallyUnknown Tally = iota // nobody can say, or nothing is heard of the room: a dark lamp would claim something
	TallyOff
	TallyOn
)

// Relay reports whether a relay that is on in the given states is to be on.
func (s Scene) Relay(while []session.State) bool { return slices.Contains(while, s.Session.State) }

// Patterns of vibration: told apart without looking.
var (
	AlarmPattern   = button.Pattern{140 * ms, 90 * ms, 140 * ms, 400 * ms, 140 * ms, 90 * ms, 140 * ms} // a finding
	AskPattern     = button.Pattern{400 * ms, 200 * ms, 400 * ms}                                       // a decision waits
	NoticePattern  = button.Pattern{140 * ms, 90 * ms, 400 * ms}                                        // a rule is not kept
	TakenPattern   = button.Pattern{60 * ms}                                                            // the press counts
	RefusedPattern = button.Pattern{40 * ms, 80 * ms, 40 * ms, 80 * ms, 40 * ms}                        // it does not
)

const ms = time.Millisecond

// askWithin is for how long a press after a new question is not taken for its answer.
const askWithin = time.Second

// Chair is the memory of the chair's button. The zero value has seen nothing.
type Chair struct {
	told     []string // open alarms and notices that were told
	seen     bool     // the chair has answered with a press
	asked    bool
	askedAt  time.Time
	lastView session.State
}

// Tell returns how the button is lit, and how it vibrates now, nil for not at all.
func (c *Chair) Tell(now time.Time, v wall.View) (l button.Light, p button.Pattern) {
	ids := open(v.Alarms)
	for _, id := range ids {
		if !slices.Contains(c.told, id) {
			c.seen, p = false, AlarmPattern
		}
	}
	for _, n := range v.Notices {
		if n.Seen != "" {
			continue
		}
		id := "rule " + n.Rule
		if !slices.Contains(c.told, id) {
			if c.seen = false; p == nil {
				p = NoticePattern
			}
		}
		ids = append(ids, id)
	}
	c.told = ids
	ask := v.Session.Next == session.NextConfirm
	if ask && (!c.asked || c.lastView != v.Session.State) {
		c.askedAt = now
		if p == nil {
			p = AskPattern
		}
	}
	c.asked, c.lastView = ask, v.Session.State
	switch {
	case ask:
		l = button.Hurry
	case len(ids) > 0 && !c.seen:
		l = button.Blink
	case len(ids) > 0, v.Session.Next == session.NextStart, v.Session.Next == session.NextResume:
		l = button.Lit
	}
	return l, p
}

// Press returns what a press orders; ok is false where it orders nothing. Call Tell with the same view before.
func (c *Chair) Press(now time.Time, press button.Press, v wall.View, f Facts, p Policy) (o wall.Order, ok bool) {
	o.Role = session.Chair
	s := &v.Session
	switch {
	case press == button.Long && s.State == session.Closed:
		o.Act, o.Reason = wall.Interrupt, f.reason(len(open(v.Alarms)) > 0)
	case press == button.Long && s.State.Step():
		o.Act = wall.End
	case press != button.Short:
		return o, false
	case s.Next == session.NextConfirm:
		if now.Sub(c.askedAt) < askWithin {
			return o, false
		}
		if o.Act, o.Reason = wall.Confirm, p.Reason; p.Reason == "" {
			o.Act, o.Proposes, o.Role = wall.Propose, wall.Confirm, "unit"
		}
	case s.State == session.Open, s.State == session.Planned:
		o.Act = wall.Start
	case s.State == session.Interrupted:
		o.Act = wall.Resume
	default:
		c.seen = true
		return o, false
	}
	return o, true
}
