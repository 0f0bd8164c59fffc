package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
)

// bundleFlags are the flags of bundle as they were typed.
type bundleFlags struct {
	state, from, to, out, checkpoint string
}

func newBundleCommand() *cobra.Command {
	var f bundleFlags
	cmd := &cobra.Command{
		Use:   "bundle --out FILE.zip",
		Short: "Pack the evidence of a time into one file",
		Long: `Packs what a unit's journal has of a time into one ZIP, which "subrosa verify" checks offline: the entries,
the contents that still exist, receipts of deletions, and the proof that nothing was changed.

The unit may run meanwhile: the bundle then ends with the checkpoint that the unit signed last, at most a minute ago.`,
		Example: `  subrosa bundle --state /var/lib/subrosa --from 2026-11-01 --to 2026-11-30 --out november.zip`,
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runBundle(f, cmd.ErrOrStderr()) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.state, "state", "./.state", "`folder` of the unit's states")
	fl.StringVar(&f.from, "from", "", "first `day` (2026-11-01) or time (RFC 3339); all from the beginning if not given")
	fl.StringVar(&f.to, "to", "", "last `day`, which counts, or time, which does not; all to the end if not given")
	fl.StringVar(&f.out, "out", "", "the `file` to write")
	fl.StringVar(&f.checkpoint, "checkpoint", "", "end with this checkpoint, such as a cosigned one, and not with a new one")
	return cmd
}

// parseDay reads a day in local time, or a time. A day that ends something ends with the next midnight.
func parseDay(flag, s string, end bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usage(fmt.Errorf("--%s %q: want a day, 2026-11-01, or a time, 2026-11-01T18:00:00+01:00", flag, s))
	}
	return t, nil
}

func runBundle(f bundleFlags, stderr io.Writer) error {
	if f.out == "" {
		return usage(errors.New("--out FILE.zip is missing"))
	}
	from, err := parseDay("from", f.from, false)
	if err != nil {
		return err
	}
	to, err := parseDay("to", f.to, true)
	if err != nil {
		return err
	}
	key, err := keyring.Load(f.state)
	if err != nil {
		return exit{exitInput, err}
	}
	o := evidence.Options{From: from, To: to, Signer: key.Signer, Public: key.Public}
	if f.checkpoint != "" {
		if o.Checkpoint, err = os.ReadFile(f.checkpoint); err != nil {
			return exit{exitInput, err}
		}
	}
	b, report, err := makeBundle(f.state, o, stderr)
	if err != nil {
		return err
	}
	if err := replaceFile(f.out, b); err != nil {
		return err
	}
	if report.Verdict != evidence.Intact {
		fmt.Fprint(stderr, report.Text("en"))
		return exit{exitFailed, fmt.Errorf("%s was written, but what it holds does not verify", f.out)}
	}
	return nil
}

// makeBundle makes the bundle of a state folder, whether its unit runs or not.
func makeBundle(state string, o evidence.Options, stderr io.Writer) ([]byte, *evidence.Report, error) {
	j, err := openJournal(state)
	switch {
	case errors.Is(err, journal.ErrLocked):
		return snapshotBundle(state, o, stderr)
	case err != nil:
		return nil, nil, err
	}
	defer j.Close()
	if o.Checkpoint == nil {
		if o.Checkpoint, err = j.Checkpoint(o.Signer); err != nil {
			return nil, nil, err
		}
	}
	return evidence.Checked(j, o)
}

// snapshotBundle reads beside a running unit: up to the checkpoint that it signed last, which it does every minute.
func snapshotBundle(state string, o evidence.Options, stderr io.Writer) ([]byte, *evidence.Report, error) {
	s, err := journal.Folder(filepath.Join(state, "journal")).Snapshot()
	if err != nil {
		return nil, nil, exit{exitInput, fmt.Errorf("the unit runs, and has no checkpoint that could be bundled: %w; try again in a minute, or stop roomd", err)}
	}
	defer s.Close()
	if o.Checkpoint == nil {
		o.Checkpoint = s.Checkpoint()
	}
	b, report, err := evidence.Checked(s, o)
	switch {
	case err != nil:
		return nil, nil, err
	case report.Overtaken():
		return nil, nil, errors.New("a content was deleted just now, and its receipt is not signed yet: try again in a minute")
	}
	fmt.Fprintf(stderr, "the unit runs: the bundle ends with the checkpoint of %d entries that it signed last; what came after is not in it\n", report.Size)
	return b, report, nil
}

// replaceFile writes a file that is there whole or not at all.
func replaceFile(name string, b []byte) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

// openJournal opens the journal in a state folder that exists.
func openJournal(state string) (*journal.Journal, error) {
	dir := filepath.Join(state, "journal")
	if _, err := os.Stat(dir); err != nil {
		return nil, exit{exitInput, err}
	}
	j, err := journal.Open(dir, journal.Options{})
	if errors.Is(err, journal.ErrLocked) {
		return nil, fmt.Errorf("%w: stop roomd first, or work on a copy of %s", err, state)
	}
	return j, err
}
