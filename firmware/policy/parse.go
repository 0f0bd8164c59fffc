package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

const (
	maxRules    = 48 // the handover has 64 points, and others are there too
	maxText     = 400
	maxDuration = 24 * time.Hour
)

// Parse reads a policy; name is the file's, for errors. An error is an *Error with everything that is wrong.
func Parse(name string, src []byte) (*Policy, error) {
	text := bytes.TrimPrefix(src, []byte("\ufeff")) // some editors put it there
	r := &reader{src: text}
	root, err := scan(text)
	var syn *syntaxError
	if errors.As(err, &syn) {
		r.fail(syn.off, "%s", syn.text)
		return nil, r.err(name)
	}
	p := r.policy(root)
	if err := r.err(name); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(src)
	p.Hash = hex.EncodeToString(sum[:])
	return p, nil
}

// reader turns nodes into a policy and collects what is wrong.
type reader struct {
	src      []byte
	problems []found
}

type found struct {
	off  int
	text string
}

func (r *reader) fail(off int, format string, args ...any) {
	r.problems = append(r.problems, found{off, fmt.Sprintf(format, args...)})
}

// err returns the problems in the order of the file.
func (r *reader) err(name string) error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b found) int { return a.off - b.off })
	e := &Error{File: name}
	for _, p := range r.problems {
		line, col := place(r.src, p.off)
		e.Problems = append(e.Problems, Problem{line, col, p.text})
	}
	return e
}

// object checks n's keys against those it may have and must have, and returns its values by key.
func (r *reader) object(n node, what string, must, may []string) map[string]node {
	out := map[string]node{}
	if !n.isObj {
		r.fail(n.off, "%s is %s, want an object", what, n.kind())
		return out
	}
	all := slices.Concat(must, may)
	for _, f := range n.fields {
		_, twice := out[f.key]
		switch {
		case !slices.Contains(all, f.key):
			r.fail(f.off, "%s has no key %.40q%s", what, f.key, near(f.key, all))
		case twice:
			r.fail(f.off, "%s has %q twice", what, f.key)
		default:
			out[f.key] = f.val
		}
	}
	for _, k := range must {
		if _, ok := out[k]; !ok {
			r.fail(n.off, "%s lacks %q", what, k)
		}
	}
	return out
}

func (r *reader) policy(n node) *Policy {
	p := &Policy{}
	o := r.object(n, "the policy", []string{"format", "id", "text", "highest", "kinds", "rules"}, nil)
	if f, ok := o["format"]; ok && f.value != json.Number("1") {
		r.fail(f.off, "format is %s, this program reads %d", f.kind(), Format)
	}
	p.ID = r.slug(o, "id")
	p.Text = r.text(o, "text")
	p.Highest = one(r, o, "highest", "kind", Kinds)
	p.Kinds = many(r, o, "kinds", "kind", Kinds)
	if list, ok := o["kinds"]; ok && p.Highest != "" {
		each(list, func(i node) {
			if k, _ := i.value.(string); slices.Contains(Kinds, Kind(k)) && !Kind(k).Within(p.Highest) {
				r.fail(i.off, "kind %q is above the highest level %q", k, p.Highest)
			}
		})
		if len(p.Kinds) > 0 && !slices.Contains(p.Kinds, p.Highest) {
			r.fail(o["highest"].off, "the room is for %q, but kinds lists no such sessions: put it in there, or lower highest", p.Highest)
		}
	}
	rules, ok := o["rules"]
	if !ok {
		return p
	}
	list, isList := rules.value.([]node)
	switch {
	case !isList:
		r.fail(rules.off, "rules is %s, want a list", rules.kind())
	case len(list) == 0:
		r.fail(rules.off, "there are no rules")
	case len(list) > maxRules:
		r.fail(rules.off, "%d rules, at most %d", len(list), maxRules)
		return p
	}
	seen := map[string]bool{}
	for _, n := range list {
		rule := r.rule(n, p)
		if rule.ID != "" && seen[rule.ID] {
			r.fail(n.field("id").off, "rule %q is there twice", rule.ID)
		}
		seen[rule.ID] = true
		p.Rules = append(p.Rules, rule)
	}
	return p
}

// field returns the value of a key, the object itself if it lacks it.
func (n node) field(key string) node {
	for _, f := range n.fields {
		if f.key == key {
			return f.val
		}
	}
	return n
}

func (r *reader) rule(n node, p *Policy) Rule {
	var x Rule
	o := r.object(n, "the rule", []string{"id", "text", "condition", "states", "reactions", "serves"}, []string{"kinds", "grace", "step", "override"})
	x.ID = r.slug(o, "id")
	x.Text = r.text(o, "text")
	x.States = many(r, o, "states", "state", session.States)
	x.Kinds = many(r, o, "kinds", "kind", Kinds)
	x.Reactions = many(r, o, "reactions", "reaction", Reactions)
	x.Grace = r.duration(o, "grace", 0)
	x.Step = session.Handover
	if _, ok := o["step"]; ok {
		x.Step = one(r, o, "step", "step", []session.State{session.Handover, session.Sweep, session.Arming})
	}
	x.Override = r.override(o)
	x.Serves = r.serves(o)
	r.reach(o, &x, p)
	r.block(o, &x)
	if c, ok := o["condition"]; ok {
		s, isText := c.value.(string)
		if !isText {
			r.fail(c.off, "condition is %s, want text", c.kind())
		} else {
			x.Condition = s
			r.condition(c.off, &x)
		}
	}
	r.silent(o, &x)
	return x
}

// silent refuses points about findings: points stand on the wall, and findings are told to the chair alone.
func (r *reader) silent(o map[string]node, x *Rule) {
	shows := Reaction("")
	switch {
	case x.Has(BlockClosing):
		shows = BlockClosing
	case x.Has(Lamp):
		shows = Lamp
	default:
		return
	}
	for _, name := range x.Facts() {
		if f, _ := FactOf(name); (f.Source == FromAlarms || f.Source == FromDetector) && name != "alarms_unit" {
			r.fail(o["reactions"].off, "%s would show findings (%s) on the wall: use propose-interruption or inform-chair", shows, name)
			return
		}
	}
}

// reach finds states and kinds at which the rule can never apply, and fills in the kinds that are left out.
func (r *reader) reach(o map[string]node, x *Rule, p *Policy) {
	if n, ok := o["kinds"]; !ok {
		for _, k := range p.Kinds {
			if slices.ContainsFunc(x.States, func(s session.State) bool { return meet(s, k) }) {
				x.Kinds = append(x.Kinds, k)
			}
		}
		if states, ok := o["states"]; ok && len(x.States) > 0 && len(x.Kinds) == 0 && len(p.Kinds) > 0 {
			r.fail(states.off, "the rule can never apply: no kind of session of this policy is ever in these states")
		}
	} else {
		each(n, func(i node) {
			k := Kind(asText(i))
			switch {
			case !slices.Contains(Kinds, k) || len(p.Kinds) == 0:
			case !slices.Contains(p.Kinds, k):
				r.fail(i.off, "the rule can never apply to kind %q: the policy does not have it", k)
			case len(x.States) > 0 && !slices.ContainsFunc(x.States, func(s session.State) bool { return meet(s, k) }):
				r.fail(i.off, "the rule can never apply to kind %q in these states: the room is public while it is open, and only then", k)
			}
		})
	}
	if n, ok := o["states"]; ok && len(x.Kinds) > 0 {
		each(n, func(i node) {
			s := session.State(asText(i))
			if slices.Contains(session.States, s) && !slices.ContainsFunc(x.Kinds, func(k Kind) bool { return meet(s, k) }) {
				r.fail(i.off, "the rule can never apply in state %q to these kinds: the room is public while it is open, and only then", s)
			}
		})
	}
}

// block checks the reactions against the states in which they can follow, and that a block can be decided upon.
func (r *reader) block(o map[string]node, x *Rule) {
	in := func(f func(session.State) bool) bool { return slices.ContainsFunc(x.States, f) }
	if n, ok := o["reactions"]; ok && len(x.States) > 0 {
		each(n, func(i node) {
			switch Reaction(asText(i)) {
			case BlockClosing:
				if !in(session.State.Step) {
					r.fail(i.off, "block-closing can never follow: none of the states is handover, sweep or arming")
				} else if !slices.Contains(x.States, x.Step) && x.Step != "" {
					r.fail(i.off, "block-closing at the step %s can never follow: it is not among the states; name another \"step\"", x.Step)
				}
				if x.Override == nil || !slices.Contains(x.Override.Roles, session.Chair) {
					r.fail(i.off, "block-closing needs an override by the chair: the machine never stops a session for good")
				}
			case ProposeInterruption:
				if !slices.Contains(x.States, session.Closed) {
					r.fail(i.off, "propose-interruption can never follow: the state closed is not among the states")
				}
			case Lamp:
				if !slices.Contains(x.States, session.Closed) {
					r.fail(i.off, "lamp can never follow: it shows reservations of a closed session, and the state closed is not among the states")
				}
			}
		})
	}
	if n, ok := o["step"]; ok && !x.Has(BlockClosing) {
		r.fail(n.off, "step is for rules that block closing")
	}
}

func (r *reader) override(o map[string]node) *Override {
	n, ok := o["override"]
	if !ok {
		return nil
	}
	var x Override
	f := r.object(n, "the override", []string{"roles", "reasons", "for"}, nil)
	x.Roles = many(r, f, "roles", "role", session.Roles)
	x.Reasons = many(r, f, "reasons", "reason", session.OverrideReasons)
	x.For = r.duration(f, "for", time.Second)
	return &x
}

func (r *reader) serves(o map[string]node) (out []string) {
	n, ok := o["serves"]
	if !ok {
		return nil
	}
	list, isList := n.value.([]node)
	if !isList || len(list) == 0 {
		r.fail(n.off, "serves is %s, want at least one requirement, or %q", n.kind(), House)
	}
	for _, i := range list {
		id := asText(i)
		_, known := RequirementOf(id)
		switch {
		case known && slices.Contains(out, id):
			r.fail(i.off, "requirement %q is there twice", id)
		case known:
			out = append(out, id)
		case withdrawn[id] != "":
			r.fail(i.off, "requirement %s was dropped in Edition 2023: see %s", id, withdrawn[id])
		default:
			r.fail(i.off, "unknown requirement %s%s", i.kind(), parts(id))
		}
	}
	return out
}

// parts helps where a whole requirement was named instead of one of its parts.
func parts(id string) string {
	var list []string
	for _, q := range requirements {
		if strings.HasPrefix(q.ID, id+".") && id != "" {
			list = append(list, q.ID)
		}
	}
	if len(list) > 0 {
		return ", name its part: " + strings.Join(list, ", ")
	}
	return near(id, requirementIDs())
}

func asText(n node) string {
	s, _ := n.value.(string)
	return s
}

// each calls f for every item of a list.
func each(n node, f func(node)) {
	list, _ := n.value.([]node)
	for _, i := range list {
		f(i)
	}
}

// one reads a word out of a list.
func one[T ~string](r *reader, o map[string]node, key, what string, list []T) (v T) {
	n, ok := o[key]
	if !ok {
		return v
	}
	if v = T(asText(n)); slices.Contains(list, v) {
		return v
	}
	if hint := near(asText(n), strs(list)); hint != "" {
		r.fail(n.off, "unknown %s %s%s", what, n.kind(), hint)
	} else {
		r.fail(n.off, "unknown %s %s: want one of %s", what, n.kind(), strings.Join(strs(list), ", "))
	}
	return ""
}

// many reads a list of such words, at least one, none twice.
func many[T ~string](r *reader, o map[string]node, key, what string, list []T) (out []T) {
	n, ok := o[key]
	if !ok {
		return nil
	}
	items, isList := n.value.([]node)
	if !isList || len(items) == 0 {
		r.fail(n.off, "%s is %s, want a list with at least one of %s", key, n.kind(), strings.Join(strs(list), ", "))
	}
	for _, i := range items {
		v := one(r, map[string]node{key: i}, key, what, list)
		switch {
		case v == "":
		case slices.Contains(out, v):
			r.fail(i.off, "%s %q is there twice", what, v)
		default:
			out = append(out, v)
		}
	}
	return out
}

func (r *reader) slug(o map[string]node, key string) string {
	n, ok := o[key]
	if !ok {
		return ""
	}
	s := asText(n)
	for i, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0) {
			s = ""
		}
	}
	if s == "" || len(s) > 40 {
		r.fail(n.off, "%s is %s, want small letters, digits and hyphens, at most 40", key, n.kind())
		return ""
	}
	return s
}

func (r *reader) text(o map[string]node, key string) (t report.Text) {
	n, ok := o[key]
	if !ok {
		return t
	}
	f := r.object(n, key, []string{"de", "en"}, nil)
	for lang, dst := range map[string]*string{"de": &t.DE, "en": &t.EN} {
		n, ok := f[lang]
		if !ok {
			continue
		}
		*dst = asText(n)
		if strings.TrimSpace(*dst) == "" || len(*dst) > maxText || strings.ContainsFunc(*dst, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			r.fail(n.off, "%s.%s is %s, want one line of text, at most %d bytes", key, lang, n.kind(), maxText)
		}
	}
	return t
}

func (r *reader) duration(o map[string]node, key string, least time.Duration) time.Duration {
	n, ok := o[key]
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(asText(n))
	if err != nil || d < least || d > maxDuration {
		r.fail(n.off, "%s is %s, want a time such as \"30s\" or \"2h\", from %s to %s", key, n.kind(), Duration(least), Duration(maxDuration))
		return 0
	}
	return d
}
