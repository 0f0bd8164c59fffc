package crowd

import (
	"io"
	"net"
	"testing"
	"time"
)

// open dials and says whether the connection is let in: a byte is answered by one.
func open(t *testing.T, from, to string) (net.Conn, bool) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp4", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = c.Write([]byte("x"))
	_, err = io.ReadFull(c, make([]byte, 1))
	return c, err == nil
}

// TestLimit: so many of one address, so many in all, and a place that is left is free again.
func TestLimit(t *testing.T) {
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Limit(inner, 5, 3)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close(); c.Close() }()
		}
	}()
	address := inner.Addr().String()
	var first net.Conn
	for i := range 6 {
		c, in := open(t, "127.0.0.1", address)
		if in != (i < 3) {
			t.Errorf("connection %d of one address: let in %v", i, in)
		}
		if first == nil {
			first = c
		}
	}
	for i := range 4 {
		if _, in := open(t, "127.0.0.2", address); in != (i < 2) {
			t.Errorf("connection %d of another, five in all: let in %v", i, in)
		}
	}
	first.Close()
	for end := time.Now().Add(5 * time.Second); ; {
		if _, in := open(t, "127.0.0.1", address); in {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a place that was left is not free")
		}
	}
}

func TestPlace(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::"} {
		if got := place(&net.TCPAddr{IP: net.ParseIP(a), Port: 1}); got != want {
			t.Errorf("%s counts as %s", a, got)
		}
	}
}
