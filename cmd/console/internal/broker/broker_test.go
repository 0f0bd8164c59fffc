package broker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/topic"
)

// TestMain doubles as the broker process that TestKill kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("BROKER_TEST_FILE"); path != "" {
		b, err := Open(Options{Path: path, DevListen: "127.0.0.1:0"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(b.DevAddr())
		select {}
	}
	os.Exit(m.Run())
}

const patience = 20 * time.Second

func wait(t testing.TB, tok paho.Token, what string) {
	t.Helper()
	if !tok.WaitTimeout(patience) {
		t.Fatalf("%s: no answer", what)
	}
	if err := tok.Error(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// until polls f, which looks at a real peer, up to the deadline.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// inbox collects what a client gets, by topic.
type inbox struct {
	mu  sync.Mutex
	got map[string]string
}

func (b *inbox) take(_ paho.Client, m paho.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.got == nil {
		b.got = map[string]string{}
	}
	b.got[m.Topic()] = string(m.Payload())
}

func (b *inbox) has(topic, payload string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[topic] == payload
}

func devClient(t testing.TB, addr, user, id string, clean bool, box *inbox) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetUsername(user).SetClientID(id).SetCleanSession(clean).SetAutoReconnect(false)
	if box != nil {
		o.SetDefaultPublishHandler(box.take)
	}
	c := paho.NewClient(o)
	wait(t, c.Connect(), "connect as "+user)
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(crand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{c, key}
}

func (a *authority) issue(t testing.TB, cn string, uris []*url.URL, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn}, URIs: uris, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(crand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// site is a broker with a CA, and what it refused.
type site struct {
	*Broker
	ca *authority
	mu sync.Mutex
	no []Refusal
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{ca: newAuthority(t, "site")}
	conf := &tls.Config{
		MinVersion: tls.VersionTLS13, ClientCAs: s.ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{s.ca.issue(t, "broker", nil, x509.ExtKeyUsageServerAuth)},
	}
	b, err := Open(Options{Path: filepath.Join(t.TempDir(), "broker.db"), Listen: "127.0.0.1:0", TLS: conf, Refused: func(r Refusal) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.no = append(s.no, r)
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Broker = b
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *site) refused(what, topic string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.no {
		if r.What == what && (topic == "" || r.Topic == topic) {
			n++
		}
	}
	return n
}

func (s *site) options(cert tls.Certificate, id string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("ssl://" + s.Addr().String()).SetClientID(id).SetAutoReconnect(false).SetProtocolVersion(4).
		SetTLSConfig(&tls.Config{RootCAs: s.ca.pool(), Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
}

func (s *site) client(t *testing.T, id topic.Identity, name string, box *inbox) paho.Client {
	t.Helper()
	o := s.options(s.ca.issue(t, id.String(), id.URIs(), x509.ExtKeyUsageClientAuth), name)
	if box != nil {
		o.SetDefaultPublishHandler(box.take)
	}
	c := paho.NewClient(o)
	wait(t, c.Connect(), "connect "+id.String())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

var (
	unitA = topic.Identity{Role: topic.Unit, Unit: "a-1", Rooms: []string{"a"}}
	unitB = topic.Identity{Role: topic.Unit, Unit: "b-1", Rooms: []string{"b"}}
)

func TestACLByCertificate(t *testing.T) {
	s := newSite(t)
	var seen inbox
	console := s.client(t, topic.Identity{Role: topic.Console}, "console", &seen)
	wait(t, console.Subscribe(topic.Root+"/#", 1, nil), "subscribe")
	a := s.client(t, unitA, "x", nil)

	foreign := topic.Online("b-1")
	wait(t, a.Publish(foreign, 1, true, "lie"), "a foreign message is acknowledged")
	wait(t, a.Publish(topic.Alarm("b", "z"), 1, true, "lie"), "a foreign message is acknowledged")
	wait(t, a.Publish(topic.Online("a-1"), 1, true, "true"), "own message")
	until(t, "own message at the console", func() bool { return seen.has(topic.Online("a-1"), "true") })
	if seen.has(foreign, "lie") {
		t.Error("another unit's topic was written")
	}
	if got := s.refused("publish", foreign); got != 1 {
		t.Errorf("got %d refusals of %s, want 1", got, foreign)
	}
	if !a.IsConnected() {
		t.Error("the client was dropped")
	}
	if _, ok := s.srv.Topics.Retained.Get(foreign); ok {
		t.Error("the foreign message was retained")
	}

	tok := a.Subscribe(topic.Root+"/#", 1, nil)
	wait(t, tok, "SUBACK")
	if got := tok.(*paho.SubscribeToken).Result()[topic.Root+"/#"]; got != 0x80 {
		t.Errorf("a unit subscribes to everything: got SUBACK %#x, want 0x80", got)
	}
	if s.refused("subscribe", topic.Root+"/#") == 0 {
		t.Error("the subscription was not reported as refused")
	}
}

func TestSameClientIDDoesNotTakeOver(t *testing.T) {
	s := newSite(t)
	var inA inbox
	a := s.client(t, unitA, "same", &inA)
	wait(t, a.Subscribe(topic.SessionDesired("a"), 1, nil), "subscribe")
	s.client(t, unitB, "same", nil)
	console := s.client(t, topic.Identity{Role: topic.Console}, "same", nil)
	wait(t, console.Publish(topic.SessionDesired("a"), 1, true, "planned"), "publish")
	until(t, "the desired state at unit a", func() bool { return inA.has(topic.SessionDesired("a"), "planned") })
}

func TestWrongCertificates(t *testing.T) {
	s := newSite(t)
	other := newAuthority(t, "other")
	tests := map[string]struct {
		cert tls.Certificate
		what string
	}{
		"other CA":          {other.issue(t, unitA.String(), unitA.URIs(), x509.ExtKeyUsageClientAuth), "connect"},
		"no certificate":    {tls.Certificate{}, "connect"},
		"no identity in it": {s.ca.issue(t, "somebody", nil, x509.ExtKeyUsageClientAuth), "connect"},
		"server's":          {s.ca.issue(t, unitA.String(), unitA.URIs(), x509.ExtKeyUsageServerAuth), "connect"},
	}
	n := 0
	for name, tt := range tests {
		c := paho.NewClient(s.options(tt.cert, "x"))
		if tok := c.Connect(); tok.WaitTimeout(patience) && tok.Error() == nil {
			t.Errorf("%s: connected", name)
			c.Disconnect(0)
		}
		n++
		until(t, "one refusal more: "+name, func() bool { return s.refused(tt.what, "") == n })
	}
	o := s.options(s.ca.issue(t, unitA.String(), unitA.URIs(), x509.ExtKeyUsageClientAuth), "x").SetWill(topic.Online("b-1"), "lie", 1, true)
	if tok := paho.NewClient(o).Connect(); tok.WaitTimeout(patience) && tok.Error() == nil {
		t.Error("a will for another unit's topic was taken")
	}
	until(t, "the will refused", func() bool { return s.refused("will", topic.Online("b-1")) == 1 })
}

func TestWillIsRetainedOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broker.db")
	b, err := Open(Options{Path: path, DevListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	var raw net.Conn
	o := paho.NewClientOptions().AddBroker("tcp://"+b.DevAddr().String()).SetUsername("unit:a-1:a").SetWill(topic.Online("a-1"), "gone", 1, true).SetAutoReconnect(false)
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		raw, err = net.Dial("tcp", u.Host)
		return raw, err
	})
	wait(t, paho.NewClient(o).Connect(), "connect")
	raw.Close()
	until(t, "the will", func() bool { _, ok := b.srv.Topics.Retained.Get(topic.Online("a-1")); return ok })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err = Open(Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if pk, ok := b.srv.Topics.Retained.Get(topic.Online("a-1")); !ok || string(pk.Payload) != "gone" {
		t.Errorf("after a restart: got %q, %v", pk.Payload, ok)
	}
}

// TestStoreFailureIsNotAcknowledged closes the file under the broker, as a full disk would refuse the write.
func TestStoreFailureIsNotAcknowledged(t *testing.T) {
	b, err := Open(Options{Path: filepath.Join(t.TempDir(), "broker.db"), DevListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c := devClient(t, b.DevAddr().String(), "unit:a-1:a", "x", true, nil)
	wait(t, c.Publish(topic.Online("a-1"), 1, true, "1"), "publish")
	if err := b.disk.db.Close(); err != nil {
		t.Fatal(err)
	}
	tok := c.Publish(topic.Online("a-1"), 1, true, "2")
	until(t, "the publisher dropped", func() bool { return !c.IsConnected() })
	if tok.WaitTimeout(time.Millisecond) && tok.Error() == nil {
		t.Error("a message that could not be stored was acknowledged")
	}
	if b.Check(t.Context()) == nil || b.Stats().StoreFailed == 0 {
		t.Error("the failure is not reported")
	}
}

func TestDevListenerIsLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:1883", "[::]:0", "example.org:1"} {
		b, err := Open(Options{Path: filepath.Join(t.TempDir(), "b.db"), DevListen: addr})
		if err == nil {
			b.Close()
			t.Errorf("%s: opened", addr)
		}
	}
}

type process struct {
	cmd  *exec.Cmd
	addr string
}

func startProcess(t *testing.T, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BROKER_TEST_FILE="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("broker process: %v", err)
	}
	return &process{cmd, strings.TrimSpace(line)}
}

func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	var exit *exec.ExitError
	if werr := p.cmd.Wait(); werr != nil && !errors.As(werr, &exit) {
		return werr
	}
	return err
}

// TestKill kills the broker right after a PUBACK, 60 times: everything acknowledged is retained, and waits for
// the session that was away.
func TestKill(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 8
	}
	path := filepath.Join(t.TempDir(), "broker.db")
	rng := rand.New(rand.NewPCG(20261121, 1))
	p := startProcess(t, path)
	away := devClient(t, p.addr, "console", "away", false, &inbox{})
	wait(t, away.Subscribe(topic.Alarm("a", topic.Any), 1, nil), "subscribe")
	away.Disconnect(100)
	acked := 0
	for round := range rounds {
		sent := publishAndKill(t, p, rng, round)
		acked += len(sent)
		p = startProcess(t, path)
		var queued, retained inbox
		away := devClient(t, p.addr, "console", "away", false, &queued) // no subscription: the session has it
		fresh := devClient(t, p.addr, "console", "fresh", true, &retained)
		wait(t, fresh.Subscribe(topic.Alarm("a", topic.Any), 1, nil), "subscribe")
		for tp, payload := range sent {
			until(t, fmt.Sprintf("round %d: %s retained", round, tp), func() bool { return retained.has(tp, payload) })
			until(t, fmt.Sprintf("round %d: %s delivered to the session that was away", round, tp), func() bool { return queued.has(tp, payload) })
		}
		away.Disconnect(100)
		fresh.Disconnect(100)
	}
	t.Logf("%d kills, %d acknowledged messages, none lost", rounds, acked)
}

// publishAndKill sends a burst with several in flight and kills the broker at the k-th PUBACK. It returns what
// was acknowledged.
func publishAndKill(t *testing.T, p *process, rng *rand.Rand, round int) map[string]string {
	t.Helper()
	c := devClient(t, p.addr, "unit:a-1:a", "u", true, nil)
	k := 1 + rng.IntN(12)
	type sent struct {
		topic, payload string
		tok            paho.Token
	}
	var burst []sent
	for i := range k + 6 {
		s := sent{topic: topic.Alarm("a", fmt.Sprintf("%d-%d", round, i)), payload: fmt.Sprintf("%d/%d", round, i)}
		s.tok = c.Publish(s.topic, 1, true, s.payload)
		burst = append(burst, s)
	}
	wait(t, burst[k-1].tok, "the PUBACK before the kill")
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, s := range burst {
		// Tokens of a lost connection end with an error, or with none if the PUBACK had come.
		if i < k || s.tok.WaitTimeout(patience) && s.tok.Error() == nil {
			out[s.topic] = s.payload
		}
	}
	return out
}

func FuzzDevUser(f *testing.F) {
	f.Add("unit:ratssaal-1:ratssaal,foyer")
	f.Add("console")
	f.Add("gateway::ratssaal")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseDevUser(s)
		if err == nil && id.Check() != nil {
			t.Errorf("%q gave the invalid identity %+v", s, id)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	br, err := Open(Options{Path: filepath.Join(b.TempDir(), "broker.db"), DevListen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer br.Close()
	c := devClient(b, br.DevAddr().String(), "unit:a-1:a", "u", true, nil)
	for b.Loop() {
		wait(b, c.Publish(topic.Health("a-1"), 1, true, "{}"), "publish")
	}
}
