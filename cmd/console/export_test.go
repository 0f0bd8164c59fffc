package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/compliance"
	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/export"
	"subrosa/firmware/handout"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
	"subrosa/provisioning/site"
)

// evidenceUnit is the journal of a month, handed out over TLS as roomd does, with a site's certificates.
type evidenceUnit struct {
	site    *site.Site
	key     keyring.Key
	journal *journal.Journal
	addr    string
}

func newEvidenceUnit(t *testing.T) *evidenceUnit {
	t.Helper()
	u := &evidenceUnit{}
	var err error
	u.site, err = site.Init(filepath.Join(t.TempDir(), "site"), site.Plan{Name: "Stadt Musterstadt", Domain: "raum.example", Loopback: true,
		Units: []site.Unit{{ID: "ratssaal-1", Room: "ratssaal"}}}, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if u.key, err = keyring.Open(dir, "ratssaal-1", rand.Reader); err != nil {
		t.Fatal(err)
	}
	if u.journal, err = journal.Open(filepath.Join(dir, "journal"), journal.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range compliancetest.Month(t) {
		if _, err := u.journal.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	cert, pool := bundleFiles(t, u.site.Path("unit/ratssaal-1"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = l.Addr().String()
	srv := handout.New(handout.Options{Journal: u.journal, Signer: u.key.Signer, Public: u.key.Public, Log: slog.New(slog.DiscardHandler)}).
		Server(handout.ServerTLS(cert, pool))
	done := make(chan struct{})
	go func() { defer close(done); srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { srv.Close(); <-done; u.journal.Close() })
	return u
}

func (u *evidenceUnit) pin(t *testing.T) checkpoint.Pin {
	t.Helper()
	p, err := checkpoint.PinOf(u.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// config is a console.json that knows the unit.
func (u *evidenceUnit) config(t *testing.T, pin string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"site": "Stadt Musterstadt", "rooms": map[string]string{"ratssaal": "Großer Ratssaal"}, "client_tls": u.site.Path("console"),
		"units": map[string]any{"ratssaal-1": map[string]string{"address": u.addr, "pin": pin}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "console.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// order orders an export and waits for its end.
func (c *console) order(t *testing.T, from, to string) (page, path string) {
	t.Helper()
	resp, err := c.web.PostForm(c.url("/export"), url.Values{"room": {"ratssaal/ratssaal-1"}, "from": {from}, "to": {to}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	path = resp.Request.URL.Path // the redirect was followed
	if resp.StatusCode != 200 || !strings.HasPrefix(path, "/export/") {
		t.Fatalf("order: %s at %s", resp.Status, path)
	}
	until(t, "the export is over", func() bool {
		_, page = c.get(path)
		return !strings.Contains(page, "data-poll")
	})
	return page, path
}

// TestExportFromTheUnit: what an officer downloads is what "subrosa export" writes from the same journal, with the bundle
// that proves it; a journal that does not continue what the console has seen is no ground for an export.
func TestExportFromTheUnit(t *testing.T) {
	u := newEvidenceUnit(t)
	c := startConsole(t, t.TempDir(), "--demo", "--mqtt-dev-listen", "127.0.0.1:0", "--config", u.config(t, u.pin(t).String()))
	c.web.Get(c.link)
	early, err := u.journal.Checkpoint(u.key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	unit := newUnit(t, c.mqtt, "ratssaal-1", "ratssaal")
	now := time.Now()
	unit.presence(now, true)
	unit.report(now, session.Report{State: session.Open})
	unit.send(now, topic.Checkpoint("ratssaal-1"), map[string]any{"checkpoint": string(early), "time": now})
	until(t, "the room is there", func() bool { _, page := c.get("/export"); return strings.Contains(page, "ratssaal/ratssaal-1") })

	page, path := c.order(t, "2026-11-01", "2026-11-30")
	if !strings.Contains(page, "Der Export ist fertig.") || !strings.Contains(page, "UNVERÄNDERT") {
		t.Fatalf("got %s", page)
	}
	status, body := c.get(path + "/export.zip")
	if status != 200 {
		t.Fatalf("download: %d", status)
	}
	u.compare(t, []byte(body))
	if _, trail := c.get("/trail"); !strings.Contains(trail, "Export erstellt") || !strings.Contains(trail, "2026-11-01 – 2026-11-30") {
		t.Error("the trail does not tell")
	}
	for _, form := range []url.Values{{"room": {"ratssaal/x"}, "from": {"2026-11-01"}, "to": {"2026-11-30"}}, {"room": {"ratssaal/ratssaal-1"}, "from": {"2026-12-01"}, "to": {"2026-11-30"}},
		{"room": {"ratssaal/ratssaal-1"}, "from": {"gestern"}, "to": {"2026-11-30"}}, {}} {
		if status, _ := c.post("/export", form); status != 422 {
			t.Errorf("%v: %d", form, status)
		}
	}
	if page, _ := c.order(t, "2020-01-01", "2020-01-02"); !strings.Contains(page, "Der Export ist fertig.") {
		t.Errorf("a time without entries: %s", page)
	}
}

// compare holds the ZIP against the export of the same journal.
func (u *evidenceUnit) compare(t *testing.T, b []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if got[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	pin := u.pin(t)
	proof := got["nachweis/ratssaal-1-2026-11-01-bis-2026-11-30.zip"]
	r := bundle.Verify(proof, bundle.Trust{Pin: &pin})
	if r.Verdict != bundle.Intact || !strings.Contains(string(got["nachweis/PRUEFUNG.txt"]), "bezeugt von Papier") {
		t.Errorf("bundle: %+v\n%s", r, got["nachweis/PRUEFUNG.txt"])
	}
	var entries []compliance.Numbered
	if err := u.journal.Read(1, func(seq uint64, e journal.Entry) error {
		entries = append(entries, compliance.Numbered{Seq: seq, Entry: e})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	zone := compliancetest.Zone(t)
	a, err := compliance.Assess(entries, compliance.Period{From: time.Date(2026, 11, 1, 0, 0, 0, 0, zone), To: time.Date(2026, 12, 1, 0, 0, 0, 0, zone)}, compliance.Default())
	if err != nil {
		t.Fatal(err)
	}
	files, err := export.Files(a, export.About{Room: "ratssaal", Name: "Großer Ratssaal", Organisation: "Stadt Musterstadt", Fingerprint: r.Key, Checkpoint: r.Short})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !bytes.Equal(got[f.Name], f.Data) {
			t.Errorf("%s differs: %d bytes, want %d", f.Name, len(got[f.Name]), len(f.Data))
		}
	}
	if len(got) != len(files)+2 {
		t.Errorf("%d files, want %d and two", len(got), len(files))
	}
}

// TestExportRefusesARewrittenJournal: the unit's own key has signed it, but the console remembers another past.
func TestExportRefusesARewrittenJournal(t *testing.T) {
	u := newEvidenceUnit(t)
	c := startConsole(t, t.TempDir(), "--demo", "--mqtt-dev-listen", "127.0.0.1:0", "--config", u.config(t, ""))
	c.web.Get(c.link)
	other, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, e := range compliancetest.Month(t)[:5] {
		if _, err := other.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	head, err := other.Checkpoint(u.key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	unit := newUnit(t, c.mqtt, "ratssaal-1", "ratssaal")
	now := time.Now()
	unit.presence(now, true)
	unit.report(now, session.Report{State: session.Open})
	until(t, "the room is there", func() bool { _, page := c.get("/export"); return strings.Contains(page, "ratssaal/ratssaal-1") })
	if page, _ := c.order(t, "2026-11-01", "2026-11-30"); !strings.Contains(page, "Der Export ist fertig.") || !strings.Contains(page, "NICHT BELEGT") {
		t.Errorf("without a pin: %s", page)
	}
	unit.send(now, topic.Checkpoint("ratssaal-1"), map[string]any{"checkpoint": string(head), "time": now})
	until(t, "no export any more", func() bool {
		page, path := c.order(t, "2026-11-01", "2026-11-30")
		status, _ := c.get(path + "/export.zip")
		return strings.Contains(page, "verändert oder unvollständig") && strings.Contains(page, "umgeschrieben") && status == 404
	})
}
