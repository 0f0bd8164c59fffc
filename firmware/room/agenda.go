package room

import (
	"time"

	"subrosa/firmware/agenda"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

// diary is what the calendars said last.
type diary struct {
	entries []agenda.Entry
	at      time.Time // when; zero: there is no calendar, or none has answered
	late    bool      // one of them could not be read since
}

// Calendar takes what the calendars say; err tells that one of them could not be read, and that its former entries
// still stand. It may be called from any goroutine and does not wait.
func (r *Room) Calendar(es []agenda.Entry, err error) {
	r.post(func() {
		if err == nil {
			r.diary.at = r.p.Clock.Now()
		}
		r.diary.entries, r.diary.late = es, err != nil // a matter for those who plan, not for the unit's health
		r.tell()
	})
}

// agenda is what the pages show of the calendars; nil: there is none, or a session is running.
func (r *Room) agenda(now time.Time) *wall.Agenda {
	s := r.p.Machine.State()
	if r.diary.at.IsZero() && !r.diary.late || s != session.Open && s != session.Planned {
		return nil
	}
	return &wall.Agenda{Offers: agenda.Offers(r.diary.entries, now), At: r.diary.at, Late: r.diary.late}
}

// takeOver plans a meeting of the calendar. The record has its times, and nothing of what the calendar calls it.
func (r *Room) takeOver(o wall.Order) error {
	offer, ok := agenda.Find(agenda.Offers(r.diary.entries, r.p.Clock.Now()), o.Meeting)
	if !ok {
		return &wall.Refusal{Text: wall.Text{DE: "Diese Sitzung steht nicht mehr im Kalender.", EN: "This meeting is no longer in the calendar."}}
	}
	if err := r.apply(session.Plan(o.Role, offer.From, offer.To, offer.Kind, offer.Level)); err != nil {
		return err
	}
	r.append("calendar.taken", map[string]any{"role": o.Role, "from": offer.From, "to": offer.To, "public": offer.Public,
		"guessed_from": offer.Guessed&agenda.GuessedFrom != 0, "guessed_to": offer.Guessed&agenda.GuessedTo != 0})
	return nil
}
