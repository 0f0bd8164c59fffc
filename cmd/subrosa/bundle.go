package main

import (
	"bytes"
	"errors"
	"fmt"
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

The unit must not run, or the state is a copy of its folder: only one program writes a journal.`,
		Example: `  subrosa bundle --state /var/lib/subrosa --from 2026-11-01 --to 2026-11-30 --out november.zip`,
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runBundle(f) },
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

func runBundle(f bundleFlags) error {
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
	j, err := openJournal(f.state)
	if err != nil {
		return err
	}
	defer j.Close()
	o := evidence.Options{From: from, To: to, Signer: key.Signer, Public: key.Public}
	if f.checkpoint != "" {
		if o.Checkpoint, err = os.ReadFile(f.checkpoint); err != nil {
			return exit{exitInput, err}
		}
	} else if o.Checkpoint, err = j.Checkpoint(key.Signer); err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := evidence.Write(&b, j, o); err != nil {
		return err
	}
	return os.WriteFile(f.out, b.Bytes(), 0o600)
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
