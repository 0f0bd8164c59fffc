package demo

import (
	"strings"
	"testing"
)

// TestCouncilScript: every act of the evening says what it waits for, and its alarms are those that are planted.
func TestCouncilScript(t *testing.T) {
	d := &demo{scenario: councilScenario(), seen: &observer{}}
	for i, a := range d.council(0) {
		if a.must == "" || a.ready == nil {
			t.Errorf("act %d waits for nothing", i)
		}
	}
	s := councilScenario()
	for _, st := range s.steps {
		if st.event == "alarm" && st.kind == "" {
			t.Errorf("%v may be any alarm", st)
		}
	}
	j := judge{steps: s.steps, may: s.may}
	for _, e := range []Event{{Event: "unit", State: "online"}, {Event: "session", State: "open"}, {Event: "session", State: "planned"}, {Event: "session", State: "handover"},
		{Event: "alarm", State: "raised", Kind: "av-hot", Name: "hearing-loop", ID: "1"}} {
		j.see(e)
	}
	if len(j.surprise) != 0 {
		t.Errorf("%+v is a surprise", j.surprise)
	}
	if err := j.err(); err == nil || !strings.Contains(err.Error(), "av-hot stream") {
		t.Errorf("got %v, want what is missing first", err)
	}
}

func TestScenarioNames(t *testing.T) {
	for _, n := range append(Scenarios(), "") {
		if _, err := scenarioOf(n); err != nil {
			t.Error(err)
		}
	}
	if _, err := scenarioOf("opera"); err == nil || !strings.Contains(err.Error(), "council") {
		t.Errorf("got %v, want the names there are", err)
	}
}
