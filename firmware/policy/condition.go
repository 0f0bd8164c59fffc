package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// part is one of the clauses that && joins into a condition.
type part struct {
	prog  cel.Program
	expr  ast.Expr
	names []string // of its facts
	facts []int
}

const (
	maxCondition = 1000
	maxTried     = 1 << 13 // arrangements of facts that are tried out
)

// language is CEL with our facts, and nothing that can fail, loop or surprise.
var language = sync.OnceValues(func() (*cel.Env, error) {
	pick := func(name string, ids ...string) *env.Function {
		f := env.NewFunction(name)
		for _, id := range ids {
			f.Overloads = append(f.Overloads, &env.Overload{ID: id})
		}
		return f
	}
	subset := &env.LibrarySubset{DisableMacros: true, IncludeFunctions: []*env.Function{
		pick(operators.LogicalAnd), pick(operators.LogicalOr), pick(operators.LogicalNot), pick(operators.Conditional),
		pick(operators.Equals), pick(operators.NotEquals), pick(operators.In, overloads.InList),
		pick(operators.Less, overloads.LessInt64), pick(operators.LessEquals, overloads.LessEqualsInt64),
		pick(operators.Greater, overloads.GreaterInt64), pick(operators.GreaterEquals, overloads.GreaterEqualsInt64)}}
	opts := []cel.EnvOption{cel.StdLib(cel.StdLibSubset(subset)), cel.ParserRecursionLimit(32), cel.ParserExpressionSizeLimit(maxCondition)}
	for _, f := range facts {
		opts = append(opts, cel.Variable(f.Name, map[Type]*cel.Type{Bool: cel.BoolType, Count: cel.IntType, Choice: cel.StringType}[f.Type]))
	}
	return cel.NewCustomEnv(opts...)
})

// condition compiles x.Condition, whose literal begins at off of the file.
func (r *reader) condition(off int, x *Rule) {
	if len(x.Condition) > maxCondition || strings.TrimSpace(x.Condition) == "" {
		r.fail(off, "the condition has %d bytes, want 1 to %d", len(x.Condition), maxCondition)
		return
	}
	e, err := language()
	if err != nil {
		r.fail(off, "CEL: %v", err)
		return
	}
	a, issues := e.Compile(x.Condition)
	if issues != nil && issues.Err() != nil {
		for _, i := range issues.Errors() {
			r.fail(r.locate(off, x.Condition, i.Location), "%s", plain(i.Message))
		}
		return
	}
	w := &walker{reader: r, tree: a.NativeRep(), off: off, source: x.Condition}
	if t := a.OutputType(); !t.IsExactType(cel.BoolType) {
		r.fail(off, "the condition is of type %s, want bool", t)
		return
	}
	before := len(r.problems)
	for _, c := range conjuncts(w.tree.Expr(), nil) {
		p := part{expr: c}
		w.walk(c, &p)
		if len(r.problems) > before {
			continue
		}
		sub := ast.NewCheckedAST(ast.NewAST(c, w.tree.SourceInfo()), w.tree.TypeMap(), w.tree.ReferenceMap())
		if p.prog, err = e.PlanProgram(sub); err != nil {
			r.fail(off, "CEL: %v", err)
		}
		x.parts = append(x.parts, p)
	}
	if len(r.problems) == before {
		r.try(off, x)
	}
}

// locate maps a place in the condition to one in the file.
func (r *reader) locate(off int, cond string, l common.Location) int {
	if l == nil || l.Line() < 1 {
		return off
	}
	i := 0
	for n, line := range strings.SplitAfter(cond, "\n") {
		if n+1 == l.Line() {
			i += min(max(0, l.Column()), len([]rune(line)))
			break
		}
		i += len([]rune(line))
	}
	return inside(r.src, off, i)
}

// syntax is how the parser says that a token is out of place; what it would have liked instead is of no use to anybody.
var syntax = regexp.MustCompile(`^Syntax error: (?:mismatched|extraneous) input '(.*?)' expecting`)

// plain puts what CEL says into the words of this package.
func plain(msg string) string {
	msg, _, _ = strings.Cut(msg, "\n")
	if m := syntax.FindStringSubmatch(msg); m != nil {
		if m[1] == "<EOF>" {
			return "condition: ends too early"
		}
		return fmt.Sprintf("condition: %.64q does not belong here", m[1])
	}
	if m := mismatch.FindStringSubmatch(msg); m != nil {
		var what []string
		for t := range strings.SplitSeq(m[2], ", ") {
			what = append(what, typeWord(t))
		}
		op := strings.Trim(m[1], "_@")
		return fmt.Sprintf("condition: %s does not go with %s", op, strings.Join(what, " and "))
	}
	rest, undeclared := strings.CutPrefix(msg, "undeclared reference to '")
	if !undeclared {
		return "condition: " + msg
	}
	name, _, _ := strings.Cut(rest, "'")
	if strings.ContainsAny(name, "_@") && !strings.Contains(strings.Trim(name, "_"), "_") && strings.ContainsAny(name, "+-*/%[?") {
		return fmt.Sprintf("condition: operator %s is not part of conditions", strings.Trim(name, "_"))
	}
	return fmt.Sprintf("condition: unknown fact %.64q%s", name, near(name, factNames()))
}

// mismatch is how CEL says that types do not fit an operator.
var mismatch = regexp.MustCompile(`^found no matching overload for '([^']+)' applied to '\(([^']*)\)'$`)

func typeWord(t string) string {
	switch {
	case t == "bool":
		return "a yes-or-no (bool)"
	case t == "int":
		return "a count (whole number)"
	case t == "string":
		return "a word"
	case strings.HasPrefix(t, "list("):
		return "a list"
	}
	return t
}

// conjuncts flattens what && joins.
func conjuncts(e ast.Expr, dst []ast.Expr) []ast.Expr {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
		for _, a := range e.AsCall().Args() {
			dst = conjuncts(a, dst)
		}
		return dst
	}
	return append(dst, e)
}

// walker looks for what types alone do not rule out.
type walker struct {
	*reader
	tree   *ast.AST
	off    int
	source string
}

func (w *walker) failAt(e ast.Expr, format string, args ...any) {
	w.fail(w.locate(w.off, w.source, w.tree.SourceInfo().GetStartLocation(e.ID())), "condition: "+format, args...)
}

// walk collects the facts of an expression and checks what it is made of.
func (w *walker) walk(e ast.Expr, p *part) {
	switch e.Kind() {
	case ast.IdentKind:
		i, ok := factIndex[e.AsIdent()]
		if !ok { // such as a name of a type
			w.failAt(e, "unknown fact %.64q%s", e.AsIdent(), near(e.AsIdent(), factNames()))
		} else if !slices.Contains(p.facts, i) {
			p.facts, p.names = append(p.facts, i), append(p.names, e.AsIdent())
		}
	case ast.LiteralKind:
		switch e.AsLiteral().(type) {
		case types.Bool, types.Int, types.String:
		default:
			w.failAt(e, "%v: want true, false, a whole number or a word", e.AsLiteral().Type())
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			w.walk(x, p)
		}
	case ast.CallKind:
		c := e.AsCall()
		switch c.FunctionName() {
		case operators.Equals, operators.NotEquals, operators.In:
			w.words(e, c.Args())
		}
		for _, x := range c.Args() {
			w.walk(x, p)
		}
	default:
		w.failAt(e, "this is not part of conditions")
	}
}

// words checks the words that a choice is compared with.
func (w *walker) words(e ast.Expr, args []ast.Expr) {
	choice, others := -1, []ast.Expr{}
	for _, a := range args {
		if a.Kind() == ast.ListKind {
			others = append(others, a.AsList().Elements()...)
			continue
		}
		if i, ok := factIndex[identOf(a)]; ok && facts[i].Type == Choice && choice < 0 {
			choice = i
			continue
		}
		others = append(others, a)
	}
	for _, a := range others {
		s, isWord := literal(a).(types.String)
		switch {
		case choice >= 0 && !isWord:
			w.failAt(a, "%s is compared with what is no word in quotes", facts[choice].Name)
		case choice < 0 && isWord:
			w.failAt(a, "the word %q is compared with no fact that is one", string(s))
		case isWord && !slices.Contains(facts[choice].Values, string(s)):
			w.failAt(a, "%s is never %.40q%s: want one of %s", facts[choice].Name, string(s), near(string(s), facts[choice].Values),
				strings.Join(facts[choice].Values, ", "))
		}
	}
}

func identOf(e ast.Expr) string {
	if e.Kind() == ast.IdentKind {
		return e.AsIdent()
	}
	return ""
}

func literal(e ast.Expr) ref.Val {
	if e.Kind() == ast.LiteralKind {
		return e.AsLiteral()
	}
	return nil
}

// try finds conditions that can never be kept, or never be broken, by trying every arrangement of their facts. For counts
// it is enough to try as many numbers on each side of a constant as there are counts, since they are only compared.
// Conditions with too many arrangements are let through.
func (r *reader) try(off int, x *Rule) {
	var names []string
	var constants []int
	for _, p := range x.parts {
		names = append(names, p.names...)
		constants = ints(p.expr, constants)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	domains, size := make([][]ref.Val, len(names)), 1
	counts := 0
	for _, n := range names {
		if facts[factIndex[n]].Type == Count {
			counts++
		}
	}
	for i, n := range names {
		domains[i] = domain(facts[factIndex[n]], x, constants, counts)
		if size *= len(domains[i]); size > maxTried || size == 0 {
			return
		}
	}
	f, kept, broken := NewFacts(), false, false
	for k := 0; k < size && !(kept && broken); k++ {
		rest := k
		for i, n := range names {
			f.values[factIndex[n]] = domains[i][rest%len(domains[i])]
			rest /= len(domains[i])
		}
		if truth := x.holds(activation{values: f.values, level: f.values[factIndex[LevelWithin]]}); truth == yes {
			kept = true
		} else {
			broken = true
		}
	}
	switch {
	case !kept:
		r.fail(off, "the condition can never be kept: it is false whatever its facts are in these states and kinds")
	case !broken:
		r.fail(off, "the rule can never be broken: its condition is true whatever its facts are in these states and kinds")
	}
}

// ints collects the whole numbers of an expression.
func ints(e ast.Expr, dst []int) []int {
	switch e.Kind() {
	case ast.LiteralKind:
		if n, ok := e.AsLiteral().(types.Int); ok {
			dst = append(dst, int(n))
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			dst = ints(x, dst)
		}
	case ast.CallKind:
		for _, x := range e.AsCall().Args() {
			dst = ints(x, dst)
		}
	}
	return dst
}

// domain returns the values of a fact that are told apart.
func domain(f Fact, x *Rule, constants []int, counts int) (out []ref.Val) {
	switch f.Type {
	case Bool:
		return []ref.Val{types.False, types.True}
	case Choice:
		for _, v := range f.Values {
			if f.Name == "session_state" && !slices.Contains(strs(x.States), v) || f.Name == "session_kind" && !slices.Contains(strs(x.Kinds), v) {
				continue
			}
			out = append(out, types.String(v))
		}
		return out
	}
	var ns []int
	for _, c := range append(constants, 0) {
		for d := -counts; d <= counts; d++ {
			if n := c + d; n >= 0 && (d <= 0 || n > c) { // no overflow
				ns = append(ns, n)
			}
		}
	}
	slices.Sort(ns)
	for _, n := range slices.Compact(ns) {
		out = append(out, types.Int(n))
	}
	return out
}
