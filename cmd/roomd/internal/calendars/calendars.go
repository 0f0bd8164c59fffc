// Package calendars asks the city's calendars for what is planned in the room, and carries the answers there.
package calendars

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"subrosa/drivers/calendar"
	"subrosa/drivers/calendar/caldav"
	"subrosa/drivers/calendar/ics"
	"subrosa/drivers/calendar/oparl"
	"subrosa/firmware/agenda"
	"subrosa/firmware/clock"
	"subrosa/firmware/policy"
)

// Config is one calendar of the unit's file. Exactly one of OParl, ICS and CalDAV is given.
type Config struct {
	OParl  string `json:"oparl"`  // address of an OParl Body, or of its list of meetings
	ICS    string `json:"ics"`    // address or file of an iCalendar
	CalDAV string `json:"caldav"` // address of a calendar on a CalDAV server

	Room     string   `json:"room"`     // only meetings whose place names this; "": all
	User     string   `json:"user"`     // of ICS and CalDAV
	Password string   `json:"password"` // file that holds it
	Closed   []string `json:"closed_categories"`
	Open     []string `json:"open_categories"`

	Kind  string `json:"kind"`  // of what is planned, a slug of the policy; default: nonpublic
	Level string `json:"level"` // default: nonpublic
}

// How often and how far calendars are looked at.
const (
	every    = 10 * time.Minute
	patience = 2 * time.Minute // real time, for all pages of one
	back     = 12 * time.Hour
	ahead    = 48 * time.Hour
)

// Watcher asks. Build makes one; set the exported fields before Run.
type Watcher struct {
	Clock clock.Clock
	Log   *slog.Logger
	Tell  func(es []agenda.Entry, err error) // must not wait

	list []asked
}

type asked struct {
	name   string
	conf   Config
	source calendar.Source
	last   []agenda.Entry // what stands until it answers again
}

// Build checks the configuration and opens nothing but password files.
func Build(cs []Config, zone *time.Location) (*Watcher, error) {
	w := &Watcher{}
	for i, c := range cs {
		a, err := c.build(zone)
		if err != nil {
			return nil, fmt.Errorf("calendar %d: %w", i+1, err)
		}
		w.list = append(w.list, a)
	}
	return w, nil
}

func (c Config) build(zone *time.Location) (a asked, err error) {
	if c.Kind == "" {
		c.Kind = "nonpublic"
	}
	if c.Level == "" {
		c.Level = "nonpublic"
	}
	if !slices.Contains(policy.Kinds, policy.Kind(c.Level)) || c.Level == string(policy.Public) {
		return a, fmt.Errorf("level %.40q: want nonpublic, confidential or internal", c.Level)
	}
	if !slug(c.Kind) {
		return a, fmt.Errorf("kind %.40q: want a slug of a-z, 0-9 and -, such as council or committee", c.Kind)
	}
	a.conf = c
	password, err := secret(c.Password)
	if err != nil {
		return a, err
	}
	rules := ics.Rules{Room: c.Room, Closed: c.Closed, Open: c.Open, Zone: zone}
	switch {
	case count(c.OParl, c.ICS, c.CalDAV) != 1:
		return a, errors.New("want one of oparl, ics and caldav")
	case c.OParl != "" && (c.User != "" || password != "" || len(c.Open)+len(c.Closed) > 0):
		return a, errors.New("oparl: OParl is public and says itself what is: no user, password or categories")
	case c.OParl != "":
		a.name = "oparl"
		a.source, err = oparl.New(c.OParl, c.Room)
	case c.CalDAV != "":
		a.name = "caldav"
		a.source, err = caldav.New(c.CalDAV, c.User, password, rules)
	case strings.Contains(c.ICS, "://"):
		a.name = "ics"
		a.source, err = ics.URL(c.ICS, c.User, password, rules)
	default:
		a.name, a.source = "ics", ics.File(c.ICS, rules)
	}
	return a, err
}

func slug(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func count(ss ...string) (n int) {
	for _, s := range ss {
		if s != "" {
			n++
		}
	}
	return n
}

func secret(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// Run asks until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	if len(w.list) == 0 {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		w.ask(ctx)
		select {
		case <-ctx.Done():
		case <-w.Clock.After(every):
		}
	}
	return nil
}

// ask asks all calendars once. What one cannot say now it said last stands: a server that is away forgets no session.
func (w *Watcher) ask(ctx context.Context) {
	now := w.Clock.Now()
	var all []agenda.Entry
	var errs []error
	for i := range w.list {
		a := &w.list[i]
		one, cancel := context.WithTimeout(ctx, patience)
		ms, err := a.source.Meetings(one, now.Add(-back), now.Add(ahead))
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.Log.Warn("calendar", "source", a.name, "err", err)
			errs = append(errs, err)
		}
		if err == nil || len(ms) > 0 {
			a.last = a.last[:0:0]
			for _, m := range ms {
				a.last = append(a.last, agenda.Entry{Meeting: m, Kind: a.conf.Kind, Level: a.conf.Level})
			}
		}
		all = append(all, a.last...)
	}
	w.Tell(all, errors.Join(errs...))
}
