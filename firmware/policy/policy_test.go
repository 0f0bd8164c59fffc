package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/session"
)

var epoch = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// rule is a rule in order, out of which tests take and into which they put.
func rule(id, condition string, more ...string) string {
	return fmt.Sprintf(`{"id": %q, "text": {"de": "Regel", "en": "Rule"}, "condition": %q, "states": ["handover", "closed"],
   "reactions": ["block-closing"], "override": {"roles": ["chair"], "reasons": ["urgent"], "for": "1h"}, "serves": ["Hausregel"]%s}`,
		id, condition, strings.Join(append([]string{""}, more...), ", "))
}

func file(rules ...string) string {
	return `{"format": 1, "id": "test", "text": {"de": "Probe", "en": "Test"}, "highest": "nonpublic", "kinds": ["public", "internal", "nonpublic"],
 "rules": [` + strings.Join(rules, ",\n  ") + "]}"
}

func parse(t testing.TB, src string) *Policy {
	t.Helper()
	p, err := Parse("test.json", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestByteOrderMark: what some editors put before a file is no fault of the policy.
func TestByteOrderMark(t *testing.T) {
	parse(t, "\ufeff"+file(rule("windows", "windows_closed")))
	if _, err := Parse("test.json", []byte("\ufeff{")); err == nil || !strings.Contains(err.Error(), "test.json:1:2") {
		t.Errorf("got %v, want the place without the mark", err)
	}
}

// TestRefused: every wrong policy is refused, with a line that says where and what.
func TestRefused(t *testing.T) {
	good := file(rule("windows", "windows_closed"))
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the file has no %s", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	cond := func(c string) string { return file(rule("windows", c)) }
	for _, tt := range []struct{ name, src, want string }{
		{"not JSON", `{"format": 1,` + "\n x}", `test.json:2:2: JSON: invalid character 'x'`},
		{"cut off", good[:60], `JSON: the file ends too early`},
		{"more", good + " {}", `more after the end of the object`},
		{"not UTF-8", "{\"id\": \"\xff\"}", `test.json:1:9: not UTF-8`},
		{"too deep", strings.Repeat("[", 20), `nested deeper than 12`},
		{"no object", `[]`, `test.json:1:1: the policy is a list, want an object`},
		{"format", change(`"format": 1`, `"format": 2`), `test.json:1:12: format is the number 2, this program reads 1`},
		{"unknown key", change(`"highest"`, `"highst": "public", "highest"`), `the policy has no key "highst", did you mean "highest"?`},
		{"key twice", change(`"format": 1`, `"format": 1, "format": 1`), `test.json:1:15: the policy has "format" twice`},
		{"key missing", change(`"highest": "nonpublic", `, ``), `test.json:1:1: the policy lacks "highest"`},
		{"classified", change(`"highest": "nonpublic"`, `"highest": "vs-nfd"`), `unknown kind "vs-nfd": want one of public, internal, nonpublic, confidential`},
		{"kind above highest", change(`"nonpublic"],`, `"nonpublic", "confidential"],`), `kind "confidential" is above the highest level "nonpublic"`},
		{"highest that no session has", change(`"highest": "nonpublic"`, `"highest": "confidential"`), `kinds lists no such sessions`},
		{"kind twice", change(`"internal", "nonpublic"]`, `"internal", "internal"]`), `kind "internal" is there twice`},
		{"no rules", file(), `there are no rules`},
		{"no rule list", change(`"rules": [`, `"rules": {}, "x": [`), `rules is an object, want a list`},
		{"rule no object", file(`7`), `test.json:2:12: the rule is the number 7, want an object`},
		{"id", change(`"windows"`, `"Fenster!"`), `id is "Fenster!", want small letters`},
		{"text", change(`"de": "Regel"`, `"de": ""`), `text.de is "", want one line of text`},
		{"text lacks", change(`"de": "Regel", `, ``), `text lacks "de"`},
		{"state", change(`"handover", "closed"`, `"handover", "closd"`), `test.json:2:123: unknown state "closd", did you mean "closed"?`},
		{"no state", change(`["handover", "closed"]`, `[]`), `states is a list, want a list with at least one of open`},
		{"reaction", change(`"block-closing"`, `"lock-doors"`), `unknown reaction "lock-doors": want one of block-closing`},
		{"role", change(`["chair"]`, `["chair", "mayor"]`), `unknown role "mayor": want one of chair`},
		{"reason", change(`"urgent"`, `"because"`), `unknown reason "because": want one of checked-by-hand`},
		{"duration", change(`"1h"`, `"1 hour"`), `for is "1 hour", want a time such as`},
		{"too long", change(`"1h"`, `"25h"`), `from 1 s to 24 h`},
		{"requirement", change(`"Hausregel"`, `"INF.10.A3.9"`), `unknown requirement "INF.10.A3.9", did you mean "INF.10.A3.1"?`},
		{"whole requirement", change(`"Hausregel"`, `"INF.10.A3"`), `name its part: INF.10.A3.1, INF.10.A3.2`},
		{"dropped requirement", change(`"Hausregel"`, `"INF.10.A10"`), `INF.10.A10 was dropped in Edition 2023: see ORP.1.A17`},
		{"no requirement", change(`["Hausregel"]`, `[]`), `serves is a list, want at least one requirement, or "Hausregel"`},
		{"serves missing", change(`, "serves": ["Hausregel"]`, ``), `the rule lacks "serves"`},
		{"twice", file(rule("windows", "windows_closed"), rule("windows", "doors_closed")), `test.json:4:10: rule "windows" is there twice`},
		{"never this kind", file(rule("w", "windows_closed", `"kinds": ["confidential"]`)), `can never apply to kind "confidential": the policy does not have it`},
		{"never public", file(rule("w", "windows_closed", `"kinds": ["public", "internal"]`)), `can never apply to kind "public" in these states`},
		{"never open", change(`["handover", "closed"]`, `["handover", "open"], "kinds": ["nonpublic"]`), `can never apply in state "open"`},
		{"no block", change(`["handover", "closed"]`, `["closed"]`), `block-closing can never follow`},
		{"no block at this step", change(`["handover", "closed"]`, `["sweep", "closed"]`), `block-closing at the step handover can never follow`},
		{"on the wall", file(rule("w", "windows_closed && alarms_radio == 0")), `block-closing would show findings (alarms_radio) on the wall`},
		{"on the lamp", strings.Replace(file(rule("w", "alarms_radio == 0")), `"block-closing"`, `"lamp"`, 1), `lamp would show findings (alarms_radio) on the wall`},
		{"no lamp", strings.Replace(change(`["handover", "closed"]`, `["handover"]`), `"block-closing"`, `"lamp"`, 1), `lamp can never follow`},
		{"no chair", change(`["chair"]`, `["isms"]`), `block-closing needs an override by the chair`},
		{"no interruption", strings.Replace(change(`["handover", "closed"]`, `["handover"]`), `"block-closing"`, `"propose-interruption"`, 1), `propose-interruption can never follow`},
		{"step", strings.Replace(good, `"block-closing"`, `"record"], "step": "arming", "serves": ["Hausregel"`, 1), `the rule has "serves" twice`},

		{"unknown fact", cond("doors_closed && windos_closed"), `test.json:2:99: condition: unknown fact "windos_closed", did you mean "windows_closed"?`},
		{"not bool", cond("phones_in_locker"), `the condition is of type int, want bool`},
		{"types", cond("phones_in_locker == true"), `condition: == does not go with a count (whole number) and a yes-or-no (bool)`},
		{"arithmetic", cond("phones_in_locker + 1 > 2"), `condition: operator + is not part of conditions`},
		{"function", cond("size(session_kind) > 2"), `condition: unknown fact "size"`},
		{"macro", cond("[1].exists(x, x > phones_in_locker)"), `condition: `},
		{"never a word", cond(`session_kind == "secret"`), `condition: session_kind is never "secret": want one of public`},
		{"never a word in a list", cond(`session_state in ["closed", "colsed"]`), `session_state is never "colsed", did you mean "closed"?`},
		{"choices", cond(`session_state == session_kind`), `session_state is compared with what is no word`},
		{"word alone", cond(`"a" == "a"`), `the word "a" is compared with no fact`},
		{"syntax", cond("windows_closed &&"), `condition: ends too early`},
		{"double", cond("1.5 == 1.5"), `want true, false, a whole number or a word`},
		{"empty", cond(" "), `the condition has 1 bytes`},
		{"constant false", cond("false"), `the condition can never be kept`},
		{"constant true", cond("true || windows_closed"), `the rule can never be broken`},
		{"contradiction", cond("windows_closed && !windows_closed"), `the condition can never be kept`},
		{"no number between", cond("phones_in_locker > 3 && phones_in_locker < 4"), `the condition can never be kept`},
		{"no number between two", cond("phones_in_locker > people_counted && phones_in_locker < 1"), `the condition can never be kept`},
		{"never that state", cond(`session_state == "open"`), `the condition can never be kept`},
		{"tautology", cond("phones_in_locker >= 0"), `the rule can never be broken`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("test.json", []byte(tt.src))
			if err == nil {
				t.Fatal("it was taken")
			}
			if lines := strings.Split(err.Error(), "\n"); !strings.Contains(lines[0], tt.want) && (len(lines) < 2 || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got\n%v\nwant %q", err, tt.want)
			}
		})
	}
}

// TestOneLineEach: each of several faults has its own line, in the order of the file, and nothing else is told.
func TestOneLineEach(t *testing.T) {
	src := file(rule("a", "windos_closed"), rule("b", `session_kind == "secret"`), strings.Replace(rule("b", "doors_closed"), "Hausregel", "X.1", 1))
	_, err := Parse("p.json", []byte(src))
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 4 {
		t.Fatalf("got %v, want four problems", err)
	}
	if !slices.IsSortedFunc(e.Problems, func(a, b Problem) int { return (a.Line-b.Line)*1000 + a.Col - b.Col }) {
		t.Errorf("not in order: %v", err)
	}
}

// TestColumnThroughEscapes: the place is that in the file, whatever the JSON makes of the condition.
func TestColumnThroughEscapes(t *testing.T) {
	for _, c := range []string{`session_kind == \"internal\" || nope`, `session_kind == \u0022internal\u0022 || nope`,
		`session_kind == \"internal\" ||\n  nope`, `session_kind == \"\ud83d\ude00\" || nope`, `session_kind == \"ä\" || nope`} {
		src := strings.Replace(file(rule("a", "COND")), "COND", c, 1)
		_, err := Parse("p.json", []byte(src))
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", c, err)
		}
		before, _, _ := strings.Cut(src, "nope")
		line, col := place([]byte(src), len(before))
		if !slices.ContainsFunc(e.Problems, func(p Problem) bool { return p.Line == line && p.Col == col && strings.Contains(p.Text, "nope") }) {
			t.Errorf("%s: got %v, want %d:%d", c, err, line, col)
		}
	}
}

func TestTaken(t *testing.T) {
	for _, c := range []string{"windows_closed", "windows_closed || !room_occupied", `session_kind != "nonpublic" || phones_in_locker >= people_counted`,
		`room_occupied ? alarms_unit == 0 : true`, `session_state in ["closed", "handover"] && doors_closed`, "phones_in_locker > 3 && phones_in_locker < 5",
		"phones_in_locker == 3\n|| windows_closed"} {
		p := parse(t, file(rule("a", c)))
		if len(p.Hash) != 64 || len(p.Rules[0].Facts()) == 0 || !slices.Equal(p.Rules[0].Kinds, []Kind{Internal, Nonpublic}) {
			t.Errorf("%s: %+v", c, p)
		}
	}
}

func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Table() {
		if seen[f.Name] || f.Text.DE == "" || f.Text.EN == "" || (f.Type == Choice) != (len(f.Values) > 0) || (f.Type == Count) != (f.Unit != "") {
			t.Errorf("fact %+v", f)
		}
		seen[f.Name] = true
	}
	for _, r := range Requirements() {
		if seen[r.ID] || r.Text.DE == "" || r.Text.EN == "" {
			t.Errorf("requirement %+v", r)
		}
		seen[r.ID] = true
	}
}

func facts1(t testing.TB, values map[string]any) *Facts {
	t.Helper()
	f := NewFacts()
	for k, v := range values {
		if err := f.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestSet(t *testing.T) {
	f := NewFacts()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"windows_closd", true, `did you mean "windows_closed"?`},
		{"windows_closed", 1, "want true or false"},
		{"phones_in_locker", -1, "want a whole number"},
		{"session_kind", "secret", "want one of public"},
		{LevelWithin, true, "is worked out"},
	} {
		if err := f.Set(tt.name, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s = %v: got %v, want %q", tt.name, tt.value, err, tt.want)
		}
	}
	f.Must("windows_closed", false)
	if !f.Measured("windows_closed") || f.Clone().Set("windows_closed", nil) != nil || !f.Measured("windows_closed") {
		t.Error("a clone changes what it was cloned from")
	}
	if f.Clear(); f.Measured("windows_closed") {
		t.Error("cleared, and still measured")
	}
}

// TestVerdicts leads one rule through everything that can become of it.
func TestVerdicts(t *testing.T) {
	p := parse(t, file(rule("a", "windows_closed && doors_closed", `"grace": "30s"`)))
	var st State
	at := func(s int, state string, w, d any, want Verdict, facts ...string) Finding {
		t.Helper()
		fs := facts1(t, map[string]any{"session_state": state, "session_kind": "nonpublic", "windows_closed": w, "doors_closed": d})
		f, next := Evaluate(p, fs, epoch.Add(time.Duration(s)*time.Second), st)
		st = next
		if f[0].Verdict != want || !slices.Equal(f[0].Facts, facts) {
			t.Fatalf("at %d s: got %+v, want %s by %v", s, f[0], want, facts)
		}
		return f[0]
	}
	at(0, "open", false, false, Idle)
	at(1, "closed", true, true, Kept)
	at(2, "closed", true, nil, Unmeasured, "doors_closed")
	if f := at(10, "closed", false, nil, Grace, "windows_closed"); !f.Until.Equal(epoch.Add(40 * time.Second)) {
		t.Errorf("until %v", f.Until)
	}
	at(20, "closed", nil, true, Unmeasured, "windows_closed")
	if f := at(41, "closed", false, true, Violated, "windows_closed"); !f.Since.Equal(epoch.Add(10 * time.Second)) {
		t.Errorf("since %v: what nobody saw in between forgave it", f.Since)
	}
	for _, d := range []struct {
		role   session.Role
		reason session.Reason
		rule   string
	}{{session.Clerk, "urgent", "a"}, {session.Chair, "accepted", "a"}, {session.Chair, "urgent", "b"}} {
		if _, err := Decide(p, st, epoch, d.rule, d.role, d.reason); err == nil {
			t.Errorf("%+v was taken", d)
		}
	}
	next, err := Decide(p, st, epoch.Add(50*time.Second), "a", session.Chair, "urgent")
	if err != nil {
		t.Fatal(err)
	}
	st = next
	at(51, "closed", false, true, Overridden, "windows_closed")
	at(52, "closed", nil, true, Overridden, "windows_closed")
	at(53, "closed", true, true, Kept)
	at(54, "closed", false, true, Overridden, "windows_closed")
	at(50+3600, "closed", false, true, Violated, "windows_closed")
	at(50+3601, "open", false, true, Idle)
	at(50+3602, "closed", false, true, Grace, "windows_closed")
	if f := at(1000, "closed", false, true, Grace, "windows_closed"); !f.Since.Equal(epoch.Add(1000 * time.Second)) {
		t.Errorf("the clock was set back, and it is broken since %v", f.Since)
	}
}

// TestBlocks: a rule is a point from the handover on, also before its own step, and while the session is interrupted.
func TestBlocks(t *testing.T) {
	p := parse(t, strings.Replace(file(rule("a", "windows_closed", `"step": "arming"`, `"kinds": ["nonpublic"]`)), `["handover", "closed"]`, `["arming", "closed"]`, 1))
	for s, want := range map[session.State][2]bool{session.Open: {}, session.Planned: {}, session.Handover: {true, true}, session.Sweep: {true, true},
		session.Arming: {true, false}, session.Closed: {true, false}, session.Interrupted: {true, false}, session.Restoring: {}} {
		for k, counts := range map[Kind]bool{Nonpublic: true, Internal: false, "": true, Confidential: true} { // the last is not of this policy
			blocks, later := p.Blocks(&p.Rules[0], s, k)
			if blocks != (want[0] && counts) || later != (want[1] && counts) {
				t.Errorf("%s of kind %q: %v, later %v", s, k, blocks, later)
			}
		}
	}
}

func TestLevelWithin(t *testing.T) {
	p := parse(t, file(rule("a", "level_within")))
	for kind, want := range map[any]Verdict{"internal": Kept, "nonpublic": Kept, nil: Unmeasured} {
		f, _ := Evaluate(p, facts1(t, map[string]any{"session_state": "closed", "session_kind": kind}), epoch, nil)
		if f[0].Verdict != want {
			t.Errorf("%v: %+v, want %s", kind, f[0], want)
		}
	}
	f, _ := Evaluate(p, facts1(t, map[string]any{"session_state": "closed", "session_kind": "confidential"}), epoch, nil)
	if f[0].Verdict != Violated {
		t.Errorf("above the highest: %+v", f[0])
	}
}

// conditions are random ones out of the whole language, over few facts.
func randomCondition(r *rand.Rand, depth int) string {
	bools := []string{"windows_closed", "doors_closed", "stream_off", "room_occupied"}
	if depth == 0 || r.IntN(5) == 0 {
		switch r.IntN(4) {
		case 0:
			return fmt.Sprintf("phones_in_locker %s %d", []string{"==", "!=", "<", "<=", ">", ">="}[r.IntN(6)], r.IntN(3))
		case 1:
			return []string{`session_kind == "internal"`, `session_state in ["closed", "sweep"]`, "phones_in_locker >= people_counted", "phones_in_locker in [0, 2]"}[r.IntN(4)]
		}
		return bools[r.IntN(len(bools))]
	}
	a, b, c := randomCondition(r, depth-1), randomCondition(r, depth-1), randomCondition(r, depth-1)
	return []string{"(" + a + " && " + b + ")", "(" + a + " || " + b + ")", "!(" + a + ")", "(" + a + " ? " + b + " : " + c + ")", "(" + a + " == " + b + ")"}[r.IntN(5)]
}

func randomFacts(r *rand.Rand, dark float64) map[string]any {
	m := map[string]any{}
	for _, n := range []string{"windows_closed", "doors_closed", "stream_off", "room_occupied"} {
		m[n] = r.IntN(2) == 0
	}
	m["phones_in_locker"], m["people_counted"] = r.IntN(4), r.IntN(4)
	m["session_kind"], m["session_state"] = []string{"internal", "nonpublic"}[r.IntN(2)], []string{"handover", "closed"}[r.IntN(2)]
	for n := range m {
		if r.Float64() < dark {
			m[n] = nil
		}
	}
	return m
}

// TestNeverKeptWhatNobodyMeasured: a rule is kept, or broken, only if it is so whatever the facts that are not measured
// turn out to be, and one that needs a single fact that is not measured is never kept.
func TestNeverKeptWhatNobodyMeasured(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[Verdict]int{}
	for n := 0; n < 150; {
		p, err := Parse("x", []byte(file(rule("a", randomCondition(r, 3)))))
		if err != nil { // can never be broken or kept
			continue
		}
		n++
		for range 30 {
			m := randomFacts(r, 0.4)
			f, _ := Evaluate(p, facts1(t, m), epoch, nil)
			seen[f[0].Verdict]++
			needed := f[0].Facts
			for _, name := range needed {
				if (m[name] == nil) != (f[0].Verdict == Unmeasured) {
					t.Fatalf("%s: %s is said to decide %+v, of %v", p.Rules[0].Condition, name, f[0], m)
				}
			}
			if f[0].Verdict == Unmeasured {
				if len(needed) == 0 {
					t.Fatalf("%s: unmeasured by nothing, of %v", p.Rules[0].Condition, m)
				}
				continue
			}
			for range 20 {
				full := randomFacts(r, 0)
				for k, v := range m {
					if v != nil {
						full[k] = v
					}
				}
				if g, _ := Evaluate(p, facts1(t, full), epoch, nil); g[0].Verdict != f[0].Verdict {
					t.Fatalf("%s: %s of %v, but %s of %v", p.Rules[0].Condition, f[0].Verdict, m, g[0].Verdict, full)
				}
			}
		}
	}
	if seen[Kept] < 100 || seen[Violated] < 100 || seen[Unmeasured] < 100 {
		t.Errorf("the verdicts were %v", seen)
	}
	for _, f := range Table() {
		if f.Type != Bool || f.Name == LevelWithin {
			continue
		}
		p := parse(t, file(rule("a", f.Name)))
		if g, _ := Evaluate(p, facts1(t, map[string]any{"session_state": "closed", "session_kind": "internal"}), epoch, nil); g[0].Verdict != Unmeasured {
			t.Errorf("%s is not measured, and the rule is %s", f.Name, g[0].Verdict)
		}
	}
}

// TestTimeProperties: over random courses of one rule, grace is measured from the first violation since it was kept last,
// and a decision never outlives its time.
func TestTimeProperties(t *testing.T) {
	p := parse(t, file(rule("a", "windows_closed", `"grace": "30s"`)))
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[Verdict]int{}
	for range 300 {
		var st State
		var f []Finding
		now, first, until := epoch, time.Time{}, time.Time{}
		for range 60 {
			now = now.Add(time.Duration(r.IntN(20_000)) * time.Millisecond)
			if r.IntN(20) == 0 {
				var err error
				if st, err = Decide(p, st, now, "a", session.Chair, "urgent"); err != nil {
					t.Fatal(err)
				}
				until = now.Add(p.Rules[0].Override.For)
				if p.Rules[0].Override.For = time.Duration(1+r.IntN(90)) * time.Second; !st[0].Until.Equal(until) {
					t.Fatal("the decision holds for another time than the rule says")
				}
			}
			w := []any{true, false, false, nil}[r.IntN(4)]
			before := slices.Clone(st)
			f, st = Evaluate(p, facts1(t, map[string]any{"session_state": "closed", "session_kind": "internal", "windows_closed": w}), now, st)
			again, _ := Evaluate(p, facts1(t, map[string]any{"session_state": "closed", "session_kind": "internal", "windows_closed": w}), now, before)
			if again[0].Verdict != f[0].Verdict || !again[0].Since.Equal(f[0].Since) {
				t.Fatal("the same again is something else")
			}
			if w == true {
				first = time.Time{}
			} else if w == false && first.IsZero() {
				first = now
			}
			want := Kept
			switch {
			case w == true:
			case now.Before(until):
				want = Overridden
			case w == nil:
				want = Unmeasured
			case now.Sub(first) < 30*time.Second:
				want = Grace
			default:
				want = Violated
			}
			if seen[want]++; f[0].Verdict != want || w == false && !f[0].Since.Equal(first) {
				t.Fatalf("at %v: got %+v, want %s since %v", now, f[0], want, first)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("only %v", seen)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p := parse(b, file(rule("a", "windows_closed"), rule("b", "doors_closed || !room_occupied"), rule("c", `phones_in_locker >= people_counted`)))
	f := facts1(b, map[string]any{"session_state": "closed", "session_kind": "internal", "windows_closed": true, "doors_closed": true, "phones_in_locker": 3, "people_counted": 2})
	_, st := Evaluate(p, f, epoch, nil)
	b.ReportAllocs()
	for b.Loop() {
		_, st = Evaluate(p, f, epoch, st)
	}
}

func TestAllocations(t *testing.T) {
	p := parse(t, file(rule("a", "windows_closed"), rule("b", "doors_closed || !room_occupied"), rule("c", `phones_in_locker >= people_counted`)))
	f := facts1(t, map[string]any{"session_state": "closed", "session_kind": "internal", "windows_closed": true, "doors_closed": true, "phones_in_locker": 3, "people_counted": 2})
	_, st := Evaluate(p, f, epoch, nil)
	if n := testing.AllocsPerRun(100, func() { Evaluate(p, f, epoch, st) }); n > float64(4+8*len(p.Rules)) {
		t.Errorf("%g allocations for %d rules", n, len(p.Rules))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(file(rule("a", "windows_closed"))))
	f.Add([]byte(file(rule("a", `session_kind == "x" && phones_in_locker in [1, 2] ? true : !doors_closed`))))
	f.Add([]byte(`{"format": 1, "rules": [{"condition": "\ud83d\u0022 \n x"}]}`))
	f.Add([]byte("[[[\"\\u00"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Parse("x", src)
		var e *Error
		switch {
		case err == nil:
			for i := range p.Rules {
				if x := &p.Rules[i]; len(x.Serves) == 0 || len(x.States) == 0 || len(x.Facts()) == 0 {
					t.Errorf("taken: %+v", x)
				}
			}
			if fs, _ := Evaluate(p, NewFacts(), epoch, nil); len(fs) != len(p.Rules) {
				t.Errorf("%d findings", len(fs))
			} else {
				for _, f := range fs {
					if f.Verdict == Kept || f.Verdict == Grace || f.Verdict == Violated {
						t.Errorf("nothing is measured, and rule %s is %s", f.Rule, f.Verdict)
					}
				}
			}
		case !errors.As(err, &e) || len(e.Problems) == 0:
			t.Errorf("error %v", err)
		default:
			for _, p := range e.Problems {
				if p.Line < 1 || p.Col < 1 || strings.Contains(p.Text, "\n") {
					t.Errorf("problem %+v", p)
				}
			}
		}
	})
}
