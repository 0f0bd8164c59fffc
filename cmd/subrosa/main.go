// Command subrosa is the operator's program: it looks through recordings, makes and keeps a site's certificates, checks
// and explains the rules of rooms, writes what a room's journal contributes to a Grundschutz check, and shows the whole
// system at work.
//
// Exit codes, the same for every sub-command:
//
//	0   ok; findings in a recording are no failure
//	1   failed, or found in the sense of the command
//	2   input could not be read
//	3   true but unproven
//	64  wrong usage
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitInput  = 2
	exitUsage  = 64
)

// commands are the sub-commands, in the order of the help.
var commands = []func() *cobra.Command{
	newDemoCommand,
	newReplayCommand,
	newSiteCommand,
	newPolicyCommand,
	newRosterCommand,
	newExportCommand,
	newPushVeoCommand,
	newPaperCommand,
	newBundleCommand,
	newVerifyCommand,
	newKeyCommand,
	newWitnessCommand,
	newStampCommand,
	newVersionCommand,
	newCompletionCommand,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
}

// exit is an error with an exit code. A nil err has been told already.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// usage marks err as wrong usage.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return exit{exitUsage, err}
}

// report prints err, unless it was told already, and returns its exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	e := exit{exitFailed, err}
	errors.As(err, &e)
	if e.err != nil {
		fmt.Fprintln(stderr, "subrosa:", err)
	}
	if e.code == exitUsage && e.err != nil {
		fmt.Fprintln(stderr, "subrosa: see subrosa --help")
	}
	return e.code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "subrosa",
		Short: "Look for what listens: recordings, sites, exports and a demonstration",
		Long: `subrosa watches over confidential meetings. This is the operator's program: it looks through
recordings with the detectors of the room unit, makes and keeps the certificates of a site, checks and
explains the rules of rooms, and writes exports.

Exit codes: 0 ok, 1 failed, 2 input could not be read, 3 true but unproven, 64 wrong usage.`,
		Example: `  subrosa replay recording.wav
  subrosa replay --json --hz 433.92M --rate 250k recordings/
  subrosa site init --name "Stadt Musterstadt" --domain raum.example --unit ratssaal-1=ratssaal
  subrosa policy check ratssaal.json`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE:              helpOnly,
	}
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // --help says it all
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	for _, c := range commands {
		root.AddCommand(c())
	}
	return root
}

// helpOnly is RunE of a command that only has sub-commands.
func helpOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		cmd.SetOut(cmd.ErrOrStderr())
		if err := cmd.Help(); err != nil {
			return err
		}
		return exit{code: exitUsage}
	}
	cmd.SuggestionsMinimumDistance = 2
	err := fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w, did you mean %q?", err, near[0])
	}
	return usage(err)
}

// exactly accepts n arguments and calls anything else wrong usage.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return usage(cobra.ExactArgs(n)(cmd, args)) }
}

// atLeast accepts n arguments or more and calls anything else wrong usage.
func atLeast(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return usage(cobra.MinimumNArgs(n)(cmd, args)) }
}
