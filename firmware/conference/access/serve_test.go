package access

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/roster"
	"subrosa/firmware/state"
)

// TestServe is not a test but the server of the browser's test (browser/access.spec.mjs): the service on a port of localhost, with the
// provider of sso_test.go and, below /test/, what a room would do to it. It ends with its standard input.
func TestServe(t *testing.T) {
	if os.Getenv("SUBROSA_ACCESS_SERVE") == "" {
		t.Skip("the browser's test runs this: firmware/conference/access/browser/access.spec.mjs")
	}
	d := newDesk(t)
	d.must(d.Close())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	d.must(err)
	d.o.URL = fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	if d.o.State, err = state.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	p, err := roster.NewPseudonyms([]byte(strings.Repeat("k", roster.KeyBytes)))
	d.must(err)
	c := newCity(t)
	storage.RegisterClients(storage.NativeClient(clientID, d.o.URL+"/access/sso/back"))
	d.o.SSO = &SSO{Issuer: c.URL, ClientID: clientID, Pseudonyms: p}
	d.o.Time = func() (time.Time, string) { return time.Now(), "synced" }
	d.o.Rooms = map[string]string{"ratssaal": "Ratssaal"}
	d.o.Zone, err = time.LoadLocation("Europe/Berlin")
	d.must(err)
	d.o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	d.open()
	d.onTheRoster("id1")
	m := http.NewServeMux()
	m.Handle("/access/", d.Handler())
	m.HandleFunc("GET /room/ratssaal", func(w http.ResponseWriter, r *http.Request) {
		id, v := d.Decide(r, "ratssaal")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<link rel=icon href=data:,>room: %s %s may=%v lobby=%v %s", id.Member, id.Role, v.May, v.Lobby, v.Reason)
	})
	m.HandleFunc("POST /test/level/{level}", func(_ http.ResponseWriter, r *http.Request) { d.level = level.Level(r.PathValue("level")) })
	m.HandleFunc("POST /test/remove/{member}", func(_ http.ResponseWriter, r *http.Request) { d.roster.Remove(time.Now(), r.PathValue("member")) })
	m.HandleFunc("GET /test/told", func(w http.ResponseWriter, _ *http.Request) {
		d.Sweep(time.Now())
		json.NewEncoder(w).Encode(map[string]any{"ended": d.ended, "journal": d.rec.kinds()})
	})
	server := &http.Server{Handler: m}
	defer server.Close()
	go server.Serve(l)
	first, err := d.FirstInvite("ratssaal")
	d.must(err)
	fmt.Printf("serving %s first %s issuer %s user %s password %s\n", d.o.URL, first.Link, c.URL, opUser, opPassword)
	bufio.NewReader(os.Stdin).ReadString('\n')
}
