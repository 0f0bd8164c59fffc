// Package link is the agent's side of MQTT: it hears what its device shall be like on device/{dev}/lockdown/desired, and says what it
// is like on device/{dev}/lockdown/reported, and on device/{dev}/online that it is there: its last will says that it is not. All are
// retained. The newest report is sent again at every connection, so that what
// happened without network is known when there is one.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	paho "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/event"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// Options of a Link.
type Options struct {
	Broker string      // tls://host:8883; tcp://127.0.0.1:1883 for development
	TLS    *tls.Config // with the agent's certificate
	Device string      // pseudonym, as in the certificate
	Log    *slog.Logger
	Wish   func(d mdm.DeviceDesired, sent time.Time) // called by one goroutine
}

// Link is safe for concurrent use.
type Link struct {
	opt    Options
	client paho.Client

	mu   sync.Mutex
	last []byte // newest report
	up   bool
	said complaint
}

// quietFor is how long the same reason for having no connection is not said again.
const quietFor = 10 * time.Minute

// complaint is the last reason for having no connection that was said, and when.
type complaint struct {
	why string
	at  time.Time
}

// due reports whether err is to be said at now: the first time, when the reason is another, and seldom as long as it is the same.
func (c *complaint) due(now time.Time, err error) bool {
	why := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) { // ports of our side change
			return -1
		}
		return r
	}, err.Error())
	if why == c.why && now.Sub(c.at) < quietFor {
		return false
	}
	*c = complaint{why, now}
	return true
}

// New makes a Link; Run connects.
func New(opt Options) (*Link, error) {
	id := topic.Identity{Role: topic.Agent, Device: opt.Device}
	if err := id.Check(); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	l := &Link{opt: opt}
	o := paho.NewClientOptions().AddBroker(opt.Broker).SetClientID(id.String()).SetTLSConfig(opt.TLS).SetCleanSession(true).
		SetProtocolVersion(4). // else a refusal is hidden behind that of an older version
		SetKeepAlive(15 * time.Second).SetConnectRetry(true).SetConnectRetryInterval(2 * time.Second).SetMaxReconnectInterval(30 * time.Second).
		SetConnectTimeout(10 * time.Second).SetOrderMatters(false)
	will, err := l.presence(time.Now(), false)
	if err != nil {
		return nil, err
	}
	o.SetBinaryWill(topic.DeviceOnline(opt.Device), will, 1, true)
	o.SetOnConnectHandler(func(c paho.Client) { go l.connected(c) })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) {
		l.set(false)
		opt.Log.Warn("the site's broker is not reachable; leases go on without it", "err", err)
	})
	o.SetConnectionNotificationHandler(func(_ paho.Client, n paho.ConnectionNotification) {
		if f, ok := n.(paho.ConnectionNotificationFailed); ok {
			l.failed(time.Now(), f.Reason)
		}
	})
	l.client = paho.NewClient(o)
	return l, nil
}

// Run holds the connection until ctx ends.
func (l *Link) Run(ctx context.Context) {
	l.client.Connect()
	<-ctx.Done()
	if l.Up() {
		l.set(false) // what comes back of it is not to be contradicted
		l.present(false).WaitTimeout(time.Second)
	}
	l.client.Disconnect(250)
}

// presence is the message that says whether this agent is connected.
func (l *Link) presence(now time.Time, online bool) ([]byte, error) {
	name, verb := topic.DeviceOnline(l.opt.Device), "offline"
	if online {
		verb = "online"
	}
	t, err := topic.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	version := uint64(now.UnixMilli())
	subject := name[len(topic.Root)+1:]
	ev, err := event.Wrap("/agent/"+l.opt.Device, t.EventType(verb), subject, now, fmt.Sprintf("%s:%d", subject, version), mdm.Presence{Version: version, Online: online})
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	return ev.Encode()
}

// present publishes it.
func (l *Link) present(online bool) paho.Token {
	b, err := l.presence(time.Now(), online)
	if err != nil {
		panic(err) // our own words, said before in New
	}
	return l.client.Publish(topic.DeviceOnline(l.opt.Device), 1, true, b)
}

// heardOfUs says again that the agent is there when the broker says late that an earlier connection of it is gone.
func (l *Link) heardOfUs(payload []byte) {
	ev, err := event.Decode(payload)
	if err != nil {
		return
	}
	if p, err := mdm.ReadPresence(ev.Data); err == nil && !p.Online && l.Up() {
		l.present(true)
	}
}

// Up reports whether there is a connection.
func (l *Link) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

func (l *Link) set(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
}

// failed says why there is no connection; it is tried again every few seconds.
func (l *Link) failed(now time.Time, err error) {
	l.mu.Lock()
	due := l.said.due(now, err)
	l.mu.Unlock()
	if due {
		l.opt.Log.Warn("no connection to the site's broker; trying again", "broker", l.opt.Broker, "err", err)
	}
}

func (l *Link) connected(c paho.Client) {
	t := c.Subscribe(topic.DeviceLockdownDesired(l.opt.Device), 1, func(_ paho.Client, m paho.Message) { l.arrived(m.Payload()) })
	if !t.WaitTimeout(10*time.Second) || t.Error() != nil {
		l.opt.Log.Error("the broker does not let this agent hear its own topic; is the certificate this device's?", "device", l.opt.Device, "err", t.Error())
		return
	}
	c.Subscribe(topic.DeviceOnline(l.opt.Device), 0, func(_ paho.Client, m paho.Message) { l.heardOfUs(m.Payload()) })
	l.present(true)
	l.mu.Lock()
	l.up, l.said = true, complaint{}
	last := l.last
	l.mu.Unlock()
	l.opt.Log.Info("connected", "broker", l.opt.Broker)
	if last != nil {
		l.publish(last)
	}
}

func (l *Link) arrived(payload []byte) {
	if len(payload) == 0 {
		return
	}
	d, sent, err := Decode(payload)
	if err != nil {
		l.opt.Log.Warn("a wish that cannot be read is not acted upon", "err", err)
		return
	}
	l.opt.Wish(d, sent)
}

// Decode reads a wish in its envelope, and when it was made by its sender's clock.
func Decode(payload []byte) (mdm.DeviceDesired, time.Time, error) {
	ev, err := event.Decode(payload)
	if err != nil {
		return mdm.DeviceDesired{}, time.Time{}, fmt.Errorf("link: %w", err)
	}
	d, err := mdm.ReadDeviceDesired(ev.Data)
	return d, ev.Time, err
}

// Report makes r the newest report and sends it, now or when there is a connection.
func (l *Link) Report(now time.Time, r mdm.DeviceReport) error {
	if r.Version == 0 {
		return errors.New("link: the report has no version")
	}
	name := topic.DeviceLockdownReported(l.opt.Device)
	t, err := topic.Parse(name)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	subject := name[len(topic.Root)+1:]
	ev, err := event.Wrap("/agent/"+l.opt.Device, t.EventType(""), subject, now, fmt.Sprintf("%s:%d", subject, r.Version), r)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	b, err := ev.Encode()
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	l.mu.Lock()
	l.last = b
	up := l.up
	l.mu.Unlock()
	if up {
		l.publish(b)
	}
	return nil
}

func (l *Link) publish(b []byte) {
	l.client.Publish(topic.DeviceLockdownReported(l.opt.Device), 1, true, b)
}
