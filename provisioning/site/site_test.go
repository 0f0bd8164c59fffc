package site

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/topic"
)

var epoch = time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC)

func plan() Plan {
	return Plan{
		Name: "Stadt Musterstadt", Domain: "raum.example",
		Units:    []Unit{{ID: "ratssaal-1", Room: "ratssaal"}, {ID: "ratssaal-2", Room: "ratssaal"}, {ID: "e12", Room: "e12"}},
		Gateways: []Remote{{ID: "knx", Rooms: []string{"ratssaal", "e12"}}},
		Confds:   []Remote{{ID: "konferenz", Rooms: []string{"ratssaal"}}},
		Conns:    []string{"nanomdm"},
		Agents:   []string{"d-7f3a"},
	}
}

func mustInit(t *testing.T, p Plan) *Site {
	t.Helper()
	s, err := Init(filepath.Join(t.TempDir(), "site"), p, epoch, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// snapshot returns the content of every file below dir.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInitLayoutAndPermissions(t *testing.T) {
	s := mustInit(t, plan())
	want := []string{"site.json", "ca/cert.pem", "ca/key.pem"}
	for _, b := range []string{"broker", "page", "console", "mdmbridge", "unit/ratssaal-1", "unit/ratssaal-2", "unit/e12",
		"gateway/knx", "confd/konferenz", "agent/d-7f3a"} {
		want = append(want, b+"/ca.pem", b+"/cert.pem", b+"/key.pem")
		if strings.HasPrefix(b, "unit/") {
			want = append(want, b+"/unit.json")
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(snapshot(t, s.dir))); !slices.Equal(got, want) {
		t.Errorf("files\n got %q\nwant %q", got, want)
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := fi.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := os.ReadDir(filepath.Dir(s.dir)); len(rest) != 1 {
		t.Errorf("beside the site lies %v, want nothing", rest)
	}
}

func TestCertificates(t *testing.T) {
	s := mustInit(t, plan())
	if !s.ca.IsCA || !s.ca.MaxPathLenZero || s.ca.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("authority: IsCA %v, MaxPathLenZero %v, usage %b", s.ca.IsCA, s.ca.MaxPathLenZero, s.ca.KeyUsage)
	}
	if got, want := s.ca.NotAfter, epoch.AddDate(10, 0, 0).Add(-time.Hour); !got.Equal(want) {
		t.Errorf("authority ends %v, want %v", got, want)
	}
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	tests := []struct {
		bundle string
		id     topic.Identity // zero: no client
		hosts  []string
		usage  []x509.ExtKeyUsage
	}{
		{"broker", topic.Identity{}, []string{"broker.raum.example"}, []x509.ExtKeyUsage{server}},
		{"page", topic.Identity{}, []string{"console.raum.example"}, []x509.ExtKeyUsage{server}},
		{"console", topic.Identity{Role: topic.Console}, nil, []x509.ExtKeyUsage{client}},
		{"mdmbridge", topic.Identity{Role: topic.MDMBridge, Conns: []string{"nanomdm"}}, nil, []x509.ExtKeyUsage{client}},
		{"unit/ratssaal-1", topic.Identity{Role: topic.Unit, Unit: "ratssaal-1", Rooms: []string{"ratssaal"}},
			[]string{"ratssaal.raum.example", "ratssaal-1.raum.example"}, []x509.ExtKeyUsage{server, client}},
		{"unit/ratssaal-2", topic.Identity{Role: topic.Unit, Unit: "ratssaal-2", Rooms: []string{"ratssaal"}},
			[]string{"ratssaal-2.raum.example"}, []x509.ExtKeyUsage{server, client}},
		{"unit/e12", topic.Identity{Role: topic.Unit, Unit: "e12", Rooms: []string{"e12"}},
			[]string{"e12.raum.example"}, []x509.ExtKeyUsage{server, client}},
		{"gateway/knx", topic.Identity{Role: topic.Gateway, Rooms: []string{"ratssaal", "e12"}}, nil, []x509.ExtKeyUsage{client}},
		{"confd/konferenz", topic.Identity{Role: topic.Confd, Rooms: []string{"ratssaal"}},
			[]string{"konferenz.raum.example"}, []x509.ExtKeyUsage{server, client}},
		{"agent/d-7f3a", topic.Identity{Role: topic.Agent, Device: "d-7f3a"}, nil, []x509.ExtKeyUsage{client}},
	}
	serials := map[string]bool{s.ca.SerialNumber.String(): true}
	for _, tt := range tests {
		c, _, err := readPair(s.Path(tt.bundle))
		if err != nil {
			t.Errorf("%s: %v", tt.bundle, err)
			continue
		}
		if serials[c.SerialNumber.String()] || c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > 127 {
			t.Errorf("%s: serial number %v is used twice, not positive or too long", tt.bundle, c.SerialNumber)
		}
		serials[c.SerialNumber.String()] = true
		if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(c.ExtKeyUsage, tt.usage) || !slices.Equal(c.DNSNames, tt.hosts) {
			t.Errorf("%s: IsCA %v, usage %b %v, names %q; want no CA, %b %v, %q",
				tt.bundle, c.IsCA, c.KeyUsage, c.ExtKeyUsage, c.DNSNames, x509.KeyUsageDigitalSignature, tt.usage, tt.hosts)
		}
		if got := c.NotAfter.Sub(c.NotBefore); got != LeafDays*24*time.Hour {
			t.Errorf("%s: valid for %v, want %d days", tt.bundle, got, LeafDays)
		}
		id, err := topic.IdentityFromCert(c)
		if tt.id.Role == "" {
			if err == nil {
				t.Errorf("%s: speaks for %v, want no identity", tt.bundle, id)
			}
			continue
		}
		if err != nil || id.String() != tt.id.String() || !slices.Equal(id.Rooms, tt.id.Rooms) || !slices.Equal(id.Conns, tt.id.Conns) {
			t.Errorf("%s: identity %+v, %v; want %+v", tt.bundle, id, err, tt.id)
		}
	}
}

// handshake connects a client and a server on loopback and returns each side's error.
func handshake(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		tc := tls.Server(conn, server)
		err = tc.Handshake()
		if err == nil {
			_, err = tc.Write([]byte("x"))
		}
		done <- err
	}()
	conn, err := net.DialTimeout("tcp", ln.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	tc := tls.Client(conn, client)
	_, clientErr = io.ReadFull(tc, make([]byte, 1)) // in TLS 1.3 the client learns here that it was refused
	if clientErr != nil {
		conn.Close()
	}
	return <-done, clientErr
}

func tlsConfigs(t *testing.T, srv *Site, serverBundle string, cli *Site, clientBundle, name string, now time.Time) (server, client *tls.Config) {
	t.Helper()
	pair := func(s *Site, b string) tls.Certificate {
		c, err := tls.LoadX509KeyPair(filepath.Join(s.Path(b), "cert.pem"), filepath.Join(s.Path(b), "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	clock := func() time.Time { return now }
	server = &tls.Config{Certificates: []tls.Certificate{pair(srv, serverBundle)}, ClientCAs: srv.Pool(),
		ClientAuth: tls.RequireAndVerifyClientCert, Time: clock}
	client = &tls.Config{Certificates: []tls.Certificate{pair(cli, clientBundle)}, RootCAs: cli.Pool(), ServerName: name, Time: clock}
	return server, client
}

func TestMutualTLS(t *testing.T) {
	ours, theirs := mustInit(t, plan()), mustInit(t, plan())
	const broker = "broker.raum.example"
	tests := []struct {
		name                  string
		srv, cli              *Site
		server, client, host  string
		now                   time.Time
		serverFails, cliFails string // part of the error; "" = none
	}{
		{"unit to broker", ours, ours, "broker", "unit/ratssaal-1", broker, epoch, "", ""},
		{"console to broker", ours, ours, "broker", "console", broker, epoch, "", ""},
		{"browser to the chair's page", ours, ours, "unit/ratssaal-1", "agent/d-7f3a", "ratssaal.raum.example", epoch, "", ""},
		{"last day", ours, ours, "broker", "unit/e12", broker, epoch.AddDate(0, 0, LeafDays-1), "", ""},
		{"slow clock", ours, ours, "broker", "unit/e12", broker, epoch.Add(-30 * time.Minute), "", ""},
		{"expired", ours, ours, "broker", "unit/e12", broker, epoch.AddDate(0, 0, LeafDays), "bad certificate", "expired"},
		{"not yet valid", ours, ours, "broker", "unit/e12", broker, epoch.AddDate(0, 0, -1), "bad certificate", "not yet valid"},
		{"another site's broker", theirs, ours, "broker", "unit/e12", broker, epoch, "bad certificate", "unknown authority"},
		{"wrong name", ours, ours, "broker", "unit/e12", "console.raum.example", epoch, "bad certificate", "not console.raum.example"},
		{"a gateway as broker", ours, ours, "gateway/knx", "unit/e12", broker, epoch, "bad certificate", "not valid for any names"},
		{"a broker as client", ours, ours, "broker", "page", broker, epoch, "incompatible key usage", "bad certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, client := tlsConfigs(t, tt.srv, tt.server, tt.cli, tt.client, tt.host, tt.now)
			serverErr, clientErr := handshake(t, server, client)
			checkErr(t, "server", serverErr, tt.serverFails)
			checkErr(t, "client", clientErr, tt.cliFails)
		})
	}
	t.Run("another site's unit", func(t *testing.T) {
		server, client := tlsConfigs(t, ours, "broker", theirs, "unit/e12", broker, epoch)
		client.RootCAs = ours.Pool() // it trusts our broker, but our broker must not trust it
		serverErr, clientErr := handshake(t, server, client)
		if serverErr == nil || clientErr == nil {
			t.Errorf("got server %v, client %v; want both refused", serverErr, clientErr)
		}
	})
	t.Run("no certificate", func(t *testing.T) {
		server, client := tlsConfigs(t, ours, "broker", ours, "unit/e12", broker, epoch)
		client.Certificates = nil
		serverErr, _ := handshake(t, server, client)
		checkErr(t, "server", serverErr, "didn't provide a certificate")
	})
}

func checkErr(t *testing.T, who string, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Errorf("%s: got %v, want no error", who, err)
	case part != "" && (err == nil || !strings.Contains(err.Error(), part)):
		t.Errorf("%s: got %v, want an error with %q", who, err, part)
	}
}

func TestLoopback(t *testing.T) {
	p := plan()
	p.Loopback = true
	s := mustInit(t, p)
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "broker.raum.example"} {
		server, client := tlsConfigs(t, s, "broker", s, "unit/e12", host, epoch)
		if serverErr, clientErr := handshake(t, server, client); serverErr != nil || clientErr != nil {
			t.Errorf("%s: got %v, %v", host, serverErr, clientErr)
		}
	}
}

func TestIssueStaysInTheDomain(t *testing.T) {
	local := plan()
	local.Loopback = true
	for _, tt := range []struct {
		site  *Site
		hosts []string
		want  string
	}{
		{mustInit(t, plan()), []string{"www.bank.example"}, "outside the domain"},
		{mustInit(t, plan()), []string{"localhost"}, "outside the domain"},
		{mustInit(t, plan()), []string{"neu.raum.example", "192.0.2.7"}, "is an address"},
		{mustInit(t, local), []string{"192.0.2.7"}, "is an address"},
		{mustInit(t, plan()), []string{"neu.raum.example"}, ""},
	} {
		err := tt.site.Issue(Holder{Bundle: "extra", Server: true, Hosts: tt.hosts}, epoch, rand.Reader)
		checkErr(t, strings.Join(tt.hosts, " "), err, tt.want)
		_, statErr := os.Stat(tt.site.Path("extra"))
		if (statErr == nil) != (tt.want == "") {
			t.Errorf("%q: the bundle exists: %v, want %v", tt.hosts, statErr == nil, tt.want == "")
		}
	}
}

func TestInitDoesNotOverwrite(t *testing.T) {
	s := mustInit(t, plan())
	before := snapshot(t, s.dir)
	if _, err := Init(s.dir, plan(), epoch, rand.Reader); !errors.Is(err, ErrExists) {
		t.Errorf("second Init: got %v, want ErrExists", err)
	}
	if !maps.Equal(before, snapshot(t, s.dir)) {
		t.Error("the refused Init changed files")
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.odt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(other, plan(), epoch, rand.Reader); !errors.Is(err, ErrExists) {
		t.Errorf("Init in a full directory: got %v, want ErrExists", err)
	}
	if _, err := Init(t.TempDir(), plan(), epoch, rand.Reader); err != nil {
		t.Errorf("Init in an empty directory: %v", err)
	}
}

// broken is a source of randomness that ends after n bytes.
func broken(n int64) io.Reader { return io.LimitReader(rand.Reader, n) }

func TestFailedInitLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "site")
	// 16 bytes a serial number: the reader ends at the authority, in the middle, and at the last certificate.
	for _, n := range []int64{0, 60, 16*11 - 1} {
		if _, err := Init(dir, plan(), epoch, broken(n)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes of randomness: got %v, want an end of input", n, err)
		}
		if left, _ := os.ReadDir(parent); len(left) != 0 {
			t.Errorf("%d bytes of randomness: left behind %v", n, left)
		}
	}
	if _, err := Init(dir, plan(), epoch, broken(16*11)); err != nil {
		t.Errorf("just enough randomness: %v", err)
	}
}

func TestReplaceKeepsTheOldSite(t *testing.T) {
	s := mustInit(t, plan())
	before := snapshot(t, s.dir)
	if _, err := Replace(s.dir, plan(), epoch, broken(20)); err == nil {
		t.Error("Replace without randomness: got no error")
	}
	if !maps.Equal(before, snapshot(t, s.dir)) {
		t.Error("the failed Replace changed the site")
	}
	n, err := Replace(s.dir, plan(), epoch, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if n.ca.Equal(s.ca) {
		t.Error("the new site has the old authority")
	}
	if !maps.Equal(before, snapshot(t, s.dir+".old")) {
		t.Error("the old site was changed")
	}
	if _, err := Replace(s.dir, plan(), epoch, rand.Reader); !errors.Is(err, ErrExists) {
		t.Errorf("Replace over an earlier .old: got %v, want ErrExists", err)
	}
}

func TestApplyIsIdempotent(t *testing.T) {
	s := mustInit(t, plan())
	before := snapshot(t, s.dir)
	s, err := Load(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		issued, err := s.Apply(plan(), epoch.AddDate(0, 6, 0), rand.Reader)
		if err != nil || len(issued) != 0 {
			t.Fatalf("Apply of the same plan: got %q, %v; want nothing", issued, err)
		}
	}
	if !maps.Equal(before, snapshot(t, s.dir)) {
		t.Error("Apply of the same plan changed files")
	}
}

func TestApplyIssuesWhatChanged(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Plan)
		want   []string
	}{
		{"new unit", func(p *Plan) { p.Units = append(p.Units, Unit{ID: "e13", Room: "e13"}) }, []string{"unit/e13"}},
		{"unit moves", func(p *Plan) { p.Units[2].Room = "e14" }, []string{"unit/e12"}},
		{"room for a gateway", func(p *Plan) { p.Gateways[0].Rooms = []string{"e12"} }, []string{"gateway/knx"}},
		{"unit gone", func(p *Plan) { p.Units = p.Units[:2] }, nil},
		{"broker's name", func(p *Plan) { p.Broker = []string{"mqtt"} }, []string{"broker", "unit/ratssaal-1", "unit/ratssaal-2", "unit/e12"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustInit(t, plan())
			p := plan()
			tt.change(&p)
			issued, err := s.Apply(p, epoch, rand.Reader)
			if err != nil || !slices.Equal(issued, tt.want) {
				t.Fatalf("got %q, %v; want %q", issued, err, tt.want)
			}
			again, err := Load(s.dir)
			if err != nil {
				t.Fatal(err)
			}
			if issued, err := again.Apply(p, epoch, rand.Reader); err != nil || len(issued) != 0 {
				t.Errorf("second time: got %q, %v; want nothing", issued, err)
			}
		})
	}
	s, p := mustInit(t, plan()), plan()
	p.Domain = "rat.example"
	if _, err := s.Apply(p, epoch, rand.Reader); err == nil {
		t.Error("another domain: got no error")
	}
}

func TestRenew(t *testing.T) {
	s := mustInit(t, plan())
	old, _, err := readPair(s.Path("unit/e12"))
	if err != nil {
		t.Fatal(err)
	}
	almost := epoch.AddDate(0, 0, LeafDays-RenewDays-1)
	if issued, err := s.Renew(almost, rand.Reader); err != nil || len(issued) != 0 {
		t.Errorf("61 days left: got %q, %v; want nothing", issued, err)
	}
	late := almost.AddDate(0, 0, 1)
	issued, err := s.Renew(late, rand.Reader)
	if err != nil || len(issued) != 10 {
		t.Fatalf("60 days left: got %q, %v; want all ten", issued, err)
	}
	renewed, _, err := readPair(s.Path("unit/e12"))
	if err != nil {
		t.Fatal(err)
	}
	if !renewed.NotAfter.After(old.NotAfter) || bytes.Equal(renewed.RawSubjectPublicKeyInfo, old.RawSubjectPublicKeyInfo) {
		t.Errorf("renewed until %v with the same key: %v; want later than %v, new key", renewed.NotAfter,
			bytes.Equal(renewed.RawSubjectPublicKeyInfo, old.RawSubjectPublicKeyInfo), old.NotAfter)
	}
	// Towards its end the authority signs no longer than it lives, and then not at all; nothing is renewed in vain.
	end := s.ca.NotAfter.AddDate(0, 0, -30)
	if _, err := s.Renew(end, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := readPair(s.Path("broker")); c == nil || !c.NotAfter.Equal(s.ca.NotAfter) {
		t.Errorf("near the end: got %v, want the end of the authority, %v", c.NotAfter, s.ca.NotAfter)
	}
	if issued, err := s.Renew(end, rand.Reader); err != nil || len(issued) != 0 {
		t.Errorf("near the end, again: got %q, %v; want nothing", issued, err)
	}
	if _, err := s.Renew(s.ca.NotAfter.Add(time.Hour), rand.Reader); err == nil {
		t.Error("after the end: got no error")
	}
}

func TestLoadHealsInterruptedChanges(t *testing.T) {
	s := mustInit(t, plan())
	unit := s.Path("unit/e12")
	want, _, err := readPair(unit)
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Dir(unit)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(unit, filepath.Join(parent, ".e12.old")))                 // died between the renames
	must(os.Mkdir(filepath.Join(parent, ".e12.new-1"), 0o700))               // died while writing
	must(os.Mkdir(filepath.Join(parent, ".ratssaal-1.old"), 0o700))          // died before the last removal
	must(os.WriteFile(filepath.Join(s.dir, ".site.json.new-7"), nil, 0o600)) // died while writing the plan
	if _, err := Load(s.dir); err != nil {
		t.Fatal(err)
	}
	got, _, err := readPair(unit)
	if err != nil || !got.Equal(want) {
		t.Errorf("unit's certificate after healing: %v, %v; want the old one", got, err)
	}
	for path := range snapshot(t, s.dir) {
		if strings.Contains(path, "/.") || strings.HasPrefix(path, ".") {
			t.Errorf("left over: %s", path)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(parent, ".*")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name string
		harm func(dir string) error
		want string
	}{
		{"no site", func(dir string) error { return os.Remove(filepath.Join(dir, "site.json")) }, "no such file"},
		{"newer format", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "site.json"), []byte(`{"format":2,"plan":{}}`), 0o600)
		}, "format 2"},
		{"misspelt key", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "site.json"), []byte("{\"format\":1,\n\"plam\":{}}"), 0o600)
		}, "site.json:2:"},
		{"key of another", func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, "broker", "key.pem"))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "ca", "key.pem"), b, 0o600))
		}, "private key does not match"},
		{"leaf as authority", func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "ca")), os.Rename(filepath.Join(dir, "broker"), filepath.Join(dir, "ca")))
		}, "no authority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustInit(t, plan())
			if err := tt.harm(s.dir); err != nil {
				t.Fatal(err)
			}
			_, err := Load(s.dir)
			checkErr(t, "Load", err, tt.want)
		})
	}
}

func TestDamagedBundleIsIssuedAnew(t *testing.T) {
	s := mustInit(t, plan())
	if err := os.WriteFile(filepath.Join(s.Path("unit/e12"), "key.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if issued, err := s.Renew(epoch, rand.Reader); err != nil || !slices.Equal(issued, []string{"unit/e12"}) {
		t.Errorf("got %q, %v; want the damaged bundle", issued, err)
	}
}

func TestWriteBundle(t *testing.T) {
	s := mustInit(t, plan())
	var buf bytes.Buffer
	if err := s.WriteBundle(&buf, "unit/ratssaal-1"); err != nil {
		t.Fatal(err)
	}
	var names []string
	r := tar.NewReader(&buf)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o600 {
			t.Errorf("%s: mode %o, want 600", h.Name, h.Mode)
		}
		names = append(names, h.Name)
		if h.Name == "unit.json" {
			var got map[string]string
			if err := json.NewDecoder(r).Decode(&got); err != nil || got["unit"] != "ratssaal-1" || got["room"] != "ratssaal" ||
				got["broker"] != "tls://broker.raum.example:8883" {
				t.Errorf("unit.json: got %v, %v", got, err)
			}
		}
	}
	if want := []string{"ca.pem", "cert.pem", "key.pem", "unit.json"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	for _, name := range []string{"ca", "../site", "nobody"} {
		if err := s.WriteBundle(io.Discard, name); err == nil {
			t.Errorf("bundle %q: got no error", name)
		}
	}
}

func TestIssueRefusesNames(t *testing.T) {
	s := mustInit(t, plan())
	ca := snapshot(t, s.Path("ca"))
	for _, name := range []string{"ca", "../x", "/tmp/x", "", ".hidden", "a/../../b"} {
		if err := s.Issue(Holder{Bundle: name, Server: true, Hosts: []string{"x.raum.example"}}, epoch, rand.Reader); err == nil {
			t.Errorf("bundle %q: got no error", name)
		}
	}
	if !maps.Equal(ca, snapshot(t, s.Path("ca"))) {
		t.Error("the authority was changed")
	}
}
