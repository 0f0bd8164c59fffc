package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
)

// unitState makes the state folder of a unit with entries, one an hour from noon of 2026-11-20 on, local time.
func unitState(t *testing.T, entries int) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := keyring.Open(dir, "ratssaal-1", rand.Reader); err != nil {
		t.Fatal(err)
	}
	addEntries(t, dir, entries)
	return dir
}

func addEntries(t *testing.T, state string, entries int) {
	t.Helper()
	j, err := journal.Open(filepath.Join(state, "journal"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for n := range entries {
		e := journal.Entry{Kind: "test.entry", Time: time.Date(2026, 11, 20, 12+n, 0, 0, 0, time.Local), Quality: "synced", Payload: json.RawMessage(fmt.Sprint(n))}
		if _, err := j.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// must runs a command that is to end well, and returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	got := command(args...)
	if got.code != exitOK {
		t.Fatalf("%v: exit %d, %s", args, got.code, got.stderr)
	}
	return got.out
}

func TestBundleAndVerify(t *testing.T) {
	state, dir := unitState(t, 48), t.TempDir()
	zip, pin := filepath.Join(dir, "b.zip"), filepath.Join(state, keyring.PinFile)
	must(t, "bundle", "--state", state, "--from", "2026-11-21", "--to", "2026-11-21", "--out", zip)
	var r evidence.Report
	if err := json.Unmarshal([]byte(must(t, "verify", zip, "--key", pin, "--json")), &r); err != nil || r.Entries != 24 || r.Word != "intact" {
		t.Errorf("got %+v, %v", r, err)
	}
	if out := must(t, "verify", zip, "--key", pin); !strings.HasPrefix(out, "UNVERÄNDERT\n") {
		t.Errorf("got %s", out)
	}
	digits := strings.Fields(strings.SplitN(must(t, "key", "pin", "--state", state), "\n", 2)[1])
	anchor := r.Short
	if out := must(t, "verify", zip, "--key", digits[1], "--checkpoint", anchor, "--checkpoint", filepath.Join(state, "journal", "checkpoint"), "--lang", "en"); !strings.Contains(out, "vouched for by paper") {
		t.Errorf("got %s", out)
	}
	if got := command("verify", zip); got.code != 3 {
		t.Errorf("without a pin: exit %d", got.code)
	}
	b, err := os.ReadFile(zip)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.zip")
	for want, change := range map[int]func([]byte) []byte{
		1: func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		2: func(b []byte) []byte { return b[:len(b)-30] },
	} {
		if err := os.WriteFile(bad, change([]byte(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := command("verify", bad, "--key", pin); got.code != want {
			t.Errorf("exit %d, want %d: %s%s", got.code, want, got.out, got.stderr)
		}
	}
	for _, tt := range []struct {
		code int
		args []string
	}{
		{exitUsage, []string{"verify"}},
		{exitUsage, []string{"verify", zip, "--lang", "fr"}},
		{exitUsage, []string{"verify", zip, "--key", "deadbeef"}},
		{exitInput, []string{"verify", zip, "--key", "nowhere.pin"}},
		{exitInput, []string{"verify", filepath.Join(dir, "none.zip"), "--key", pin}},
		{exitInput, []string{"verify", dir, "--key", pin}},
		{exitInput, []string{"verify", zip, "--key", "none.pin"}},
		{exitInput, []string{"verify", zip, "--key", zip}},
		{exitUsage, []string{"verify", zip, "--key", pin, "--checkpoint", "none"}},
		{exitInput, []string{"verify", zip, "--key", pin, "--witness", pin}},
		{exitUsage, []string{"bundle", "--state", state}},
		{exitUsage, []string{"bundle", "--state", state, "--out", bad, "--from", "gestern"}},
		{exitInput, []string{"bundle", "--state", dir, "--out", bad}},
		{exitFailed, []string{"bundle", "--state", state, "--out", bad, "--from", "2030-01-01"}},
		{exitInput, []string{"key", "show", "--state", dir}},
		{exitUsage, []string{"key", "backup", "--state", state}},
	} {
		if got := command(tt.args...); got.code != tt.code || tt.code != 3 && got.stderr == "" {
			t.Errorf("%v: exit %d, want %d; %s", tt.args, got.code, tt.code, got.stderr)
		}
	}
}

// TestKeyRotate: the pin from before and the one from after both verify, also bundles from before; a rotation that was
// cut off is ended by the next.
func TestKeyRotate(t *testing.T) {
	state, dir := unitState(t, 3), t.TempDir()
	pin := func(name string) string {
		name = filepath.Join(dir, name)
		must(t, "key", "pin", "--state", state, "--out", name)
		return name
	}
	before := pin("before.pin")
	early := filepath.Join(dir, "early.zip")
	must(t, "bundle", "--state", state, "--out", early)
	saved := filepath.Join(dir, "saved.key")
	must(t, "key", "backup", "--state", state, "--out", saved)
	if got := command("key", "backup", "--state", state, "--out", saved); got.code == exitOK {
		t.Error("a backup was overwritten")
	}
	must(t, "key", "rotate", "--state", state)
	after := pin("after.pin")
	if show := must(t, "key", "show", "--state", state); !strings.Contains(show, "ratssaal-1") {
		t.Errorf("got %s", show)
	}
	addEntries(t, state, 2)

	// Cut off after the entry: the key is the old one still, and the next try goes on without another entry.
	next, err := os.ReadFile(filepath.Join(state, keyring.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{keyring.KeyFile: old, keyring.KeyFile + ".new": next} {
		if err := os.WriteFile(filepath.Join(state, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "key", "rotate", "--state", state)
	if now, err := os.ReadFile(filepath.Join(state, keyring.KeyFile)); err != nil || string(now) != string(next) {
		t.Errorf("not adopted: %v", err)
	}

	late := filepath.Join(dir, "late.zip")
	must(t, "bundle", "--state", state, "--out", late)
	for _, p := range []string{before, after} {
		var r evidence.Report
		out := must(t, "verify", late, "--key", p, "--json")
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Entries != 6 || r.Rotations != 1 {
			t.Errorf("%s: %s, %v", p, out, err)
		}
	}
	must(t, "verify", early, "--key", before)
	if got := command("verify", early, "--key", after); got.code != 3 { // it cannot know of what came later
		t.Errorf("exit %d, want 3", got.code)
	}
}

// TestBundleOfARunningUnit: up to its last checkpoint, and never a change in its folder.
func TestBundleOfARunningUnit(t *testing.T) {
	state := unitState(t, 5)
	key, err := keyring.Load(state)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(state, "journal"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	zip, pin := filepath.Join(t.TempDir(), "b.zip"), filepath.Join(state, keyring.PinFile)
	args := []string{"bundle", "--state", state, "--out", zip}
	if got := command(args...); got.code != exitInput || !strings.Contains(got.stderr, "try again in a minute") {
		t.Errorf("nothing signed: exit %d, %s", got.code, got.stderr)
	}
	if _, err := j.Checkpoint(key.Signer); err != nil {
		t.Fatal(err)
	}
	later := journal.Entry{Kind: "test.later", Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local), Quality: "synced", Payload: json.RawMessage(`1`)}
	if _, err := j.Append(context.Background(), later); err != nil {
		t.Fatal(err)
	}
	before := tree(t, state)
	if got := command(args...); got.code != exitOK || !strings.Contains(got.stderr, "checkpoint of 5 entries") {
		t.Fatalf("exit %d, %s", got.code, got.stderr)
	}
	if tree(t, state) != before {
		t.Error("the folder has changed")
	}
	var r evidence.Report
	if err := json.Unmarshal([]byte(must(t, "verify", zip, "--key", pin, "--json")), &r); err != nil || r.Size != 5 || r.Entries != 5 {
		t.Errorf("got %+v, %v", r, err)
	}
	// A payload that is deleted now has its receipt behind the checkpoint.
	if _, err := j.Delete(context.Background(), "retention", later, func(seq uint64, _ journal.Entry) bool { return seq == 2 }); err != nil {
		t.Fatal(err)
	}
	if got := command(args...); got.code != exitFailed || !strings.Contains(got.stderr, "deleted just now") {
		t.Errorf("exit %d, %s", got.code, got.stderr)
	}
	if _, err := j.Checkpoint(key.Signer); err != nil {
		t.Fatal(err)
	}
	must(t, args...)
	must(t, "verify", zip, "--key", pin)
	if got := command("key", "rotate", "--state", state); got.code != exitFailed || !strings.Contains(got.stderr, "stop roomd") {
		t.Errorf("key rotate: exit %d, %s", got.code, got.stderr)
	}
}

// tree is all that lies in a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %q\n", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWitness: a journal that goes on is cosigned; one that was cut short, rewritten with the unit's own key, or is only
// claimed to go on, is not.
func TestWitness(t *testing.T) {
	unit, dir, memory := unitState(t, 3), t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, "witness", "--make", "isb-laptop", "--key", at("isb.key"), "--out", at("isb.pub"))
	pin := filepath.Join(unit, keyring.PinFile)
	witness := func(code int, file string, more ...string) string {
		t.Helper()
		got := command(append([]string{"witness", "--key", at("isb.key"), "--state", memory, "--out", dir, file}, more...)...)
		if got.code != code {
			t.Fatalf("%s: exit %d, want %d: %s", file, got.code, code, got.stderr)
		}
		return strings.TrimSpace(got.out)
	}
	must(t, "bundle", "--state", unit, "--out", at("1.zip"))
	witness(3, at("1.zip"))
	first := witness(0, at("1.zip"), "--pin", pin)
	witness(0, first) // the same again
	saved := filepath.Join(dir, "copy")
	if err := os.CopyFS(saved, os.DirFS(unit)); err != nil {
		t.Fatal(err)
	}
	addEntries(t, unit, 2)
	must(t, "bundle", "--state", unit, "--out", at("2.zip"))
	witness(3, filepath.Join(unit, "journal", "checkpoint"))
	second := witness(0, at("2.zip"))
	witness(1, at("1.zip"))
	witness(1, first)
	addEntries(t, saved, 5) // another future, with the same key
	must(t, "bundle", "--state", saved, "--out", at("fork.zip"))
	witness(1, at("fork.zip"))
	witness(2, at("isb.pub"))

	must(t, "bundle", "--state", unit, "--checkpoint", second, "--out", at("3.zip"))
	if out := must(t, "verify", at("3.zip"), "--key", pin, "--witness", at("isb.pub"), "--checkpoint", first); !strings.Contains(out, "bezeugt von isb-laptop") {
		t.Errorf("got %s", out)
	}
	if got := command("verify", at("fork.zip"), "--key", pin, "--checkpoint", second, "--witness", at("isb.pub")); got.code != 1 {
		t.Errorf("fork against the witness's checkpoint: exit %d", got.code)
	}
}
