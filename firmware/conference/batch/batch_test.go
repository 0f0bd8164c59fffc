package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func listen(t testing.TB, network, address string) *Conn {
	t.Helper()
	c, err := Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func at(c *Conn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// TestHold: what is written within a hold goes out at its release, whole and in order; more than fits one call, too.
func TestHold(t *testing.T) {
	for _, network := range []string{"udp4", "udp"} {
		a := listen(t, network, map[string]string{"udp4": "127.0.0.1:0", "udp": ":0"}[network])
		b := listen(t, "udp4", "127.0.0.1:0")
		_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
		a.Hold()
		a.Hold() // two at a time
		for i := range 10 {
			if _, err := a.WriteToAddrPort(bytes.Repeat([]byte{byte(i)}, 100+i), at(b)); err != nil {
				t.Fatal(err)
			}
		}
		a.Release()
		if a.out.n != 10 {
			t.Errorf("%s: %d wait, while somebody holds", network, a.out.n)
		}
		a.Release()
		if a.out.n != 0 {
			t.Errorf("%s: %d wait after the release", network, a.out.n)
		}
		buf := make([]byte, 2000)
		for i := range 10 {
			n, from, err := b.ReadFromAddrPort(buf)
			if err != nil || n != 100+i || buf[0] != byte(i) || from.Port() != at(a).Port() || !from.Addr().Is4() {
				t.Fatalf("%s: datagram %d: %d bytes of %d from %v, %v", network, i, n, buf[0], from, err)
			}
		}
	}
}

// TestMany: more than a call takes, and a flood beyond what is held back, arrive without loss on loopback, long ones too.
func TestMany(t *testing.T) {
	a, b := listen(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 2000)
	next := uint32(0)
	for range 5 {
		a.Hold()
		for i := range 3 * most / 2 {
			p := binary.BigEndian.AppendUint32(nil, next+uint32(i))
			if _, err := a.WriteTo(p, b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		a.Release()
		for range 3 * most / 2 {
			if _, _, err := b.ReadFrom(buf); err != nil || binary.BigEndian.Uint32(buf) != next {
				t.Fatalf("%d came in place of %d, %v", binary.BigEndian.Uint32(buf), next, err)
			}
			next++
		}
	}
	if _, err := a.WriteToAddrPort(make([]byte, size+100), at(b)); err != nil {
		t.Error(err)
	}
}

// TestJoin: datagrams to one address of one size pass the kernel as one message, with a shorter one at the end; they arrive as they
// were written, in order, by IPv4 and IPv6, and where the kernel refuses to cut up (here for want of checksums), too.
func TestJoin(t *testing.T) {
	sizes := []int{1100, 1100, 1100, 300, 700, 700, 701, 80}
	for _, tt := range []struct {
		name, network, from, to string
		refuses                 bool
		messages                int
	}{
		{"IPv4", "udp4", "127.0.0.1:0", "127.0.0.1:0", false, 2 * 3},
		{"IPv6", "udp6", "[::1]:0", "[::1]:0", false, 2 * 3},
		{"IPv4 by a socket of both", "udp", ":0", "127.0.0.1:0", false, 2 * 3},
		{"refused", "udp4", "127.0.0.1:0", "127.0.0.1:0", true, 2 * 3},
		{"an old kernel", "udp4", "127.0.0.1:0", "127.0.0.1:0", false, 2 * len(sizes)},
	} {
		a := listen(t, tt.network, tt.from)
		if !a.joins {
			t.Skip("this kernel does not cut up")
		}
		a.joins = tt.name != "an old kernel"
		if tt.refuses {
			if err := a.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1) }); err != nil {
				t.Fatal(err)
			}
		}
		to := []*Conn{listen(t, "udp", tt.to), listen(t, "udp", tt.to)}
		a.Hold()
		for i, n := range sizes {
			for j, b := range to { // in turn, as those of two pictures come
				if _, err := a.WriteToAddrPort(bytes.Repeat([]byte{byte(10*j + i)}, n), at(b)); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.Release()
		if a.out.m != tt.messages {
			t.Errorf("%s: %d messages, want %d", tt.name, a.out.m, tt.messages)
		}
		buf := make([]byte, 2000)
		for j, b := range to {
			_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
			for i, want := range sizes {
				if n, _, err := b.ReadFromAddrPort(buf); err != nil || !bytes.Equal(buf[:n], bytes.Repeat([]byte{byte(10*j + i)}, want)) {
					t.Fatalf("%s: to %d, datagram %d: %d bytes of %d, %v", tt.name, j, i, n, buf[0], err)
				}
			}
		}
	}
}

// FuzzPlan: whatever waits, each datagram is in one message, those to one address are in order, and the kernel would cut each
// message up into just them.
func FuzzPlan(f *testing.F) {
	f.Add([]byte{1, 1, 1, 2, 9, 9, 5, 5, 4, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		o := newOutbox()
		for i := 0; i+1 < len(in) && o.n < most; i += 2 {
			o.add(make([]byte, 5*int(in[i])), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, in[i+1] % 4}), 1))
		}
		o.plan(true)
		o.fill(new(Conn).write)
		seen, last := 0, map[netip.AddrPort]int{}
		for j := range o.m {
			m, each := o.msgs[j], o.lens[o.msgs[j].first]
			count := 0
			for i := m.first; i >= 0; i = o.next[i] {
				if before, ok := last[o.tos[i]]; ok && before >= i {
					t.Fatalf("%d goes after %d", i, before)
				}
				last[o.tos[i]] = i
				if o.tos[i] != o.tos[m.first] || o.lens[i] > each || o.lens[i] < each && i != m.last {
					t.Fatalf("datagram %d of %d bytes in a message of %d each", i, o.lens[i], each)
				}
				count++
			}
			if count != m.count || count > mostSegments || int(o.hdrs[j].hdr.Iovlen) != count {
				t.Fatalf("message %d has %d datagrams, says %d", j, count, m.count)
			}
			seen += count
		}
		if seen != o.n {
			t.Fatalf("%d of %d are sent", seen, o.n)
		}
	})
}

func TestForeign(t *testing.T) {
	a, b := listen(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
	var taken []byte
	b.Foreign = func(p []byte, _ netip.AddrPort) bool {
		if p[0] == 'x' {
			taken = append(taken, p...)
		}
		return p[0] == 'x'
	}
	for _, s := range []string{"x1", "y1", "x2", "y2"} {
		a.WriteToAddrPort([]byte(s), at(b))
	}
	buf := make([]byte, 100)
	for _, want := range []string{"y1", "y2"} {
		if n, _, err := b.ReadFromAddrPort(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v, want %q", buf[:n], err, want)
		}
	}
	if string(taken) != "x1x2" {
		t.Errorf("taken %q", taken)
	}
}

func TestClosed(t *testing.T) {
	a := listen(t, "udp4", "127.0.0.1:0")
	done := make(chan error)
	go func() {
		_, _, err := a.ReadFromAddrPort(make([]byte, 10))
		done <- err
	}()
	a.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a reader gets %v", err)
	}
	a.WriteToAddrPort([]byte("x"), at(a)) // lost, no panic
}

func TestNothingIsAllocated(t *testing.T) {
	a, b := listen(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	_ = b.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf, to := make([]byte, 1200), at(b)
	if n := testing.AllocsPerRun(200, func() {
		a.Hold()
		for range 12 {
			a.WriteToAddrPort(buf[:1100], to)
		}
		a.Release()
		for range 12 {
			b.ReadFromAddrPort(buf)
		}
	}); n != 0 {
		t.Errorf("%v allocations for 12 datagrams", n)
	}
}

// FuzzAddress: an address goes to the kernel's form and back, on sockets of both families.
func FuzzAddress(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1}, uint16(3478), false)
	f.Add(bytes.Repeat([]byte{0xfe}, 16), uint16(1), true)
	f.Fuzz(func(t *testing.T, b []byte, port uint16, six bool) {
		a, ok := netip.AddrFromSlice(b)
		if !ok || a.Is6() && !a.Is4In6() && !six {
			return
		}
		r := newRing()
		c := &Conn{six: six}
		c.write(&r.names[0], netip.AddrPortFrom(a, port))
		if got := address(&r.names[0]); got != netip.AddrPortFrom(a.Unmap(), port) {
			t.Fatalf("%v became %v", a, got)
		}
	})
}

// TestWait: what has come before Wait is closed is read after it.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := listen(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
		wait := make(chan struct{})
		a.Wait = wait
		if _, err := b.WriteToAddrPort([]byte("x"), at(a)); err != nil {
			t.Fatal(err)
		}
		read := make(chan error, 1)
		go func() {
			_, _, err := a.ReadFromAddrPort(make([]byte, 10))
			read <- err
		}()
		synctest.Wait()
		select {
		case err := <-read:
			t.Fatalf("read before: %v", err)
		default:
		}
		close(wait)
		if err := <-read; err != nil {
			t.Error(err)
		}
	})
}
