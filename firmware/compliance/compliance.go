// Package compliance says what a room's journal can contribute to a check against requirements: per part of a
// requirement a proposed status with the figures it rests on. It is pure: entries and period are arguments.
//
// The unit proposes, a person decides. Three things hold whatever the journal says:
//
//   - A part that the unit measures only in part, or that is a matter of organisation, is never proposed as Yes.
//   - A part is Yes only if every case of the period was examined and every one was in order.
//   - Exempt is never proposed: only a person, with a reason, may do without a requirement.
//
// Which requirements there are is a Catalogue, an ordinary slice. A package that measures something new hands its rows to
// Catalogue.With; nothing registers itself.
package compliance

import (
	"fmt"
	"slices"
	"time"

	"subrosa/firmware/journal"
)

// Text is a text in the languages of the exports.
type Text struct{ DE, EN string }

// In returns the text in lang, "en" or anything else for German.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.EN
	}
	return t.DE
}

// Status of a requirement or of a part of it. The slugs are those of the German check.
type Status string

const (
	Yes        Status = "ja"
	Partly     Status = "teilweise"
	No         Status = "nein"
	Exempt     Status = "entbehrlich" // a person's decision; never proposed
	Unmeasured Status = "nicht-gemessen"
)

// Statuses lists them in the order of a drop-down.
var Statuses = []Status{Yes, Partly, No, Exempt, Unmeasured}

// Text returns the word for people.
func (s Status) Text(lang string) string {
	switch {
	case lang != "en" && s == Unmeasured:
		return "nicht gemessen"
	case lang != "en":
		return string(s)
	}
	return map[Status]string{Yes: "yes", Partly: "partly", No: "no", Exempt: "dispensable", Unmeasured: "not measured"}[s]
}

// Measure says how much of a part the unit can measure.
type Measure int

const (
	Organisational Measure = iota // nothing: people see to it
	InPart                        // something of it; never Yes
	Full                          // all that the part's own text says
)

// Text returns the word for people.
func (m Measure) Text(lang string) string {
	return [...]Text{{"organisatorisch", "organisational"}, {"zum Teil messbar", "measured in part"}, {"messbar", "measured"}}[m].In(lang)
}

// Source is where a requirement comes from.
type Source string

const (
	Edition2023 Source = "grundschutz-2023" // IT-Grundschutz-Kompendium, Edition 2023
	Plus        Source = "grundschutz++"    // BSI, Stand-der-Technik-Bibliothek
	House       Source = "hausregel"        // the room's own rule, no requirement of the BSI
	DSK         Source = "dsk-konferenz"    // guidance of the data protection authorities on video conferences
)

// Text returns the source's name.
func (s Source) Text(lang string) string {
	return map[Source]Text{
		Edition2023: {"IT-Grundschutz-Kompendium, Edition 2023", "IT-Grundschutz compendium, edition 2023"},
		Plus:        {"Grundschutz++ (Stand-der-Technik-Bibliothek des BSI)", "Grundschutz++ (state of the art library of the BSI)"},
		House:       {"Hausregel (keine Anforderung des BSI)", "House rule (no requirement of the BSI)"},
		DSK:         {"Videokonferenz (DSK-Orientierungshilfe 23.10.2020, APP.5.4, KONF)", "Video conference (DSK guidance of 23 October 2020, APP.5.4, KONF)"},
	}[s].In(lang)
}

// Requirement is one row of the check.
type Requirement struct {
	ID     string // as its source writes it: INF.10.A3
	Title  string // its official German title; a fact, not a text
	Level  string // B, S, H; SOLLTE or KANN with Plus; empty for a house rule
	Source Source
	Parts  []Part
}

// Part is a piece of a requirement that is judged by itself.
type Part struct {
	ID       string // INF.10.A3.1
	Text     Text   // what it asks for, in our own words
	Measure  Measure
	Measured Text     // what the unit measures of it; empty with Organisational
	Rest     Text     // what stays for people; empty if nothing does
	Evidence []string // kinds of journal entries that bear on it
	// Judge counts cases; nil with Organisational.
	Judge func(*Figures) Tally
}

// Tally is what was counted for a part: of Total cases in the period Checked could be examined, and Met of those were in
// order. 0 ≤ Met ≤ Checked ≤ Total.
type Tally struct {
	Met, Checked, Total int
	Of                  Text // what the cases are: "nichtöffentliche Teile"
}

// Status is the status that t proposes for a part of which the unit measures m.
func (t Tally) Status(m Measure) Status {
	switch {
	case m == Organisational || t.Checked <= 0:
		return Unmeasured
	case t.Met <= 0:
		return No
	case m == Full && t.Met == t.Checked && t.Checked == t.Total:
		return Yes
	}
	return Partly
}

// Text says the tally in one line.
func (t Tally) Text(lang string) string {
	if t.Total == 0 && t.Of == (Text{}) {
		return Text{"nicht gemessen", "not measured"}.In(lang)
	}
	if t.Total == 0 {
		return fmt.Sprintf(Text{"nicht gemessen, bei 0 %s im Zeitraum", "not measured, with 0 %s in the period"}.In(lang), t.Of.In(lang))
	}
	form := "%d von %d %s geprüft, davon %d in Ordnung"
	if lang == "en" {
		form = "%d of %d %s examined, %d of them in order"
	}
	return fmt.Sprintf(form, t.Checked, t.Total, t.Of.In(lang), t.Met)
}

// Catalogue is a table of requirements, in the order of the exports.
type Catalogue []Requirement

// With returns the catalogue with more rows: new requirements at the end, parts of known ones (same ID) behind the parts
// that are there. A part with the ID of a present one takes its place.
func (c Catalogue) With(rows ...Requirement) Catalogue {
	out := make(Catalogue, len(c), len(c)+len(rows))
	for i, r := range c {
		r.Parts = slices.Clone(r.Parts)
		out[i] = r
	}
	for _, r := range rows {
		i := slices.IndexFunc(out, func(o Requirement) bool { return o.ID == r.ID })
		if i < 0 {
			r.Parts = slices.Clone(r.Parts)
			out = append(out, r)
			continue
		}
		for _, p := range r.Parts {
			if j := slices.IndexFunc(out[i].Parts, func(o Part) bool { return o.ID == p.ID }); j >= 0 {
				out[i].Parts[j] = p
			} else {
				out[i].Parts = append(out[i].Parts, p)
			}
		}
	}
	return out
}

// Check reports the first row that contradicts itself.
func (c Catalogue) Check() error {
	seen := map[string]bool{}
	for _, r := range c {
		if r.ID == "" || r.Title == "" || r.Source.Text("de") == "" || len(r.Parts) == 0 {
			return fmt.Errorf("compliance: requirement %q lacks its title, source or parts", r.ID)
		}
		for _, p := range r.Parts {
			switch {
			case p.ID == "" || seen[p.ID]:
				return fmt.Errorf("compliance: %s: part %q is there twice or has no id", r.ID, p.ID)
			case p.Text.DE == "" || p.Text.EN == "":
				return fmt.Errorf("compliance: part %s has no text", p.ID)
			case (p.Judge == nil) != (p.Measure == Organisational):
				return fmt.Errorf("compliance: part %s is %s; that and its judge contradict each other", p.ID, p.Measure.Text("en"))
			case p.Judge != nil && (p.Measured.DE == "" || len(p.Evidence) == 0):
				return fmt.Errorf("compliance: part %s does not say what it measures, or by which entries", p.ID)
			case p.Measure != Full && p.Rest.DE == "":
				return fmt.Errorf("compliance: part %s does not say what stays for people", p.ID)
			}
			seen[p.ID] = true
		}
	}
	return nil
}

// Period is a span of time, From included, To excluded.
type Period struct{ From, To time.Time }

// Holds reports whether t lies in the period.
func (p Period) Holds(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

// Numbered is an entry with its number in the journal.
type Numbered struct {
	Seq uint64
	journal.Entry
}

// Assessment is the whole check of one room and period.
type Assessment struct {
	Figures Figures
	Results []Result
}

// Result is one row.
type Result struct {
	Requirement
	Status Status
	Parts  []PartResult // in the order of Requirement.Parts
}

// PartResult is the proposal for one part.
type PartResult struct {
	Part
	Status  Status
	Tally   Tally
	Entries Evidence // those of the part's kinds in the period
}

// Assess judges the entries of one journal, oldest first. It wants them from the beginning of the journal, not of the
// period: what a contact said last counts until it says something else. A catalogue that contradicts itself is an error.
func Assess(entries []Numbered, period Period, catalogue Catalogue) (Assessment, error) {
	if err := catalogue.Check(); err != nil {
		return Assessment{}, err
	}
	if !period.To.After(period.From) {
		return Assessment{}, fmt.Errorf("compliance: the period ends at %s, before it begins", period.To.Format(time.DateOnly))
	}
	a := Assessment{Figures: read(entries, period)}
	for _, r := range catalogue {
		res := Result{Requirement: r}
		for _, p := range r.Parts {
			pr := PartResult{Part: p}
			if p.Judge != nil {
				pr.Tally = p.Judge(&a.Figures)
			}
			pr.Status = pr.Tally.Status(p.Measure)
			for _, kind := range p.Evidence {
				pr.Entries.join(a.Figures.Kinds[kind])
			}
			res.Parts = append(res.Parts, pr)
		}
		res.Status = sum(res.Parts)
		a.Results = append(a.Results, res)
	}
	return a, nil
}

// sum is the status of a requirement: Yes only if every part is.
func sum(parts []PartResult) Status {
	count := map[Status]int{}
	for _, p := range parts {
		count[p.Status]++
	}
	switch {
	case count[Yes] == len(parts):
		return Yes
	case count[Unmeasured] == len(parts):
		return Unmeasured
	case count[Yes]+count[Partly] > 0:
		return Partly
	}
	return No
}

// Measured returns how many of the result's parts were measured at all.
func (r Result) Measured() int {
	n := 0
	for _, p := range r.Parts {
		if p.Status != Unmeasured {
			n++
		}
	}
	return n
}
