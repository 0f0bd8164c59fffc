package compliance

import (
	"encoding/json"
	"slices"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/conference/dsk"
	"subrosa/firmware/journal"
	"subrosa/firmware/panel"
)

// Evidence is a count of journal entries and the numbers of the first and last of them, 0 if there is none.
type Evidence struct {
	Count       int
	First, Last uint64
}

func (e *Evidence) add(seq uint64) { e.join(Evidence{1, seq, seq}) }

func (e *Evidence) join(o Evidence) {
	if o.Count == 0 {
		return
	}
	if e.Count == 0 || o.First < e.First {
		e.First = o.First
	}
	e.Last, e.Count = max(e.Last, o.Last), e.Count+o.Count
}

// Figures are what the journal holds about the period.
type Figures struct {
	Period    Period
	All       Evidence            // entries in the period
	Kinds     map[string]Evidence // of them, by kind
	Stand     time.Time           // of the newest entry of the journal, in the period or not
	StandSeq  uint64
	Qualities map[string]int // of the time of entries: synced, unsynced, scenario
	Unsealed  int            // entries of a unit whose sensor was not sealed
	Hidden    int            // entries whose payload is gone or of a form that this program does not know
	Software  []string       // in order of appearance
	Policies  []string
	Rooms     []string // that alarms name; more than one room in one journal is a mistake
	Sessions  []Session
	Alarms    []Alarm
	SelfTests SelfTests
	Postures  []Posture // of connectors of the device management, by their id
	Gaps      []Gap     // in which the unit did not run
	Breaks    int       // journal.broken
	Older     Older     // findings of which only summaries of sessions still tell
	// Conference holds what conferences have seen of themselves: by the id of a rule, in order or not, probe by probe.
	Conference map[string][]bool
}

// SelfTests counts tests of the microphone with the unit's own sound.
type SelfTests struct{ Heard, Unheard, Unplayed int }

// Gap is a time without a unit. If it was not stopped in order, From is the time of the last entry before: it may have
// run longer, but nothing shows it.
type Gap struct {
	From, To time.Time
	Ordered  bool // stopped in order
}

// Alarm is one alarm as it stood at last.
type Alarm struct {
	alarm.Alarm
	Seq     uint64 // of the entry that raised it
	Session string // id of the session in whose closed part it was raised, or ""
}

// Answered reports whether a person has closed the alarm.
func (a Alarm) Answered() bool { return a.Ack != nil }

// Harmless reports whether a person has answered that nothing of the kind was in the room.
func (a Alarm) Harmless() bool {
	return a.Ack != nil && (a.Ack.Verdict == alarm.FalseAlarm ||
		a.Ack.Verdict == alarm.Explained && a.Ack.Reason != "put-away" && a.Ack.Reason != "device-found")
}

// reader goes through a journal.
type reader struct {
	f        Figures
	last     time.Time // of the entry before
	running  bool
	stopped  time.Time
	contacts map[string]contact
	blind    bool        // what some contact said is gone
	hidden   []time.Time // of entries whose payload is gone
	sessions []*Session
	cur      *Session   // from handover until open
	check    []*Session // ended, their doors and windows not yet looked at
	segments []segment  // of proven coverage in the closed part of cur
	alarms   []*Alarm   // every one
	byID     map[string]*Alarm
	locked   Lock // as counted last
	postures map[string]Posture

	summaries []Summary
}

type contact struct{ guards, state string }

func read(entries []Numbered, period Period) Figures {
	r := reader{f: Figures{Period: period, Kinds: map[string]Evidence{}, Qualities: map[string]int{}}, byID: map[string]*Alarm{}}
	for _, e := range entries {
		r.entry(e)
	}
	r.finish()
	return r.f
}

func (r *reader) entry(e Numbered) {
	in := r.f.Period.Holds(e.Time)
	if in {
		r.count(e)
	}
	r.closedUp(e)
	switch e.Kind {
	case "unit.started":
		r.started(e, in)
	case "unit.stopped":
		r.running, r.stopped = false, e.Time
	case "session.changed":
		r.moved(e, in)
	case "contact.changed":
		r.contact(e, in)
	case "selftest.done", "selftest.unplayed":
		r.tested(e, in)
	case alarm.KindRaised, alarm.KindChanged, alarm.KindAcknowledged:
		r.alarm(e, in)
	case dsk.KindChecked:
		r.conference(e, in)
	case "lockdown.counted":
		r.lock(e, in)
	case "lockdown.posture":
		r.posture(e, in)
	case KindSummary:
		r.summary(e, in)
	case journal.KindBroken:
		if in {
			r.f.Breaks++
		}
	}
	if e.Kind != "unit.stopped" {
		r.running = true
	}
	r.last, r.f.Stand, r.f.StandSeq = e.Time, e.Time, e.Seq
}

// count takes what every entry tells.
func (r *reader) count(e Numbered) {
	r.f.All.add(e.Seq)
	k := r.f.Kinds[e.Kind]
	k.add(e.Seq)
	r.f.Kinds[e.Kind] = k
	r.f.Qualities[e.Quality]++
	if e.Unsealed {
		r.f.Unsealed++
	}
	note(&r.f.Software, e.Software)
	note(&r.f.Policies, e.Policy)
}

func note(list *[]string, s string) {
	if s != "" && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// payload reads e's payload into v; one that is gone, or is not what it was, is counted.
func (r *reader) payload(e Numbered, in bool, v any) bool {
	if len(e.Payload) > 0 && json.Unmarshal(e.Payload, v) == nil {
		return true
	}
	if in {
		r.f.Hidden++
	}
	r.hidden = append(r.hidden, e.Time)
	return false
}

func (r *reader) started(e Numbered, in bool) {
	defer func() { r.contacts, r.blind, r.locked = nil, false, Lock{} }() // they are told anew
	if r.last.IsZero() {
		return
	}
	g := Gap{From: r.last, To: e.Time}
	if !r.running {
		g.From, g.Ordered = r.stopped, true
	}
	if !g.To.After(g.From) {
		return
	}
	if in || r.f.Period.Holds(g.From) {
		r.f.Gaps = append(r.f.Gaps, g)
	}
	if r.cur != nil {
		r.cur.gaps = append(r.cur.gaps, g)
	}
}

func (r *reader) contact(e Numbered, in bool) {
	var p struct{ Name, Guards, State string }
	if !r.payload(e, in, &p) {
		r.blind = true
		return
	}
	if p.Guards != panel.Window && p.Guards != panel.Door {
		return
	}
	if r.contacts == nil {
		r.contacts = map[string]contact{}
	}
	was := r.contacts[p.Name]
	r.contacts[p.Name] = contact{p.Guards, p.State}
	if s := r.cur; s != nil && s.closed() && was.state != p.State {
		s.opened(p.Name, p.Guards, p.State, e.Time)
	}
}

func (r *reader) tested(e Numbered, in bool) {
	var p struct{ Heard bool }
	if !r.payload(e, in, &p) || !in {
		return
	}
	switch t := &r.f.SelfTests; {
	case e.Kind == "selftest.unplayed":
		t.Unplayed++
	case p.Heard:
		t.Heard++
	default:
		t.Unheard++
	}
}

func (r *reader) alarm(e Numbered, in bool) {
	var p alarm.Record
	if !r.payload(e, in, &p) {
		return
	}
	id := p.Alarm.Finding.ID
	a := r.byID[id]
	if a == nil {
		a = &Alarm{Seq: e.Seq}
		if p.Alarm.Raised.IsZero() {
			p.Alarm.Raised = e.Time
		}
		r.byID[id] = a
		r.alarms = append(r.alarms, a)
	}
	if p.Alarm.Version < a.Version {
		return
	}
	if p.Alarm.Raised.IsZero() {
		p.Alarm.Raised = a.Raised
	}
	a.Alarm = p.Alarm
	note(&r.f.Rooms, p.Alarm.Room)
}

// finish takes what counts in the period over into the figures.
func (r *reader) finish() {
	if r.cur != nil {
		r.sessions = append(r.sessions, r.cur)
		r.cur.segments = r.segments
	}
	var all []Alarm
	for _, a := range r.alarms {
		all = append(all, *a)
	}
	for _, s := range r.sessions {
		s.measure(r.f.Stand, all)
		for _, at := range r.hidden {
			if !at.Before(s.Began) && (s.Ended.IsZero() || !at.After(s.Ended)) {
				s.Hidden++
			}
		}
	}
	r.sumUp()
	for _, s := range r.sessions {
		if r.f.Period.Holds(s.begin()) {
			r.f.Sessions = append(r.f.Sessions, *s)
		}
	}
	r.finishDevices()
	number(r.f.Sessions, r.f.Period.From.Location())
	for _, a := range all {
		if !r.f.Period.Holds(a.Raised) {
			continue
		}
		for _, s := range r.f.Sessions {
			if s.during(a.Raised) {
				a.Session = s.ID
			}
		}
		r.f.Alarms = append(r.f.Alarms, a)
	}
}

// Closed returns the sessions that reached their closed part.
func (f *Figures) Closed() []Session {
	return slices.DeleteFunc(slices.Clone(f.Sessions), func(s Session) bool { return s.Closed.IsZero() })
}

// Total returns the length of all closed parts, and how much of it sound and radio were covered.
func (f *Figures) Total() (closed time.Duration, sound, radio Share) {
	for _, s := range f.Closed() {
		closed += s.Length
		sound, radio = sound.plus(s.Sound), radio.plus(s.Radio)
	}
	return closed, sound, radio
}

// Overrides counts the chair's decisions to go on with something unproven.
func (f *Figures) Overrides() (n int) {
	for _, s := range f.Sessions {
		n += len(s.Overrides)
	}
	return n
}
