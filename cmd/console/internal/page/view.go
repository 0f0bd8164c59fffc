package page

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/wall/sign"
)

// frame is what every page has.
type frame struct {
	Title    string
	Here     string // section for the navigation
	Path     string
	Who      access.Who
	Signed   bool
	Flash    string
	Announce string // read out by assistive technology when it changes
	Now      time.Time
	Demo     bool
}

// May is for the navigation.
func (f frame) May(right string) bool { return f.Signed && f.Who.Role.May(access.Right(right)) }

// show is a room as the pages show it.
type show struct {
	ID, Name string
	Report   *session.Report
	Look     session.Appearance
	Word     string
	Note     string
	Sign     template.HTML
	Open     []*alarm.Alarm
	Past     []*alarm.Alarm
	Units    []fleet.Unit
	Remind   []report.Reminder // rules of the room that are not kept, for whoever looks after it
	Link     string            // reachable, offline, silent, nounit
	Sealed   string            // sealed, unsealed, ""
	Seen     []string
	Cannot   []string
	Covered  bool // the unit has said what it can check
}

// signs says how the signs of session.Look are drawn.
var signs = map[session.Sign]struct{ name, badge sign.Name }{
	session.Rose: {sign.Rose, ""}, session.RoseClock: {sign.Rose, sign.Clock}, session.RoseRing: {sign.Rose, ""}, session.RoseOpening: {sign.Opening, ""},
	session.Bud: {sign.Bud, ""}, session.BudDot: {sign.Bud, sign.Dot}, session.BudOpenBar: {sign.Bud, sign.OpenBar}, session.BudBar: {sign.Bud, sign.Bar},
}

func draw(r *session.Report, a session.Appearance, size int) template.HTML {
	s := signs[a.Sign]
	o := sign.Options{Badge: s.badge, Size: size}
	if a.Wrench && o.Badge == "" {
		o.Badge = sign.Wrench
	}
	if a.Sign == session.RoseRing {
		o.Steps = max(1, len(r.Points))
		o.Done = len(r.Points) - len(r.Unproven())
	}
	return sign.SVG(s.name, o)
}

// maxPast is how many alarms that are over or answered a page shows; all are in /api/rooms/{room}.
const maxPast = 50

// newShow prepares a room for lang.
func (h *Handler) newShow(lang string, r fleet.Room) show {
	s := show{ID: r.ID, Name: h.roomName(r.ID), Report: r.Session, Units: r.Units, Word: in(lang, texts["nosession"]), Link: "nounit"}
	if r.Session != nil {
		s.Look = session.Look(*r.Session, h.loc)
		s.Word, s.Note = in(lang, Text(s.Look.Word)), in(lang, Text(s.Look.Note))
		s.Sign = draw(r.Session, s.Look, 56)
	} else {
		s.Sign = sign.SVG(sign.Wrench, sign.Options{Size: 56})
	}
	for i := range r.Alarms {
		a := &r.Alarms[i]
		if a.Ack == nil && a.State != alarm.Cleared {
			s.Open = append(s.Open, a)
		} else if len(s.Past) < maxPast {
			s.Past = append(s.Past, a)
		}
	}
	if r.Policy != nil {
		s.Remind = r.Policy.Reminders
	}
	for i := range r.Units {
		s.addUnit(lang, &r.Units[i])
	}
	slices.Sort(s.Cannot)
	s.Cannot = slices.Compact(s.Cannot)
	return s
}

// worse first: one bad unit makes the room's line bad.
var linkOrder = []string{"offline", "silent", "reachable", "nounit"}

func (s *show) addUnit(lang string, u *fleet.Unit) {
	link := "reachable"
	switch {
	case !u.Online:
		link = "offline"
	case u.Silent:
		link = "silent"
	}
	if slices.Index(linkOrder, link) < slices.Index(linkOrder, s.Link) {
		s.Link = link
	}
	if s.Sealed != "unsealed" {
		s.Sealed = "sealed"
		if !u.Sealed {
			s.Sealed = "unsealed"
		}
	}
	if u.Coverage == nil {
		return
	}
	s.Covered = true
	for _, c := range u.Coverage.Senses {
		name := senseText(lang, c.Sense)
		if c.Share == 0 {
			if len(c.Cannot) > 0 {
				name += " (" + cannotText(lang, c.Cannot[0]) + ")"
			}
			s.Cannot = append(s.Cannot, name)
			continue
		}
		if c.HiHz > 0 {
			name += " " + rangeText(lang, c.LoHz, c.HiHz)
		}
		s.Seen = append(s.Seen, name)
		for _, no := range c.Cannot {
			s.Cannot = append(s.Cannot, cannotText(lang, no))
		}
	}
}

// Tone is the class of the room's card; red only where a person has to look.
func (s show) Tone() string {
	switch {
	case len(s.Open) > 0:
		return "alarm"
	case s.Report == nil || s.Link != "reachable":
		return "stale"
	}
	return string(s.Report.State)
}

// Checked is the line without which silence is never shown: what was checked, and what could not be.
func (s show) Checked(lang string) string {
	if !s.Covered {
		return in(lang, texts["nocoverage"])
	}
	list := func(l []string) string {
		if len(l) == 0 {
			return in(lang, texts["nothing"])
		}
		return strings.Join(l, ", ")
	}
	return in(lang, texts["sees"]) + ": " + list(s.Seen) + ". " + in(lang, texts["cannot"]) + ": " + list(s.Cannot) + "."
}

func senseText(lang, slug string) string {
	if t, ok := texts["sense."+slug]; ok {
		return in(lang, t)
	}
	return slug
}

func rangeText(lang string, lo, hi float64) string {
	return finding.Hertz(lang, lo) + " – " + finding.Hertz(lang, hi)
}

func cannotText(lang, slug string) string { return report.CannotText(slug).In(lang) }

// roomPage is the data of one room's page.
type roomPage struct {
	frame
	show
	Acts      []session.Kind
	Kinds     []option
	Levels    []option
	Reasons   []option // of an interruption
	Answers   []answers
	From, To  string // defaults of the plan
	Steps     []store.Step
	Timeline  template.HTML
	Tracks    []trackView
	Minutes   int
	Lock      lockView
	Meeting   *meetingView // nil: the room has no conference that has said anything
	MayAck    bool
	MayRoster bool
	MayLearn  bool
	Waiting   map[string]bool // alarms whose answer was sent and not reported yet
}

type option struct{ Slug, Text string }

// answers is one group of the pick-list with which an alarm is answered.
type answers struct {
	Verdict option
	Reasons []alarm.Reason
}

func answersIn(lang string) []answers {
	var out []answers
	for _, v := range alarm.Verdicts() {
		out = append(out, answers{option{v.Slug, v.Text(lang)}, alarm.Reasons(alarm.Verdict(v.Slug))})
	}
	return out
}

// trackView is the charts of one unit.
type trackView struct {
	Unit    fleet.Unit
	Thirds  []fleet.Levelling
	Chart   template.HTML
	Bands   []string
	Span    span
	Rows    []fleet.Row // thinned, newest first
	Version int64       // of the picture, so that browsers fetch it anew
	First   time.Time
	Last    time.Time
}

func (h *Handler) newTrack(lang string, u fleet.Unit, over time.Duration) (trackView, error) {
	t, err := h.fleet.Track(u.ID, over)
	if err != nil {
		return trackView{}, err
	}
	v := trackView{Unit: u, Thirds: t.Thirds, Bands: t.Bands, Chart: thirdsSVG(lang, t.Thirds, in(lang, texts["thirds"])), Span: spanOf(t.Rows, len(t.Bands))}
	if n := len(t.Rows); n > 0 {
		v.Last = t.Rows[n-1].At
		v.First = v.Last.Add(-over)
		v.Version = v.Last.UnixMilli()
		v.Rows = thin(t.Rows, 24)
	}
	return v, nil
}

// thin returns at most n rows, newest first, evenly chosen.
func thin(rows []fleet.Row, n int) []fleet.Row {
	var out []fleet.Row
	step := (len(rows) + n - 1) / n
	for i := len(rows) - 1; i >= 0; i -= max(step, 1) {
		out = append(out, rows[i])
	}
	return out
}

// Progress of the baseline in whole percent.
func percent(x float64) int { return int(100*x + 0.5) }
