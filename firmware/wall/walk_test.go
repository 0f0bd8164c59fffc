package wall_test

import (
	"context"
	"strings"
	"testing"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/firmware/wall/internal/show"
)

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		name, key, form string
		code            int
		want            wall.Order
	}{
		{"chair clears the gallery", key, "act=tick&seen=handover&point=gallery-cleared&reason=checked-by-hand", 303,
			wall.Order{Act: wall.Tick, Role: session.Chair, Point: "gallery-cleared", Reason: "checked-by-hand"}},
		{"clerk does not", clerkKey, "act=tick&seen=handover&point=gallery-cleared&reason=checked-by-hand", 409, wall.Order{}},
		{"clerk looks under seats", clerkKey, "act=tick&seen=handover&point=seats-links&reason=checked-by-hand", 303,
			wall.Order{Act: wall.Tick, Role: session.Clerk, Point: "seats-links", Reason: "checked-by-hand"}},
		{"nobody", "", "act=tick&seen=handover&point=seats-links&reason=checked-by-hand", 403, wall.Order{}},
		{"a stream that is on", key, "act=tick&seen=handover&point=stream-off&reason=checked-by-hand", 409, wall.Order{}},
		{"proven already", key, "act=tick&seen=handover&point=hearing-loop-off&reason=checked-by-hand", 409, wall.Order{}},
		{"another point", key, "act=tick&seen=handover&point=sensor-alive&reason=checked-by-hand", 409, wall.Order{}},
		{"free text", key, "act=tick&seen=handover&point=gallery-cleared&reason=ok", 409, wall.Order{}},
		{"another state", key, "act=tick&seen=open&point=gallery-cleared&reason=checked-by-hand", 409, wall.Order{}},
		{"heads", clerkKey, "act=tick&seen=handover&heads=12", 303, wall.Order{Act: wall.Tick, Role: session.Clerk, Heads: 12}},
		{"no heads", key, "act=tick&seen=handover&heads=0", 409, wall.Order{}},
		{"names", key, "act=tick&seen=handover&heads=Meier", 409, wall.Order{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got wall.Order
			h := newHandler(t, func(o *wall.Options) {
				o.Do = func(_ context.Context, o wall.Order) error { got = o; return nil }
			})
			h.Update(scene("walk"))
			if w := press(h, tt.key, tt.form); w.Code != tt.code || got != tt.want {
				t.Errorf("got %d, %+v, want %d, %+v", w.Code, got, tt.code, tt.want)
			}
		})
	}
}

// TestWalkIsShown: the chair's page names every step in order, with what it may do; the wall names them without counts.
func TestWalkIsShown(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) { o.Words = show.Words })
	h.Update(scene("walk"))
	page := get(h, "/leitung", key).Body.String()
	at := 0
	for _, want := range []string{"Übertragung aus", "Aufzeichnung aus", "Saalmikrofone aus", "Höranlage aus", "Zuhörerplätze geräumt", "Ist geräumt",
		"Reihe 1 bis 3", "noch 1:10", "Nachgesehen, nichts gefunden", "Phones handed in", "11 Telefone · 12 Anwesende", "Fenster geschlossen"} {
		i := strings.Index(page[at:], want)
		if i < 0 {
			t.Fatalf("%q is not there after byte %d of\n%s", want, at, page)
		}
		at += i
	}
	if n := strings.Count(page, `value="tick"`); n != 6 { // four steps, the locker's, and its count of heads
		t.Errorf("%d forms for the chair, want 6", n)
	}
	if n := strings.Count(get(h, "/leitung", clerkKey).Body.String(), `value="tick"`); n != 3 {
		t.Errorf("%d forms for the clerk, want 3", n)
	}
	wallPage := get(h, "/", "").Body.String()
	for _, want := range []string{"Aufzeichnung läuft", "Livestream läuft", "Zuhörerplätze geräumt"} {
		if !strings.Contains(wallPage, want) {
			t.Errorf("the wall does not say %s", want)
		}
	}
	for _, never := range []string{"Telefone ·", "11 ", "12 Anwesende", "/leitung/do"} {
		if strings.Contains(wallPage, never) {
			t.Errorf("the wall says %q", never)
		}
	}
	h.Update(scene("walk-late"))
	page = get(h, "/leitung", key).Body.String()
	if i, j := strings.Index(page, `class="named"`), strings.Index(page, "Trotzdem fortfahren"); i < 0 || j < i || !strings.Contains(page[i:j], "Übertragung aus") {
		t.Error("what is left is not named at the second press")
	}
	if !strings.Contains(page, "bestätigt: Sitzungsleitung") {
		t.Error("a confirmation by hand does not say whose it is")
	}
}

func TestZonePage(t *testing.T) {
	h := newHandler(t, func(o *wall.Options) { o.Words = show.Words })
	h.Update(scene("walk"))
	for _, tt := range []struct {
		path, key string
		code      int
		want      string
	}{
		{wall.ZonePath("links"), clerkKey, 200, `value="seats-links"`}, {wall.ZonePath("links"), "", 403, "pair"},
		{wall.ZonePath("keller"), clerkKey, 404, "no such zone"},
	} {
		if w := get(h, tt.path, tt.key); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: got %d\n%s", tt.path, w.Code, w.Body.String())
		}
	}
	h.Update(scene("closed"))
	if w := get(h, wall.ZonePath("links"), clerkKey); !strings.Contains(w.Body.String(), "keine Übergabe") || strings.Contains(w.Body.String(), "<form") {
		t.Errorf("in a closed session: %s", w.Body.String())
	}
}
