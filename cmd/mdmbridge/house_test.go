package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"subrosa/firmware/event"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
	"subrosa/mdm/nanomdm/nanomdmtest"
)

// house is the whole of it: the real NanoMDM with scripted phones, a broker, the program as main runs it, units, and an ordinary
// client of the broker. Broker, program and units can be killed: nothing is flushed or said good-bye.
type house struct {
	t      testing.TB
	nano   *nanomdmtest.Server
	phones []*nanomdmtest.Phone
	dir    string
	conf   Config

	broker   *mochi.Server
	brokerAt string
	stop     context.CancelFunc
	done     chan error
	log      io.Writer
	mu       sync.Mutex
	said     map[string]event.Event // by topic below the root; what an ordinary client has last seen
	client   mqtt.Client
}

// deadline of everything that is waited for: the machine may be busy.
const deadline = 90 * time.Second

func quick(c *mdm.Config) {
	c.Wake, c.WakeMax, c.Offline, c.Lost, c.Settle = 300*time.Millisecond, 2*time.Second, 1500*time.Millisecond, time.Second, 300*time.Millisecond
	c.Retry, c.RetryMax, c.Relock = 200*time.Millisecond, time.Second, 5*time.Second
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func newHouse(t testing.TB, phones int) *house {
	t.Helper()
	return houseWith(t, phones, (*house).openBroker)
}

// houseWith has the broker that open starts.
func houseWith(t testing.TB, phones int, open func(*house)) *house {
	t.Helper()
	h := &house{t: t, nano: nanomdmtest.Start(t), dir: t.TempDir(), brokerAt: free(t), log: io.Discard, said: map[string]event.Event{}}
	var list []mdm.Device
	for i := range phones {
		p := h.nano.Phone(t, fmt.Sprintf("d-%03d", i))
		h.phones = append(h.phones, p)
		list = append(list, p.Device)
	}
	h.file("devices.json", list)
	h.file("key", nanomdmtest.Key)
	h.file("hmac", string(nanomdmtest.Secret))
	opt := fmt.Appendf(nil, `{"url":%q,"key_file":%q,"hmac_file":%q}`, h.nano.URL, h.path("key"), h.path("hmac"))
	h.conf = Config{Broker: "tcp://" + h.brokerAt, Listen: free(t), tune: quick, Connectors: []Connector{{ID: "nanomdm", Kind: "nanomdm", Standing: []string{"assistant"},
		Devices: h.path("devices.json"), Options: opt}}}
	if err := h.conf.check(); err != nil {
		t.Fatal(err)
	}
	open(h)
	h.listen()
	t.Cleanup(func() {
		h.kill()
		h.client.Disconnect(0)
		if h.broker != nil {
			h.broker.Close()
		}
	})
	return h
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func (h *house) file(name string, v any) {
	h.t.Helper()
	b, ok := v.(string)
	if !ok {
		j, err := json.Marshal(v)
		if err != nil {
			h.t.Fatal(err)
		}
		b = string(j)
	}
	if err := os.WriteFile(h.path(name), []byte(b), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// everybody may do everything: rights are the console's, and held there.
type everybody struct{ mochi.HookBase }

func (*everybody) ID() string { return "everybody" }
func (*everybody) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*everybody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*everybody) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

// openBroker starts a broker that has forgotten everything.
func (h *house) openBroker() {
	h.t.Helper()
	h.broker = mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := h.broker.AddHook(new(everybody), nil); err != nil {
		h.t.Fatal(err)
	}
	h.until("port of the broker", func() bool {
		return h.broker.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: h.brokerAt})) == nil
	})
	if err := h.broker.Serve(); err != nil {
		h.t.Fatal(err)
	}
}

// listen is an ordinary client: it subscribes to everything.
func (h *house) listen() {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + h.brokerAt).SetClientID("an-ordinary-client").SetConnectRetry(true).
		SetConnectRetryInterval(100 * time.Millisecond).SetMaxReconnectInterval(300 * time.Millisecond)
	o.OnConnect = func(c mqtt.Client) {
		c.Subscribe(topic.Root+"/#", 1, func(_ mqtt.Client, m mqtt.Message) {
			name := strings.TrimPrefix(m.Topic(), topic.Root+"/")
			h.mu.Lock()
			defer h.mu.Unlock()
			if e, err := event.Decode(m.Payload()); err == nil {
				h.said[name] = e
			} else {
				delete(h.said, name)
			}
		})
	}
	h.client = mqtt.NewClient(o)
	h.client.Connect()
}

// start runs the program as main does.
func (h *house) start() {
	h.t.Helper()
	var s *site
	var last error
	h.until("start of the bridge", func() bool {
		s, last = assemble(h.conf, h.path("state"), true, slog.New(slog.NewTextHandler(h.log, nil)))
		return last == nil
	})
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.done = stop, make(chan error, 1)
	go func() {
		err := s.run(ctx, filepath.Join(h.path("state"), marker))
		s.close()
		h.done <- err
	}()
	h.nano.Hook("http://"+s.ln.Addr().String()+"/webhook/nanomdm", 0)
}

// kill ends the program where it is.
func (h *house) kill() {
	if h.stop == nil {
		return
	}
	h.stop()
	if err := <-h.done; err != nil {
		h.t.Errorf("the bridge ended: %v", err)
	}
	h.stop = nil
}

func (h *house) until(what string, f func() bool) {
	h.t.Helper()
	for end := time.Now().Add(deadline); !f(); {
		if time.Now().After(end) {
			h.t.Fatalf("no %s within %v; room says %+v", what, deadline, h.report("ratssaal").Counts)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// report is what the ordinary client has seen of the room.
func (h *house) report(room string) (r mdm.Report) {
	h.mu.Lock()
	e, ok := h.said["room/"+room+"/lockdown/nanomdm/reported"]
	h.mu.Unlock()
	if ok {
		r, _ = mdm.ReadReport(e.Data)
	}
	return r
}

func (h *house) posture() (p mdm.Posture) {
	h.mu.Lock()
	e, ok := h.said["mdm/nanomdm/posture"]
	h.mu.Unlock()
	if ok {
		p, _ = mdm.ReadPosture(e.Data)
	}
	return p
}

// truth counts phones by what is installed on them.
func (h *house) truth() (standing, locked int) {
	for _, p := range h.phones {
		all := p.Profiles()
		if _, ok := all["de.subrosa.standing"]; ok {
			standing++
		}
		if _, ok := all["de.subrosa.lockdown"]; ok {
			locked++
		}
	}
	return standing, locked
}

// roomUnit is a room's unit: it publishes wishes as the firmware does.
type roomUnit struct {
	t       testing.TB
	room    string
	version uint64
	shadow  *shadow.Shadow
	stop    context.CancelFunc
	done    chan struct{}
	wish    mdm.Desired
}

func (h *house) unit(room string) *roomUnit {
	h.t.Helper()
	return h.unitAs(room, "")
}

// unitAs is unit with a name of its own at the broker.
func (h *house) unitAs(room, client string) *roomUnit {
	h.t.Helper()
	dir, err := os.MkdirTemp(h.dir, "unit-")
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := shadow.Open(shadow.Options{Broker: "tcp://" + h.brokerAt, Identity: topic.Identity{Role: topic.Unit, Unit: room + "-1", Rooms: []string{room}}, Dir: dir, ClientID: client,
		MinBackoff: 50 * time.Millisecond, MaxBackoff: 300 * time.Millisecond, Settle: 200 * time.Millisecond, Presence: map[string]any{"software": "test"}})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	u := &roomUnit{t: h.t, room: room, version: uint64(time.Now().UnixMilli()), shadow: s, stop: stop, done: make(chan struct{})}
	go func() {
		_ = s.Run(ctx)
		s.Close()
		close(u.done)
	}()
	return u
}

func (u *roomUnit) kill() { u.stop(); <-u.done }

func (u *roomUnit) say(d mdm.Desired) {
	u.t.Helper()
	u.version++
	d.Version = u.version
	u.wish = d
	if err := u.shadow.Report(topic.LockdownDesired(u.room), d); err != nil {
		u.t.Fatal(err)
	}
}

// lock wishes for a lock of all the phones.
func (u *roomUnit) lock(h *house, session string, lease, hard time.Duration) {
	var ids []string
	for _, p := range h.phones {
		ids = append(ids, p.Device.ID)
	}
	u.say(mdm.Desired{Session: session, Mode: mdm.Locked, Restrict: []string{"assistant", "dictation", "screen-recording", "microphone?"}, LeaseS: int(lease / time.Second),
		HardEnd: time.Now().Add(hard).UTC().Truncate(time.Second), Devices: ids})
}

func (u *roomUnit) open() {
	u.say(mdm.Desired{Session: u.wish.Session, Mode: mdm.Open, Restrict: []string{}, Devices: []string{}})
}
