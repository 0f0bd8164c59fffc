package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ConferenceDesired is the data of room/{room}/conference/desired.
type ConferenceDesired struct {
	Version uint64 `json:"version,omitempty"`
	Allowed bool   `json:"allowed"`
	Level   string `json:"level,omitempty"`   // of the session, by the policy's slugs; public while there is none
	Session string `json:"session,omitempty"` // its state
	// HallLeft is when somebody in the hall last pressed the button by which the hall leaves; each other time than before ends its
	// seat. Zero: not since the unit was started, or there is no such button.
	HallLeft time.Time `json:"hall_left,omitzero"`
}

// Conference is the data of room/{room}/conference/reported: counts, no names.
type Conference struct {
	Version        uint64 `json:"version,omitempty"`
	DesiredVersion uint64 `json:"desired_version,omitempty"`
	State          string `json:"state"` // closed, idle, waiting, running, pending
	Level          string `json:"level,omitempty"`
	Seats          int    `json:"seats,omitempty"`
	// CodeLabel is "chair" or "room" and the 30 digits that its device computed in this epoch; "differ" where two devices
	// computed different ones; "" until a code has come. It is no secret: whoever stands in the hall reads it.
	CodeLabel string `json:"code_label,omitempty"`
	// Bundle is the checksum of the program that the conference hands to browsers: SHA-256, 64 hexadecimal digits.
	Bundle string `json:"bundle,omitempty"`
	// Kept are the conference's files whose last change it refused, so that what was read before holds: roster,
	// page-certificate, broker-certificate.
	Kept []string `json:"kept,omitempty"`
	// Streams are the conference's own public streams; nil: it has none, or says nothing of them.
	Streams *Streams `json:"streams,omitempty"`
	// At is when this was so, by the conference's clock. It is said anew at least every 30 s: an old word proves nothing. Zero: of a
	// conference of before, which proves nothing either.
	At time.Time `json:"at,omitzero"`
	// Sealed reports whether the conference's process can do nothing but what it is for (docs/conference-server.md).
	Sealed bool `json:"sealed,omitempty"`
	// Plain reports whether somebody takes part whose picture and sound are not encrypted end to end: a gateway, or public streams
	// that the chair has opened.
	Plain bool `json:"plain,omitempty"`
}

// Streams says whether a conference lets public streams (WHIP in, WHEP out) in or out, as of a time. It is said anew at least
// every 30 s: an old word proves nothing.
type Streams struct {
	Open bool      `json:"open"` // by the chair
	In   int       `json:"in"`
	Out  int       `json:"out"`
	At   time.Time `json:"at"`
}

// Off reports whether nothing is let in or out.
func (s *Streams) Off() bool { return !s.Open && s.In == 0 && s.Out == 0 }

// keptFiles are those that a conference follows while it runs.
var keptFiles = []string{"roster", "page-certificate", "broker-certificate"}

// CodesDiffer is the code label where devices are in different groups.
const CodesDiffer = "differ"

// ReadConference reads and checks what a conference says of itself.
func ReadConference(b []byte) (Conference, error) {
	var c Conference
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("report: conference: %w", err)
	}
	by, code, _ := strings.Cut(c.CodeLabel, " ")
	switch {
	case !slices.Contains([]string{"closed", "idle", "waiting", "running", "pending"}, c.State):
		return c, fmt.Errorf("report: conference: unknown state %.20q", c.State)
	case c.Seats < 0 || c.Seats > 1000:
		return c, fmt.Errorf("report: conference: %d seats", c.Seats)
	case c.CodeLabel != "" && c.CodeLabel != CodesDiffer && (by != "chair" && by != "room" || len(code) != 30 || strings.Trim(code, "0123456789") != ""):
		return c, fmt.Errorf("report: conference: code_label is not chair or room and 30 digits")
	case c.Bundle != "" && (len(c.Bundle) != 64 || strings.Trim(c.Bundle, "0123456789abcdef") != ""):
		return c, fmt.Errorf("report: conference: bundle is not 64 hexadecimal digits")
	case len(c.Kept) > len(keptFiles) || slices.ContainsFunc(c.Kept, func(f string) bool { return !slices.Contains(keptFiles, f) }):
		return c, fmt.Errorf("report: conference: kept %.60q", c.Kept)
	case c.Streams != nil && (c.Streams.In < 0 || c.Streams.In > 1 || c.Streams.Out < 0 || c.Streams.Out > 1000 || c.Streams.At.IsZero()):
		return c, fmt.Errorf("report: conference: streams %+v", *c.Streams)
	}
	return c, nil
}
