package compliance

import (
	"subrosa/firmware/conference/dsk"
)

var probes = Text{"Selbstprüfungen der Konferenz", "probes of the conference by itself"}

// Conference returns the rows on video conferences, for Catalogue.With. None is ever proposed as Yes: a conference sees its own
// settings and neither people nor their devices.
func Conference() (rows []Requirement) {
	for _, r := range dsk.Rules {
		p := Part{ID: r.ID + ".1", Text: Text(r.Expected), Rest: Text(r.Evidence)}
		if r.Probe == dsk.API {
			p.Measure, p.Measured, p.Evidence = InPart, Text(r.Evidence), []string{dsk.KindChecked}
			p.Rest = Text{"Alles, was die Konferenz nicht von sich selbst sieht: Menschen, ihre Geräte, Verträge.", "All that a conference does not see of itself: people, their devices, contracts."}
			p.Judge = func(f *Figures) Tally {
				t := Tally{Of: probes}
				for _, c := range f.Conference[r.ID] {
					t.Total, t.Checked = t.Total+1, t.Checked+1
					if c {
						t.Met++
					}
				}
				return t
			}
		}
		rows = append(rows, Requirement{ID: r.ID, Title: r.Title + " (" + r.Source + ")", Source: DSK, Parts: []Part{p}})
	}
	return rows
}

// conference takes what a conference has seen of itself.
func (r *reader) conference(e Numbered, in bool) {
	var p dsk.Report
	if !r.payload(e, in, &p) || !in {
		return
	}
	for _, c := range p.Checks {
		if r.f.Conference == nil {
			r.f.Conference = map[string][]bool{}
		}
		r.f.Conference[c.ID] = append(r.f.Conference[c.ID], c.OK)
	}
}
