package shadow

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/topic"
)

// TestTornLog cuts the log at every byte: all whole records before the cut are read, none after.
func TestTornLog(t *testing.T) {
	log := []byte(logHeader)
	ends := []int{len(log)}
	for i := range 5 {
		log = appendRecord(log, record{Topic: health, Version: uint64(i + 1), Event: json.RawMessage(`{}`), Since: 1})
		ends = append(ends, len(log))
	}
	for cut := range len(log) + 1 {
		want := 0
		for i, e := range ends {
			if cut >= e {
				want = i
			}
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, logName), log[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		box := newOutbox(10)
		d, err := openDisk(dir, box.replay)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		var got uint64
		if e := box.get(health); e != nil {
			got = e.version
		}
		if got != uint64(want) {
			t.Errorf("cut at %d: got version %d, want %d", cut, got, want)
		}
		if err := d.save(appendRecord(nil, record{Topic: health, Version: 9, Event: json.RawMessage(`{}`), Since: 1})); err != nil {
			t.Fatal(err)
		}
		d.close()
		box = newOutbox(10)
		if d, err = openDisk(dir, box.replay); err != nil || box.get(health) == nil || box.get(health).version != 9 {
			t.Fatalf("cut at %d: what was written after is lost: %v", cut, err)
		}
		d.close()
	}
}

func TestForeignLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logName), []byte("subrosa-outbox 2\nxxxxxxxxxxxxxxx"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(options(dir)); err == nil {
		s.Close()
		t.Error("a log of another format was taken")
	}
}

func TestLogIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	p := openPeer(t, newBroker(), options(dir))
	big := strings.Repeat("x", 20_000)
	for i := range 300 {
		if err := p.Report(alarmX, map[string]any{"n": i, "pad": big}); err != nil {
			t.Fatal(err)
		}
	}
	p.end()
	fi, err := os.Stat(filepath.Join(dir, logName))
	if err != nil {
		t.Fatal(err)
	}
	if fi.Size() > 3*compactAt {
		t.Errorf("log has %d bytes after 300 versions of one state", fi.Size())
	}
	p = openPeer(t, newBroker(), options(dir))
	defer p.end()
	if e := p.box.get(alarmX); e == nil || e.version != 300 || e.acked {
		t.Errorf("got %+v", e)
	}
}

func FuzzReadLog(f *testing.F) {
	log := []byte(logHeader)
	for i := range 3 {
		log = appendRecord(log, record{Topic: health, Version: uint64(i), Event: json.RawMessage(`{}`), Acked: true})
	}
	f.Add(appendRecord(log, record{Topic: wish, Version: 3, Writer: "w", Taken: true}))
	f.Add([]byte(logHeader))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		box := newOutbox(10)
		good, err := readLog(bytes.NewReader(b), box.replay)
		if good < 0 || good > int64(len(b)) {
			t.Fatalf("%d of %d bytes are whole", good, len(b))
		}
		if err != nil {
			return
		}
		again := newOutbox(10)
		if n, err := readLog(bytes.NewReader(b[:good]), again.replay); err != nil || n != good || len(again.entries) != len(box.entries) {
			t.Fatalf("the whole part reads otherwise: %d, %v", n, err)
		}
	})
}

// TestRefusedByRealBroker shows that mochi, which hangs up on a refused publish, does not stop the others.
func TestRefusedByRealBroker(t *testing.T) {
	addr := freeAddr(t)
	b := &mochiBroker{addr: addr, deny: contact}
	b.start(t)
	defer b.kill()
	s, err := Open(fastOptions(addr, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	s.tune.refusePause = 50 * time.Millisecond
	p := &peer{Shadow: s, t: t}
	p.report(contact, 1)
	for i := range 20 {
		p.report(topic.Alarm("r", fmt.Sprint(i)), i)
	}
	p.run()
	defer p.end()
	until(t, "all but the refused topic are acknowledged", func() bool { st := p.Status(); return st.Queued == 1 && st.Refused == contact })
	got := retained(t, addr)
	for i := range 20 {
		if s, ok := got[topic.Alarm("r", fmt.Sprint(i))]; !ok || s.N != i {
			t.Errorf("alarm %d: broker holds %+v, %v", i, s, ok)
		}
	}
}

// TestCertificates connects with a good certificate, and with one of another authority: one line, no alarm lost.
func TestCertificates(t *testing.T) {
	site, other := authority(t, "site"), authority(t, "other")
	addr := freeAddr(t)
	pool := x509.NewCertPool()
	pool.AddCert(site.cert)
	srv := serveMochi(t, addr, "", "", &tls.Config{
		Certificates: []tls.Certificate{site.issue(t, "broker")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	})
	defer srv.Close()
	dir := t.TempDir()
	var logged bytes.Buffer
	open := func(ca ca) *peer {
		o := fastOptions(addr, dir)
		o.Broker = "ssl://" + addr
		o.TLS = &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{ca.issue(t, "unit:u")}}
		o.Log = slog.New(slog.NewTextHandler(&logged, nil))
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return &peer{Shadow: s, t: t}
	}
	p := open(other)
	p.report(alarmX, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	until(t, "the certificate is refused", func() bool {
		st := p.Status()
		return st.Err != nil && strings.Contains(st.Err.Error(), "tls")
	})
	<-time.After(300 * time.Millisecond) // further attempts
	if st := p.Status(); st.Connected || st.Queued != 2 {
		t.Errorf("status %v", st)
	}
	cancel()
	<-done
	p.cancel = nil
	p.end()
	if n := strings.Count(logged.String(), "no broker"); n > 3 {
		t.Errorf("%d log lines:\n%s", n, logged.String())
	}
	p = open(site).run()
	defer p.end()
	until(t, "the alarm has come", func() bool { return p.Status().Connected && p.Status().Queued == 0 })
}

// ca is a certificate authority.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func authority(t *testing.T, name string) ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return ca{c, key}
}

func (a ca) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, URIs: unit.URIs(),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func BenchmarkReport(b *testing.B) {
	for _, name := range []string{contact, alarmX} {
		b.Run(strings.Split(name, "/")[4], func(b *testing.B) {
			p := openPeer(b, newBroker(), options(b.TempDir()))
			defer p.end()
			b.ReportAllocs()
			for b.Loop() {
				p.report(name, 1)
			}
		})
	}
}
