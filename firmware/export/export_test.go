package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"subrosa/firmware/compliance"
	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/export"
	"subrosa/firmware/journal"
)

var about = export.About{Room: compliancetest.Room, Name: "Großer Ratssaal", Organisation: "Stadt Musterstadt"}

func numbered(entries []journal.Entry) (out []compliance.Numbered) {
	for i, e := range entries {
		out = append(out, compliance.Numbered{Seq: uint64(i + 1), Entry: e})
	}
	return out
}

func assess(t *testing.T, entries []journal.Entry) compliance.Assessment {
	t.Helper()
	zone := compliancetest.Zone(t)
	a, err := compliance.Assess(numbered(entries), compliance.Period{From: time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
		To: time.Date(2026, 12, 1, 0, 0, 0, 0, zone)}, compliance.Default())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// exported returns the files of a month by name, and leaves them in SUBROSA_EXPORT if that is set, to be looked at.
func exported(t *testing.T, entries []journal.Entry) map[string][]byte {
	t.Helper()
	files, err := export.Files(assess(t, entries), about)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		out[f.Name] = f.Data
		if dir := os.Getenv("SUBROSA_EXPORT"); dir != "" {
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func TestFilesAreTheSameTwice(t *testing.T) {
	a, b := exported(t, compliancetest.Month(t)), exported(t, compliancetest.Month(t))
	if len(a) < 10 {
		t.Fatalf("got %d files", len(a))
	}
	for name := range a {
		if len(a[name]) == 0 || !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s: %d and %d bytes, not the same", name, len(a[name]), len(b[name]))
		}
	}
}

func TestEmptyPeriod(t *testing.T) {
	files := exported(t, nil)
	if poam := string(files["oscal/poam.json"]); strings.Contains(poam, "nichts offen") || !strings.Contains(poam, "nichts gemessen") {
		t.Error("the POA&M of an empty period does not say that nothing was measured")
	}
	if sheet := string(files["grundschutz-check.csv"]); strings.Contains(sheet, "0 von 0") || !strings.Contains(sheet, "nicht gemessen, bei 0 nichtöffentlichen Teilen im Zeitraum") {
		t.Error("the check of an empty period counts nothing as in order")
	}
}

func TestCSV(t *testing.T) {
	b := exported(t, compliancetest.Month(t))["grundschutz-check.csv"]
	rest, ok := bytes.CutPrefix(b, []byte("\ufeff"))
	if !ok {
		t.Error("no byte order mark")
	}
	rows := readCSV(t, rest, ';')
	if rows[0][13] != "Status (Entscheidung)" || rows[0][8] != "Vorschlag" {
		t.Fatalf("head: got %q", rows[0])
	}
	seen := map[string]string{}
	for _, r := range rows[1:] {
		seen[r[5]] = r[8] + " | " + r[9]
		if r[13] != "" {
			t.Errorf("%s: the officer's decision is filled in: %q", r[5], r[13])
		}
	}
	for part, want := range map[string]string{
		"INF.10.A3.1":   "teilweise | 3 von 3 beendeten nichtöffentlichen Teilen geprüft, davon 2 in Ordnung",
		"INF.10.A1.1":   "nicht gemessen | organisatorisch, nicht gemessen",
		"ORP.1.A17.1":   "teilweise | 2 von 3 nichtöffentlichen Teilen geprüft, davon 1 in Ordnung",
		"HAUSREGEL.1.1": "teilweise | 2 von 3 nichtöffentlichen Teilen geprüft, davon 1 in Ordnung",
	} {
		if seen[part] != want {
			t.Errorf("%s: got %q, want %q", part, seen[part], want)
		}
	}
}

func readCSV(t *testing.T, b []byte, comma rune) [][]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = comma
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestFormulas: a name that a spreadsheet would calculate is text.
func TestFormulas(t *testing.T) {
	was := about
	defer func() { about = was }()
	about.Name = `=HYPERLINK("x")`
	files := exported(t, compliancetest.Month(t))
	rows := readCSV(t, bytes.TrimPrefix(files["grundschutz-check.csv"], []byte("\ufeff")), ';')
	if rows[1][0] != `'=HYPERLINK("x")` {
		t.Errorf("CSV: got %q", rows[1][0])
	}
	x, err := excelize.OpenReader(bytes.NewReader(files["grundschutz-check.xlsx"]))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := x.GetCellFormula("Grundschutz-Check", "A2"); f != "" || err != nil {
		t.Errorf("XLSX: A2 is the formula %q (%v)", f, err)
	}
}

func TestWorkbook(t *testing.T) {
	files := exported(t, compliancetest.Month(t))
	x, err := excelize.OpenReader(bytes.NewReader(files["grundschutz-check.xlsx"]))
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.GetRows("Grundschutz-Check")
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, readCSV(t, bytes.TrimPrefix(files["grundschutz-check.csv"], []byte("\ufeff")), ';'))
	dv, err := x.GetDataValidations("Grundschutz-Check")
	if err != nil || len(dv) != 1 || !strings.HasPrefix(dv[0].Sqref, "N2:N") || !strings.Contains(dv[0].Formula1, "entbehrlich") {
		t.Errorf("drop-downs: got %+v, %v", dv, err)
	}
}

// same compares rows, whatever empty cells they end with.
func same(t *testing.T, got, want [][]string) {
	t.Helper()
	trim := func(rows [][]string) (out [][]string) {
		for _, r := range rows {
			for len(r) > 0 && r[len(r)-1] == "" {
				r = r[:len(r)-1]
			}
			out = append(out, r)
		}
		return out
	}
	got, want = trim(got), trim(want)
	if len(got) != len(want) {
		t.Fatalf("got %d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("row %d:\ngot  %q\nwant %q", i+1, got[i], want[i])
		}
	}
}

// TestLibreOffice: the program that the offices have opens the workbook and finds in it what the CSV says.
func TestLibreOffice(t *testing.T) {
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("no LibreOffice here (libreoffice-calc)")
	}
	files := exported(t, compliancetest.Month(t))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "check.xlsx"), files["grundschutz-check.xlsx"], 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, office, "--headless", "-env:UserInstallation=file://"+filepath.Join(dir, "profile"),
		"--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir", dir, filepath.Join(dir, "check.xlsx"))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "check.csv"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, readCSV(t, b, ','), readCSV(t, bytes.TrimPrefix(files["grundschutz-check.csv"], []byte("\ufeff")), ';'))
}

func TestVeo(t *testing.T) {
	var p struct {
		Format string
		Set    []struct {
			Control string `json:"control_abbreviation"`
			Status  string
		} `json:"requirement_implementations"`
	}
	if err := json.Unmarshal(exported(t, compliancetest.Month(t))["verinice-veo.json"], &p); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range p.Set {
		got[s.Control] = s.Status
	}
	if p.Format != "subrosa-veo-patch/1" || got["INF.10.A3"] != "PARTIAL" || got["ORP.1.A17"] != "PARTIAL" {
		t.Errorf("got %s %v", p.Format, got)
	}
	for _, left := range []string{"INF.10.A1", "HAUSREGEL.1"} {
		if s, there := got[left]; there {
			t.Errorf("%s is set to %s", left, s)
		}
	}
}

// TestReport: the PDF says what it must, on pages that a program can read.
func TestReport(t *testing.T) {
	pdftotext, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("no pdftotext here (poppler-utils)")
	}
	read := func(entries []journal.Entry) string {
		path := filepath.Join(t.TempDir(), "bericht.pdf")
		if err := os.WriteFile(path, exported(t, entries)["bericht.pdf"], 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(pdftotext, "-layout", path, "-").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	month := compliancetest.Month(t)
	text := read(month)
	for _, want := range []string{"Stadt Musterstadt · Großer Ratssaal", "01.11.2026 bis 30.11.2026", "Über den Status entscheidet", "Nicht messbar sind",
		"INF.10.A3", "Hausregel (keine Anforderung des BSI)", "61 %", "abgebrochen", "fenster-nord", "ohne Antwort", "CC BY-SA 4.0", "Prüfsumme (Checkpoint):",
		"Unterschrift: Sitzungsleitung", "Unterschrift: Informationssicherheitsbeauftragte/r", "Seite 1 von"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for _, never := range []string{"INF.10.A2 ", "{pages}", "Täter", "VS-NfD", "map["} {
		if strings.Contains(text, never) {
			t.Errorf("the report says %q", never)
		}
	}
	before := month[0]
	before.Time = before.Time.AddDate(-1, 0, 0)
	for want, entries := range map[string][]journal.Entry{"Das Protokoll der Einheit ist leer": nil, "gelesen bis Nr. 1 vom": {before}} {
		switch text := read(entries); {
		case !strings.Contains(text, want), !strings.Contains(text, "belegt deshalb nichts"), !strings.Contains(text, "Nichts aufgezeichnet"):
			t.Errorf("without an entry in the period the report does not say so: want %q in %q", want, text)
		case strings.Contains(text, "Keine Meldung"), strings.Contains(text, "Grundlage sind Einträge"):
			t.Errorf("without an entry in the period the report says %q", text)
		}
	}
}

// TestWorkbookHoldsNoClock: nothing in the archive tells when it was made.
func TestWorkbookHoldsNoClock(t *testing.T) {
	b := exported(t, compliancetest.Month(t))["grundschutz-check.xlsx"]
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	times := map[time.Time]bool{}
	for _, f := range z.File {
		times[f.Modified] = true
	}
	if len(times) != 1 || !reflect.DeepEqual(times, map[time.Time]bool{z.File[0].Modified: true}) || z.File[0].Modified.Year() > 2000 {
		t.Errorf("times of the files: %v", times)
	}
}
