package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"subrosa/firmware/alarm"
	"subrosa/firmware/policy"
	"subrosa/firmware/session"
)

func newPolicyExplain() *cobra.Command {
	var rule, lang string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Say in plain words what each rule demands",
		Long: `Says what each rule demands, when it counts, what follows, who may decide otherwise, which requirement it
serves, and by what its facts are measured. "Not measured" means that this version has no source for the fact: the
rule is never reported as kept because of it. Whether one unit has the source also depends on what is wired to it.

Exit codes: 0 ok, 1 there is no such rule, 2 the policy could not be read, 64 wrong usage.`,
		Example: "  subrosa policy explain ratssaal.json\n  subrosa policy explain ratssaal.json --rule windows --lang en",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLang(lang); err != nil {
				return err
			}
			p, err := loadPolicy(args[0])
			if err != nil {
				return err
			}
			rules := p.Rules
			if rule != "" {
				r := p.Rule(rule)
				if r == nil {
					return fmt.Errorf("%s has no rule %q", args[0], rule)
				}
				rules = []policy.Rule{*r}
			}
			if asJSON {
				return explainJSON(cmd.OutOrStdout(), rules, lang)
			}
			return explain(cmd.OutOrStdout(), p, rules, lang)
		},
	}
	cmd.Flags().StringVar(&rule, "rule", "", "only the rule of this `id`")
	cmd.Flags().StringVar(&lang, "lang", "de", "language: de or en")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON per rule")
	complete(cmd, "lang", "de", "en")
	return cmd
}

// explained is one rule of policy explain --json.
type explained struct {
	Rule         string                 `json:"rule"`
	Text         string                 `json:"text"`
	Condition    string                 `json:"condition"`
	Words        string                 `json:"words"` // the condition
	States       []session.State        `json:"states"`
	Kinds        []policy.Kind          `json:"kinds"`
	GraceS       float64                `json:"grace_s"`
	Reactions    []explainedReaction    `json:"reactions"`
	Override     *explainedOverride     `json:"override,omitempty"`
	Requirements []explainedRequirement `json:"requirements"`
	Facts        []explainedFact        `json:"facts"`
}

type explainedReaction struct {
	Reaction policy.Reaction `json:"reaction"`
	Text     string          `json:"text"`
}

type explainedOverride struct {
	Roles   []session.Role   `json:"roles"`
	Reasons []session.Reason `json:"reasons"`
	ForS    float64          `json:"for_s"`
}

type explainedRequirement struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

type explainedFact struct {
	Fact     string        `json:"fact"`
	Text     string        `json:"text"`
	Source   policy.Source `json:"source"`
	Measured bool          `json:"measured"` // this version has the source
}

func explainRule(r *policy.Rule, lang string) explained {
	x := explained{Rule: r.ID, Text: r.Text.In(lang), Condition: r.Condition, Words: r.Words(lang), States: r.States, Kinds: r.Kinds,
		GraceS: r.Grace.Seconds()}
	for _, a := range r.Reactions {
		x.Reactions = append(x.Reactions, explainedReaction{a, a.Words().In(lang)})
	}
	if o := r.Override; o != nil {
		x.Override = &explainedOverride{o.Roles, o.Reasons, o.For.Seconds()}
	}
	for _, id := range r.Serves {
		q, _ := policy.RequirementOf(id)
		x.Requirements = append(x.Requirements, explainedRequirement{id, q.Text.In(lang)})
	}
	for _, name := range r.Facts() {
		f, _ := policy.FactOf(name)
		x.Facts = append(x.Facts, explainedFact{name, f.Text.In(lang), f.Source, f.Source.Exists()})
	}
	return x
}

func explainJSON(w io.Writer, rules []policy.Rule, lang string) error {
	enc := json.NewEncoder(w)
	for i := range rules {
		if err := enc.Encode(explainRule(&rules[i], lang)); err != nil {
			return err
		}
	}
	return nil
}

func explain(w io.Writer, p *policy.Policy, rules []policy.Rule, lang string) error {
	var b strings.Builder
	say := func(de, en string) string { return policy.Text{DE: de, EN: en}.In(lang) }
	fmt.Fprintf(&b, "%s: %s\n", p.ID, p.Text.In(lang))
	fmt.Fprintf(&b, say("Höchste Stufe: %s. Prüfsumme: %s\n", "Highest level: %s. Hash: %s\n"), p.Highest.Words().In(lang), p.Hash)
	for i := range rules {
		r := &rules[i]
		x := explainRule(r, lang)
		fmt.Fprintf(&b, "\n%s: %s\n", r.ID, x.Text)
		line := func(de, en, text string) { fmt.Fprintf(&b, "  %-13s %s\n", say(de, en)+":", text) }
		line("Bedingung", "Condition", x.Words)
		line("Gilt in", "Counts in", join(r.States, ", ", func(s session.State) string { return policy.StateWords(s).In(lang) })+" ("+
			join(r.Kinds, ", ", func(k policy.Kind) string { return k.Words().In(lang) })+")")
		if r.Grace > 0 {
			line("Frist", "Grace", policy.Duration(r.Grace))
		}
		line("Folge", "Reaction", join(r.Reactions, "; ", func(a policy.Reaction) string {
			return a.Words().In(lang)
		}))
		line("Ausnahme", "Exception", override(r.Override, lang))
		line("Dient", "Serves", join(x.Requirements, "; ", func(q explainedRequirement) string { return q.ID + " (" + q.Text + ")" }))
		for _, f := range x.Facts {
			line("Tatsache", "Fact", f.Fact+": "+f.Text+"; "+measuredBy(f, lang))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func measuredBy(f explainedFact, lang string) string {
	if f.Measured {
		return policy.Text{DE: "Quelle: ", EN: "source: "}.In(lang) + f.Source.Words().In(lang)
	}
	return policy.Text{DE: "in dieser Version nicht gemessen, vorgesehen: ", EN: "not measured in this version, planned: "}.In(lang) + f.Source.Words().In(lang)
}

func override(o *policy.Override, lang string) string {
	if o == nil {
		return policy.Text{DE: "niemand", EN: "nobody"}.In(lang)
	}
	return join(o.Roles, ", ", func(r session.Role) string { return roleWords(r, lang) }) + ": " +
		join(o.Reasons, ", ", func(r session.Reason) string { t := r.Words(); return policy.Text{DE: t.DE, EN: t.EN}.In(lang) }) + "; " + policy.Duration(o.For)
}

func roleWords(r session.Role, lang string) string {
	for _, w := range alarm.Roles() {
		if w.Slug == string(r) {
			return policy.Text{DE: w.DE, EN: w.EN}.In(lang)
		}
	}
	return string(r)
}

func join[T any](list []T, sep string, f func(T) string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = f(v)
	}
	return strings.Join(words, sep)
}
