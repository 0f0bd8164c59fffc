// Package caldav reads meetings out of a calendar on a CalDAV server (RFC 4791), such as Nextcloud's: one query for the
// entries of a time, whose iCalendar is read as in package ics.
package caldav

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/emersion/go-webdav/caldav"

	"subrosa/drivers/calendar"
	"subrosa/drivers/calendar/ics"
	"subrosa/drivers/calendar/internal/fetch"
)

const maxEntries = 2000

// Source is one calendar of a server.
type Source struct {
	rules  ics.Rules
	path   string
	client *caldav.Client
}

// New makes a source of the address of a calendar, such as
// https://cloud.example/remote.php/dav/calendars/raum/sitzungen/.
func New(address, user, password string, r ics.Rules) (*Source, error) {
	h, err := fetch.New(address, user, password)
	if err != nil {
		return nil, fmt.Errorf("caldav: %w", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("caldav: %w", err)
	}
	c, err := caldav.NewClient(h, address)
	if err != nil {
		return nil, fmt.Errorf("caldav: %w", err)
	}
	return &Source{rules: r, path: u.Path, client: c}, nil
}

// Meetings implements calendar.Source.
func (s *Source) Meetings(ctx context.Context, from, to time.Time) ([]calendar.Meeting, error) {
	// Repeated meetings come as they are written and are laid out here: not every server does it.
	entries := caldav.CompFilter{Name: "VEVENT", Start: from.UTC(), End: to.UTC()}
	objects, err := s.query(ctx, &caldav.CalendarQuery{
		CompRequest: caldav.CalendarCompRequest{Name: "VCALENDAR", AllProps: true, AllComps: true},
		CompFilter:  caldav.CompFilter{Name: "VCALENDAR", Comps: []caldav.CompFilter{entries}},
	})
	if err != nil {
		return nil, fmt.Errorf("caldav: %w", err)
	}
	if len(objects) > maxEntries {
		return nil, fmt.Errorf("caldav: more than %d entries", maxEntries)
	}
	var out []calendar.Meeting
	var errs []error
	for _, o := range objects {
		if o.Data == nil {
			continue
		}
		ms, err := ics.Entries(o.Data, s.rules, from, to)
		out = append(out, ms...)
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// query keeps the library's panics on odd input from ending the unit.
func (s *Source) query(ctx context.Context, q *caldav.CalendarQuery) (o []caldav.CalendarObject, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the answer cannot be read: %v", p)
		}
	}()
	return s.client.QueryCalendar(ctx, s.path, q)
}
