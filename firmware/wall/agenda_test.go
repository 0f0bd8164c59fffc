package wall_test

import (
	"context"
	"strings"
	"testing"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

func TestPlansFromTheCalendar(t *testing.T) {
	const m = "0123456789abcdef"
	for _, tt := range []struct {
		name, scene, key, form string
		code                   int
		want                   wall.Order
	}{
		{"chair", "diary", key, "act=plan&seen=open&meeting=" + m, 303, wall.Order{Act: wall.Plan, Role: session.Chair, Meeting: m}},
		{"clerk", "diary", clerkKey, "act=plan&seen=open&meeting=" + m, 303, wall.Order{Act: wall.Plan, Role: session.Clerk, Meeting: m}},
		{"nobody", "diary", "", "act=plan&seen=open&meeting=" + m, 403, wall.Order{}},
		{"a meeting that is not there", "diary", key, "act=plan&seen=open&meeting=x", 409, wall.Order{}},
		{"a session is running", "walk", key, "act=plan&seen=handover&meeting=" + m, 409, wall.Order{}},
		{"no calendar", "open", key, "act=plan&seen=open&meeting=" + m, 409, wall.Order{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got wall.Order
			h := newHandler(t, func(o *wall.Options) {
				o.Do = func(_ context.Context, o wall.Order) error { got = o; return nil }
			})
			h.Update(scene(tt.scene))
			if w := press(h, tt.key, tt.form); w.Code != tt.code || got != tt.want {
				t.Errorf("got %d, %+v, want %d, %+v", w.Code, got, tt.code, tt.want)
			}
		})
	}
}

// TestCalendarIsShown to chair and clerk, with what it does not say; the wall shows none of it.
func TestCalendarIsShown(t *testing.T) {
	h := newHandler(t, nil)
	h.Update(scene("diary"))
	page := get(h, "/leitung", key).Body.String()
	for _, want := range []string{"Im Kalender", "Haupt- und Finanzausschuss", "3 von 9 Punkten nichtöffentlich, bei 1 nicht bekannt", "Nichtöffentlich planen ab",
		"Nicht bekannt, ob öffentlich", "geplant werden drei Stunden", "gerade nicht zu lesen"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if wall := get(h, "/", "").Body.String(); strings.Contains(wall, "Finanzausschuss") || strings.Contains(wall, "Kalender") {
		t.Error("the wall shows the calendar")
	}
}
