package show

import (
	"time"

	"subrosa/drivers/calendar"
	"subrosa/firmware/agenda"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// diary is a public room with what calendars say of the evening.
func diary() Scene {
	v := view(session.Report{State: session.Open})
	es := []agenda.Entry{
		{Meeting: calendar.Meeting{ID: "0123456789abcdef", Title: "Haupt- und Finanzausschuss", Start: At.Add(18 * time.Minute), End: At.Add(198 * time.Minute),
			Closed: At.Add(108 * time.Minute), Public: calendar.Mixed, Items: 9, Shut: 3, Unsaid: 1}, Kind: "nonpublic", Level: "nonpublic"},
		{Meeting: calendar.Meeting{ID: "fedcba9876543210", Title: "Ältestenrat", Start: At.Add(12 * time.Hour), Public: calendar.Unknown}, Kind: "nonpublic", Level: "nonpublic"},
	}
	v.Agenda = &wall.Agenda{Offers: agenda.Offers(es, At), At: At, Late: true}
	return Scene{"diary", v}
}
