package main

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dav "github.com/emersion/go-webdav"

	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/keyring"
)

// TestExportUpload puts an export with its bundle on a WebDAV server; firmware/webdav is tested against Apache's.
func TestExportUpload(t *testing.T) {
	state, j := exportJournal(t)
	dir, cloud := t.TempDir(), t.TempDir()
	key, err := keyring.Open(state, "ratssaal-1", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	files := &dav.Handler{FileSystem: dav.LocalFileSystem(cloud)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "isb" || password != "geheim" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer srv.Close()
	secret, open := filepath.Join(dir, "password"), filepath.Join(dir, "open")
	for name, perm := range map[string]os.FileMode{secret: 0o600, open: 0o644} {
		if err := os.WriteFile(name, []byte("geheim\n"), perm); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"export", "--room", compliancetest.Room, "--from", "2026-11-01", "--to", "2026-11-30", "--state", state, "--out", filepath.Join(dir, "out"), "--bundle"}
	with := func(to []string, more ...string) []string { return slices.Concat(to, more) }
	up := with(args, "--upload", srv.URL+"/november", "--upload-user", "isb", "--upload-password")
	if got := command(with(up, secret)...); got.code == exitOK || !strings.Contains(got.stderr, "no checkpoint") {
		t.Fatalf("nothing was signed yet: exit %d, %s", got.code, got.stderr)
	}
	if _, err := j.Checkpoint(key.Signer); err != nil {
		t.Fatal(err)
	}
	got := command(with(up, secret)...)
	if got.code != exitOK || !strings.Contains(got.stderr, "sending bericht.pdf") {
		t.Fatalf("exit %d, %s", got.code, got.stderr)
	}
	proof := filepath.Join(cloud, "november", "nachweis", "ratssaal-1-2026-11-01-bis-2026-11-30.zip")
	must(t, "verify", proof, "--key", filepath.Join(state, keyring.PinFile))
	if got := command(with(up, secret)...); got.code != exitOK || strings.Contains(got.stderr, "sending") {
		t.Errorf("again: exit %d, %s", got.code, got.stderr)
	}
	if codes := scan(t, filepath.Join(dir, "out", "bericht.pdf")); len(codes) != 1 || !strings.HasPrefix(codes[0], "SUBROSA:1:ratssaal-1:") {
		t.Errorf("on the report: %q", codes)
	}
	sheet := filepath.Join(cloud, "november", "grundschutz-check.xlsx")
	if err := os.WriteFile(sheet, []byte("decided"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		code int
		args []string
		want string
	}{
		{exitFailed, with(up, secret), "grundschutz-check.xlsx"},
		{exitInput, with(up, open), "chmod 600"},
		{exitInput, with(up, filepath.Join(dir, "none")), "none"},
		{exitUsage, with(args, "--upload", "http://cloud.example/x"), "https"},
		{exitUsage, with(args, "--upload-user", "isb"), "--upload"},
		{exitUsage, with(args, "--upload", srv.URL+"/x", "--upload-user", "isb"), "--upload-password"},
		{exitFailed, with(args, "--upload", srv.URL+"/x"), "not accepted"},
	} {
		if got := command(tt.args...); got.code != tt.code || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%v: exit %d, want %d: %s", tt.args, got.code, tt.code, got.stderr)
		}
	}
}
