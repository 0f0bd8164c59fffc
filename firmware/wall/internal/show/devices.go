package show

import (
	"time"

	"subrosa/firmware/lockdown"
	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
	"subrosa/mdm"
)

// devices are the scenes of the lock: as it usually is, without a connector, and afterwards.
func devices() []Scene {
	scene := func(name string, r session.Report, s lockdown.Status) Scene {
		v := view(r)
		v.Lockdown = &s
		v.Here = &roster.Here{Members: 30, Door: 21, Home: 3, Private: 17}
		return Scene{name, v}
	}
	usual := lockdown.Status{Phase: lockdown.Locking, Devices: 18, Off: 11, Locked: 3, Unmanaged: 4, Microphones: 5, MicrophonesOff: 5,
		Connectors: 2, Reached: 2, Until: At.Add(2 * time.Hour), Asked: lockdown.Default.Restrict,
		Postures: []lockdown.Standing{{Conn: "nanomdm", Posture: lockdown.Posture{Off: 243, Total: 250, At: At.Add(-40 * time.Minute)}}}}
	trouble := usual
	trouble.Off, trouble.Locked, trouble.Unmanaged, trouble.Blind, trouble.Waiting, trouble.Failed, trouble.Claimed, trouble.Offline = 4, 1, 0, 8, 1, 1, 2, 1
	trouble.Reached, trouble.Lost = 1, []string{"nanomdm"}
	trouble.Faults = []lockdown.Fault{{Conn: "agent", Why: "clock"}}
	blind := usual
	blind.Reached, blind.Lost = 0, []string{"agent", "nanomdm"}
	giving := lockdown.Status{Phase: lockdown.Giving, Returning: 3, Connectors: 2, Reached: 2}
	byHand := usual
	byHand.Devices, byHand.Declared = 20, 2
	paper := scene("phones-paper", session.Report{State: session.Planned, Next: session.NextStart}, byHand)
	paper.View.Checklist = []wall.CheckPoint{
		{Conn: "paper", Point: mdm.Point{Device: "d-31", Command: "sr-d-31-1-stand", Kind: mdm.PointStand, Platform: "ios", Off: []string{"assistant"}}},
		{Conn: "paper", Point: mdm.Point{Device: "d-40", Command: "sr-d-40-2-lock", Kind: mdm.PointLock, Platform: "linux", Off: []string{"dictation", "microphone"}, Until: At.Add(2 * time.Hour)}},
		{Conn: "paper", Point: mdm.Point{Device: "d-41", Command: "sr-d-41-7-lock", Kind: mdm.PointLock, Platform: "android", Off: []string{"dictation"}, Until: At.Add(2 * time.Hour)},
			Signed: session.Clerk, Done: true, At: At},
		{Conn: "paper", Point: mdm.Point{Device: "d-44", Command: "sr-d-44-3-free", Kind: mdm.PointFree, Platform: "windows", Off: []string{"microphone"}}},
	}
	ps := append(points(), session.Point{Name: "assistants", Advisory: true, Detail: "unlock-once"})
	return []Scene{
		paper,
		scene("phones-planned", session.Report{State: session.Planned, Next: session.NextStart}, usual),
		scene("phones-closed", session.Report{State: session.Closed, Next: session.NextEnd, Points: ps}, usual),
		scene("phones-trouble", session.Report{State: session.Closed, Next: session.NextEnd, Points: ps}, trouble),
		scene("phones-blind", session.Report{State: session.Handover, Next: session.NextProof, Points: append(points("doors-closed"), ps[len(ps)-1])}, blind),
		scene("phones-giving", session.Report{State: session.Restoring, Next: session.NextRestore}, giving),
	}
}
