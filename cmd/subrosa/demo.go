package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"subrosa/cmd/subrosa/internal/demo"
)

func newDemoCommand() *cobra.Command {
	var o demo.Options
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
			return demo.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.State, "state", "./.state", "`folder` for everything the demo keeps; its part \"demo\" is made anew")
	f.Float64Var(&o.Speed, "speed", 1, "scenario seconds per second")
	f.BoolVar(&o.Headless, "headless", false, "nothing for people: free ports, no words")
	f.BoolVar(&o.Once, "once", false, "end when all expected events have come (0), or one is missing (1)")
	f.BoolVar(&o.JSON, "json", false, "print each event as a JSON line, with the scenario's time")
	f.StringVar(&o.Lang, "lang", "de", "language, de or en")
	return c
}
