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

// The papers on data protection tell of check-in, device management and conference, and of how long summaries stay.
func TestTemplatesTellWhatIsProcessed(t *testing.T) {
	for _, name := range []string{"dsfa.md", "verarbeitungsverzeichnis.md", "dienstvereinbarung.md", "tueraushang.md"} {
		b, err := fs.ReadFile(vorlagen.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(string(b)), " ")
		for _, want := range []string{"[falls Anmeldung genutzt wird]", "[falls Geräteverwaltung angebunden ist]", "[falls Konferenz genutzt wird]",
			"Kennzeichen", "Passkey", "ohne Personenbezug", "Rangfolge", "30 Tage", "24 Stunden"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
		for _, untrue := range []string{"12 Monate]", "Namen, Gerätekennungen", "keine Sitzplätze, keine Gerätekennungen", "Sie erkennt keine Personen", "identifies nobody. It"} {
			if strings.Contains(text, untrue) {
				t.Errorf("%s still says %q", name, untrue)
			}
		}
	}
}
