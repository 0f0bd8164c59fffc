package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/session"
)

// Step is one moment of a simulation: what becomes known, and what somebody decides.
type Step struct {
	At     time.Time
	Facts  []Known
	Decide *Decision
	line   int
}

// Known is a fact that becomes known, or with nil not measured any more.
type Known struct {
	Name  string
	Value any
}

// Decision is a person's, as in Decide.
type Decision struct {
	Rule   string
	Role   session.Role
	Reason session.Reason
}

// Moment is what a simulation gives: the findings at a time.
type Moment struct {
	At       time.Time
	Findings []Finding
}

// ParseSteps reads a course of facts, a JSON object a line:
//
//	{"at": "2026-11-21T18:30:00Z", "facts": {"session_state": "closed", "windows_closed": true, "doors_closed": null}}
//	{"at": "2026-11-21T18:31:00Z", "decide": {"rule": "windows", "role": "chair", "reason": "urgent"}}
//
// Facts stay as they are until another line changes them; null means not measured. An error is an *Error with everything
// that is wrong.
func ParseSteps(name string, src []byte) (steps []Step, err error) {
	all := &Error{File: name}
	last := time.Time{}
	for i, line := range bytes.Split(src, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r := &reader{src: line}
		s := Step{line: i + 1}
		if root, err := scan(line); err != nil {
			var syn *syntaxError
			errors.As(err, &syn)
			r.fail(syn.off, "%s", syn.text)
		} else {
			s = r.step(root, i+1, last)
		}
		var e *Error
		if errors.As(r.err(name), &e) {
			for _, p := range e.Problems {
				all.Problems = append(all.Problems, Problem{i + 1, p.Col, p.Text})
			}
		}
		last = s.At
		steps = append(steps, s)
	}
	switch {
	case len(all.Problems) > 0:
		return nil, all
	case len(steps) == 0:
		all.Problems = []Problem{{1, 1, "there are no facts"}}
		return nil, all
	}
	return steps, nil
}

func (r *reader) step(n node, line int, last time.Time) Step {
	s := Step{line: line, At: last}
	o := r.object(n, "the line", []string{"at"}, []string{"facts", "decide"})
	if at, ok := o["at"]; ok {
		t, err := time.Parse(time.RFC3339, asText(at))
		switch {
		case err != nil:
			r.fail(at.off, "at is %s, want a time such as \"2026-11-21T18:30:00Z\"", at.kind())
		case t.Before(last):
			r.fail(at.off, "at is before the line above")
		default:
			s.At = t
		}
	}
	if f, ok := o["facts"]; ok {
		if !f.isObj {
			r.fail(f.off, "facts is %s, want an object", f.kind())
		}
		probe := NewFacts()
		for _, x := range f.fields {
			v := value(x.val)
			if err := probe.Set(x.key, v); err != nil {
				r.fail(x.off, "%s", strings.TrimPrefix(err.Error(), "policy: "))
				continue
			}
			s.Facts = append(s.Facts, Known{x.key, v})
		}
	}
	if d, ok := o["decide"]; ok {
		f := r.object(d, "the decision", []string{"rule", "role", "reason"}, nil)
		s.Decide = &Decision{Rule: r.slug(f, "rule"), Role: one(r, f, "role", "role", session.Roles),
			Reason: one(r, f, "reason", "reason", session.OverrideReasons)}
	}
	return s
}

// value returns a fact's value as Set takes it; what it does not take stays as it is.
func value(n node) any {
	if num, ok := n.value.(json.Number); ok {
		if i, err := num.Int64(); err == nil && i == int64(int(i)) {
			return int(i)
		}
	}
	if _, list := n.value.([]node); list || n.isObj {
		return n.kind()
	}
	return n.value
}

// Simulate judges every step, and between steps every moment at which a verdict changes by time alone. name is the file's
// of the steps, for errors.
func Simulate(p *Policy, name string, steps []Step) ([]Moment, error) {
	var out []Moment
	var st State
	f := NewFacts()
	judge := func(at time.Time) (next time.Time) {
		var fs []Finding
		fs, st = Evaluate(p, f, at, st)
		out = append(out, Moment{at, fs})
		return Next(fs)
	}
	var next time.Time
	for i, s := range steps {
		for !next.IsZero() && next.Before(s.At) {
			next = judge(next)
		}
		for _, k := range s.Facts {
			if err := f.Set(k.Name, k.Value); err != nil {
				return nil, err
			}
		}
		if d := s.Decide; d != nil {
			var err error
			if st, err = Decide(p, st, s.At, d.Rule, d.Role, d.Reason); err != nil {
				return nil, &Error{name, []Problem{{s.line, 1, strings.TrimPrefix(err.Error(), "policy: ")}}}
			}
		}
		if i+1 < len(steps) && steps[i+1].At.Equal(s.At) {
			next = time.Time{}
			continue // what comes at once is judged at once
		}
		next = judge(s.At)
	}
	for !next.IsZero() {
		next = judge(next)
	}
	return out, nil
}

// Changes returns what is new in a course of findings: for each moment those whose verdict, or whose deciding facts, are
// not as they were before.
func Changes(course []Moment) (out []Moment) {
	last := map[string]Finding{}
	for _, m := range course {
		var fs []Finding
		for _, f := range m.Findings {
			if old, ok := last[f.Rule]; !ok || old.Verdict != f.Verdict || !slices.Equal(old.Facts, f.Facts) {
				fs = append(fs, f)
			}
			last[f.Rule] = f
		}
		if len(fs) > 0 {
			out = append(out, Moment{m.At, fs})
		}
	}
	return out
}
