// Package oscal writes the four documents of OSCAL 1.1.3 that an export consists of, and checks documents against NIST's
// schema, which lies beside it, and for references that lead nowhere, which no schema finds.
//
// Only what is written has a type here. A document has one key and no "$schema", which validators count as a second one.
package oscal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Version of OSCAL that is written: that of the catalogues of the BSI.
const Version = "1.1.3"

// Namespace of the properties that are ours.
const Namespace = "https://subrosa.example/ns/oscal"

// space is the name space of our identifiers: UUIDv5 of Namespace as a URL.
var space = uuid.NewSHA1(uuid.NameSpaceURL, []byte(Namespace))

// ID returns the identifier of what is named. The same name always has the same one, so that two exports can be compared.
func ID(name string) string { return uuid.NewSHA1(space, []byte(name)).String() }

// Document is one of the four, under its only key.
type Document struct {
	Plan      *Plan      `json:"assessment-plan,omitempty"`
	Results   *Results   `json:"assessment-results,omitempty"`
	POAM      *POAM      `json:"plan-of-action-and-milestones,omitempty"`
	Component *Component `json:"component-definition,omitempty"`
}

// Encode returns the document as it is written.
func (d Document) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("oscal: %w", err)
	}
	return append(b, '\n'), nil
}

// Plan is an assessment plan.
type Plan struct {
	UUID      string      `json:"uuid"`
	Metadata  Metadata    `json:"metadata"`
	ImportSSP Import      `json:"import-ssp"`
	Reviewed  Reviewed    `json:"reviewed-controls"`
	Subjects  []Subjects  `json:"assessment-subjects,omitempty"`
	Assets    *Assets     `json:"assessment-assets,omitempty"`
	Back      *BackMatter `json:"back-matter,omitempty"`
}

// Results are assessment results.
type Results struct {
	UUID     string      `json:"uuid"`
	Metadata Metadata    `json:"metadata"`
	ImportAP Import      `json:"import-ap"`
	Results  []Result    `json:"results"`
	Back     *BackMatter `json:"back-matter,omitempty"`
}

// POAM is a plan of action and milestones.
type POAM struct {
	UUID         string        `json:"uuid"`
	Metadata     Metadata      `json:"metadata"`
	SystemID     SystemID      `json:"system-id"`
	Local        *Local        `json:"local-definitions,omitempty"`
	Observations []Observation `json:"observations,omitempty"`
	Findings     []Finding     `json:"findings,omitempty"`
	Items        []Item        `json:"poam-items"`
	Back         *BackMatter   `json:"back-matter,omitempty"`
}

// Component is a component definition.
type Component struct {
	UUID       string             `json:"uuid"`
	Metadata   Metadata           `json:"metadata"`
	Components []DefinedComponent `json:"components"`
	Back       *BackMatter        `json:"back-matter,omitempty"`
}

// Metadata of a document.
type Metadata struct {
	Title        string     `json:"title"`
	LastModified time.Time  `json:"last-modified"`
	Version      string     `json:"version"`
	OSCAL        string     `json:"oscal-version"`
	Props        []Prop     `json:"props,omitempty"`
	Locations    []Location `json:"locations,omitempty"`
	Parties      []Party    `json:"parties,omitempty"`
	Remarks      string     `json:"remarks,omitempty"`
}

// Location is a room.
type Location struct {
	UUID  string `json:"uuid"`
	Title string `json:"title"`
	Props []Prop `json:"props,omitempty"`
}

// Party is an organisation; never a person.
type Party struct {
	UUID string `json:"uuid"`
	Type string `json:"type"` // organization
	Name string `json:"name"`
}

// Prop is a property. NS is Namespace for ours.
type Prop struct {
	Name  string `json:"name"`
	NS    string `json:"ns,omitempty"`
	Value string `json:"value"`
}

// Own returns a property of ours.
func Own(name, value string) Prop { return Prop{name, Namespace, value} }

// Import refers to another document, or to a resource as "#UUID".
type Import struct {
	Href    string `json:"href"`
	Remarks string `json:"remarks,omitempty"`
}

// Reviewed controls.
type Reviewed struct {
	Description string      `json:"description,omitempty"`
	Selections  []Selection `json:"control-selections"`
	Remarks     string      `json:"remarks,omitempty"`
}

// Selection of controls.
type Selection struct {
	Description string    `json:"description,omitempty"`
	Include     []Control `json:"include-controls,omitempty"`
}

// Control is a reference to one.
type Control struct {
	ID string `json:"control-id"`
}

// Subjects of an assessment.
type Subjects struct {
	Type    string    `json:"type"`
	Include []Subject `json:"include-subjects"`
}

// Subject is what was looked at.
type Subject struct {
	UUID string `json:"subject-uuid"`
	Type string `json:"type"`
}

// Assets are what assesses.
type Assets struct {
	Components []SystemComponent `json:"components,omitempty"`
	Platforms  []Platform        `json:"assessment-platforms"`
}

// Platform is a machine that assesses.
type Platform struct {
	UUID  string          `json:"uuid"`
	Title string          `json:"title"`
	Uses  []UsesComponent `json:"uses-components,omitempty"`
}

// UsesComponent refers to a component.
type UsesComponent struct {
	UUID string `json:"component-uuid"`
}

// SystemComponent is a component in use.
type SystemComponent struct {
	UUID        string `json:"uuid"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Status      struct {
		State string `json:"state"`
	} `json:"status"`
}

// Local definitions.
type Local struct {
	Components []SystemComponent `json:"components,omitempty"`
}

// Result is one period of one room.
type Result struct {
	UUID         string        `json:"uuid"`
	Title        string        `json:"title"`
	Description  string        `json:"description"`
	Start        time.Time     `json:"start"`
	End          time.Time     `json:"end"`
	Props        []Prop        `json:"props,omitempty"`
	Local        *Local        `json:"local-definitions,omitempty"`
	Reviewed     Reviewed      `json:"reviewed-controls"`
	Observations []Observation `json:"observations,omitempty"`
	Findings     []Finding     `json:"findings,omitempty"`
	Remarks      string        `json:"remarks,omitempty"`
}

// Observation is what was measured.
type Observation struct {
	UUID        string     `json:"uuid"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description"`
	Props       []Prop     `json:"props,omitempty"`
	Methods     []string   `json:"methods"`
	Types       []string   `json:"types,omitempty"`
	Origins     []Origin   `json:"origins,omitempty"`
	Subjects    []Subject  `json:"subjects,omitempty"`
	Evidence    []Evidence `json:"relevant-evidence,omitempty"`
	Collected   time.Time  `json:"collected"`
	Remarks     string     `json:"remarks,omitempty"`
}

// Origin says who observed.
type Origin struct {
	Actors []Actor `json:"actors"`
}

// Actor is a tool; never a person.
type Actor struct {
	Type string `json:"type"` // tool
	UUID string `json:"actor-uuid"`
}

// Evidence points to what an observation rests on.
type Evidence struct {
	Href        string `json:"href,omitempty"`
	Description string `json:"description"`
	Props       []Prop `json:"props,omitempty"`
}

// Finding is a judgement on a control.
type Finding struct {
	UUID         string               `json:"uuid"`
	Title        string               `json:"title"`
	Description  string               `json:"description"`
	Origins      []Origin             `json:"origins,omitempty"`
	Target       Target               `json:"target"`
	Observations []RelatedObservation `json:"related-observations,omitempty"`
	Remarks      string               `json:"remarks,omitempty"`
}

// Target of a finding.
type Target struct {
	Type   string       `json:"type"` // objective-id
	ID     string       `json:"target-id"`
	Props  []Prop       `json:"props,omitempty"`
	Status TargetStatus `json:"status"`
}

// TargetStatus knows two states; ours stand in a property of the target.
type TargetStatus struct {
	State   string `json:"state"`            // satisfied, not-satisfied
	Reason  string `json:"reason,omitempty"` // pass, fail, other
	Remarks string `json:"remarks,omitempty"`
}

// RelatedObservation refers to an observation.
type RelatedObservation struct {
	UUID string `json:"observation-uuid"`
}

// SystemID names the system a POA&M is about.
type SystemID struct {
	Type string `json:"identifier-type,omitempty"`
	ID   string `json:"id"`
}

// Item is an open point.
type Item struct {
	UUID         string               `json:"uuid"`
	Title        string               `json:"title"`
	Description  string               `json:"description"`
	Props        []Prop               `json:"props,omitempty"`
	Findings     []RelatedFinding     `json:"related-findings,omitempty"`
	Observations []RelatedObservation `json:"related-observations,omitempty"`
	Remarks      string               `json:"remarks,omitempty"`
}

// RelatedFinding refers to a finding.
type RelatedFinding struct {
	UUID string `json:"finding-uuid"`
}

// DefinedComponent is a product.
type DefinedComponent struct {
	UUID            string           `json:"uuid"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description"`
	Purpose         string           `json:"purpose,omitempty"`
	Implementations []Implementation `json:"control-implementations,omitempty"`
}

// Implementation is what a product contributes to the controls of one source.
type Implementation struct {
	UUID         string        `json:"uuid"`
	Source       string        `json:"source"`
	Description  string        `json:"description"`
	Requirements []Implemented `json:"implemented-requirements"`
}

// Implemented is what it contributes to one control.
type Implemented struct {
	UUID        string `json:"uuid"`
	ControlID   string `json:"control-id"`
	Description string `json:"description"`
	Props       []Prop `json:"props,omitempty"`
	Remarks     string `json:"remarks,omitempty"`
}

// BackMatter holds resources.
type BackMatter struct {
	Resources []Resource `json:"resources"`
}

// Resource is something referred to as "#UUID".
type Resource struct {
	UUID        string  `json:"uuid"`
	Title       string  `json:"title"`
	Description string  `json:"description,omitempty"`
	Props       []Prop  `json:"props,omitempty"`
	Rlinks      []Rlink `json:"rlinks,omitempty"`
	Remarks     string  `json:"remarks,omitempty"`
}

// Rlink is where a resource lies.
type Rlink struct {
	Href      string `json:"href"`
	MediaType string `json:"media-type,omitempty"`
}
