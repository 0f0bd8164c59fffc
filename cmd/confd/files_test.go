package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"subrosa/firmware/conference/access"
	"subrosa/firmware/conference/call"
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
	"subrosa/firmware/journal"
	"subrosa/firmware/roster"
)

// renamed writes a file beside its place and renames it over, as editors and ACME clients do.
func renamed(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// without is the roster of tests without a member.
func without(member string) string {
	head, tail, _ := strings.Cut(rosterCSV, member)
	_, tail, _ = strings.Cut(tail, "\n")
	return head + tail
}

// text gets a page of the process.
func (p *process) text(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// redeems reports whether a link's token still opens.
func (p *process) redeems(t *testing.T, token string) bool {
	t.Helper()
	q, err := http.NewRequest(http.MethodPost, p.url+"/access/invite", strings.NewReader(fmt.Sprintf(`{"token":%q}`, token)))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Origin", p.url)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// entries are the payloads of a kind in the conference's own journal.
func (p *process) entries(t *testing.T, kind string) (out []string) {
	t.Helper()
	err := journal.Folder(filepath.Join(p.state, "journal")).Read(1, func(_ uint64, e journal.Entry) error {
		if e.Kind == kind {
			out = append(out, string(e.Payload))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRosterWhileItRuns: who is taken out of the roster's file is out of the call within two looks, with the links they had, and
// does not come back by them, even once they are on the list again; a file that is broken, empty or gone changes nothing, and is said to.
func TestRosterWhileItRuns(t *testing.T) {
	path := confFile(t, theRoom("internal", ""))
	file := filepath.Join(filepath.Dir(path), "roster.csv")
	p := newProcess(t, path, sealIfPossible()...)
	chair := sit(t, p.url, p.cookie(t, "m-0"), &signal.Hello{Protocol: signal.Protocol})
	told[*signal.Found](t, chair, nil)
	cookie := p.cookie(t, "m-2")
	goes := sit(t, p.url, cookie, &signal.Hello{Protocol: signal.Protocol})
	told[*signal.Joined](t, goes, nil)
	_, link := p.text(t, "/test/invite?member=m-2")
	_, other := p.text(t, "/test/invite?member=m-3")

	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil { // as some send who change a file
		t.Fatal(err)
	}
	began := time.Now()
	renamed(t, file, without("m-2"))
	if e := told[*signal.Ended](t, goes, nil); e.Reason != signal.EndedRoster {
		t.Errorf("ended %+v", e)
	}
	took := time.Since(began)
	t.Logf("measured: sealed %v: taken out of the roster's file, the member's page was told %v later", p.health(t).Sealed, took)
	back := sit(t, p.url, cookie, &signal.Hello{Protocol: signal.Protocol})
	if r := told[*signal.Refused](t, back, nil); r.Reason != level.NotIdentified {
		t.Errorf("back with the login of before: %+v", r)
	}
	if p.redeems(t, link) {
		t.Error("back with a link of before")
	}
	if n, _ := p.text(t, "/test/invite?member=m-2"); n != http.StatusConflict {
		t.Errorf("invited though not on the list: %d", n)
	}
	p.keepsRoster(t, file)

	renamed(t, file, rosterCSV)
	wait(t, "the member on the list again", func() bool { n, _ := p.text(t, "/test/invite?member=m-2"); return n == http.StatusOK })
	if p.redeems(t, link) {
		t.Error("the link of before opens again")
	}
	if !p.redeems(t, other) {
		t.Error("the link of somebody who stayed does not open")
	}
	chair.mu.Lock()
	for _, m := range chair.got {
		if e, ok := m.(*signal.Ended); ok {
			t.Errorf("the chair, who stayed on the list, is out: %+v", e)
		}
	}
	chair.mu.Unlock()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	p.told(t)
}

// keepsRoster has the file broken in several ways.
func (p *process) keepsRoster(t *testing.T, file string) {
	t.Helper()
	state := func(want string) {
		t.Helper()
		wait(t, "the roster's file to be "+want, func() bool { return p.health(t).Files["roster-ratssaal"] == want })
	}
	state("")
	for text, want := range map[string]string{rosterCSV + "Erika Mustermann,councillor,,,\n": refusedBroken, "id,role,devices,from,to\n": refusedEmpty} {
		renamed(t, file, text)
		state(want)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	state(refusedMissing)
	if n, _ := p.text(t, "/test/invite?member=m-4"); n != http.StatusOK {
		t.Errorf("who is on the list of before is not invited: %d", n)
	}
	if n, _ := p.text(t, "/test/invite?member=m-2"); n != http.StatusConflict {
		t.Errorf("a broken file has brought somebody back: %d", n)
	}
	renamed(t, file, without("m-2"))
	state("")
}

// told checks what journal and log have of it: counts and roles, and nobody's id.
func (p *process) told(t *testing.T) {
	t.Helper()
	var first struct {
		Members int
		Removed map[string]int
	}
	rosters := p.entries(t, kindRoster)
	if len(rosters) != 2 || json.Unmarshal([]byte(rosters[0]), &first) != nil || first.Members != 5 || first.Removed["councillor"] != 1 {
		t.Errorf("the journal says of rosters: %s", rosters)
	}
	all := strings.Join(append(rosters, p.entries(t, kindFile)...), " ")
	for _, want := range []string{refusedBroken, refusedEmpty, refusedMissing} {
		if !strings.Contains(all, fmt.Sprintf(`{"file":"roster","refused":%q}`, want)) {
			t.Errorf("the journal has no %s: %s", want, all)
		}
	}
	if strings.Contains(all, "m-") || strings.Contains(all, "Erika") {
		t.Errorf("the journal names somebody: %s", all)
	}
	said := strings.Join(p.log(), "\n")
	if !strings.Contains(said, "NOT taken in") || !strings.Contains(said, "SIGHUP: nothing to do") || strings.Contains(said, "Erika") {
		t.Errorf("the log says %s", said)
	}
	if n := len(p.entries(t, access.KindEnded)); n != 1 {
		t.Errorf("%d rights ended, want one", n)
	}
	if n := strings.Count(strings.Join(p.entries(t, call.KindRemoved), " "), `"why":"roster"`); n != 1 {
		t.Errorf("%d were removed from the call by the roster, want one", n)
	}
}

// TestUnwatched: if the process that looks at the files is gone, the conference says so and goes on.
func TestUnwatched(t *testing.T) {
	s := &server{log: newLog(false), books: books{by: map[string]journal.Appender{}, queue: make(chan journal.Entry, 8)}}
	path := confFile(t, theRoom("internal", ""))
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	s.c, s.rooms = c, map[string]*room{"ratssaal": {id: "ratssaal", file: true}}
	if err := s.openFiles(); err != nil {
		t.Fatal(err)
	}
	if err := s.files.follow.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.followFiles(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.files.all()["roster-ratssaal"]; got != refusedUnwatched {
		t.Errorf("got %q", got)
	}
	if got := fmt.Sprint(s.files.kept("ratssaal"), s.files.kept("keller")); got != "[roster] []" {
		t.Errorf("kept %s", got)
	}
}

// shown opens a connection and returns the serial number of the certificate.
func (p *process) shown(t *testing.T) (*tls.Conn, int64) {
	t.Helper()
	c, err := tls.Dial("tcp", p.c.Listen, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// serial is shown without keeping the connection: an address may have so many.
func (p *process) serial(t *testing.T) int64 {
	t.Helper()
	c, n := p.shown(t)
	c.Close()
	return n
}

// TestCertificateWhileItRuns: a renewed certificate is shown to those who come from now on, connections stay, and one that nobody
// would believe is not taken.
func TestCertificateWhileItRuns(t *testing.T) {
	t.Setenv("SUBROSA_CONFD_TLS", "1")
	path := confFile(t, theRoom("internal", ""))
	dir := filepath.Dir(path)
	p := newProcess(t, path, sealIfPossible()...)
	old, serial := p.shown(t)
	if serial != 1 {
		t.Fatalf("shows %d", serial)
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	put := func(c x509.Certificate, key bool) {
		t.Helper()
		cert, k := signedFor(t, dir, "made", c)
		if key {
			renamedTo(t, k, filepath.Join(dir, "page.key"))
		}
		renamedTo(t, cert, filepath.Join(dir, "page.crt"))
	}
	put(x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, NotBefore: from, NotAfter: to}, true)
	began := time.Now()
	wait(t, "the renewed certificate", func() bool { n := p.serial(t); return n == 2 })
	t.Logf("measured: a renewed certificate is shown %v later", time.Since(began))
	// now, for a connection that says nothing is ended after 10 s, whatever its certificate
	q, err := http.NewRequest(http.MethodGet, p.url+"/access/", nil)
	if err == nil {
		err = q.Write(old)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 15)
	if _, err := io.ReadFull(old, b); err != nil || string(b) != "HTTP/1.1 200 OK" {
		t.Errorf("the connection of before: %q, %v", b, err)
	}

	for want, c := range map[string]x509.Certificate{
		refusedName: {DNSNames: []string{"elsewhere.example"}, NotBefore: from, NotAfter: to},
		refusedTime: {DNSNames: []string{"localhost"}, NotBefore: from, NotAfter: from.Add(time.Minute)},
	} {
		c.SerialNumber = big.NewInt(3)
		put(c, true)
		wait(t, "refused for its "+want, func() bool { return p.health(t).Files["page-certificate"] == want })
	}
	put(x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: []string{"localhost"}, NotBefore: from, NotAfter: to}, false)
	wait(t, "refused for its key", func() bool { return p.health(t).Files["page-certificate"] == refusedBroken })
	if n := p.serial(t); n != 2 {
		t.Errorf("shows %d, want the last good one", n)
	}
	put(x509.Certificate{SerialNumber: big.NewInt(4), DNSNames: []string{"localhost"}, NotBefore: from, NotAfter: to}, true)
	wait(t, "the next certificate", func() bool { n := p.serial(t); return n == 4 })
	wait(t, "nothing refused", func() bool { return p.health(t).Files["page-certificate"] == "" })
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if n := len(p.entries(t, kindCert)); n != 2 {
		t.Errorf("%d certificates in the journal, want 2", n)
	}
}

// TestOverInFile: a line whose time is over brings nobody back for a moment, and a list of such lines is one of nobody.
func TestOverInFile(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	s := &server{log: newLog(false), books: books{by: map[string]journal.Appender{}, queue: make(chan journal.Entry, 8)}}
	r := &room{id: "ratssaal", roster: &roster.Roster{}, zone: time.UTC}
	if _, err := r.roster.Replace(now, []roster.Member{{ID: "m-0", Role: roster.Chair}}); err != nil {
		t.Fatal(err)
	}
	r.roster.Watch(func(e roster.Event) {
		if e.Member.ID == "m-9" {
			t.Errorf("came back: %+v", e)
		}
	})
	const head, over = "id,role,devices,from,to\n", "m-9,councillor,,2020-01-01,2026-11-28\n"
	if err := s.takeRoster(r, now, []byte(head+"m-0,chair,,,\nm-1,clerk,,,\n"+over)); err != nil || len(r.roster.Members()) != 2 {
		t.Errorf("%v, %+v", err, r.roster.Members())
	}
	if err := s.takeRoster(r, now, []byte(head+over)); err == nil || len(r.roster.Members()) != 2 {
		t.Errorf("nobody is left: %v, %+v", err, r.roster.Members())
	}
}

// TestBrokerCertificate: the broker is shown the renewed certificate at the next connection, and a certificate without a name of the
// conference's is none of its business.
func TestBrokerCertificate(t *testing.T) {
	s := &server{log: newLog(false), books: books{by: map[string]journal.Appender{}, queue: make(chan journal.Entry, 8)}}
	dir, now := t.TempDir(), time.Now()
	made := func(serial int64) (pair [][]byte) {
		cert, key := signedFor(t, dir, "confd", x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)})
		for _, path := range []string{cert, key} {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			pair = append(pair, b)
		}
		return pair
	}
	first := made(1)
	c, err := tls.X509KeyPair(first[0], first[1])
	if err != nil {
		t.Fatal(err)
	}
	broker := &tls.Config{Certificates: []tls.Certificate{c}}
	s.certs.hold(broker, nil, "https://localhost")
	shown := func(want int64) {
		t.Helper()
		c, err := broker.Clone().GetClientCertificate(&tls.CertificateRequestInfo{})
		if err != nil || c.Leaf.SerialNumber.Int64() != want {
			t.Errorf("got %v, %v, want %d", c.Leaf.SerialNumber, err, want)
		}
	}
	shown(1)
	take := func(pair [][]byte) error { return s.takeCert("broker", s.certs.broker, "", now, pair) }
	if err := take(made(2)); err != nil {
		t.Error(err)
	}
	shown(2)
	if err := take([][]byte{made(3)[0], first[1]}); err == nil {
		t.Error("another key was taken")
	}
	shown(2)
}

func renamedTo(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
