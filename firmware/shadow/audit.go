package shadow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// maxHeals on one connection and topic. More means that somebody else writes it with the same identity.
const maxHeals = 5

// filters returns what to listen to: the routes at QoS 1, and at QoS 0 the topics this peer writes.
func (s *Shadow) filters() map[string]byte {
	out := map[string]byte{}
	for i := range topic.Table {
		if r := &topic.Table[i]; r.Retained {
			for _, f := range s.opt.Identity.Filters(r) {
				out[f] = 0
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.routes {
		out[r.filter] = 1
	}
	return out
}

// subscribed takes the broker's answer. Without it there is nothing to compare.
func (s *Shadow) subscribed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.link.up {
		return
	}
	s.link.heard = time.Now()
	s.link.subbed = err == nil
	s.link.settled = err != nil
	if err != nil {
		s.link.err = err
		s.say(withoutDigits(err.Error()), func() { s.opt.Log.Warn("broker answers in part", "err", err) })
	}
	s.wakeSender()
}

// arrived takes a message from the broker. It does not block.
func (s *Shadow) arrived(name string, payload []byte, retained bool) {
	t, err := topic.Parse(name)
	if err != nil {
		return
	}
	var ev event.Event
	if len(payload) > 0 {
		ev, err = event.Decode(payload)
	}
	var stamp event.Stamp
	if err == nil && len(payload) > 0 {
		stamp, err = ev.Stamp()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.received++
	if retained { // what peers say now does not put off the end of what the broker had kept
		s.link.heard = time.Now()
	}
	if t.Retained && topic.MayWrite(s.opt.Identity, name) {
		s.audit(t, payload, stamp, err)
	}
	if err != nil {
		s.count.foreign++
		s.say("foreign "+name, func() { s.opt.Log.Warn("message is not one of ours", "topic", name, "err", err) })
		return
	}
	s.inbox.add(s.routes, Message{Topic: t, Version: stamp.Version, Writer: stamp.Writer, Time: ev.Time, Data: ev.Data})
}

// relation of what the broker holds to the state here.
type relation int

const (
	same relation = iota
	older
	newer
)

// audit compares what the broker holds on a topic of this peer with the state here.
func (s *Shadow) audit(t topic.Topic, payload []byte, theirs event.Stamp, bad error) {
	e := s.box.get(t.String())
	if e == nil {
		s.learn(t, payload, theirs, bad)
		return
	}
	switch e.compare(payload, theirs, bad) {
	case same:
		e.good = s.link.number
		delete(s.link.doubt, e.name)
		s.wakeSender()
	case older:
		e.good = 0
		if e.acked && !e.foreign {
			s.link.doubt[e.name] = time.Now()
		}
	case newer:
		s.overtaken(e, theirs)
	}
}

// learn remembers the version of a state that another writer, or this one before it lost its memory, has given.
func (s *Shadow) learn(t topic.Topic, payload []byte, theirs event.Stamp, bad error) {
	if urgent(t.Row) || len(payload) == 0 || bad != nil || theirs.Version == 0 {
		return
	}
	if e, err := s.box.add(t); err == nil {
		e.version, e.foreign, e.stamped, e.known, e.since = theirs.Version, true, true, true, s.opt.Now()
		s.record(e.putRecord(), "")
	}
}

func (e *entry) compare(payload []byte, theirs event.Stamp, bad error) relation {
	switch {
	case len(payload) == 0 && e.payload == nil:
		return same
	case len(payload) == 0 || bad != nil:
		return older
	case theirs.Version > e.version:
		return newer
	case theirs.Version < e.version || e.payload == nil && !e.foreign:
		return older
	case e.foreign || bytes.Equal(payload, e.payload) || sameData(payload, e.payload):
		return same
	}
	// The same version with other data: another writer's, or ours from before the memory was lost.
	var ours event.Stamp
	if ev, err := event.Decode(e.payload); err == nil {
		ours, _ = ev.Stamp()
	}
	if theirs.Writer == ours.Writer && e.stamped || theirs.Newer(ours) {
		return newer
	}
	return older
}

// overtaken deals with a higher version at the broker: on a topic with several writers theirs has won; on ours,
// our memory has been lost, and the versions go on above.
func (s *Shadow) overtaken(e *entry, theirs event.Stamp) {
	now := s.opt.Now()
	switch {
	case e.foreign:
		e.version = theirs.Version
		s.record(e.putRecord(), "")
	case shared(e.row):
		s.box.change(e, theirs.Version, nil, now)
		e.acked, e.foreign, e.good = true, true, s.link.number
		s.record(e.putRecord(), "")
		s.opt.Log.Info("another writer's state is newer", "topic", e.name, "version", theirs.Version)
	case !e.stamped || e.heals >= maxHeals:
		s.count.conflicts++
		s.link.err = fmt.Errorf("broker holds version %d of %s, ours is %d: does another unit use this identity?", theirs.Version, e.name, e.version)
	default:
		e.heals++
		s.restamp(e, theirs.Version+1)
	}
}

// restamp gives the state a higher version.
func (s *Shadow) restamp(e *entry, version uint64) {
	e.known = true
	payload := e.payload
	if payload != nil {
		ev, err := event.Decode(payload)
		if err != nil {
			return
		}
		var obj map[string]json.RawMessage
		if json.Unmarshal(ev.Data, &obj) != nil {
			return
		}
		obj["version"], _ = json.Marshal(version)
		ev, err = event.Wrap(ev.Source, ev.Type, ev.Subject, ev.Time, fmt.Sprintf("%s:%d", ev.Subject, version), obj)
		if err == nil {
			payload, err = ev.Encode()
		}
		if err != nil {
			return
		}
	}
	if e.name == s.presenceTopic() && version/presenceSpan != e.version/presenceSpan {
		s.link.redial = true
	}
	s.box.change(e, version, payload, s.opt.Now())
	s.count.healed++
	s.record(e.putRecord(), e.name)
}

var errRedial = errors.New("the last will is outdated, connecting again")

// settle ends the wait for retained messages: what the broker was not seen to hold it does not have.
func (s *Shadow) settle() {
	s.link.settled = true
	for _, e := range s.box.entries {
		if e.payload != nil {
			s.heal(e)
		}
	}
}

// check is called every quarter of Settle: it sends again what the broker turned out not to hold, and gives up a
// connection that acknowledges nothing.
func (s *Shadow) check(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.redial {
		return errRedial
	}
	if s.box.flying > 0 && now.Sub(s.link.acked) > s.opt.AckTimeout {
		return fmt.Errorf("broker has acknowledged nothing for %v", s.opt.AckTimeout)
	}
	if s.link.subbed && !s.link.settled && now.Sub(s.link.heard) >= s.opt.Settle {
		s.settle()
	}
	for name, since := range s.link.doubt {
		if now.Sub(since) < s.opt.Settle {
			continue
		}
		delete(s.link.doubt, name)
		if e := s.box.get(name); e != nil {
			s.heal(e)
		}
	}
	if slices.ContainsFunc(s.box.queue[:], func(q []*entry) bool { return len(q) > 0 }) {
		s.wakeSender()
	}
	return nil
}

// heal sends an acknowledged state again unless the broker was seen to hold it.
func (s *Shadow) heal(e *entry) {
	if !e.acked || e.foreign || e.good == s.link.number || e.flight != 0 {
		return
	}
	if e.heals++; e.heals > maxHeals {
		s.count.conflicts++
		s.link.err = fmt.Errorf("broker does not keep %s: does another unit use this identity?", e.name)
		return
	}
	s.count.healed++
	s.box.again(e, s.opt.Now())
	s.wakeSender()
}
