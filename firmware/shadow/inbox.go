package shadow

import (
	"context"
	"strings"

	"subrosa/firmware/event"
)

// route leads messages to a function.
type route struct {
	filter string
	f      func(Message)
	once   bool
}

// inbox holds, for each route and topic, the newest message that was not handed over yet: its size is bounded by
// the number of topics, and a slow function never holds up the connection.
type inbox struct {
	waiting map[inboxKey]Message
	order   []inboxKey
	wake    chan struct{}
}

type inboxKey struct {
	route int
	topic string
}

func (b *inbox) init() {
	b.waiting = map[inboxKey]Message{}
	b.wake = make(chan struct{}, 1)
}

// maxInbox bounds the topics waiting; a broker that retains more than that is not ours.
const maxInbox = 1 << 17

func (b *inbox) add(routes []route, m Message) {
	name := m.Topic.String()
	for i := range routes {
		if !matches(routes[i].filter, name) {
			continue
		}
		k := inboxKey{i, name}
		old, queued := b.waiting[k]
		if queued && m.Data != nil && old.Data != nil && m.stamp() != old.stamp() && !m.stamp().Newer(old.stamp()) {
			continue
		}
		if !queued {
			if len(b.order) >= maxInbox {
				continue
			}
			b.order = append(b.order, k)
		}
		b.waiting[k] = m
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (m Message) stamp() event.Stamp { return event.Stamp{Version: m.Version, Writer: m.Writer} }

func (b *inbox) take() (route int, m Message, ok bool) {
	if len(b.order) == 0 {
		return 0, Message{}, false
	}
	k := b.order[0]
	b.order = b.order[1:]
	m = b.waiting[k]
	delete(b.waiting, k)
	return k.route, m, true
}

// dispatch calls the routes' functions, one at a time, until ctx ends.
func (s *Shadow) dispatch(ctx context.Context) {
	for {
		select {
		case <-s.inbox.wake:
		case <-ctx.Done():
			return
		}
		for ctx.Err() == nil && s.dispatchOne() {
		}
	}
}

func (s *Shadow) dispatchOne() bool {
	s.mu.Lock()
	i, m, ok := s.inbox.take()
	if !ok {
		s.mu.Unlock()
		return false
	}
	r := s.routes[i]
	if r.once && !s.fresher(m) {
		s.mu.Unlock()
		return true
	}
	s.mu.Unlock()
	r.f(m)
	if r.once {
		s.took(m)
	}
	return true
}

// fresher reports whether m is newer than what was taken on its topic. An emptied topic is no wish; if it has an
// id of its own (an acknowledgement), its version is forgotten with it.
func (s *Shadow) fresher(m Message) bool {
	name := m.Topic.String()
	if m.Data == nil {
		for _, p := range m.Topic.Params() {
			if p != "room" && p != "unit" {
				delete(s.box.desired, name)
			}
		}
		return false
	}
	return m.stamp().Newer(s.box.desired[name])
}

// took notes on disk that m was handed over.
func (s *Shadow) took(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := m.Topic.String()
	if len(s.box.desired) >= s.box.max {
		for old := range s.box.desired {
			delete(s.box.desired, old)
			break
		}
	}
	s.box.desired[name] = m.stamp()
	s.record(record{Topic: name, Version: m.Version, Writer: m.Writer, Taken: true}, "")
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// matches tells whether a filter with + and # (MQTT 3.1.1 §4.7) matches the topic.
func matches(filter, name string) bool {
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		n, nrest, nmore := strings.Cut(name, "/")
		switch {
		case f == "#":
			return true
		case f != "+" && f != n:
			return false
		case !fmore && !nmore:
			return true
		case !fmore:
			return false
		case !nmore:
			return frest == "#"
		}
		filter, name = frest, nrest
	}
}
