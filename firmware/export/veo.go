package export

import (
	"encoding/json"
	"fmt"
	"strings"

	"subrosa/firmware/compliance"
	"subrosa/firmware/veo"
)

// veoStatus are the values of ImplementationStatus in verinice.veo 0.80 (github.com/SerNet/verinice-veo, commit 77d1505).
var veoStatus = map[compliance.Status]string{
	compliance.Yes: "YES", compliance.Partly: "PARTIAL", compliance.No: "NO", compliance.Exempt: "N_A", compliance.Unmeasured: "UNKNOWN",
}

// veo returns the patch that "subrosa push-veo" writes; see package veo. House rules and the list on conferences are no
// requirements of its catalogue and stay out; so does what was not measured, which must not overwrite what people have entered.
func (e *export) veo() ([]byte, error) {
	p := veo.Patch{Format: veo.Format, Target: veo.Target{Abbreviation: e.about.Room, Name: e.about.Name}, Notice: proposal, Set: []veo.Entry{}}
	for _, r := range e.Results {
		if r.Source == compliance.House || r.Source == compliance.DSK || r.Status == compliance.Unmeasured {
			continue
		}
		lines := []string{veo.Opening(e.period(), veoStatus[r.Status]) + fmt.Sprintf(" Messwerte zu %d von %d Teilen.", r.Measured(), len(r.Parts))}
		for _, part := range r.Parts {
			lines = append(lines, fmt.Sprintf("%s %s: %s; %s.", part.ID, part.Text.DE, part.Status.Text("de"), coverage(part)))
		}
		p.Set = append(p.Set, veo.Entry{Control: r.ID, Status: veoStatus[r.Status],
			Statement: strings.Join(append(lines, proposal), "\n"), Origination: "SYSTEM_SPECIFIC"})
	}
	b, err := json.MarshalIndent(p, "", "  ")
	return append(b, '\n'), err
}
