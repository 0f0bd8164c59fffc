package wall

import (
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

type rgb struct{ r, g, b float64 } // 0…1

func parseColour(t *testing.T, s string) rgb {
	t.Helper()
	h := strings.TrimPrefix(s, "#")
	if len(h) == 3 {
		h = string([]byte{h[0], h[0], h[1], h[1], h[2], h[2]})
	}
	n, err := strconv.ParseUint(h[:6], 16, 32)
	if err != nil {
		t.Fatalf("colour %q: %v", s, err)
	}
	return rgb{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}
}

// luminance is that of WCAG 2.2.
func (c rgb) luminance() float64 {
	lin := func(x float64) float64 {
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.r) + 0.7152*lin(c.g) + 0.0722*lin(c.b)
}

func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// hue returns the angle in degrees and the chroma 0…1.
func (c rgb) hue() (deg, chroma float64) {
	hi, lo := max(c.r, c.g, c.b), min(c.r, c.g, c.b)
	d := hi - lo
	switch {
	case d == 0:
		return 0, 0
	case hi == c.r:
		deg = math.Mod((c.g-c.b)/d+6, 6)
	case hi == c.g:
		deg = (c.b-c.r)/d + 2
	default:
		deg = (c.r-c.g)/d + 4
	}
	return deg * 60, d
}

// forbidden says what a person would call the colour, if it is one that must not be there.
func forbidden(c rgb) string {
	deg, chroma := c.hue()
	switch {
	case chroma < 0.08: // grey, white, black
		return ""
	case deg > 62 && deg < 190:
		return "green"
	case deg < 18 || deg > 348:
		return "red"
	}
	return ""
}

func TestForbiddenKnowsGreenAndRed(t *testing.T) {
	for s, want := range map[string]string{
		"#0a0": "green", "#2e7d32": "green", "#9acd32": "green", "#00a86b": "green", "#008080": "green", "#c00": "red", "#e53935": "red", "#ff5544": "red",
		"#fff": "", "#777": "", "#e39a0b": "", "#8c2249": "", "#6b193b": "",
	} {
		if got := forbidden(parseColour(t, s)); got != want {
			t.Errorf("%s: got %q, want %q", s, got, want)
		}
	}
}

func styles(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	names, err := fs.Glob(assets, "static/*.css")
	if err != nil || len(names) < 3 {
		t.Fatalf("style sheets %v, %v", names, err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(assets, n)
		if err != nil {
			t.Fatal(err)
		}
		out[n] = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(b), "")
	}
	return out
}

func TestNeitherGreenNorRed(t *testing.T) {
	hex := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b`)
	other := regexp.MustCompile(`(?i)\b(rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|color-mix)\(|:\s*[^;{}]*\b(red|green|lime|olive|teal|crimson|tomato|maroon|seagreen)\b[^;{}]*;`)
	seen := 0
	for name, css := range styles(t) {
		for _, s := range hex.FindAllString(css, -1) {
			seen++
			if f := forbidden(parseColour(t, s)); f != "" {
				t.Errorf("%s: %s is %s", name, s, f)
			}
		}
		if m := other.FindString(css); m != "" {
			t.Errorf("%s: %q: write colours as #rrggbb, so that this test can read them", name, m)
		}
	}
	if seen < 70 {
		t.Errorf("only %d colours found", seen)
	}
}

// palettes returns the variables of each tone, light and dark.
func palettes(t *testing.T) map[string]map[string]rgb {
	t.Helper()
	light, dark, ok := strings.Cut(styles(t)["static/base.css"], "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("no dark colours")
	}
	block := regexp.MustCompile(`\[data-tone="([a-z]+)"\]\s*\{([^}]*)\}`)
	variable := regexp.MustCompile(`--([a-z]+):\s*(#[0-9a-f]+)`)
	out := make(map[string]map[string]rgb)
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		for _, m := range block.FindAllStringSubmatch(css, -1) {
			vars := make(map[string]rgb)
			for _, v := range variable.FindAllStringSubmatch(m[2], -1) {
				vars[v[1]] = parseColour(t, v[2])
			}
			out[scheme+" "+m[1]] = vars
		}
	}
	return out
}

func TestContrast(t *testing.T) {
	all := palettes(t)
	for _, tn := range []tone{toneOpen, toneHandover, toneClosed, toneInterrupted, toneStale} {
		for _, scheme := range []string{"light", "dark"} {
			p := all[fmt.Sprintf("%s %s", scheme, tn)]
			for _, pair := range []struct {
				text, ground string
				least        float64
			}{
				{"ink", "ground", 7}, {"ink", "card", 7}, {"soft", "ground", 4.5}, {"soft", "card", 4.5},
				{"pressed", "press", 4.5}, {"press", "card", 3}, {"sign", "ground", 3}, {"sign", "card", 3},
			} {
				a, ok1 := p[pair.text]
				b, ok2 := p[pair.ground]
				if !ok1 || !ok2 {
					t.Errorf("%s %s: no --%s or no --%s", scheme, tn, pair.text, pair.ground)
				} else if got := contrast(a, b); got < pair.least {
					t.Errorf("%s %s: --%s on --%s: contrast %.2f, want at least %.1f", scheme, tn, pair.text, pair.ground, got, pair.least)
				}
			}
		}
	}
	if len(all) != 10 {
		t.Errorf("got %d palettes, want five tones, light and dark", len(all))
	}
}

func TestContrastOfKnownPairs(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"#000", "#fff", 21}, {"#fff", "#fff", 1}, {"#767676", "#fff", 4.54}} {
		if got := contrast(parseColour(t, tt.a), parseColour(t, tt.b)); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("%s on %s: got %.3f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestMotionIsOptional(t *testing.T) {
	if css := styles(t)["static/base.css"]; !strings.Contains(css, "prefers-reduced-motion: reduce") {
		t.Error("reduced motion is not honoured")
	}
}
