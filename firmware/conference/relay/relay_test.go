package relay

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"subrosa/firmware/conference/batch"
	"subrosa/firmware/conference/signal"
)

// both opens one port for UDP and TCP; a number that is free for one may be taken for the other.
func both(t *testing.T) (*batch.Conn, net.Listener) {
	t.Helper()
	for n := 0; ; n++ {
		udp, err := batch.Listen("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp4", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
		if n == 20 {
			t.Fatal(err)
		}
	}
}

// port is the media port with a relay on it, and an echo where the SFU would be.
func port(t *testing.T, settle ...time.Duration) (*Relay, *batch.Conn, string) {
	t.Helper()
	udp, tcp := both(t)
	o := Options{UDP: udp, TCP: tcp, Loopback: true, Log: slog.New(slog.DiscardHandler)}
	for _, o.settle = range settle {
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := udp.ReadFromAddrPort(buf)
			if err != nil {
				return
			}
			udp.WriteToAddrPort(buf[:n], from)
		}
	}()
	t.Cleanup(func() { r.Close(); udp.Close() })
	return r, udp, udp.LocalAddr().String()
}

func dial(t *testing.T, network, address string, c signal.ICE) (*turn.Client, net.PacketConn, error) {
	t.Helper()
	var conn net.PacketConn
	if network == "tcp" {
		x, err := net.Dial("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(x)
	} else {
		x, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conn = x
	}
	client, err := turn.NewClient(&turn.ClientConfig{STUNServerAddr: address, TURNServerAddr: address, Conn: conn, Username: c.Username, Password: c.Credential, Realm: realm,
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled, Writer: io.Discard}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); conn.Close() })
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	return client, relayed, err
}

// TestRelay: with credentials, by UDP and TCP, the media port is reached, and nothing else.
func TestRelay(t *testing.T) {
	r, udp, address := port(t)
	other, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, network := range []string{"udp", "tcp"} {
		ice := r.Credentials("p1")
		if len(ice) != 1 || !strings.Contains(strings.Join(ice[0].URLs, " "), "transport="+network) {
			t.Fatalf("%+v", ice)
		}
		_, relayed, err := dial(t, network, address, ice[0])
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		_ = relayed.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 1500)
		if _, err := relayed.WriteTo([]byte("\x80media"), udp.LocalAddr()); err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		if n, _, err := relayed.ReadFrom(buf); err != nil || string(buf[:n]) != "\x80media" {
			t.Errorf("%s: %q, %v", network, buf[:n], err)
		}
		_, _ = relayed.WriteTo([]byte("\x80elsewhere"), other.LocalAddr()) // same host, another port
		_ = other.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, _, err := other.ReadFrom(buf); err == nil {
			t.Errorf("%s: %q was relayed to another port", network, buf[:n])
		}
		if _, err := relayed.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: udp.LocalAddr().(*net.UDPAddr).Port}); err == nil {
			t.Errorf("%s: another host is permitted", network)
		}
		relayed.Close()
	}
	bad := r.Credentials("p1")[0]
	bad.Credential = "AAAA"
	if _, _, err := dial(t, "udp", address, bad); err == nil {
		t.Error("a wrong password allocates")
	}
}

// TestICEOverTCP: what is framed as ICE over TCP is comes to ICE, whole.
func TestICEOverTCP(t *testing.T) {
	r, _, address := port(t)
	c, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := make([]byte, 22)
	binary.BigEndian.PutUint16(m, 20)
	binary.BigEndian.PutUint16(m[2:], 1)
	binary.BigEndian.PutUint32(m[6:], cookie)
	c.Write(m)
	got, err := r.ICE().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	b := make([]byte, len(m))
	if _, err := io.ReadFull(got, b); err != nil || !bytes.Equal(b, m) {
		t.Errorf("%x, %v", b, err)
	}
}

func TestForTURN(t *testing.T) {
	stun := func(kind uint16, attrs ...byte) []byte {
		b := make([]byte, 20)
		binary.BigEndian.PutUint16(b, kind)
		binary.BigEndian.PutUint32(b[4:], cookie)
		return append(b, attrs...)
	}
	for name, tt := range map[string]struct {
		b    []byte
		want bool
	}{
		"allocate": {stun(0x0003), true}, "send indication": {stun(0x0016), true}, "channel data": {[]byte{0x40, 0, 0, 4, 1, 2, 3, 4}, true},
		"binding of ICE": {stun(0x0001, 0, 6, 0, 1, 'u', 0, 0, 0), false}, "binding without a user": {stun(0x0001), true}, "binding answer": {stun(0x0101), false},
		"DTLS": {[]byte{22, 254, 253, 0, 0, 0, 0, 0}, false}, "SRTP": {bytes.Repeat([]byte{0x80}, 40), false}, "empty": {nil, false},
	} {
		if forTURN(tt.b) != tt.want {
			t.Errorf("%s: %v", name, !tt.want)
		}
	}
}

func FuzzForTURN(f *testing.F) {
	f.Add([]byte{0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1, 'u'})
	f.Fuzz(func(t *testing.T, b []byte) { forTURN(b) })
}
