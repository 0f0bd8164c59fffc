package session

import (
	"slices"
	"time"
)

const (
	maxPoints = 64
	maxLength = 24 * time.Hour
)

// Error says why an event was refused. Nothing has changed.
type Error struct {
	Kind  Kind
	Role  Role
	State State // "" where no state could take the event
	Why   string
}

// Error names event, role and state.
func (e *Error) Error() string {
	s := "session: " + string(e.Kind)
	if e.Role != "" {
		s += " by " + string(e.Role)
	}
	if e.State != "" {
		s += " in " + string(e.State)
	}
	return s + ": " + e.Why
}

// Changed tells what an event did.
type Changed struct {
	From, To State
	On       Kind
	Role     Role
	Reason   Reason
	Report   bool // what Report returns has changed: publish and persist
}

// Moved reports whether the state changed.
func (c Changed) Moved() bool { return c.From != c.To }

// Machine is one room's session. It is not safe for concurrent use.
type Machine struct {
	conf Config
	mem  memory
}

// memory is everything that survives.
type memory struct {
	State    State     `json:"state"`
	Since    time.Time `json:"since"`
	Schedule *Schedule `json:"schedule,omitempty"` // planned or running
	Points   []Point   `json:"points,omitempty"`
	Told     bool      `json:"told"`               // points came since Start or the power loss
	Accepted []string  `json:"accepted,omitempty"` // points the chair confirmed although they were unproven
	Asking   bool      `json:"asking,omitempty"`   // patience is over, or the chair asked to resume
	Flags    []Flag    `json:"flags,omitempty"`
	Reason   Reason    `json:"reason,omitempty"`
	Desired  uint64    `json:"desired,omitempty"`
}

// New returns a machine in the open state.
func New(now time.Time, c Config) *Machine {
	return &Machine{conf: c, mem: memory{State: Open, Since: now}}
}

// State returns the present state.
func (m *Machine) State() State { return m.mem.State }

// Apply lets the machine take the event. An error is always an *Error and leaves everything as it was.
func (m *Machine) Apply(now time.Time, e Event) (Changed, error) {
	if e.Kind == OnTick {
		return m.Tick(now), nil
	}
	c := Changed{From: m.mem.State, To: m.mem.State, On: e.Kind, Role: e.Role, Reason: e.Reason}
	if err := checkEvent(e); err != nil {
		return c, err
	}
	report, known, err := m.absorb(e)
	if err != nil {
		return c, err
	}
	t, ok := m.find(now, e)
	if !ok && !known {
		return c, &Error{Kind: e.Kind, Role: e.Role, State: m.mem.State, Why: m.why(e)}
	}
	if ok {
		m.enter(now, t, e)
		report = true
	}
	if e.Desired > m.mem.Desired {
		m.mem.Desired = e.Desired
		report = true
	}
	c.To, c.Report = m.mem.State, report
	return c, nil
}

// Tick lets time pass: a plan falls due, a proven step goes on, patience ends.
func (m *Machine) Tick(now time.Time) Changed {
	c := Changed{From: m.mem.State, To: m.mem.State, On: OnTick}
	if t, ok := m.find(now, Event{Kind: OnTick}); ok {
		m.enter(now, t, Event{Kind: OnTick})
		c.To, c.Report = m.mem.State, true
		return c
	}
	if d := m.conf.patience(m.mem.State); d > 0 && !m.mem.Asking && now.Sub(m.mem.Since) >= d {
		m.mem.Asking, c.Report = true, true
	}
	if m.mem.State == Open && m.mem.Schedule != nil && !now.Before(m.mem.Schedule.To) {
		m.mem.Schedule, c.Report = nil, true
	}
	return c
}

// absorb takes what an event tells, apart from its arrow. known means that the event is in order in this state
// even if no arrow fits.
func (m *Machine) absorb(e Event) (report, known bool, err error) {
	switch e.Kind {
	case OnPlan:
		if m.mem.State != Open && m.mem.State != Planned {
			return false, false, &Error{Kind: e.Kind, Role: e.Role, State: m.mem.State, Why: "a session is running"}
		}
		s := e.Schedule
		m.mem.Schedule = &s
		return true, true, nil
	case OnPoints:
		list := slices.Clone(e.Points)
		for i := range list {
			list[i].Accepted = false // Report says it
		}
		changed := !m.mem.Told || !slices.Equal(m.mem.Points, list)
		m.mem.Points, m.mem.Told = list, true
		return changed, true, nil
	case OnFlag:
		return m.flag(e.Flag, e.On), true, nil
	case OnPowerLoss:
		if m.mem.State.Step() || m.mem.State.Confidential() {
			m.forgetProofs()
			return true, true, nil
		}
		return false, true, nil
	case OnResume:
		if m.mem.State == Interrupted && !m.settled() && !m.mem.Asking {
			m.mem.Asking = true
			return true, true, nil
		}
	case OnEnd:
		if m.mem.State == Open && m.mem.Schedule != nil {
			m.mem.Schedule = nil
			return true, true, nil
		}
	}
	return false, false, nil
}

// forgetProofs marks every point as unproven until it is told again, and as not accepted.
func (m *Machine) forgetProofs() {
	m.mem.Told, m.mem.Accepted = false, nil
	for i := range m.mem.Points {
		m.mem.Points[i].Proven = false
	}
}

func (m *Machine) find(now time.Time, e Event) (Transition, bool) {
	for _, t := range Transitions {
		if t.From == m.mem.State && t.On == e.Kind && m.holds(now, t.Guard, e) {
			return t, true
		}
	}
	return Transition{}, false
}

func (m *Machine) holds(now time.Time, g Guard, e Event) bool {
	s := m.mem.Schedule
	switch g {
	case Due:
		return s != nil && !now.Before(s.From.Add(-m.conf.Early)) && now.Before(s.To)
	case Lapsed:
		return s == nil || !now.Before(s.To) || now.Before(s.From.Add(-m.conf.Early))
	case Settled:
		return m.settled()
	case Unsettled:
		return !m.settled()
	case LongGap:
		return e.Gap > m.conf.Gap
	}
	return g == Always
}

// settled reports whether points were told and every one that counts by now is proven or accepted: in a step
// those of it and of the steps before, elsewhere all.
func (m *Machine) settled() bool { return m.mem.Told && len(m.open()) == 0 }

// open returns the names of the points that count by now and are neither proven nor accepted. Advisory ones never count.
func (m *Machine) open() []string {
	upTo := len(States)
	if m.mem.State.Step() {
		upTo = slices.Index(States, m.mem.State)
	}
	var out []string
	for _, p := range m.mem.Points {
		if !p.Proven && !p.Advisory && slices.Index(States, p.step()) <= upTo && !slices.Contains(m.mem.Accepted, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

func (m *Machine) enter(now time.Time, t Transition, e Event) {
	if t.On == OnConfirm {
		m.mem.Accepted = append(m.mem.Accepted, m.open()...)
	}
	m.mem.State, m.mem.Since, m.mem.Asking = t.To, now, false
	switch {
	case t.To == Open:
		if put := t.Guard == Lapsed && m.mem.Schedule != nil && now.Before(m.mem.Schedule.To); !put {
			m.mem.Schedule = nil
		}
		m.clear()
	case t.On == OnStart:
		if e.Schedule.Kind != "" && m.mem.Schedule == nil {
			m.mem.Schedule = &Schedule{Kind: e.Schedule.Kind, Level: e.Schedule.Level}
		}
		m.clear()
	case t.On == OnPowerLoss && t.To == Handover:
		m.flag(Override, false)
		m.mem.Reason = ""
	case t.On == OnConfirm:
		m.flag(Override, true)
		m.mem.Reason = e.Reason
	case t.On == OnPowerLoss && t.To == Interrupted:
		m.mem.Reason = PowerLost
	case t.On == OnInterrupt:
		m.mem.Reason = e.Reason
	case t.On == OnResume:
		if !slices.ContainsFunc(m.mem.Points, func(p Point) bool { return !p.Proven && !p.Advisory }) {
			m.mem.Reason, m.mem.Accepted = "", nil
			m.flag(Override, false)
		}
	}
}

// clear drops what belonged to the session before.
func (m *Machine) clear() {
	m.mem.Points, m.mem.Told, m.mem.Accepted, m.mem.Reason = nil, false, nil, ""
	m.flag(Override, false)
}

func (m *Machine) flag(f Flag, on bool) (changed bool) {
	has := slices.Contains(m.mem.Flags, f)
	if has == on {
		return false
	}
	var out []Flag
	for _, g := range Flags {
		if g == f && on || g != f && slices.Contains(m.mem.Flags, g) {
			out = append(out, g)
		}
	}
	m.mem.Flags = out
	return true
}

func (m *Machine) why(e Event) string {
	switch {
	case e.Kind == OnConfirm && (m.mem.State.Step() || m.mem.State == Interrupted):
		return "nothing is left to decide upon"
	case e.Kind == OnResume && m.mem.State == Interrupted:
		return "something is unproven: confirm with a reason"
	}
	return "not possible in this state"
}

// Report returns the published form, without Version.
func (m *Machine) Report() Report {
	r := Report{
		DesiredVersion: m.mem.Desired, State: m.mem.State, Since: m.mem.Since, Reason: m.mem.Reason, Next: m.next(),
		Flags: append([]Flag{}, m.mem.Flags...), Points: append([]Point{}, m.mem.Points...),
	}
	for i, p := range r.Points {
		r.Points[i].Accepted = !p.Proven && slices.Contains(m.mem.Accepted, p.Name)
	}
	if s := m.mem.Schedule; s != nil {
		r.Kind, r.Level = s.Kind, s.Level
		if !s.From.IsZero() {
			from, to := s.From, s.To
			r.From, r.To = &from, &to
		}
	}
	return r
}

func (m *Machine) next() Next {
	switch s := m.mem.State; {
	case s == Open, s == Planned:
		return NextStart
	case s == Closed:
		return NextEnd
	case s == Restoring && m.mem.Asking:
		return NextConfirm
	case s == Restoring:
		return NextRestore
	case s == Interrupted && m.mem.Asking && !m.settled():
		return NextConfirm
	case s == Interrupted:
		return NextResume
	case m.settled():
		return NextTick
	case m.mem.Asking:
		return NextConfirm
	}
	return NextProof
}
