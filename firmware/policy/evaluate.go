package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"subrosa/firmware/session"
)

// Verdict on a rule.
type Verdict string

const (
	Idle       Verdict = "idle"       // it does not apply now
	Kept       Verdict = "ok"         // whatever the facts are that are not measured
	Grace      Verdict = "grace"      // broken, but not for long
	Violated   Verdict = "violated"   // broken for longer than its grace
	Unmeasured Verdict = "unmeasured" // nobody can say
	Overridden Verdict = "overridden" // broken or unmeasured, and somebody who may has decided
)

// Verdicts lists them.
var Verdicts = []Verdict{Kept, Grace, Violated, Unmeasured, Overridden, Idle}

// Finding is the verdict on one rule.
type Finding struct {
	Rule    string
	Verdict Verdict
	Since   time.Time // since when it is broken, or not measured; zero: neither
	Until   time.Time // end of the grace or of the override
	Facts   []string  // that decided it: those that break it, or that are not measured. Read-only.
}

// Memory is what is remembered of one rule.
type Memory struct {
	Rule     string    `json:"rule"`
	Broken   time.Time `json:"broken,omitzero"` // first, since it was kept last
	Dark     time.Time `json:"dark,omitzero"`   // not measured since
	Decided  time.Time `json:"decided,omitzero"`
	Until    time.Time `json:"until,omitzero"` // the decision holds
	DecideBy string    `json:"decide_by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// State is what Evaluate remembers, a Memory for each rule. The zero value remembers nothing. Evaluate takes from it what
// belongs to rules of its policy and forgets the rest.
type State []Memory

func (s State) of(i int, rule string) Memory {
	if i < len(s) && s[i].Rule == rule { // as Evaluate has left it
		return s[i]
	}
	for _, m := range s {
		if m.Rule == rule {
			return m
		}
	}
	return Memory{Rule: rule}
}

// truth is one of three values.
type truth uint8

const (
	no truth = iota
	unknown
	yes
)

// activation gives CEL the facts; what is not measured is CEL's unknown.
type activation struct {
	values []ref.Val
	level  ref.Val // of LevelWithin
}

var (
	notMeasured ref.Val = types.NewUnknown(0, nil)
	levelIndex          = factIndex[LevelWithin]
	stateIndex          = factIndex["session_state"]
	kindIndex           = factIndex["session_kind"]
)

// ResolveName implements cel.Activation.
func (a activation) ResolveName(name string) (any, bool) {
	i, ok := factIndex[name]
	if !ok {
		return nil, false
	}
	return a.value(i), true
}

func (a activation) value(i int) ref.Val {
	v := a.values[i]
	if i == levelIndex {
		v = a.level
	}
	if v == nil {
		return notMeasured
	}
	return v
}

// Parent implements cel.Activation.
func (activation) Parent() cel.Activation { return nil }

// holds evaluates one clause. Whatever is neither true nor false, a fault of CEL among it, is unknown.
func (p *part) holds(a cel.Activation) truth {
	v, _, err := p.prog.Eval(a)
	b, ok := v.(types.Bool)
	switch {
	case err != nil || !ok:
		return unknown
	case bool(b):
		return yes
	}
	return no
}

// holds evaluates the whole condition.
func (r *Rule) holds(a cel.Activation) truth {
	t := yes
	for i := range r.parts {
		t = min(t, r.parts[i].holds(a))
	}
	return t
}

// decide evaluates the condition and says which facts decide it, in a slice that belongs to the caller's list.
func (r *Rule) decide(a activation, act cel.Activation) (truth, []string) {
	t := r.holds(act)
	if t == yes {
		return t, nil
	}
	var names []string
	for i := range r.parts {
		p := &r.parts[i]
		if p.holds(act) != t {
			continue
		}
		for j, f := range p.facts {
			if (a.value(f) != notMeasured) == (t == no) && !slices.Contains(names, p.names[j]) {
				names = append(names, p.names[j])
			}
		}
	}
	return t, names
}

// Evaluate judges every rule, in the order of the policy. The same facts, time and state give the same result; neither
// facts nor prev are changed.
func Evaluate(p *Policy, f *Facts, now time.Time, prev State) ([]Finding, State) {
	a := activation{values: f.values}
	state, kind := session.State(f.word(stateIndex)), Kind(f.word(kindIndex))
	if kind != "" {
		a.level = types.Bool(kind.Within(p.Highest))
	}
	kind = p.own(kind)
	findings, next := make([]Finding, len(p.Rules)), make(State, len(p.Rules))
	var act cel.Activation = a
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.applies(state, kind) {
			findings[i], next[i] = Finding{Rule: r.ID, Verdict: Idle}, Memory{Rule: r.ID}
			continue
		}
		t, names := r.decide(a, act)
		next[i] = prev.of(i, r.ID).after(t, now)
		findings[i] = next[i].judge(r, t, now)
		findings[i].Facts = names
	}
	return findings, next
}

// after returns what is remembered after the condition was found to be t. Only a rule that is kept is forgiven what was:
// while nobody can say, the clock of a violation runs on. A clock that was set back does not lengthen anything.
func (m Memory) after(t truth, now time.Time) Memory {
	if !m.valid(now) {
		m.Decided, m.Until, m.DecideBy, m.Reason = time.Time{}, time.Time{}, "", ""
	}
	switch t {
	case yes:
		m.Broken, m.Dark = time.Time{}, time.Time{}
	case unknown:
		m.Dark = earlier(m.Dark, now)
	case no:
		m.Broken, m.Dark = earlier(m.Broken, now), time.Time{}
	}
	return m
}

func earlier(t, now time.Time) time.Time {
	if t.IsZero() || now.Before(t) {
		return now
	}
	return t
}

// valid reports whether a decision holds.
func (m Memory) valid(now time.Time) bool {
	return !m.Until.IsZero() && !now.Before(m.Decided) && now.Before(m.Until)
}

func (m Memory) judge(r *Rule, t truth, now time.Time) Finding {
	f := Finding{Rule: r.ID, Verdict: Kept}
	if t == yes {
		return f
	}
	if f.Since = m.Broken; t == unknown {
		f.Since = m.Dark
	}
	switch end := m.Broken.Add(r.Grace); {
	case m.valid(now):
		f.Verdict, f.Until = Overridden, m.Until
	case t == unknown:
		f.Verdict = Unmeasured
	case now.Before(end):
		f.Verdict, f.Until = Grace, end
	default:
		f.Verdict = Violated
	}
	return f
}

// Decide takes a person's decision that the session goes on although a rule is not kept. It returns the new state; s is
// not changed. It is an error if the rule does not let this role, or for this reason.
func Decide(p *Policy, s State, now time.Time, rule string, role session.Role, reason session.Reason) (State, error) {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == rule })
	if i < 0 {
		return s, fmt.Errorf("policy: %s has no rule %.40q", p.ID, rule)
	}
	o := p.Rules[i].Override
	switch {
	case o == nil:
		return s, fmt.Errorf("policy: rule %s: nobody may override it", rule)
	case !slices.Contains(o.Roles, role):
		return s, fmt.Errorf("policy: rule %s: %.40q may not override it", rule, role)
	case !slices.Contains(o.Reasons, reason):
		return s, fmt.Errorf("policy: rule %s: reason %.40q is not on its list", rule, reason)
	}
	next := make(State, len(p.Rules))
	for j := range p.Rules {
		next[j] = s.of(j, p.Rules[j].ID)
	}
	m := &next[i]
	m.Decided, m.Until, m.DecideBy, m.Reason = now, now.Add(o.For), string(role), string(reason)
	return next, nil
}

// Next returns when a verdict changes by time alone; zero: it does not.
func Next(findings []Finding) (at time.Time) {
	for _, f := range findings {
		if !f.Until.IsZero() && (at.IsZero() || f.Until.Before(at)) {
			at = f.Until
		}
	}
	return at
}

// Tally counts the findings by verdict.
func Tally(findings []Finding) map[Verdict]int {
	n := make(map[Verdict]int, len(Verdicts))
	for _, v := range Verdicts {
		n[v] = 0
	}
	for _, f := range findings {
		n[f.Verdict]++
	}
	return n
}
