package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/session"
	"subrosa/firmware/topic"
)

// Writer is the console's name in desired states.
const Writer = "console"

// ErrUnknown is wrapped by commands for a room, unit or alarm that is not there.
var ErrUnknown = errors.New("fleet: unknown")

// Publisher sends a retained message; *Link is one.
type Publisher interface {
	Publish(ctx context.Context, topic string, payload []byte) error
}

// Commands turn what people press into desired states. Versions continue the highest seen, so that the newest
// wish wins whoever wrote the one before.
type Commands struct {
	Fleet *Fleet
	To    Publisher
}

func send(ctx context.Context, p Publisher, now time.Time, name string, data any) error {
	t, err := topic.Parse(name)
	if err != nil {
		return err
	}
	e, err := event.Wrap("/console", t.EventType(""), name[len(topic.Root)+1:], now, rand.Text(), data)
	if err != nil {
		return err
	}
	b, err := e.Encode()
	if err != nil {
		return err
	}
	return p.Publish(ctx, name, b)
}

// Desire asks a room's unit for the session d; Version and Writer are filled in.
func (c Commands) Desire(ctx context.Context, now time.Time, roomID string, d session.Desired) error {
	c.Fleet.mu.Lock()
	r := c.Fleet.rooms[roomID]
	if r == nil {
		c.Fleet.mu.Unlock()
		return fmt.Errorf("%w: room %q", ErrUnknown, roomID)
	}
	seen := r.desired.Version
	if r.session != nil {
		seen = max(seen, r.session.DesiredVersion)
	}
	r.desired = event.Stamp{Version: seen + 1, Writer: Writer}
	c.Fleet.mu.Unlock()
	d.Version, d.Writer = seen+1, Writer
	return send(ctx, c.To, now, topic.SessionDesired(roomID), d)
}

// Answer answers an alarm of a room, by role and pick-list.
func (c Commands) Answer(ctx context.Context, now time.Time, roomID, id string, a alarm.Ack) error {
	a.At = now.UTC()
	if err := a.Validate(); err != nil {
		return err
	}
	c.Fleet.mu.Lock()
	r := c.Fleet.rooms[roomID]
	if r == nil || r.topics[id] == "" {
		c.Fleet.mu.Unlock()
		return fmt.Errorf("%w: alarm %q of room %q", ErrUnknown, id, roomID)
	}
	tid := r.topics[id]
	s := event.Stamp{Version: r.acks[tid].Version + 1, Writer: Writer}
	r.acks[tid] = s
	c.Fleet.mu.Unlock()
	return send(ctx, c.To, now, topic.Ack(roomID, tid), answer{Stamp: s, Ack: a})
}

// Learn asks a unit to learn its surroundings.
func (c Commands) Learn(ctx context.Context, now time.Time, unitID string) error {
	c.Fleet.mu.Lock()
	u := c.Fleet.units[unitID]
	if u == nil {
		c.Fleet.mu.Unlock()
		return fmt.Errorf("%w: unit %q", ErrUnknown, unitID)
	}
	u.learn = event.Stamp{Version: u.learn.Version + 1, Writer: Writer}
	s := u.learn
	c.Fleet.mu.Unlock()
	return send(ctx, c.To, now, topic.BaselineDesired(unitID), learn{Stamp: s, Learn: true})
}
