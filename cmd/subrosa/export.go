package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"subrosa/docs/vorlagen"
	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/compliance"
	"subrosa/firmware/export"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
)

// exportFlags are those of export.
type exportFlags struct {
	room, name, organisation string
	from, to, zone           string
	state, out               string
	replace, json, bundle    bool
	upload                   uploadFlags
}

func newExportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what a room's journal contributes to a Grundschutz check",
		Long: `Reads the journal of a room's unit, which may run meanwhile, and writes for a period: a report to sign (PDF), the
Grundschutz check (XLSX, CSV), OSCAL 1.1.3 documents and a patch for verinice.veo. The same journal gives the same files.
Every status is a proposal; the officer decides. The days are counted from midnight in --zone, --to is the last of them.

With --upload the files also go into a folder of a WebDAV server, such as Nextcloud's. Each is there whole or not at all; an
upload that was cut off is run again. What is there with other contents is left alone unless --replace: people enter decisions.
The folder's own folder must exist. Whoever can read the folder reads findings and times: share it with the officer alone.`,
		Example: `  subrosa export --room ratssaal --from 2026-11-01 --to 2026-11-30 --state /var/lib/subrosa --out november
  subrosa export --room ratssaal --from 2026-11-01 --to 2026-11-30 --state /var/lib/subrosa --out november --bundle \
    --upload https://cloud.example/remote.php/dav/files/isb/Nachweise/november --upload-user isb --upload-password app-password
  subrosa export templates --out vorlagen`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return helpOnly(cmd, args)
			}
			return f.run(cmd)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.room, "room", "", "id of the `room`, as in unit.json")
	fl.StringVar(&f.name, "name", "", "name of the room, for people")
	fl.StringVar(&f.organisation, "organisation", "", "name of the city or body")
	fl.StringVar(&f.from, "from", "", "first `day`: 2026-11-01")
	fl.StringVar(&f.to, "to", "", "last `day`")
	fl.StringVar(&f.zone, "zone", "Europe/Berlin", "time zone of the room")
	fl.StringVar(&f.state, "state", "./.state", "`folder` of the unit's state, in which journal/ lies")
	fl.StringVar(&f.out, "out", "", "`folder` to write to")
	fl.BoolVar(&f.replace, "replace", false, "replace files that are there and differ; decisions entered in them are lost")
	fl.BoolVar(&f.json, "json", false, "one line of JSON")
	fl.BoolVar(&f.bundle, "bundle", false, "with the evidence bundle of the period, in nachweis/")
	f.upload.register(cmd)
	cmd.AddCommand(newExportTemplates())
	return cmd
}

func (f *exportFlags) run(cmd *cobra.Command) error {
	period, err := f.period()
	if err != nil {
		return usage(err)
	}
	folder, err := f.upload.open(f.replace, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	entries, err := f.read()
	if err != nil {
		return err
	}
	a, err := compliance.Assess(entries, period, compliance.Default().With(compliance.Conference()...))
	if err != nil {
		return err
	}
	if rooms := a.Figures.Rooms; slices.ContainsFunc(rooms, func(r string) bool { return r != f.room }) {
		return exit{exitInput, fmt.Errorf("the journal in %s is of room %s, not %s", f.state, strings.Join(rooms, ", "), f.room)}
	}
	files, err := f.files(a, period, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := writeFiles(f.out, files, f.replace); err != nil {
		return err
	}
	if err := upload(cmd.Context(), folder, files); err != nil {
		return err
	}
	return f.tell(cmd.OutOrStdout(), a, entries, files)
}

// files makes the files, with the bundle if it is wanted, and what the unit's key and last checkpoint tell if they are here.
func (f *exportFlags) files(a compliance.Assessment, period compliance.Period, stderr io.Writer) ([]export.File, error) {
	about := export.About{Room: f.room, Name: f.name, Organisation: f.organisation}
	key, err := keyring.Load(f.state)
	if err != nil && (f.bundle || !errors.Is(err, keyring.ErrNone)) {
		return nil, exit{exitInput, err}
	}
	var proof []export.File
	if f.bundle {
		file, report, err := proofFile(f.state, period, key, stderr)
		if errors.Is(err, evidence.ErrEmpty) {
			return nil, fmt.Errorf("--bundle: there is nothing to prove from %s to %s: %w; another period, or no --bundle", f.from, f.to, err)
		}
		if err != nil {
			return nil, err
		}
		if report.Verdict != evidence.Intact {
			return nil, fmt.Errorf("the bundle of this time does not verify; an export must not rest on it:\n%s", report.Text("en"))
		}
		proof = []export.File{file}
	}
	if err == nil {
		pin, err := checkpoint.PinOf(key.Public)
		if err != nil {
			return nil, err
		}
		about.Fingerprint = pin.String()
		if about.Checkpoint, err = lastShort(f.state); err != nil {
			return nil, err
		}
	}
	files, err := export.Files(a, about)
	return append(files, proof...), err
}

// lastShort is the checkpoint that was signed last, for paper; "" if there is none.
func lastShort(state string) (string, error) {
	b, err := journal.LastCheckpoint(filepath.Join(state, "journal"))
	if err != nil || b == nil {
		return "", err
	}
	c, err := checkpoint.Parse(b)
	return c.Short(), err
}

func (f *exportFlags) period() (p compliance.Period, err error) {
	for _, need := range []struct{ flag, value string }{{"--room", f.room}, {"--from", f.from}, {"--to", f.to}, {"--out", f.out}} {
		if need.value == "" {
			return p, fmt.Errorf("%s is needed", need.flag)
		}
	}
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		return p, fmt.Errorf("--zone: %w", err)
	}
	if p.From, err = time.ParseInLocation(time.DateOnly, f.from, zone); err != nil {
		return p, fmt.Errorf("--from %q: want a day, such as 2026-11-01", f.from)
	}
	if p.To, err = time.ParseInLocation(time.DateOnly, f.to, zone); err != nil {
		return p, fmt.Errorf("--to %q: want a day, such as 2026-11-30", f.to)
	}
	if p.To.Before(p.From) {
		return p, fmt.Errorf("--to %s lies before --from %s", f.to, f.from)
	}
	p.To = p.To.AddDate(0, 0, 1)
	return p, nil
}

// read returns the whole journal. One that does not verify is no ground for an export.
func (f *exportFlags) read() (entries []compliance.Numbered, err error) {
	dir := filepath.Join(f.state, "journal")
	err = journal.Folder(dir).Read(1, func(seq uint64, e journal.Entry) error {
		entries = append(entries, compliance.Numbered{Seq: seq, Entry: e})
		return nil
	})
	if errors.Is(err, journal.ErrBroken) {
		return nil, fmt.Errorf("%s: %w; an export would rest on it: keep the folder and look into it first", dir, err)
	}
	if err != nil {
		return nil, exit{exitInput, fmt.Errorf("%s: %w", dir, err)}
	}
	return entries, nil
}

// exported is a file as --json tells it.
type exported struct {
	File  string `json:"file"`
	Bytes int    `json:"bytes"`
}

func (f *exportFlags) tell(w io.Writer, a compliance.Assessment, entries []compliance.Numbered, files []export.File) error {
	count := map[compliance.Status]int{}
	for _, r := range a.Results {
		count[r.Status]++
	}
	var list []exported
	for _, file := range files {
		list = append(list, exported{file.Name, len(file.Data)})
	}
	closed := a.Figures.Closed()
	if f.json {
		return json.NewEncoder(w).Encode(map[string]any{"room": f.room, "from": f.from, "to": f.to, "entries": a.Figures.All.Count,
			"stand": a.Figures.StandSeq, "sessions": len(closed), "alarms": len(a.Figures.Alarms), "requirements": count, "files": list})
	}
	for _, l := range list {
		fmt.Fprintf(w, "%9d  %s\n", l.Bytes, filepath.Join(f.out, filepath.FromSlash(l.File)))
	}
	if a.Figures.All.Count == 0 {
		_, err := fmt.Fprintf(w, "Von %s bis %s steht nichts im Protokoll%s: Die Dateien belegen nichts, auch nicht, dass nichts war.\n", f.from, f.to, reach(entries, a.Figures.Period.From.Location()))
		return err
	}
	var parts []string
	for _, s := range compliance.Statuses {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[s], s.Text("de")))
		}
	}
	_, err := fmt.Fprintf(w, "%d Einträge, %d nichtöffentliche Teile, %d Meldungen. Vorschlag je Anforderung: %s.\n",
		a.Figures.All.Count, len(closed), len(a.Figures.Alarms), strings.Join(parts, ", "))
	return err
}

// reach says from when until when a journal has entries, days in zone, for the end of a clause.
func reach(entries []compliance.Numbered, zone *time.Location) string {
	if len(entries) == 0 {
		return " (es ist leer)"
	}
	day := func(n compliance.Numbered) string { return n.Time.In(zone).Format(time.DateOnly) }
	return fmt.Sprintf(" (es reicht von %s bis %s)", day(entries[0]), day(entries[len(entries)-1]))
}

// writeFiles writes files below dir. If one is there with other contents nothing is written, unless replace: people
// enter decisions in them.
func writeFiles(dir string, files []export.File, replace bool) error {
	var differ []string
	for _, f := range files {
		old, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case !bytes.Equal(old, f.Data):
			differ = append(differ, f.Name)
		}
	}
	if len(differ) > 0 && !replace {
		return fmt.Errorf("%s: there already, with other contents: %s (another --out, or --replace)", dir, strings.Join(differ, ", "))
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path+".new", f.Data, 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

func newExportTemplates() *cobra.Command {
	var out string
	var replace bool
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "Write the templates for a city's own papers, in German",
		Long: `Writes drafts for the papers that a city needs beside the unit: data protection impact assessment, record of processing,
door notice, agreement with the staff, rules of procedure, council resolution, what to do at a finding, session sheet. They are no
legal advice; the city's own counsel fills them in and decides.`,
		Example: "  subrosa export templates --out vorlagen",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usage(errors.New("--out is needed"))
			}
			var files []export.File
			for _, name := range vorlagen.Names() {
				b, err := fs.ReadFile(vorlagen.Files(), name)
				if err != nil {
					return err
				}
				files = append(files, export.File{Name: name, Data: b})
			}
			if err := writeFiles(out, files, replace); err != nil {
				return err
			}
			for _, f := range files {
				fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(out, f.Name))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`folder` to write to")
	cmd.Flags().BoolVar(&replace, "replace", false, "replace files that are there and differ")
	return cmd
}
