// Package show holds the scenes in which the pages are looked at and tested: every state of a session, and the
// ways a real one looks on an evening in a council.
package show

import (
	"slices"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// At is the time of all scenes.
var At = time.Date(2026, 11, 21, 18, 42, 0, 0, time.UTC)

// Scene is a View with a name.
type Scene struct {
	Name string
	View wall.View
}

func view(r session.Report) wall.View {
	from, to := At.Add(-12*time.Minute), At.Add(93*time.Minute)
	r.Since, r.Kind, r.Level = At.Add(-7*time.Minute), "committee", "nonpublic"
	if r.State == session.Planned {
		from = At.Add(8 * time.Minute)
	}
	if r.State != session.Open {
		r.From, r.To = &from, &to
	}
	return wall.View{
		At: At, Room: "Ratssaal", Session: r,
		Coverage: []wall.Coverage{
			{Sense: wall.Text{DE: "Schall", EN: "Sound"}, Sees: wall.Text{DE: "2,5 bis 24 kHz", EN: "2.5 to 24 kHz"}, Share: 3,
				Cannot: []wall.Text{{DE: "Ultraschall über 24 kHz", EN: "ultrasound above 24 kHz"}}},
			{Sense: wall.Text{DE: "Funk", EN: "Radio"}, Sees: wall.Text{DE: "acht Bänder von 27 MHz bis 1,7 GHz, nacheinander", EN: "eight bands from 27 MHz to 1.7 GHz, in turn"}, Share: 2,
				Cannot: []wall.Text{{DE: "Mobilfunk über 1,7 GHz, WLAN", EN: "mobile radio above 1.7 GHz, Wi-Fi"}, {DE: "Geräte, die nicht senden", EN: "devices that do not transmit"}}},
			{Sense: wall.Text{DE: "Bluetooth", EN: "Bluetooth"}, Share: 0,
				Cannot: []wall.Text{{DE: "kein Empfänger angeschlossen", EN: "no receiver connected"}}},
		},
		Sensor: wall.Sensor{BitsLastHour: 31104, BitsCeiling: 35640},
		Unit:   wall.Unit{ID: "u-7f3a", Software: "0.1.0 (b37b307)", MQTT: wall.LinkUp},
	}
}

func points(open ...string) []session.Point {
	ps := []session.Point{
		{Name: "stream-off"}, {Name: "recorder-off"}, {Name: "hall-mic-off"}, {Name: "doors-closed"},
		{Name: "sound-clear", Step: session.Sweep}, {Name: "radio-clear", Step: session.Sweep}, {Name: "sensor-sealed", Step: session.Arming},
	}
	for i := range ps {
		ps[i].Proven = true
		for _, o := range open {
			if ps[i].Name == o {
				ps[i].Proven = false
			}
		}
	}
	return ps
}

// sweptEarlier makes the points of the sweep ones of an earlier one.
func sweptEarlier(ps []session.Point) []session.Point {
	for i := range ps {
		if ps[i].Step == session.Sweep {
			ps[i].Detail, ps[i].At = "full-sweep", At.Add(-9*time.Minute)
		}
	}
	return ps
}

// Scenes returns all scenes.
func Scenes() []Scene {
	s := func(name string, r session.Report) Scene { return Scene{name, view(r)} }
	list := []Scene{
		s("open", session.Report{State: session.Open, Next: session.NextStart}),
		s("planned", session.Report{State: session.Planned, Next: session.NextStart}),
		s("handover", session.Report{State: session.Handover, Next: session.NextProof, Points: points("recorder-off", "doors-closed", "radio-clear", "sound-clear", "sensor-sealed")}),
		s("asking", session.Report{State: session.Handover, Next: session.NextConfirm, Points: points("doors-closed")}),
		s("sweep", session.Report{State: session.Sweep, Next: session.NextProof, Points: points("radio-clear", "sensor-sealed")}),
		s("arming", session.Report{State: session.Arming, Next: session.NextProof, Points: points("sensor-sealed")}),
		s("closed", session.Report{State: session.Closed, Next: session.NextEnd, Points: sweptEarlier(points())}),
		s("reservations", session.Report{State: session.Closed, Next: session.NextEnd, Points: points("radio-clear")}),
		s("override", session.Report{State: session.Closed, Next: session.NextEnd, Flags: []session.Flag{session.Override}, Points: points("doors-closed"), Reason: "checked-by-hand"}),
		s("degraded", session.Report{State: session.Closed, Next: session.NextEnd, Flags: []session.Flag{session.Degraded}, Points: points()}),
		s("unsealed", session.Report{State: session.Closed, Next: session.NextEnd, Flags: []session.Flag{session.Unsealed}, Points: points()}),
		s("interrupted", session.Report{State: session.Interrupted, Next: session.NextResume, Points: points(), Reason: "window-open"}),
		s("restoring", session.Report{State: session.Restoring, Next: session.NextRestore}),
		s("alarm", session.Report{State: session.Closed, Next: session.NextEnd, Points: points("radio-clear")}),
	}
	list[len(list)-1].View.Alarms = Alarms()
	list[len(list)-1].View.Proposal = &wall.Proposal{Act: wall.Interrupt, By: "unit", At: At,
		Why: wall.Text{DE: "Ein Fenster wurde geöffnet.", EN: "A window was opened."}}
	return slices.Insert(list, len(list)-1, append(append(append(walks(), diary(), told()), devices()...), calls()...)...)
}

// told is a scene with notices of rules that are not kept, of which one was seen; of the recorder nothing is known.
func told() Scene {
	v := view(session.Report{State: session.Closed, Next: session.NextEnd, Points: points()})
	v.RecordingUnknown = true
	v.Notices = []wall.Notice{
		{Rule: "phones", Since: At.Add(-2 * time.Minute), Text: wall.Text{DE: "Es sind so viele Telefone im Schrank wie Personen gezählt.", EN: "As many phones are in the locker as people were counted."}},
		{Rule: "overflow", Since: At.Add(-9 * time.Minute), Seen: session.Clerk, Text: wall.Text{DE: "Lautsprecher in Nebenräumen sind aus.", EN: "Loudspeakers in other rooms are off."}},
	}
	return Scene{"told", v}
}

// Alarms returns two open alarms and an answered one.
func Alarms() []alarm.Alarm {
	end := At.Add(-30 * time.Minute)
	return []alarm.Alarm{
		{State: alarm.Held, Room: "ratssaal", Version: 3, Raised: At.Add(-2 * time.Minute), Merged: 2, Finding: finding.Finding{
			ID: "01KAM0Q7ZB3N5R8T2V4W6X9Y1C", Kind: detect.UltrasonicBeacon, Name: "silverpush", Alarm: true, Sense: detect.Acoustic,
			Side: finding.Inside, Start: At.Add(-2 * time.Minute), Hz: 18500, BwHz: 250, LevelDB: -61.5, SNRDB: 14.2, Statistic: 19.3,
			Threshold: 8.5, Pfa: 1e-6, Confidence: .97, Coverage: "2,5–24 kHz", Cause: finding.AdvertBeacon}},
		{State: alarm.Raised, Room: "ratssaal", Version: 1, Raised: At.Add(-time.Minute), Finding: finding.Finding{
			ID: "01KAM0S2QD4F6H8J0K2M4N6P8R", Kind: detect.Burst, Name: "ism433", Alarm: true, Sense: detect.Radio,
			Side: finding.Unknown, Start: At.Add(-time.Minute), Hz: 433.92e6, BwHz: 38e3, LevelDB: -48, SNRDB: 22,
			Statistic: 31, Threshold: 12, Confidence: .99, Cause: finding.SmallRadio}},
		{State: alarm.Cleared, Room: "ratssaal", Version: 4, Raised: At.Add(-40 * time.Minute), Finding: finding.Finding{
			ID: "01KAKYB0T1S3V5X7Z9B2D4F6H8", Kind: detect.AVHot, Name: "recorder", Alarm: true, Sense: detect.AV,
			Start: At.Add(-40 * time.Minute), End: &end, Cause: finding.LeftOn},
			Ack: &alarm.Ack{Role: "clerk", Verdict: alarm.Explained, Reason: "hall-technology", At: end}},
	}
}
