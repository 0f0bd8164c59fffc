package policies

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/policy"
)

func ready(t *testing.T, name string) *policy.Policy {
	t.Helper()
	b, err := Get(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(name, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReady: every policy that is embedded has a name, and is in order.
func TestReady(t *testing.T) {
	found, err := fs.Glob(files, "*.json")
	if err != nil || len(found) != len(Names) {
		t.Fatalf("%v, %v, want the %d of Names", found, err, len(Names))
	}
	for _, n := range Names {
		if p := ready(t, n); p.ID != n || len(p.Rules) < 8 {
			t.Errorf("%s: id %s, %d rules", n, p.ID, len(p.Rules))
		}
	}
	if _, err := Get("village"); err == nil || !strings.Contains(err.Error(), "small-town, city-council, committee") {
		t.Errorf("a village: %v", err)
	}
}

// TestExample: on the small town's rules the example comes to every verdict, in the right order for the windows.
func TestExample(t *testing.T) {
	b, err := Get(Example)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := policy.ParseSteps("example", b)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range Names {
		course, err := policy.Simulate(ready(t, n), "example", steps)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		seen := map[policy.Verdict]bool{}
		var windows []string
		for _, m := range course {
			for _, f := range m.Findings {
				seen[f.Verdict] = true
				if v := f.Verdict; f.Rule == "windows" && (len(windows) == 0 || !strings.HasSuffix(windows[len(windows)-1], string(v))) {
					windows = append(windows, m.At.UTC().Format(time.TimeOnly)+" "+string(v))
				}
			}
		}
		if len(seen) != len(policy.Verdicts) {
			t.Errorf("%s: only the verdicts %v", n, seen)
		}
		broken := map[string]string{"small-town": "19:31:00 violated"}[n]
		if broken == "" {
			broken = "19:30:30 violated"
		}
		want := []string{"18:25:00 idle", "19:10:00 ok", "19:30:00 grace", broken, "19:33:00 overridden", "19:45:00 ok", "20:15:00 idle"}
		if !slices.Equal(windows, want) {
			t.Errorf("%s: windows %v, want %v", n, windows, want)
		}
	}
}
