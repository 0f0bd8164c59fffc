package relay

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

func (r *Relay) open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.relays
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); {
		if time.Now().After(end) {
			t.Fatal(what)
		}
		tick := time.NewTimer(10 * time.Millisecond)
		<-tick.C
	}
}

// TestQuota: one participant gets four allocations and no more, whatever the names it has; others have theirs.
func TestQuota(t *testing.T) {
	r, _, address := port(t)
	ice := r.Credentials("p1")[0]
	for i := range maxOwn + 2 {
		if _, _, err := dial(t, "udp", address, ice); (err == nil) != (i < maxOwn) {
			t.Errorf("allocation %d: %v", i, err)
		}
		ice = r.Credentials("p1")[0]
	}
	if _, _, err := dial(t, "tcp", address, r.Credentials("p2")[0]); err != nil {
		t.Errorf("another participant: %v", err)
	}
}

// TestEnd: with the seat go the credentials and what was allocated with them, at once; over TCP the connection, too.
func TestEnd(t *testing.T) {
	r, udp, address := port(t)
	ice := r.Credentials("p1")[0]
	_, overUDP, err := dial(t, "udp", address, ice)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := dial(t, "tcp", address, ice); err != nil {
		t.Fatal(err)
	}
	_, other, err := dial(t, "udp", address, r.Credentials("p2")[0])
	if err != nil {
		t.Fatal(err)
	}
	r.End("p1")
	if n := r.open(); n != 1 {
		t.Errorf("%d sockets are open after it, want p2's", n)
	}
	_, _ = overUDP.WriteTo([]byte("\x80media"), udp.LocalAddr())
	_ = overUDP.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, _, err := overUDP.ReadFrom(make([]byte, 1500)); err == nil {
		t.Errorf("%d bytes are still relayed", n)
	}
	until(t, "the TCP connection is still there", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.visitors) == 0
	})
	if _, _, err := dial(t, "udp", address, ice); err == nil {
		t.Error("the credentials of one who has gone allocate")
	}
	_ = other.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = other.WriteTo([]byte("\x80media"), udp.LocalAddr())
	if _, _, err := other.ReadFrom(make([]byte, 1500)); err != nil {
		t.Errorf("p2: %v", err)
	}
}

// TestSettle: a TCP connection that looks like TURN's and never has an allocation ends; one with an allocation stays.
func TestSettle(t *testing.T) {
	const settle = 500 * time.Millisecond
	r, udp, address := port(t, settle)
	_, relayed, err := dial(t, "tcp", address, r.Credentials("p1")[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	head := make([]byte, 8)
	binary.BigEndian.PutUint16(head[2:], 8)
	binary.BigEndian.PutUint32(head[4:], cookie)
	_, _ = c.Write(head)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("still there after %v: %v", settle, err)
	}
	_ = relayed.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = relayed.WriteTo([]byte("\x80media"), udp.LocalAddr())
	if _, _, err := relayed.ReadFrom(make([]byte, 1500)); err != nil {
		t.Errorf("the one with an allocation: %v", err)
	}
}
