// Package shadow is a peer's side of the site's MQTT state: what it reports, what others want of it. Every
// retained topic holds one state with a version; the newest state of every topic lies on disk until the broker
// has acknowledged that very version, and is compared with what the broker holds after every connection.
//
//	Report ──► memory ──► log on disk (fsync) ──► queue ──► PUBLISH ──► PUBACK ──► marked in the log
//	             ▲                                  ▲
//	             └── every reconnection: ───────────┘ what the broker lost, or holds in an older version
//
// # Order
//
// An old version that reaches the broker after a newer one would overwrite it. So a topic has at most one version
// in flight; each connection is a new MQTT client without a message store, which cannot resend what an earlier
// one had in flight; and the peer listens to its own topics (QoS 0): what the broker holds in an older version,
// or not at all after its retained messages were read, is sent again. That also heals a broker that
// acknowledged and then lost its memory, and a will that arrives late.
package shadow

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"subrosa/firmware/alarm"
	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// Errors that callers branch on.
var (
	// ErrFull: the topic is new and MaxTopics are waiting for the broker already.
	ErrFull = errors.New("shadow: outbox is full")
	// ErrStale: the data carry a lower version than was reported before.
	ErrStale = errors.New("shadow: version is older than the one reported")
	// ErrUnsaved: the state is in memory and will be sent, but is not on disk yet.
	ErrUnsaved = errors.New("shadow: not on disk")
	errClosed  = errors.New("shadow: closed")
)

// Options of a Shadow. Zero durations and counts mean the defaults given.
type Options struct {
	Broker   string         // tcp://host:1883 or ssl://host:8883
	TLS      *tls.Config    // with the client's certificate, for ssl
	Identity topic.Identity // as in the certificate; what it may not write is refused here already
	ClientID string         // fixed; default Identity.String()
	Dir      string         // outbox.log lies here; one Shadow per folder
	Presence any            // object published on the online topic, beside version and online; nil: none
	Now      func() time.Time
	Log      *slog.Logger

	MaxTopics  int           // 16384
	Window     int           // publishes in flight, 32
	KeepAlive  time.Duration // 15 s
	MinBackoff time.Duration // 500 ms, doubled up to
	MaxBackoff time.Duration // 30 s; half of each is random
	Settle     time.Duration // 2 s without a message: the broker has sent what it retains
	AckTimeout time.Duration // 30 s without an acknowledgement: the connection is given up
}

func (o *Options) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.KeepAlive, 15*time.Second)
	set(&o.MinBackoff, 500*time.Millisecond)
	set(&o.MaxBackoff, 30*time.Second)
	set(&o.Settle, 2*time.Second)
	set(&o.AckTimeout, 30*time.Second)
	if o.MaxTopics <= 0 {
		o.MaxTopics = 16384
	}
	if o.Window <= 0 {
		o.Window = 32
	}
	if o.ClientID == "" {
		o.ClientID = o.Identity.String()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Message is a state that another peer published.
type Message struct {
	Topic   topic.Topic
	Version uint64
	Writer  string
	Time    time.Time
	Data    json.RawMessage // nil: the topic was emptied
}

// Shadow is safe for concurrent use. No method waits for the network.
type Shadow struct {
	opt    Options
	source string // CloudEvents source: /unit/ratssaal-1
	boot   string // random, part of the ids of events that have no version
	dial   dialFunc
	tune   tuning

	mu      sync.Mutex
	box     outbox
	disk    *disk
	batch   []byte // records not yet handed to the disk
	fresh   []string
	seq     uint64 // of the last record in batch
	done    uint64 // of the last record the disk took or refused
	saved   uint64 // of the last record the disk took
	diskErr error
	saving  *sync.Cond // done or closed changed
	nudge   chan struct{}
	closed  bool
	routes  []route
	inbox   inbox
	link    linkState
	levels  chan levelMsg
	levelNo uint64
	count   counters

	stop context.CancelFunc // of the saving goroutine
	wg   sync.WaitGroup
}

type tuning struct {
	refusePause time.Duration // first pause of a topic the broker hangs up on
	saveRetry   time.Duration // first pause after a failed save
	idleSave    time.Duration // acknowledgements reach the disk at least so often
}

type levelMsg struct {
	topic   string
	payload []byte
}

// Open reads the outbox in opt.Dir, which is made if needed. Run connects.
func Open(opt Options) (*Shadow, error) {
	if err := opt.Identity.Check(); err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	if opt.Presence != nil && len(opt.Identity.Conns) > 1 {
		return nil, fmt.Errorf("shadow: presence of %d connectors: a connection has one last will, so that each connector needs its own", len(opt.Identity.Conns))
	}
	opt.defaults()
	s := &Shadow{
		opt: opt, source: "/" + string(opt.Identity.Role), dial: dialPaho, box: newOutbox(opt.MaxTopics),
		boot: fmt.Sprintf("%08x", rand.Uint32()), nudge: make(chan struct{}, 1), levels: make(chan levelMsg, 64),
		tune: tuning{refusePause: 5 * time.Second, saveRetry: time.Second, idleSave: 2 * time.Second},
	}
	if id := opt.Identity.String(); id != "" {
		s.source = "/" + strings.Replace(id, ":", "/", 1)
	}
	s.saving = sync.NewCond(&s.mu)
	s.inbox.init()
	d, err := openDisk(opt.Dir, s.box.replay)
	if err != nil {
		return nil, err
	}
	s.disk = d
	s.link.since = opt.Now()
	s.link.err = errors.New("not connected yet")
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.wg.Go(func() { s.save(ctx) })
	return s, nil
}

// Close puts everything on disk and ends. Run must have returned, or never been called.
func (s *Shadow) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.saving.Broadcast()
	s.mu.Unlock()
	s.stop()
	s.wg.Wait()
	return errors.Join(s.diskErr, s.disk.close())
}

// Report makes data, a value that encodes to a JSON object, the topic's newest state. If the object has a
// "version" above 0 it counts, and must be higher than the last (the very same state again is no error);
// otherwise the next version is put in. For alarms Report returns when the state is on disk, or ErrUnsaved;
// for other topics at once. Topics that are not retained are sent if connected, else dropped.
func (s *Shadow) Report(name string, data any) error {
	t, err := s.mine(name)
	if err != nil {
		return err
	}
	obj, version, err := object(data)
	if err != nil {
		return fmt.Errorf("shadow: %s: %w", name, err)
	}
	if !t.Retained {
		return s.level(t, obj)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	e, changed, err := s.put(t, obj, version)
	if err != nil {
		return fmt.Errorf("%w (%s)", err, name)
	}
	if changed {
		s.record(e.putRecord(), name)
	}
	if !urgent(t.Row) {
		return nil
	}
	return s.awaitSaved(e.seq)
}

// Deliver reports the alarm on its topic. It is alarm.Sink.
func (s *Shadow) Deliver(_ context.Context, a alarm.Alarm) error {
	return s.Report(topic.Alarm(a.Room, a.Finding.ID), a)
}

var _ alarm.Sink = (*Shadow)(nil)

// Forget empties the topic: the broker drops what it retains.
func (s *Shadow) Forget(name string) error {
	t, err := s.mine(name)
	if err != nil {
		return err
	}
	if !t.Retained {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	e := s.box.get(name)
	if e == nil {
		if e, err = s.box.add(t); err != nil {
			return fmt.Errorf("%w (%s)", err, name)
		}
	} else if e.payload == nil && !e.foreign {
		return nil
	}
	s.box.change(e, e.version, nil, s.opt.Now())
	s.record(e.putRecord(), name)
	return nil
}

// Desired calls f for every state on the topics that the filter matches whose version is higher than any f was
// called for before, also in an earlier run; ties go to the greater writer's name. f is called from one
// goroutine, the newest state first if several came; a state counts as taken when f has returned. Call Desired
// before Run.
func (s *Shadow) Desired(filter string, f func(Message)) error { return s.route(filter, f, true) }

// Watch is Desired without memory: f gets the retained states at every connection, the same state perhaps more
// than once, and a Message without Data when a topic is emptied.
func (s *Shadow) Watch(filter string, f func(Message)) error { return s.route(filter, f, false) }

func (s *Shadow) route(filter string, f func(Message), once bool) error {
	if !topic.MayRead(s.opt.Identity, filter) {
		return fmt.Errorf("shadow: %s may not read %s", s.opt.Identity, filter)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes = append(s.routes, route{filter, f, once})
	return nil
}

// mine parses the topic and checks that this peer may write it.
func (s *Shadow) mine(name string) (topic.Topic, error) {
	t, err := topic.Parse(name)
	switch {
	case err != nil:
		return t, fmt.Errorf("shadow: %w", err)
	case !topic.MayWrite(s.opt.Identity, name):
		return t, fmt.Errorf("shadow: %s may not write %s", s.opt.Identity, name)
	case name == s.presenceTopic():
		return t, fmt.Errorf("shadow: %s is written by the connection itself", name)
	}
	return t, nil
}

// put makes obj the newest state of the topic.
func (s *Shadow) put(t topic.Topic, obj map[string]json.RawMessage, version uint64) (*entry, bool, error) {
	e := s.box.get(t.String())
	if e == nil {
		var err error
		if e, err = s.box.add(t); err != nil {
			return nil, false, err
		}
	}
	stamped := version == 0
	if stamped {
		version = e.version + 1
	}
	obj["version"], _ = json.Marshal(version)
	payload, err := s.wrap(t, obj, version)
	if err != nil {
		s.box.dropIfNew(e)
		return nil, false, err
	}
	if !stamped && e.version >= version {
		if e.version == version && sameData(e.payload, payload) {
			return e, false, nil
		}
		return nil, false, ErrStale
	}
	e.stamped = stamped
	s.box.change(e, version, payload, s.opt.Now())
	return e, true, nil
}

func (s *Shadow) wrap(t topic.Topic, obj map[string]json.RawMessage, version uint64) ([]byte, error) {
	subject := t.String()[len(topic.Root)+1:]
	id := fmt.Sprintf("%s:%d", subject, version)
	ev, err := event.Wrap(s.source, t.EventType(""), subject, s.opt.Now(), id, obj)
	if err != nil {
		return nil, err
	}
	return ev.Encode()
}

// level hands a message without memory to the connection, if there is one.
func (s *Shadow) level(t topic.Topic, obj map[string]json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.levelNo++
	subject := t.String()[len(topic.Root)+1:]
	id := fmt.Sprintf("%s:%s:%d", subject, s.boot, s.levelNo)
	ev, err := event.Wrap(s.source, t.EventType(""), subject, s.opt.Now(), id, obj)
	if err != nil {
		return err
	}
	b, err := ev.Encode()
	if err != nil {
		return err
	}
	if s.link.up {
		select {
		case s.levels <- levelMsg{t.String(), b}:
			return nil
		default:
		}
	}
	s.count.dropped++
	return nil
}

// object encodes data and returns its members and version, 0 if it has none.
func object(data any) (map[string]json.RawMessage, uint64, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return nil, 0, err
	}
	var obj map[string]json.RawMessage
	if err := json.Unmarshal(b, &obj); err != nil || obj == nil {
		return nil, 0, fmt.Errorf("data is %T, want what encodes to a JSON object", data)
	}
	var version uint64
	if v, ok := obj["version"]; ok {
		if err := json.Unmarshal(v, &version); err != nil {
			return nil, 0, fmt.Errorf("version: %w", err)
		}
	}
	return obj, version, nil
}

// sameData reports whether two encoded events carry the same data.
func sameData(a, b []byte) bool {
	var x, y struct{ Data json.RawMessage }
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && string(x.Data) == string(y.Data)
}
