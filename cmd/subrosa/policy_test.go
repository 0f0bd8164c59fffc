package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"subrosa/firmware/policy"
	"subrosa/provisioning/policies"
)

// shown writes a ready policy, changed as asked, into a folder and returns its path.
func shown(t *testing.T, name string, change ...string) string {
	t.Helper()
	got := command("policy", "show", name)
	if got.code != exitOK {
		t.Fatal(got.stderr)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.NewReplacer(change...).Replace(got.out)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPolicyExitCodes(t *testing.T) {
	good := shown(t, "city-council")
	wrong := shown(t, "city-council", `"windows_closed"`, `"windos_closed"`, `"INF.10.A4.3"`, `"INF.10.A10"`)
	facts := shown(t, "example")
	badFacts := shown(t, "example", `"windows_closed": null`, `"windows": null`)
	for _, tt := range []struct {
		args string
		code int
		says string // on stderr
	}{
		{"policy", exitUsage, "Usage"},
		{"policy chekc", exitUsage, `did you mean "check"`},
		{"policy check", exitUsage, "at least 1"},
		{"policy check " + good, exitOK, ""},
		{"policy check " + good + " " + wrong, exitFailed, wrong + `:68:21: condition: unknown fact "windos_closed", did you mean "windows_closed"?` + "\n"},
		{"policy check " + wrong, exitFailed, "INF.10.A10 was dropped in Edition 2023: see ORP.1.A17\n"},
		{"policy check /nonexistent.json " + wrong, exitInput, "nonexistent.json"},
		{"policy explain " + good, exitOK, ""},
		{"policy explain --rule windows --lang en " + good, exitOK, ""},
		{"policy explain --rule curtains " + good, exitFailed, `no rule "curtains"`},
		{"policy explain --lang fr " + good, exitUsage, "want de or en"},
		{"policy explain " + wrong, exitInput, "windos_closed"},
		{"policy simulate " + good, exitOK, ""},
		{"policy simulate --lang fr " + good, exitUsage, "want de or en"},
		{"policy simulate --facts " + facts + " " + good, exitOK, ""},
		{"policy simulate --facts " + badFacts + " " + good, exitInput, `no fact is called "windows"`},
		{"policy simulate --facts /nonexistent.jsonl " + good, exitInput, "nonexistent"},
		{"policy simulate /nonexistent.json", exitInput, "nonexistent"},
		{"policy show", exitOK, ""},
		{"policy show village", exitUsage, "only small-town, city-council, committee and example"},
		{"policy show a b", exitUsage, "at most 1"},
	} {
		got := command(strings.Fields(tt.args)...)
		if got.code != tt.code || !strings.Contains(got.stderr, tt.says) {
			t.Errorf("subrosa %s: exit %d, want %d; stderr %q, want %q", tt.args, got.code, tt.code, got.stderr, tt.says)
		}
	}
}

func TestPolicyCheckJSON(t *testing.T) {
	got := command("policy", "check", "--json", shown(t, "committee"), shown(t, "committee", `"handover"`, `"hand-over"`), "/nonexistent.json")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	if got.code != exitInput || len(lines) != 3 {
		t.Fatalf("%+v", got)
	}
	var cs [3]checked
	for i, l := range lines {
		if err := json.Unmarshal([]byte(l), &cs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !cs[0].OK || len(cs[0].Hash) != 64 || cs[1].OK || len(cs[1].Problems) < 8 || cs[1].Problems[0].Line == 0 || cs[2].Error == "" {
		t.Errorf("%+v", cs)
	}
}

// TestPolicyExplain: every rule of the ready policies is explained in both languages, and what is not measured is said.
func TestPolicyExplain(t *testing.T) {
	for _, name := range policies.Names {
		path := shown(t, name)
		p, err := loadPolicy(path)
		if err != nil {
			t.Fatal(err)
		}
		for lang, want := range map[string][]string{"de": {"Bedingung:", "Höchste Stufe:", "Prüfsumme: ", "Hausregel", "alle Fenster geschlossen", "Vorschlag an die Sitzungsleitung"},
			"en": {"Condition:", "Highest level:", "Hausregel", "all windows closed", "is proposed to interrupt"}} {
			got := command("policy", "explain", "--lang", lang, path)
			for _, r := range p.Rules {
				want = append(want, r.Text.In(lang))
			}
			for _, w := range want {
				if got.code != exitOK || !strings.Contains(got.out, w) {
					t.Errorf("%s in %s: exit %d, lacks %q", name, lang, got.code, w)
				}
			}
		}
	}
	got := command("policy", "explain", "--json", "--rule", "media", "--lang", "en", shown(t, "city-council"))
	var x explained
	if err := json.Unmarshal([]byte(got.out), &x); err != nil {
		t.Fatal(err)
	}
	f, _ := policy.FactOf("stream_off")
	if x.Rule != "media" || len(x.Facts) != 3 || x.Facts[0].Fact != "stream_off" || x.Facts[0].Measured != f.Source.Exists() || x.Requirements[0].ID != policy.House {
		t.Errorf("%+v", x)
	}
}

func TestPolicySimulate(t *testing.T) {
	path := shown(t, "city-council")
	got := command("policy", "simulate", path)
	for _, want := range []string{"2026-11-21 19:30:30 windows nicht eingehalten windows_closed", "2026-11-21 19:33:00 windows Ausnahme 23:33:00 windows_closed", "nicht gemessen"} {
		if !strings.Contains(strings.Join(strings.Fields(got.out), " "), want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	few, all := command("policy", "simulate", "--json", path), command("policy", "simulate", "--json", "--all", path)
	var f struct {
		Rule, Verdict string
		Facts         []string
	}
	first, _, _ := strings.Cut(few.out, "\n")
	if err := json.Unmarshal([]byte(first), &f); err != nil || f.Rule != "level" || f.Verdict != "idle" {
		t.Errorf("%+v, %v", f, err)
	}
	if strings.Count(all.out, "\n") <= strings.Count(few.out, "\n") {
		t.Error("--all shows no more than what changes")
	}
	if !slices.Contains(strings.Fields(command("policy", "show").out), "city-council") {
		t.Error("show without a name does not say the names")
	}
}
