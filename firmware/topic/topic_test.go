package topic

import (
	"slices"
	"strings"
	"testing"
)

func TestTableIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Table {
		t.Run(r.Pattern, func(t *testing.T) {
			if seen[r.Pattern] {
				t.Error("twice in the table")
			}
			seen[r.Pattern] = true
			if len(r.Params()) > len(Topic{}.ids) {
				t.Errorf("%d placeholders, Topic holds %d", len(r.Params()), len(Topic{}.ids))
			}
			if len(r.Writers) == 0 || len(r.Readers) == 0 || len(r.Verbs) == 0 || r.Noun == "" || r.About == "" {
				t.Error("writers, readers, noun, verbs and description must be given")
			}
			if r.QoS > 1 || r.QoS == 0 && r.Retained {
				t.Errorf("QoS %d, retained %v", r.QoS, r.Retained)
			}
			for _, role := range slices.Concat(r.Writers, r.Readers) {
				if !slices.Contains(Roles, role) {
					t.Errorf("role %q is not in Roles", role)
				}
			}
			for _, s := range r.segs {
				if s.param == "" && CheckID(s.word) != nil {
					t.Errorf("word %q", s.word)
				}
			}
		})
	}
}

// constructed lists each constructor's topic with ids that differ, so that swapped arguments show.
var constructed = map[string]string{
	"unit/{unit}/online":                    Online("u"),
	"unit/{unit}/health":                    Health("u"),
	"unit/{unit}/coverage":                  Coverage("u"),
	"unit/{unit}/levels":                    Levels("u"),
	"unit/{unit}/baseline/desired":          BaselineDesired("u"),
	"unit/{unit}/baseline/reported":         BaselineReported("u"),
	"room/{room}/session/desired":           SessionDesired("r"),
	"room/{room}/session/reported":          SessionReported("r"),
	"room/{room}/alarm/{id}":                Alarm("r", "x"),
	"room/{room}/ack/{id}":                  Ack("r", "x"),
	"room/{room}/roster":                    Roster("r"),
	"room/{room}/policy/desired":            PolicyDesired("r"),
	"room/{room}/policy/reported":           PolicyReported("r"),
	"room/{room}/av/{device}/desired":       AVDesired("r", "x"),
	"room/{room}/av/{device}/reported":      AVReported("r", "x"),
	"room/{room}/contact/{name}":            Contact("r", "x"),
	"room/{room}/lockdown/desired":          LockdownDesired("r"),
	"room/{room}/lockdown/{conn}/reported":  LockdownReported("r", "c"),
	"room/{room}/lockdown/{conn}/checklist": LockdownChecklist("r", "c"),
	"room/{room}/lockdown/{conn}/signed":    LockdownSigned("r", "c"),
	"device/{dev}/lockdown/desired":         DeviceLockdownDesired("d"),
	"device/{dev}/lockdown/reported":        DeviceLockdownReported("d"),
	"device/{dev}/online":                   DeviceOnline("d"),
	"mdm/{conn}/online":                     MDMOnline("c"),
	"mdm/{conn}/posture":                    MDMPosture("c"),
	"room/{room}/conference/desired":        ConferenceDesired("r"),
	"room/{room}/conference/reported":       ConferenceReported("r"),
	"room/{room}/conference/declared":       ConferenceDeclared("r"),
	"site/approvals":                        Approvals(),
	"site/policy/{hash}":                    Policy("x"),
	"site/checkpoint/{unit}":                Checkpoint("u"),
}

var sample = map[string]string{"unit": "u", "room": "r", "conn": "c", "dev": "d", "id": "x", "device": "x", "name": "x", "hash": "x"}

func TestConstructorsParse(t *testing.T) {
	if len(constructed) != len(Table) {
		t.Errorf("%d constructors are tested, the table has %d rows", len(constructed), len(Table))
	}
	for _, r := range Table {
		s := constructed[r.Pattern]
		got, err := Parse(s)
		if err != nil {
			t.Errorf("%s: %v", r.Pattern, err)
			continue
		}
		if got.Pattern != r.Pattern {
			t.Errorf("Parse(%q) = %s, want %s", s, got.Pattern, r.Pattern)
		}
		if got.String() != s {
			t.Errorf("String = %q, want %q", got.String(), s)
		}
		for _, p := range r.Params() {
			if got.ID(p) != sample[p] {
				t.Errorf("%s: ID(%s) = %q, want %q", s, p, got.ID(p), sample[p])
			}
		}
		if got.ID("nothing") != "" {
			t.Errorf("%s: ID of an unknown placeholder = %q", s, got.ID("nothing"))
		}
	}
}

func TestFindingID(t *testing.T) {
	const id = "01JD8Z6V0QKX5T3S9W2R7M4NBC"
	for _, s := range []string{Alarm("r", id), Ack("r", id)} {
		if got, err := Parse(s); err != nil || got.FindingID() != id {
			t.Errorf("%s: got %q, %v, want %s", s, got.FindingID(), err, id)
		}
	}
	if got, _ := Parse(Roster("r")); got.FindingID() != "" {
		t.Errorf("a roster has the finding %q", got.FindingID())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{
		"", "/", Root, Root + "/", "room/r/alarm/x", "subrosa/v2/room/r/roster", Root + "/room/r", Root + "//r/roster",
		Root + "/room//roster", Root + "/room/+/roster", Root + "/room/#", Root + "/#", Root + "/room/R/roster",
		Root + "/room/r /roster", Root + "/room/r/roster/", "/" + Root + "/room/r/roster", Root + "/room/r/alarm/\x00",
		Root + "/room/r/alarm/ä", Root + "/room/" + strings.Repeat("a", MaxID+1) + "/roster", "$SYS/broker", "$share/g/" + Root + "/#",
		Root + strings.Repeat("/a", 100000),
		Alarm("r", Any), Alarm("r", ""), Alarm("", "x"), Alarm("r/session", "x"), Alarm("r", "x/y"), AVReported("r", "../x"),
		Policy("#"), Contact("r", "a b"),
	} {
		if got, err := Parse(s); err == nil {
			t.Errorf("Parse(%.60q) = %v, want an error", s, got)
		}
	}
	if _, err := Parse(Alarm("r", "x/../y")); err == nil || !strings.Contains(err.Error(), "{id}") {
		t.Errorf("error %v does not name the bad placeholder", err)
	}
	if _, err := Parse(Roster(strings.Repeat("z", MaxID))); err != nil {
		t.Errorf("the longest id: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range constructed {
		f.Add(s)
	}
	f.Add(Root + "/room/+/alarm/#")
	f.Add("$share/x/" + Root)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		if err != nil {
			if got.Row != nil {
				t.Fatal("a topic and an error")
			}
			return
		}
		if got.String() != s {
			t.Fatalf("String = %q, want %q", got, s)
		}
		if strings.ContainsAny(s, "+#$ \x00") {
			t.Fatalf("%q was taken", s)
		}
		if !MayWrite(Identity{Role: Console}, s) == slices.Contains(got.Writers, Console) {
			t.Fatalf("%q: console's right and table differ", s)
		}
	})
}

func FuzzMayRead(f *testing.F) {
	for _, s := range constructed {
		f.Add(s)
	}
	f.Add(Root + "/room/r/#")
	f.Add(Root + "/+/+/alarm/+")
	id := Identity{Role: Unit, Unit: "u", Rooms: []string{"r"}}
	f.Fuzz(func(t *testing.T, filter string) {
		if !MayRead(id, filter) {
			return
		}
		for _, s := range foreign {
			if matches(filter, s) {
				t.Fatalf("filter %q is allowed and matches %q", filter, s)
			}
		}
	})
}
