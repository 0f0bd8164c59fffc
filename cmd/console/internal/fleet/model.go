// Package fleet is the console's live picture of all rooms and units, fed by MQTT. Whoever shows it gets copies,
// and is told which rooms changed.
package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"subrosa/cmd/console/internal/store"
	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// Silent is how long a unit may be silent before it counts as not reachable. Health and levels come far more
// often.
const Silent = 60 * time.Second

// Bounds of the picture.
const (
	maxRooms  = 1024
	maxUnits  = 1024
	maxAlarms = 4096 // live ones of a room; the store keeps the rest
)

type room struct {
	session *session.Report
	policy  *report.Policy
	meeting *report.Conference
	alarms  map[string]alarm.Alarm // by finding id
	topics  map[string]string      // finding id → id as in its topic
	units   map[string]bool
	desired event.Stamp
	acks    map[string]event.Stamp // by id as in the topic
	lock    *lockdown.Desk         // of voice assistants, as counts
	roster  event.Stamp
	members int // on it
}

type unit struct {
	Unit
	since   time.Time
	history History
	learn   event.Stamp
}

// Fleet is safe for concurrent use.
type Fleet struct {
	st  *store.Store
	log *slog.Logger
	fan fan

	malformed, messages, stale atomic.Int64

	headsMu sync.Mutex // held while a remembered checkpoint changes

	mu      sync.RWMutex
	rooms   map[string]*room
	units   map[string]*unit
	unsaved map[string]alarm.Alarm
	said    map[string]time.Time // malformed topics that were logged
	devices devices
}

// New returns the picture that the store remembers: alarms of the last days, without rooms' states.
func New(ctx context.Context, st *store.Store, log *slog.Logger) (*Fleet, error) {
	f := &Fleet{
		st: st, log: log, rooms: map[string]*room{}, units: map[string]*unit{}, unsaved: map[string]alarm.Alarm{}, said: map[string]time.Time{},
		devices: devices{online: map[string]bool{}, spoke: map[string]bool{}, posture: map[string]*lockdown.Posture{}},
	}
	as, err := st.Alarms(ctx, "", maxAlarms)
	if err != nil {
		return nil, err
	}
	for _, a := range as {
		if r, err := f.room(a.Room); err == nil {
			r.alarms[a.Finding.ID] = a
		}
	}
	return f, nil
}

func (f *Fleet) room(id string) (*room, error) {
	r := f.rooms[id]
	if r == nil {
		if err := topic.CheckID(id); err != nil {
			return nil, err
		}
		if len(f.rooms) >= maxRooms {
			return nil, fmt.Errorf("more than %d rooms", maxRooms)
		}
		r = &room{alarms: map[string]alarm.Alarm{}, topics: map[string]string{}, units: map[string]bool{}, acks: map[string]event.Stamp{},
			lock: f.newDesk(time.Time{})}
		f.rooms[id] = r
	}
	return r, nil
}

func (f *Fleet) unit(id string, now time.Time) (*unit, error) {
	u := f.units[id]
	if u == nil {
		if len(f.units) >= maxUnits {
			return nil, fmt.Errorf("more than %d units", maxUnits)
		}
		u = &unit{Unit: Unit{ID: id}, since: now}
		f.units[id] = u
	}
	return u, nil
}

// Handle takes one message as it came from the broker. retained tells that the broker had kept it, so that it
// says nothing about whether its writer lives. An error means that the message was ignored; it has been counted
// and logged.
func (f *Fleet) Handle(ctx context.Context, now time.Time, name string, payload []byte, retained bool) error {
	f.messages.Add(1)
	err := f.handle(ctx, now, name, payload, retained)
	if err != nil && ctx.Err() == nil {
		f.malformed.Add(1)
		f.complain(now, name, err)
	}
	return err
}

// complain writes one line a minute for each topic.
func (f *Fleet) complain(now time.Time, name string, err error) {
	if len(name) > 128 {
		name = name[:128]
	}
	f.mu.Lock()
	quiet := now.Sub(f.said[name]) < time.Minute && !f.said[name].IsZero()
	if len(f.said) > maxRooms {
		clear(f.said)
	}
	if !quiet {
		f.said[name] = now
	}
	f.mu.Unlock()
	if !quiet {
		f.log.Warn("message ignored", "topic", name, "err", err)
	}
}

func (f *Fleet) handle(ctx context.Context, now time.Time, name string, payload []byte, retained bool) error {
	t, err := topic.Parse(name)
	if err != nil {
		return err
	}
	if len(payload) == 0 {
		f.forget(t)
		return nil
	}
	e, err := event.Decode(payload)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(e.Type, event.Prefix+t.Noun+".") {
		return fmt.Errorf("type %.60q does not belong to this topic", e.Type)
	}
	f.mu.Lock()
	changed, after, err := f.apply(now, t, e, retained)
	f.mu.Unlock()
	if err != nil {
		return err
	}
	if after != nil {
		after(ctx)
	}
	f.fan.tell(changed...)
	return nil
}

// apply changes the picture. It returns the rooms that look different now, and what is to be stored without the
// lock held.
func (f *Fleet) apply(now time.Time, t topic.Topic, e event.Event, retained bool) (changed []string, after func(context.Context), err error) {
	if id, ok := strings.CutPrefix(e.Source, "/unit/"); ok && topic.CheckID(id) == nil {
		if err := f.heard(now, id, t.Room(), retained); err != nil {
			return nil, nil, err
		}
	}
	if t.Noun == "checkpoint" {
		after, err = f.published(now, t.Unit(), e)
		return nil, after, err
	}
	if id := t.Unit(); id != "" {
		u, err := f.unit(id, now)
		if err != nil {
			return nil, nil, err
		}
		return slices.Clone(u.Rooms), nil, u.apply(t, e)
	}
	if t.ID("conn") != "" && t.Room() == "" {
		changed, err := f.applyConnector(now, t, e.Data)
		return changed, nil, err
	}
	if t.Room() == "" {
		return nil, nil, nil // site and device topics are not shown
	}
	r, err := f.room(t.Room())
	if err != nil {
		return nil, nil, err
	}
	after, err = f.applyRoom(r, t, e)
	return []string{t.Room()}, after, err
}

// heard notes that a unit spoke, and for which room.
func (f *Fleet) heard(now time.Time, id, roomID string, retained bool) error {
	u, err := f.unit(id, now)
	if err != nil {
		return err
	}
	if !retained {
		u.Heard = now
	}
	if roomID == "" || slices.Contains(u.Rooms, roomID) {
		return nil
	}
	r, err := f.room(roomID)
	if err != nil {
		return err
	}
	u.Rooms = append(u.Rooms, roomID)
	slices.Sort(u.Rooms)
	r.units[id] = true
	return nil
}

func (u *unit) apply(t topic.Topic, e event.Event) (err error) {
	switch t.Row.Pattern {
	case "unit/{unit}/online":
		o, err := checked(e, checkOnline)
		if err != nil {
			return err
		}
		u.Online, u.Software, u.Sealed = o.Online, o.Software, o.Sealed
	case "unit/{unit}/health":
		u.Health, err = pointer(checked(e, checkHealth))
	case "unit/{unit}/coverage":
		u.Coverage, err = pointer(checked(e, checkCoverage))
	case "unit/{unit}/baseline/reported":
		u.Baseline, err = pointer(checked(e, checkBaseline))
	case "unit/{unit}/baseline/desired":
		s, err := e.Stamp()
		if err == nil && s.Newer(u.learn) {
			u.learn = s
		}
		return err
	case "unit/{unit}/levels":
		l, err := checked(e, checkLevels)
		if err != nil {
			return err
		}
		u.Levels, u.LevelsAt = &l, e.Time
		u.history.add(e.Time, l)
	}
	return err
}

func checked[T any](e event.Event, check func(T) error) (T, error) {
	v, err := decode[T](e)
	if err == nil {
		err = check(v)
	}
	return v, err
}

func pointer[T any](v T, err error) (*T, error) { return &v, err }

func (f *Fleet) applyRoom(r *room, t topic.Topic, e event.Event) (after func(context.Context), err error) {
	if ours, err := r.applyLock(t, e); ours {
		return nil, err
	}
	switch t.Row.Pattern {
	case "room/{room}/session/reported":
		rep, err := checked(e, checkReport)
		if err != nil {
			return nil, err
		}
		if r.session != nil && rep.Version < r.session.Version {
			return nil, nil // an older one, delivered again
		}
		moved := r.session == nil || r.session.State != rep.State || !slices.Equal(r.session.Flags, rep.Flags)
		r.session = &rep
		if moved {
			return f.saveStep(t.Room(), rep), nil
		}
	case "room/{room}/policy/reported":
		r.policy, err = pointer(checked(e, checkPolicy))
		return nil, err
	case "room/{room}/conference/reported":
		c, err := report.ReadConference(e.Data)
		if err == nil && (r.meeting == nil || c.Version >= r.meeting.Version) {
			r.meeting = &c
		}
		return nil, err
	case "room/{room}/session/desired":
		s, err := e.Stamp()
		if err == nil && s.Newer(r.desired) {
			r.desired = s
		}
		return nil, err
	case "room/{room}/ack/{id}":
		s, err := e.Stamp()
		if err == nil && len(r.acks) < maxAlarms && s.Newer(r.acks[t.ID("id")]) {
			r.acks[t.ID("id")] = s
		}
		return nil, err
	case "room/{room}/alarm/{id}":
		a, err := decode[alarm.Alarm](e)
		if err != nil {
			return nil, err
		}
		if err := checkAlarm(a, t.Room(), t.ID("id")); err != nil {
			return nil, err
		}
		id := a.Finding.ID
		if len(r.alarms) >= maxAlarms {
			r.dropOldest()
		}
		r.topics[id] = t.ID("id")
		if old, ok := r.alarms[id]; ok && old.Version >= a.Version {
			return nil, nil // a repeat
		}
		r.alarms[id] = a
		return func(ctx context.Context) { f.save(ctx, a) }, nil
	}
	return nil, nil
}

func (r *room) dropOldest() {
	oldest := ""
	for id, a := range r.alarms {
		if oldest == "" || a.Raised.Before(r.alarms[oldest].Raised) {
			oldest = id
		}
	}
	delete(r.alarms, oldest)
	delete(r.topics, oldest)
}

// forget takes an emptied topic: its state is over.
func (f *Fleet) forget(t topic.Topic) {
	f.mu.Lock()
	r := f.rooms[t.Room()]
	if r != nil {
		switch t.Row.Pattern {
		case "room/{room}/policy/reported":
			r.policy = nil
		case "room/{room}/ack/{id}":
			delete(r.acks, t.ID("id"))
		case "room/{room}/lockdown/{conn}/reported":
			r.lock.Take(t.ID("conn"), nil)
		case "room/{room}/alarm/{id}":
			for id := range r.alarms {
				if strings.EqualFold(id, t.ID("id")) {
					delete(r.alarms, id)
					delete(r.topics, id)
				}
			}
		}
	}
	f.mu.Unlock()
	if r != nil {
		f.fan.tell(t.Room())
	}
}

// save stores a; if that fails, Run tries again until it does not.
func (f *Fleet) save(ctx context.Context, a alarm.Alarm) {
	_, err := f.st.PutAlarm(ctx, a)
	f.mu.Lock()
	defer f.mu.Unlock()
	id := a.Finding.ID
	switch {
	case err == nil && f.unsaved[id].Version <= a.Version:
		delete(f.unsaved, id)
	case err != nil && f.unsaved[id].Version < a.Version:
		if len(f.unsaved) == 0 {
			f.log.Error("alarms cannot be stored; trying again", "err", err)
		}
		f.unsaved[id] = a
	}
}

func (f *Fleet) saveStep(room string, rep session.Report) func(context.Context) {
	st := store.Step{Version: rep.Version, At: rep.Since, State: string(rep.State)}
	for _, fl := range rep.Flags {
		st.Flags = append(st.Flags, string(fl))
	}
	return func(ctx context.Context) {
		if err := f.st.PutStep(ctx, room, st); err != nil && ctx.Err() == nil {
			f.log.Error("session step cannot be stored", "room", room, "err", err)
		}
	}
}

// Run notices silence and retries what could not be stored, until ctx ends.
func (f *Fleet) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			f.Tick(ctx, now)
		}
	}
}

// Tick is one round of Run.
func (f *Fleet) Tick(ctx context.Context, now time.Time) {
	f.mu.Lock()
	var changed []string
	silent := 0
	for _, u := range f.units {
		was := u.Silent
		u.Silent = u.Online && now.Sub(latest(u.Heard, u.since)) > Silent
		if u.Silent != was {
			changed = append(changed, u.Rooms...)
		}
		if !u.Reachable() {
			silent++
		}
	}
	f.stale.Store(int64(silent))
	again := slices.Collect(maps.Values(f.unsaved))
	f.mu.Unlock()
	f.fan.tell(changed...)
	for _, a := range again {
		f.save(ctx, a)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
