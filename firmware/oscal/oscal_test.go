package oscal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/oscal"
)

// small is the least set that holds: one result with one finding on one observation.
func small() (oscal.Document, map[string]bool) {
	at := time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)
	unit := oscal.SystemComponent{UUID: oscal.ID("unit"), Type: "hardware", Title: "Einheit", Description: "misst"}
	unit.Status.State = "operational"
	return oscal.Document{Results: &oscal.Results{UUID: oscal.ID("results"), Metadata: oscal.Metadata{Title: "x", LastModified: at, Version: "1", OSCAL: oscal.Version,
		Locations: []oscal.Location{{UUID: oscal.ID("location"), Title: "Ratssaal"}}},
		ImportAP: oscal.Import{Href: "./plan.json"},
		Results: []oscal.Result{{UUID: oscal.ID("result"), Title: "November", Description: "d", Start: at, End: at,
			Local:    &oscal.Local{Components: []oscal.SystemComponent{unit}},
			Reviewed: oscal.Reviewed{Selections: []oscal.Selection{{Include: []oscal.Control{{ID: "INF.10.A3"}}}}},
			Observations: []oscal.Observation{{UUID: oscal.ID("o"), Description: "d", Methods: []string{"TEST-AUTOMATED"}, Collected: at,
				Origins:  []oscal.Origin{{Actors: []oscal.Actor{{Type: "tool", UUID: oscal.ID("unit")}}}},
				Subjects: []oscal.Subject{{UUID: oscal.ID("location"), Type: "location"}}}},
			Findings: []oscal.Finding{{UUID: oscal.ID("f"), Title: "t", Description: "d", Observations: []oscal.RelatedObservation{{UUID: oscal.ID("o")}},
				Target: oscal.Target{Type: "objective-id", ID: "INF.10.A3", Status: oscal.TargetStatus{State: "not-satisfied"}}}},
		}}}}, map[string]bool{"INF.10.A3": true}
}

func check(t *testing.T, d oscal.Document, controls map[string]bool) (schema, refs error) {
	t.Helper()
	b, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "$schema") {
		t.Error("the document has a $schema key")
	}
	return oscal.Validate(b), oscal.Set{Documents: map[string][]byte{"results.json": b}, Files: []string{"plan.json"}, Controls: controls}.Check()
}

func TestSmallHolds(t *testing.T) {
	d, controls := small()
	schema, refs := check(t, d, controls)
	if schema != nil || refs != nil {
		t.Errorf("schema: %v, references: %v", schema, refs)
	}
}

func TestFaultsAreFound(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(r *oscal.Results)
		schema bool   // the schema finds it
		refs   string // what the check of references says, "" if it does not
	}{
		"state of ours":           {func(r *oscal.Results) { r.Results[0].Findings[0].Target.Status.State = "teilweise" }, true, ""},
		"identifier":              {func(r *oscal.Results) { r.Results[0].UUID = "x" }, true, ""},
		"no method":               {func(r *oscal.Results) { r.Results[0].Observations[0].Methods = nil }, true, ""},
		"control with spaces":     {func(r *oscal.Results) { r.Results[0].Findings[0].Target.ID = "INF 10" }, true, "is not known"},
		"identifier twice":        {func(r *oscal.Results) { r.Results[0].UUID = r.UUID }, false, "there 2 times"},
		"observation of nothing":  {func(r *oscal.Results) { r.Results[0].Findings[0].Observations[0].UUID = oscal.ID("z") }, false, "of nothing"},
		"finding without ground":  {func(r *oscal.Results) { r.Results[0].Findings[0].Observations = nil }, false, "rests on no observation"},
		"observation without use": {func(r *oscal.Results) { r.Results[0].Findings = nil }, false, "bears no finding"},
		"unknown control":         {func(r *oscal.Results) { r.Results[0].Findings[0].Target.ID = "INF.10.A10" }, false, "INF.10.A10 is not known"},
		"subject of nothing":      {func(r *oscal.Results) { r.Metadata.Locations = nil }, false, "subject-uuid"},
		"actor of nothing":        {func(r *oscal.Results) { r.Results[0].Local = nil }, false, "actor-uuid"},
		"plan that is not there":  {func(r *oscal.Results) { r.ImportAP.Href = "./other.json" }, false, "no file of the export"},
		"plan as a resource":      {func(r *oscal.Results) { r.ImportAP.Href = "#" + oscal.ID("plan") }, false, "of nothing"},
	} {
		d, controls := small()
		tt.spoil(d.Results)
		schema, refs := check(t, d, controls)
		if (schema != nil) != tt.schema || schema != nil && !errors.Is(schema, oscal.ErrInvalid) {
			t.Errorf("%s: the schema says %v", name, schema)
		}
		if tt.refs != "" && (!errors.Is(refs, oscal.ErrInvalid) || !strings.Contains(refs.Error(), tt.refs)) {
			t.Errorf("%s: the references say %v, want %q", name, refs, tt.refs)
		}
	}
	if err := oscal.Validate([]byte(`{"assessment-results":`)); !errors.Is(err, oscal.ErrInvalid) {
		t.Errorf("half a document: got %v", err)
	}
}

func TestRoomControls(t *testing.T) {
	catalogue, licence := oscal.RoomControls()
	if err := oscal.Validate(catalogue); err != nil {
		t.Error(err)
	}
	ids, err := oscal.ControlIDs(catalogue)
	if err != nil || len(ids) != 36 || ids["DET.4.19"] != "Unautorisierte Sendeanlagen" {
		t.Errorf("got %d controls, DET.4.19 is %q, %v", len(ids), ids["DET.4.19"], err)
	}
	for what, text := range map[string][]byte{"CC BY-SA 4.0": catalogue, "Attribution-ShareAlike 4.0": licence} {
		if !strings.Contains(string(text), what) {
			t.Errorf("nothing says %q", what)
		}
	}
}

func TestIDs(t *testing.T) {
	if got, want := oscal.ID("unit"), "1c597b0c-61d2-505d-a18f-cdc3f972df7c"; got != want || got == oscal.ID("b") {
		t.Errorf("got %s, want %s: identifiers of what is named never change", got, want)
	}
}
