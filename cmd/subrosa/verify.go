package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
)

// verifyFlags are the flags of verify as they were typed.
type verifyFlags struct {
	key                  string
	checkpoints, witness []string
	stamps               []string
	tsaCA                string
	json                 bool
	lang                 string
}

// maxInput is the largest bundle that is read, in bytes; bundle.Write makes none that is larger.
const maxInput = 2 << 30

func newVerifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify BUNDLE.zip --key PIN",
		Short: "Check an evidence bundle offline",
		Long: `Checks an evidence bundle, offline, against what you bring along: the fingerprint of the unit's key (--key, a
.pin file or the digits themselves), earlier checkpoints from session sheets, witnesses or your own files
(--checkpoint), and time stamps (--stamp). It says what that proves, and what it does not. Contents that were deleted with a receipt are
no fault.

Exit codes: 0 intact under the pinned key and the anchors given; 1 altered; 2 unreadable or incomplete;
3 intact, but key or anchor unknown; 64 wrong usage.`,
		Example: `  subrosa verify november.zip --key ratssaal-1.pin
  subrosa verify november.zip --key ratssaal-1.pin --checkpoint october.checkpoint --checkpoint SUBROSA:1:ratssaal-1:4711:…
  subrosa verify november.zip --key ratssaal-1.pin --witness isb.pub --json`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runVerify(cmd, f, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "`pin` of the unit's key: a file, or the digits")
	fl.StringArrayVar(&f.checkpoints, "checkpoint", nil, "an earlier checkpoint: a `file`, or the text of its QR code; may be given several times")
	fl.StringArrayVar(&f.witness, "witness", nil, "verifier `key` of a witness: a file, or the key; may be given several times")
	fl.StringArrayVar(&f.stamps, "stamp", nil, "an RFC 3161 time stamp, a .tsr `file`; the .checkpoint beside it says what was stamped; may be given several times")
	fl.StringVar(&f.tsaCA, "tsa-ca", "", "certificates that time stamping authorities are trusted under, a PEM `file`")
	fl.BoolVar(&f.json, "json", false, "one line of JSON")
	fl.StringVar(&f.lang, "lang", "de", "language: de or en")
	complete(cmd, "lang", "de", "en")
	return cmd
}

// textOrFile returns the contents of a file called s, or s itself if there is none and it looks like text.
func textOrFile(s string, isText func(string) bool) ([]byte, error) {
	if isText(s) {
		return []byte(s), nil
	}
	file, err := os.Open(s)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(s, "./") {
		return nil, exit{exitUsage, fmt.Errorf("%q is no such text, and no file of that name is here", s)}
	}
	if err != nil {
		return nil, exit{exitInput, err}
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 1<<20))
}

// naming puts a flag before an error and keeps its exit code.
func naming(flag string, err error) error {
	code := exitInput
	if e := (exit{}); errors.As(err, &e) {
		code = e.code
	}
	return exit{code, fmt.Errorf("%s: %w", flag, err)}
}

func (f verifyFlags) trust() (t evidence.Trust, err error) {
	if f.key != "" {
		b, err := textOrFile(f.key, func(s string) bool { _, err := checkpoint.ParsePin([]byte(s)); return err == nil })
		if err != nil {
			return t, naming("--key", err)
		}
		pin, err := checkpoint.ParsePin(b)
		if err != nil {
			return t, exit{exitInput, fmt.Errorf("--key %s: %w", f.key, err)}
		}
		t.Pin = &pin
	}
	for _, c := range f.checkpoints {
		b, err := textOrFile(c, checkpoint.IsShort)
		if err != nil {
			return t, naming("--checkpoint", err)
		}
		if checkpoint.IsShort(string(b)) { // a slip in typing is no sign of a rewritten past
			if _, err := checkpoint.ParseShort(string(b)); err != nil {
				return t, exit{exitInput, fmt.Errorf("--checkpoint: %w", err)}
			}
		}
		t.Anchors = append(t.Anchors, b)
	}
	for _, w := range f.witness {
		b, err := textOrFile(w, func(s string) bool { return checkpoint.Origin(s) != "" })
		if err != nil {
			return t, naming("--witness", err)
		}
		k := strings.TrimSpace(string(b))
		if checkpoint.Origin(k) == "" {
			return t, exit{exitInput, fmt.Errorf("--witness %s: not a verifier key", w)}
		}
		t.Witnesses = append(t.Witnesses, k)
	}
	if t.Stamps, err = stampsOf(f.stamps); err != nil {
		return t, err
	}
	t.StampCAs, err = rootsOf("tsa-ca", f.tsaCA)
	return t, err
}

func runVerify(cmd *cobra.Command, f verifyFlags, name string) error {
	if f.lang != "de" && f.lang != "en" {
		return usage(fmt.Errorf("--lang %q: want de or en", f.lang))
	}
	trust, err := f.trust()
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return exit{exitInput, err}
	}
	defer file.Close()
	if fi, err := file.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxInput {
		return exit{exitInput, errors.Join(fmt.Errorf("%s is not a bundle", name), err)}
	}
	b, err := io.ReadAll(io.LimitReader(file, maxInput+1))
	if err != nil {
		return exit{exitInput, err}
	}
	r := evidence.Verify(b, trust)
	if f.json {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), string(line))
	} else {
		fmt.Fprint(cmd.OutOrStdout(), r.Text(f.lang))
	}
	if r.Verdict != evidence.Intact {
		return exit{code: int(r.Verdict)}
	}
	return nil
}
