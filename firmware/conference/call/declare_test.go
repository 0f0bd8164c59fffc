package call

import (
	"errors"
	"reflect"
	"testing"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/roster"
)

// TestDeclared: the unit is told who has said to be alone, when it changes; a handover asks anew; the hall is not asked.
func TestDeclared(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	var told []Declared
	s.c.o.Declared = func(d Declared) { told = append(told, d) }
	tells := func(what string, asked int, said ...Said) {
		t.Helper()
		if len(told) == 0 || told[len(told)-1].Asked != asked || !reflect.DeepEqual(told[len(told)-1].Said, said) {
			t.Errorf("%s: told %+v", what, told)
		}
		told = nil
	}
	s.tick(0)
	tells("said on coming in", 3, Said{"a", true}, Said{"b", true}, Said{"chair", true})
	s.tick(0)
	if told != nil {
		t.Errorf("told again: %+v", told)
	}
	s.c.Ask(true)
	tells("the handover asks anew", 3)
	s.tick(200e6)
	if st := last[*signal.State](t, a); !st.Declare || st.People[1].Declaration {
		t.Errorf("state %+v", st)
	}
	s.say(a, "declare", &signal.Declare{Alone: true})
	tells("a", 3, Said{"a", true})
	s.say(b, "declare", &signal.Declare{})
	tells("b is not alone", 3, Said{"a", true}, Said{"b", false})
	s.c.Ask(true) // the sweep, the closed session: nobody is asked again
	if told != nil {
		t.Errorf("asked again: %+v", told)
	}
	second := &out{name: "a's telephone", scene: s}
	if _, err := s.c.Join(Identity{Login: "telephone", Member: "a", Role: roster.Councillor}, level.Verdict{May: true}, &signal.Hello{Protocol: 1}, second); err != nil {
		t.Fatal(err)
	}
	tells("of two browsers the worse word counts", 3, Said{"b", false})
	s.c.Drop("a", "telephone")
	tells("one again", 3, Said{"a", true}, Said{"b", false})
	b.seat.who.Role = roster.Room
	s.tick(0)
	tells("the hall is not asked", 2, Said{"a", true})
	lobby := s.join("c", roster.Councillor, true)
	if told != nil {
		t.Errorf("who waits in the lobby is spoken of: %+v", told)
	}
	s.say(lobby, "declare", &signal.Declare{Alone: true})
	if e := last[*signal.Error](t, lobby); e.Why != "lobby" {
		t.Errorf("from the lobby: %+v", e)
	}
	s.say(chair, "end", &signal.End{})
	tells("nobody is spoken of after the call", 0)
}

// TestUndeclared: where the level asks for the declaration, who has not made it does not come in, and is told why.
func TestUndeclared(t *testing.T) {
	s, _, _, _ := meet(t, level.Nonpublic)
	join := func(hello *signal.Hello) error {
		_, err := s.c.Join(Identity{Login: "c", Member: "c", Role: roster.Councillor, OnRoster: true}, level.Verdict{May: true}, hello, &out{name: "c", scene: s})
		return err
	}
	var r *Refusal
	if err := join(&signal.Hello{Protocol: 1}); !errors.As(err, &r) || r.Refused.Reason != signal.RefusedDeclare {
		t.Errorf("without the declaration: %v", err)
	}
	for _, hello := range []*signal.Hello{{Protocol: 1, Companion: true}, {Protocol: 1, Declaration: true}} { // a laptop in the hall has no room of its own
		if err := join(hello); err != nil {
			t.Errorf("%+v: %v", hello, err)
		}
	}
}
