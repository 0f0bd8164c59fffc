// Package export writes what a city files about a room and a period: a report to sign, a Grundschutz check as a table, OSCAL
// documents and a patch for verinice.veo. It is pure: an assessment in, files out, and the same assessment always gives the same
// bytes, so that a second export shows whether anything has changed.
//
// Nothing in it tells persons apart. Every proposed status stands beside what it rests on, and beside it is room for the decision of
// the information security officer, which alone counts.
package export

import (
	"fmt"
	"path"
	"slices"
	"time"

	"subrosa/firmware/compliance"
	"subrosa/firmware/oscal"
)

// About is what the journal does not know.
type About struct {
	Room         string // id
	Name         string // of the room, for people; "": the id
	Organisation string // "": left to be filled in by hand
	// Fingerprint of the room's key and Checkpoint of the journal, one line each; "": a line to be filled in by hand.
	Fingerprint, Checkpoint string
}

// File is one file of an export. Name has slashes.
type File struct {
	Name string
	Data []byte
}

// Folder is where the evidence bundle belongs, beside the other files.
const Folder = "nachweis"

// Files returns all files of an export, in a fixed order. OSCAL documents that NIST's schema refuses, or that refer to
// nothing, are an error.
func Files(a compliance.Assessment, about About) ([]File, error) {
	if about.Room == "" {
		return nil, fmt.Errorf("export: no room is named")
	}
	if about.Name == "" {
		about.Name = about.Room
	}
	e := export{a, about, a.Figures.Period.From.Location()}
	var files []File
	for _, step := range []struct {
		name string
		make func() ([]byte, error)
	}{
		{"bericht.pdf", e.report},
		{"grundschutz-check.xlsx", e.workbook},
		{"grundschutz-check.csv", e.csv},
		{"verinice-veo.json", e.veo},
		{path.Join(Folder, "LIESMICH.txt"), e.readme},
	} {
		b, err := step.make()
		if err != nil {
			return nil, fmt.Errorf("export: %s: %w", step.name, err)
		}
		files = append(files, File{step.name, b})
	}
	docs, err := e.oscal()
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return slices.Concat(files, docs), nil
}

// export is what every writer needs.
type export struct {
	compliance.Assessment
	about About
	zone  *time.Location
}

func (e *export) readme() ([]byte, error) {
	return fmt.Appendf(nil, `In diesen Ordner gehört das Nachweispaket (ZIP) für %s, %s, mit den Einträgen des Protokolls und ihren Beweisen.
Es liegt hier, wenn der Export es mitgenommen hat (--bundle), sonst dort, wohin es geschrieben wurde (subrosa bundle). Ohne das Paket zeigt
der Export nur Zahlen; belegt sind sie erst mit ihm.

The evidence bundle belongs into this folder. It lies here if the export took it along (--bundle), else where it was written to (subrosa bundle). Without it the
export shows figures, and proves nothing.
`, e.about.Name, e.period()), nil
}

// oscal returns the OSCAL documents with the controls they name.
func (e *export) oscal() ([]File, error) {
	controls, licence := oscal.RoomControls()
	ids, err := oscal.ControlIDs(controls)
	if err != nil {
		return nil, err
	}
	files := []File{{"oscal/" + controlsFile, controls}, {"oscal/" + licenceFile, licence}}
	set := oscal.Set{Documents: map[string][]byte{}, Files: []string{controlsFile, licenceFile, "../" + Folder + "/LIESMICH.txt"}, Controls: map[string]bool{}}
	for _, r := range e.Results {
		if title := ids[r.ID]; r.Source == compliance.Plus && title != r.Title {
			return nil, fmt.Errorf("%s is called %q in the BSI's catalogue, here %q", r.ID, title, r.Title)
		}
		set.Controls[r.ID] = true
	}
	for _, d := range []struct {
		name string
		doc  oscal.Document
	}{
		{planFile, oscal.Document{Plan: e.plan()}},
		{"assessment-results.json", oscal.Document{Results: e.results()}},
		{"poam.json", oscal.Document{POAM: e.poam()}},
		{"component-definition.json", oscal.Document{Component: e.component()}},
	} {
		b, err := d.doc.Encode()
		if err != nil {
			return nil, err
		}
		if err := oscal.Validate(b); err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		set.Documents[d.name] = b
		files = append(files, File{"oscal/" + d.name, b})
	}
	return files, set.Check()
}
