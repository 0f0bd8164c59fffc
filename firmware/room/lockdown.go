package room

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"

	"subrosa/firmware/lockdown"
	"subrosa/firmware/policy"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// devices is what the room remembers of the lock between two turns.
type devices struct {
	status   lockdown.Status
	counted  string // status as last recorded, JSON
	countAt  time.Time
	reached  string                      // ids of the connectors that are reached, as recorded
	postures map[string]lockdown.Posture // connector → its posture as last recorded
	paper    paper
}

const (
	countEvery   = time.Minute      // counts are recorded at most so often while they change
	postureEvery = 12 * time.Hour   // a standing posture is recorded so often while it is the same …
	postureAgain = 10 * time.Minute // … and at most so often while it changes
)

// assistantsPoint is the point of the session that says how far the lock is, and assistantsFact the fact of policies.
const (
	assistantsPoint = "assistants"
	assistantsFact  = "assistants_locked"
)

// SYS.3.2.1.A19: voice assistants only where indispensable.
var assistantRules = []string{"SYS.3.2.1.A19"}

// openLockdown takes up what the last run has asked for.
func (r *Room) openLockdown() {
	if r.p.Lockdown == nil {
		d, err := lockdown.New(lockdown.Default, r.p.Rand)
		if err != nil {
			panic(err) // our own configuration
		}
		r.p.Lockdown = d
	}
	r.devices.postures = map[string]lockdown.Posture{}
	r.openPaper()
	var m lockdown.Memory
	err := r.p.State.Load("lockdown", &m)
	if err == nil {
		err = r.p.Lockdown.Recall(m)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.p.Log.Error("what was asked of the device management is unreadable: devices are free when their lease is over", "err", err)
	}
}

// subscribeLockdown hears what connectors say.
func (r *Room) subscribeLockdown() error {
	return errors.Join(
		r.p.Site.Watch(topic.MDMOnline(topic.Any), func(m shadow.Message) { r.post(func() { r.connector(m) }) }),
		r.p.Site.Watch(topic.MDMPosture(topic.Any), func(m shadow.Message) { r.post(func() { r.posture(m) }) }),
		r.p.Site.Watch(topic.LockdownReported(r.p.Room, topic.Any), func(m shadow.Message) { r.post(func() { r.locked(m) }) }),
		r.p.Site.Watch(topic.LockdownChecklist(r.p.Room, topic.Any), func(m shadow.Message) { r.post(func() { r.listedPoints(m) }) }),
	)
}

// connector takes whether a connector is there. Its last will says so when it is gone, and the pages at once.
func (r *Room) connector(m shadow.Message) {
	online, err := lockdown.ReadOnline(m.Data)
	if err != nil {
		r.p.Log.Warn("connector", "topic", m.Topic.String(), "err", err)
	}
	r.p.Lockdown.Online(r.p.Clock.Now(), m.Topic.ID("conn"), online)
	r.lockChanged()
}

func (r *Room) posture(m shadow.Message) {
	p, err := lockdown.ReadPosture(m.Data)
	if err != nil {
		r.p.Log.Warn("standing posture refused", "topic", m.Topic.String(), "err", err)
		return
	}
	r.p.Lockdown.Standing(m.Topic.ID("conn"), p)
	r.lockChanged()
}

func (r *Room) locked(m shadow.Message) {
	rep, err := lockdown.ReadReport(m.Data)
	if err != nil {
		r.p.Log.Warn("report of the lock refused", "topic", m.Topic.String(), "err", err)
		return
	}
	if rep != nil {
		rep.At = m.Time
	}
	r.p.Lockdown.Take(m.Topic.ID("conn"), rep)
	r.lockChanged()
}

// lockChanged shows and records what is new.
func (r *Room) lockChanged() {
	r.stepLockdown()
	r.points()
	r.tell()
}

// stepLockdown asks for what is to be asked for, and counts.
func (r *Room) stepLockdown() {
	now, s := r.p.Clock.Now(), lockdown.Situation{State: r.p.Machine.State(), Session: r.p.Attendance.Session()}
	if r.session.To != nil {
		s.To = *r.session.To
	}
	if s.Session != "" {
		s.Devices = r.p.Attendance.Devices(now, r.p.Lockdown.CheckedIn())
	}
	was := r.p.Lockdown.Memory()
	if w, ok := r.p.Lockdown.Step(now, s); ok {
		// On disk first: a version that is used twice would be overlooked. But devices are not left free because a disk is full.
		r.check("state", "lockdown", r.p.State.Save("lockdown", r.p.Lockdown.Memory()))
		r.check("outbox", "lockdown", r.p.Site.Report(topic.LockdownDesired(r.p.Room), lockdown.Wire(w)))
		if was.Locked != w.Locked || was.Holder != w.Session || len(was.Devices) != len(w.Devices) {
			r.appendFor(assistantRules, "lockdown.asked", map[string]any{"locked": w.Locked, "devices": len(w.Devices), "restrict": w.Restrict, "until": w.HardEnd})
		}
	}
	r.devices.status = r.p.Lockdown.Status(now)
	r.recordLock(now)
}

// recordLock writes counts into the journal: when they have changed, at most once a minute, and at once when it matters.
func (r *Room) recordLock(now time.Time) {
	st := &r.devices.status
	r.recordConnectors(st)
	for _, p := range st.Postures {
		last := r.devices.postures[p.Conn]
		age := p.At.Sub(last.At)
		if changed := p.Off != last.Off || p.Total != last.Total; !p.Old && (age >= postureEvery || changed && age >= postureAgain) {
			r.devices.postures[p.Conn] = p.Posture
			r.appendFor(assistantRules, "lockdown.posture", map[string]any{"connector": p.Conn, "off": p.Off, "total": p.Total, "at": p.At, "declared": p.Declared > 0})
		}
	}
	if st.Phase == lockdown.Idle && r.devices.counted == "" {
		return
	}
	b, err := json.Marshal(counts{*st, nil, nil})
	if err != nil || string(b) == r.devices.counted || now.Sub(r.devices.countAt) < countEvery && !r.lockMatters(st) {
		return
	}
	r.devices.counted, r.devices.countAt = string(b), now
	if st.Phase == lockdown.Idle {
		r.devices.counted = ""
	}
	r.appendFor(assistantRules, "lockdown.counted", json.RawMessage(b))
}

// counts are a status as it is recorded: without connectors' postures, which have entries of their own.
type counts struct {
	lockdown.Status
	Postures []lockdown.Standing `json:"postures,omitempty"`
	Faults   []lockdown.Fault    `json:"faults,omitempty"`
}

// lockMatters reports whether the counts just became, or ceased to be, what a rule or a person asks about.
func (r *Room) lockMatters(st *lockdown.Status) bool {
	var last lockdown.Status
	if r.devices.counted == "" || json.Unmarshal([]byte(r.devices.counted), &last) != nil {
		return true
	}
	all := func(s *lockdown.Status) bool { return s.Off >= s.Devices }
	return last.Phase != st.Phase || last.Reached != st.Reached || all(&last) != all(st)
}

func (r *Room) recordConnectors(st *lockdown.Status) {
	b, err := json.Marshal(st.Lost)
	if err != nil || string(b) == r.devices.reached || st.Connectors == 0 {
		return
	}
	first := r.devices.reached == "" && len(st.Lost) == 0
	r.devices.reached = string(b)
	if !first {
		r.append("lockdown.connectors", map[string]any{"known": st.Connectors, "reached": st.Reached, "lost": st.Lost})
	}
}

// lockPoints is the point of the lock: shown, and nothing waits for it unless a rule of the policy says so.
func (r *Room) lockPoints(s session.State) []session.Point {
	st := &r.devices.status
	if st.Phase != lockdown.Locking && st.Phase != lockdown.Over {
		return nil
	}
	proven := r.p.Lockdown.Proven(r.p.Clock.Now()) == true
	p := session.Point{Name: assistantsPoint, Step: session.Handover, Proven: proven, Advisory: !r.blocksOn(assistantsFact, s)}
	if !proven {
		p.Detail = lockDetail(st)
	}
	return []session.Point{p}
}

// lockDetail is the slug of what is most worth doing.
func lockDetail(st *lockdown.Status) string {
	switch {
	case st.Reached == 0:
		return "no-device-management"
	case st.Locked > 0:
		return "unlock-once"
	case st.Failed+st.Partial > 0:
		return "devices-refuse"
	case st.Blind > 0:
		return "no-device-management"
	case st.Waiting > 0:
		return "waiting"
	case st.Unmanaged > 0:
		return "devices-unmanaged"
	case st.Declared > 0:
		return "devices-declared"
	}
	return "not-measurable"
}

// blocksOn reports whether a rule of the policy holds up closing as long as the fact is not what it wants.
func (r *Room) blocksOn(fact string, s session.State) bool {
	p := r.p.Policy
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.Rules, func(rule policy.Rule) bool {
		blocks, _ := p.Blocks(&rule, s, r.kind(s))
		return blocks && slices.Contains(rule.Facts(), fact)
	})
}

// gatherLock fills in the facts of roster and lock. Without a connector that reports, nothing of the lock is measured.
func (r *Room) gatherLock(f *policy.Facts) {
	now := r.p.Clock.Now()
	if r.p.Attendance.Session() != "" {
		if here := r.p.Attendance.Here(now); here.Members > 0 {
			f.Must("members_expected", here.Members)
			f.Must("members_checked_in", here.Door+here.Home)
			f.Must("devices_private", here.Private)
			if heads := r.p.Walk.Heads(); heads > 0 {
				f.Must("roster_confirmed", here.Door >= heads)
			}
		}
	}
	st := &r.devices.status
	if st.Connectors > 0 {
		f.Must("device_management_reached", st.Reached == st.Connectors)
	}
	if st.Phase != lockdown.Locking && st.Phase != lockdown.Over {
		return
	}
	f.Must(assistantsFact, r.p.Lockdown.Proven(now))
	f.Must("devices_wanted", st.Devices)
	if r.p.Lockdown.Speaks() {
		f.Must("devices_assistant_off", st.Off)
		f.Must("devices_to_unlock", st.Locked)
	}
}

// tellDevices shows who has checked in, and how the lock stands: counts, no names, no devices.
func (r *Room) tellDevices(v *wall.View) {
	if here := r.p.Attendance.Here(v.At); here.Members > 0 {
		v.Here = &here
	}
	if st := r.devices.status; st.Phase != lockdown.Idle || st.Connectors > 0 {
		v.Lockdown = &st
	}
	v.Checklist = r.checklist()
}
