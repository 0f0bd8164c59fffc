package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// linkState is the present connection. s.mu guards it.
type linkState struct {
	up      bool
	number  uint64 // of the connection, from 1
	since   time.Time
	err     error // why there is no connection, or what it lacks
	said    string
	wake    chan struct{}
	settled bool                 // the broker's retained messages were read
	heard   time.Time            // last message, for that
	subbed  bool                 // the broker has answered the subscriptions
	doubt   map[string]time.Time // topics on which the broker was heard to hold something else, since
	acked   time.Time            // last acknowledgement, or nothing in flight
	redial  bool                 // the will is outdated
}

// presenceSpan is how far the will's version lies above the version before: restamped states fit in between.
const presenceSpan = 1000

// Run keeps the connection until ctx ends; then it publishes that the peer is offline. It returns nil.
func (s *Shadow) Run(ctx context.Context) error {
	done := make(chan struct{})
	s.wg.Go(func() { s.dispatch(ctx); close(done) })
	defer func() { <-done }()
	pause := s.opt.MinBackoff
	for ctx.Err() == nil {
		began := time.Now()
		l, will, err := s.connect(ctx)
		if err == nil {
			err = s.serve(ctx, l, will)
			if time.Since(began) > 10*s.opt.MinBackoff {
				pause = s.opt.MinBackoff
			}
		}
		if ctx.Err() != nil {
			break
		}
		s.down(err)
		select {
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		case <-ctx.Done():
		}
		pause = min(2*pause, s.opt.MaxBackoff)
	}
	s.down(errors.New("stopped"))
	return nil
}

// connect dials with the next presence as last will; will is its payload.
func (s *Shadow) connect(ctx context.Context) (l link, will []byte, err error) {
	o := dialOptions{
		broker: s.opt.Broker, tls: s.opt.TLS, clientID: s.opt.ClientID, keepAlive: s.opt.KeepAlive, message: s.arrived,
	}
	if s.presenceTopic() != "" {
		if o.willPayload, err = s.presence(); err != nil {
			return nil, nil, err
		}
		o.willTopic = s.presenceTopic()
	}
	s.mu.Lock()
	s.link.number++
	s.link.settled, s.link.subbed, s.link.redial = false, false, false
	s.link.doubt = map[string]time.Time{}
	s.mu.Unlock()
	l, err = s.dial(ctx, o)
	return l, o.willPayload, err
}

// presenceTopic returns the topic that says whether this peer is connected, "" if it has none.
func (s *Shadow) presenceTopic() string {
	switch id := s.opt.Identity; {
	case s.opt.Presence == nil:
		return ""
	case id.Role == topic.Unit:
		return topic.Online(id.Unit)
	case id.Role == topic.MDMBridge:
		return topic.MDMOnline(id.Conns[0])
	}
	return ""
}

// presence makes "online" the state of the presence topic and returns the will, whose version lies presenceSpan
// above the last will's: whatever the broker publishes late, the newest connection's word is the highest.
func (s *Shadow) presence() (will []byte, err error) {
	t, err := topic.Parse(s.presenceTopic())
	if err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	obj, _, err := object(s.opt.Presence)
	if err != nil {
		return nil, fmt.Errorf("shadow: presence: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.box.get(t.String())
	if e == nil {
		if e, err = s.box.add(t); err != nil {
			return nil, err
		}
	}
	base := (e.version + presenceSpan - 1) / presenceSpan * presenceSpan
	offline, err := s.presenceEvent(t, obj, base+presenceSpan, false)
	if err != nil {
		return nil, err
	}
	online, err := s.presenceEvent(t, obj, base+1, true)
	if err != nil {
		return nil, err
	}
	e.stamped = true
	s.box.change(e, base+1, online, s.opt.Now())
	e.losses = 0 // of every connection it is the first message: no sign that the broker refuses it
	s.record(e.putRecord(), e.name)
	return offline, nil
}

func (s *Shadow) presenceEvent(t topic.Topic, obj map[string]json.RawMessage, version uint64, online bool) ([]byte, error) {
	obj["version"], _ = json.Marshal(version)
	obj["online"], _ = json.Marshal(online)
	subject := t.String()[len(topic.Root)+1:]
	verb := map[bool]string{true: "online", false: "offline"}[online]
	ev, err := event.Wrap(s.source, t.EventType(verb), subject, s.opt.Now(), fmt.Sprintf("%s:%d", subject, version), obj)
	if err != nil {
		return nil, err
	}
	return ev.Encode()
}

// serve sends and listens until the connection is lost or ctx ends.
func (s *Shadow) serve(ctx context.Context, l link, will []byte) error {
	wake := make(chan struct{}, 1)
	s.up(wake)
	number := s.link.number // only Run's goroutine changes it
	sent := make(chan struct{})
	s.wg.Go(func() { s.send(l, number, wake); close(sent) })
	subscribed := make(chan error, 1)
	s.wg.Go(func() { subscribed <- l.subscribe(s.filters()) })
	tick := time.NewTicker(max(s.opt.Settle/4, time.Millisecond))
	defer tick.Stop()
	quit := sync.OnceFunc(func() { close(wake) })
	defer quit()
	for {
		select {
		case <-ctx.Done():
			s.ended()
			quit()
			select { // nothing of before may follow the last word
			case <-sent:
			case <-time.After(time.Second):
			}
			s.farewell(l, will)
			return ctx.Err()
		case <-l.lost():
			s.ended()
			l.close(false)
			return l.err()
		case err := <-subscribed:
			s.subscribed(err)
		case <-tick.C:
			if err := s.check(time.Now()); err != nil {
				s.ended()
				l.close(false)
				return err
			}
		}
	}
}

// farewell publishes the will as the last word and disconnects. If the broker has not taken it in time the connection is cut: then
// the broker publishes it.
func (s *Shadow) farewell(l link, will []byte) {
	name, taken := s.presenceTopic(), true
	if name != "" {
		s.mu.Lock() // first, or its echo would be taken for somebody else's word, and contradicted
		if e := s.box.get(name); e != nil {
			s.box.change(e, e.version/presenceSpan*presenceSpan+presenceSpan, will, s.opt.Now())
			e.acked = true
			s.record(e.putRecord(), "")
		}
		s.mu.Unlock()
		acked := make(chan struct{})
		l.publish(name, 1, true, will, func(error) { close(acked) })
		select {
		case <-acked:
		case <-l.lost():
		case <-time.After(time.Second):
			taken = false
		}
	}
	l.close(taken)
}

func (s *Shadow) up(wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.up, s.link.since, s.link.err, s.link.wake = true, s.opt.Now(), nil, wake
	s.link.heard, s.link.acked = time.Now(), time.Now()
	s.count.connects++
	s.box.restart()
	wake <- struct{}{}
	n, _, _ := s.box.waiting()
	s.say("connected", func() { s.opt.Log.Info("broker connected", "broker", s.opt.Broker, "queued", n) })
}

func (s *Shadow) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.up, s.link.wake = false, nil
	s.link.since = s.opt.Now()
	s.box.lost(time.Now(), s.tune.refusePause)
	s.box.restart()
}

func (s *Shadow) down(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.err = err
	s.say(withoutDigits(err.Error()), func() { s.opt.Log.Warn("no broker", "broker", s.opt.Broker, "err", err) })
}

// say logs a change of the connection once, not each repetition.
func (s *Shadow) say(what string, log func()) {
	if s.link.said != what {
		s.link.said = what
		log()
	}
}

// withoutDigits makes errors that differ in ports and counts only the same.
func withoutDigits(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// wakeSender tells the sender that there may be something to send. s.mu is held.
func (s *Shadow) wakeSender() {
	if s.link.wake != nil {
		select {
		case s.link.wake <- struct{}{}:
		default:
		}
	}
}

// send publishes until wake is closed. It may wait for a dead socket, in its own goroutine.
func (s *Shadow) send(l link, number uint64, wake <-chan struct{}) {
	for {
		for s.sendOne(l, number) {
		}
		select {
		case _, ok := <-wake:
			if !ok {
				return
			}
		case m := <-s.levels:
			l.publish(m.topic, 0, false, m.payload, func(error) {})
		}
	}
}

func (s *Shadow) sendOne(l link, number uint64) bool {
	s.mu.Lock()
	if !s.link.up || s.link.number != number {
		s.mu.Unlock()
		return false
	}
	e := s.box.next(time.Now(), s.opt.Window, s.hold)
	if e == nil {
		s.mu.Unlock()
		return false
	}
	version, payload, attempt := e.version, e.payload, e.flight
	s.count.published++
	if s.box.flying == 1 {
		s.link.acked = time.Now()
	}
	s.mu.Unlock()
	l.publish(e.name, e.row.QoS, e.row.Retained, payload, func(err error) { s.landed(e, number, attempt, version, err) })
	return true
}

// hold keeps back, until it is known what the broker holds, topics with several writers (an older version sent now
// would overwrite a newer one of somebody else) and those that were never acknowledged (our memory may have been
// lost; the broker's copy is then the only one that tells how the versions go on).
func (s *Shadow) hold(e *entry) bool {
	unsure := shared(e.row) || e.stamped && !e.known
	return unsure && !s.link.settled && e.good != s.link.number
}

// landed is called with the answer to one publish.
func (s *Shadow) landed(e *entry, number, attempt, version uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.number != number || e.flight != attempt {
		return
	}
	if err != nil {
		return // the connection is dying: it stays in flight until that is known, or AckTimeout
	}
	s.link.acked = time.Now()
	s.count.acked++
	was := e.acked
	s.box.landed(e, version)
	if e.acked && !was {
		e.good = number
		s.record(record{Topic: e.name, Version: e.version, Acked: true}, "")
	}
	s.wakeSender()
}
