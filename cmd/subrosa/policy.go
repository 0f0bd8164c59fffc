package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"subrosa/firmware/policy"
	"subrosa/provisioning/policies"
)

func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, explain and try out the rules of a room",
		Long: `A policy is the rules of one room as a JSON file: what must hold in which state of the session, how long it
may not, what follows, who may decide otherwise, and which requirement that serves. A unit takes it by the key
"policy" of its file. docs/policy.md describes the format and all facts.`,
		Example: `  subrosa policy show city-council > ratssaal.json
  subrosa policy check ratssaal.json
  subrosa policy explain ratssaal.json --lang en
  subrosa policy simulate ratssaal.json --facts evening.jsonl`,
		Args: cobra.ArbitraryArgs,
		RunE: helpOnly,
	}
	cmd.AddCommand(newPolicyCheck(), newPolicyExplain(), newPolicySimulate(), newPolicyShow())
	return cmd
}

// checked is one file of policy check --json.
type checked struct {
	File     string           `json:"file"`
	OK       bool             `json:"ok"`
	ID       string           `json:"id,omitempty"`
	Rules    int              `json:"rules,omitempty"`
	Hash     string           `json:"hash,omitempty"`
	Problems []checkedProblem `json:"problems,omitempty"`
	Error    string           `json:"error,omitempty"` // the file could not be read
}

type checkedProblem struct {
	Line int    `json:"line"`
	Col  int    `json:"column"`
	Text string `json:"text"`
}

func newPolicyCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check policies",
		Long: `Checks policies and prints everything that is wrong, a line each: file:line:column: what.

Exit codes: 0 all are in order, 1 one is not, 2 a file could not be read, 64 wrong usage.`,
		Example: "  subrosa policy check ratssaal.json ausschuss.json",
		Args:    atLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code := exitOK
			for _, file := range args {
				c := checkPolicy(file)
				switch {
				case c.Error != "":
					code = exitInput
				case !c.OK:
					code = max(code, exitFailed)
				}
				if err := c.print(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON); err != nil {
					return err
				}
			}
			if code != exitOK {
				return exit{code: code}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON per file")
	return cmd
}

func checkPolicy(file string) checked {
	c := checked{File: file}
	b, err := os.ReadFile(file)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	p, err := policy.Parse(file, b)
	var e *policy.Error
	switch {
	case errors.As(err, &e):
		for _, p := range e.Problems {
			c.Problems = append(c.Problems, checkedProblem(p))
		}
	default:
		c.OK, c.ID, c.Rules, c.Hash = true, p.ID, len(p.Rules), p.Hash
	}
	return c
}

func (c checked) print(stdout, stderr io.Writer, asJSON bool) (err error) {
	switch {
	case asJSON:
		return json.NewEncoder(stdout).Encode(c)
	case c.Error != "":
		_, err = fmt.Fprintln(stderr, "subrosa:", c.Error)
	case c.OK:
		_, err = fmt.Fprintf(stdout, "%s: in order, %s with %d rules, hash %s\n", c.File, c.ID, c.Rules, c.Hash)
	}
	for _, p := range c.Problems {
		if _, err = fmt.Fprintf(stderr, "%s:%d:%d: %s\n", c.File, p.Line, p.Col, p.Text); err != nil {
			return err
		}
	}
	return err
}

// loadPolicy reads a policy for a command that needs one in order.
func loadPolicy(file string) (*policy.Policy, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, exit{exitInput, err}
	}
	p, err := policy.Parse(file, b)
	if err != nil {
		return nil, exit{exitInput, err}
	}
	return p, nil
}

func checkLang(lang string) error {
	if lang != "de" && lang != "en" {
		return usage(fmt.Errorf("--lang %q: want de or en", lang))
	}
	return nil
}

func newPolicySimulate() *cobra.Command {
	var file, lang string
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Try a policy on a course of facts",
		Long: `Judges a course of facts by a policy and prints what changes. The facts are JSON, a line for each moment:

  {"at": "2026-11-21T18:30:00Z", "facts": {"session_state": "closed", "windows_closed": true, "doors_closed": null}}
  {"at": "2026-11-21T18:31:00Z", "decide": {"rule": "windows", "role": "chair", "reason": "urgent"}}

A fact stays as it is until another line changes it; null, and what was never said, is not measured. Without --facts
the example of "subrosa policy show example" is used. Nothing is measured here: it is what the rules would say.

Exit codes: 0 ok, 2 the policy or the facts could not be read, 64 wrong usage.`,
		Example: "  subrosa policy simulate ratssaal.json\n  subrosa policy simulate ratssaal.json --facts evening.jsonl --json",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLang(lang); err != nil {
				return err
			}
			p, err := loadPolicy(args[0])
			if err != nil {
				return err
			}
			course, err := simulate(p, file)
			if err != nil {
				return exit{exitInput, err}
			}
			if !all {
				course = policy.Changes(course)
			}
			if asJSON {
				return printCourseJSON(cmd.OutOrStdout(), course)
			}
			return printCourse(cmd.OutOrStdout(), course, lang)
		},
	}
	cmd.Flags().StringVar(&file, "facts", "", "course of facts, a `file` of JSON lines; default: the example")
	cmd.Flags().StringVar(&lang, "lang", "de", "language: de or en")
	cmd.Flags().BoolVar(&all, "all", false, "every verdict at every moment, not only what changes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON per verdict")
	complete(cmd, "lang", "de", "en")
	return cmd
}

func simulate(p *policy.Policy, file string) ([]policy.Moment, error) {
	name, read := file, os.ReadFile
	if file == "" {
		name, read = policies.Example, policies.Get
	}
	b, err := read(name)
	if err != nil {
		return nil, err
	}
	steps, err := policy.ParseSteps(name, b)
	if err != nil {
		return nil, err
	}
	return policy.Simulate(p, name, steps)
}

func printCourseJSON(w io.Writer, course []policy.Moment) error {
	type line struct {
		At      time.Time      `json:"at"`
		Rule    string         `json:"rule"`
		Verdict policy.Verdict `json:"verdict"`
		Since   time.Time      `json:"since,omitzero"`
		Until   time.Time      `json:"until,omitzero"`
		Facts   []string       `json:"facts,omitempty"`
	}
	enc := json.NewEncoder(w)
	for _, m := range course {
		for _, f := range m.Findings {
			if err := enc.Encode(line{m.At, f.Rule, f.Verdict, f.Since, f.Until, f.Facts}); err != nil {
				return err
			}
		}
	}
	return nil
}

func printCourse(w io.Writer, course []policy.Moment, lang string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, policy.Text{DE: "Zeit\tRegel\tUrteil\tbis\twegen", EN: "time\trule\tverdict\tuntil\tbecause of"}.In(lang))
	for _, m := range course {
		at := m.At.Format("2006-01-02 15:04:05")
		for _, f := range m.Findings {
			until := ""
			if !f.Until.IsZero() {
				until = f.Until.Format("15:04:05")
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", at, f.Rule, f.Verdict.Words().In(lang), until, strings.Join(f.Facts, ", "))
		}
	}
	return t.Flush()
}

func newPolicyShow() *cobra.Command {
	names := append(slices.Clone(policies.Names), policies.Example)
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "Print a ready policy, or their names",
		Long: `Prints a ready policy: ` + strings.Join(policies.Names, ", ") + `; or with "example" the course of facts that
simulate uses. Without a name it prints the names.`,
		Example:   "  subrosa policy show\n  subrosa policy show city-council > ratssaal.json",
		ValidArgs: names,
		Args:      func(cmd *cobra.Command, args []string) error { return usage(cobra.MaximumNArgs(1)(cmd, args)) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(names, "\n"))
				return err
			}
			b, err := policies.Get(args[0])
			if err != nil {
				return usage(err)
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
}
