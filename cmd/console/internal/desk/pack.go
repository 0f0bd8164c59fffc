package desk

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"

	"subrosa/firmware/bundle"
	"subrosa/firmware/compliance"
	"subrosa/firmware/export"
	"subrosa/firmware/journal"
)

// pack writes the export into a ZIP: the files of "subrosa export", the bundle of the period, and what its verification
// has found.
func (d *Desk) pack(j *Job, whole, period []byte) ([]byte, error) {
	var entries []compliance.Numbered
	err := bundle.Read(whole, func(seq uint64, e journal.Entry) error {
		entries = append(entries, compliance.Numbered{Seq: seq, Entry: e})
		return nil
	})
	if err != nil {
		return nil, err
	}
	a, err := compliance.Assess(entries, j.Period, compliance.Default())
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(a.Figures.Rooms, func(r string) bool { return r != j.Room }) {
		return nil, fmt.Errorf("%w: %v", errRoom, a.Figures.Rooms)
	}
	files, err := export.Files(a, export.About{Room: j.Room, Name: j.Title, Organisation: d.o.Organisation, Fingerprint: j.Report.Key, Checkpoint: j.Report.Short})
	if err != nil {
		return nil, err
	}
	if period != nil {
		files = append(files, export.File{Name: export.Folder + "/" + j.Unit + "-" + span(j.Period) + ".zip", Data: period})
	}
	files = append(files, export.File{Name: export.Folder + "/PRUEFUNG.txt", Data: []byte(checked(j))})
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: a.Figures.Stand})
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("desk: %s: %w", f.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	return b.Bytes(), nil
}

// checked says in words what the verification of the bundle has found.
func checked(j *Job) string {
	return "Prüfung durch die Leitstelle. Anker „Papier“ sind Stände des Protokolls, die sie sich früher gemerkt hat.\n" +
		"Erneut und ohne die Leitstelle: subrosa verify BUNDLE.zip --key PIN\n\n" + j.Report.Text("de") +
		"\nChecked by the console. Anchors by \"paper\" are heads of the journal that it had seen earlier.\n\n" + j.Report.Text("en")
}
