package handout_test

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
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/handout"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
	"subrosa/firmware/topic"
)

var day = time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)

// authority issues certificates as a site does.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = issue(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "site"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue signs a certificate; without an authority it signs itself.
func issue(t testing.TB, by *authority, tmpl *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := tmpl, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// of is the certificate of an identity, client and server on loopback.
func (a *authority) of(t testing.TB, id topic.Identity) tls.Certificate {
	t.Helper()
	c, key := issue(t, a, &x509.Certificate{Subject: pkix.Name{CommonName: id.String()}, URIs: id.URIs(), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}})
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

var (
	console  = topic.Identity{Role: topic.Console}
	ratssaal = topic.Identity{Role: topic.Unit, Unit: "ratssaal-1", Rooms: []string{"ratssaal"}}
)

type unit struct {
	site    *authority
	journal *journal.Journal
	key     keyring.Key
	addr    string
}

func newUnit(t *testing.T, source func(*journal.Journal) handout.Source) *unit {
	t.Helper()
	u := &unit{site: newAuthority(t)}
	dir := t.TempDir()
	var err error
	if u.key, err = keyring.Open(dir, "ratssaal-1", rand.Reader); err != nil {
		t.Fatal(err)
	}
	if u.journal, err = journal.Open(filepath.Join(dir, "journal"), journal.Options{Room: "ratssaal", SegmentBytes: 4000}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.journal.Close() })
	for n := range 30 {
		e := journal.Entry{Kind: "test.entry", Time: day.Add(time.Duration(n) * time.Hour), Quality: "synced", Payload: json.RawMessage(fmt.Sprint(n))}
		if _, err := u.journal.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	src := handout.Source(u.journal)
	if source != nil {
		src = source(u.journal)
	}
	h := handout.New(handout.Options{Journal: src, Signer: u.key.Signer, Public: u.key.Public, Log: slog.New(slog.DiscardHandler)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = l.Addr().String()
	srv := h.Server(handout.ServerTLS(u.site.of(t, ratssaal), u.site.pool()))
	done := make(chan struct{})
	go func() { defer close(done); srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { srv.Close(); <-done })
	return u
}

func (u *unit) client(t *testing.T, who topic.Identity) *handout.Client {
	return handout.NewClient(u.site.of(t, who), u.site.pool(), 1<<20)
}

func TestFetch(t *testing.T) {
	u := newUnit(t, nil)
	pin, err := checkpoint.PinOf(u.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	var have, all int64
	b, err := u.client(t, console).Fetch(t.Context(), u.addr, day, day.Add(24*time.Hour), func(h, a int64) { have, all = h, a })
	if err != nil {
		t.Fatal(err)
	}
	if r := bundle.Verify(b, bundle.Trust{Pin: &pin}); r.Verdict != bundle.Intact || r.Entries != 24 {
		t.Errorf("got %+v", r)
	}
	if have != int64(len(b)) || all != have {
		t.Errorf("progress %d of %d, %d came", have, all, len(b))
	}
	if b, err = u.client(t, console).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if r := bundle.Verify(b, bundle.Trust{Pin: &pin}); r.Verdict != bundle.Intact || r.Entries != 30 {
		t.Errorf("got %+v", r)
	}
	if _, err := u.client(t, console).Fetch(t.Context(), u.addr, day.AddDate(1, 0, 0), time.Time{}, nil); !errors.Is(err, handout.ErrEmpty) {
		t.Errorf("got %v", err)
	}
	if _, err := handout.NewClient(u.site.of(t, console), u.site.pool(), 100).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrLarge) {
		t.Errorf("got %v", err)
	}
}

// TestOnlyTheConsole: no other certificate of the site, none of another site, and nobody without one.
func TestOnlyTheConsole(t *testing.T) {
	u := newUnit(t, nil)
	if _, err := u.client(t, ratssaal).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrDeny) {
		t.Errorf("a unit: %v", err)
	}
	other := newAuthority(t)
	if _, err := handout.NewClient(other.of(t, console), u.site.pool(), 1<<20).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrDeny) {
		t.Errorf("another site: %v", err)
	}
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: u.site.pool()}}}
	if resp, err := bare.Get("https://" + u.addr + handout.Path); err == nil {
		resp.Body.Close()
		t.Errorf("without a certificate: %s", resp.Status)
	}
	// The console does not take any server for the unit either.
	if _, err := handout.NewClient(u.site.of(t, console), other.pool(), 1<<20).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrReach) {
		t.Errorf("a server of another site: %v", err)
	}
}

func TestRequests(t *testing.T) {
	u := newUnit(t, nil)
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: u.site.pool(), Certificates: []tls.Certificate{u.site.of(t, console)}}, DisableKeepAlives: true}}
	for path, want := range map[string]int{
		handout.Path + "?from=gestern": 400, handout.Path + "?x=1": 400, "/": 404, handout.Path + "/x": 404,
		handout.Path + "?from=2026-11-22T00:00:00Z&from=2026-11-22T00:00:00Z":        400,
		handout.Path + "?from=2026-11-22T00:00:00Z&to=2026-11-22T00:00:00Z":          400,
		handout.Path + "?from=2026-11-21T17:00:00%2B00:00&to=2026-11-21T19:00:00.5Z": 200,
	} {
		resp, err := web.Get("https://" + u.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
	resp, err := web.Post("https://"+u.addr+handout.Path, "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}

// overtaken is a journal from which a payload is deleted while its bundle is made, some times.
type overtaken struct {
	*journal.Journal
	times int
	seq   uint64
}

func (o *overtaken) Leaves(w io.Writer, size int64) error {
	if o.times > 0 { // find is through, gather is through: the next bundle will miss it
		o.times--
		return errors.Join(o.drop(), o.Journal.Leaves(w, size))
	}
	return o.Journal.Leaves(w, size)
}

func (o *overtaken) Records(from uint64, fn func(journal.Record) error) error {
	if o.times > 0 && o.seq == 0 {
		o.seq = 2
		if err := o.drop(); err != nil {
			return err
		}
	}
	return o.Journal.Records(from, fn)
}

func (o *overtaken) drop() error {
	o.seq++
	_, err := o.Delete(context.Background(), "retention", journal.Entry{Time: day, Quality: "synced"}, func(seq uint64, _ journal.Entry) bool { return seq == o.seq })
	return err
}

// TestDeletionMeanwhile: what is handed out is complete nevertheless.
func TestDeletionMeanwhile(t *testing.T) {
	u := newUnit(t, func(j *journal.Journal) handout.Source { return &overtaken{Journal: j, times: 2} })
	pin, err := checkpoint.PinOf(u.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	b, err := u.client(t, console).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := bundle.Verify(b, bundle.Trust{Pin: &pin}); r.Verdict != bundle.Intact || r.Deleted == 0 {
		t.Errorf("got %+v", r)
	}
}

// blocked is a journal that waits.
type blocked struct {
	*journal.Journal
	entered, release chan struct{}
}

func (b blocked) Tree() (uint64, tlog.Tree, error) {
	close(b.entered)
	<-b.release
	return b.Journal.Tree()
}

func TestOneAtATime(t *testing.T) {
	b := blocked{entered: make(chan struct{}), release: make(chan struct{})}
	u := newUnit(t, func(j *journal.Journal) handout.Source { b.Journal = j; return b })
	done := make(chan error, 1)
	go func() {
		z, err := u.client(t, console).Fetch(context.Background(), u.addr, time.Time{}, time.Time{}, nil)
		if err == nil && !bytes.HasPrefix(z, []byte("PK")) {
			err = errors.New("no ZIP")
		}
		done <- err
	}()
	<-b.entered
	if _, err := u.client(t, console).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrBusy) {
		t.Errorf("got %v", err)
	}
	close(b.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// BenchmarkFetch fetches a whole journal over TLS: written, verified by the unit, and sent.
func BenchmarkFetch(b *testing.B) {
	const entries = 20_000
	dir := b.TempDir()
	key, err := keyring.Open(dir, "ratssaal-1", rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Room: "ratssaal", OpenFile: unsynced})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	for n := range entries {
		e := journal.Entry{Kind: "test.entry", Time: day.Add(time.Duration(n) * time.Minute), Quality: "synced", Requires: []string{"INF.10.A8"},
			Coverage: "Schall 2,5–24 kHz", Payload: json.RawMessage(fmt.Sprintf(`{"n":%d,"state":"closed","name":"fenster-nord"}`, n))}
		if _, err := j.Append(context.Background(), e); err != nil {
			b.Fatal(err)
		}
	}
	h := handout.New(handout.Options{Journal: j, Signer: key.Signer, Public: key.Public, Log: slog.New(slog.DiscardHandler)})
	a := newAuthority(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := h.Server(handout.ServerTLS(a.of(b, ratssaal), a.pool()))
	go srv.ServeTLS(l, "", "")
	defer srv.Close()
	c := handout.NewClient(a.of(b, console), a.pool(), 1<<30)
	size := 0
	for b.Loop() {
		z, err := c.Fetch(context.Background(), l.Addr().String(), time.Time{}, time.Time{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		size = len(z)
	}
	b.ReportMetric(entries*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(size)/entries, "B/entry")
}

// unsynced is a disk that forgets to sync: only the work is measured.
func unsynced(name string, flag int, perm fs.FileMode) (journal.File, error) {
	f, err := os.OpenFile(name, flag, perm)
	return quick{f}, err
}

type quick struct{ *os.File }

func (quick) Sync() error { return nil }
