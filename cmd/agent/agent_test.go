package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/firmware/event"
	"subrosa/firmware/topic"
	"subrosa/mdm"
	"subrosa/mdm/agent"
	"subrosa/mdm/mdmtest"
)

// machine is a laptop made of variables.
type machine struct {
	mu      sync.Mutex
	things  map[string]string
	refuses bool
}

func newMachine() *machine {
	return &machine{things: map[string]string{"mic": "on", "mic2": "on", "policy": "on"}}
}

func (m *machine) Name() string     { return "variables" }
func (m *machine) Covers() mdm.Set  { return mdm.Microphone | mdm.Assistant }
func (m *machine) Limits() []string { return nil }

func (m *machine) List(context.Context) (out []warden.Item, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.things)) {
		serves := mdm.Microphone
		if id == "policy" {
			serves = mdm.Assistant
		}
		out = append(out, warden.Item{ID: id, Value: m.things[id], Off: "off", Serves: serves})
	}
	return out, nil
}

func (m *machine) Set(_ context.Context, id, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuses {
		return errors.New("no")
	}
	m.things[id] = value
	return nil
}

func (m *machine) Watch(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }

func (m *machine) off(ids ...string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if m.things[id] != "off" {
			return false
		}
	}
	return true
}

func (m *machine) truth() (standing, lock mdm.Set) {
	if m.off("policy") {
		standing = mdm.Assistant
	}
	if m.off("mic", "mic2") {
		lock = mdm.Microphone
	}
	return standing, lock
}

// anybody lets everybody in: who may do what is the console's broker's test.
type anybody struct{ mochi.HookBase }

func (anybody) ID() string { return "anybody" }
func (anybody) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (anybody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (anybody) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

// site is a real broker on loopback, a door to it that can be shut, and the bridge's connection.
type site struct {
	t      *testing.T
	server *mochi.Server
	addr   string // past the door
	door   string
	shut   atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn

	client  paho.Client
	version uint64
}

func newSite(t *testing.T) *site {
	s := &site{t: t, server: mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})}
	if err := s.server.AddHook(new(anybody), nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	if err := s.server.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.server.Close() })
	s.addr = l.Address()
	s.openDoor()
	o := paho.NewClientOptions().AddBroker("tcp://" + s.addr).SetClientID("bridge").SetOrderMatters(false).SetAutoReconnect(false)
	s.client = paho.NewClient(o)
	if tok := s.client.Connect(); !tok.WaitTimeout(mdmtest.Deadline) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	t.Cleanup(func() { s.client.Disconnect(10) })
	return s
}

// openDoor passes connections on while it is not shut.
func (s *site) openDoor() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.door = l.Addr().String()
	s.t.Cleanup(func() { l.Close(); s.reach(false) })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", s.addr)
			if err != nil || s.shut.Load() {
				in.Close()
				if err == nil {
					out.Close()
				}
				continue
			}
			s.mu.Lock()
			s.conns = append(s.conns, in, out)
			s.mu.Unlock()
			go func() { io.Copy(out, in); out.Close() }() //nolint:errcheck // its end is its end
			go func() { io.Copy(in, out); in.Close() }()  //nolint:errcheck
		}
	}()
}

func (s *site) reach(on bool) {
	s.shut.Store(!on)
	if on {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *site) Up() error {
	if !s.client.IsConnectionOpen() {
		return errors.New("no connection")
	}
	return nil
}

func (s *site) Publish(dev string, d mdm.DeviceDesired) error {
	s.mu.Lock()
	s.version++
	d.Version = s.version
	s.mu.Unlock()
	name := topic.DeviceLockdownDesired(dev)
	row, err := topic.Parse(name)
	if err != nil {
		return err
	}
	ev, err := event.Wrap("/mdmbridge/agent", row.EventType(""), name[len(topic.Root)+1:], time.Now(), "x", d)
	if err != nil {
		return err
	}
	b, err := ev.Encode()
	if err != nil {
		return err
	}
	s.client.Publish(name, 1, true, b)
	return nil
}

func (s *site) listen(dev string, f func(mdm.DeviceReport)) {
	tok := s.client.Subscribe(topic.DeviceLockdownReported(dev), 1, func(_ paho.Client, m paho.Message) {
		ev, err := event.Decode(m.Payload())
		if err != nil {
			s.t.Errorf("report: %v", err)
			return
		}
		r, err := mdm.ReadDeviceReport(ev.Data)
		if err != nil {
			s.t.Errorf("report: %v", err)
			return
		}
		f(r)
	})
	if !tok.WaitTimeout(mdmtest.Deadline) || tok.Error() != nil {
		s.t.Fatal(tok.Error())
	}
}

// program runs the agent as main does, but for the machine.
func (s *site) program(dir string, m *machine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		c := Config{Device: "d-7f3a", Broker: "tcp://" + s.door, loopback: true}
		if err := serve(ctx, c, options{state: dir}, slog.New(slog.DiscardHandler), []warden.Switch{m}); err != nil {
			s.t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	s.t.Cleanup(stop)
	return stop
}

// shelf is a Keeper.
type shelf struct {
	mu sync.Mutex
	m  map[string]string
}

func (s *shelf) Keep(d, v string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[d] = v
	return nil
}

func (s *shelf) Kept(d string) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[d]
	return v, ok, nil
}

func (s *shelf) Drop(d string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, d)
	return nil
}

var laptop = mdm.Device{ID: "d-7f3a", Platform: "windows"}

// TestConformance: bridge's side, a real broker, and the whole agent but for its machine.
func TestConformance(t *testing.T) {
	mdmtest.Run(t, func(t *testing.T) *mdmtest.Bench {
		s, m := newSite(t), newMachine()
		b := agent.New(s, &shelf{m: map[string]string{}})
		s.listen(laptop.ID, func(r mdm.DeviceReport) { b.Heard(laptop.ID, r) })
		s.program(t.TempDir(), m)
		return &mdmtest.Bench{Backend: b, Device: laptop, Truth: m.truth,
			Refuse: func(on bool) { m.mu.Lock(); defer m.mu.Unlock(); m.refuses = on },
			Reach:  s.reach, Down: func() { s.client.Disconnect(10) }}
	})
}

// TestRealReconciler runs the reconciler over the backend, the broker and the agent, with a short lease: it is renewed while the room
// holds it, opened when the room says so, and, when the bridge dies, by the laptop alone.
func TestRealReconciler(t *testing.T) {
	s, m, keep := newSite(t), newMachine(), &shelf{m: map[string]string{}}
	b := agent.New(s, keep)
	s.listen(laptop.ID, func(r mdm.DeviceReport) { b.Heard(laptop.ID, r) })
	s.program(t.TempDir(), m)
	conf := mdm.Default
	conf.Standing = mdm.Assistant
	core, err := mdm.New(conf, []mdm.Device{laptop}, b.Caps)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	clock := func() mdm.Clock { return mdm.Clock{Mono: time.Since(began), Wall: time.Now()} }
	var mu sync.Mutex
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx, func(e mdm.Event) { mu.Lock(); defer mu.Unlock(); core.Take(clock(), e) }) }) //nolint:errcheck // nil
	wg.Go(func() {
		for ctx.Err() == nil {
			mu.Lock()
			actions := core.Step(clock())
			mu.Unlock()
			for _, a := range actions {
				d := a.Device
				var err error
				if a.Command.ID == "" {
					err = b.Wake(ctx, d)
				} else {
					err = b.Send(ctx, d, a.Command)
				}
				mu.Lock()
				core.Sent(clock(), a, err)
				mu.Unlock()
			}
			<-time.After(20 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	poll(t, "standing posture", func() bool { return m.off("policy") })
	wish := func(v uint64, mode mdm.Mode) {
		d := mdm.Desired{Version: v, Session: "s", Mode: mode, Restrict: []string{"microphone"}, LeaseS: 8, HardEnd: time.Now().Add(time.Hour).Truncate(time.Second), Devices: []string{laptop.ID}}
		if mode == mdm.Open {
			d = mdm.Desired{Version: v, Session: "s", Mode: mode}
		}
		mu.Lock()
		defer mu.Unlock()
		if err := core.Wish(clock(), "a", d, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	wish(1, mdm.Locked)
	poll(t, "lock", func() bool { return m.off("mic", "mic2") })
	v, since := uint64(1), time.Now()
	last := since
	poll(t, "renewals for longer than the lease", func() bool {
		if !m.off("mic", "mic2") {
			t.Fatal("opened although the room holds it")
		}
		if time.Since(last) > time.Second {
			v, last = v+1, time.Now()
			wish(v, mdm.Locked)
		}
		return time.Since(since) > 10*time.Second
	})
	wish(v+1, mdm.Open)
	poll(t, "opening", func() bool { return !m.off("mic") && !m.off("mic2") && m.off("policy") })
	wish(v+2, mdm.Locked)
	poll(t, "lock again", func() bool { return m.off("mic", "mic2") })
	stop()
	wg.Wait()
	poll(t, "giving back without a bridge", func() bool { return !m.off("mic") && !m.off("mic2") && m.off("policy") })
}

// TestPresence: a laptop that is switched off is said to be gone at once, by its last will or by itself, and its device is offline; and
// what an earlier connection's will says late is put right.
func TestPresence(t *testing.T) {
	s, m := newSite(t), newMachine()
	var mu sync.Mutex
	var said []bool
	tok := s.client.Subscribe(topic.DeviceOnline("d-7f3a"), 1, func(_ paho.Client, msg paho.Message) {
		ev, err := event.Decode(msg.Payload())
		p, err2 := mdm.ReadPresence(ev.Data)
		if err != nil || err2 != nil {
			t.Errorf("presence: %v, %v", err, err2)
		}
		mu.Lock()
		said = append(said, p.Online)
		mu.Unlock()
	})
	if !tok.WaitTimeout(mdmtest.Deadline) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	last := func(want bool) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(said) > 0 && said[len(said)-1] == want
		}
	}
	stop := s.program(t.TempDir(), m)
	poll(t, "presence", last(true))
	began := time.Now()
	s.reach(false) // the laptop's connection breaks off
	poll(t, "last will", last(false))
	t.Logf("measured: unclean end, offline after %v", time.Since(began).Round(time.Millisecond))
	s.reach(true)
	poll(t, "presence again", last(true))
	late, err := event.Wrap("/agent/d-7f3a", "de.subrosa.device.offline.v1", "device/d-7f3a/online", time.Now(), "late", mdm.Presence{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := late.Encode()
	if err != nil {
		t.Fatal(err)
	}
	n := func() int { mu.Lock(); defer mu.Unlock(); return len(said) }
	before := n()
	s.client.Publish(topic.DeviceOnline("d-7f3a"), 1, true, b)
	poll(t, "correction of a late will", func() bool { return n() >= before+2 && last(true)() })
	began = time.Now()
	stop()
	poll(t, "farewell", last(false))
	t.Logf("measured: clean end, offline after %v", time.Since(began).Round(time.Millisecond))
}

func poll(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(mdmtest.Deadline); !f(); {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestStatusRestore asks a running agent through its door, and acts without one.
func TestStatusRestore(t *testing.T) {
	s, m, dir := newSite(t), newMachine(), t.TempDir()
	b := agent.New(s, &shelf{m: map[string]string{}})
	stop := s.program(dir, m)
	c := mdm.Command{ID: "c1", Kind: mdm.Lock, Want: mdm.Want{Lock: mdm.Microphone, Lease: time.Minute, Until: time.Now().Add(time.Hour)}}
	if err := b.Send(t.Context(), laptop, c); err != nil {
		t.Fatal(err)
	}
	poll(t, "lock", func() bool { return m.off("mic", "mic2") })
	var out bytes.Buffer
	if err := run(t.Context(), []string{"status", "--json", "--state", dir}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil || !a.Running || a.Report.State != mdm.LockedVerified || a.Until.IsZero() {
		t.Errorf("%v: %+v", err, a)
	}
	if err := run(t.Context(), []string{"restore", "--state", dir}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "--force") || !m.off("mic") {
		t.Errorf("restore during a session: %v, %v", err, m.things)
	}
	if _, err := listen(dir); err == nil {
		t.Error("two agents on one state")
	}
	out.Reset()
	if err := run(t.Context(), []string{"restore", "--force", "--state", dir}, &out, io.Discard); err != nil || m.off("mic") || !strings.Contains(out.String(), mdm.FaultCircumvent) {
		t.Errorf("restore --force: %v: %s", err, out.String())
	}
	stop()
	if err := run(t.Context(), []string{"status", "--state", filepath.Join(dir, "nothing")}, io.Discard, io.Discard); !errors.Is(err, errInput) {
		t.Errorf("without a state: %v", err)
	}
}

func TestArguments(t *testing.T) {
	for _, bad := range [][]string{{"erase"}, {"run", "x"}, {"--nothing"}} {
		if err := run(t.Context(), bad, io.Discard, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	path := filepath.Join(t.TempDir(), "agent.json")
	for _, bad := range []string{`{`, `{"device":"d"}`, `{"device":"D","broker":"tls://b:8883"}`, `{"device":"d","broker":"tcp://10.0.0.1:1883"}`,
		`{"device":"d","broker":"tls://b:8883"}`, `{"device":"d","broker":"tcp://127.0.0.1:1","colour":1}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(path); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}
