package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"subrosa/cmd/subrosa/internal/replay"
	"subrosa/dsp/detect"
)

// replayFlags are the flags of replay as they were typed.
type replayFlags struct {
	json                                bool
	kinds                               []string
	rate, hz, baseline, plot, lang, out string
}

func newReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay [flags] FILE|FOLDER…",
		Short: "Look through recordings of sound and radio",
		Long: `Looks through recordings with the detectors of the room unit and prints one finding a line, ordered
by its beginning. Sound: wav and flac, every channel by itself. Radio: cu8, cs8, cs16, cf32 and SigMF.
In folders, files with these endings are read; the others are counted.

Radio recordings need their sample rate: from --rate, else from SigMF metadata, else from the name,
as in x_433.92M_250k.cu8. If only the centre frequency is missing, frequencies are offsets from 0.
Each file's coverage says what could not be seen. Where nothing could be seen, silence proves nothing.

--json prints a line per finding with file, channel, kind, name, alarm, sense, side, start_s, end_s,
hz, bw_hz, level_db, snr_db, statistic, threshold, pfa, confidence, coverage and cause, and after
them a line per file with file and coverage.

Exit codes: 0 everything was read, with findings or without; 1 the results could not be written;
2 a recording or the baseline could not be read (the other recordings were); 64 wrong usage.`,
		Example: `  subrosa replay hall.wav
  subrosa replay --json --rate 250k --hz 433.92M captures/ > findings.jsonl
  subrosa replay --kind ultrasonic-beacon --plot pictures/ evening.flac
  subrosa replay --baseline quiet.json --rate 2.4M --hz 868.3M night.cu8`,
		Args: atLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runReplay(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.json, "json", false, "one line of JSON per finding")
	fl.StringSliceVar(&f.kinds, "kind", nil, "only findings of this `kind`; may be given several times")
	fl.StringVar(&f.rate, "rate", "", "samples per second of all radio files given: 250k, 2.4M")
	fl.StringVar(&f.hz, "hz", "", "centre frequency of all radio files given: 433.92M")
	fl.StringVar(&f.baseline, "baseline", "", `JSON `+"`file`"+` of known emitters: [{"hz":…,"bw_hz":…,"level_db":…},…]`)
	fl.StringVar(&f.plot, "plot", "", "draw each file's spectrogram: a `PNG` file, a folder, or a name with %s")
	fl.StringVar(&f.lang, "lang", "de", "language of findings: de or en")
	fl.StringVar(&f.out, "out", "", "write findings to this `file` instead of the standard output")
	complete(cmd, "kind", kindSlugs()...)
	complete(cmd, "lang", "de", "en")
	return cmd
}

// complete makes the shell offer values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag was never defined
	}
}

func kindSlugs() []string {
	var s []string
	for _, k := range detect.Kinds() {
		s = append(s, k.String())
	}
	return s
}

func runReplay(cmd *cobra.Command, f replayFlags, args []string) (err error) {
	o, err := f.options()
	if err != nil {
		return err
	}
	o.Paths, o.Stdout, o.Stderr = args, cmd.OutOrStdout(), cmd.ErrOrStderr()
	o.Terminal = isTerminal(o.Stderr)
	if f.out != "" {
		file, err := os.Create(f.out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		o.Stdout = file
	}
	switch err := replay.Run(cmd.Context(), o); {
	case errors.Is(err, replay.ErrUnread):
		return exit{code: exitInput}
	case errors.Is(err, replay.ErrUsage):
		return usage(err)
	default:
		return err
	}
}

// options checks the flags.
func (f replayFlags) options() (o replay.Options, err error) {
	o = replay.Options{JSON: f.json, Plot: f.plot, Lang: f.lang, Now: time.Now}
	if f.lang != "de" && f.lang != "en" {
		return o, usage(fmt.Errorf("--lang %q: want de or en", f.lang))
	}
	for _, slug := range f.kinds {
		k, err := detect.ParseKind(slug)
		if err != nil {
			return o, usage(fmt.Errorf("--kind %q: want one of %s", slug, strings.Join(kindSlugs(), ", ")))
		}
		o.Kinds = append(o.Kinds, k)
	}
	slices.Sort(o.Kinds)
	if f.rate != "" {
		if o.Radio.Rate, err = replay.ParseRate(f.rate); err != nil {
			return o, usage(fmt.Errorf("--rate %w", err))
		}
	}
	if f.hz != "" {
		if o.Radio.Centre, err = replay.ParseHz(f.hz); err != nil {
			return o, usage(fmt.Errorf("--hz %w", err))
		}
	}
	if f.baseline != "" {
		if o.Baseline, err = replay.LoadBaseline(f.baseline); err != nil {
			return o, exit{exitInput, err}
		}
	}
	return o, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
