package room

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"subrosa/firmware/roster"
	"subrosa/firmware/session"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/firmware/wall"
)

// listed is what the room remembers of its roster between two turns.
type listed struct {
	sent    string    // members as published, JSON
	kept    string    // attendance as on disk, JSON
	endAt   time.Time // when what belongs to the session that is over is forgotten; zero: no session is over
	expired time.Time // when validity was looked at last
	changed atomic.Bool
}

const expireEvery = 10 * time.Second

// openAttendance takes up what the last run knew, and hears of every change from now on.
func (r *Room) openAttendance() {
	if r.p.Attendance == nil {
		r.p.Attendance = roster.NewAttendance(new(roster.Roster))
	}
	var m roster.AttendanceMemory
	err := r.p.State.Load("attendance", &m)
	if err == nil {
		err = r.p.Attendance.Recall(r.p.Clock.Now(), m)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.p.Log.Error("who had checked in is unreadable: they check in again", "err", err)
	}
	r.p.Attendance.Roster().Watch(func(roster.Event) {
		if !r.listed.changed.Swap(true) { // one task for all changes of an import
			r.post(r.rosterChanged)
		}
	})
}

// beginAttendance joins what is remembered to the session as it is.
func (r *Room) beginAttendance(now time.Time) {
	s := r.p.Machine.State()
	switch id := r.p.Attendance.Session(); {
	case s == session.Open && id != "":
		r.endAttendance(now) // when it was to be forgotten is not known any more
	case s != session.Open && id == "":
		r.startAttendance(now)
	}
	r.keepRoster()
}

// startAttendance begins a session's own list. The id says when, and nothing else.
func (r *Room) startAttendance(now time.Time) {
	r.listed.endAt = time.Time{}
	r.p.Attendance.Begin(now, "s-"+now.UTC().Format("20060102-150405"))
}

// turnAttendance does what a change of the session means for the list.
func (r *Room) turnAttendance(c session.Changed) {
	now := r.p.Clock.Now()
	switch {
	case c.From == session.Open && c.To != session.Open:
		r.startAttendance(now)
	case c.To == session.Open && c.From != session.Open:
		r.listed.endAt = now.Add(r.p.KeepAttendance)
		if r.p.KeepAttendance == 0 {
			r.endAttendance(now)
		}
	}
	r.saveAttendance()
}

// endAttendance deletes what belonged to the session.
func (r *Room) endAttendance(now time.Time) {
	here := r.p.Attendance.Here(now)
	session := r.p.Attendance.Session()
	gone := len(r.p.Attendance.End(now))
	r.listed.endAt = time.Time{}
	if session != "" && (gone > 0 || here.Door+here.Home+here.Private > 0) {
		r.append("roster.deleted", map[string]any{"members": gone, "here": here})
	}
	r.saveAttendance()
}

// watchAttendance does what time alone does.
func (r *Room) watchAttendance(now time.Time) {
	if !r.listed.endAt.IsZero() && !now.Before(r.listed.endAt) {
		r.endAttendance(now)
	}
	if now.Sub(r.listed.expired) >= expireEvery {
		r.listed.expired = now
		r.p.Attendance.Roster().Expire(now)
	}
	if r.faults[fault{"state", "roster"}] != nil || r.faults[fault{"state", "attendance"}] != nil || r.faults[fault{"outbox", "roster"}] != nil {
		r.listed.kept, r.listed.sent = "", ""
		r.rosterChanged()
	}
}

// writer is the unit's name in states that others write, too.
func (r *Room) writer() string { return "unit:" + r.p.Unit }

// rosterArrived takes the list that the console has published. What was added or removed for this session stays so.
func (r *Room) rosterArrived(m shadow.Message) {
	if m.Data == nil || m.Writer == r.writer() {
		return
	}
	_, members, err := roster.Decode(m.Data)
	if err != nil {
		r.p.Log.Warn("roster refused", "writer", m.Writer, "err", err)
		return
	}
	members = slices.DeleteFunc(members, func(m roster.Member) bool { return m.Session != "" })
	events, err := r.p.Attendance.Import(r.p.Clock.Now(), members)
	if err != nil {
		r.p.Log.Warn("roster refused", "writer", m.Writer, "err", err)
		return
	}
	if len(events) > 0 {
		r.append("roster.imported", map[string]any{"members": len(members), "changes": len(events), "version": m.Version})
	}
	r.listed.sent = "" // what differs from it is published
	r.rosterChanged()
}

// rosterChanged keeps and publishes the list, and has lock-down and policy act on it at once.
func (r *Room) rosterChanged() {
	r.listed.changed.Store(false)
	r.keepRoster()
	r.stepLockdown()
	r.points()
	r.tell()
}

// keepRoster keeps and publishes the list, if it has changed.
func (r *Room) keepRoster() {
	b, err := json.Marshal(r.p.Attendance.Roster().Members())
	if err != nil {
		r.p.Log.Error("roster", "err", err) // our own types
		return
	}
	if string(b) != r.listed.sent {
		first := r.listed.sent == "" && string(b) == "[]"
		r.listed.sent = string(b)
		r.check("state", "roster", r.p.State.Save("roster", r.p.Attendance.Roster().AtRest()))
		if !first { // a room that has no roster says nothing of one
			r.check("outbox", "roster", r.p.Site.Report(topic.Roster(r.p.Room), roster.Content{Writer: r.writer(), Members: r.p.Attendance.Roster().Members()}))
		}
	}
	r.saveAttendance()
}

// saveAttendance keeps who has checked in, when that has changed.
func (r *Room) saveAttendance() {
	m := r.p.Attendance.Memory()
	b, err := json.Marshal(m)
	if err == nil && string(b) != r.listed.kept {
		if r.listed.kept == "" && (m.Session == "" || len(r.p.Attendance.Roster().Members()) == 0) {
			return // nothing to keep, and no disk to wait for between two states
		}
		if err = r.p.State.Save("attendance", m); err == nil {
			r.listed.kept = string(b)
		}
	}
	r.check("state", "attendance", err)
}

// inRoom has the room's goroutine do f, and waits for it.
func (r *Room) inRoom(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	r.post(func() { result <- f() })
	ctx, cancel := context.WithTimeout(ctx, orderWithin)
	defer cancel()
	select {
	case err := <-result:
		return refusal(err)
	case <-ctx.Done():
		return ctx.Err()
	case <-r.done:
		return errStopped
	}
}

// refusals are the errors of the roster that people are told, in their words.
var refusals = map[error]wall.Text{
	roster.ErrTicket: {DE: "Dieser Link gilt nicht mehr. Bitte bei der Schriftführung einen neuen geben lassen.", EN: "This link is no longer valid. Please ask the clerk for a new one."},
	roster.ErrTaken:  {DE: "Dieses Gerät gehört zu jemand anderem. Bitte die Schriftführung fragen.", EN: "This device belongs to somebody else. Please ask the clerk."},
	roster.ErrDevice: {DE: "Dieses Gerät ist für Sie nicht eingetragen. Bitte die Schriftführung fragen.", EN: "This device is not listed for you. Please ask the clerk."},
	roster.ErrSession: {DE: "Zurzeit wird keine Sitzung vorbereitet. Angemeldet wird ab 15 Minuten vorher.",
		EN: "No session is being prepared. Checking in begins 15 minutes before."},
	roster.ErrUnknown: {DE: "Dieses Kennzeichen steht nicht auf der Liste.", EN: "This mark is not on the list."},
	roster.ErrBarred:  {DE: "Dieses Kennzeichen wurde aus der Sitzung entfernt.", EN: "This mark was removed from the session."},
	roster.ErrFull:    {DE: "Die Liste ist voll.", EN: "The list is full."},
}

func refusal(err error) error {
	for known, text := range refusals {
		if errors.Is(err, known) {
			return &wall.Refusal{Text: text}
		}
	}
	return err
}

// CheckIn returns the list as the pages reach it.
func (r *Room) CheckIn() wall.CheckIn { return desk{r} }

type desk struct{ r *Room }

func (d desk) Attendees() wall.Attendees {
	a, now := d.r.p.Attendance, d.r.p.Clock.Now()
	out := wall.Attendees{Session: a.Session() != "", Here: a.Here(now)}
	where := a.Where()
	said := d.r.toldAlone()
	for _, m := range a.Roster().Members() {
		if m.At(now) && m.Role != roster.Room && m.Role != roster.Gateway {
			out.Members = append(out.Members, wall.Attendee{ID: m.ID, Role: m.Role, Place: where[m.ID], Devices: a.DevicesOf(m.ID), Alone: said[m.ID]})
		}
	}
	return out
}

func (d desk) Ticket(ctx context.Context, role session.Role, member string, place roster.Place) (token string, until time.Time, err error) {
	err = d.r.inRoom(ctx, func() error {
		now := d.r.p.Clock.Now()
		if place == roster.Home && d.r.session.To != nil {
			until = *d.r.session.To
		}
		token, err = d.r.p.Attendance.Issue(now, member, place, until, d.r.p.Rand)
		if err == nil {
			t, _, _ := d.r.p.Attendance.Look(now, token)
			until = t.Until
			d.r.saveAttendance()
			d.r.append("roster.link", map[string]any{"role": role, "place": place})
		}
		return err
	})
	return token, until, err
}

func (d desk) Look(token string) (wall.Invitation, error) {
	t, devices, err := d.r.p.Attendance.Look(d.r.p.Clock.Now(), token)
	return wall.Invitation{Place: t.Place, Until: t.Until, Devices: devices}, err
}

func (d desk) Redeem(ctx context.Context, token string, devices []string, private int) error {
	return d.r.inRoom(ctx, func() error {
		now := d.r.p.Clock.Now()
		t, err := d.r.p.Attendance.Redeem(now, token, devices, private)
		if err != nil {
			return err
		}
		if t.Place == roster.Home { // with the same link, from now on, they say whether they are alone
			d.r.remotely.Link(token, t.Member)
			d.r.saveRemote()
		}
		d.r.append("roster.checked-in", map[string]any{"place": t.Place, "devices": len(devices), "private": private, "here": d.r.p.Attendance.Here(now)})
		d.r.rosterChanged()
		return nil
	})
}

func (d desk) Remove(ctx context.Context, role session.Role, member string) error {
	return d.r.inRoom(ctx, func() error {
		now := d.r.p.Clock.Now()
		if _, err := d.r.p.Attendance.Bar(now, member); err != nil {
			return err
		}
		d.r.remotely.Forget(func(m string) bool { return m != member })
		d.r.saveRemote()
		d.r.append("roster.removed", map[string]any{"role": role, "here": d.r.p.Attendance.Here(now)})
		d.r.rosterChanged()
		return nil
	})
}

func (d desk) Admit(ctx context.Context, role session.Role, as roster.Role) (member string, err error) {
	err = d.r.inRoom(ctx, func() error {
		now := d.r.p.Clock.Now()
		member = d.r.freshMark(as)
		if _, err := d.r.p.Attendance.Add(now, roster.Member{ID: member, Role: as}); err != nil {
			return err
		}
		d.r.append("roster.admitted", map[string]any{"role": role, "as": as, "here": d.r.p.Attendance.Here(now)})
		d.r.rosterChanged()
		return nil
	})
	return member, err
}

// freshMark returns an id that nobody has, such as guest-3: somebody reads it out.
func (r *Room) freshMark(as roster.Role) string {
	for n := 1; ; n++ {
		id := string(as) + "-" + strconv.Itoa(n)
		if _, taken := r.p.Attendance.Roster().Member(id); !taken && !r.p.Attendance.Barred(id) {
			return id
		}
	}
}

func (d desk) Lend(ctx context.Context, role session.Role, member, device string) error {
	return d.r.inRoom(ctx, func() error {
		if err := d.r.p.Attendance.Bind(d.r.p.Clock.Now(), member, device); err != nil {
			return err
		}
		d.r.append("roster.lent", map[string]any{"role": role})
		d.r.rosterChanged()
		return nil
	})
}
