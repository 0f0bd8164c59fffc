package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"subrosa/firmware/compliance/compliancetest"
)

// TestPushVeo exports and pushes to a server that knows one requirement; firmware/veo tests what the API does.
func TestPushVeo(t *testing.T) {
	state, dir := exportState(t), t.TempDir()
	must(t, "export", "--room", compliancetest.Room, "--from", "2026-11-01", "--to", "2026-11-30", "--state", state, "--out", dir)
	const asset, control = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	ri, puts := `{"status":"UNKNOWN","origination":"SYSTEM_SPECIFIC"}`, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query().Get("abbreviation")
		switch {
		case r.Method == http.MethodPut:
			puts++
			b, _ := io.ReadAll(r.Body)
			ri = string(b)
			w.WriteHeader(http.StatusNoContent)
		case strings.Contains(r.URL.Path, "/requirement-implementations/"):
			w.Header().Set("ETag", `"1"`)
			fmt.Fprint(w, ri)
		case q == "ratssaal":
			fmt.Fprintf(w, `{"items":[{"id":%q,"abbreviation":"ratssaal","name":"Ratssaal"}],"pageCount":1}`, asset)
		case q == "INF.10.A3":
			fmt.Fprintf(w, `{"items":[{"id":%q,"abbreviation":"INF.10.A3"}],"pageCount":1}`, control)
		default:
			fmt.Fprint(w, `{"items":[],"pageCount":1}`)
		}
	}))
	defer srv.Close()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"push-veo", filepath.Join(dir, "verinice-veo.json"), "--url", srv.URL, "--token", token}
	with := func(more ...string) []string { return slices.Concat(args, more) }
	if out := must(t, args...); !strings.Contains(out, "1 würden geschrieben") || !strings.Contains(out, "Anforderung nicht in veo") || puts != 0 {
		t.Errorf("%d written: %s", puts, out)
	}
	if out := must(t, with("--write")...); !strings.Contains(out, "1 geschrieben") || puts != 1 || !strings.Contains(ri, "Vorschlag") {
		t.Errorf("%d written: %s\n%s", puts, out, ri)
	}
	if out := must(t, with("--write", "--json")...); !strings.Contains(out, `{"requirement":"INF.10.A3","act":"same","before":`) || puts != 1 {
		t.Errorf("%d written: %s", puts, out)
	}
	for _, tt := range []struct {
		code int
		args []string
	}{
		{exitFailed, with("--target", "x")}, {exitUsage, with("--type", "persons")}, {exitUsage, args[:2]}, {exitUsage, args[:4]},
		{exitInput, []string{"push-veo", token, "--url", srv.URL, "--token", token}},
		{exitInput, []string{"push-veo", "none", "--url", srv.URL, "--token", token}},
	} {
		if got := command(tt.args...); got.code != tt.code || got.stderr == "" {
			t.Errorf("%v: exit %d, want %d: %s", tt.args, got.code, tt.code, got.stderr)
		}
	}
}
