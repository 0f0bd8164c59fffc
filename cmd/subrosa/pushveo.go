package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"subrosa/firmware/veo"
)

// pushVeoFlags are those of push-veo.
type pushVeoFlags struct {
	url, token, unit, kind, target string
	write, overwrite, json         bool
}

func newPushVeoCommand() *cobra.Command {
	var f pushVeoFlags
	cmd := &cobra.Command{
		Use:   "push-veo verinice-veo.json --url URL --token FILE",
		Short: "Write an export's proposals into verinice.veo",
		Long: `Shows what the patch of an export would change in verinice.veo, and with --write changes it. The target object is the
one whose abbreviation is the room's id (or --target), requirements are found by theirs. What people have decided or written
stays, unless --overwrite: a status other than UNKNOWN, or a statement, that this command has not proposed itself. Responsible
persons, dates and costs always stay.

--token is a file with an access token of the server's identity provider, readable by you alone.

Exit codes: 0 shown, or written; 1 failed, what was written stays; 2 patch or token could not be read; 64 wrong usage.`,
		Example: `  subrosa push-veo november/verinice-veo.json --url https://api.verinice.example/veo --token veo.token
  subrosa push-veo november/verinice-veo.json --url https://api.verinice.example/veo --token veo.token --target RS-01 --write`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.url, "url", "", "address of the `API`")
	fl.StringVar(&f.token, "token", "", "`file` with the access token")
	fl.StringVar(&f.unit, "unit", "", "`identifier` of the unit in veo, if abbreviations are there several times")
	fl.StringVar(&f.kind, "type", "assets", "`type` of the target object: assets, processes or scopes")
	fl.StringVar(&f.target, "target", "", "`abbreviation` of the target object, if it is not the room's id")
	fl.BoolVar(&f.write, "write", false, "write; without, only show")
	fl.BoolVar(&f.overwrite, "overwrite", false, "also what people have decided")
	fl.BoolVar(&f.json, "json", false, "one line of JSON for each requirement")
	complete(cmd, "type", veo.Types...)
	return cmd
}

func (f *pushVeoFlags) run(cmd *cobra.Command, name string) error {
	if f.url == "" {
		return usage(errors.New("--url is missing"))
	}
	token, err := readSecret("--token", f.token)
	if err != nil {
		return err
	}
	c, err := veo.New(veo.Options{URL: f.url, Token: token, Unit: f.unit, Type: f.kind, Overwrite: f.overwrite})
	if err != nil {
		return usage(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return exit{exitInput, err}
	}
	p, err := veo.Parse(b)
	if err != nil {
		return exit{exitInput, fmt.Errorf("%s: %w", name, err)}
	}
	if f.target != "" {
		p.Target.Abbreviation = f.target
	}
	plan, err := c.Plan(cmd.Context(), p)
	if err != nil {
		return err
	}
	if !f.write {
		return f.tell(cmd.OutOrStdout(), plan)
	}
	done := plan
	done.Steps = nil
	err = c.Push(cmd.Context(), plan, func(s veo.Step) { done.Steps = append(done.Steps, s) })
	return errors.Join(err, f.tell(cmd.OutOrStdout(), done))
}

// told is a step as --json tells it.
type told struct {
	Requirement string `json:"requirement"`
	Act         string `json:"act"`
	Why         string `json:"why,omitempty"`
	Before      string `json:"before,omitempty"`
	Status      string `json:"status"`
}

// veoWords say a step's slugs, German as all that officers read.
var veoWords = map[string]string{
	"write": "würde geschrieben", "same": "steht schon so da", "kept": "bleibt", "missing": "fehlt", "written": "geschrieben",
	"decided": "von Menschen entschieden", "statement": "von Menschen beschrieben", "no-control": "Anforderung nicht in veo", "several": "Kürzel mehrfach: --unit",
	"not-modelled": "für das Zielobjekt nicht modelliert",
}

func (f *pushVeoFlags) tell(w io.Writer, plan veo.Plan) error {
	if f.json {
		e := json.NewEncoder(w)
		for _, s := range plan.Steps {
			if err := e.Encode(told{s.Control, string(s.Act), s.Why, s.Before, s.Status}); err != nil {
				return err
			}
		}
		return nil
	}
	count := map[veo.Act]int{}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range plan.Steps {
		count[s.Act]++
		before := s.Before
		if before == "" {
			before = "–"
		}
		fmt.Fprintf(t, "%s\t%s → %s\t%s\t%s\n", s.Control, before, s.Status, veoWords[string(s.Act)], veoWords[s.Why])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if f.write {
		_, err := fmt.Fprintf(w, "%s: %d geschrieben, %d unverändert, %d fehlen.\n", plan.Name, count[veo.Written], count[veo.Same]+count[veo.Kept], count[veo.Missing])
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %d würden geschrieben (mit --write), %d bleiben, %d fehlen. Geschrieben wurde nichts.\n",
		plan.Name, count[veo.Write], count[veo.Same]+count[veo.Kept], count[veo.Missing])
	return err
}
