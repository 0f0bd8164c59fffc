package policy

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestStepsRefused(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"\n\n", "f:1:1: there are no facts"},
		{"\n{", "f:2:2: JSON: the file ends too early"},
		{`{"facts": {}}`, `f:1:1: the line lacks "at"`},
		{`{"at": "now"}`, `f:1:8: at is "now", want a time`},
		{`{"at": "2026-11-21T18:00:00Z"}` + "\n" + `{"at": "2026-11-21T17:00:00Z"}`, `f:2:8: at is before the line above`},
		{`{"at": "2026-11-21T18:00:00Z", "facts": {"windows_closd": true}}`, `f:1:42: no fact is called "windows_closd", did you mean`},
		{`{"at": "2026-11-21T18:00:00Z", "facts": {"windows_closed": 1}}`, `fact windows_closed cannot be 1, want true or false`},
		{`{"at": "2026-11-21T18:00:00Z", "facts": {"phones_in_locker": 1.5}}`, `want a whole number from 0`},
		{`{"at": "2026-11-21T18:00:00Z", "facts": {"session_kind": {}}}`, `cannot be an object`},
		{`{"at": "2026-11-21T18:00:00Z", "facts": {"level_within": true}}`, `is worked out`},
		{`{"at": "2026-11-21T18:00:00Z", "facts": []}`, `facts is a list`},
		{`{"at": "2026-11-21T18:00:00Z", "decide": {"rule": "a", "role": "mayor"}}`, `unknown role "mayor"`},
	} {
		if _, err := ParseSteps("f", []byte(tt.src)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.src, err, tt.want)
		}
	}
}

// TestSimulate: between two lines the end of the grace and of the override are moments of their own.
func TestSimulate(t *testing.T) {
	p := parse(t, file(rule("a", "windows_closed", `"grace": "30s"`)))
	steps, err := ParseSteps("f", []byte(`{"at": "2026-11-21T18:00:00Z", "facts": {"session_state": "closed", "session_kind": "internal"}}
{"at": "2026-11-21T18:00:00Z", "facts": {"windows_closed": false}}

{"at": "2026-11-21T18:10:00Z", "decide": {"rule": "a", "role": "chair", "reason": "urgent"}}`))
	if err != nil {
		t.Fatal(err)
	}
	course, err := Simulate(p, "f", steps)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range Changes(course) {
		got = append(got, m.At.Format(time.TimeOnly)+" "+string(m.Findings[0].Verdict))
	}
	if s := strings.Join(got, ", "); s != "18:00:00 grace, 18:00:30 violated, 18:10:00 overridden, 19:10:00 violated" {
		t.Errorf("got %s", s)
	}
	steps[2].Decide.Role = "clerk"
	if _, err := Simulate(p, "f", steps); err == nil || err.Error() != `f:4:1: rule a: "clerk" may not override it` {
		t.Errorf("the clerk decides: %v", err)
	}
}

func TestWords(t *testing.T) {
	for cond, want := range map[string][2]string{
		"windows_closed && !room_occupied": {"alle Fenster geschlossen; und nicht: Raum ist belegt", "all windows closed; and not: room is occupied"},
		`session_kind == "internal" || phones_in_locker >= 3`: {"Art der Sitzung ist intern oder abgegebene Telefone mindestens 3",
			"kind of the session is internal or phones in the locker at least 3"},
		"room_occupied ? doors_closed : windows_closed == true": {"falls Raum ist belegt: alle Türen geschlossen, sonst: alle Fenster geschlossen ist wahr",
			"if room is occupied: all doors closed, otherwise: all windows closed is true"},
		`windows_closed && (doors_closed || session_state in ["closed"])`: {"alle Fenster geschlossen; und (alle Türen geschlossen oder Zustand der Sitzung ist eins von nichtöffentlicher Teil)",
			"all windows closed; and (all doors closed or state of the session is one of closed part)"},
	} {
		r := parse(t, file(rule("a", cond))).Rules[0]
		if de, en := r.Words("de"), r.Words("en"); de != want[0] || en != want[1] {
			t.Errorf("%s:\n%s\n%s", cond, de, en)
		}
	}
	for _, k := range Kinds {
		if k.Words().DE == "" {
			t.Errorf("no words for %s", k)
		}
	}
	for _, r := range Reactions {
		if r.Words().DE == "" {
			t.Errorf("no words for %s", r)
		}
	}
	for _, f := range Table() {
		if f.Source.Words().DE == "" {
			t.Errorf("no words for %s", f.Source)
		}
	}
	for _, v := range Verdicts {
		if v.Words().DE == "" {
			t.Errorf("no words for %s", v)
		}
	}
}

func FuzzParseSteps(f *testing.F) {
	f.Add([]byte(`{"at": "2026-11-21T18:00:00Z", "facts": {"session_state": "closed", "windows_closed": null}}`))
	f.Add([]byte(`{"at": "2026-11-21T18:00:00Z", "decide": {"rule": "a", "role": "chair", "reason": "urgent"}}` + "\n{}"))
	p := parse(f, file(rule("a", "windows_closed", `"grace": "30s"`)))
	f.Fuzz(func(t *testing.T, src []byte) {
		steps, err := ParseSteps("x", src)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || len(e.Problems) == 0 {
				t.Errorf("error %v", err)
			}
			return
		}
		course, err := Simulate(p, "x", steps)
		for i := 1; err == nil && i < len(course); i++ {
			if course[i].At.Before(course[i-1].At) {
				t.Errorf("%v after %v", course[i].At, course[i-1].At)
			}
		}
	})
}
