package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

var unit = topic.Identity{Role: topic.Unit, Unit: "u", Rooms: []string{"r"}}

// broker is a fake of what Shadow needs of a broker: retained messages, subscriptions, wills. Its zero value is
// down.
type broker struct {
	mu       sync.Mutex
	up       bool
	retained map[string][]byte
	history  []published
	links    []*fakeLink
	dials    int
	mute     bool                // takes publishes, acknowledges nothing
	owed     []func(error)       // acknowledgements not given
	refuse   string              // hangs up on this topic
	deny     bool                // refuses subscriptions
	slow     time.Duration       // before it answers subscriptions
	drop     func(p string) bool // acknowledges, but does not keep
}

type published struct {
	topic    string
	payload  []byte
	retained bool
	qos      byte
}

type fakeLink struct {
	b    *broker
	o    dialOptions
	subs map[string]byte
	gone chan struct{}
	why  error
	dead bool
}

func newBroker() *broker { return &broker{up: true, retained: map[string][]byte{}} }

func (b *broker) dial(_ context.Context, o dialOptions) (link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials++
	if !b.up {
		return nil, errors.New("dial tcp 127.0.0.1:1883: connection refused")
	}
	l := &fakeLink{b: b, o: o, subs: map[string]byte{}, gone: make(chan struct{})}
	b.links = append(b.links, l)
	return l, nil
}

func (l *fakeLink) publish(name string, qos byte, retained bool, payload []byte, done func(error)) {
	b := l.b
	b.mu.Lock()
	if l.dead {
		b.mu.Unlock()
		return
	}
	if name == b.refuse {
		b.mu.Unlock()
		l.cut(errors.New("EOF"))
		return
	}
	b.put(name, qos, retained, payload)
	mute := b.mute
	if mute {
		b.owed = append(b.owed, done)
	}
	b.mu.Unlock()
	if !mute {
		go done(nil)
	}
}

// put is what the broker does with a message. b.mu is held.
func (b *broker) put(name string, qos byte, retained bool, payload []byte) {
	b.history = append(b.history, published{name, payload, retained, qos})
	if b.drop != nil && b.drop(name) {
		return
	}
	if retained {
		if len(payload) == 0 {
			delete(b.retained, name)
		} else {
			b.retained[name] = payload
		}
	}
	for _, l := range b.links {
		for f := range l.subs {
			if !l.dead && matches(f, name) {
				l.o.message(name, payload, false)
				break
			}
		}
	}
}

func (l *fakeLink) subscribe(filters map[string]byte) error {
	<-time.After(l.b.slow) // the bubble's time
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.b.deny {
		return errors.New("broker refuses the subscription")
	}
	l.subs = filters
	for name, payload := range l.b.retained {
		for f := range filters {
			if matches(f, name) {
				l.o.message(name, payload, true)
			}
		}
	}
	return nil
}

// cut ends the connection as a network failure does: the will is published.
func (l *fakeLink) cut(err error) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.dead {
		return
	}
	l.dead, l.why = true, err
	if l.o.willTopic != "" {
		l.b.put(l.o.willTopic, 1, true, l.o.willPayload)
	}
	close(l.gone)
}

func (l *fakeLink) lost() <-chan struct{} { return l.gone }
func (l *fakeLink) err() error            { return l.why }
func (l *fakeLink) close(graceful bool) {
	if !graceful {
		l.cut(errClosed)
		return
	}
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if !l.dead {
		l.dead, l.why = true, errClosed
		close(l.gone)
	}
}

// dialled returns how often somebody connected, or tried to.
func (b *broker) dialled() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dials
}

// set makes the broker reachable or not; going down cuts every connection.
func (b *broker) set(up bool) {
	b.mu.Lock()
	b.up = up
	links := append([]*fakeLink(nil), b.links...)
	b.mu.Unlock()
	if !up {
		for _, l := range links {
			l.cut(errors.New("EOF"))
		}
	}
}

// put by somebody else.
func (b *broker) other(name string, data any) {
	t, err := topic.Parse(name)
	if err != nil {
		panic(err)
	}
	e, err := event.Wrap("/console/console", t.EventType(""), name, time.Unix(1e9, 0), "x", data)
	if err != nil {
		panic(err)
	}
	raw, err := e.Encode()
	if err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(name, 1, true, raw)
}

type state struct {
	Version uint64 `json:"version"`
	Writer  string `json:"writer,omitempty"`
	N       int    `json:"n"`
}

func decode(t testing.TB, payload []byte) state {
	t.Helper()
	e, err := event.Decode(payload)
	if err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	var s state
	if err := json.Unmarshal(e.Data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// holds returns what the broker retains on the topic.
func (b *broker) holds(t testing.TB, name string) (s state, ok bool) {
	t.Helper()
	b.mu.Lock()
	payload, ok := b.retained[name]
	b.mu.Unlock()
	if ok {
		s = decode(t, payload)
	}
	return s, ok
}

func (b *broker) want(t testing.TB, name string, n int) state {
	t.Helper()
	s, ok := b.holds(t, name)
	if !ok || s.N != n {
		t.Errorf("broker holds %+v (%v) on %s, want n %d", s, ok, name, n)
	}
	return s
}

// sent returns how often the topic was published.
func (b *broker) sent(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, p := range b.history {
		if p.topic == name {
			n++
		}
	}
	return n
}

// peer is a Shadow on the fake broker.
type peer struct {
	*Shadow
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}
}

func options(dir string) Options {
	return Options{Broker: "tcp://fake", Identity: unit, Dir: dir}
}

func openPeer(t testing.TB, b *broker, o Options) *peer {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.dial = b.dial
	return &peer{Shadow: s, t: t}
}

func (p *peer) run() *peer {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	go func() { p.Run(ctx); close(p.done) }()
	return p
}

// wait lets the connection settle and everything be sent.
func (p *peer) wait() {
	<-time.After(2 * p.opt.Settle) // the bubble's time
	synctest.Wait()
}

func (p *peer) end() {
	p.t.Helper()
	if p.cancel != nil {
		p.cancel()
		<-p.done
	}
	if err := p.Close(); err != nil {
		p.t.Error(err)
	}
}

func (p *peer) report(name string, n int) {
	p.t.Helper()
	if err := p.Report(name, state{N: n}); err != nil {
		p.t.Fatal(err)
	}
}
