// Package broker is the site's MQTT broker inside the console: mochi-mqtt, with state that survives power loss
// and an access control list that follows the client certificates.
//
// Promise: when a publisher holds a PUBACK, the message's retained state and its delivery to every session that
// outlives its connection are on disk. mochi's own bolt hook does not keep that: it acknowledges before it
// stores what offline sessions still have to get, and it acknowledges although storing failed. See disk.
//
// Limits, chosen: after a restart, undelivered messages of the same second may arrive in any order (the
// contents carry versions); a message can arrive twice (QoS 1); $SYS topics are not kept.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"

	"subrosa/firmware/topic"
)

const (
	// MaxPacket is the largest packet taken; a client that sends a larger one is dropped.
	MaxPacket = 256 << 10
	// maxInflight bounds what waits for one client, online or not.
	maxInflight = 16 << 10
	maxClients  = 4096
)

// Options of a broker. At least one of Listen and DevListen is usual; neither is fine, for Dial always works.
type Options struct {
	Path string // the bbolt file with everything that must survive

	Listen string      // address of the mTLS listener; "" = none
	TLS    *tls.Config // for Listen: RequireAndVerifyClientCert against the site's CA

	// DevListen is the address of a listener without TLS, for development only: the identity is taken, unproven,
	// from the user name (see ParseDevUser). Only loopback addresses are accepted.
	DevListen string

	// Deny lists identities (topic.Identity.String) that are shut out although their certificate is valid.
	Deny []string

	// Refused is called for every refused connection, message and subscription; it must not block for long.
	Refused func(Refusal)
	Log     *slog.Logger
}

// Refusal says what was refused to whom.
type Refusal struct {
	Peer  string // identity such as "unit:ratssaal-1", "" when the peer could not prove one
	What  string // connect, publish, subscribe, will
	Topic string // as sent by the peer, at most 128 bytes; "" for connect
	Err   error
}

// Stats are counters since start.
type Stats struct {
	Connected, Retained, Inflight          int64
	Received, Sent, Dropped                int64
	Refused, Handshakes, StoreFailed, Slow int64
}

// Broker is a running broker.
type Broker struct {
	srv  *mqtt.Server
	hook *hook
	disk *disk
	pipe *pipeListener
	tcp  map[string]net.Addr

	handshakes atomic.Int64
	once       sync.Once
}

// Open restores the broker's state from disk and starts it.
func Open(o Options) (*Broker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d, err := openDisk(o.Path, o.Log)
	if err != nil {
		return nil, err
	}
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumMessageExpiryInterval = 0 // otherwise retained state would be dropped after a day
	caps.MaximumPacketSize = MaxPacket
	caps.MaximumInflight = maxInflight
	caps.MaximumClientWritesPending = maxInflight
	caps.MaximumClients = maxClients
	caps.MaximumSessionExpiryInterval = 30 * 24 * 3600
	caps.SharedSubAvailable = 0
	caps.Compatibilities.NoInheritedPropertiesOnAck = true
	b := &Broker{disk: d, pipe: newPipeListener(), tcp: map[string]net.Addr{}}
	b.srv = mqtt.New(&mqtt.Options{
		Capabilities:           caps,
		SysTopicResendInterval: 24 * 3600,
		Logger:                 slog.New(slog.DiscardHandler), // it would log payloads; the hook has lines of its own
	})
	b.hook = &hook{disk: d, log: o.Log, refused: o.Refused, deny: o.Deny, busy: map[*mqtt.Client]uint64{}, ids: map[*mqtt.Client]topic.Identity{}}
	if err := b.start(o); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Broker) start(o Options) error {
	if err := b.srv.AddHook(b.hook, nil); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if err := b.srv.AddListener(listeners.NewNet(listenConsole, queueing{b.pipe, consoleLimit, b.hook.tooSlow})); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if o.DevListen != "" {
		if err := CheckLoopback(o.DevListen); err != nil {
			return fmt.Errorf("broker: without TLS: %w", err)
		}
		l, err := net.Listen("tcp", o.DevListen)
		if err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		if err := b.add(listenDev, l); err != nil {
			return err
		}
	}
	if o.Listen != "" {
		if o.TLS == nil || o.TLS.ClientAuth != tls.RequireAndVerifyClientCert || o.TLS.ClientCAs == nil {
			return errors.New("broker: the TLS listener needs a CA and demands client certificates")
		}
		l, err := net.Listen("tcp", o.Listen)
		if err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		if err := b.add(listenTLS, newHandshaker(l, o.TLS, b.badHandshake)); err != nil {
			return err
		}
	}
	if err := b.srv.Serve(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return b.redeliver()
}

func (b *Broker) add(id string, l net.Listener) error {
	b.tcp[id] = l.Addr()
	if err := b.srv.AddListener(listeners.NewNet(id, queueing{l, queueLimit, b.hook.tooSlow})); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

func (b *Broker) badHandshake(remote net.Addr, err error) {
	b.handshakes.Add(1)
	b.hook.refuse(Refusal{What: "connect", Err: fmt.Errorf("TLS handshake with %s: %w", remote, err)})
}

// redeliver hands out the messages that had been acknowledged but not yet handed to every session when the
// last process ended.
func (b *Broker) redeliver() error {
	pending, err := b.disk.pending()
	if err != nil {
		return err
	}
	cl := b.srv.NewClient(nil, mqtt.LocalListener, redeliverer, true)
	for _, p := range pending {
		pk := p.msg.ToPacket()
		pk.FixedHeader.Retain = false // the retained state was stored with it
		pk.FixedHeader.Dup = false
		if err := b.srv.InjectPacket(cl, pk); err != nil {
			return fmt.Errorf("broker: redeliver: %w", err)
		}
		b.disk.forget(p.seq)
	}
	return nil
}

// Dial returns a connection of the console itself to the broker, inside the process.
func (b *Broker) Dial() (net.Conn, error) { return b.pipe.dial() }

// Addr returns the address of the mTLS listener, nil if there is none.
func (b *Broker) Addr() net.Addr { return b.tcp[listenTLS] }

// DevAddr returns the address of the development listener, nil if there is none.
func (b *Broker) DevAddr() net.Addr { return b.tcp[listenDev] }

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	i := b.srv.Info
	return Stats{
		Connected: atomic.LoadInt64(&i.ClientsConnected), Retained: int64(b.srv.Topics.Retained.Len()),
		Inflight: atomic.LoadInt64(&i.Inflight), Received: atomic.LoadInt64(&i.MessagesReceived),
		Sent: atomic.LoadInt64(&i.MessagesSent), Dropped: atomic.LoadInt64(&i.MessagesDropped),
		Refused: b.hook.refusals.Load(), Handshakes: b.handshakes.Load(),
		StoreFailed: b.disk.failed.Load(), Slow: b.hook.slow.Load(),
	}
}

// Check returns an error while the broker cannot store.
func (b *Broker) Check(context.Context) error { return b.disk.lastErr() }

// Close drops every client and closes the file.
func (b *Broker) Close() (err error) {
	b.once.Do(func() {
		b.pipe.Close()
		err = b.srv.Close()
		err = errors.Join(err, b.disk.close())
	})
	return err
}
