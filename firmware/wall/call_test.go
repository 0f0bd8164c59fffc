package wall

import (
	"strings"
	"testing"
)

func TestCallLines(t *testing.T) {
	var none *Call
	if none.Lines() != nil || (&Call{State: "idle"}).Lines() != nil {
		t.Error("no call, and something is said")
	}
	digits := strings.Repeat("12345", 6)
	l := (&Call{State: "running", Level: "nonpublic", Seats: 7, Code: "chair " + digits}).Lines()
	if len(l) != 2 || l[0].DE != "Konferenz läuft (nichtöffentlich), Plätze belegt: 7" || l[1].DE != "Raumschlüssel 12345 12345 12345 12345 12345 12345 (laut Gerät der Sitzungsleitung)" {
		t.Errorf("%+v", l)
	}
	if l := (&Call{State: "running", Level: "new", Code: "room " + digits}).Lines(); !strings.Contains(l[0].EN, "confidential") || !strings.Contains(l[1].EN, "by the hall itself") {
		t.Errorf("%+v", l)
	}
	if l := (&Call{State: "pending", Level: "public", Seats: 3}).Lines(); len(l) != 1 || !strings.Contains(l[0].DE, "noch öffentlich") {
		t.Errorf("%+v", l)
	}
}
