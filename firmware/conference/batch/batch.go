// Package batch is a UDP socket that sends and receives many datagrams with one system call: sendmmsg(2) and recvmmsg(2).
//
// What is written between Hold and Release goes out together; what is written otherwise goes at once. A packet that is
// forwarded to thirty people so costs one call instead of thirty, and the packets of a picture that go to one of them pass
// through the kernel as one.
package batch

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of a call.
const (
	most = 64   // datagrams
	size = 1500 // bytes of each; longer ones are sent by themselves
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// ring is what recvmmsg wants: headers that point to buffers that never move.
type ring struct {
	hdrs  [most]mmsghdr
	iovs  [most]unix.Iovec
	names [most]unix.RawSockaddrInet6 // also holds RawSockaddrInet4
	bufs  [most][size]byte
	n     int
}

func newRing() *ring {
	r := &ring{}
	for i := range r.hdrs {
		r.iovs[i].Base = &r.bufs[i][0]
		r.hdrs[i].hdr.Iov = &r.iovs[i]
		r.hdrs[i].hdr.SetIovlen(1)
		r.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	}
	return r
}

// call is a system call under way: kept, so that no closure is made for each.
type call struct {
	number uintptr
	hdrs   *[most]mmsghdr
	at     int // first header
	len    int
	n      uintptr
	errno  syscall.Errno
	do     func(fd uintptr) bool
}

// init prepares a call. It never waits (MSG_DONTWAIT), so the scheduler is not told of it: else it would take a call to thirty
// for one that hangs, and wake a thread to go on in its place.
func (c *call) init(number uintptr, hdrs *[most]mmsghdr) {
	c.number, c.hdrs = number, hdrs
	c.do = func(fd uintptr) bool {
		c.n, _, c.errno = syscall.RawSyscall6(c.number, fd, uintptr(unsafe.Pointer(&c.hdrs[c.at])), uintptr(c.len), unix.MSG_DONTWAIT, 0, 0)
		return c.errno != syscall.EAGAIN
	}
}

// Conn is a UDP socket. Reads come from one goroutine, writes from any.
type Conn struct {
	udp *net.UDPConn
	raw syscall.RawConn
	six bool // the socket is of IPv6, addresses are mapped

	in   *ring
	next int
	recv call

	mu    sync.Mutex
	out   *outbox
	holds int
	send  call
	joins bool // the kernel cuts messages up (UDP_SEGMENT)
	put   func(*unix.RawSockaddrInet6, netip.AddrPort) uint32

	// Foreign, if set, gets a datagram first and says whether it was for somebody else.
	Foreign func(b []byte, from netip.AddrPort) bool

	// Wait, if set, has to be closed before the first datagram is read: a server seals itself meanwhile.
	Wait <-chan struct{}
}

// Listen opens a socket; network is udp, udp4 or udp6.
func Listen(network, address string) (*Conn, error) {
	addr, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	udp, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	_ = udp.SetReadBuffer(4 << 20) // as much as the system allows
	_ = udp.SetWriteBuffer(4 << 20)
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	c := &Conn{udp: udp, raw: raw, in: newRing(), out: newOutbox()}
	c.put = c.write
	c.recv.init(unix.SYS_RECVMMSG, &c.in.hdrs)
	c.recv.len = most
	c.send.init(unix.SYS_SENDMMSG, &c.out.hdrs)
	return c, c.ask()
}

// ask asks the kernel of what family the socket is, and whether it cuts messages up: once, before a server seals itself.
func (c *Conn) ask() error {
	var domain int
	var inner error
	err := c.raw.Control(func(fd uintptr) {
		domain, inner = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		_, unknown := unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT)
		c.joins = unknown == nil
	})
	if err == nil {
		err = inner
	}
	if err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	c.six = domain == unix.AF_INET6
	return nil
}

// ReadFromAddrPort returns the next datagram.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		if c.next == c.in.n {
			if err := c.fill(); err != nil {
				return 0, netip.AddrPort{}, err
			}
		}
		i := c.next
		c.next++
		p := c.in.bufs[i][:c.in.hdrs[i].n]
		from := address(&c.in.names[i])
		if c.Foreign != nil && c.Foreign(p, from) {
			continue
		}
		return copy(b, p), from, nil
	}
}

func (c *Conn) fill() error {
	if c.Wait != nil {
		<-c.Wait
	}
	for i := range c.in.hdrs {
		c.in.hdrs[i].hdr.Namelen = unix.SizeofSockaddrInet6
		c.in.iovs[i].SetLen(size)
	}
	if err := c.raw.Read(c.recv.do); err != nil {
		return err
	}
	c.next, c.in.n = 0, 0
	switch c.recv.errno {
	case 0:
		c.in.n = int(c.recv.n)
	case syscall.EINTR, syscall.ECONNREFUSED: // of a datagram that was sent before
	default:
		return fmt.Errorf("batch: recvmmsg: %w", c.recv.errno)
	}
	return nil
}

// WriteToAddrPort sends b, at once or when the last hold is released. That it was sent says nothing of its arrival.
func (c *Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if len(b) > size {
		return c.udp.WriteToUDPAddrPort(b, to)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.add(b, to)
	if c.holds == 0 || c.out.n == most {
		c.flush()
	}
	return len(b), nil
}

// Hold lets writes wait for Release.
func (c *Conn) Hold() {
	c.mu.Lock()
	c.holds++
	c.mu.Unlock()
}

// Release sends what waits, unless somebody else holds.
func (c *Conn) Release() {
	c.mu.Lock()
	if c.holds--; c.holds == 0 {
		c.flush()
	}
	c.mu.Unlock()
}

// flush sends all that waits; what the kernel refuses is lost, as any datagram may be.
func (c *Conn) flush() {
	o := c.out
	o.plan(c.joins)
	o.fill(c.put)
	for c.send.at = 0; c.send.at < o.m; {
		c.send.len = o.m - c.send.at
		if c.raw.Write(c.send.do) != nil {
			break
		}
		if c.send.errno != 0 {
			c.refused(&o.msgs[c.send.at], c.send.errno)
			c.send.n = 1
		}
		c.send.at += int(c.send.n)
	}
	o.n = 0
}

// refused sends the datagrams of a message one by one: the way there takes shorter ones only, or the network card cannot cut
// up; then it is not asked again.
func (c *Conn) refused(m *message, why syscall.Errno) {
	if m.count == 1 {
		return
	}
	if why == syscall.EIO {
		c.joins = false
	}
	for i := m.first; i >= 0; i = c.out.next[i] {
		_, _ = c.udp.WriteToUDPAddrPort(c.out.bufs[i][:c.out.lens[i]], c.out.tos[i])
	}
}

// write writes an address as the kernel wants it, and returns its length.
func (c *Conn) write(raw *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	port := to.Port()<<8 | to.Port()>>8
	if ip := to.Addr().Unmap(); ip.Is4() && !c.six {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		four.Family, four.Port, four.Addr = unix.AF_INET, port, ip.As4()
		return unix.SizeofSockaddrInet4
	}
	raw.Family, raw.Port, raw.Addr = unix.AF_INET6, port, to.Addr().As16()
	return unix.SizeofSockaddrInet6
}

func address(raw *unix.RawSockaddrInet6) netip.AddrPort {
	if raw.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), four.Port<<8|four.Port>>8)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(raw.Addr).Unmap(), raw.Port<<8|raw.Port>>8)
}

// ReadFrom is for those who know net.PacketConn only.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is for those who know net.PacketConn only.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("batch: %T is no UDP address", to)
	}
	return c.WriteToAddrPort(b, u.AddrPort())
}

// LocalAddr of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.udp.LocalAddr() }

// Close the socket.
func (c *Conn) Close() error { return c.udp.Close() }

// SetDeadline of reads and writes.
func (c *Conn) SetDeadline(t time.Time) error { return c.udp.SetDeadline(t) }

// SetReadDeadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.udp.SetReadDeadline(t) }

// SetWriteDeadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.udp.SetWriteDeadline(t) }
