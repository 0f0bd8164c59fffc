package shadow

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/storage/bolt"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
)

// realBroker is a broker that can be killed and started again on the same address.
type realBroker interface {
	start(t testing.TB)
	kill()
}

// mochiBroker is the embedded broker in a process of its own, so that it can die as one; and because mochi 2.7.9
// reads and writes a topic's retainPath without a common lock, which the race detector sees. With path it keeps its
// state in a bolt file, else it forgets everything.
type mochiBroker struct {
	addr, path string
	deny       string // nobody may write this topic
	cmd        *exec.Cmd
}

func (b *mochiBroker) start(t testing.TB) {
	t.Helper()
	b.cmd = exec.Command(os.Args[0], "-test.run=^TestBrokerProcess$")
	b.cmd.Env = append(os.Environ(), "SHADOW_BROKER="+b.addr, "SHADOW_PATH="+b.path, "SHADOW_DENY="+b.deny, "GORACE=log_path=/dev/null")
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (b *mochiBroker) kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
}

// TestBrokerProcess is that process; by itself it tests nothing.
func TestBrokerProcess(t *testing.T) {
	addr := os.Getenv("SHADOW_BROKER")
	if addr == "" {
		t.Skip("started by other tests")
	}
	serveMochi(t, addr, os.Getenv("SHADOW_PATH"), os.Getenv("SHADOW_DENY"), nil)
	select {}
}

func serveMochi(t testing.TB, addr, path, deny string, conf *tls.Config) *mochi.Server {
	t.Helper()
	srv := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := srv.AddHook(&access{deny: deny}, nil); err != nil {
		t.Fatal(err)
	}
	if path != "" {
		if err := srv.AddHook(new(bolt.Hook), &bolt.Options{Path: path}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the broker's port is free", func() bool {
		return srv.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: addr, TLSConfig: conf})) == nil
	})
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	return srv
}

// access lets everybody in and write everything but one topic.
type access struct {
	mochi.HookBase
	deny string
}

func (*access) ID() string { return "access" }
func (*access) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*access) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (a *access) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	return !write || topic != a.deny
}

// mosquitto is Debian's, as a process that dies by SIGKILL.
type mosquitto struct {
	conf, addr string
	cmd        *exec.Cmd
}

func newMosquitto(t testing.TB, addr string) *mosquitto {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	dir := t.TempDir()
	_, port, _ := net.SplitHostPort(addr)
	conf := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nautosave_interval 1\nset_tcp_nodelay true\nlog_type none\n", port, dir)
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // as root it changes to its own user
		t.Fatal(err)
	}
	_ = os.Chmod(filepath.Dir(dir), 0o755)
	_ = os.Chmod(file, 0o644)
	return &mosquitto{conf: file, addr: addr, cmd: &exec.Cmd{Path: path}}
}

func (b *mosquitto) start(t testing.TB) {
	t.Helper()
	b.cmd = exec.Command(b.cmd.Path, "-c", b.conf)
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (b *mosquitto) kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
}

// until polls a real peer.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func fastOptions(addr, dir string) Options {
	return Options{
		Broker: "tcp://" + addr, Identity: unit, Dir: dir, Presence: presence{"test", false},
		MinBackoff: 4 * time.Millisecond, MaxBackoff: 40 * time.Millisecond, Settle: 200 * time.Millisecond,
	}
}

var reported = []string{
	topic.Health("u"), topic.Coverage("u"), topic.BaselineReported("u"), topic.SessionReported("r"), topic.Contact("r", "w1"),
	topic.Contact("r", "w2"), topic.Alarm("r", "a1"), topic.Alarm("r", "a2"), topic.Alarm("r", "a3"), topic.Alarm("r", "a4"),
}

// versioned is state n; alarms bring their version along.
func versioned(name string, n int) state {
	if t, err := topic.Parse(name); err == nil && urgent(t.Row) {
		return state{Version: uint64(n + 1), N: n}
	}
	return state{N: n}
}

// retained reads everything the broker retains, with a client of its own.
func retained(t testing.TB, addr string) map[string]state {
	t.Helper()
	var mu sync.Mutex
	got := map[string]state{}
	c := observer(t, addr, "reader", func(m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		if e, err := event.Decode(m.Payload()); err == nil {
			var s state
			if json.Unmarshal(e.Data, &s) == nil {
				got[m.Topic()] = s
			}
		}
	})
	defer c.Disconnect(0)
	last := -1
	until(t, "the retained messages have come", func() bool {
		<-time.After(50 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		done := len(got) == last && last > 0
		last = len(got)
		return done
	})
	mu.Lock()
	defer mu.Unlock()
	return got
}

// live reports whether the broker retains that the unit is connected.
func live(t testing.TB, addr string) bool {
	t.Helper()
	var on atomic.Bool
	came := make(chan bool, 1)
	c := observer(t, addr, "reader", func(m paho.Message) {
		e, err := event.Decode(m.Payload())
		var said struct{ Online bool }
		if err != nil || m.Topic() != topic.Online("u") || json.Unmarshal(e.Data, &said) != nil {
			return
		}
		on.Store(said.Online)
		select {
		case came <- true:
		default:
		}
	})
	defer c.Disconnect(0)
	select {
	case <-came:
	case <-time.After(10 * time.Second):
	}
	return on.Load()
}

func observer(t testing.TB, addr, id string, f func(paho.Message)) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond)
	o.SetAutoReconnect(true).SetMaxReconnectInterval(50 * time.Millisecond)
	o.SetOnConnectHandler(func(c paho.Client) {
		c.Subscribe(topic.Root+"/#", 1, func(_ paho.Client, m paho.Message) { f(m) })
	})
	c := paho.NewClient(o)
	tok := c.Connect()
	if !tok.WaitTimeout(30 * time.Second) {
		t.Fatal("observer cannot connect")
	}
	return c
}

// backwards counts live messages whose version is lower than one seen before on the topic. A broker that notices a
// killed peer's end only after its next life has begun publishes that will late: it is told from the version, and mended by
// the peer itself, which the tests ask for apart.
type backwards struct {
	mu    sync.Mutex
	high  map[string]uint64
	seen  int
	wills int // late ones
	lower []string
}

func (w *backwards) take(m paho.Message) {
	e, err := event.Decode(m.Payload())
	if err != nil || m.Retained() {
		return
	}
	s, err := e.Stamp()
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen++
	var said struct{ Online bool }
	switch {
	case s.Version >= w.high[m.Topic()]:
	case m.Topic() == topic.Online("u") && json.Unmarshal(e.Data, &said) == nil && !said.Online:
		w.wills++
	default:
		w.lower = append(w.lower, fmt.Sprintf("%s: %d after %d", m.Topic(), s.Version, w.high[m.Topic()]))
	}
	w.high[m.Topic()] = max(w.high[m.Topic()], s.Version)
}

func (w *backwards) check(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Logf("observer saw %d live states, %d late wills", w.seen, w.wills)
	if w.seen == 0 {
		t.Error("the observer saw nothing")
	}
	for _, s := range w.lower {
		t.Errorf("version went back: %s", s)
	}
}

// TestBrokerKills kills the broker 200 times at random moments while states are being reported.
func TestBrokerKills(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, addr string) realBroker{
		"forgetful": func(_ *testing.T, addr string) realBroker { return &mochiBroker{addr: addr} },
		"bolt": func(t *testing.T, addr string) realBroker {
			return &mochiBroker{addr: addr, path: filepath.Join(t.TempDir(), "broker.db")}
		},
		"mosquitto": func(t *testing.T, addr string) realBroker { return newMosquitto(t, addr) },
	} {
		t.Run(name, func(t *testing.T) {
			kills := 200
			if testing.Short() {
				kills = 20
			}
			addr := freeAddr(t)
			b := make(t, addr)
			b.start(t)
			t.Cleanup(func() { b.kill() })
			s, err := Open(fastOptions(addr, t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			p := (&peer{Shadow: s, t: t}).run()
			var w backwards
			w.high = map[string]uint64{}
			c := observer(t, addr, "observer", w.take)
			r := rand.New(rand.NewPCG(1, 1))
			latest := map[string]int{}
			n := 0
			for range kills {
				if r.IntN(4) > 0 {
					until(t, "the connection is back", func() bool { return p.Status().Connected })
				}
				for end := time.Now().Add(time.Duration(r.IntN(60)) * time.Millisecond); time.Now().Before(end); n++ {
					name := reported[r.IntN(len(reported))]
					if err := p.Report(name, versioned(name, n)); err != nil {
						t.Fatal(err)
					}
					latest[name] = n
					<-time.After(time.Duration(r.IntN(1000)) * time.Microsecond)
				}
				b.kill()
				<-time.After(time.Duration(r.IntN(20)) * time.Millisecond)
				b.start(t)
			}
			acked := func() bool { st := p.Status(); return st.Connected && st.Queued == 0 }
			until(t, "everything is acknowledged", acked)
			b.kill() // once more with an empty outbox: what the broker loses now must come again
			b.start(t)
			until(t, "everything is acknowledged again", acked)
			until(t, "the broker holds the latest of every topic", func() bool {
				got := retained(t, addr)
				for name, n := range latest {
					if got[name].N != n {
						return false
					}
				}
				return true
			})
			c.Disconnect(0)
			p.end()
			t.Logf("%d states reported, %+v", n, p.count)
			if name == "forgetful" && p.count.healed == 0 {
				t.Error("a broker that forgets everything was never told again")
			}
			b.kill()
			w.check(t)
		})
	}
}

// TestUnitKills kills the reporting process 200 times by SIGKILL, and the broker now and then. What Report
// returned for must not be lost.
func TestUnitKills(t *testing.T) {
	if addr := os.Getenv("SHADOW_CHILD"); addr != "" {
		child(addr)
		return
	}
	kills := 200
	if testing.Short() {
		kills = 20
	}
	addr, dir := freeAddr(t), t.TempDir()
	b := &mochiBroker{addr: addr}
	b.start(t)
	defer func() { b.kill() }()
	var w backwards
	w.high = map[string]uint64{}
	c := observer(t, addr, "observer", w.take)
	r := rand.New(rand.NewPCG(2, 2))
	latest := map[string]int{}
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestUnitKills$")
		cmd.Env = append(os.Environ(), "SHADOW_CHILD="+addr, "SHADOW_DIR="+dir, fmt.Sprintf("SHADOW_BASE=%d", (i+1)*1_000_000))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(30+r.IntN(200))*time.Millisecond, func() { cmd.Process.Kill() })
		if r.IntN(4) == 0 {
			b.kill()
			b.start(t)
		}
		lines, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		for line := range bytes.Lines(lines) {
			var name string
			var n int
			if k, _ := fmt.Sscanf(string(line), "%s %d\n", &name, &n); k == 2 && n > latest[name] {
				latest[name] = n
			}
		}
	}
	if len(latest) < 4 {
		t.Fatalf("only %d topics were reported", len(latest))
	}
	s, err := Open(fastOptions(addr, dir))
	if err != nil {
		t.Fatal(err)
	}
	p := (&peer{Shadow: s, t: t}).run()
	for i, name := range reported[:6] {
		p.report(name, i)
		latest[name] = i
	}
	until(t, "everything is acknowledged", func() bool { st := p.Status(); return st.Connected && st.Queued == 0 })
	until(t, "the broker holds the latest of every topic", func() bool {
		got := retained(t, addr)
		for name, n := range latest {
			// The last Report may have been saved without its line being written: one more is in order.
			if k := got[name].N; k < n || n < 1_000_000 && k != n {
				return false
			}
		}
		return live(t, addr)
	})
	c.Disconnect(0)
	p.end()
	t.Logf("latest %v, %+v", latest, p.count)
	w.check(t)
}

// child reports alarms and others until it is killed, and writes a line when an alarm's Report has returned.
func child(addr string) {
	var base int
	fmt.Sscan(os.Getenv("SHADOW_BASE"), &base)
	s, err := Open(fastOptions(addr, os.Getenv("SHADOW_DIR")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go s.Run(context.Background())
	for n := base; ; n++ {
		name := reported[rand.IntN(len(reported))]
		if err := s.Report(name, versioned(name, n)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if t, err := topic.Parse(name); err == nil && urgent(t.Row) {
			fmt.Fprintf(os.Stdout, "%s %d\n", name, n)
		}
	}
}
