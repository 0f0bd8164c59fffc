package room

import (
	"slices"

	"subrosa/firmware/policy"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// inform keeps what chair and clerk are told of rules that are violated. A notice stays until the rule is kept again, an
// exception was made, or it does not apply any more; that somebody has seen it only quietens it.
func (r *Room) inform() {
	was := r.rules.notices
	r.rules.notices = nil
	for i, f := range r.rules.found {
		rule := &r.p.Policy.Rules[i]
		if !rule.Has(policy.InformChair) || f.Verdict != policy.Violated {
			continue
		}
		n := wall.Notice{Rule: rule.ID, Text: wall.Text(rule.Text), Since: f.Since}
		j := slices.IndexFunc(was, func(o wall.Notice) bool { return o.Rule == n.Rule })
		if j >= 0 {
			n.Seen = was[j].Seen
		} else {
			r.appendFor(rule.Serves, "policy.informed", map[string]any{"rule": rule.ID, "session": r.p.Machine.State(), "since": f.Since})
		}
		r.rules.notices = append(r.rules.notices, n)
	}
}

// seen takes note that chair or clerk has seen a notice.
func (r *Room) seen(o wall.Order) error {
	for i := range r.rules.notices {
		n := &r.rules.notices[i]
		if n.Rule != o.Rule || n.Seen != "" {
			continue
		}
		r.rules.notices = slices.Clone(r.rules.notices) // the pages hold the old ones
		r.rules.notices[i].Seen = o.Role
		r.appendFor(r.p.Policy.Rule(o.Rule).Serves, "policy.seen", map[string]any{"rule": o.Rule, "role": known(session.Roles, o.Role)})
		return nil
	}
	return nil // it is over, or somebody was quicker
}

// reminders are the rules that whoever looks after the room is reminded of.
func (r *Room) reminders() (out []report.Reminder) {
	for i, f := range r.rules.found {
		if rule := &r.p.Policy.Rules[i]; rule.Has(policy.Remind) && f.Verdict == policy.Violated {
			out = append(out, report.Reminder{Rule: rule.ID, DE: rule.Text.DE, EN: rule.Text.EN, Since: f.Since})
		}
	}
	return out
}
