package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/firmware/keyring"
	"subrosa/firmware/stamp/stamptest"
)

// TestStamp has OpenSSL's authority stamp a journal, by network and by courier, and checks later bundles against it.
func TestStamp(t *testing.T) {
	tsa := stamptest.New(t, stamptest.Options{})
	server := httptest.NewServer(tsa.Handler(t))
	defer server.Close()
	state, dir := unitState(t, 5), t.TempDir()
	pin, ca, out := filepath.Join(state, keyring.PinFile), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "stamps")
	write(t, ca, tsa.CA)
	early, late := filepath.Join(dir, "early.zip"), filepath.Join(dir, "late.zip")
	must(t, "bundle", "--state", state, "--out", early)
	if said := must(t, "stamp", "--tsa", server.URL, "--ca", ca, "--out", out, early); !strings.Contains(said, "CN=Test TSA") {
		t.Errorf("said %q", said)
	}
	tsr := filepath.Join(out, "ratssaal-1-5.tsr")
	addEntries(t, state, 4)
	must(t, "bundle", "--state", state, "--out", late)
	for _, zip := range []string{early, late} {
		if said := must(t, "verify", zip, "--key", pin, "--stamp", tsr, "--tsa-ca", ca); !strings.Contains(said, "Anker: Checkpoint 5, bezeugt von CN=Test TSA, ") ||
			!strings.Contains(said, "unverändert seit Checkpoint 5") {
			t.Errorf("said %s", said)
		}
	}
	alone := filepath.Join(dir, "alone.tsr") // without its checkpoint beside it
	copyFile(t, tsr, alone)
	if said := must(t, "verify", late, "--key", pin, "--stamp", alone, "--tsa-ca", ca, "--lang", "en"); !strings.Contains(said, "checkpoint 5, vouched for by CN=Test TSA") {
		t.Errorf("said %s", said)
	}

	// By courier: a request first, then what came back.
	carried := filepath.Join(dir, "carried")
	request := strings.TrimSpace(must(t, "stamp", "--out", carried, late))
	write(t, strings.TrimSuffix(request, "q")+"r", tsa.Answer(t, read(t, request)))
	must(t, "stamp", "--out", carried, "--ca", ca, late)

	// Somebody with the key writes another past.
	forged := unitState(t, 7)
	copyFile(t, filepath.Join(state, keyring.KeyFile), filepath.Join(forged, keyring.KeyFile))
	other := filepath.Join(dir, "forged.zip")
	must(t, "bundle", "--state", forged, "--out", other)
	for code, name := range map[int]string{exitFailed: tsr, 3: alone} {
		if got := command("verify", other, "--key", pin, "--stamp", name, "--tsa-ca", ca); got.code != code {
			t.Errorf("%s: exit %d, want %d: %s", name, got.code, code, got.out)
		}
	}
	// A journal that ends before what was stamped.
	short := unitState(t, 2)
	copyFile(t, filepath.Join(state, keyring.KeyFile), filepath.Join(short, keyring.KeyFile))
	must(t, "bundle", "--state", short, "--out", other)
	if got := command("verify", other, "--key", pin, "--stamp", tsr, "--tsa-ca", ca); got.code != exitInput {
		t.Errorf("cut short: exit %d: %s", got.code, got.out)
	}
}

func TestStampRefusals(t *testing.T) {
	tsa, stranger := stamptest.New(t, stamptest.Options{}), stamptest.New(t, stamptest.Options{})
	answering := func(f http.HandlerFunc) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	state, dir := unitState(t, 2), t.TempDir()
	ca, head := filepath.Join(dir, "ca.pem"), filepath.Join(state, "journal", "checkpoint")
	write(t, ca, tsa.CA)
	must(t, "bundle", "--state", state, "--out", filepath.Join(dir, "b.zip"))
	var first []byte
	for _, tt := range []struct {
		name string
		code int
		says string
		tsa  string
	}{
		{"an authority of others", 3, "not under the given certificates", answering(stranger.Handler(t).ServeHTTP)},
		{"a web page", exitInput, "want 200 and application/timestamp-reply", answering(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) })},
		{"an error", exitInput, "503", answering(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) })},
		{"a rejection", exitInput, "has refused", answering(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			w.Write([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
		})},
		{"the same answer for all", exitInput, "another request", answering(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			if first == nil {
				must(t, "stamp", "--out", filepath.Join(dir, "replay"), head)
				first = tsa.Answer(t, read(t, filepath.Join(dir, "replay", "ratssaal-1-2.tsq")))
			}
			w.Write(first)
		})},
		{"nobody", exitInput, "refused", "http://127.0.0.1:1/"},
	} {
		out := filepath.Join(dir, tt.name)
		if got := command("stamp", "--tsa", tt.tsa, "--ca", ca, "--out", out, head); got.code != tt.code || !strings.Contains(got.stderr, tt.says) {
			t.Errorf("%s: exit %d, want %d; %s", tt.name, got.code, tt.code, got.stderr)
		}
	}
	for _, args := range [][]string{{"stamp"}, {"stamp", "--out", dir}, {"stamp", "--out", dir, "--tsa", "gopher://x", head}} {
		if got := command(args...); got.code != exitUsage {
			t.Errorf("%v: exit %d", args, got.code)
		}
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	write(t, to, read(t, from))
}

// TestWitnessExitCodes: what cannot be read or written is no fork.
func TestWitnessExitCodes(t *testing.T) {
	state, dir := unitState(t, 3), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	bundle, pin, key := at("b.zip"), filepath.Join(state, keyring.PinFile), at("isb.key")
	must(t, "bundle", "--state", state, "--out", bundle)
	must(t, "witness", "--make", "isb", "--key", key, "--out", at("isb.pub"))
	write(t, at("file"), []byte("x"))
	for name, tt := range map[string]struct {
		code int
		args []string
	}{
		"a key that is there":    {exitInput, []string{"--make", "isb", "--key", key, "--out", at("again.pub")}},
		"no pin file":            {exitInput, []string{"--key", key, "--pin", at("none.pin"), "--state", at("s1"), "--out", at("o1"), bundle}},
		"state is a file":        {exitInput, []string{"--key", key, "--pin", pin, "--state", at("file"), "--out", at("o2"), bundle}},
		"out is a file":          {exitInput, []string{"--key", key, "--pin", pin, "--state", at("s3"), "--out", at("file"), bundle}},
		"another unit's pin":     {3, []string{"--key", key, "--pin", otherPin(t), "--state", at("s4"), "--out", at("o4"), bundle}},
		"a new folder for --out": {exitOK, []string{"--key", key, "--pin", pin, "--state", at("s5"), "--out", at("new/folder"), bundle}},
	} {
		if got := command(append([]string{"witness"}, tt.args...)...); got.code != tt.code {
			t.Errorf("%s: exit %d, want %d: %s", name, got.code, tt.code, got.stderr)
		}
	}
}

// TestSilentWitness: whoever brings a witness wants its word, not silence.
func TestSilentWitness(t *testing.T) {
	state, dir := unitState(t, 3), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	bundle, pin, key := at("b.zip"), filepath.Join(state, keyring.PinFile), at("isb.key")
	must(t, "bundle", "--state", state, "--out", bundle)
	must(t, "witness", "--make", "isb", "--key", key, "--out", at("isb.pub"))
	if got := command("verify", bundle, "--key", pin, "--witness", at("isb.pub")); got.code != 3 || !strings.Contains(got.out, "keine Mitzeichnung dieses Zeugen") {
		t.Errorf("a silent witness: exit %d, %s", got.code, got.out)
	}
	cosigned := strings.TrimSpace(must(t, "witness", "--key", key, "--pin", pin, "--state", at("seen"), "--out", at("out"), bundle))
	must(t, "verify", bundle, "--key", pin, "--witness", at("isb.pub"), "--checkpoint", cosigned)
	// Two witnesses on one checkpoint: each is heard.
	must(t, "witness", "--make", "kammer", "--key", at("kammer.key"), "--out", at("kammer.pub"))
	both := strings.TrimSpace(must(t, "witness", "--key", at("kammer.key"), "--pin", pin, "--state", at("seen"), "--out", at("both"), cosigned))
	must(t, "verify", bundle, "--key", pin, "--witness", at("isb.pub"), "--witness", at("kammer.pub"), "--checkpoint", both)
}

func otherPin(t *testing.T) string {
	t.Helper()
	return filepath.Join(unitState(t, 1), keyring.PinFile)
}
