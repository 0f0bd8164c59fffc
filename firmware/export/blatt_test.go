package export

import (
	"os"
	"strings"
	"testing"
)

// The printed sheet and the template are one truth, and neither offers a box for the unit where nothing is measured.
func TestSessionSheetSaysWhatIsProven(t *testing.T) {
	b, err := os.ReadFile("../../docs/vorlagen/sitzungsblatt.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "|---|---|---|---|\n")
	if !ok {
		t.Fatal("the template has no table of the handover")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var printed []string
	for _, i := range handoverItems {
		printed = append(printed, "| "+i.what+" | "+mark(i.unit)+" | "+mark(i.hand)+" | |")
		for _, word := range []string{"Zugeschaltete", "unter den Sitzen", "Zuhörende", "Schließfächer"} {
			if strings.Contains(i.what, word) && mark(i.unit) != "–" {
				t.Errorf("%q: the unit proves nothing of it, but there is a box", i.what)
			}
		}
	}
	if got := strings.Join(printed, "\n"); got != table {
		t.Errorf("printed sheet:\n%s\ntemplate:\n%s", got, table)
	}
}
