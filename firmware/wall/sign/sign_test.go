package sign

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

// elements parses svg strictly and returns its start tags.
func elements(t *testing.T, svg string) (out []xml.StartElement) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		if e, ok := tok.(xml.StartElement); ok {
			out = append(out, e.Copy())
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func all() map[string]string {
	out := make(map[string]string)
	for _, n := range Names() {
		for _, badge := range []Name{"", Clock, Dot, Bar, OpenBar, Wrench} {
			for _, steps := range []int{0, 1, 7} {
				key := fmt.Sprintf("%s+%s ring %d", n, badge, steps)
				out[key] = string(SVG(n, Options{Badge: badge, Steps: steps, Done: 3, Title: "x"}))
			}
		}
	}
	return out
}

func TestEverySignPassesAStrictPolicy(t *testing.T) {
	colour := regexp.MustCompile(`^(currentColor|none|#000|#fff|url\(#sr-[a-z-]+\))$`)
	for key, svg := range all() {
		es := elements(t, svg)
		if len(es) < 2 {
			t.Errorf("%s: draws nothing", key)
		}
		ids := make(map[string]bool)
		for _, e := range es {
			switch e.Name.Local {
			case "svg", "g", "path", "circle", "mask":
			default:
				t.Errorf("%s: element %s", key, e.Name.Local)
			}
			for _, a := range e.Attr {
				switch a.Name.Local {
				case "style", "href", "onload", "filter":
					t.Errorf("%s: attribute %s=%q", key, a.Name.Local, a.Value)
				case "fill", "stroke", "mask":
					if !colour.MatchString(a.Value) {
						t.Errorf("%s: %s=%q, want currentColor or a mask's black and white", key, a.Name.Local, a.Value)
					}
				case "id":
					if ids[a.Value] {
						t.Errorf("%s: id %s twice", key, a.Value)
					}
					ids[a.Value] = true
				}
			}
		}
		for _, e := range es {
			if m := attr(e, "mask"); m != "" && !ids[strings.TrimSuffix(strings.TrimPrefix(m, "url(#"), ")")] {
				t.Errorf("%s: mask %s is not there", key, m)
			}
		}
	}
}

// Inline pictures on one page share the names of their masks: the same name must mean the same mask.
func TestMaskNamesAgree(t *testing.T) {
	mask := regexp.MustCompile(`(?s)<mask id="([^"]+)".*?</mask>`)
	seen := make(map[string]string)
	for key, svg := range all() {
		for _, m := range mask.FindAllStringSubmatch(svg, -1) {
			if old, ok := seen[m[1]]; ok && old != m[0] {
				t.Errorf("%s: mask %s differs between two pictures", key, m[1])
			}
			seen[m[1]] = m[0]
		}
	}
	if len(seen) < 6 {
		t.Errorf("got %d masks, want the rose's heart and one for each badge", len(seen))
	}
}

func TestShapesDiffer(t *testing.T) {
	seen := make(map[string]Name)
	for _, n := range Names() {
		svg := string(SVG(n, Options{}))
		if old, ok := seen[svg]; ok {
			t.Errorf("%s looks like %s", n, old)
		}
		seen[svg] = n
	}
}

func TestRing(t *testing.T) {
	for _, tt := range []struct{ steps, done, full, now int }{
		{7, 0, 0, 1}, {7, 3, 3, 1}, {7, 7, 7, 0}, {7, 9, 7, 0}, {7, -2, 0, 1}, {1, 0, 0, 1}, {1, 1, 1, 0},
	} {
		var full, now, sum int
		for _, e := range elements(t, string(SVG(Rose, Options{Steps: tt.steps, Done: tt.done}))) {
			switch attr(e, "class") {
			case "done":
				full++
			case "now":
				now++
			case "todo":
			default:
				continue
			}
			sum++
		}
		if full != tt.full || now != tt.now || sum != tt.steps {
			t.Errorf("%d of %d: got %d full, %d now of %d, want %d, %d of %d", tt.done, tt.steps, full, now, sum, tt.full, tt.now, tt.steps)
		}
	}
}

func TestTitleAndSize(t *testing.T) {
	e := elements(t, string(SVG(Bud, Options{Size: 24, Title: `a "b" <c>`, Class: "x y"})))[0]
	for name, want := range map[string]string{"width": "24", "height": "24", "role": "img", "aria-label": `a "b" <c>`, "class": "sign x y"} {
		if got := attr(e, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	e = elements(t, string(SVG(Bud, Options{})))[0]
	if attr(e, "aria-hidden") != "true" || attr(e, "role") != "" {
		t.Errorf("without a title: got %v, want it hidden from assistive technology", e.Attr)
	}
}

func TestUnknownSignIsAnEmptyBox(t *testing.T) {
	if es := elements(t, string(SVG("lily", Options{Badge: Dot, Size: 24}))); len(es) != 1 {
		t.Errorf("got %d elements, want the empty svg alone", len(es))
	}
	if got, want := SVG(Rose, Options{Badge: "lily"}), SVG(Rose, Options{}); got != want {
		t.Errorf("unknown badge: got %s, want the bare rose", got)
	}
}
