package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs: docs/policy.md has all facts as they are, all reactions, verdicts and kinds, and its example is in order.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	var want []string
	for _, f := range Table() {
		typ, source := string(f.Type), string(f.Source)
		switch f.Type {
		case Choice:
			typ += ": " + strings.Join(f.Values, ", ")
		case Count:
			typ += ", " + f.Unit
		}
		if !f.Source.Exists() {
			source = "*not measured* (" + source + ")"
		}
		want = append(want, fmt.Sprintf("\n| `%s` | %s | %s | %s | %s |\n", f.Name, typ, source, f.Text.DE, f.Text.EN))
	}
	for _, w := range append(append(strs(Reactions), strs(Verdicts)...), strs(Kinds)...) {
		want = append(want, "`"+w+"`")
	}
	for _, w := range want {
		if !strings.Contains(doc, w) {
			t.Errorf("docs/policy.md lacks %s", strings.TrimSpace(w))
		}
	}
	_, rest, _ := strings.Cut(doc, "```json\n")
	example, _, _ := strings.Cut(rest, "```")
	if _, err := Parse("docs/policy.md", []byte(example)); err != nil {
		t.Error(err)
	}
}
