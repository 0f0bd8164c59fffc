// Package calendar is the contract between the calendars of a city and a room: which meetings are planned in it, and
// what of them is not public. A calendar only proposes; it starts and ends nothing.
//
//	ics, caldav, oparl ── Meetings ──► firmware/agenda ──► chair's page: "as planned"
package calendar

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Public says whether a meeting, or an item of it, is public. What nobody has said is Unknown, never Yes.
type Public string

const (
	Unknown Public = "unknown"
	Yes     Public = "public"
	No      Public = "closed"
	Mixed   Public = "mixed" // some items are, some are not
)

// Meeting is one meeting of a calendar.
type Meeting struct {
	ID     string // of this library, without meaning; the same at each look
	Title  string // of the committee or the entry, at most 120 characters; shown to chair and clerk, recorded nowhere
	Start  time.Time
	End    time.Time // zero: not said
	Public Public
	Closed time.Time // start of the first item that is not public; zero: not said
	Items  int       // on the agenda; 0: none was published
	Shut   int       // of them, not public
	Unsaid int       // of them, of which nothing is said
}

// Source is one calendar. Meetings returns those that begin from…to, in no order; cancelled ones are left out. It does
// no harm to ask often: what did not change is not fetched again.
type Source interface {
	Meetings(ctx context.Context, from, to time.Time) ([]Meeting, error)
}

// ID makes an identifier out of what a source calls a meeting and when it begins.
func ID(source string, start time.Time) string {
	sum := sha256.Sum256([]byte(source + "\n" + start.UTC().Format(time.RFC3339)))
	return hex.EncodeToString(sum[:8])
}

const maxTitle = 120 // characters

// Title makes a text fit to be shown on one line.
func Title(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))), " ")
	if r := []rune(s); len(r) > maxTitle {
		return string(r[:maxTitle-1]) + "…"
	}
	return s
}

// Judge sums up items: nil says nothing.
func Judge(items []*bool) (p Public, shut, unsaid int) {
	for _, i := range items {
		switch {
		case i == nil:
			unsaid++
		case !*i:
			shut++
		}
	}
	switch {
	case len(items) == 0, shut == 0 && unsaid > 0:
		p = Unknown
	case shut == len(items):
		p = No
	case shut > 0:
		p = Mixed
	default:
		p = Yes
	}
	return p, shut, unsaid
}
