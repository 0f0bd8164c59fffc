package calendar

import (
	"strings"
	"testing"
	"time"
)

func TestTitle(t *testing.T) {
	for in, want := range map[string]string{"Rat": "Rat", " Haupt-\tund\nFinanz ": "Haupt- und Finanz", "a\u202eb\x1b[31m": "a b [31m", "\xff": "",
		strings.Repeat("ä", 200): strings.Repeat("ä", 119) + "…"} {
		if got := Title(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestID(t *testing.T) {
	at := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	if a, b := ID("x", at), ID("x", at.In(time.FixedZone("", 3600))); a != b || a == ID("x", at.Add(time.Hour)) || a == ID("y", at) || len(a) != 16 {
		t.Errorf("%s, %s", a, b)
	}
}
