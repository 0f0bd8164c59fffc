//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/seal"
)

// hostile makes a world around a conference.
func hostile(t *testing.T, p *process) world {
	t.Helper()
	x := world{Config: filepath.Dir(p.state), State: p.state, Other: t.TempDir(), Run: "/bin/sh"}
	if err := os.WriteFile(filepath.Join(x.Other, "kept"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x.Port, x.Socket = tcp.Addr().(*net.TCPAddr).Port, filepath.Join(x.Other, "s")
	sock, err := net.Listen("unix", x.Socket)
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.Command("/bin/sleep", "600")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	x.Victim = victim.Process.Pid
	t.Cleanup(func() { tcp.Close(); sock.Close(); victim.Process.Kill(); victim.Wait() })
	return x
}

// attempts has the conference try everything.
func (p *process) attempts(t *testing.T, x world) (out map[string]string) {
	t.Helper()
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(p.url+"/test/attempts", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("tried only %v", out)
	}
	return out
}

func enforceable(t *testing.T) {
	t.Helper()
	if err := seal.Probe(); err != nil {
		t.Skipf("this kernel cannot: %v", err)
	}
}

// TestTakenOver: whoever has taken a sealed conference over finds nothing; without the seal the same attempts succeed.
func TestTakenOver(t *testing.T) {
	enforceable(t)
	p := newProcess(t, confFile(t, theRoom("internal", "")))
	if !p.health(t).Sealed {
		t.Error("health says that it is not sealed")
	}
	for name, why := range p.attempts(t, hostile(t, p)) {
		if denied := why != ""; denied == strings.HasPrefix(name, "may: ") {
			t.Errorf("%s: %q", name, why)
		}
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(p.state, inviteSocket)); err == nil {
		t.Error("the socket of first invites is still there")
	}

	bare := newProcess(t, confFile(t, theRoom("internal", "")), "--unsealed")
	if bare.health(t).Sealed || !slices.ContainsFunc(bare.log(), func(l string) bool { return strings.Contains(l, "UNSEALED") }) {
		t.Errorf("unsealed, it says %+v and %q", bare.health(t), bare.log())
	}
	for name, why := range bare.attempts(t, hostile(t, bare)) {
		if why != "" && os.Geteuid() == 0 {
			t.Errorf("%s fails without a seal, too: %s; it proves nothing", name, why)
		}
	}
	if err := bare.stop(); err != nil { // before its victim, which it traces
		t.Error(err)
	}
}

// TestNotSealable: a conference that cannot be sealed says why and does not run.
func TestNotSealable(t *testing.T) {
	enforceable(t)
	path := confFile(t, map[string]any{"id": "ratssaal", "name": "Ratssaal", "level": "internal", "roster": "roster.csv", "journal": "/no/such/folder/s"})
	p := tryProcess(t, path)
	<-p.gone
	if said := strings.Join(p.log(), "\n"); p.err == nil || !strings.Contains(said, "/no/such/folder") || !strings.Contains(said, "--unsealed") {
		t.Errorf("%v, %q", p.err, said)
	}
}

// TestFirstInviteBeside: the first link comes from a conference that runs, sealed, as well as from one that does not.
func TestFirstInviteBeside(t *testing.T) {
	path := confFile(t, theRoom("internal", ""))
	p := newProcess(t, path, sealIfPossible()...)
	invite := func(room string) (string, error) {
		var link strings.Builder
		o := options{config: path, state: p.state, invite: room}
		asked, err := askRunning(t.Context(), o.state, o.wish(), &link)
		if asked || err != nil {
			return link.String(), err
		}
		s, err := assemble(p.c, o, newLog(false))
		if err != nil {
			return "", alreadyRuns(o, err)
		}
		defer s.close()
		err = s.firstInvite(room, &link)
		return link.String(), err
	}
	link, err := invite("ratssaal")
	if err != nil || !strings.HasPrefix(link, p.url+"/access/") {
		t.Fatalf("beside it: %q, %v", link, err)
	}
	if _, err := invite("keller"); err == nil {
		t.Error("a room that is none has a first invite")
	}
	if err := os.Rename(filepath.Join(p.state, inviteSocket), filepath.Join(p.state, "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := invite("ratssaal"); err == nil || !strings.Contains(err.Error(), "anhalten") || !strings.Contains(err.Error(), "stop it") {
		t.Errorf("beside one that cannot be asked: %v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if link, err := invite("ratssaal"); err != nil || !strings.HasPrefix(link, p.url+"/access/") {
		t.Errorf("without it: %q, %v", link, err)
	}
}

// TestPorts: out of the configuration come the ports that may be connected to, and no others.
func TestPorts(t *testing.T) {
	direct := func(*http.Request) (*url.URL, error) { return nil, nil }
	by := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:3128") }
	sso := &access.SSO{Issuer: "https://login.example"}
	for _, c := range []struct {
		c     Config
		proxy func(*http.Request) (*url.URL, error)
		want  string
	}{
		{Config{}, direct, "[]"},
		{Config{Broker: "tls://broker.example:8883"}, direct, "[8883]"},
		{Config{Broker: "tls://broker.example"}, direct, "names no port"},
		{Config{Access: access.Config{SSO: sso}}, direct, "[443]"},
		{Config{Access: access.Config{SSO: &access.SSO{Issuer: "http://localhost:9000/x"}}}, direct, "[9000]"},
		{Config{Access: access.Config{SSO: &access.SSO{Issuer: "https://login.example", Ports: []uint16{8443}}}}, direct, "[443 8443]"},
		{Config{Broker: "tls://[::1]:8883", Access: access.Config{SSO: sso}}, by, "[8883 3128]"},
	} {
		ports, err := c.c.ports(c.proxy)
		got := fmt.Sprint(ports)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s, want %s", c.c, got, c.want)
		}
	}
}

// TestIssuerDown: a conference starts though the city's sign-in does not answer, and says what then.
func TestIssuerDown(t *testing.T) {
	var said bytes.Buffer
	s := &server{log: slog.New(slog.NewTextHandler(&said, nil)), c: Config{Access: access.Config{SSO: &access.SSO{Issuer: fmt.Sprintf("http://localhost:%d", freePort(t))}}}}
	if ports := s.issuerPorts(); ports != nil || !strings.Contains(said.String(), "restart confd once it answers") || !strings.Contains(said.String(), "access.sso.ports") {
		t.Errorf("%v, %s", ports, said.String())
	}
}

// TestPortsOf: endpoints are reached at their own ports or at that of a proxy, each once.
func TestPortsOf(t *testing.T) {
	by := func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "inside.example" {
			return nil, nil
		}
		return url.Parse("http://proxy.example:3128")
	}
	ports, err := portsOf([]string{"https://inside.example:8443/token", "https://inside.example/keys", "https://a.example/x", "https://b.example/y"}, by)
	if err != nil || !slices.Equal(ports, []uint16{8443, 443, 3128}) {
		t.Errorf("%v, %v", ports, err)
	}
	if _, err := portsOf([]string{"ldap://a.example"}, by); err != nil {
		t.Errorf("by the proxy: %v", err)
	}
	if ports, err := portsOf([]string{"ldap://inside.example"}, by); err == nil {
		t.Errorf("a scheme without a port gives %v", ports)
	}
}

// TestKeeps: without a broker, a sign-in and a unit's journal there is no way out at all.
func TestKeeps(t *testing.T) {
	s := &server{c: Config{Rooms: []Room{{ID: "a"}}}}
	k, err := s.keeps("/state")
	if err != nil || len(k.Ports)+len(k.Sockets)+len(k.Read)+len(k.List) != 0 || !slices.Equal(k.Folders, []string{"/state"}) {
		t.Errorf("%+v, %v", k, err)
	}
	s.c.Rooms[0].Journal, s.c.Broker = "/run/subrosa/conference.sock", "tls://b:8883"
	if k, err = s.keeps("/state", 8443); err != nil || !slices.Equal(k.Ports, []uint16{8883, 8443, 53}) || !slices.Equal(k.Sockets, []string{"/run/subrosa"}) {
		t.Errorf("%+v, %v", k, err)
	}
}

// TestHeld: a connection that has come waits until the conference has sealed itself.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := listenTCP("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		open := make(chan struct{})
		h := held{l, open}
		defer h.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		taken := make(chan error, 1)
		go func() { taken <- closed(h.Accept()) }()
		synctest.Wait()
		select {
		case err := <-taken:
			t.Fatalf("taken before: %v", err)
		default:
		}
		close(open)
		if err := <-taken; err != nil {
			t.Error(err)
		}
	})
}

// TestPlainTCP: no listener is of MPTCP.
func TestPlainTCP(t *testing.T) {
	l, err := listenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	protocol := 0
	if err := raw.Control(func(fd uintptr) { protocol, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PROTOCOL) }); err != nil {
		t.Fatal(err)
	}
	if err != nil || protocol != unix.IPPROTO_TCP {
		t.Errorf("protocol %d, %v, want %d", protocol, err, unix.IPPROTO_TCP)
	}
}
