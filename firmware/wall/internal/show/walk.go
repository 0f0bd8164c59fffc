package show

import (
	"time"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// Words are those of the scenes' own zones.
var Words = map[string]wall.Text{
	"seats-links":  {DE: "Unter den Sitzen: Reihe 1 bis 3", EN: "Under the seats: Reihe 1 bis 3"},
	"seats-rechts": {DE: "Unter den Sitzen: Besucherplätze", EN: "Under the seats: Besucherplätze"},
}

// walks are scenes of the walk through the room: at its beginning, and when something is left that the chair must decide.
func walks() []Scene {
	begun := view(session.Report{State: session.Handover, Next: session.NextProof, Points: walkPoints()})
	begun.Walk, begun.Recording = walk(begun.Session.Points), []wall.Text{{DE: "Aufzeichnung läuft", EN: "Recording"}, {DE: "Livestream läuft", EN: "Live stream on"}}
	late := view(session.Report{State: session.Handover, Next: session.NextConfirm, Points: walkPoints()})
	for i := range late.Session.Points {
		p := &late.Session.Points[i]
		switch p.Name {
		case "recorder-off":
			p.Proven, p.Detail = true, "off"
		case "hall-mic-off":
			p.Proven, p.By, p.Detail = true, session.Chair, "checked-by-hand"
		case "gallery-cleared", "seats-links", "seats-rechts":
			p.Proven, p.By, p.Detail = true, session.Chair, "checked-by-hand"
		}
	}
	late.Walk, late.Recording = walk(late.Session.Points), []wall.Text{{DE: "Livestream läuft", EN: "Live stream on"}}
	open := view(session.Report{State: session.Open, Next: session.NextStart})
	open.Recording = begun.Recording
	return []Scene{{"walk", begun}, {"walk-late", late}, {"recording", open}}
}

func walkPoints() []session.Point {
	return []session.Point{
		{Name: "sensor-alive", Proven: true}, {Name: "journal-writes", Proven: true},
		{Name: "stream-off", Detail: "on"}, {Name: "recorder-off", Detail: "on"}, {Name: "hall-mic-off", Detail: "not-measurable"},
		{Name: "hearing-loop-off", Proven: true, Detail: "off"}, {Name: "gallery-cleared"}, {Name: "seats-links"}, {Name: "seats-rechts"},
		{Name: "phones-handed-in", Detail: "phones-missing"}, {Name: "windows-closed", Proven: true},
		{Name: "sound-clear", Step: session.Sweep}, {Name: "radio-clear", Step: session.Sweep},
	}
}

func walk(points []session.Point) *wall.Walk {
	w := &wall.Walk{}
	for _, p := range points {
		s := wall.Step{Point: p}
		switch p.Name {
		case "sensor-alive", "journal-writes", "sound-clear", "radio-clear":
			continue
		case "seats-links", "seats-rechts":
			s.May, s.Zone, s.Until = []session.Role{session.Chair, session.Clerk}, p.Name[len("seats-"):], At.Add(70*time.Second)
		case "gallery-cleared", "hall-mic-off":
			s.May = []session.Role{session.Chair}
		case "phones-handed-in":
			s.May, s.Counts, s.Have, s.Want = []session.Role{session.Chair}, true, 11, 12
		}
		if p.Proven {
			s.May = nil
		}
		w.Steps = append(w.Steps, s)
	}
	return w
}
