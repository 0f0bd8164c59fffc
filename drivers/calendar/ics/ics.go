// Package ics reads meetings out of iCalendar (RFC 5545): a file, or what a server gives at an address. Repeated
// meetings (RRULE, RDATE, EXDATE, RECURRENCE-ID) are laid out; times are those of their zone, also where Exchange names
// it its own way. iCalendar has no word for public and closed sittings: a category may be configured to mean closed,
// everything else stays unknown.
package ics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"

	"subrosa/drivers/calendar"
	"subrosa/drivers/calendar/internal/fetch"
)

// Rules say how entries are read.
type Rules struct {
	Room       string         // only entries whose LOCATION holds this, in any case; "": all
	Closed     []string       // CATEGORIES that mean: not public
	Open       []string       // CATEGORIES that mean: public
	Zone       *time.Location // of times without one; nil: UTC
	MaxEntries int            // 0: 2000
}

// Bounds of what is laid out.
const (
	maxRepeats = 500 // of one entry, in the window
	maxBack    = 24 * time.Hour
	longest    = 30 * 366 * 24 * time.Hour // that an entry may have been repeated
)

// Source is a calendar in one document.
type Source struct {
	rules Rules
	name  string
	load  func(context.Context) ([]byte, error)
}

// File is the calendar in a file.
func File(path string, r Rules) *Source {
	return &Source{rules: r, name: path, load: func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, fetch.MaxBytes+1))
		if err == nil && len(b) > fetch.MaxBytes {
			err = fmt.Errorf("%s: more than %d bytes", path, fetch.MaxBytes)
		}
		return b, err
	}}
}

// URL is the calendar that a server gives.
func URL(address, user, password string, r Rules) (*Source, error) {
	c, err := fetch.New(address, user, password)
	if err != nil {
		return nil, fmt.Errorf("ics: %w", err)
	}
	return &Source{rules: r, name: address, load: func(ctx context.Context) ([]byte, error) {
		b, _, err := c.Get(ctx, address, "text/calendar")
		return b, err
	}}, nil
}

// Meetings implements calendar.Source.
func (s *Source) Meetings(ctx context.Context, from, to time.Time) ([]calendar.Meeting, error) {
	b, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("ics: %w", err)
	}
	return Parse(b, s.rules, from, to)
}

// Parse returns the meetings of a document that begin from…to. Entries that cannot be read are skipped; the error names
// how many, and the others are returned with it.
func Parse(b []byte, r Rules, from, to time.Time) ([]calendar.Meeting, error) {
	d := ical.NewDecoder(bytes.NewReader(b))
	var out []calendar.Meeting
	var errs []error
	for calendars := 0; ; calendars++ {
		cal, err := decode(d)
		if errors.Is(err, io.EOF) && calendars > 0 {
			break
		}
		if err != nil {
			return out, fmt.Errorf("ics: no iCalendar: %w", err)
		}
		ms, err := Entries(cal, r, from, to)
		out = append(out, ms...)
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// decode keeps the library's panics on odd input from ending the unit: its parser is fed by strangers.
func decode(d *ical.Decoder) (c *ical.Calendar, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read: %v", p)
		}
	}()
	return d.Decode()
}

// Entries returns the meetings of a calendar.
func Entries(cal *ical.Calendar, r Rules, from, to time.Time) ([]calendar.Meeting, error) {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	if r.MaxEntries == 0 {
		r.MaxEntries = 2000
	}
	moved := overrides(cal, r.Zone)
	var out []calendar.Meeting
	var errs []error
	for _, e := range cal.Events() {
		ms, err := r.entry(e, moved, from, to)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, ms...)
		if len(out) > r.MaxEntries {
			return out[:r.MaxEntries], fmt.Errorf("ics: more than %d meetings, the rest is left out", r.MaxEntries)
		}
	}
	if len(errs) > 0 {
		return out, fmt.Errorf("ics: %d entries cannot be read, such as: %w", len(errs), errs[0])
	}
	return out, nil
}

// overrides are the single occurrences that another entry replaces, by UID and time (RECURRENCE-ID).
func overrides(cal *ical.Calendar, zone *time.Location) map[string]bool {
	moved := map[string]bool{}
	for _, e := range cal.Events() {
		if p := e.Props.Get(ical.PropRecurrenceID); p != nil {
			if ts, err := times(p, zone); err == nil && len(ts) == 1 {
				moved[occurrence(text(e, ical.PropUID), ts[0])] = true
			}
		}
	}
	return moved
}

func occurrence(uid string, at time.Time) string { return uid + "\n" + at.UTC().Format(time.RFC3339) }

func text(e ical.Event, name string) string {
	s, err := e.Props.Text(name)
	if err != nil {
		return ""
	}
	return s
}

func (r *Rules) entry(e ical.Event, moved map[string]bool, from, to time.Time) ([]calendar.Meeting, error) {
	uid := text(e, ical.PropUID)
	if strings.EqualFold(text(e, ical.PropStatus), string(ical.EventCancelled)) ||
		r.Room != "" && !strings.Contains(strings.ToLower(text(e, ical.PropLocation)), strings.ToLower(r.Room)) {
		return nil, nil
	}
	p := e.Props.Get(ical.PropDateTimeStart)
	if p == nil {
		return nil, fmt.Errorf("%.40q has no DTSTART", uid)
	}
	if p.ValueType() == ical.ValueDate {
		return nil, nil // a whole day is no sitting
	}
	ts, err := times(p, r.Zone)
	if err != nil || len(ts) != 1 {
		return nil, fmt.Errorf("%.40q: DTSTART: %w", uid, errors.Join(err, fmt.Errorf("%d times", len(ts))))
	}
	first := ts[0]
	lasts, err := r.length(e, first)
	if err != nil {
		return nil, fmt.Errorf("%.40q: %w", uid, err)
	}
	starts, err := r.starts(e, first, from, to)
	if err != nil {
		return nil, fmt.Errorf("%.40q: %w", uid, err)
	}
	single := e.Props.Get(ical.PropRecurrenceID) != nil
	var out []calendar.Meeting
	for _, at := range starts {
		if at.Before(from) || !at.Before(to) || !single && moved[occurrence(uid, at)] {
			continue
		}
		m := calendar.Meeting{ID: calendar.ID(uid, at), Title: calendar.Title(text(e, ical.PropSummary)), Start: at, Public: r.public(e)}
		if lasts > 0 {
			m.End = at.Add(lasts)
		}
		if m.Public == calendar.No {
			m.Closed = at
		}
		out = append(out, m)
	}
	return out, nil
}

// length is 0 where nothing is said.
func (r *Rules) length(e ical.Event, start time.Time) (time.Duration, error) {
	if p := e.Props.Get(ical.PropDateTimeEnd); p != nil {
		ts, err := times(p, r.Zone)
		if err != nil || len(ts) != 1 || !ts[0].After(start) {
			return 0, fmt.Errorf("DTEND: %w", errors.Join(err, errors.New("not one time after the start")))
		}
		return ts[0].Sub(start), nil
	}
	if p := e.Props.Get(ical.PropDuration); p != nil {
		d, err := p.Duration()
		if err != nil || d <= 0 {
			return 0, fmt.Errorf("DURATION: %w", errors.Join(err, errors.New("not above 0")))
		}
		return d, nil
	}
	return 0, nil
}

// starts lays out when an entry begins in the window.
func (r *Rules) starts(e ical.Event, first, from, to time.Time) ([]time.Time, error) {
	rule, err := e.Props.RecurrenceRule()
	if err != nil {
		return nil, fmt.Errorf("RRULE: %w", err)
	}
	extra, err := r.list(e, ical.PropRecurrenceDates)
	if err != nil {
		return nil, err
	}
	if rule == nil && len(extra) == 0 {
		return []time.Time{first}, nil
	}
	var set rrule.Set
	if rule != nil {
		// Nobody sits every hour, and it would be laid out for ever.
		if rule.Freq > rrule.DAILY || len(rule.Byhour)+len(rule.Byminute)+len(rule.Bysecond) > 0 {
			return nil, errors.New("RRULE: repeats more often than daily")
		}
		if first.Before(from.Add(-longest)) {
			return nil, errors.New("RRULE: began more than 30 years ago")
		}
		rule.Dtstart = first
		made, err := rrule.NewRRule(*rule)
		if err != nil {
			return nil, fmt.Errorf("RRULE: %w", err)
		}
		set.RRule(made)
	}
	set.DTStart(first)
	set.RDate(first)
	for _, t := range extra {
		set.RDate(t)
	}
	gone, err := r.list(e, ical.PropExceptionDates)
	if err != nil {
		return nil, err
	}
	for _, t := range gone {
		set.ExDate(t)
	}
	out := set.Between(from.Add(-maxBack), to, true)
	return out[:min(len(out), maxRepeats)], nil
}

// list reads all times of a property that may come several times, with several times each.
func (r *Rules) list(e ical.Event, name string) (out []time.Time, err error) {
	for _, p := range e.Props.Values(name) {
		ts, err := times(&p, r.Zone)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, ts...)
	}
	return out, nil
}

// times reads the times of a property, in their own zone.
func times(p *ical.Prop, zone *time.Location) (out []time.Time, err error) {
	if id := p.Params.Get(ical.PropTimezoneID); id != "" {
		if zone, err = location(id); err != nil {
			return nil, err
		}
	}
	for s := range strings.SplitSeq(p.Value, ",") {
		t, err := parseTime(strings.TrimSpace(s), zone)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// parseTime reads a DATE-TIME in the three forms of RFC 5545, section 3.3.5, or a DATE.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse("20060102T150405Z", s); err == nil {
		return t.In(zone), nil
	}
	if t, err := time.ParseInLocation("20060102T150405", s, zone); err == nil {
		return t, nil
	}
	return time.ParseInLocation("20060102", s, zone)
}

// windows are the names that Exchange and Outlook give to Europe's zones (Unicode CLDR, windowsZones).
var windows = map[string]string{
	"W. Europe Standard Time": "Europe/Berlin", "Central Europe Standard Time": "Europe/Budapest", "Romance Standard Time": "Europe/Paris",
	"Central European Standard Time": "Europe/Warsaw", "GMT Standard Time": "Europe/London", "UTC": "UTC",
}

func location(id string) (*time.Location, error) {
	if name, ok := windows[id]; ok {
		id = name
	}
	l, err := time.LoadLocation(strings.TrimPrefix(id, "/"))
	if err != nil || id == "Local" {
		return nil, fmt.Errorf("time zone %.40q is not known", id)
	}
	return l, nil
}

func (r *Rules) public(e ical.Event) calendar.Public {
	var has []string
	for _, p := range e.Props.Values(ical.PropCategories) {
		list, err := p.TextList()
		if err != nil {
			continue
		}
		for _, c := range list {
			has = append(has, strings.ToLower(strings.TrimSpace(c)))
		}
	}
	means := func(list []string) bool {
		return slices.ContainsFunc(list, func(c string) bool { return slices.Contains(has, strings.ToLower(c)) })
	}
	shut, open := means(r.Closed), means(r.Open)
	switch {
	case shut && open:
		return calendar.Mixed
	case shut:
		return calendar.No
	case open:
		return calendar.Yes
	}
	return calendar.Unknown
}
