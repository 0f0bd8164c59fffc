package export

import (
	"fmt"
	"strconv"
	"time"

	"subrosa/firmware/compliance"
	"subrosa/firmware/oscal"
)

const (
	planFile     = "assessment-plan.json"
	controlsFile = "bsi-controls.json"
	licenceFile  = "bsi-controls-LICENSE-CC-BY-SA-4.0.txt"
)

// id returns the identifier of a thing of this room; of this export, if it belongs to the period.
func (e *export) id(what string) string { return oscal.ID("room/" + e.about.Room + "/" + what) }

func (e *export) run(what string) string {
	p := e.Figures.Period
	return e.id(fmt.Sprintf("%s/%s/%d/%s", p.From.UTC().Format(time.RFC3339), p.To.UTC().Format(time.RFC3339), e.Figures.StandSeq, what))
}

// stand is the time of the documents: that of the newest entry, not of the export, so that they can be had again.
func (e *export) stand() time.Time {
	if e.Figures.Stand.IsZero() {
		return e.Figures.Period.To.UTC()
	}
	return e.Figures.Stand.UTC().Truncate(time.Second)
}

func (e *export) metadata(title string) oscal.Metadata {
	m := oscal.Metadata{Title: title, LastModified: e.stand(), Version: strconv.FormatUint(e.Figures.StandSeq, 10), OSCAL: oscal.Version,
		Locations: []oscal.Location{{UUID: e.id("location"), Title: e.about.Name, Props: []oscal.Prop{oscal.Own("room", e.about.Room)}}},
		Remarks:   proposal}
	if e.about.Organisation != "" {
		m.Parties = []oscal.Party{{UUID: e.id("organisation"), Type: "organization", Name: e.about.Organisation}}
	}
	return m
}

func (e *export) unit() oscal.SystemComponent {
	c := oscal.SystemComponent{UUID: e.id("unit"), Type: "hardware", Title: "subrosa Raumeinheit " + e.about.Name,
		Description: "Misst Schall, Funk und Kontakte des Raums, ohne aufzuzeichnen, und führt ein verkettetes Protokoll."}
	c.Status.State = "operational"
	return c
}

// controls selects what the unit can say something about: measured false leaves out what it does not measure at all.
func (e *export) controls(measured bool) []oscal.Control {
	var out []oscal.Control
	for _, r := range e.Results {
		if !measured || r.Status != compliance.Unmeasured {
			out = append(out, oscal.Control{ID: r.ID})
		}
	}
	return out
}

// back returns the resources of a document. used are those it refers to.
func (e *export) back(used ...string) *oscal.BackMatter {
	all := map[string]oscal.Resource{
		"ssp": {Title: "Sicherheitskonzept", Description: "Führt die Stadt selbst; hier nur Platzhalter."},
		"bsi": {Title: "Raumbezogener Auszug aus BSI Stand der Technik Kernel (Grundschutz++)",
			Description: "Urheber: Bundesamt für Sicherheit in der Informationstechnik. Lizenz: CC BY-SA 4.0. Bearbeitung: Auswahl, Texte unverändert.",
			Rlinks:      []oscal.Rlink{{Href: "./" + controlsFile, MediaType: "application/oscal.catalog+json"}, {Href: "./" + licenceFile, MediaType: "text/plain"}}},
		"2023": {Title: "IT-Grundschutz-Kompendium, Edition 2023", Description: "Nur Kennungen und Titel; Inhalte in eigenen Worten.",
			Rlinks: []oscal.Rlink{{Href: "https://www.bsi.bund.de/grundschutz", MediaType: "text/html"}}},
		"dsk": {Title: "Orientierungshilfe Videokonferenzsysteme der Datenschutzkonferenz, 23.10.2020", Description: "Nur Fundstellen; Inhalte in eigenen Worten.",
			Rlinks: []oscal.Rlink{{Href: "https://www.datenschutzkonferenz-online.de/orientierungshilfen.html", MediaType: "text/html"}}},
		"house":    {Title: "Hausregeln des Raums", Description: "Keine Anforderungen des BSI."},
		"evidence": {Title: "Nachweispaket", Description: "Einträge des Protokolls mit Beweisen; wird getrennt erzeugt.", Rlinks: []oscal.Rlink{{Href: "../" + Folder + "/LIESMICH.txt", MediaType: "text/plain"}}},
	}
	b := &oscal.BackMatter{}
	for _, name := range used {
		r := all[name]
		r.UUID = e.id("resource/" + name)
		b.Resources = append(b.Resources, r)
	}
	return b
}

func (e *export) plan() *oscal.Plan {
	unit := e.unit()
	return &oscal.Plan{
		UUID: e.run("plan"), Metadata: e.metadata("Prüfplan: " + e.about.Name),
		ImportSSP: oscal.Import{Href: "#" + e.id("resource/ssp")},
		Reviewed: oscal.Reviewed{Description: "Anforderungen, zu denen die Raumeinheit beitragen kann oder die zum Raum gehören.",
			Selections: []oscal.Selection{{Include: e.controls(false)}}},
		Subjects: []oscal.Subjects{{Type: "location", Include: []oscal.Subject{{UUID: e.id("location"), Type: "location"}}}},
		Assets: &oscal.Assets{Components: []oscal.SystemComponent{unit},
			Platforms: []oscal.Platform{{UUID: e.id("platform"), Title: unit.Title, Uses: []oscal.UsesComponent{{UUID: unit.UUID}}}}},
		Back: e.back("ssp", "bsi"),
	}
}

func (e *export) results() *oscal.Results {
	f := e.Figures
	r := oscal.Result{
		UUID: e.run("result"), Title: e.about.Name + ", " + e.period(), Description: "Selbsttätige Feststellungen der Raumeinheit aus ihrem Protokoll.",
		Start: f.Period.From.UTC(), End: f.Period.To.UTC().Add(-time.Second),
		Props: []oscal.Prop{oscal.Own("entries", strconv.Itoa(f.All.Count)), oscal.Own("sessions", strconv.Itoa(len(f.Closed()))),
			oscal.Own("gaps", strconv.Itoa(len(f.Gaps)))},
		Local:    &oscal.Local{Components: []oscal.SystemComponent{e.unit()}},
		Reviewed: oscal.Reviewed{Selections: []oscal.Selection{{Include: e.controls(true)}}},
		Remarks:  proposal,
	}
	if len(r.Reviewed.Selections[0].Include) == 0 {
		r.Reviewed.Selections[0] = oscal.Selection{Description: "In diesem Zeitraum wurde nichts gemessen."}
	}
	for _, res := range e.Results {
		if res.Status != compliance.Unmeasured {
			finding, obs := e.finding(res)
			r.Findings, r.Observations = append(r.Findings, finding), append(r.Observations, obs...)
		}
	}
	return &oscal.Results{UUID: e.run("results"), Metadata: e.metadata("Prüfergebnis: " + e.about.Name + ", " + e.period()),
		ImportAP: oscal.Import{Href: "./" + planFile}, Results: []oscal.Result{r}, Back: e.back("bsi", "evidence")}
}

func (e *export) origin() []oscal.Origin {
	return []oscal.Origin{{Actors: []oscal.Actor{{Type: "tool", UUID: e.id("unit")}}}}
}

// finding returns the judgement on one requirement and the observations it rests on, one for each measured part.
func (e *export) finding(r compliance.Result) (oscal.Finding, []oscal.Observation) {
	f := oscal.Finding{
		UUID: e.run("finding/" + r.ID), Title: r.ID + " " + r.Status.Text("de"),
		Description: fmt.Sprintf("%s: Messwerte zu %d von %d Teilen.", r.Title, r.Measured(), len(r.Parts)), Origins: e.origin(),
		Target: oscal.Target{Type: "objective-id", ID: r.ID, Props: []oscal.Prop{oscal.Own("umsetzungsstatus", string(r.Status)),
			oscal.Own("quelle", string(r.Source)), oscal.Own("teile-gemessen", fmt.Sprintf("%d/%d", r.Measured(), len(r.Parts)))},
			Status: oscal.TargetStatus{State: "not-satisfied", Reason: "other", Remarks: proposal}},
	}
	switch r.Status {
	case compliance.Yes:
		f.Target.Status.State, f.Target.Status.Reason = "satisfied", "pass"
	case compliance.No:
		f.Target.Status.Reason = "fail"
	}
	var obs []oscal.Observation
	for _, p := range r.Parts {
		if p.Status == compliance.Unmeasured {
			continue
		}
		t := p.Tally
		o := oscal.Observation{
			UUID: e.run("observation/" + p.ID), Title: p.ID, Description: p.Text.DE + ": " + t.Text("de") + ". " + p.Measured.DE,
			Props: []oscal.Prop{oscal.Own("umsetzungsstatus", string(p.Status)), oscal.Own("met", strconv.Itoa(t.Met)),
				oscal.Own("checked", strconv.Itoa(t.Checked)), oscal.Own("total", strconv.Itoa(t.Total))},
			Methods: []string{"TEST-AUTOMATED"}, Types: []string{"control-objective"}, Origins: e.origin(),
			Subjects: []oscal.Subject{{UUID: e.id("location"), Type: "location"}}, Collected: e.stand(),
		}
		if p.Entries.Count > 0 {
			o.Evidence = []oscal.Evidence{{Href: "#" + e.id("resource/evidence"), Description: "Einträge des Protokolls: " + evidence(p.Entries),
				Props: []oscal.Prop{oscal.Own("log-index-first", strconv.FormatUint(p.Entries.First, 10)),
					oscal.Own("log-index-last", strconv.FormatUint(p.Entries.Last, 10))}}}
		}
		if p.Rest.DE != "" {
			o.Remarks = "Bleibt organisatorisch: " + p.Rest.DE
		}
		obs = append(obs, o)
		f.Observations = append(f.Observations, oscal.RelatedObservation{UUID: o.UUID})
	}
	return f, obs
}

// poam lists what is open: every requirement that was measured and is not fulfilled, and every alarm without an answer.
func (e *export) poam() *oscal.POAM {
	p := &oscal.POAM{UUID: e.run("poam"), Metadata: e.metadata("Offene Punkte: " + e.about.Name + ", " + e.period()),
		SystemID: oscal.SystemID{ID: e.about.Room}, Local: &oscal.Local{Components: []oscal.SystemComponent{e.unit()}}, Back: e.back("evidence")}
	for _, r := range e.Results {
		if r.Status == compliance.Unmeasured || r.Status == compliance.Yes {
			continue
		}
		f, obs := e.finding(r)
		p.Findings, p.Observations = append(p.Findings, f), append(p.Observations, obs...)
		p.Items = append(p.Items, oscal.Item{UUID: e.run("item/" + r.ID), Title: r.ID + ": " + r.Title,
			Description: "Nicht vollständig belegt. Abweichungen bewerten, organisatorische Teile erklären, entscheiden.",
			Props:       []oscal.Prop{oscal.Own("umsetzungsstatus", string(r.Status))},
			Findings:    []oscal.RelatedFinding{{UUID: f.UUID}}, Observations: f.Observations})
	}
	for _, a := range e.Figures.Alarms {
		if !a.Answered() {
			p.Items = append(p.Items, oscal.Item{UUID: e.run("item/alarm/" + a.Finding.ID), Title: "Befund ohne Antwort: " + a.Finding.Title("de"),
				Description: "Gemeldet " + e.moment(a.Raised) + ". " + a.Finding.Why("de"),
				Props:       []oscal.Prop{oscal.Own("log-index", strconv.FormatUint(a.Seq, 10))}})
		}
	}
	switch {
	case len(p.Items) > 0:
	case e.Figures.All.Count == 0:
		p.Items = []oscal.Item{{UUID: e.run("item/none"), Title: "Im Zeitraum wurde nichts gemessen",
			Description: "Das Protokoll der Einheit hat im Zeitraum keinen Eintrag. Alles ist auf anderem Weg zu prüfen."}}
	default:
		p.Items = []oscal.Item{{UUID: e.run("item/none"), Title: "Im Zeitraum nichts offen, was gemessen wurde",
			Description: "Was nicht gemessen wurde, ist auf anderem Weg zu prüfen."}}
	}
	return p
}

// component says what the product contributes to each control, whatever the period.
func (e *export) component() *oscal.Component {
	c := oscal.DefinedComponent{UUID: oscal.ID("component"), Type: "hardware", Title: "subrosa Raumeinheit",
		Description: "Raumeinheit, die ohne Aufzeichnung Schall, Funk und Kontakte eines Sitzungsraums prüft.",
		Purpose:     "Schutz nichtöffentlicher Sitzungen"}
	for _, s := range []struct {
		source compliance.Source
		name   string
	}{{compliance.Edition2023, "2023"}, {compliance.Plus, "bsi"}, {compliance.House, "house"}, {compliance.DSK, "dsk"}} {
		impl := oscal.Implementation{UUID: oscal.ID("component/" + s.name), Source: "#" + e.id("resource/"+s.name),
			Description: "Beiträge zu: " + s.source.Text("de") + ". Keine Anforderung wird durch das Gerät allein erfüllt."}
		if s.source == compliance.House {
			impl.Description = "Beiträge zu: " + s.source.Text("de") + "."
		}
		for _, r := range e.Results {
			for _, p := range r.Parts {
				if r.Source == s.source && p.Measure != compliance.Organisational {
					impl.Requirements = append(impl.Requirements, oscal.Implemented{UUID: oscal.ID("component/" + p.ID), ControlID: r.ID,
						Description: p.Text.DE + ": " + p.Measured.DE, Remarks: p.Rest.DE,
						Props: []oscal.Prop{oscal.Own("teil", p.ID), oscal.Own("messbar", p.Measure.Text("de"))}})
				}
			}
		}
		if len(impl.Requirements) > 0 {
			c.Implementations = append(c.Implementations, impl)
		}
	}
	m := e.metadata("subrosa Raumeinheit")
	m.Locations, m.Parties = nil, nil
	return &oscal.Component{UUID: e.run("component-definition"), Metadata: m, Components: []oscal.DefinedComponent{c}, Back: e.back("2023", "bsi", "house", "dsk")}
}
