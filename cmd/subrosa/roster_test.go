package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/roster"
)

const users = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":2,"Resources":[
	{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"4711","userName":"erika@stadt.example","displayName":"Erika Mustermann",
	 "roles":[{"value":"Ratsmitglied"}],"urn:subrosa:scim:attendance:1":{"devices":["UDID-1"]}},
	{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"4712","active":false,"roles":[{"value":"Ratsmitglied"}]}]}`

// TestRosterSCIM: what comes out is what rooms take, holds no name, and the key is kept and gives the same pseudonyms again.
func TestRosterSCIM(t *testing.T) {
	dir := t.TempDir()
	in, key := filepath.Join(dir, "users.json"), filepath.Join(dir, "roster.key")
	if err := os.WriteFile(in, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"roster", "scim", "--key", key, "--role", "Ratsmitglied=councillor", in}, &out, &errs); code != 0 {
			t.Fatalf("%d %s", code, errs.String())
		}
		members, err := roster.ReadCSV(bytes.NewReader(out.Bytes()), time.UTC)
		if err != nil || len(members) != 1 || members[0].Role != roster.Councillor || len(members[0].Devices) != 1 {
			t.Fatalf("%v %v of %s", members, err, out.String())
		}
		if strings.Contains(out.String()+errs.String(), "rika") || strings.Contains(out.String(), "UDID") || !strings.Contains(errs.String(), "1 not active") {
			t.Errorf("%s%s", out.String(), errs.String())
		}
		if first == "" {
			first = out.String()
		}
		if out.String() != first {
			t.Errorf("got %s, before %s", out.String(), first)
		}
	}
	if fi, err := os.Stat(key); err != nil || fi.Mode().Perm() != 0o600 || fi.Size() != roster.KeyBytes {
		t.Errorf("key %v, %v", fi, err)
	}
	var id, errs bytes.Buffer
	if code := run(t.Context(), []string{"roster", "id", "--key", key, "--device", "UDID-1"}, &id, &errs); code != 0 || !strings.Contains(first, strings.TrimSpace(id.String())) {
		t.Errorf("%d: device %s is not in %s", code, id.String(), first)
	}
	for want, args := range map[int][]string{64: {"roster", "scim", "--key", key}, 2: {"roster", "scim", in}} {
		if code := run(t.Context(), args, &id, &errs); code != want {
			t.Errorf("%v: got %d, want %d", args, code, want)
		}
	}
}
