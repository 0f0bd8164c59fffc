package wall_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

// TestPaperIsShown: device by device to chair and clerk, in both languages, and never on the wall.
func TestPaperIsShown(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) {
		o.Words = show.Words
		o.Do = refuseAll
	})
	h.Update(scene("phones-paper"))
	for _, k := range []string{key, clerkKey} {
		page := get(h, "/leitung", k).Body.String()
		at := 0
		for _, want := range []string{"Geräte von Hand prüfen", "d-31", "iPhone", "Dauerhaft: Assistent aus?", "Ja, nachgesehen", "d-40", "Diktierfunktion aus? Mikrofon aus?", "bis 20:",
			"d-44", "Mikrofon wieder freigegeben?", "Ja, freigegeben", "d-41", "erklärt: Schriftführung"} {
			i := strings.Index(page[at:], want)
			if i < 0 {
				t.Fatalf("%q is not there after byte %d of\n%s", want, at, page)
			}
			at += i
		}
		if n := strings.Count(page, `value="sign"`); n != 3 {
			t.Errorf("%d forms, want 3", n)
		}
		if !strings.Contains(page, "Als aus erklärt, nicht nachgewiesen") {
			t.Error("declared devices are not counted apart")
		}
	}
	if page := get(h, "/leitung?lang=en", key).Body.String(); !strings.Contains(page, "Dictation off? Microphone off?") || !strings.Contains(page, "declared: Clerk") {
		t.Error("not in English")
	}
	if page := get(h, "/", "").Body.String(); strings.Contains(page, "d-40") || strings.Contains(page, "sr-d-") || strings.Contains(page, "/leitung/do") {
		t.Error("the wall names devices")
	}
}

func refuseAll(context.Context, wall.Order) error { return errors.New("for looking only") }
