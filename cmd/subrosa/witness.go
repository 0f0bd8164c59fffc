package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/keyring"
	"subrosa/firmware/state"
)

// witnessFlags are the flags of witness as they were typed.
type witnessFlags struct {
	state, key, pin, out, make string
}

// seen is what a witness remembers of a unit: STATE/witness/UNIT.json.
type seen struct {
	Format int    `json:"format"`
	Pin    string `json:"pin"` // of the unit's key
	Short  string `json:"short"`
}

func newWitnessCommand() *cobra.Command {
	var f witnessFlags
	cmd := &cobra.Command{
		Use:   "witness --key FILE --pin PIN BUNDLE.zip|CHECKPOINT…",
		Short: "Vouch that a unit's journal goes on and was not rewritten",
		Long: `Checks that a unit's checkpoint continues the one seen last, remembers it, and adds this witness's line to it
(C2SP tlog-cosignature). A journal that was rewritten or cut short is refused, for ever.

Give a bundle: only it proves that a longer journal continues a shorter one. A checkpoint alone is accepted if it is
the same as the one seen last. Cosigned checkpoints go to --out; give them to "subrosa bundle
--checkpoint" or keep them for "subrosa verify --checkpoint".

Exit codes: 0 cosigned; 1 a fork, a shortened journal or an altered bundle: keep both files; 2 unreadable or incomplete; 3 by an unknown
key, or no proof that it continues; 64 wrong usage.`,
		Example: `  subrosa witness --make isb-laptop --key isb.key --out isb.pub
  subrosa witness --key isb.key --pin ratssaal-1.pin --out seen/ november.zip`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runWitness(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.state, "state", "./.state", "`folder` in which the witness remembers")
	fl.StringVar(&f.key, "key", "", "secret key of the witness, a `file`")
	fl.StringVar(&f.pin, "pin", "", "`pin` of the unit's key, the first time that it is seen: a file, or the digits")
	fl.StringVar(&f.out, "out", "", "`folder` for cosigned checkpoints; with --make the file of the public key")
	fl.StringVar(&f.make, "make", "", "make a key for a witness of this `name` in --key, and end")
	return cmd
}

func runWitness(cmd *cobra.Command, f witnessFlags, args []string) error {
	switch {
	case f.key == "" || f.out == "":
		return usage(errors.New("--key FILE and --out are needed"))
	case f.make != "" && len(args) > 0 || f.make == "" && len(args) == 0:
		return usage(errors.New("want bundles or checkpoints, or --make NAME alone"))
	case f.make != "":
		return makeWitness(f)
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil { // before anything is remembered
		return exit{exitInput, err}
	}
	b, err := os.ReadFile(f.key)
	if err != nil {
		return exit{exitInput, err}
	}
	k, err := keyring.Parse(string(b))
	if err != nil {
		return exit{exitInput, fmt.Errorf("%s: %w", f.key, err)}
	}
	for _, name := range args {
		signed, c, err := f.witness(k, name)
		if err != nil {
			return err
		}
		out := filepath.Join(f.out, fmt.Sprintf("%s-%d.checkpoint", fileName(c.Origin), c.N))
		if err := os.WriteFile(out, signed, 0o644); err != nil {
			return exit{exitInput, err}
		}
		fmt.Fprintln(cmd.OutOrStdout(), out)
	}
	return nil
}

// makeWitness writes a key pair.
func makeWitness(f witnessFlags) error {
	private, _, err := checkpoint.NewKey(rand.Reader, f.make)
	if err != nil {
		return usage(err)
	}
	k, err := keyring.Parse(private)
	if err != nil {
		return err
	}
	public, err := checkpoint.WitnessKey(private)
	if err != nil {
		return err
	}
	if err := backup(k, f.key); err != nil {
		return exit{exitInput, err}
	}
	if err := os.WriteFile(f.out, []byte(public+"\n"), 0o644); err != nil {
		return exit{exitInput, err}
	}
	return nil
}

var notFileName = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// fileName makes an origin a file's name.
func fileName(origin string) string { return notFileName.ReplaceAllString(origin, "_") }

// witness checks one file against what is remembered, remembers it, and returns it cosigned.
func (f witnessFlags) witness(k keyring.Key, name string) ([]byte, checkpoint.Checkpoint, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, checkpoint.Checkpoint{}, exit{exitInput, err}
	}
	fail := func(code int, err error) ([]byte, checkpoint.Checkpoint, error) {
		var e exit
		if errors.As(err, &e) {
			code = e.code
		}
		return nil, checkpoint.Checkpoint{}, exit{code, fmt.Errorf("%s: %w", name, err)}
	}
	note := b
	isBundle := strings.HasPrefix(string(b), "PK")
	if isBundle {
		if note, err = evidence.Checkpoint(b); err != nil {
			return fail(exitInput, err)
		}
	}
	c, err := checkpoint.Parse(note)
	if err != nil {
		return fail(exitInput, err)
	}
	folder, err := state.Open(filepath.Join(f.state, "witness"))
	if err != nil {
		return fail(exitInput, err)
	}
	var s seen
	err = folder.Load(fileName(c.Origin), &s)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		return fail(exitInput, err)
	}
	pin, err := f.pinOf(s)
	if err != nil {
		return fail(3, err)
	}
	if isBundle {
		err = continuesBundle(b, pin, s)
	} else {
		err = continuesNote(c, s)
	}
	if err != nil {
		return fail(3, err)
	}
	signed, err := checkpoint.Cosign(note, k.Private, time.Now())
	if err != nil {
		return fail(exitInput, err)
	}
	s = seen{1, pin.String(), c.Short()}
	if err := folder.Save(fileName(c.Origin), s); err != nil { // remembered before it is given away
		return fail(exitInput, err)
	}
	return signed, c, nil
}

// pinOf returns the pin that is remembered, else the one given.
func (f witnessFlags) pinOf(s seen) (checkpoint.Pin, error) {
	if s.Pin != "" {
		return checkpoint.ParsePin([]byte(s.Pin))
	}
	if f.pin == "" {
		return checkpoint.Pin{}, errors.New("this unit is new here: --pin is needed")
	}
	b, err := textOrFile(f.pin, func(s string) bool { _, err := checkpoint.ParsePin([]byte(s)); return err == nil })
	if err != nil {
		return checkpoint.Pin{}, exit{exitInput, err}
	}
	pin, err := checkpoint.ParsePin(b)
	if err != nil {
		return pin, exit{exitInput, err}
	}
	return pin, nil
}

// continuesBundle verifies a bundle with what was seen last as its anchor.
func continuesBundle(b []byte, pin checkpoint.Pin, s seen) error {
	t := evidence.Trust{Pin: &pin}
	if s.Short != "" {
		t.Anchors = [][]byte{[]byte(s.Short)}
	}
	r := evidence.Verify(b, t)
	if r.Verdict == evidence.Intact {
		return nil
	}
	code := int(r.Verdict)
	for _, fault := range r.Faults {
		if fault.Code == "ends-before-anchor" {
			code = exitFailed
		}
	}
	return exit{code, fmt.Errorf("refused\n%s", r.Text("en"))}
}

// continuesNote accepts a checkpoint alone only if nothing has to be proven.
func continuesNote(c checkpoint.Checkpoint, s seen) error {
	if s.Short == "" {
		return errors.New("the first checkpoint of a unit has to come in a bundle")
	}
	last, err := checkpoint.ParseShort(s.Short)
	if err != nil {
		return err
	}
	switch {
	case c == last:
		return nil
	case c.N <= last.N:
		return exit{exitFailed, fmt.Errorf("refused: %d entries with root %s; %d with root %s were seen", c.N, c.Hash, last.N, last.Hash)}
	}
	return errors.New("longer than what was seen last: give a bundle, which proves that it continues")
}
