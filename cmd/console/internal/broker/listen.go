package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"subrosa/firmware/topic"
)

// identify returns who the peer of a connection is: by its certificate, by its user name on the development
// listener, or the console itself.
func identify(cl *mqtt.Client) (topic.Identity, error) {
	switch cl.Net.Listener {
	case listenConsole:
		return topic.Identity{Role: topic.Console}, nil
	case listenDev:
		if user := string(cl.Properties.Username); user != "" {
			return ParseDevUser(user)
		}
		return ParseDevUser(cl.ID)
	case listenTLS:
		q, _ := cl.Net.Conn.(*queued)
		if q == nil {
			return topic.Identity{}, errors.New("broker: connection has ended")
		}
		c, ok := q.Conn.(*tls.Conn)
		if !ok {
			return topic.Identity{}, errors.New("broker: not a TLS connection")
		}
		chains := c.ConnectionState().VerifiedChains
		if len(chains) == 0 {
			return topic.Identity{}, errors.New("broker: no verified client certificate")
		}
		return topic.IdentityFromCert(chains[0][0])
	}
	return topic.Identity{}, fmt.Errorf("broker: listener %q gives no identity", cl.Net.Listener)
}

// ParseDevUser reads the user name, or the client id where there is none, of the development listener: "unit:UNIT:ROOM[,ROOM…]", "gateway::ROOM",
// "confd::ROOM", "mdmbridge:CONN", "agent:DEVICE" or "console". It proves nothing.
func ParseDevUser(s string) (topic.Identity, error) {
	role, rest, _ := strings.Cut(s, ":")
	name, rooms, _ := strings.Cut(rest, ":")
	id := topic.Identity{Role: topic.Role(role)}
	if rooms != "" {
		id.Rooms = strings.Split(rooms, ",")
	}
	switch id.Role {
	case topic.Unit:
		id.Unit = name
	case topic.MDMBridge:
		if name != "" {
			id.Conns = []string{name}
		}
	case topic.Agent:
		id.Device = name
	}
	if err := id.Check(); err != nil {
		return topic.Identity{}, fmt.Errorf("broker: development user name %.80q: %w", s, err)
	}
	return id, nil
}

// CheckLoopback returns an error unless addr ("host:port") can only be reached from this machine.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %q is not a loopback address", addr)
	}
	return nil
}

// ServerTLS reads the broker's certificate and the CA that client certificates must come from.
func ServerTLS(certFile, keyFile, caFile string) (*tls.Config, error) {
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("broker: certificate: %w", err)
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("broker: CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("broker: CA: %s holds no certificate", caFile)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}, nil
}

// handshaker is a listener whose connections have finished their TLS handshake, so that a wrong certificate is
// told apart from a lost connection and slow peers hold up nobody.
type handshaker struct {
	net.Listener
	conf  *tls.Config
	bad   func(net.Addr, error)
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
	slots chan struct{}
}

const (
	handshakeTime  = 10 * time.Second
	handshakeSlots = 64
)

func newHandshaker(l net.Listener, conf *tls.Config, bad func(net.Addr, error)) *handshaker {
	h := &handshaker{Listener: l, conf: conf, bad: bad, conns: make(chan net.Conn), ended: make(chan struct{}), slots: make(chan struct{}, handshakeSlots)}
	go h.run()
	return h
}

func (h *handshaker) run() {
	for {
		raw, err := h.Listener.Accept()
		if err != nil {
			h.Close()
			return
		}
		select {
		case h.slots <- struct{}{}:
			go h.shake(raw)
		case <-h.ended:
			raw.Close()
			return
		}
	}
}

func (h *handshaker) shake(raw net.Conn) {
	defer func() { <-h.slots }()
	c := tls.Server(raw, h.conf)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		h.bad(raw.RemoteAddr(), err)
		return
	}
	select {
	case h.conns <- c:
	case <-h.ended:
		raw.Close()
	}
}

// Accept returns the next connection with a verified client certificate.
func (h *handshaker) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close closes the listener.
func (h *handshaker) Close() error {
	h.once.Do(func() { close(h.ended) })
	return h.Listener.Close()
}

// pipeListener connects the console to its own broker without a socket.
type pipeListener struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), ended: make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "console" }
