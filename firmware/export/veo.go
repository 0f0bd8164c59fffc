package export

import (
	"encoding/json"
	"fmt"
	"strings"

	"subrosa/firmware/compliance"
)

// veoStatus are the values of ImplementationStatus in verinice.veo 0.80 (github.com/SerNet/verinice-veo, commit 77d1505).
var veoStatus = map[compliance.Status]string{
	compliance.Yes: "YES", compliance.Partly: "PARTIAL", compliance.No: "NO", compliance.Exempt: "N_A", compliance.Unmeasured: "UNKNOWN",
}

// veoPatch is a small document of our own: which requirement of which target object gets which state. A program that knows the
// client resolves the abbreviations and writes each entry with GET and PUT
// /{type}/{id}/requirement-implementations/{controlId} (If-Match: the ETag of GET). Whole dumps of a unit would need identifiers of the
// client's own.
type veoPatch struct {
	Format string     `json:"format"`
	Target veoTarget  `json:"target"`
	Notice string     `json:"notice"`
	Set    []veoEntry `json:"requirement_implementations"`
}

type veoTarget struct {
	Abbreviation string `json:"abbreviation"`
	Name         string `json:"name"`
}

type veoEntry struct {
	Control     string `json:"control_abbreviation"`
	Status      string `json:"status"`
	Statement   string `json:"implementationStatement"`
	Origination string `json:"origination"`
}

// veo returns the patch. House rules and the list on conferences are no requirements of its catalogue and stay out; so does what was not measured, which must not overwrite what
// people have entered.
func (e *export) veo() ([]byte, error) {
	p := veoPatch{Format: "subrosa-veo-patch/1", Target: veoTarget{e.about.Room, e.about.Name}, Notice: proposal, Set: []veoEntry{}}
	for _, r := range e.Results {
		if r.Source == compliance.House || r.Source == compliance.DSK || r.Status == compliance.Unmeasured {
			continue
		}
		lines := []string{fmt.Sprintf("subrosa, %s: Messwerte zu %d von %d Teilen.", e.period(), r.Measured(), len(r.Parts))}
		for _, part := range r.Parts {
			lines = append(lines, fmt.Sprintf("%s %s: %s; %s.", part.ID, part.Text.DE, part.Status.Text("de"), coverage(part)))
		}
		p.Set = append(p.Set, veoEntry{r.ID, veoStatus[r.Status], strings.Join(append(lines, proposal), "\n"), "SYSTEM_SPECIFIC"})
	}
	b, err := json.MarshalIndent(p, "", "  ")
	return append(b, '\n'), err
}
