package demo

import (
	"time"
	_ "time/tzdata" // for machines without a zone file

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/session"
)

// describe says an event in a line for people.
func describe(lang string, e Event) string {
	pick := func(de, en string) string {
		if lang == "en" {
			return en
		}
		return de
	}
	switch e.Event {
	case "unit":
		return map[string]string{"online": pick("Raumgerät verbunden", "room unit connected"), "offline": pick("Raumgerät getrennt", "room unit gone")}[e.State]
	case "session":
		r := session.Report{State: session.State(e.State)}
		if from, err := time.Parse(time.RFC3339, e.Detail); err == nil {
			r.From = &from
		}
		w := session.Look(r, location()).Word
		return pick("Sitzung: "+w.DE, "session: "+w.EN)
	}
	kind, err := detect.ParseKind(e.Kind)
	if err != nil {
		return e.Kind
	}
	f := finding.Finding{Kind: kind, Name: e.Name, Cause: finding.Cause(e.Cause)}
	state := alarm.State(e.State).Text(lang)
	if e.State == "acknowledged" {
		state = pick("beantwortet", "answered") + " (" + e.Detail + ")"
	}
	line := pick("Befund ", "finding ") + state + ": " + f.Title(lang)
	if why := f.Why(lang); why != "" && e.State == "raised" {
		line += " – " + why
	}
	return line
}

// location is where the demo's room stands.
func location() *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil { // the zone is built in
		return time.UTC
	}
	return l
}
