package wall

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"subrosa/drivers/calendar"
	"subrosa/firmware/agenda"
	"subrosa/firmware/session"
)

// Agenda is what the calendars say of the next hours.
type Agenda struct {
	Offers []agenda.Offer `json:"offers"`
	At     time.Time      `json:"at"`   // when all calendars were read last; zero: never
	Late   bool           `json:"late"` // one could not be read since
}

// planning checks that a meeting of the calendar is to be planned.
func (o Order) planning(r *http.Request, v *View) (Order, error) {
	if !slices.Contains(session.Allowed(v.Session.State, o.Role), session.OnPlan) {
		return o, refusedRight
	}
	o.Meeting = r.PostFormValue("meeting")
	if v.Agenda == nil {
		return o, refusedChanged
	}
	if _, ok := agenda.Find(v.Agenda.Offers, o.Meeting); !ok {
		return o, refusedChanged
	}
	return o, nil
}

// agendaCard is one meeting as the chair's page shows it.
type agendaCard struct {
	ID, When, Title, Public string
	Guesses                 []string
	Taken                   bool
	Label                   string // of the button
}

func (p *chairPage) agenda(h *Handler) {
	a := p.View.Agenda
	if a == nil {
		return
	}
	if a.Late {
		p.AgendaNote = Text{"Ein Kalender ist gerade nicht zu lesen; gezeigt wird, was er zuletzt sagte.", "A calendar cannot be read at the moment; shown is what it said last."}.In(p.Lang)
	}
	p.AgendaShown = true
	clock := func(t time.Time) string { return clockTime(p.Lang, t, p.View.At, h.opt.Location) }
	for i := range a.Offers {
		o := &a.Offers[i]
		c := agendaCard{ID: o.ID, Title: o.Title, When: clock(o.Start), Public: publicText(o).In(p.Lang)}
		if !o.End.IsZero() {
			c.When = fmt.Sprintf(Text{"%s bis %s", "%s to %s"}.In(p.Lang), clock(o.Start), clock(o.End))
		}
		if o.Guessed&agenda.GuessedFrom != 0 {
			c.Guesses = append(c.Guesses, Text{"Wann der nichtöffentliche Teil beginnt, sagt der Kalender nicht: geplant wird ab Sitzungsbeginn.",
				"The calendar does not say when the closed part begins: planned from the meeting's start."}.In(p.Lang))
		}
		if o.Guessed&agenda.GuessedTo != 0 {
			c.Guesses = append(c.Guesses, Text{"Wann die Sitzung endet, sagt der Kalender nicht: geplant werden drei Stunden.",
				"The calendar does not say when the meeting ends: three hours are planned."}.In(p.Lang))
		}
		s := &p.View.Session
		c.Taken = s.From != nil && s.From.Equal(o.From)
		c.Label = fmt.Sprintf(Text{"Nichtöffentlich planen ab %s", "Plan as closed from %s"}.In(p.Lang), clock(o.From))
		p.Agenda = append(p.Agenda, c)
	}
}

// publicText says what the calendar says of a meeting, and what it does not.
func publicText(o *agenda.Offer) Text {
	switch {
	case o.Public == calendar.Mixed && o.Items > 0 && o.Unsaid > 0:
		return Text{fmt.Sprintf("%d von %d Punkten nichtöffentlich, bei %d nicht bekannt", o.Shut, o.Items, o.Unsaid), fmt.Sprintf("%d of %d items closed, of %d it is not known", o.Shut, o.Items, o.Unsaid)}
	case o.Public == calendar.Mixed && o.Items > 0:
		return Text{fmt.Sprintf("%d von %d Punkten nichtöffentlich", o.Shut, o.Items), fmt.Sprintf("%d of %d items closed", o.Shut, o.Items)}
	case o.Public == calendar.Mixed:
		return Text{"mit öffentlichem und nichtöffentlichem Teil", "with a public and a closed part"}
	case o.Public == calendar.No:
		return Text{"nichtöffentlich", "closed"}
	}
	return Text{"Nicht bekannt, ob öffentlich: der Kalender sagt es nicht.", "Not known whether public: the calendar does not say."}
}
