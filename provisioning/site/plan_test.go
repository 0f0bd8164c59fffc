package site

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPlanCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"good", func(*Plan) {}, ""},
		{"no name", func(p *Plan) { p.Name = "" }, "name of the site"},
		{"umlaut", func(p *Plan) { p.Domain = "münster.example" }, "xn--"},
		{"capital", func(p *Plan) { p.Domain = "Raum.example" }, "only a-z"},
		{"empty label", func(p *Plan) { p.Domain = "raum..example" }, "no label"},
		{"hyphen first", func(p *Plan) { p.Domain = "-raum.example" }, "no label"},
		{"no unit", func(p *Plan) { p.Units = nil }, "no unit"},
		{"unit twice", func(p *Plan) { p.Units[1].ID = p.Units[0].ID }, "twice"},
		{"unit without room", func(p *Plan) { p.Units[0].Room = "" }, "needs a room"},
		{"way out of the site", func(p *Plan) { p.Units[0].ID = "../ca" }, "unit/../ca"},
		{"id with space", func(p *Plan) { p.Agents = []string{"d 1"} }, "agent/d 1"},
		{"gateway's id", func(p *Plan) { p.Gateways[0].ID = "KNX" }, "gateway/KNX"},
		{"gateway without room", func(p *Plan) { p.Gateways[0].Rooms = nil }, "needs a room"},
		{"address", func(p *Plan) { p.Broker = []string{"192.0.2.1"} }, "is an address"},
		{"IPv6 address", func(p *Plan) { p.Broker = []string{"2001:db8::1.2.3.4"} }, "is an address"},
		{"foreign name", func(p *Plan) { p.Page = []string{"console.other.example"} }, "outside the domain"},
		{"suffix is not a domain", func(p *Plan) { p.Page = []string{"evilraum.example"} }, "outside the domain"},
		{"localhost unasked", func(p *Plan) { p.Page = []string{"localhost.raum.example", "127.0.0.1"} }, "is an address"},
	}
	for _, tt := range tests {
		p := plan()
		tt.change(&p)
		checkErr(t, tt.name, p.Check(), tt.want)
	}
}

func TestPlanHosts(t *testing.T) {
	p := Plan{Domain: "raum.example", Loopback: true}
	got := p.hosts([]string{"Pult", "a.raum.example"}, "unused")
	want := []string{"pult.raum.example", "a.raum.example", "localhost", "127.0.0.1", "::1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParsePlanNamesTheMisspeltKey(t *testing.T) {
	_, err := ParsePlan([]byte("{\n  \"name\": \"x\",\n  \"domian\": \"raum.example\"\n}"))
	if err == nil || !strings.Contains(err.Error(), "plan:3:") || !strings.Contains(err.Error(), "domian") {
		t.Errorf("got %v, want line 3 and the key", err)
	}
}

func FuzzParsePlan(f *testing.F) {
	b, err := json.Marshal(plan())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"x","domain":"localhost","loopback":true,"units":[{"id":"u","room":"r","hosts":["localhost"]}]}`))
	f.Add([]byte(`{"units":[{"id":"../../ca"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlan(b)
		if err != nil {
			return
		}
		for _, h := range p.holders() { // whatever passes can be issued, below the site and nowhere else
			if _, err := h.template(p.Name, epoch); err != nil {
				t.Errorf("%s: %v", h.Bundle, err)
			}
			if h.Bundle == "ca" || strings.Contains(h.Bundle, "..") || strings.HasPrefix(h.Bundle, "/") {
				t.Errorf("bundle %q", h.Bundle)
			}
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParsePlan(out)
		if err != nil || !reflect.DeepEqual(q.holders(), p.holders()) {
			t.Errorf("%s does not survive a round trip: %v", out, err)
		}
	})
}
