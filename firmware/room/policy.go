package room

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"subrosa/firmware/handover"
	"subrosa/firmware/journal"
	"subrosa/firmware/policy"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// rules is how the room follows its policy. Without one it stays empty.
type rules struct {
	facts    *policy.Facts
	kept     ruleMemory // as it is on disk
	state    policy.State
	found    []policy.Finding // by the last judgement
	session  session.State    // at it
	sent     string           // what was reported, as JSON
	proposal *wall.Proposal   // that a rule made
	notices  []wall.Notice    // for chair and clerk, in the order of the rules
}

// ruleMemory is what survives of a policy.
type ruleMemory struct {
	Format int          `json:"format"`
	Policy string       `json:"policy"` // hash: what another policy remembered does not count
	Rules  policy.State `json:"rules"`
}

// rulePoint begins the name of a point that a rule makes.
const rulePoint = "rule-"

// RuleWords are the names of the points that a policy makes, for the pages; none without a policy.
func RuleWords(p *policy.Policy) map[string]wall.Text {
	words := map[string]wall.Text{}
	if p != nil {
		for _, r := range p.Rules {
			words[rulePoint+r.ID] = wall.Text(r.Text)
		}
	}
	return words
}

// loadRules takes up what the last run remembered of the policy.
func (r *Room) loadRules() {
	if r.p.Policy == nil {
		return
	}
	r.rules.facts = policy.NewFacts()
	var m ruleMemory
	switch err := r.p.State.Load("policy", &m); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || m.Format != 1:
		r.p.Log.Error("what was remembered of the policy is unreadable: exceptions are void", "err", err)
	case m.Policy == r.p.Policy.Hash:
		r.rules.kept, r.rules.state = m, m.Rules
	}
}

// follow judges the room by its policy and adds to the points of the session those of the rules. It does nothing without
// a policy.
func (r *Room) follow(ps []session.Point) []session.Point {
	p := r.p.Policy
	if p == nil {
		return ps
	}
	now, s := r.p.Clock.Now(), r.p.Machine.State()
	r.gather(ps, s)
	before := r.rules.found
	r.rules.found, r.rules.state = policy.Evaluate(p, r.rules.facts, now, r.rules.state)
	r.recordRules(before, s)
	r.proposeRule(before, s)
	r.inform()
	r.saveRules()
	r.reportRules()
	r.rules.session = s
	kind := r.kind(s)
	if !s.Step() && !s.Confidential() {
		return ps
	}
	for i, f := range r.rules.found {
		rule := &p.Rules[i]
		blocks, later := p.Blocks(rule, s, kind)
		if !blocks && !p.Shows(rule, s, kind) || provenBy(rule, ps) != nil {
			continue
		}
		point := session.Point{Name: rulePoint + rule.ID, Step: rule.Step, Proven: f.Verdict == policy.Kept, Advisory: !blocks}
		switch {
		case later:
			point.Detail = "waiting"
		case len(f.Facts) > 0 && !r.rules.facts.Measured(f.Facts[0]):
			point.Detail = "not-measurable"
		}
		ps = append(ps, point)
	}
	return ps
}

// provenBy returns the points that prove all of a rule already, nil if they do not: nobody should be asked twice.
func provenBy(rule *policy.Rule, ps []session.Point) (names []string) {
	for _, name := range rule.Facts() {
		f, _ := policy.FactOf(name)
		some := false
		for _, p := range ps {
			if f.Point != "" && proves(p.Name, f.Point) {
				names, some = append(names, p.Name), true
			}
		}
		if !some {
			return nil
		}
	}
	return names
}

// decided takes note that the chair went on with something unproven: for rules that let the chair, for this reason, it is
// an exception. For the others the session goes on as well, but they stay violated.
func (r *Room) decided(c session.Changed) {
	p := r.p.Policy
	if p == nil || c.On != session.OnConfirm {
		return
	}
	now := r.p.Clock.Now()
	for i, f := range r.rules.found {
		rule := &p.Rules[i]
		if f.Verdict == policy.Kept || f.Verdict == policy.Idle || f.Verdict == policy.Overridden || !r.accepted(rule) {
			continue
		}
		next, err := policy.Decide(p, r.rules.state, now, rule.ID, c.Role, c.Reason)
		if err != nil {
			r.p.Log.Warn("the session goes on, and the rule stays violated", "err", err)
			continue
		}
		r.rules.state = next
		r.appendFor(rule.Serves, "policy.overridden", map[string]any{"rule": rule.ID, "role": c.Role, "reason": c.Reason,
			"verdict": f.Verdict, "facts": f.Facts, "until": next[i].Until})
	}
	r.saveRules()
}

// accepted reports whether the chair has accepted the points of a rule.
func (r *Room) accepted(rule *policy.Rule) bool {
	names := provenBy(rule, r.session.Points)
	if names == nil {
		names = []string{rulePoint + rule.ID}
	}
	some := false
	for _, p := range r.session.Points {
		if !p.Proven && slices.Contains(names, p.Name) {
			if !p.Accepted {
				return false
			}
			some = true
		}
	}
	return some
}

// verdict returns what was found of rule i, idle if nothing was.
func verdict(found []policy.Finding, i int) policy.Verdict {
	if i < len(found) {
		return found[i].Verdict
	}
	return policy.Idle
}

// recordRules writes what changed into the journal: every violation and its end, in a confidential session also what is
// not measured, and all verdicts when the session closes.
func (r *Room) recordRules(before []policy.Finding, s session.State) {
	p := r.p.Policy
	for i, f := range r.rules.found {
		rule, was := &p.Rules[i], verdict(before, i)
		if f.Verdict == was {
			continue
		}
		payload := map[string]any{"rule": rule.ID, "session": s, "facts": f.Facts, "verdict": f.Verdict}
		switch {
		case f.Verdict == policy.Violated:
			payload["since"] = f.Since
			r.appendFor(rule.Serves, "policy.violated", payload)
		case f.Verdict == policy.Unmeasured && s.Confidential():
			r.appendFor(rule.Serves, "policy.unmeasured", payload)
		case was == policy.Violated && f.Verdict != policy.Overridden: // that has its own entry
			r.appendFor(rule.Serves, "policy.ended", payload)
		}
	}
	if s != session.Closed || r.rules.session == session.Closed || r.rules.session == "" {
		return
	}
	verdicts, serves := map[string]policy.Verdict{}, []string{}
	for i, f := range r.rules.found {
		if f.Verdict == policy.Idle {
			continue
		}
		verdicts[f.Rule] = f.Verdict
		for _, id := range p.Rules[i].Serves {
			if !slices.Contains(serves, id) {
				serves = append(serves, id)
			}
		}
	}
	r.appendFor(serves, "policy.judged", map[string]any{"policy": p.ID, "rules": verdicts})
}

// proposeRule suggests to interrupt when a rule begins to be violated in a closed session, and takes that back when none
// is any more.
func (r *Room) proposeRule(before []policy.Finding, s session.State) {
	standing := false
	for i, f := range r.rules.found {
		rule := &r.p.Policy.Rules[i]
		if s != session.Closed || f.Verdict != policy.Violated || !rule.Has(policy.ProposeInterruption) {
			continue
		}
		standing = true
		if fresh := verdict(before, i) != policy.Violated || r.rules.session != session.Closed; fresh && r.proposal == nil {
			r.proposal = &wall.Proposal{Act: wall.Interrupt, By: "unit", At: r.p.Clock.Now(),
				Why: wall.Text{DE: "Regel nicht eingehalten: " + rule.Text.DE, EN: "Rule not kept: " + rule.Text.EN}}
			r.rules.proposal = r.proposal
		}
	}
	if !standing && r.proposal != nil && r.proposal == r.rules.proposal {
		r.proposal, r.rules.proposal = nil, nil
	}
}

// saveRules keeps what is remembered, when it has changed.
func (r *Room) saveRules() {
	m := ruleMemory{Format: 1, Policy: r.p.Policy.Hash, Rules: r.rules.state}
	if m.Policy == r.rules.kept.Policy && slices.Equal(m.Rules, r.rules.kept.Rules) {
		return
	}
	err := r.p.State.Save("policy", m)
	if err == nil {
		r.rules.kept = ruleMemory{Format: 1, Policy: m.Policy, Rules: slices.Clone(m.Rules)}
	}
	r.check("state", "policy", err)
}

// reportRules reports the policy and its verdicts, when they have changed.
func (r *Room) reportRules() {
	v := report.Policy{Hash: r.p.Policy.Hash, Verdicts: map[string]int{}}
	for k, n := range policy.Tally(r.rules.found) {
		v.Verdicts[string(k)] = n
	}
	v.Reminders = r.reminders()
	b, err := json.Marshal(v)
	if err != nil || string(b) == r.rules.sent {
		return
	}
	r.rules.sent = string(b)
	r.check("outbox", "policy", r.p.Site.Report(topic.PolicyReported(r.p.Room), v))
}

// appendFor records an entry that serves requirements.
func (r *Room) appendFor(requires []string, kind string, payload any) {
	r.appendEntry(journal.Entry{Kind: kind, Requires: requires}, payload)
}

// kind is how confidential the session is: public while there is none, "" where that is not known.
func (r *Room) kind(s session.State) policy.Kind {
	k := policy.Kind(strings.TrimSpace(r.session.Level))
	switch {
	case s == session.Open:
		return policy.Public
	case slices.Contains(policy.Kinds, k):
		return k
	}
	return ""
}

// pending are details of an unproven point that say that nobody knows yet.
var pending = []string{"", "unknown", "not-measurable", "waiting", "fault", "line-fault", "stale", "heads-unknown", handover.AloneWaiting}

// proves reports whether a point of the session is one of those that a fact is proven by: the point of that name; of
// "seats-" every one that begins so; of "stream-off" also those of a second and third, such as "stream-2-off".
func proves(point, fact string) bool {
	device, off := strings.CutSuffix(fact, "-off")
	return point == fact || strings.HasSuffix(fact, "-") && strings.HasPrefix(point, fact) ||
		off && strings.HasPrefix(point, device+"-") && strings.HasSuffix(point, "-off")
}

// fromPoint returns what the points say of a fact: false if one says so, nil if there is none or one says nothing.
func fromPoint(ps []session.Point, fact string) any {
	var all any
	for _, p := range ps {
		switch {
		case !proves(p.Name, fact):
		case p.Proven && all == nil:
			all = true
		case p.Proven:
		case slices.Contains(pending, p.Detail):
			all = "unknown"
		default:
			return false
		}
	}
	if all != true {
		return nil
	}
	return true
}
