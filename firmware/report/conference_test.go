package report

import (
	"strings"
	"testing"
)

func TestReadConference(t *testing.T) {
	good := `{"version":3,"desired_version":2,"state":"running","level":"nonpublic","seats":7,"code_label":"chair ` + strings.Repeat("12345", 6) + `","bundle":"` + strings.Repeat("0f", 32) + `","kept":["roster"]}`
	if c, err := ReadConference([]byte(good)); err != nil || c.Seats != 7 || c.DesiredVersion != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{``, `{}`, `{"state":"lost"}`, `{"state":"idle","seats":-1}`, `{"state":"idle","kept":["names"]}`, `{"state":"idle","code_label":"chair 123"}`,
		`{"state":"idle","code_label":"<b> ` + strings.Repeat("12345", 6) + `"}`, `{"state":"idle","names":["x"]}`, `{"state":"idle","code_label":"differs"}`, `{"state":"idle","bundle":"0f"}`,
		`{"state":"idle","bundle":"` + strings.Repeat("0F", 32) + `"}`} {
		if c, err := ReadConference([]byte(bad)); err == nil {
			t.Errorf("%s: read as %+v", bad, c)
		}
	}
}

func FuzzReadConference(f *testing.F) {
	f.Add([]byte(`{"state":"running","level":"nonpublic","seats":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ReadConference(b); err == nil && (c.Seats < 0 || len(c.CodeLabel) > 40 || len(c.Bundle) > 64) {
			t.Fatalf("%q: %+v", b, c)
		}
	})
}
