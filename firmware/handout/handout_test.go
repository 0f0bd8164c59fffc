package handout_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	"subrosa/provisioning/site"
)

var day = time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)

// cert reads a bundle of a site.
func cert(t *testing.T, dir string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	c, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no CA")
	}
	return c, pool
}

type unit struct {
	site    *site.Site
	journal *journal.Journal
	key     keyring.Key
	addr    string
}

func newSite(t *testing.T) *site.Site {
	t.Helper()
	s, err := site.Init(filepath.Join(t.TempDir(), "site"), site.Plan{Name: "Stadt Musterstadt", Domain: "raum.example", Loopback: true,
		Units: []site.Unit{{ID: "ratssaal-1", Room: "ratssaal"}}}, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newUnit(t *testing.T, source func(*journal.Journal) handout.Source) *unit {
	t.Helper()
	u := &unit{site: newSite(t)}
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
	c, pool := cert(t, u.site.Path("unit/ratssaal-1"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = l.Addr().String()
	srv := h.Server(handout.ServerTLS(c, pool))
	done := make(chan struct{})
	go func() { defer close(done); srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { srv.Close(); <-done })
	return u
}

func (u *unit) client(t *testing.T, who string) *handout.Client {
	c, pool := cert(t, u.site.Path(who))
	return handout.NewClient(c, pool, 1<<20)
}

func TestFetch(t *testing.T) {
	u := newUnit(t, nil)
	pin, err := checkpoint.PinOf(u.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	var have, all int64
	b, err := u.client(t, "console").Fetch(t.Context(), u.addr, day, day.Add(24*time.Hour), func(h, a int64) { have, all = h, a })
	if err != nil {
		t.Fatal(err)
	}
	if r := bundle.Verify(b, bundle.Trust{Pin: &pin}); r.Verdict != bundle.Intact || r.Entries != 24 {
		t.Errorf("got %+v", r)
	}
	if have != int64(len(b)) || all != have {
		t.Errorf("progress %d of %d, %d came", have, all, len(b))
	}
	if b, err = u.client(t, "console").Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if r := bundle.Verify(b, bundle.Trust{Pin: &pin}); r.Verdict != bundle.Intact || r.Entries != 30 {
		t.Errorf("got %+v", r)
	}
	if _, err := u.client(t, "console").Fetch(t.Context(), u.addr, day.AddDate(1, 0, 0), time.Time{}, nil); !errors.Is(err, handout.ErrEmpty) {
		t.Errorf("got %v", err)
	}
	c, pool := cert(t, u.site.Path("console"))
	if _, err := handout.NewClient(c, pool, 100).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrLarge) {
		t.Errorf("got %v", err)
	}
}

// TestOnlyTheConsole: no other certificate of the site, none of another site, and nobody without one.
func TestOnlyTheConsole(t *testing.T) {
	u := newUnit(t, nil)
	if _, err := u.client(t, "unit/ratssaal-1").Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrDeny) {
		t.Errorf("a unit: %v", err)
	}
	foreign, _ := cert(t, newSite(t).Path("console"))
	_, pool := cert(t, u.site.Path("console"))
	if _, err := handout.NewClient(foreign, pool, 1<<20).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrDeny) {
		t.Errorf("another site: %v", err)
	}
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if resp, err := bare.Get("https://" + u.addr + handout.Path); err == nil {
		resp.Body.Close()
		t.Errorf("without a certificate: %s", resp.Status)
	}
	// The console does not take any server for the unit either.
	_, other := cert(t, newSite(t).Path("console"))
	c, _ := cert(t, u.site.Path("console"))
	if _, err := handout.NewClient(c, other, 1<<20).Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrReach) {
		t.Errorf("a server of another site: %v", err)
	}
}

func TestRequests(t *testing.T) {
	u := newUnit(t, nil)
	c, pool := cert(t, u.site.Path("console"))
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{c}}, DisableKeepAlives: true}}
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
	b, err := u.client(t, "console").Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil)
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
		z, err := u.client(t, "console").Fetch(context.Background(), u.addr, time.Time{}, time.Time{}, nil)
		if err == nil && !bytes.HasPrefix(z, []byte("PK")) {
			err = errors.New("no ZIP")
		}
		done <- err
	}()
	<-b.entered
	if _, err := u.client(t, "console").Fetch(t.Context(), u.addr, time.Time{}, time.Time{}, nil); !errors.Is(err, handout.ErrBusy) {
		t.Errorf("got %v", err)
	}
	close(b.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
