// Package oparl reads meetings out of a council information system that speaks OParl 1.1
// (https://oparl.org/spezifikation/): the list of meetings of a body, page by page, each with its agenda.
//
//	Body ── meeting ──► list: data, links.next ──► Meeting: start, end, cancelled, location, agendaItem[].public
//
// An item that does not say whether it is public, and a meeting without an agenda, are unknown: many systems publish
// closed items late, or never.
package oparl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"subrosa/drivers/calendar"
	"subrosa/drivers/calendar/internal/fetch"
)

// Bounds of a list.
const (
	maxPages    = 400
	maxMeetings = 2000 // in the window
)

// Source is one list of meetings.
type Source struct {
	start  string // a Body, or its list of meetings
	room   string
	client *fetch.Client
	pages  map[string]page // by address
}

// page is what is kept of one that was read.
type page struct {
	meetings []meeting
	next     string
	list     string // of a Body
	bad      int
}

// New makes a source of the address of a Body or of its list of meetings. Only meetings whose location names the room,
// in any case, count; "" takes all.
func New(address, room string) (*Source, error) {
	c, err := fetch.New(address, "", "")
	if err != nil {
		return nil, fmt.Errorf("oparl: %w", err)
	}
	if address, err = c.Absolute(address); err != nil {
		return nil, fmt.Errorf("oparl: %w", err)
	}
	return &Source{start: address, room: strings.ToLower(room), client: c, pages: map[string]page{}}, nil
}

// object is the part of a Body, a list or a Meeting that is read (OParl 1.1, chapter "Schema").
type object struct {
	Type  string            `json:"type"`
	List  string            `json:"meeting"` // of a Body: address of its list of meetings
	Data  []json.RawMessage `json:"data"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

type meeting struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Name      string    `json:"name"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Cancelled bool      `json:"cancelled"`
	Deleted   bool      `json:"deleted"`
	Location  struct {
		Description string `json:"description"`
		Room        string `json:"room"`
	} `json:"location"`
	Items []struct {
		Public  *bool     `json:"public"`
		Start   time.Time `json:"start"`
		Deleted bool      `json:"deleted"`
	} `json:"agendaItem"`
}

// Meetings implements calendar.Source. Pages that did not change are not sent again by servers that know ETag.
func (s *Source) Meetings(ctx context.Context, from, to time.Time) ([]calendar.Meeting, error) {
	var out []calendar.Meeting
	seen, bad := map[string]bool{}, 0
	for at := s.start; at != ""; {
		if len(seen) >= maxPages {
			return nil, fmt.Errorf("oparl: more than %d pages; give the list of the room's own body", maxPages)
		}
		if seen[at] {
			return nil, fmt.Errorf("oparl: the list leads back to %.120s", at)
		}
		seen[at] = true
		p, err := s.page(ctx, at)
		if err != nil {
			return nil, fmt.Errorf("oparl: %w", err)
		}
		bad += p.bad
		for i := range p.meetings {
			if m := &p.meetings[i]; s.wanted(m, from, to) {
				out = append(out, m.sum())
			}
		}
		if len(out) > maxMeetings {
			return nil, fmt.Errorf("oparl: more than %d meetings", maxMeetings)
		}
		if at = p.next; p.list != "" {
			at = p.list
		}
	}
	s.client.Keep(seen)
	for a := range s.pages {
		if !seen[a] {
			delete(s.pages, a)
		}
	}
	if bad > 0 {
		return out, fmt.Errorf("oparl: %d meetings cannot be read", bad)
	}
	return out, nil
}

func (s *Source) wanted(m *meeting, from, to time.Time) bool {
	where := strings.ToLower(m.Location.Room + "\n" + m.Location.Description)
	return !m.Cancelled && !m.Deleted && !m.Start.Before(from) && m.Start.Before(to) && (s.room == "" || strings.Contains(where, s.room))
}

// page gets a page, and reads it unless it is the one that was read last time.
func (s *Source) page(ctx context.Context, at string) (page, error) {
	b, changed, err := s.client.Get(ctx, at, "application/json")
	if err != nil {
		return page{}, err
	}
	if p, ok := s.pages[at]; ok && !changed {
		return p, nil
	}
	p, err := parse(b)
	if err != nil {
		return p, fmt.Errorf("%.120s: %w", at, err)
	}
	for _, a := range []*string{&p.next, &p.list} {
		if *a == "" {
			continue
		}
		if *a, err = s.client.Absolute(*a); err != nil {
			return p, err
		}
	}
	s.pages[at] = p
	return p, nil
}

func parse(b []byte) (p page, err error) {
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		return p, fmt.Errorf("no OParl: %w", err)
	}
	switch {
	case o.Data != nil:
	case strings.HasSuffix(o.Type, "/Body") && o.List != "":
		p.list = o.List
		return p, nil
	default:
		return p, errors.New("neither an OParl Body nor a list of its meetings")
	}
	p.next = o.Links.Next
	for _, raw := range o.Data {
		var m meeting
		if err := json.Unmarshal(raw, &m); err != nil || m.ID == "" || m.Start.IsZero() && !m.Deleted {
			p.bad++
			continue
		}
		p.meetings = append(p.meetings, m)
	}
	return p, nil
}

// Parse returns the meetings of one page, whatever their room and time.
func Parse(b []byte) ([]calendar.Meeting, error) {
	p, err := parse(b)
	var out []calendar.Meeting
	for i := range p.meetings {
		out = append(out, p.meetings[i].sum())
	}
	return out, err
}

// sum says what a room has to know of a meeting.
func (m *meeting) sum() calendar.Meeting {
	c := calendar.Meeting{ID: calendar.ID(m.ID, m.Start), Title: calendar.Title(m.Name), Start: m.Start}
	if m.End.After(m.Start) {
		c.End = m.End
	}
	var items []*bool
	for _, i := range m.Items {
		if i.Deleted {
			continue
		}
		items = append(items, i.Public)
		if i.Public != nil && !*i.Public && !i.Start.Before(m.Start) && (c.Closed.IsZero() || i.Start.Before(c.Closed)) {
			c.Closed = i.Start
		}
	}
	c.Items = len(items)
	c.Public, c.Shut, c.Unsaid = calendar.Judge(items)
	if c.Public == calendar.No && c.Closed.IsZero() {
		c.Closed = m.Start
	}
	return c
}
