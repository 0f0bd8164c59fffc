package calendars

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/agenda"
	"subrosa/firmware/clock"
)

func TestBuildRefuses(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(secret, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Config{
		"want one of":               {},
		"want one of ":              {OParl: "https://a/", ICS: "https://a/"},
		"want https://":             {OParl: "ris.example"},
		"no user":                   {OParl: "https://a/", User: "x"},
		"over plain http":           {CalDAV: "http://cloud.example/", User: "x", Password: secret},
		"no such file":              {CalDAV: "https://cloud.example/", User: "x", Password: secret + "x"},
		"level \"geheim\"":          {ICS: "https://a/", Level: "geheim"},
		"level \"public\"":          {ICS: "https://a/", Level: "public"},
		"kind \"öffentlich\"":       {ICS: "https://a/", Kind: "öffentlich"},
		"password does not belong ": {ICS: "https://a:b@cloud.example/"},
	} {
		if _, err := Build([]Config{c}, time.UTC); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%+v: got %v, want %q", c, err, want)
		}
	}
	if _, err := Build([]Config{{ICS: "/var/lib/kalender.ics"}, {OParl: "https://ris.example/body/1", Room: "Ratssaal"}, {CalDAV: "https://cloud.example/x/", User: "x", Password: secret}}, time.UTC); err != nil {
		t.Error(err)
	}
}

// TestServerThatIsAway: what a calendar said last stands while it cannot be read, and that is said.
func TestServerThatIsAway(t *testing.T) {
	at, away := time.Now().Add(time.Hour).UTC(), false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"data":[{"id":"m","start":%q,"agendaItem":[{"public":false}]}]}`, at.Format(time.RFC3339))
	}))
	defer s.Close()
	w, err := Build([]Config{{OParl: s.URL}}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	var got []agenda.Entry
	var told error
	w.Clock, w.Log, w.Tell = clock.Wall{}, slog.New(slog.DiscardHandler), func(es []agenda.Entry, err error) { got, told = es, err }
	w.ask(context.Background())
	if len(got) != 1 || told != nil || got[0].Kind != "nonpublic" || got[0].Level != "nonpublic" {
		t.Fatalf("got %+v, %v", got, told)
	}
	away = true
	if w.ask(context.Background()); len(got) != 1 || told == nil {
		t.Errorf("away: got %+v, %v", got, told)
	}
	away = false
	if w.ask(context.Background()); len(got) != 1 || told != nil {
		t.Errorf("back: got %+v, %v", got, told)
	}
}
