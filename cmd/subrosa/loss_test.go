package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/keyring"
)

// verified verifies a bundle and returns what it says, whatever the verdict.
func verified(t *testing.T, args ...string) (code int, r evidence.Report) {
	t.Helper()
	got := command(append([]string{"verify", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %v, %s", args, err, got.stderr)
	}
	return got.code, r
}

// TestKeyLoss follows docs/keys.md: restored from the safe, the pin is the same; without a backup the unit makes a new key,
// old pins no longer do, and what a witness saw still proves the past.
func TestKeyLoss(t *testing.T) {
	state, dir := unitState(t, 4), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	copyTo := func(from, to string, perm os.FileMode) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, b, perm)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	key := filepath.Join(state, keyring.KeyFile)
	copyTo(filepath.Join(state, keyring.PinFile), at("old.pin"), 0o644)
	must(t, "key", "backup", "--state", state, "--out", at("safe.key"))
	must(t, "bundle", "--state", state, "--out", at("1.zip"))
	must(t, "witness", "--make", "isb", "--key", at("isb.key"), "--out", at("isb.pub"))
	must(t, "witness", "--key", at("isb.key"), "--pin", at("old.pin"), "--state", t.TempDir(), "--out", dir, at("1.zip"))
	seen, err := filepath.Glob(at("*.checkpoint"))
	if err != nil || len(seen) != 1 {
		t.Fatal(seen, err)
	}

	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if got := command("bundle", "--state", state, "--out", at("none.zip")); got.code != exitInput {
		t.Errorf("without a key: exit %d", got.code)
	}
	copyTo(at("safe.key"), key, 0o600)
	must(t, "bundle", "--state", state, "--out", at("2.zip"))
	must(t, "verify", at("2.zip"), "--key", at("old.pin"))

	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Open(state, "ratssaal-1", rand.Reader); err != nil { // as roomd does when it starts
		t.Fatal(err)
	}
	addEntries(t, state, 2)
	must(t, "bundle", "--state", state, "--out", at("3.zip"))
	if code, r := verified(t, at("3.zip"), "--key", at("old.pin")); code != int(evidence.Unproven) {
		t.Errorf("old pin, new key: %d, %+v", code, r.Faults)
	}
	code, r := verified(t, at("3.zip"), "--key", filepath.Join(state, keyring.PinFile), "--checkpoint", seen[0], "--witness", at("isb.pub"))
	if code != exitOK || len(r.Anchors) != 1 || r.Anchors[0].Size != 4 {
		t.Errorf("new pin and what the witness saw: %d, %+v, %+v", code, r.Anchors, r.Faults)
	}
}
