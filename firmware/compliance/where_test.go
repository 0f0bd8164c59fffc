package compliance

import (
	"testing"
	"time"
)

func TestWhere(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2026, 11, 28, 18, m, 0, 0, time.UTC) }
	f := Figures{Sessions: []Session{{Began: at(0), Closed: at(10), Ended: at(40), Interruptions: []Interruption{{At: at(20), Until: at(25)}}},
		{Began: at(50)}}}
	for m, want := range map[int]string{5: "während der Übergabe", 15: "im nichtöffentlichen Teil", 22: "in einer Unterbrechung", 30: "im nichtöffentlichen Teil",
		45: "außerhalb einer Sitzung", 55: "während der Übergabe"} {
		if got := f.Where(at(m)); got != want {
			t.Errorf("minute %d: got %q, want %q", m, got, want)
		}
	}
}
