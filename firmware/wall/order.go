package wall

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"subrosa/firmware/alarm"
	"subrosa/firmware/session"
)

// Act is what a person may ask of the unit. Those of the session bear the names of its events.
type Act string

const (
	Start     = Act(session.OnStart)     // one press: handover begins; closed follows by itself when all is proven
	Confirm   = Act(session.OnConfirm)   // second press, with a reason, for what stays unproven
	Interrupt = Act(session.OnInterrupt) // with a reason
	Resume    = Act(session.OnResume)
	End       = Act(session.OnEnd)

	Plan = Act(session.OnPlan) // Order.Meeting of the calendar

	Answer  Act = "ack"     // an alarm, with verdict and reason
	Propose Act = "propose" // Order.Proposes, to the chair
	Decline Act = "decline" // the open proposal
	Tick    Act = "tick"    // a point of the walk, with a reason, or a count of heads
	Seen    Act = "seen"    // a notice, by Order.Rule
	Sign    Act = "sign"    // a point of a connector's checklist, by Order.Command
)

// Order is one checked request from a page: the role may ask it, the state it was made in still holds, reason
// and verdict are out of the pick-lists.
type Order struct {
	Act      Act
	Role     session.Role   // Chair or Clerk
	Reason   session.Reason // Confirm, Interrupt
	Alarm    string         // finding id; Answer
	Ack      alarm.Ack      // Answer, without At
	Proposes Act            // Propose
	Point    string         // Tick: what a person confirms, with Reason
	Heads    int            // Tick: how many people are in the room, in place of a point
	Meeting  string         // Plan: id of a meeting of the calendar
	Rule     string         // Seen
	Conn     string         // Sign: connector
	Command  string         // Sign: names the point
	Refused  bool           // Sign: it is not as the point wants it
}

// Refusal is an error whose text is meant for the person at the page. Any other error of Options.Do is logged
// and shown as a plain "did not work".
type Refusal struct{ Text Text }

func (r *Refusal) Error() string { return "refused: " + r.Text.EN }

var (
	refusedChanged = &Refusal{Text{"Der Stand hat sich inzwischen geändert. Bitte prüfen und noch einmal drücken.",
		"The state has changed in the meantime. Please check and press again."}}
	refusedRight = &Refusal{Text{"Das ist mit dieser Rolle oder in diesem Stand nicht möglich.",
		"This role cannot do that, or not in this state."}}
	refusedReason = &Refusal{Text{"Bitte einen Grund aus der Liste wählen.", "Please choose a reason from the list."}}
	refusedAlarm  = &Refusal{Text{"Dieser Befund ist nicht mehr offen.", "This finding is no longer open."}}
	refusedNotice = &Refusal{Text{"Dieser Hinweis hat sich erledigt.", "This notice is settled."}}
	failed        = &Refusal{Text{"Das hat nicht geklappt. Bitte noch einmal; es gilt der Stand auf dieser Seite.",
		"That did not work. Please try again; the state on this page holds."}}
)

const maxForm = 4 << 10 // bytes of a form

// offered returns the acts of the session that role may press now, the likeliest first.
func offered(v *View, role session.Role) (out []Act) {
	for _, k := range session.Allowed(v.Session.State, role) {
		switch k {
		case session.OnPlan:
			continue // done at the console, or from the calendar's list
		case session.OnConfirm:
			if !confirmable(v) {
				continue
			}
		case session.OnResume:
			if v.Session.Next == session.NextConfirm {
				continue // resuming needs a reason now: Confirm
			}
		}
		out = append(out, Act(k))
	}
	return out
}

// confirmable reports whether there is anything to take responsibility for.
func confirmable(v *View) bool {
	return v.Session.Next == session.NextConfirm || v.Session.State.Step() && v.Session.Left() > 0
}

// proposable returns what role may not do itself but suggest to the chair.
func proposable(v *View, role session.Role) (out []Act) {
	if role == session.Chair || v.Proposal != nil {
		return nil
	}
	own := offered(v, role)
	for _, a := range offered(v, session.Chair) {
		if !slices.Contains(own, a) {
			out = append(out, a)
		}
	}
	return out
}

// order reads and checks a form. The error is a *Refusal.
func (h *Handler) order(r *http.Request, v *View, role session.Role) (Order, error) {
	o := Order{Act: Act(r.PostFormValue("act")), Role: role}
	if r.PostFormValue("seen") != string(v.Session.State) && o.Act != Answer && o.Act != Seen && o.Act != Sign {
		return o, refusedChanged
	}
	switch o.Act {
	case Answer:
		return o.answering(r, v)
	case Decline:
		if role != session.Chair || v.Proposal == nil {
			return o, refusedRight
		}
		return o, nil
	case Tick:
		return o.ticking(r, v)
	case Plan:
		return o.planning(r, v)
	case Sign:
		return o.signing(r, v)
	case Seen:
		if o.Rule = r.PostFormValue("rule"); !slices.ContainsFunc(v.Notices, func(n Notice) bool { return n.Rule == o.Rule }) {
			return o, refusedNotice
		}
		return o, nil
	case Propose:
		o.Proposes = Act(r.PostFormValue("proposes"))
		if !slices.Contains(proposable(v, role), o.Proposes) {
			return o, refusedRight
		}
		return o, nil
	}
	if !slices.Contains(offered(v, role), o.Act) {
		return o, refusedRight
	}
	if list := reasonsOf(o.Act); list != nil {
		o.Reason = session.Reason(r.PostFormValue("reason"))
		if !slices.Contains(list, o.Reason) {
			return o, refusedReason
		}
	}
	return o, nil
}

func (o Order) answering(r *http.Request, v *View) (Order, error) {
	o.Alarm = r.PostFormValue("alarm")
	open := slices.ContainsFunc(v.Alarms, func(a alarm.Alarm) bool { return a.Finding.ID == o.Alarm && a.Ack == nil })
	if !open {
		return o, refusedAlarm
	}
	verdict, reason, _ := strings.Cut(r.PostFormValue("answer"), "/")
	o.Ack = alarm.Ack{Role: string(o.Role), Verdict: alarm.Verdict(verdict), Reason: reason}
	if o.Ack.Validate() != nil {
		return o, refusedReason
	}
	return o, nil
}

// reasonsOf returns the pick-list an act needs, or nil.
func reasonsOf(a Act) []session.Reason {
	switch a {
	case Confirm:
		return session.OverrideReasons
	case Interrupt:
		return session.InterruptReasons
	}
	return nil
}

// String names the order for logs: no person and no content are in it.
func (o Order) String() string {
	s := fmt.Sprintf("%s by %s", o.Act, o.Role)
	switch {
	case o.Act == Answer:
		s += fmt.Sprintf(" of %s: %s/%s", o.Alarm, o.Ack.Verdict, o.Ack.Reason)
	case o.Act == Propose:
		s += ": " + string(o.Proposes)
	case o.Act == Tick && o.Heads > 0:
		s += ": heads"
	case o.Act == Tick:
		s += fmt.Sprintf(" of %s: %s", o.Point, o.Reason)
	case o.Act == Plan:
		s += " of the calendar's " + o.Meeting
	case o.Act == Seen:
		s += " of the notice " + o.Rule
	case o.Act == Sign:
		s += fmt.Sprintf(" of a point of %s, done: %v", o.Conn, !o.Refused)
	case o.Reason != "":
		s += ": " + string(o.Reason)
	}
	return s
}
