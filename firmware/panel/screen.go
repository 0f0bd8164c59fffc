package panel

import (
	"fmt"

	"subrosa/drivers/display"
	"subrosa/firmware/session"
)

// Lines returns the German words of the small screen: the state in large letters, what it waits for in small ones.
// All fit the screen. They are those of the wall, cut to ten characters.
func (s Scene) Lines() []display.Line {
	var out []display.Line
	large := func(words ...string) {
		for _, w := range words {
			out = append(out, display.Line{Text: w, Size: 2})
		}
	}
	small := func(words ...string) {
		for _, w := range words {
			if w != "" {
				out = append(out, display.Line{Text: w, Size: 1})
			}
		}
	}
	r := &s.Session
	switch r.State {
	case session.Open:
		large("Öffentlich")
	case session.Planned:
		large("Nicht-", "öffentlich")
		if r.From != nil {
			small("ab " + r.From.In(s.loc).Format("15:04") + " Uhr")
		}
	case session.Handover:
		large("Übergabe")
		small(left(r.Left()))
	case session.Sweep:
		large("Prüfung")
		small("Raum wird geprüft")
	case session.Arming:
		large("Gleich")
		small("nichtöffentlich", left(r.Left()))
	case session.Closed:
		large("Nicht-", "öffentlich")
		small(s.reservation())
	case session.Interrupted:
		large("Unter-", "brochen")
		if r.Reason != "" {
			small(r.Reason.Words().DE)
		}
	case session.Restoring:
		small("Wird", "wiederhergestellt")
	default:
		small("Anzeige", "nicht aktuell")
		return out
	}
	for _, t := range s.besides() { // as far as there is room
		if high(out)+10 <= display.Height {
			small(t)
		}
	}
	return out
}

// besides is what the screen says if there is room, the most important first.
func (s Scene) besides() (out []string) {
	if s.Finding {
		out = append(out, "Befund liegt vor")
	}
	if st := s.Session.State; st == session.Planned || st == session.Handover {
		out = append(out, s.Facts.phones())
	}
	if s.Look.Wrench {
		out = append(out, "Gerät eingeschränkt")
	}
	return out
}

func high(lines []display.Line) (n int) {
	for _, l := range lines {
		n += 10 * l.Size
	}
	return n
}

func left(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "noch 1 Punkt"
	}
	return fmt.Sprintf("noch %d Punkte", n)
}

// reservation says what the closed session is closed with.
func (s Scene) reservation() string {
	switch s.Look.Lamp {
	case session.RoseDot:
		return "mit Einschränkungen"
	case session.RoseAmber:
		return "Ausnahme der Leitung"
	}
	return ""
}
