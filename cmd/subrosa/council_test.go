package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/oscal"
)

// TestCouncil runs the council's evening as anybody would, and looks at what it leaves: a report that can be read, a
// workbook, valid OSCAL, and a bundle of which no altered copy is accepted.
func TestCouncil(t *testing.T) {
	bin, out := buildPrograms(t), filepath.Join(t.TempDir(), "out")
	cmd := exec.Command(filepath.Join(bin, "subrosa"), "demo", "--scenario", "council", "--headless", "--once", "--json", "--speed", "20",
		"--state", t.TempDir(), "--out", out)
	var said, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s\n%s", err, failed.String(), said.String())
	}
	events := strings.Count(said.String(), "\n")
	t.Logf("measured: %d events", events)
	file, pin := filepath.Join(out, "nachweis.zip"), filepath.Join(out, "nachweis.pin")
	var r evidence.Report
	if err := json.Unmarshal([]byte(must(t, "verify", file, "--key", pin, "--json")), &r); err != nil || r.Entries < 40 || r.Scenario != r.Entries {
		t.Errorf("%+v, %v", r, err)
	}
	alter(t, file, pin)
	for _, f := range []string{"assessment-results.json", "assessment-plan.json", "poam.json", "component-definition.json"} {
		if err := oscal.Validate(read(t, filepath.Join(out, "oscal", f))); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	book, err := excelize.OpenFile(filepath.Join(out, "grundschutz-check.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	text, err := exec.Command("pdftotext", "-layout", filepath.Join(out, "bericht.pdf"), "-").Output()
	if err != nil {
		t.Fatalf("pdftotext, of poppler-utils: %v", err)
	}
	for _, want := range []string{"Ratssaal", "1, davon 1 mit nichtöffentlichem Teil", "Ausnahmen der Leitung", "Zeiten ohne Einheit", "kein Nachweis eines wirklichen Betriebs"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

// alter tries copies of a bundle that somebody has changed: none may be accepted.
func alter(t *testing.T, name, pin string) {
	t.Helper()
	whole := read(t, name)
	bad := filepath.Join(t.TempDir(), "bad.zip")
	r := rand.New(rand.NewPCG(1, 2))
	reject := func(what string, b []byte) {
		t.Helper()
		write(t, bad, b)
		if got := command("verify", bad, "--key", pin); got.code == exitOK {
			t.Errorf("%s: accepted", what)
		}
	}
	for range 100 {
		b := bytes.Clone(whole)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		reject("a bit flipped", b)
	}
	for range 20 {
		reject("cut short", whole[:r.IntN(len(whole))])
	}
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(z.File, func(f *zip.File) bool { return strings.HasPrefix(f.Name, "proofs/") }) {
		t.Error("no entry can be shown alone: the session's summary is missing")
	}
	for drop := range z.File {
		reject("without "+z.File[drop].Name, repack(t, z, func(i int, b []byte) []byte {
			if i == drop {
				return nil
			}
			return b
		}))
	}
	reject("entries in another order", repack(t, z, func(i int, b []byte) []byte {
		if z.File[i].Name != "entries.jsonl" {
			return b
		}
		lines := bytes.SplitAfter(b, []byte("\n"))
		lines[3], lines[4] = lines[4], lines[3]
		return bytes.Join(lines, nil)
	}))
}

// repack writes the parts of a bundle again; nil leaves one out.
func repack(t *testing.T, z *zip.Reader, change func(i int, b []byte) []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		in.Close()
		if err != nil {
			t.Fatal(err)
		}
		if b = change(i, b); b == nil {
			continue
		}
		p, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: f.Method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// buildPrograms builds what the demo starts.
func buildPrograms(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir+string(os.PathSeparator), "subrosa/cmd/subrosa", "subrosa/cmd/roomd", "subrosa/cmd/sensed", "subrosa/cmd/console")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return dir
}
