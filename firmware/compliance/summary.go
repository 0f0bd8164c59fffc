package compliance

import (
	"encoding/json"
	"slices"
	"time"

	"subrosa/firmware/session"
)

// KindSummary is the kind of the entry that sums up a session. Its payload is permanent: when the session's own entries
// have lost theirs after the retention, the figures of a year still stand on it.
const KindSummary = "session.summary"

// Summary is the payload of session.summary. It holds no personal data: roles, slugs, times and counts.
type Summary struct {
	Format   int            `json:"format"`
	Session  Session        `json:"session"`
	Findings map[string]int `json:"findings"` // that were told in the closed part, by kind
	Answered int            `json:"answered"` // of them
}

// Told counts the findings.
func (s *Summary) Told() (n int) {
	for _, k := range s.Findings {
		n += k
	}
	return n
}

// Summaries sums up the sessions among entries that have ended, whose entries can all be read, and that no summary among
// them tells already. Entries must begin before the first of them, at a start of the unit: contacts are told there.
func Summaries(entries []Numbered, zone *time.Location) (out []Summary) {
	f := read(entries, Period{From: time.Time{}.In(zone), To: time.Date(9999, 1, 1, 0, 0, 0, 0, zone)})
	for _, s := range f.Sessions {
		if s.Summed || s.Ended.IsZero() && !s.Closed.IsZero() || s.Hidden > 0 || !s.over {
			continue
		}
		sum := Summary{Format: 1, Session: s, Findings: map[string]int{}}
		for _, a := range f.Alarms {
			if a.Session != s.ID || !a.Finding.Alarm {
				continue
			}
			sum.Findings[a.Finding.Kind.String()]++
			if a.Answered() {
				sum.Answered++
			}
		}
		sum.Session.ID = "" // a number within a period
		out = append(out, sum)
	}
	return out
}

// summary takes a session's summary.
func (r *reader) summary(e Numbered, in bool) {
	var s Summary
	if !r.payload(e, in, &s) || s.Format != 1 {
		return
	}
	r.summaries = append(r.summaries, s)
}

// sumUp puts summaries in the place of sessions that can no longer be read whole.
func (r *reader) sumUp() {
	for _, sum := range r.summaries {
		s := sum.Session
		end := s.Ended
		if end.IsZero() {
			end = s.Began
		}
		same := func(o *Session) bool { return !o.Began.Before(s.Began) && !o.Began.After(end) }
		i := slices.IndexFunc(r.sessions, same)
		if i >= 0 && r.sessions[i].Began.Equal(s.Began) && r.sessions[i].Hidden == 0 {
			r.sessions[i].Summed = true
			continue
		}
		hidden := 0
		for _, at := range r.hidden {
			if !at.Before(s.Began) && !at.After(end) {
				hidden++
			}
		}
		s.Hidden, s.Summed = hidden, true
		r.sessions = slices.DeleteFunc(r.sessions, same)
		r.sessions = append(r.sessions, &s)
		if r.f.Period.Holds(s.begin()) {
			r.f.Older.Told += sum.Told()
			r.f.Older.Answered += sum.Answered
		}
	}
	slices.SortStableFunc(r.sessions, func(a, b *Session) int { return a.Began.Compare(b.Began) })
}

// Older counts what only summaries still tell.
type Older struct{ Told, Answered int }

// Collector holds as much of a journal as is needed to sum up sessions as they end.
type Collector struct {
	Zone    *time.Location
	entries []Numbered
	running bool // a session is on its way
}

// enough is how many entries are held at most while no session is on its way.
const enough = 4096

// Take takes the next entry, and returns the summaries that are due.
func (c *Collector) Take(e Numbered) []Summary {
	if e.Kind == "unit.started" && !c.running {
		c.entries = c.entries[:0]
	}
	c.entries = append(c.entries, e)
	if e.Kind != "session.changed" {
		if !c.running && len(c.entries) > enough {
			c.thin()
		}
		return nil
	}
	var m change
	if json.Unmarshal(e.Payload, &m) != nil {
		return nil
	}
	if m.To != session.Open && m.To != session.Planned {
		c.running = true
		return nil
	}
	if !c.running {
		return nil
	}
	c.running = false
	due := Summaries(c.entries, c.Zone)
	c.thin()
	return due
}

// thin keeps what the next session needs: the last start, and how each contact and the lock-down stood last.
func (c *Collector) thin() {
	last := map[string]int{}
	for i, e := range c.entries {
		key := ""
		switch e.Kind {
		case "unit.started", "lockdown.counted":
			key = e.Kind
		case "contact.changed":
			var p struct{ Name string }
			if json.Unmarshal(e.Payload, &p) == nil {
				key = "contact " + p.Name
			}
		}
		if key != "" {
			last[key] = i
		}
	}
	keep := make([]int, 0, len(last))
	for _, i := range last {
		keep = append(keep, i)
	}
	slices.Sort(keep)
	for to, i := range keep {
		c.entries[to] = c.entries[i]
	}
	c.entries = slices.Clip(c.entries[:len(keep)])
}
