package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"subrosa/firmware/roster"
)

// Declared is the data of room/{room}/conference/declared: what those who take part in the conference from elsewhere have said of
// their own room. Pseudonymous ids, as on the roster, for the unit; empty again when the call is over.
type Declared struct {
	Version uint64 `json:"version,omitempty"`
	Asked   int    `json:"asked"` // members in the call that are not in the hall
	Said    []Said `json:"said,omitempty"`
}

// Said is a member's word that nobody else is in their room, or that somebody is.
type Said struct {
	Member string `json:"member"`
	Alone  bool   `json:"alone"`
}

// ReadDeclared reads and checks it.
func ReadDeclared(b []byte) (Declared, error) {
	var d Declared
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return d, fmt.Errorf("report: declared: %w", err)
	}
	if d.Asked < 0 || d.Asked > 1000 || len(d.Said) > d.Asked {
		return d, fmt.Errorf("report: declared: %d said, %d asked", len(d.Said), d.Asked)
	}
	seen := map[string]bool{}
	for _, s := range d.Said {
		if !roster.ValidID(s.Member) || seen[s.Member] {
			return d, errors.New("report: declared: a member is no id, or there twice")
		}
		seen[s.Member] = true
	}
	return d, nil
}

// Tally counts the words.
func (d Declared) Tally() (alone, not int) {
	for _, s := range d.Said {
		if s.Alone {
			alone++
		} else {
			not++
		}
	}
	return alone, not
}
