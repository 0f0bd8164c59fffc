package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// run is a run in which everything comes as expected, with other events between.
func run() (es []Event) {
	for i, s := range expectedSteps {
		id := s.kind
		es = append(es, Event{T: float64(i), Event: s.event, State: s.state, Kind: s.kind, Name: s.name, ID: id},
			Event{Event: "alarm", State: "held", Kind: "new-emitter", Name: "ism433", ID: "new-emitter"})
	}
	return es
}

func TestJudge(t *testing.T) {
	alarmOf := func(kind, name, id string) Event {
		return Event{Event: "alarm", State: "raised", Kind: kind, Name: name, ID: id, T: 42}
	}
	tests := []struct {
		name   string
		spoil  func([]Event) []Event
		passes string // "" for a pass, else part of the error
	}{
		{"as expected", func(es []Event) []Event { return es }, ""},
		{"an event missing", func(es []Event) []Event {
			return slices.DeleteFunc(es, func(e Event) bool { return e.State == "arming" })
		}, "missing: session arming"},
		{"nothing", func([]Event) []Event { return nil }, "0 of 12"},
		{"wrong order", func(es []Event) []Event { slices.Reverse(es); return es }, "missing"},
		{"alarm before anything", func(es []Event) []Event {
			return append([]Event{alarmOf("ultrasonic-beacon", "ggwave", "ultrasonic-beacon")}, slices.DeleteFunc(es, func(e Event) bool {
				return e.State == "raised" && e.Name == "ggwave"
			})...)
		}, "missing: alarm raised (ultrasonic-beacon ggwave)"},
		{"alarm overtakes closed", func(es []Event) []Event {
			i := slices.IndexFunc(es, func(e Event) bool { return e.State == "closed" })
			closed := es[i]
			es = slices.Delete(es, i, i+1)
			return slices.Insert(es, slices.IndexFunc(es, func(e Event) bool { return e.State == "acknowledged" }), closed)
		}, ""},
		{"an alarm that nobody planted", func(es []Event) []Event { return append(es, alarmOf("sensor-dead", "broker", "x")) }, "unexpected alarm sensor-dead broker at 42.0 s"},
		{"another name", func(es []Event) []Event { return append(es, alarmOf("ultrasonic-beacon", "lisnr", "x")) }, "unexpected alarm ultrasonic-beacon lisnr"},
		{"an alarm doubled", func(es []Event) []Event { return append(es, alarmOf("new-emitter", "ism433", "x")) }, "unexpected alarm new-emitter ism433"},
		{"the same alarm told again", func(es []Event) []Event { return append(es, alarmOf("new-emitter", "ism433", "new-emitter")) }, ""},
	}
	for _, tt := range tests {
		j := judge{steps: expectedSteps[:]}
		for _, e := range tt.spoil(run()) {
			j.see(e)
		}
		err := j.err()
		if tt.passes == "" && err != nil || tt.passes != "" && (err == nil || !strings.Contains(err.Error(), tt.passes)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.passes)
		}
	}
}

// TestScript: the scene leaves room for what it shows.
func TestScript(t *testing.T) {
	if !(planAt < pressAt && pressAt+25 < beaconAt && beaconAt < bugAt && bugAt < answerAt && answerAt < endAt && endAt < onceUntil && onceUntil < period) {
		t.Error("the acts are out of order")
	}
	if bugUntil <= bugAt {
		t.Error("the transmitter ends before it begins")
	}
}

func TestDescribe(t *testing.T) {
	at := time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		e      Event
		de, en string
	}{
		{Event{Event: "unit", State: "online"}, "Raumgerät verbunden", "room unit connected"},
		{Event{Event: "unit", State: "offline"}, "Raumgerät getrennt", "room unit gone"},
		{Event{Event: "session", State: "closed", Time: at}, "Sitzung: Nichtöffentlich", "session: Closed session"},
		{Event{Event: "session", State: "planned", Time: at, Detail: "2026-11-21T18:45:00Z"}, "Sitzung: Nichtöffentlich ab 19:45", "session: Closed from 19:45"},
		{Event{Event: "alarm", State: "acknowledged", Kind: "ultrasonic-beacon", Name: "ggwave", Detail: "explained/exercise"},
			"Befund beantwortet (explained/exercise): ", "finding answered (explained/exercise): "},
	} {
		if got := describe("de", tt.e); !strings.HasPrefix(got, tt.de) {
			t.Errorf("got %q, want %q", got, tt.de)
		}
		if got := describe("en", tt.e); !strings.HasPrefix(got, tt.en) {
			t.Errorf("got %q, want %q", got, tt.en)
		}
	}
	raised := Event{Event: "alarm", State: "raised", Kind: "ultrasonic-beacon", Name: "ggwave", Cause: "data-over-sound"}
	if got := describe("en", raised); !strings.Contains(got, " – ") {
		t.Errorf("%q does not say why", got)
	}
}

// TestElsewhere: who has no screen here learns how to see the pages on another machine, who has one does not.
func TestElsewhere(t *testing.T) {
	for lang, want := range map[string]string{"de": "kein Bildschirm", "en": "no screen"} {
		var out strings.Builder
		d := &demo{Options: Options{Lang: lang, Err: &out}, pages: "127.0.0.1:8080", wall: "127.0.0.1:8081", meeting: "http://localhost:8082"}
		d.elsewhere()
		for _, part := range []string{want, "ssh -N -L 8080:127.0.0.1:8080 -L 8081:127.0.0.1:8081 -L 8082:127.0.0.1:8082 NAME\n", "subrosa demo --headless --once --json"} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s: %q does not say %q", lang, out.String(), part)
			}
		}
		out.Reset()
		d.Screen = true
		if d.elsewhere(); out.Len() > 0 {
			t.Errorf("with a screen: %q", out.String())
		}
	}
}
