package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"subrosa/firmware/keyring"
)

// scan prints a PDF in the resolution of an office printer's copy and reads the QR codes on it with another program.
func scan(t *testing.T, pdf string) (out []string) {
	t.Helper()
	for _, p := range []string{"pdftoppm", "zbarimg"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("no %s", p)
		}
	}
	base := filepath.Join(t.TempDir(), "page")
	if b, err := exec.Command("pdftoppm", "-r", "100", "-gray", "-png", pdf, base).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	pages, err := filepath.Glob(base + "*.png")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	b, err := exec.Command("zbarimg", append([]string{"-q", "--raw"}, pages...)...).Output()
	var code *exec.ExitError
	if err != nil && !(errors.As(err, &code) && code.ExitCode() == 4) { // 4: some page has none
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// TestPaperSession: what the sheet's code says is an anchor for verify, scanned or typed with a slip.
func TestPaperSession(t *testing.T) {
	state, dir := unitState(t, 5), t.TempDir()
	sheet, zip := filepath.Join(dir, "blatt.pdf"), filepath.Join(dir, "b.zip")
	args := []string{"paper", "session", "--state", state, "--room", "ratssaal", "--name", "Großer Ratssaal", "--out", sheet}
	if got := command(args...); got.code != exitInput || !strings.Contains(got.stderr, "signs within a minute") {
		t.Errorf("nothing signed: exit %d, %s", got.code, got.stderr)
	}
	must(t, "bundle", "--state", state, "--out", zip) // signs
	must(t, args...)
	codes := scan(t, sheet)
	if len(codes) != 1 {
		t.Fatalf("scanned %q", codes)
	}
	addEntries(t, state, 3)
	must(t, "bundle", "--state", state, "--out", zip)
	pin := filepath.Join(state, keyring.PinFile)
	if out := must(t, "verify", zip, "--key", pin, "--checkpoint", codes[0]); !strings.Contains(out, "unverändert seit Checkpoint 5") {
		t.Errorf("got %s", out)
	}
	must(t, "verify", zip, "--key", pin, "--checkpoint", strings.ToLower(codes[0]))
	slip := []byte(codes[0])
	i := strings.LastIndexByte(codes[0], ':') + 5
	slip[i] = map[bool]byte{true: 'A', false: 'B'}[slip[i] != 'A']
	if got := command("verify", zip, "--key", pin, "--checkpoint", string(slip)); got.code != exitInput || !strings.Contains(got.stderr, "slip in typing") {
		t.Errorf("a slip: exit %d, %s%s", got.code, got.stderr, got.out)
	}
	if got := command("paper", "session", "--state", dir, "--room", "x", "--out", sheet); got.code != exitInput {
		t.Errorf("no key: exit %d", got.code)
	}
}

func TestPaperZones(t *testing.T) {
	dir := t.TempDir()
	config, out := filepath.Join(dir, "unit.json"), filepath.Join(dir, "karten.pdf")
	write := func(v any) {
		t.Helper()
		b, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(config, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var zones []map[string]string
	var want []string
	for _, id := range []string{"links", "rechts", "empore", "presse", "bank", "hinten", "vorraum"} { // more than a page
		zones = append(zones, map[string]string{"id": id, "name": "Bereich " + id})
		want = append(want, "https://ratssaal.raum.example:8443/leitung/platz/"+id)
	}
	write(map[string]any{"room": "ratssaal", "broker": "x", "handover": map[string]any{"zones": zones}})
	args := []string{"paper", "zones", "--config", config, "--url", "https://ratssaal.raum.example:8443", "--out", out}
	must(t, args...)
	got := scan(t, out)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("scanned %q, want %q", got, want)
	}
	write(map[string]any{"room": "ratssaal"})
	if got := command(args...); got.code != exitInput || !strings.Contains(got.stderr, "no zones") {
		t.Errorf("no zones: exit %d, %s", got.code, got.stderr)
	}
	for _, bad := range []string{"", "ratssaal", "ftp://x", "https://x/leitung"} {
		if got := command("paper", "zones", "--config", config, "--url", bad, "--out", out); got.code != exitUsage {
			t.Errorf("%q: exit %d", bad, got.code)
		}
	}
}
