package export

import "testing"

func TestCoverageInGerman(t *testing.T) {
	for in, want := range map[string]string{
		"hall equipment, mqtt": "Saaltechnik, Nachweis über mqtt",
		"self-test":            "Selbsttest des Geräts",
		"power detector of gsm1800-ul, ±3.0 dB: 1.71 GHz to 1.785 GHz; cannot see: what it is": "Leistungsmesser für gsm1800-ul, ±3.0 dB: 1.71 GHz bis 1.785 GHz; nicht messbar: was es ist",
		"Geprüft: Schall": "Geprüft: Schall",
	} {
		if got := coverageDE(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
