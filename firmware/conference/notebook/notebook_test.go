package notebook

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/journal"
)

// TestThroughTheSocket: an entry is in the unit's journal when Append returns, and other kinds and rooms are not written.
func TestThroughTheSocket(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Now: time.Now, Quality: "unsynced", Room: "ratssaal"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: Handler(j, "ratssaal"), ReadHeaderTimeout: time.Second}
	go srv.Serve(l)
	defer srv.Close()
	r := Dial(path)
	e := journal.Entry{Kind: "conference.alarm", Time: time.Now(), Quality: "unsynced", Room: "ratssaal", Requires: []string{"vk-e2ee"}, Payload: []byte(`{"why":"plain"}`)}
	before := heads(t, dir)
	if _, err := r.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if n := heads(t, dir); n != before+1 {
		t.Errorf("%d entries, had %d", n, before)
	}
	for name, change := range map[string]func(*journal.Entry){
		"another kind": func(e *journal.Entry) { e.Kind = "alarm.raised" }, "another room": func(e *journal.Entry) { e.Room = "keller" },
		"a long payload": func(e *journal.Entry) { e.Payload = []byte(`"` + strings.Repeat("x", maxEntry) + `"`) },
	} {
		bad := e
		change(&bad)
		if _, err := r.Append(t.Context(), bad); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if n := heads(t, dir); n != before+1 {
		t.Errorf("%d entries after refusals", n)
	}
	srv.Close()
	if _, err := r.Append(t.Context(), e); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("without a unit: %v", err)
	}
}

func heads(t *testing.T, dir string) int {
	t.Helper()
	r, err := journal.Verify(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	return int(r.Entries)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"kind":"conference.alarm","time":"2026-11-28T20:00:00Z","quality":"unsynced","room":"ratssaal","payload":{"why":"plain"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := Decode(b); err == nil && !strings.HasPrefix(e.Kind, prefix) {
			t.Fatalf("%q", e.Kind)
		}
	})
}
