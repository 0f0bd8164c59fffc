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
	return []Scene{scene("call-code", "chair 483920175566204918377301582940"), scene("call-awaited", ""), scene("call-differ", "differ")}
}
