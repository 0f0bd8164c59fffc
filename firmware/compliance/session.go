package compliance

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"subrosa/dsp/detect"
	"subrosa/firmware/session"
)

// CloseWithin is how long after a session doors and windows may stand open: people leave.
const CloseWithin = 30 * time.Minute

// Session is one walk from public to closed and back. Of people it knows roles.
type Session struct {
	ID            string    // date of its beginning in the period's zone and a running number: 2026-11-21/1
	Kind, Level   string    // slugs of the policy; empty if the journal does not say
	Began         time.Time // handover
	Closed        time.Time // zero: never reached; it was broken off
	Ended         time.Time // of the closed part; zero: still going on when the journal was read
	Length        time.Duration
	Sound, Radio  Share
	Lost          []Loss   // why these are under 100 %, in order of time; a summary does not have it
	Points        int      // of the handover, when the room was closed
	Unproven      []string // of them
	Overrides     []Override
	Interruptions []Interruption
	Openings      []Opening
	Contacts      int // windows and doors whose state was known when the room was closed
	Faults        int // of contacts, then or later in the closed part
	After         After
	Lock          Lock   // of the voice assistants of the house's devices
	Gaps          int    // times without a unit between handover and end
	Hidden        int    // entries between handover and end whose payload is gone: they may have said anything
	Quality       string // the worst of the times of its entries
	Unsealed      bool
	Policy        string   // hash, when the room was closed
	Entries       Evidence // that moved it
	Summed        bool     // the journal has a permanent summary of it

	gaps     []Gap
	segments []segment
	over     bool // open again
}

// Share is how much of a time something was covered. Present is false if the unit did not look at all.
type Share struct {
	Present     bool
	Covered, Of time.Duration
}

func (s Share) plus(o Share) Share {
	return Share{s.Present || o.Present, s.Covered + o.Covered, s.Of + o.Of}
}

// Whole reports whether all of the time was covered.
func (s Share) Whole() bool { return s.Present && s.Of > 0 && s.Covered >= s.Of }

// Percent returns the share in whole percent, rounded down, so that only what is whole is 100; -1 if it was not looked at.
func (s Share) Percent() int {
	if !s.Present || s.Of <= 0 {
		return -1
	}
	return int(100 * s.Covered / s.Of)
}

// Override is the chair's decision to go on with something unproven.
type Override struct {
	At     time.Time
	Step   session.State // in which it was taken
	Role   session.Role
	Reason session.Reason
	Points []string // unproven
}

// Interruption of a closed part; the room stays confidential.
type Interruption struct {
	At, Until time.Time // Until zero: until the end
	Reason    session.Reason
}

// Loss is a time of a closed part in which a sense that the unit has was not covered, and why.
type Loss struct {
	From, To     time.Time
	Sound, Radio bool
	Why          Text
}

// Opening of a window or door in the closed part.
type Opening struct {
	Name, Guards string
	At, Until    time.Time // Until zero: not closed again before the end
}

// After is how doors and windows stood CloseWithin after the session.
type After string

const (
	AfterUnknown After = ""       // no contacts, a line at fault, no unit, or the room was in use again
	AllClosed    After = "closed" // each contact said so
	LeftOpen     After = "open"
)

// segment is a time for which the points of the session last told whether a sense is covered.
type segment struct {
	from         time.Time
	sound, radio cover
}

type cover struct{ present, proven bool }

func (s *Session) begin() time.Time {
	if !s.Closed.IsZero() {
		return s.Closed
	}
	return s.Began
}

func (s *Session) closed() bool { return !s.Closed.IsZero() && s.Ended.IsZero() }

func (s *Session) during(t time.Time) bool {
	return !s.Closed.IsZero() && !t.Before(s.Closed) && (s.Ended.IsZero() || t.Before(s.Ended))
}

// change is the payload of session.changed.
type change struct {
	From   session.State   `json:"from"`
	To     session.State   `json:"to"`
	On     session.Kind    `json:"on"`
	Role   session.Role    `json:"role"`
	Reason session.Reason  `json:"reason"`
	Points []session.Point `json:"points"`
	Kind   string          `json:"kind"`
	Level  string          `json:"level"`
}

func (r *reader) moved(e Numbered, in bool) {
	var c change
	if !r.payload(e, in, &c) {
		return
	}
	if r.cur == nil {
		if !c.To.Step() && !c.To.Confidential() {
			return
		}
		r.cur, r.segments = &Session{Began: e.Time}, nil
	}
	s := r.cur
	s.Entries.add(e.Seq)
	s.Quality, s.Unsealed = worse(s.Quality, e.Quality), s.Unsealed || e.Unsealed
	if c.Kind != "" {
		s.Kind = c.Kind
	}
	if c.Level != "" {
		s.Level = c.Level
	}
	if c.On == session.OnConfirm && c.From != session.Restoring {
		s.Overrides = append(s.Overrides, Override{e.Time, c.From, c.Role, c.Reason, unproven(c)})
	}
	switch {
	case c.To == session.Closed && s.Closed.IsZero():
		r.enclose(e, c)
	case c.To == session.Closed:
		s.resumed(e.Time)
	case c.To == session.Interrupted:
		if c.On == session.OnPowerLoss {
			c.Reason = session.PowerLost
		}
		s.Interruptions = append(s.Interruptions, Interruption{At: e.Time, Reason: c.Reason})
	}
	if c.To.Confidential() && s.Closed.IsZero() { // the unit found itself in the middle of a session
		s.Closed = e.Time
	}
	if s.closed() && c.To.Confidential() {
		r.segments = append(r.segments, segment{e.Time, covered(c.Points, "sound-covered"), covered(c.Points, "radio-covered")})
	}
	if s.closed() && !c.To.Confidential() {
		r.released(e.Time)
	}
	if c.To == session.Open || c.To == session.Planned {
		s.over = true
		r.sessions, r.cur = append(r.sessions, s), nil
		s.segments = r.segments
	}
}

// enclose notes how things stood when the room was closed.
func (r *reader) enclose(e Numbered, c change) {
	s := r.cur
	s.Closed, s.Policy = e.Time, e.Policy
	s.Lock = r.locked
	for _, p := range c.Points {
		if p.Advisory {
			continue // it has a row of its own
		}
		s.Points++
		if !p.Proven {
			s.Unproven = append(s.Unproven, p.Name)
		}
	}
	for name, k := range r.contacts {
		if r.blind {
			break // none can be relied upon
		}
		switch k.state {
		case "closed":
			s.Contacts++
		case "open":
			s.Contacts++
			s.opened(name, k.guards, k.state, e.Time)
		default:
			s.Faults++
		}
	}
	slices.SortFunc(s.Openings, func(a, b Opening) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *reader) released(at time.Time) {
	s := r.cur
	s.Ended = at
	if n := len(s.Interruptions); n > 0 && s.Interruptions[n-1].Until.IsZero() {
		s.Interruptions[n-1].Until = at
	}
	for i := range s.Openings {
		if s.Openings[i].Until.IsZero() {
			s.Openings[i].Until = at
		}
	}
	r.check = append(r.check, s)
	r.locked = Lock{}
}

// closedUp looks at doors and windows when the first entry after CloseWithin has come, as they stood before it.
func (r *reader) closedUp(e Numbered) {
	r.check = slices.DeleteFunc(r.check, func(s *Session) bool {
		due := s.Ended.Add(CloseWithin)
		if e.Kind == "session.changed" && e.Time.Before(due) && r.cur == nil {
			var c change
			if r.payload(e, false, &c) && c.To.Step() {
				return true // in use again
			}
		}
		if e.Time.Before(due) {
			return false
		}
		if e.Kind == "unit.started" && (r.running || r.stopped.Before(due)) {
			return true // nobody looked
		}
		s.After = r.standing()
		return true
	})
}

func (r *reader) standing() After {
	after := AfterUnknown
	if r.blind {
		return after
	}
	for _, k := range r.contacts {
		switch {
		case k.state == "open":
			return LeftOpen
		case k.state != "closed":
			return AfterUnknown
		}
		after = AllClosed
	}
	return after
}

func (s *Session) resumed(at time.Time) {
	if n := len(s.Interruptions); n > 0 && s.Interruptions[n-1].Until.IsZero() {
		s.Interruptions[n-1].Until = at
	}
}

// opened notes that a contact's state has changed in the closed part. A fault is neither open nor closed: an opening
// goes on until the contact says that it is over.
func (s *Session) opened(name, guards, state string, at time.Time) {
	i := slices.IndexFunc(s.Openings, func(o Opening) bool { return o.Name == name && o.Until.IsZero() })
	switch {
	case state == "open" && i < 0:
		s.Openings = append(s.Openings, Opening{Name: name, Guards: guards, At: at})
	case state == "closed" && i >= 0:
		s.Openings[i].Until = at
	case state != "open" && state != "closed":
		s.Faults++
	}
}

func unproven(c change) (out []string) {
	for _, p := range c.Points {
		step := p.Step
		if step == "" {
			step = session.Handover
		}
		if !p.Proven && !p.Advisory && (step == c.From || c.From == session.Interrupted) {
			out = append(out, p.Name)
		}
	}
	return out
}

func covered(points []session.Point, name string) cover {
	for _, p := range points {
		if p.Name == name {
			return cover{true, p.Proven}
		}
	}
	return cover{}
}

// measure works out the length of the closed part and what of it was covered: what the session's points said, less what
// failed, less the times without a unit.
func (s *Session) measure(stand time.Time, alarms []Alarm) {
	s.Gaps = len(s.gaps)
	if s.Closed.IsZero() {
		return
	}
	end := s.Ended
	if end.IsZero() {
		end = stand
	}
	s.Length = max(0, end.Sub(s.Closed))
	whole := span{s.Closed, end}
	var sound, radio []span // that were not covered
	lose := func(from, to time.Time, bySound, byRadio bool, why Text) {
		if bySound {
			sound = append(sound, span{from, to})
		}
		if byRadio {
			radio = append(radio, span{from, to})
		}
		if from, to = later(from, whole.from), earlier(to, whole.to); to.After(from) && (bySound && s.Sound.Present || byRadio && s.Radio.Present) {
			s.Lost = append(s.Lost, Loss{from, to, bySound && s.Sound.Present, byRadio && s.Radio.Present, why})
		}
	}
	for _, g := range s.segments {
		s.Sound.Present = s.Sound.Present || g.sound.present
		s.Radio.Present = s.Radio.Present || g.radio.present
	}
	for i, g := range s.segments {
		until := end
		if i+1 < len(s.segments) {
			until = s.segments[i+1].from
		}
		lose(g.from, until, !g.sound.proven, !g.radio.proven, Text{"der Messbereich war nicht nachgewiesen", "the coverage was not proven"})
	}
	for _, g := range s.gaps {
		lose(g.From, g.To, true, true, Text{"die Einheit lief nicht", "the unit did not run"})
	}
	for _, a := range alarms {
		until := end
		if a.Finding.End != nil {
			until = *a.Finding.End
		}
		bySound, byRadio := blinds(a)
		lose(a.Finding.Start, until, bySound, byRadio, Text{a.Finding.Title("de"), a.Finding.Title("en")})
	}
	slices.SortStableFunc(s.Lost, func(a, b Loss) int { return a.From.Compare(b.From) })
	s.Sound.Of, s.Sound.Covered = s.Length, whole.less(sound)
	s.Radio.Of, s.Radio.Covered = s.Length, whole.less(radio)
	if !s.Sound.Present {
		s.Sound.Covered = 0
	}
	if !s.Radio.Present {
		s.Radio.Covered = 0
	}
}

// blinds tells which senses an alarm about the unit's health takes away.
func blinds(a Alarm) (sound, radio bool) {
	switch a.Finding.Kind {
	case detect.CoverageLoss:
		return a.Finding.Name != "radio", a.Finding.Name != "sound"
	case detect.SensorDead:
		switch a.Finding.Name {
		case "microphone":
			return true, false
		case "receiver":
			return false, true
		case "sensor-process", "unknown", "":
			return true, true
		}
	}
	return false, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// span is a time from…to.
type span struct{ from, to time.Time }

// less returns how much of s none of holes takes away.
func (s span) less(holes []span) time.Duration {
	slices.SortFunc(holes, func(a, b span) int { return a.from.Compare(b.from) })
	left, at := time.Duration(0), s.from
	for _, h := range holes {
		if h.from.After(s.to) || !at.Before(s.to) {
			break
		}
		if h.from.After(at) {
			left += h.from.Sub(at)
		}
		if h.to.After(at) {
			at = h.to
		}
	}
	if s.to.After(at) {
		left += s.to.Sub(at)
	}
	return left
}

var qualities = []string{"", "synced", "unsynced", "scenario"}

func worse(a, b string) string {
	if slices.Index(qualities, b) > slices.Index(qualities, a) {
		return b
	}
	return a
}

// number gives sessions their ids, with days as they are in zone.
func number(sessions []Session, zone *time.Location) {
	n := map[string]int{}
	for i := range sessions {
		day := sessions[i].begin().In(zone).Format(time.DateOnly)
		n[day]++
		sessions[i].ID = fmt.Sprintf("%s/%d", day, n[day])
	}
}
