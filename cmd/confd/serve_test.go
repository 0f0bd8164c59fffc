package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/tripwire"
	"subrosa/firmware/roster"
)

const rosterCSV = "id,role,devices,from,to\nm-0,chair,,,\nm-1,clerk,,,\nm-2,councillor,,,\nm-3,councillor,,,\nm-4,councillor,,,\nm-5,councillor,,,\n"

// testServer is the real program on loopback, with a way to be signed in without an authenticator (package access tests that).
type testServer struct {
	*server
	url  string
	stop func() error
}

func startServer(t testing.TB, level, broker string, more func(*testServer, *http.ServeMux)) *testServer {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "roster.csv"), []byte(rosterCSV), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	room := map[string]any{"id": "ratssaal", "name": "Ratssaal", "level": level, "roster": "roster.csv"}
	if broker != "" {
		room = map[string]any{"id": "ratssaal", "name": "Ratssaal"}
	}
	conf := map[string]any{"id": "konferenz", "rooms": []any{room}, "broker": broker,
		"listen": fmt.Sprintf("127.0.0.1:%d", port), "plain": true, "media": "127.0.0.1:0", "metrics": "127.0.0.1:0",
		"access": map[string]any{"url": fmt.Sprintf("http://localhost:%d", port), "name": "Konferenz Musterstadt"}}
	b, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conference.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	level0 := slog.LevelWarn
	if os.Getenv("SUBROSA_CONFD_DEBUG") != "" {
		level0 = slog.LevelDebug
	}
	s, err := assemble(c, options{config: path, state: filepath.Join(dir, "state")}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level0})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	x := &testServer{server: s, url: c.Access.URL}
	if more != nil {
		s.more = func(m *http.ServeMux) { more(x, m) }
	}
	go func() { done <- s.run(ctx) }()
	x.stop = func() error {
		cancel()
		err := <-done
		s.close()
		return err
	}
	return x
}

// signIn returns a cookie for a member, as a single-use link gives it.
func (s *testServer) signIn(member string) (*http.Cookie, error) {
	now := time.Now()
	m, err := s.access.Invite(roster.Clerk, access.Order{Room: "ratssaal", Member: member, Purpose: access.Join, From: now.Add(-time.Minute), To: now.Add(time.Hour)})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(m.Link)
	if err != nil {
		return nil, err
	}
	cookie, _, err := s.access.Redeem(u.Fragment[strings.LastIndex(u.Fragment, "=")+1:], "127.0.0.1:1")
	if err != nil {
		return nil, err
	}
	return &http.Cookie{Name: "subrosa-conference", Value: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}, nil
}

// TestServe serves the browser test (browser/call.spec.mjs) until its input ends.
func TestServe(t *testing.T) {
	lvl := os.Getenv("SUBROSA_CONFD_SERVE")
	if lvl == "" {
		t.Skip("serves browser/call.spec.mjs: SUBROSA_CONFD_SERVE=LEVEL")
	}
	broker, wallURL := "", ""
	if os.Getenv("SUBROSA_CONFD_WALL") != "" {
		broker, wallURL = serveWall(t, lvl)
	}
	line := &badLine{}
	defer line.close()
	s := startServer(t, lvl, broker, func(s *testServer, m *http.ServeMux) {
		line.s = s
		line.handle(m)
		m.HandleFunc("GET /test/login", func(w http.ResponseWriter, r *http.Request) {
			c, err := s.signIn(r.FormValue("member"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			http.SetCookie(w, c)
			http.Redirect(w, r, "/room/ratssaal?"+r.URL.RawQuery, http.StatusSeeOther)
		})
		m.HandleFunc("GET /test/figures", func(w http.ResponseWriter, r *http.Request) {
			drops := map[string]uint64{}
			for _, v := range tripwire.Verdicts() {
				if n := s.sfu.Dropped[v].Load(); n > 0 {
					drops[v.String()] = n
				}
			}
			json.NewEncoder(w).Encode(map[string]any{"in": s.sfu.In.Load(), "out": s.sfu.Out.Load(), "again": s.sfu.Retransmitted.Load(), "dropped": drops})
		})
		m.HandleFunc("POST /test/remove", func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			_, err := s.rooms["ratssaal"].roster.Remove(time.Now(), r.FormValue("member"))
			fmt.Fprintln(w, time.Since(began), err)
		})
	})
	fmt.Printf("wall %s\nserving %s\n", wallURL, s.url)
	bufio.NewReader(os.Stdin).ReadString('\n')
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
