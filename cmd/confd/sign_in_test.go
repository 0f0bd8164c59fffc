package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"testing"
)

// TestSignIn signs everybody of a configuration's roster in by single-use links, for browser tests on the built program
// (browser/installed.mjs), which is started on the same state afterwards.
func TestSignIn(t *testing.T) {
	path, dir := os.Getenv("SUBROSA_CONFD_SIGN_IN"), os.Getenv("SUBROSA_CONFD_STATE")
	if path == "" {
		t.Skip("signs in for browser/installed.mjs: SUBROSA_CONFD_SIGN_IN=CONFIG SUBROSA_CONFD_STATE=FOLDER")
	}
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := assemble(c, options{config: path, state: dir, invite: "no media"}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	x := &testServer{server: s, url: c.Access.URL}
	for _, m := range s.rooms[c.Rooms[0].ID].roster.Members() {
		cookie, err := x.signIn(m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"member": m.ID, "name": cookie.Name, "value": cookie.Value}); err != nil {
			t.Fatal(err)
		}
	}
}
