package board

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestWiring holds docs/wiring.md against the default wiring: every pin once, at its place, and nothing else.
func TestWiring(t *testing.T) {
	b, err := os.ReadFile("../../../../docs/wiring.md")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Parts = Parts()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	want := map[int]Use{}
	for _, u := range c.Uses() {
		want[u.GPIO] = u
	}
	row := regexp.MustCompile(`^\| (\d+) \| (\d+) \| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$`)
	seen := map[int]bool{}
	last := 0
	for line := range strings.Lines(string(b)) {
		m := row.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		pin, _ := strconv.Atoi(m[1])
		gpio, _ := strconv.Atoi(m[2])
		if seen[gpio] || pin <= last {
			t.Errorf("pin %d, GPIO%d: twice, or out of order", pin, gpio)
		}
		seen[gpio], last = true, pin
		if Header[gpio] != pin {
			t.Errorf("GPIO%d is at pin %d, the table says %d", gpio, Header[gpio], pin)
		}
		if u, ok := want[gpio]; !ok || u.Signal != m[3] || u.Part != m[4] {
			t.Errorf("GPIO%d: the table says %s of %s, the default is %+v", gpio, m[3], m[4], u)
		}
	}
	for gpio, u := range want {
		if !seen[gpio] {
			t.Errorf("the table lacks | %d | %d | %s | %s |", Header[gpio], gpio, u.Signal, u.Part)
		}
	}
	picture, err := os.ReadFile("../../../../docs/pictures/wiring.svg")
	if err != nil {
		t.Fatal(err)
	}
	for gpio, u := range want {
		if label := fmt.Sprintf(">%s · GPIO %d<", u.Signal, gpio); !strings.Contains(string(picture), label) {
			t.Errorf("the drawing lacks %q", label)
		}
	}
}

// TestHeader: 28 GPIOs, each pin once, and none where the supply is.
func TestHeader(t *testing.T) {
	taken := map[int]bool{1: true, 2: true, 4: true, 6: true, 9: true, 14: true, 17: true, 20: true, 25: true, 30: true, 34: true, 39: true}
	for gpio, pin := range Header {
		if taken[pin] || pin < 1 || pin > 40 || gpio < 0 || gpio > 27 {
			t.Errorf("GPIO%d at pin %d", gpio, pin)
		}
		taken[pin] = true
	}
	if len(taken) != 40 {
		t.Errorf("%d pins", len(taken))
	}
}
