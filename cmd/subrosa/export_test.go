package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/docs/vorlagen"
	"subrosa/firmware/compliance/compliancetest"
	"subrosa/firmware/journal"
)

// exportState is a unit's state after a month, its journal still open for writing.
func exportState(t *testing.T) string {
	dir, _ := exportJournal(t)
	return dir
}

func exportJournal(t *testing.T) (dir string, j *journal.Journal) {
	t.Helper()
	dir = t.TempDir()
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{SegmentBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	for _, e := range compliancetest.Month(t) {
		if _, err := j.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	return dir, j
}

func TestExport(t *testing.T) {
	state, out := exportState(t), filepath.Join(t.TempDir(), "november")
	args := []string{"export", "--room", compliancetest.Room, "--name", "Großer Ratssaal", "--from", "2026-11-01", "--to", "2026-11-30", "--state", state, "--out", out}
	got := command(append(args, "--json")...)
	if got.code != exitOK {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	var told struct {
		Sessions, Alarms, Entries int
		Requirements              map[string]int
		Files                     []exported
	}
	if err := json.Unmarshal([]byte(got.out), &told); err != nil {
		t.Fatal(err)
	}
	if told.Sessions != 3 || told.Alarms != 3 || told.Entries != len(compliancetest.Month(t)) || told.Requirements["ja"] != 0 || told.Requirements["teilweise"] == 0 {
		t.Errorf("told %+v", told)
	}
	for _, f := range told.Files {
		if i, err := os.Stat(filepath.Join(out, filepath.FromSlash(f.File))); err != nil || int(i.Size()) != f.Bytes {
			t.Errorf("%s: %v, want %d bytes", f.File, err, f.Bytes)
		}
	}
	if again := command(args...); again.code != exitOK || !strings.Contains(again.out, "3 nichtöffentliche Teile") {
		t.Errorf("the same again: exit %d, %s%s", again.code, again.out, again.stderr)
	}

	empty := strings.Fields("export --room " + compliancetest.Room + " --from 2027-03-01 --to 2027-03-31 --state " + state + " --out " + filepath.Join(t.TempDir(), "leer"))
	if got := command(empty...); got.code != exitOK || !strings.Contains(got.out, "Von 2027-03-01 bis 2027-03-31 steht nichts im Protokoll (es reicht von 2026-11-") || strings.Contains(got.out, "0 Einträge") {
		t.Errorf("a period without an entry: exit %d, %s%s", got.code, got.out, got.stderr)
	}

	sheet := filepath.Join(out, "grundschutz-check.csv")
	filled := []byte("what the officer has entered")
	if err := os.WriteFile(sheet, filled, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := command(args...); got.code != exitFailed || !strings.Contains(got.stderr, "grundschutz-check.csv") {
		t.Errorf("over a changed file: exit %d, %s", got.code, got.stderr)
	}
	if b, _ := os.ReadFile(sheet); !bytes.Equal(b, filled) {
		t.Error("the officer's file is gone")
	}
	if got := command(append(args, "--replace")...); got.code != exitOK {
		t.Errorf("--replace: exit %d, %s", got.code, got.stderr)
	}
}

func TestExportRefuses(t *testing.T) {
	state, out := exportState(t), t.TempDir()
	broken := exportState(t)
	segments, err := filepath.Glob(filepath.Join(broken, "journal", "*.jsonl"))
	if err != nil || len(segments) < 2 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	days := " --from 2026-11-01 --to 2026-11-30 --out " + out
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"export", exitUsage, "--room"},
		{"export templats", exitUsage, `did you mean "templates"`},
		{"export --room ratssaal --from 2026-11-01 --to 2026-11-30", exitUsage, "--out"},
		{"export --room ratssaal --from 1.11.2026 --to 2026-11-30 --out " + out, exitUsage, "--from"},
		{"export --room ratssaal --from 2026-11-30 --to 2026-11-01 --out " + out, exitUsage, "before"},
		{"export --room ratssaal --zone Mars/Phobos" + days, exitUsage, "--zone"},
		{"export --room ratssaal --state /nonexistent" + days, exitInput, "journal"},
		{"export --room ausschuss --state " + state + days, exitInput, "is of room ratssaal"},
		{"export --room ratssaal --state " + broken + days, exitFailed, "chain is broken"},
		{"export templates", exitUsage, "--out"},
	} {
		got := command(strings.Fields(tt.args)...)
		if got.code != tt.code || !strings.Contains(got.stderr, tt.says) {
			t.Errorf("subrosa %s: exit %d, want %d; stderr %q, want %q", tt.args, got.code, tt.code, got.stderr, tt.says)
		}
	}
	if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
		t.Errorf("refused, but wrote %v", left)
	}
}

func TestExportTemplates(t *testing.T) {
	out := t.TempDir()
	for range 2 { // the second time they are there already, the same
		if got := command("export", "templates", "--out", out); got.code != exitOK || strings.Count(got.out, "\n") != len(vorlagen.Names()) {
			t.Fatalf("exit %d, %s%s", got.code, got.out, got.stderr)
		}
	}
	if b, err := os.ReadFile(filepath.Join(out, "vorfall.md")); err != nil || !strings.Contains(string(b), "Nicht anfassen") {
		t.Errorf("vorfall.md: %v", err)
	}
}
