// Package relay is TURN (RFC 8656) on the conference's own port, for participants whose network lets nothing through but TCP, or
// only what a TURN client sends. It relays to this server's media port and nowhere else: it is no open relay.
//
//	UDP 3478 ─► batch.Conn ─┬─ Allocate, Refresh, … and channel data ─► TURN      (RFC 7983: the first byte tells)
//	                        └─ ICE, DTLS, SRTP ─► sfu
//	TCP 3478 ─► first 8 bytes ─┬─ magic cookie at byte 4 ─► TURN
//	                           └─ framed, RFC 4571 ─► ICE-TCP
//
// Credentials are made for each participant and hold until End, for Life at most: user name "expiry:participant", password
// base64(HMAC-SHA1(secret, user name)). The secret is random at each start.
package relay

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"subrosa/firmware/conference/batch"
	"subrosa/firmware/conference/signal"
)

// Life of credentials, at most. A connection that needs longer asks for new ones with its next Hello.
const Life = 12 * time.Hour

const (
	realm      = "subrosa"
	cookie     = 0x2112a442
	peekTime   = 5 * time.Second
	maxPending = 256 // TCP connections that have not said what they are
	maxRelays  = 256 // allocations
)

// quiet says nothing: what is logged there holds addresses of participants.
var (
	quiet  = &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled, Writer: io.Discard}
	silent = quiet.NewLogger("")
)

// Options of a Relay.
type Options struct {
	UDP       *batch.Conn
	TCP       net.Listener
	Addresses []string // of this server, as clients reach it; empty: those of the interfaces
	Loopback  bool     // 127.0.0.1, too
	Log       *slog.Logger
	settle    time.Duration // for TCP to have an allocation; 0: settleTime
}

// Relay is a TURN server.
type Relay struct {
	o      Options
	secret string
	port   int
	own    []netip.Addr
	server *turn.Server
	udp    *inbox
	ice    *queue
	turn   *queue

	mu       sync.Mutex
	relays   int
	users    map[string]*user    // by participant
	visitors map[string]*visitor // by address
}

// New opens the relay. It takes the TCP listener: ICE returns that part of it which is not TURN's.
func New(o Options) (*Relay, error) {
	var b [32]byte
	rand.Read(b[:])
	local, ok := o.UDP.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("relay: wants a UDP socket")
	}
	r := &Relay{o: o, secret: base64.RawStdEncoding.EncodeToString(b[:]), port: local.Port, ice: newQueue(o.TCP), turn: newQueue(o.TCP),
		users: map[string]*user{}, visitors: map[string]*visitor{}}
	var err error
	if r.own, err = own(o, local); err != nil {
		return nil, err
	}
	r.udp = &inbox{conn: o.UDP, in: make(chan datagram, 512), done: make(chan struct{})}
	o.UDP.Foreign = r.udp.offer
	go r.accept()
	permit := func(_ net.Addr, peer net.IP) bool {
		a, ok := netip.AddrFromSlice(peer)
		return ok && slices.Contains(r.own, a.Unmap())
	}
	gen := &generator{r}
	r.server, err = turn.NewServer(turn.ServerConfig{
		Realm: realm, AuthHandler: r.auth(), QuotaHandler: r.quota, EventHandler: r.settles(), LoggerFactory: quiet,
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: r.udp, RelayAddressGenerator: gen, PermissionHandler: permit}},
		ListenerConfigs:   []turn.ListenerConfig{{Listener: r.turn, RelayAddressGenerator: gen, PermissionHandler: permit}},
	})
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	return r, nil
}

// own lists this server's addresses.
func own(o Options, local *net.UDPAddr) (out []netip.Addr, err error) {
	for _, s := range o.Addresses {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("relay: addresses: %w", err)
		}
		out = append(out, a)
	}
	if a, ok := netip.AddrFromSlice(local.IP); ok && !a.IsUnspecified() {
		return append(out, a.Unmap()), nil
	}
	if len(out) == 0 {
		list, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("relay: %w", err)
		}
		for _, x := range list {
			if p, err := netip.ParsePrefix(x.String()); err == nil && (o.Loopback || !p.Addr().IsLoopback()) && !p.Addr().IsLinkLocalUnicast() {
				out = append(out, p.Addr().Unmap())
			}
		}
	}
	if o.Loopback {
		out = append(out, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return out, nil
}

// Credentials are those of a participant.
func (r *Relay) Credentials(participant string) []signal.ICE {
	user, password, err := turn.GenerateLongTermTURNRESTCredentials(r.secret, participant, Life)
	if err != nil || len(r.own) == 0 {
		return nil
	}
	r.mu.Lock()
	r.know(participant)
	r.mu.Unlock()
	var urls []string
	for _, a := range r.own {
		host := netip.AddrPortFrom(a, uint16(r.port)).String()
		urls = append(urls, "turn:"+host+"?transport=udp", "turn:"+host+"?transport=tcp")
	}
	return []signal.ICE{{URLs: urls[:min(len(urls), 8)], Username: user, Credential: password}}
}

// ICE is the listener of connections that are not TURN's.
func (r *Relay) ICE() net.Listener { return r.ice }

// Close ends all allocations.
func (r *Relay) Close() error {
	r.udp.close()
	return errors.Join(r.server.Close(), r.o.TCP.Close())
}

// accept tells connections apart by their first bytes.
func (r *Relay) accept() {
	slots := make(chan struct{}, maxPending)
	for {
		c, err := r.o.TCP.Accept()
		if err != nil {
			r.ice.end()
			r.turn.end()
			return
		}
		select {
		case slots <- struct{}{}:
			go func() {
				defer func() { <-slots }()
				r.sort(c)
			}()
		default:
			c.Close()
		}
	}
}

func (r *Relay) sort(c net.Conn) {
	var head [8]byte
	_ = c.SetReadDeadline(time.Now().Add(peekTime))
	if _, err := io.ReadFull(c, head[:]); err != nil {
		c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	to, conn := r.ice, c
	if isTURN(head[:]) {
		to, conn = r.turn, r.visit(c, cmp.Or(r.o.settle, settleTime))
	}
	to.put(&peeked{Conn: conn, head: head[:]})
}

// isTURN reports whether a message is a TURN client's, by its first 8 bytes: STUN's form has the cookie at byte 4, and ICE over
// TCP has two bytes of length before it.
func isTURN(b []byte) bool {
	return len(b) >= 8 && b[0]&0xc0 == 0 && binary.BigEndian.Uint32(b[4:]) == cookie
}

// forTURN reports whether a datagram is TURN's: channel data, or a method of TURN.
func forTURN(b []byte) bool {
	if len(b) >= 4 && b[0]&0xc0 == 0x40 {
		return true
	}
	if len(b) < 20 || !isTURN(b) {
		return false
	}
	t := binary.BigEndian.Uint16(b)
	switch t&0xf | t>>1&0x70 | t>>2&0xf80 { // RFC 8489, section 5
	case 3, 4, 6, 8, 9: // Allocate, Refresh, Send, CreatePermission, ChannelBind
		return true
	case 1: // Binding: to a TURN server without a user name; ICE always has one
		return t == 1 && !hasUser(b[20:])
	}
	return false
}

// hasUser reports whether a STUN message's attributes have a USERNAME.
func hasUser(attrs []byte) bool {
	for len(attrs) >= 4 {
		if binary.BigEndian.Uint16(attrs) == 6 {
			return true
		}
		n := 4 + (int(binary.BigEndian.Uint16(attrs[2:]))+3)&^3
		attrs = attrs[min(n, len(attrs)):]
	}
	return false
}

// generator makes relayed sockets that reach this server's media port only.
type generator struct{ r *Relay }

// Validate the generator.
func (g *generator) Validate() error { return nil }

// AllocatePacketConn opens one.
func (g *generator) AllocatePacketConn(conf turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	g.r.mu.Lock()
	defer g.r.mu.Unlock()
	u := g.r.users[conf.UserID]
	if u == nil || len(u.relays) >= maxOwn || g.r.relays >= maxRelays {
		return nil, nil, errors.New("relay: no more")
	}
	pc, err := net.ListenPacket(conf.Network, net.JoinHostPort("", "0"))
	if err != nil {
		return nil, nil, err
	}
	g.r.relays++
	port := pc.LocalAddr().(*net.UDPAddr).Port
	v4 := strings.HasSuffix(conf.Network, "4")
	at := g.r.own[0]
	for _, a := range g.r.own {
		if a.Is4() == v4 {
			at = a
			break
		}
	}
	n := &narrow{PacketConn: pc, r: g.r, user: u}
	u.relays[n] = true
	return n, net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, uint16(port))), nil
}

// AllocateListener is TURN over TCP to the peer (RFC 6062): not here.
func (g *generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errors.New("relay: UDP to the media port only")
}

// AllocateConn is not here either.
func (g *generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errors.New("relay: UDP to the media port only")
}

// narrow is a relayed socket.
type narrow struct {
	net.PacketConn
	r    *Relay
	user *user
	once sync.Once
}

// WriteTo sends to the media port; anything else is dropped.
func (n *narrow) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return len(b), nil
	}
	if a, valid := netip.AddrFromSlice(u.IP); !valid || u.Port != n.r.port || !slices.Contains(n.r.own, a.Unmap()) {
		return len(b), nil
	}
	return n.PacketConn.WriteTo(b, to)
}

// Close frees the place.
func (n *narrow) Close() error {
	n.once.Do(func() {
		n.r.mu.Lock()
		n.r.relays--
		delete(n.user.relays, n)
		n.r.mu.Unlock()
	})
	return n.PacketConn.Close()
}

type datagram struct {
	b    []byte
	from netip.AddrPort
}

// inbox is TURN's part of the UDP socket.
type inbox struct {
	conn *batch.Conn
	in   chan datagram
	done chan struct{}
	once sync.Once
	mu   sync.Mutex
	read time.Time
}

// offer takes what is TURN's; of a flood, what is too much is lost.
func (i *inbox) offer(b []byte, from netip.AddrPort) bool {
	if !forTURN(b) {
		return false
	}
	select {
	case i.in <- datagram{append([]byte(nil), b...), from}:
	default:
	}
	return true
}

// ReadFrom returns the next datagram.
func (i *inbox) ReadFrom(b []byte) (int, net.Addr, error) {
	i.mu.Lock()
	end := i.read
	i.mu.Unlock()
	var timeout <-chan time.Time
	if !end.IsZero() {
		t := time.NewTimer(time.Until(end))
		defer t.Stop()
		timeout = t.C
	}
	select {
	case d := <-i.in:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	case <-i.done:
		return 0, nil, net.ErrClosed
	case <-timeout:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends by the shared socket.
func (i *inbox) WriteTo(b []byte, to net.Addr) (int, error) { return i.conn.WriteTo(b, to) }

// LocalAddr is that of the shared socket.
func (i *inbox) LocalAddr() net.Addr { return i.conn.LocalAddr() }

func (i *inbox) close() { i.once.Do(func() { close(i.done) }) }

// Close ends TURN's part only.
func (i *inbox) Close() error { i.close(); return nil }

// SetDeadline of reads; writes do not wait.
func (i *inbox) SetDeadline(t time.Time) error { return i.SetReadDeadline(t) }

// SetReadDeadline of the reads that begin after it.
func (i *inbox) SetReadDeadline(t time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.read = t
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (i *inbox) SetWriteDeadline(time.Time) error { return nil }

// queue is a listener of connections that were sorted.
type queue struct {
	l    net.Listener
	in   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newQueue(l net.Listener) *queue {
	return &queue{l: l, in: make(chan net.Conn), done: make(chan struct{})}
}

func (q *queue) put(c net.Conn) {
	select {
	case q.in <- c:
	case <-q.done:
		c.Close()
	case <-time.After(peekTime):
		c.Close()
	}
}

// Accept returns the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.in:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) end() { q.once.Do(func() { close(q.done) }) }

// Close ends this part.
func (q *queue) Close() error { q.end(); return nil }

// Addr is that of the shared listener.
func (q *queue) Addr() net.Addr { return q.l.Addr() }

// peeked gives the first bytes back.
type peeked struct {
	net.Conn
	head []byte
}

// Read returns the peeked bytes first.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
