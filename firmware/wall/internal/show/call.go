package show

import (
	"strings"

	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// calls are the scenes of a conference: with its code, between two epochs, and where devices are in different groups.
func calls() []Scene {
	scene := func(name, code string) Scene {
		v := view(session.Report{State: session.Closed, Next: session.NextEnd, Points: points()})
		v.Call = &wall.Call{State: "running", Level: "nonpublic", Seats: 7, Code: code, Bundle: strings.Repeat("3fa81c90", 8)}
		return Scene{name, v}
	}
	early := scene("call-handover", "chair 483920175566204918377301582940")
	early.View.Session = walks()[0].View.Session
	early.View.Walk = walks()[0].View.Walk
	full := scene("call-phones", "room 483920175566204918377301582940")
	for _, d := range devices() {
		if d.Name == "phones-trouble" {
			full.View.Lockdown = d.View.Lockdown
		}
	}
	full.View.Session.Flags = []session.Flag{session.Degraded}
	return []Scene{full, early, scene("call-code", "chair 483920175566204918377301582940"), scene("call-awaited", ""), scene("call-differ", "differ")}
}
