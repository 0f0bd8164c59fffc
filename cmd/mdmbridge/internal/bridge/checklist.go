package bridge

import (
	"encoding/json"
	"errors"
	"slices"

	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
	"subrosa/mdm/manual"
)

// Checklist is a Backend whose commands people carry out: a *manual.Backend.
type Checklist interface {
	Open() []mdm.Point
	Countersign(mdm.Signature) error
	Withdraw(device, command string) error
}

// paper is what the connector remembers for a Checklist.
type paper struct {
	list    Checklist
	signed  map[string][]mdm.Signature // by room: the newest word of its unit
	refused map[mdm.Signature]bool     // said once in the log
	cleared map[string]bool            // rooms whose list an earlier run may have left
}

// maxRooms bounds the rooms whose signatures are kept.
const maxRooms = 4096

// word is what a room's unit has declared.
type word struct {
	room string
	data json.RawMessage
}

// watchPaper hears what rooms declare, if the backend is a checklist.
func (c *Connector) watchPaper() error {
	list, ok := c.opt.Backend.(Checklist)
	if !ok {
		return nil
	}
	c.paper = &paper{list: list, signed: map[string][]mdm.Signature{}, refused: map[mdm.Signature]bool{}, cleared: map[string]bool{}}
	return c.opt.Site.Watch(topic.LockdownSigned(topic.Any, c.opt.ID), func(m shadow.Message) { c.words <- word{m.Topic.Room(), m.Data} })
}

// declared takes what a room's unit says that chair or clerk have signed. The broker lets only the room's own unit say it.
func (c *Connector) declared(w word) {
	if w.data == nil {
		delete(c.paper.signed, w.room)
		return
	}
	s, err := mdm.ReadSignatures(w.data)
	if _, known := c.paper.signed[w.room]; err == nil && !known && len(c.paper.signed) >= maxRooms {
		err = errors.New("too many rooms")
	}
	if err != nil {
		c.count(func(f *Figures) { f.Refused++ })
		c.opt.Log.Warn("signatures refused", "conn", c.opt.ID, "room", w.room, "err", err)
		return
	}
	c.paper.signed[w.room] = s.Signed
}

// checklists takes what was signed, and publishes for each room what is left to be looked at.
func (c *Connector) checklists() {
	open := map[string]mdm.Point{}
	for _, p := range c.paper.list.Open() {
		if p.Kind == mdm.PointLock && !c.core.Held(p.Device) {
			if err := c.paper.list.Withdraw(p.Device, p.Command); err != nil {
				c.opt.Log.Warn("point not withdrawn", "conn", c.opt.ID, "err", err)
			}
			continue
		}
		open[p.Device] = p
	}
	for _, room := range c.core.Rooms() {
		devices := c.core.Listed(room)
		for _, s := range c.paper.signed[room] {
			if c.countersign(room, devices, open, s) {
				delete(open, s.Device)
			}
		}
		name := topic.LockdownChecklist(room, c.opt.ID)
		l := mdm.Checklist{Points: []mdm.Point{}}
		for _, id := range devices {
			if p, ok := open[id]; ok && len(l.Points) < mdm.MaxPoints {
				l.Points = append(l.Points, p)
			} else if ok {
				l.More++
			}
		}
		switch {
		case len(l.Points) > 0:
			c.publish(name, l)
		case c.said[name] != 0 || !c.paper.cleared[room]:
			c.paper.cleared[room] = true
			delete(c.said, name)
			c.complain(name, c.opt.Site.Forget(name))
		}
	}
}

// countersign reports whether a point is signed by what a room's unit says. It may speak of the devices of its own session only.
func (c *Connector) countersign(room string, devices []string, open map[string]mdm.Point, s mdm.Signature) bool {
	_, waits := open[s.Device]
	err := errForeign
	if slices.Contains(devices, s.Device) {
		if !waits {
			return false // signed before
		}
		err = c.paper.list.Countersign(s)
	}
	switch {
	case err == nil:
		c.opt.Log.Info("signed", "conn", c.opt.ID, "room", room, "role", s.Role, "done", s.Done)
		return true
	case errors.Is(err, manual.ErrOther), errors.Is(err, manual.ErrNothing): // an earlier one, said again
	case !c.paper.refused[s] && len(c.paper.refused) < maxRooms:
		c.paper.refused[s] = true
		c.count(func(f *Figures) { f.Refused++ })
		c.opt.Log.Warn("signature refused", "conn", c.opt.ID, "room", room, "role", s.Role, "err", err)
	}
	return false
}

// errForeign: a unit speaks of a device that its room's session does not have.
var errForeign = errors.New("bridge: no device of this room's session")
