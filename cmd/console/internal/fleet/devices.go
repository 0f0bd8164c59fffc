package fleet

import (
	"context"
	"fmt"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/lockdown"
	"subrosa/firmware/roster"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// devices is what is known of connectors of device managements. Of devices it knows counts.
type devices struct {
	online  map[string]bool
	spoke   map[string]bool // has said whether it is there
	posture map[string]*lockdown.Posture
}

// maxConns bounds the connectors that are known.
const maxConns = 32

// Connector is a copy of what is known of one.
type Connector struct {
	ID      string
	Online  bool
	Dated   bool              // it never says whether it is there: a list that somebody has brought, judged by its age
	Posture *lockdown.Posture // nil: none yet
}

// newDesk counts for a room what its unit counts. It is given no randomness, for it asks for nothing.
func (f *Fleet) newDesk(now time.Time) *lockdown.Desk {
	d, err := lockdown.New(lockdown.Default, nil)
	if err != nil {
		panic(err) // our own configuration
	}
	for id := range f.devices.spoke {
		d.Online(now, id, f.devices.online[id])
	}
	return d
}

// applyConnector takes mdm/{conn}/online and posture: they concern every room.
func (f *Fleet) applyConnector(now time.Time, t topic.Topic, data []byte) (changed []string, err error) {
	id := t.ID("conn")
	if _, known := f.devices.online[id]; !known && len(f.devices.online) >= maxConns {
		return nil, fmt.Errorf("more than %d connectors", maxConns)
	}
	switch t.Row.Pattern {
	case "mdm/{conn}/online":
		on, err := lockdown.ReadOnline(data)
		if err != nil {
			return nil, err
		}
		f.devices.online[id], f.devices.spoke[id] = on, true
		for _, r := range f.rooms {
			r.lock.Online(now, id, on)
		}
	case "mdm/{conn}/posture":
		p, err := lockdown.ReadPosture(data)
		if err != nil {
			return nil, err
		}
		if _, known := f.devices.online[id]; !known {
			f.devices.online[id] = false
		}
		f.devices.posture[id] = p
	default:
		return nil, nil
	}
	for id := range f.rooms {
		changed = append(changed, id)
	}
	return changed, nil
}

// applyLock takes what a room asks for, what connectors report for it, and its roster. It reports false for other topics.
func (r *room) applyLock(t topic.Topic, e event.Event) (ours bool, err error) {
	switch t.Row.Pattern {
	case "room/{room}/lockdown/desired":
		w, err := mdm.ReadDesired(e.Data)
		if err == nil {
			r.lock.Follow(w)
		}
		return true, err
	case "room/{room}/lockdown/{conn}/reported":
		rep, err := lockdown.ReadReport(e.Data)
		if err == nil && rep != nil {
			rep.At = e.Time
			r.lock.Take(t.ID("conn"), rep)
		}
		return true, err
	case "room/{room}/roster":
		s, err := e.Stamp()
		if err != nil || !s.Newer(r.roster) {
			return true, err
		}
		_, members, err := roster.Decode(e.Data)
		if err == nil {
			r.roster, r.members = s, len(members)
		}
		return true, err
	}
	return false, nil
}

// Connectors returns copies of all connectors, in order of their ids.
func (f *Fleet) Connectors() (out []Connector) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, id := range sortedKeys(f.devices.online) {
		c := Connector{ID: id, Online: f.devices.online[id], Dated: !f.devices.spoke[id]}
		if p := f.devices.posture[id]; p != nil {
			q := *p
			c.Posture = &q
		}
		out = append(out, c)
	}
	return out
}

// Attend publishes the standing list of those who may attend in a room. Its version continues the highest seen.
func (c Commands) Attend(ctx context.Context, now time.Time, roomID string, members []roster.Member) error {
	c.Fleet.mu.Lock()
	r := c.Fleet.rooms[roomID]
	if r == nil {
		c.Fleet.mu.Unlock()
		return fmt.Errorf("%w: room %q", ErrUnknown, roomID)
	}
	r.roster = event.Stamp{Version: r.roster.Version + 1, Writer: Writer}
	s := r.roster
	c.Fleet.mu.Unlock()
	if members == nil {
		members = []roster.Member{}
	}
	return send(ctx, c.To, now, topic.Roster(roomID), attendance{s, members})
}

// attendance is the data of room/{room}/roster.
type attendance struct {
	event.Stamp
	Members []roster.Member `json:"members"`
}
