package page

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colours returns the custom properties of the light and of the dark theme.
func colours(t *testing.T) map[string]map[string]string {
	t.Helper()
	b, err := files.ReadFile("static/console.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(string(b), -1)
	if len(blocks) != 2 {
		t.Fatalf("got %d themes, want 2", len(blocks))
	}
	out := map[string]map[string]string{}
	for i, name := range []string{"light", "dark"} {
		out[name] = map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6})`).FindAllStringSubmatch(blocks[i][1], -1) {
			out[name][m[1]] = m[2]
		}
	}
	return out
}

func channels(t *testing.T, hex string) (r, g, b float64) {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	return float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255
}

// luminance and contrast are WCAG 2.2's.
func luminance(t *testing.T, hex string) float64 {
	lin := func(c float64) float64 {
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	r, g, b := channels(t, hex)
	return 0.2126*lin(r) + 0.7152*lin(g) + 0.0722*lin(b)
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	for theme, c := range colours(t) {
		for _, p := range []struct {
			ink, ground string
			want        float64
		}{
			{"ink", "ground", 4.5}, {"ink", "card", 4.5}, {"soft", "ground", 4.5}, {"soft", "card", 4.5}, {"accent", "card", 4.5}, {"accent", "ground", 4.5},
			{"accent", "tint", 4.5}, {"ink", "tint", 4.5}, {"on-accent", "accent", 4.5}, {"alarm", "card", 4.5}, {"ink", "alarm-tint", 4.5}, {"alarm", "ground", 4.5},
			{"amber", "amber-tint", 4.5}, {"amber", "card", 4.5}, {"on-closed", "closed", 4.5}, {"field", "card", 3}, {"accent", "range", 3},
		} {
			if c[p.ink] == "" || c[p.ground] == "" {
				t.Fatalf("%s theme lacks --%s or --%s", theme, p.ink, p.ground)
			}
			if got := contrast(t, c[p.ink], c[p.ground]); got < p.want {
				t.Errorf("%s: %s on %s has %.2f, want %.1f", theme, p.ink, p.ground, got, p.want)
			}
		}
	}
}

// TestNoGreen: green would read as "clean". The colour scale of levels is not a statement and is exempt.
func TestNoGreen(t *testing.T) {
	b, err := files.ReadFile("static/console.css")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "green") && !strings.Contains(string(b), "nothing is ever green") {
		t.Error("the style sheet names green")
	}
	for _, hex := range regexp.MustCompile(`#[0-9a-f]{6}`).FindAllString(string(b), -1) {
		r, g, bl := channels(t, hex)
		if g > r+0.08 && g > bl {
			t.Errorf("%s is green", hex)
		}
	}
}

func TestTextsAreWhole(t *testing.T) {
	for _, m := range []map[string]Text{texts, actions, details, checkNames, pointNames} {
		for key, x := range m {
			if x.DE == "" || x.EN == "" {
				t.Errorf("text %q lacks a language", key)
			}
			if forbidden.MatchString(x.DE) || forbidden.MatchString(x.EN) {
				t.Errorf("text %q holds a forbidden word", key)
			}
		}
	}
	// Every key that a template uses exists, and every key is used somewhere.
	used := map[string]bool{}
	entries, err := files.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile("templates/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt "([a-z0-9.]+)"`).FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
			if _, ok := texts[m[1]]; !ok {
				t.Errorf("%s uses %q, which has no text", e.Name(), m[1])
			}
		}
	}
	if len(used) < 50 {
		t.Errorf("only %d keys found in the templates", len(used))
	}
}
