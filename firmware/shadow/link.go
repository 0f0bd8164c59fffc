package shadow

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// link is one connection to the broker, from CONNACK until it is lost. It never resends anything.
type link interface {
	// publish may wait for the socket. done is called once, from another goroutine, with nil on PUBACK (QoS 1)
	// or when written (QoS 0); it is not called after the connection was lost.
	publish(topic string, qos byte, retained bool, payload []byte, done func(error))
	// subscribe returns when the broker has answered; the error names what it refused.
	subscribe(filters map[string]byte) error
	// lost is closed when the connection is; then err tells why.
	lost() <-chan struct{}
	err() error
	// close ends the connection, with a DISCONNECT if graceful (no last will).
	close(graceful bool)
}

// dialOptions of one connection.
type dialOptions struct {
	broker      string
	tls         *tls.Config
	clientID    string
	keepAlive   time.Duration
	willTopic   string
	willPayload []byte
	// message is called in the order of arrival and must not block.
	message func(topic string, payload []byte, retained bool)
}

type dialFunc func(context.Context, dialOptions) (link, error)

const (
	connectTimeout = 10 * time.Second
	writeTimeout   = 5 * time.Second
)

// pahoLink is a paho client that is used for one connection: its message store dies with it.
type pahoLink struct {
	client mqtt.Client
	conn   net.Conn
	gone   chan struct{}
	once   sync.Once
	why    error
}

func dialPaho(ctx context.Context, o dialOptions) (link, error) {
	l := &pahoLink{gone: make(chan struct{})}
	opt := mqtt.NewClientOptions()
	opt.AddBroker(o.broker)
	opt.SetClientID(o.clientID)
	opt.SetProtocolVersion(4)
	opt.SetCleanSession(false)
	opt.SetAutoReconnect(false)
	opt.SetConnectRetry(false)
	opt.SetKeepAlive(o.keepAlive)
	opt.SetPingTimeout(o.keepAlive)
	opt.SetConnectTimeout(connectTimeout)
	opt.SetWriteTimeout(writeTimeout)
	opt.SetStore(mqtt.NewMemoryStore())
	opt.SetOrderMatters(true) // message never blocks, and the order of one topic's states tells what the broker holds
	if o.willTopic != "" {
		opt.SetBinaryWill(o.willTopic, o.willPayload, 1, true)
	}
	opt.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { o.message(m.Topic(), m.Payload(), m.Retained()) })
	opt.SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.end(err) })
	opt.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
		var err error
		l.conn, err = open(ctx, u, o.tls)
		return l.conn, err
	})
	l.client = mqtt.NewClient(opt)
	tok := l.client.Connect()
	select {
	case <-tok.Done():
	case <-ctx.Done():
		l.client.Disconnect(0)
		return nil, ctx.Err()
	}
	if err := tok.Error(); err != nil {
		return nil, err
	}
	return l, nil
}

// open dials the broker; ctx ends it.
func open(ctx context.Context, u *url.URL, conf *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	switch u.Scheme {
	case "tcp", "mqtt":
		var d net.Dialer
		return d.DialContext(ctx, "tcp", u.Host)
	case "ssl", "tls", "mqtts":
		d := tls.Dialer{Config: conf}
		return d.DialContext(ctx, "tcp", u.Host)
	}
	return nil, fmt.Errorf("broker %s: want tcp:// or ssl://", u)
}

func (l *pahoLink) end(err error) {
	l.once.Do(func() {
		l.why = err
		close(l.gone)
	})
}

func (l *pahoLink) lost() <-chan struct{} { return l.gone }
func (l *pahoLink) err() error            { return l.why }

func (l *pahoLink) publish(topic string, qos byte, retained bool, payload []byte, done func(error)) {
	tok := l.client.Publish(topic, qos, retained, payload)
	go func() {
		select {
		case <-tok.Done():
			done(tok.Error())
		case <-l.gone:
		}
	}()
}

func (l *pahoLink) subscribe(filters map[string]byte) error {
	if len(filters) == 0 {
		return nil
	}
	tok := l.client.SubscribeMultiple(filters, nil)
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	select {
	case <-tok.Done():
	case <-l.gone:
		return l.why
	case <-timeout.C:
		return errors.New("broker did not answer the subscription")
	}
	var refused []string
	if st, ok := tok.(*mqtt.SubscribeToken); ok {
		for filter, code := range st.Result() {
			if code == 0x80 {
				refused = append(refused, filter)
			}
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		return fmt.Errorf("broker refuses the subscription of %s", strings.Join(refused, ", "))
	}
	return tok.Error()
}

func (l *pahoLink) close(graceful bool) {
	if graceful {
		l.client.Disconnect(250)
	} else {
		l.conn.Close()
		l.client.Disconnect(0)
	}
	l.end(errClosed)
}
