package wall

import (
	"net/http/httptest"
	"strings"
	"testing"

	"subrosa/firmware/session"
)

func TestCallLines(t *testing.T) {
	var none *Call
	if none.Lines() != nil || none.Key() != nil || (&Call{State: "idle"}).Lines() != nil {
		t.Error("no call, and something is said")
	}
	l := (&Call{State: "running", Level: "nonpublic", Seats: 7}).Lines()
	if len(l) != 1 || l[0].DE != "Konferenz läuft (nichtöffentlich), Plätze belegt: 7" {
		t.Errorf("%+v", l)
	}
	if l := (&Call{State: "running", Level: "new"}).Lines(); !strings.Contains(l[0].EN, "confidential") {
		t.Errorf("%+v", l)
	}
	if l := (&Call{State: "pending", Level: "public", Seats: 3}).Lines(); len(l) != 1 || !strings.Contains(l[0].DE, "noch öffentlich") {
		t.Errorf("%+v", l)
	}
}

const digits = "123456789012345678901234567890"

func TestKey(t *testing.T) {
	for _, tt := range []struct{ state, code, fives, by string }{
		{"running", "chair " + digits, "12345 67890 12345 67890 12345 67890", "von der Sitzungsleitung gemeldet"},
		{"running", "room " + digits, "12345 67890 12345 67890 12345 67890", "vom Saal selbst berechnet"},
		{"pending", "chair " + digits, "12345 67890 12345 67890 12345 67890", "von der Sitzungsleitung gemeldet"},
		{"running", "differ", "", "verschiedene Raumschlüssel"},
		{"running", "", "", "noch nicht gemeldet"},
	} {
		k := (&Call{State: tt.state, Code: tt.code}).Key()
		if got := strings.Join(k.Fives, " "); got != tt.fives || !strings.Contains(k.By.DE, tt.by) || k.Differ != (tt.code == "differ") {
			t.Errorf("%s %q: %+v", tt.state, tt.code, k)
		}
	}
	for _, state := range []string{"idle", "waiting", "closed"} {
		if k := (&Call{State: state, Code: "chair " + digits}).Key(); k != nil {
			t.Errorf("%s: %+v", state, k)
		}
	}
}

func TestDeclaredLine(t *testing.T) {
	if l := (&Call{State: "running", Asked: 6, Alone: 5, NotAlone: 1}).Declared(); l.DE != "Keine Dritten im Raum: 5 von 6 in der Konferenz haben es erklärt; 1: nicht allein" {
		t.Errorf("%+v", l)
	}
	if l := (&Call{State: "running"}).Declared(); l != (Text{}) {
		t.Errorf("nobody is asked: %+v", l)
	}
}

// TestCodeOnPages: wall and chair's page show the digits and the checksum, and neither once the epoch or the call is over.
func TestCodeOnPages(t *testing.T) {
	key := NewToken()
	h, err := New(Options{ChairToken: key})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", PairPath(key), nil))
	get := func(path string, c *Call) string {
		h.Update(View{Room: "Ratssaal", Session: session.Report{State: session.Closed}, Call: c})
		r := httptest.NewRequest("GET", path, nil)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		out := httptest.NewRecorder()
		h.ServeHTTP(out, r)
		return out.Body.String()
	}
	sum := strings.Repeat("0a1b2c3d", 8)
	for _, path := range []string{"/", "/leitung"} {
		page := get(path, &Call{State: "running", Level: "nonpublic", Seats: 3, Code: "chair " + digits, Bundle: sum})
		for _, want := range []string{"12345", "67890", "von der Sitzungsleitung gemeldet", "0a1b 2c3d …", strings.TrimSpace(strings.Repeat("0a1b 2c3d ", 8))} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q", path, want)
			}
		}
		if page := get(path, &Call{State: "running", Level: "nonpublic", Seats: 3, Bundle: sum}); strings.Contains(page, "67890") || !strings.Contains(page, "noch nicht gemeldet") {
			t.Errorf("%s: between two epochs", path)
		}
		if page := get(path, nil); strings.Contains(page, "67890") || strings.Contains(page, "0a1b") {
			t.Errorf("%s: after the call", path)
		}
	}
}
