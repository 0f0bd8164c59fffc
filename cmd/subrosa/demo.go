package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"subrosa/cmd/subrosa/internal/demo"
	"subrosa/firmware/keyring"
)

func newDemoCommand() *cobra.Command {
	var o demo.Options
	var out string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole site on this machine, with one room fed from recordings",
		Long: `Runs the console with its broker and one room unit, "Ratssaal", on this machine. The unit hears recordings in
place of a microphone and a receiver; a scripted session leads the room from public to closed and raises two alarms.`,
		Example: "  subrosa demo\n  subrosa demo --headless --once --speed 20 --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out, o.Err = c.OutOrStdout(), c.ErrOrStderr()
			abs, err := filepath.Abs(o.State)
			if err != nil {
				return err
			}
			o.State = abs
			o.Screen = screen(runtime.GOOS, os.Getenv)
			if o.Headless && !o.Once && !o.JSON {
				return usage(errors.New("--headless alone shows nothing and never ends: add --once, --json or both"))
			}
			if out != "" && !o.Once {
				return usage(errors.New("--out goes with --once: an endless demo has no end to export"))
			}
			r, err := demo.Run(c.Context(), o)
			if err != nil || out == "" || c.Context().Err() != nil {
				return err
			}
			words := io.Discard
			if !o.Headless {
				words = o.Err
			}
			return leave(c.Context(), out, r, words)
		},
	}
	f := c.Flags()
	f.StringVar(&o.State, "state", "./.state", "`folder` for everything the demo keeps; its part \"demo\" is made anew")
	f.Float64Var(&o.Speed, "speed", 1, "scenario seconds per second")
	f.BoolVar(&o.Headless, "headless", false, "nothing for people: free ports, no words")
	f.BoolVar(&o.Once, "once", false, "end when all expected events have come (0), or one is missing (1)")
	f.BoolVar(&o.JSON, "json", false, "print each event as a JSON line, with the scenario's time")
	f.StringVar(&o.Lang, "lang", "de", "language, de or en")
	f.StringVar(&o.Scenario, "scenario", demo.Scenarios()[0], "what is shown: "+strings.Join(demo.Scenarios(), " or "))
	f.StringVar(&out, "out", "", "with --once: `folder` for exports, evidence bundle and pin")
	complete(c, "scenario", demo.Scenarios()...)
	return c
}

// screen says whether somebody sits before this machine: on Linux a graphical session names its display.
func screen(goos string, env func(string) string) bool {
	return goos != "linux" || env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != ""
}

// leave writes what an officer gets of a run: the same commands as anybody's.
func leave(ctx context.Context, out string, r demo.Result, words io.Writer) error {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	day := func(t time.Time) string { return t.In(zone).Format(time.DateOnly) }
	export := newExportCommand()
	export.SilenceUsage, export.SilenceErrors = true, true
	export.SetOut(words)
	export.SetErr(words)
	export.SetArgs([]string{"--room", r.Room, "--name", r.Name, "--organisation", r.Site, "--from", day(r.From), "--to", day(r.To), "--zone", zone.String(),
		"--state", r.State, "--out", out, "--replace"})
	if err := export.ExecuteContext(ctx); err != nil {
		return err
	}
	bundle := filepath.Join(out, "nachweis.zip")
	if err := runBundle(bundleFlags{state: r.State, out: bundle}, io.Discard); err != nil {
		return err
	}
	pin, err := os.ReadFile(filepath.Join(r.State, keyring.PinFile))
	if err != nil {
		return err
	}
	to := filepath.Join(out, "nachweis.pin")
	if err := os.WriteFile(to, pin, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(words, "%s\n%s\n", bundle, to)
	return nil
}
