package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/roster"
	"subrosa/firmware/seal"
)

const rosterCSV = "id,role,devices,from,to\nm-0,chair,,,\nm-1,clerk,,,\nm-2,councillor,,,\nm-3,councillor,,,\nm-4,councillor,,,\nm-5,councillor,,,\n"

// testServer is the real program on loopback, with a way to be signed in without an authenticator (package access tests that).
type testServer struct {
	*server
	url  string
	stop func() error
}

// theRoom has its level and roster by MQTT if there is a broker.
func theRoom(level, broker string) map[string]any {
	room := map[string]any{"id": "ratssaal", "name": "Ratssaal", "streams": map[string]any{}}
	if broker == "" {
		room["level"], room["roster"] = level, "roster.csv"
	}
	return room
}

// sealIfPossible returns the arguments by which a conference runs unsealed where this kernel cannot.
func sealIfPossible() []string {
	if seal.Probe() != nil {
		return []string{"--unsealed"}
	}
	return nil
}

// confFile writes a configuration with a roster beside it and returns its path.
func confFile(t testing.TB, rooms ...map[string]any) string {
	t.Helper()
	return confFileWith(t, nil, rooms...)
}

// confFileWith changes it first.
func confFileWith(t testing.TB, change func(map[string]any), rooms ...map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "roster.csv"), []byte(rosterCSV), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	conf := map[string]any{"id": "konferenz", "rooms": rooms,
		"listen": fmt.Sprintf("127.0.0.1:%d", port), "plain": true, "media": fmt.Sprintf("127.0.0.1:%d", freePort(t)), "metrics": fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		"access": map[string]any{"url": fmt.Sprintf("http://localhost:%d", port), "name": "Konferenz Musterstadt"}}
	if change != nil {
		change(conf)
	}
	if os.Getenv("SUBROSA_CONFD_TLS") != "" {
		delete(conf, "plain")
		conf["page_cert"], conf["page_key"] = selfSigned(t, dir)
		conf["access"].(map[string]any)["url"] = fmt.Sprintf("https://localhost:%d", port)
	}
	if site := os.Getenv("SUBROSA_CONFD_SITE"); site != "" { // what "subrosa site" made
		delete(conf, "plain")
		bundle := filepath.Join(site, "confd", "konferenz")
		conf["ca"], conf["page_cert"], conf["page_key"] = filepath.Join(bundle, "ca.pem"), filepath.Join(bundle, "cert.pem"), filepath.Join(bundle, "key.pem")
		conf["access"].(map[string]any)["url"] = fmt.Sprintf("https://localhost:%d", port)
	}
	b, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conference.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func startServer(t testing.TB, level, broker string, more func(*testServer, *http.ServeMux)) *testServer {
	t.Helper()
	path := confFileWith(t, func(c map[string]any) { c["broker"] = broker }, theRoom(level, broker))
	dir := filepath.Dir(path)
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
	name, secure := "subrosa-conference", strings.HasPrefix(s.c.Access.URL, "https:")
	if secure {
		name = "__Host-" + name
	}
	return &http.Cookie{Name: name, Value: cookie, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}, nil
}

// TestServe serves the browser tests (browser/*.spec.mjs) until its input ends. With SUBROSA_CONFD_SEALED the conference is a process
// of its own, sealed as it is at a site, where the kernel can.
func TestServe(t *testing.T) {
	lvl := os.Getenv("SUBROSA_CONFD_SERVE")
	if lvl == "" {
		t.Skip("serves browser/call.spec.mjs: SUBROSA_CONFD_SERVE=LEVEL")
	}
	broker, wallURL := "", ""
	if os.Getenv("SUBROSA_CONFD_WALL") != "" {
		broker, wallURL = serveWall(t, lvl)
	}
	var url string
	var stop func() error
	if os.Getenv("SUBROSA_CONFD_SEALED") != "" {
		p := newProcess(t, confFileWith(t, func(c map[string]any) { c["broker"] = broker }, theRoom(lvl, broker)), sealIfPossible()...)
		url, stop = p.url, p.stop
		fmt.Printf("sealed %v\n", p.health(t).Sealed)
	} else {
		line := &badLine{}
		defer line.close()
		s := startServer(t, lvl, broker, func(s *testServer, m *http.ServeMux) {
			line.s = s
			line.handle(m)
			(&capture{s: s}).handle(m)
			s.routes(m)
			s.streamRoutes(m)
		})
		url, stop = s.url, s.stop
	}
	fmt.Printf("wall %s\nserving %s\n", wallURL, url)
	bufio.NewReader(os.Stdin).ReadString('\n')
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// selfSigned makes a certificate for localhost, and returns where it and its key are.
func selfSigned(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	return signedFor(t, dir, "page", x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
}

// signedFor writes NAME.crt and NAME.key.
func signedFor(t testing.TB, dir, name string, c x509.Certificate) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// freePort is one below those that the kernel gives to connections: what another test dials meanwhile does not take it.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+mrand.IntN(20_000)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
}
