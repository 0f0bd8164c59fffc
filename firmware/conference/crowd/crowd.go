// Package crowd is a listener that lets only so many connections be open at once, in all and from one address. Those beyond are
// closed before a byte of them is read.
package crowd

import (
	"net"
	"sync"
)

// Listener wraps another. A host of IPv6 counts by its /64. Safe for concurrent use.
type Listener struct {
	net.Listener
	total, each int

	mu sync.Mutex
	n  int
	by map[string]int
}

// Limit lets total connections be open at once, and each from one address.
func Limit(l net.Listener, total, each int) *Listener {
	return &Listener{Listener: l, total: total, each: each, by: map[string]int{}}
}

// Accept returns the next connection that there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := place(c.RemoteAddr())
		if l.enter(key) {
			return &conn{Conn: c, leave: sync.OnceFunc(func() { l.leave(key) })}, nil
		}
		c.Close()
	}
}

func (l *Listener) enter(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= l.total || l.by[key] >= l.each {
		return false
	}
	l.n++
	l.by[key]++
	return true
}

func (l *Listener) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
	if l.by[key]--; l.by[key] == 0 {
		delete(l.by, key)
	}
}

// place is an address as it is counted.
func place(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	switch {
	case !ok:
		return a.String()
	case t.IP.To4() == nil:
		return t.IP.Mask(net.CIDRMask(64, 128)).String()
	}
	return t.IP.String()
}

// conn gives its place back when it is closed.
type conn struct {
	net.Conn
	leave func()
}

// Close ends the connection.
func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
