package linktest

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Relay passes datagrams between whoever sends to it and a server, with the weather of two links.
type Relay struct {
	in     *net.UDPConn
	server netip.AddrPort
	done   chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	up, down *Link
	sides    map[netip.AddrPort]*side
}

// side is a participant: it has a socket towards the server and a line in each direction.
type side struct {
	out      *net.UDPConn
	up, down chan timed
}

type timed struct {
	at time.Time
	b  []byte
}

// Listen opens a relay to server on loopback. Both directions have chances of their own, from seed.
func Listen(server netip.AddrPort, up, down Weather, seed uint64) (*Relay, error) {
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("linktest: %w", err)
	}
	_ = in.SetReadBuffer(4 << 20)
	r := &Relay{in: in, server: server, done: make(chan struct{}), sides: map[netip.AddrPort]*side{}}
	r.Set(up, down, seed)
	r.wg.Add(1)
	go r.run()
	return r, nil
}

// Set changes the weather.
func (r *Relay) Set(up, down Weather, seed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up, r.down = NewLink(up, seed), NewLink(down, seed+1)
}

// Addr that a participant sends to.
func (r *Relay) Addr() netip.AddrPort { return r.in.LocalAddr().(*net.UDPAddr).AddrPort() }

// Counts of both directions since the weather was set.
func (r *Relay) Counts() (up, down Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up.Counts, r.down.Counts
}

// Close ends the relay; what is under way is lost.
func (r *Relay) Close() {
	close(r.done)
	r.in.Close()
	r.mu.Lock()
	for _, s := range r.sides {
		s.out.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *Relay) run() {
	defer r.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, from, err := r.in.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if s := r.side(from); s != nil {
			r.pass(true, s.up, buf[:n])
		}
	}
}

// side returns a participant's, made if need be.
func (r *Relay) side(from netip.AddrPort) *side {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sides[from]; s != nil {
		return s
	}
	out, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.server))
	if err != nil {
		return nil
	}
	_ = out.SetReadBuffer(4 << 20)
	s := &side{out: out, up: make(chan timed, 8192), down: make(chan timed, 8192)}
	r.sides[from] = s
	r.wg.Add(3)
	go r.deliver(s.up, func(b []byte) { _, _ = out.Write(b) })
	go r.deliver(s.down, func(b []byte) { _, _ = r.in.WriteToUDPAddrPort(b, from) })
	go func() {
		defer r.wg.Done()
		buf := make([]byte, 2048)
		for {
			n, err := out.Read(buf)
			if err != nil {
				select {
				case <-r.done:
					return
				default: // the server's port is not open now
					continue
				}
			}
			r.pass(false, s.down, buf[:n])
		}
	}()
	return s
}

func (r *Relay) pass(up bool, to chan timed, b []byte) {
	r.mu.Lock()
	l := r.down
	if up {
		l = r.up
	}
	at, ok := l.Pass(time.Now(), len(b))
	r.mu.Unlock()
	if !ok {
		return
	}
	select {
	case to <- timed{at, append([]byte(nil), b...)}:
	default: // more than any queue here holds
	}
}

// deliver sends each packet when its time has come; they are in order.
func (r *Relay) deliver(c chan timed, send func([]byte)) {
	defer r.wg.Done()
	for {
		select {
		case <-r.done:
			return
		case p := <-c:
			if d := time.Until(p.at); d > 0 {
				select {
				case <-time.After(d):
				case <-r.done:
					return
				}
			}
			send(p.b)
		}
	}
}
