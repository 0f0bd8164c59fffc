package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"subrosa/firmware/topic"
)

// ErrBroker is wrapped by commands that the broker did not take.
var ErrBroker = errors.New("fleet: the broker does not answer")

// LinkOptions say where the broker is.
type LinkOptions struct {
	// URL of an outside broker, "tls://host:8883"; "" with Open set.
	URL string
	TLS *tls.Config
	// User for brokers without client certificates, for development.
	User string
	// Open connects to the broker in this process.
	Open func() (net.Conn, error)
	Log  *slog.Logger
}

// Link is the console's connection to the broker, its own or an outside one: the same client for both.
type Link struct {
	fleet  *Fleet
	client paho.Client
	ctx    context.Context
	up     atomic.Bool
	log    *slog.Logger
}

// Connect starts a connection that comes back by itself until ctx ends; it does not wait for the broker. All
// state is retained, so that each new connection brings the whole picture. With an outside broker the session
// also outlives the connection.
func Connect(ctx context.Context, f *Fleet, o LinkOptions) *Link {
	l := &Link{fleet: f, ctx: ctx, log: o.Log}
	po := paho.NewClientOptions().SetClientID("subrosa-console").SetKeepAlive(30 * time.Second).SetPingTimeout(10 * time.Second).
		SetConnectTimeout(10 * time.Second).SetConnectRetry(true).SetConnectRetryInterval(time.Second).
		SetAutoReconnect(true).SetMaxReconnectInterval(10 * time.Second).SetProtocolVersion(4).
		SetAutoAckDisabled(true).SetOrderMatters(true).SetDefaultPublishHandler(l.take)
	if o.Open != nil {
		po.AddBroker("tcp://console").SetCleanSession(true)
		po.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return o.Open() })
	} else {
		po.AddBroker(o.URL).SetCleanSession(false).SetTLSConfig(o.TLS).SetUsername(o.User)
	}
	po.SetOnConnectHandler(l.connected).SetConnectionLostHandler(func(_ paho.Client, err error) {
		l.up.Store(false)
		if ctx.Err() == nil {
			o.Log.Warn("connection to the broker lost", "err", err)
		}
	})
	var failing atomic.Bool // one line for a row of failed attempts
	po.SetConnectionNotificationHandler(func(_ paho.Client, n paho.ConnectionNotification) {
		if bad, ok := n.(paho.ConnectionNotificationFailed); ok && ctx.Err() == nil && !failing.Swap(true) {
			o.Log.Warn("cannot connect to the broker; trying again", "err", bad.Reason)
		}
		if _, ok := n.(paho.ConnectionNotificationConnected); ok {
			failing.Store(false)
		}
	})
	l.client = paho.NewClient(po)
	l.client.Connect()
	return l
}

func (l *Link) connected(c paho.Client) {
	tok := c.Subscribe(topic.Root+"/#", 1, nil)
	go func() {
		if !tok.WaitTimeout(30*time.Second) || tok.Error() != nil {
			l.log.Warn("the broker does not take the subscription", "err", tok.Error())
			return
		}
		if r := tok.(*paho.SubscribeToken).Result()[topic.Root+"/#"]; r > 2 {
			l.log.Error("the broker refuses the console's subscription; is this certificate a console's?")
			return
		}
		l.up.Store(true)
		l.log.Info("connected to the broker")
	}()
}

func (l *Link) take(_ paho.Client, m paho.Message) {
	// What is ignored is acknowledged too: it would be ignored the next time.
	_ = l.fleet.Handle(l.ctx, time.Now(), m.Topic(), m.Payload(), m.Retained())
	m.Ack()
}

// Up reports whether the broker answers and the subscription stands.
func (l *Link) Up() bool { return l.up.Load() && l.client.IsConnectionOpen() }

// Check returns an error while the broker cannot be reached.
func (l *Link) Check(context.Context) error {
	if !l.Up() {
		return ErrBroker
	}
	return nil
}

// Publish sends a retained message and returns once the broker has acknowledged it.
func (l *Link) Publish(ctx context.Context, name string, payload []byte) error {
	if !l.Up() {
		return ErrBroker
	}
	tok := l.client.Publish(name, 1, true, payload)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-tok.Done():
		if err := tok.Error(); err != nil {
			return fmt.Errorf("%w: %w", ErrBroker, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBroker, ctx.Err())
	}
}

// Close says goodbye to the broker.
func (l *Link) Close() { l.client.Disconnect(250) }

// ClientTLS reads the console's certificate and the CA that an outside broker's must come from.
func ClientTLS(certFile, keyFile, caFile string) (*tls.Config, error) {
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("fleet: certificate: %w", err)
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("fleet: CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("fleet: CA: %s holds no certificate", caFile)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}, RootCAs: pool}, nil
}
