package veo

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Act is what happens to one requirement.
type Act string

// Acts.
const (
	Write   Act = "write"   // the proposal goes in
	Same    Act = "same"    // it is there already
	Kept    Act = "kept"    // people have decided otherwise, or have written a statement; it stays
	Missing Act = "missing" // the client has no such requirement, or has not modelled it for the target
	Written Act = "written" // done
)

// Step is one requirement of a plan.
type Step struct {
	Entry
	Act    Act
	Before string // status that is there; "" if Missing
	Why    string // slug: no-control, not-modelled, several, decided, statement

	control string // the client's identifier
}

// words are the statuses as the German check has them.
var words = map[string]string{"YES": "ja", "NO": "nein", "PARTIAL": "teilweise", "N_A": "entbehrlich", "UNKNOWN": "nicht gemessen"}

// Opening is how a statement begins that this program proposes. It names the proposed status, so that what a person has
// decided since can be told from what was only proposed.
func Opening(period, status string) string {
	return "subrosa, " + period + ": Vorschlag „" + words[status] + "“."
}

var openingForm = regexp.MustCompile(`^subrosa, [^:\n]*: Vorschlag „([a-z ]+)“\.`)

// undecided reports whether what is there was proposed by this program and nobody has changed the status since.
func undecided(there implementation) bool {
	m := openingForm.FindStringSubmatch(there.Statement)
	return m != nil && m[1] == words[there.Status]
}

// decide compares an entry with what is there. Status UNKNOWN is nobody's decision; neither is what was only proposed.
func decide(e Entry, there implementation, overwrite bool) (Act, string) {
	switch {
	case there.Status == e.Status && there.Statement == e.Statement:
		return Same, ""
	case overwrite || undecided(there):
		return Write, ""
	case there.Status != "" && there.Status != "UNKNOWN":
		return Kept, "decided"
	case there.Statement != "":
		return Kept, "statement"
	}
	return Write, ""
}

// implementation is a RequirementImplementationDto: what is looked at, and all of it as it came.
type implementation struct {
	Status    string `json:"status"`
	Statement string `json:"implementationStatement"`

	all  map[string]json.RawMessage
	etag string
}

func parseImplementation(b []byte, etag string) (i implementation, err error) {
	if err = json.Unmarshal(b, &i); err == nil {
		err = json.Unmarshal(b, &i.all)
	}
	if err != nil || i.all == nil {
		return i, fmt.Errorf("veo: the server's answer is no requirement implementation: %w", err)
	}
	i.etag = etag
	return i, nil
}

// with returns the whole state with the entry in it, as PUT wants it.
func (i implementation) with(e Entry) ([]byte, error) {
	out := map[string]json.RawMessage{}
	for k, v := range i.all {
		if !strings.HasPrefix(k, "_") { // _self and what else is the server's own
			out[k] = v
		}
	}
	for k, v := range map[string]string{"status": e.Status, "implementationStatement": e.Statement} {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("veo: %w", err)
		}
		out[k] = b
	}
	if _, ok := out["origination"]; !ok {
		out["origination"] = json.RawMessage(`"` + e.Origination + `"`)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("veo: %w", err)
	}
	return b, nil
}
