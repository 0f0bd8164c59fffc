// Package veo writes what a room contributes to a Grundschutz check into verinice.veo, over its REST API.
//
// What is written is a Patch: which requirement of which target object gets which state. Target and requirements are named by
// their abbreviations, for the client's own identifiers are known to its server alone. A Plan says, before anything is
// written, what would change and what would not: what people have decided stays, unless they say otherwise.
//
// The API is that of SerNet/verinice-veo, commit 77d1505 (version 0.80.3); its source is AGPL and was read, not copied. Of it:
//
//	GET /{type}?unit=&abbreviation=&size=&page=                  AssetController.java:168, ControlController.java:117
//	    {"items":[{"id","name","abbreviation",…}],"totalItemCount","pageCount","page"}   PageDto.java
//	GET /{type}/{id}/requirement-implementations/{controlId}     RiskAffectedResource.java:58, with an ETag
//	PUT the same, If-Match: that ETag → 204, 412 if it has changed   RiskAffectedResource.java:72
//
// PUT replaces the whole state of a requirement's implementation, so everything that GET gave is given back. The ETag is that
// of the target object and changes with every PUT to it: each PUT follows its own GET.
package veo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
)

// Format of a patch.
const Format = "subrosa-veo-patch/1"

// Statuses are the values of ImplementationStatus.
var Statuses = []string{"UNKNOWN", "YES", "NO", "PARTIAL", "N_A"}

// Patch is a small document of our own.
type Patch struct {
	Format string  `json:"format"`
	Target Target  `json:"target"`
	Notice string  `json:"notice"`
	Set    []Entry `json:"requirement_implementations"`
}

// Target is the object that has the requirements: the room.
type Target struct {
	Abbreviation string `json:"abbreviation"`
	Name         string `json:"name"`
}

// Entry is one requirement.
type Entry struct {
	Control     string `json:"control_abbreviation"`
	Status      string `json:"status"`
	Statement   string `json:"implementationStatement"`
	Origination string `json:"origination"`
}

// maxStatement is Constraints.DEFAULT_DESCRIPTION_MAX_LENGTH.
const maxStatement = 65535

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._ -]{0,119}$`)

// ErrForm is wrapped by errors about a patch that is none.
var ErrForm = errors.New("not a patch")

// Parse reads a patch strictly.
func Parse(b []byte) (Patch, error) {
	var p Patch
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("veo: %w: %w", ErrForm, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return p, fmt.Errorf("veo: %w: something follows it", ErrForm)
	}
	return p, p.check()
}

func (p Patch) check() error {
	if p.Format != Format {
		return fmt.Errorf("veo: %w: format %.40q, want %q", ErrForm, p.Format, Format)
	}
	if !nameForm.MatchString(p.Target.Abbreviation) {
		return fmt.Errorf("veo: %w: target %.40q", ErrForm, p.Target.Abbreviation)
	}
	seen := map[string]bool{}
	for _, e := range p.Set {
		switch {
		case !nameForm.MatchString(e.Control) || seen[e.Control]:
			return fmt.Errorf("veo: %w: requirement %.40q is there twice, or no name", ErrForm, e.Control)
		case !slices.Contains(Statuses, e.Status):
			return fmt.Errorf("veo: %w: %s: status %.40q", ErrForm, e.Control, e.Status)
		case e.Statement == "" || len(e.Statement) > maxStatement:
			return fmt.Errorf("veo: %w: %s: a statement of %d bytes", ErrForm, e.Control, len(e.Statement))
		case e.Origination != "SYSTEM_SPECIFIC":
			return fmt.Errorf("veo: %w: %s: origination %.40q", ErrForm, e.Control, e.Origination)
		}
		seen[e.Control] = true
	}
	return nil
}
