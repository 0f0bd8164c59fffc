package vorlagen_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"subrosa/docs/vorlagen"
)

func TestTemplates(t *testing.T) {
	names := vorlagen.Names()
	for _, want := range []string{"dsfa.md", "verarbeitungsverzeichnis.md", "tueraushang.md", "dienstvereinbarung.md", "geschaeftsordnung.md",
		"ratsbeschluss.md", "vorfall.md", "sitzungsblatt.md"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, name := range names {
		b, err := fs.ReadFile(vorlagen.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if !strings.HasPrefix(text, "# ") || !strings.Contains(text[:min(len(text), 400)], "Entwurf") {
			t.Errorf("%s does not begin with its title and that it is a draft", name)
		}
		if name != "sitzungsblatt.md" && !strings.Contains(strings.Join(strings.Fields(text), " "), "eine Rechtsberatung") {
			t.Errorf("%s does not say that it is no legal advice", name)
		}
		for _, never := range []string{"Täter", "Spion", "INF.10.A10", "garantiert"} {
			if strings.Contains(text, never) {
				t.Errorf("%s says %q", name, never)
			}
		}
	}
}
